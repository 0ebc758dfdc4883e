#!/bin/sh
# route-review.sh STATE: exit code 0 for a pull request that may be merged, 1 for one that needs work.
set -eu
case $(printf '%s' "${1:-}" | tr '[:upper:]' '[:lower:]') in
  *approved* | *merged*) echo "to merge" ;;
  *) echo "to work on"; exit 1 ;;
esac
