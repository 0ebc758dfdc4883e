#!/bin/sh
# check-pr-merged.sh REPO PR, for a poll: exit code 0 merged, 1 not yet, 2 closed without being merged. Where GitHub cannot
# be asked just now the poll looks again later.
set -eu
cd "$1"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if ! state=$(gh pr view "$2" --json state --jq .state 2>"$said"); then
  cat "$said" >&2
  # What is not there today will not be there tomorrow.
  grep -qi 'could not resolve\|no pull requests found\|not found' "$said" && exit 2
  exit 1
fi
case $state in
  MERGED) echo merged ;;
  CLOSED) echo closed; exit 2 ;;
  *) echo open; exit 1 ;;
esac
