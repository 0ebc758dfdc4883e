# expect WHAT WANTED FOUND: fails the test unless it found what it wanted.
expect() {
  [ "$2" = "$3" ] && return
  echo "$1: wanted <$2>, found <$3>"
  exit 1
}
