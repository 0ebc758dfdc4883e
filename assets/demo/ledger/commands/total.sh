sum=0
while read -r _ cents _; do
  sum=$((sum + cents))
done <"$book"
money "$sum"
