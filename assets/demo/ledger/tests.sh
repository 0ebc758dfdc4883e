#!/bin/sh
# Runs every test in tests/ and says how many passed.

case $0 in
*/*) cd "${0%/*}" || exit 2 ;;
esac
passed=0
failed=0
for test in tests/*.sh; do
  if said=$(sh "$test" 2>&1); then
    passed=$((passed + 1))
    echo "ok      $test"
  else
    failed=$((failed + 1))
    echo "not ok  $test"
    echo "        $said"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
