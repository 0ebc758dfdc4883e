#!/bin/sh
# check-pr-review.sh REPO PR, for a poll: exit code 0 approved or merged, 1 not yet, 2 somebody has to act: changes were
# requested, a conversation is open, a check failed, or it was closed. Where GitHub cannot be asked just now the poll looks
# again later.
set -eu
cd "$1"
said=$(mktemp)
trap 'rm -f "$said"' EXIT
ask() {
  if ! "$@" 2>"$said"; then
    cat "$said" >&2
    grep -qi 'could not resolve\|no pull requests found\|not found' "$said" && exit 2
    exit 1
  fi
}

view=$(ask gh pr view "$2" --json state,reviewDecision,latestReviews --jq \
  '[.state, (.reviewDecision // ""), ([.latestReviews[]? | select(.state == "APPROVED")] | length | tostring)] | join(" ")')
state=${view%% *}
case $state in
  MERGED) echo merged; exit 0 ;;
  CLOSED) echo closed; exit 2 ;;
esac
case $view in
  *CHANGES_REQUESTED*) echo changes_requested; exit 2 ;;
esac

# No checks at all is an error of this command, and 8 means that some are under way.
checks=$(gh pr checks "$2" --json bucket --jq '[.[].bucket] | unique | join(" ")' 2>"$said") || true
case " $checks " in
  *' fail '*) echo ci_failed; exit 2 ;;
  *' pending '*) echo ci_pending; exit 1 ;;
esac

# shellcheck disable=SC2016 # the variables are GraphQL's
open=$(gh api graphql -F owner='{owner}' -F name='{repo}' -F number="$2" -f query='
  query($owner: String!, $name: String!, $number: Int!) {
    repository(owner: $owner, name: $name) {
      pullRequest(number: $number) { reviewThreads(first: 100) { nodes { isResolved } } }
    }
  }' --jq '[.data.repository.pullRequest.reviewThreads.nodes[] | select(.isResolved | not)] | length' 2>"$said") || {
  cat "$said" >&2
  exit 1
}
[ "$open" -gt 0 ] && { echo unresolved_conversations; exit 2; }

# Where no review is required, nobody decides: an approval is one all the same.
case $view in
  *' APPROVED '* | *' '[1-9]*) echo approved; exit 0 ;;
esac
echo waiting
exit 1
