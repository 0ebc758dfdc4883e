#!/bin/sh
# check-pr-closed.sh REPO PR: exit code 0 where the pull request was closed without being merged, 1 where not, 2 where
# that cannot be known.
set -eu
cd "$1"
state=$(gh pr view "$2" --json state --jq .state) || exit 2
[ "$state" = CLOSED ] && { echo closed; exit 0; }
echo "$state" | tr '[:upper:]' '[:lower:]'
exit 1
