# money CENTS: prints an amount the way people write it.
money() {
  cents=$(($1 % 100))
  [ "$cents" -ge 10 ] || cents=0$cents
  echo "$(($1 / 100)).$cents"
}
