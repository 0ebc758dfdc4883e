. lib/expect.sh
while IFS=: read -r name _; do
  [ -f "commands/$name.sh" ] || expect "the command $name of docs/commands.txt" "commands/$name.sh" "no such file"
done <docs/commands.txt
