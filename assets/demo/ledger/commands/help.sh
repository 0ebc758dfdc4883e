while read -r line; do
  echo "$line"
done <"$here/docs/commands.txt"
