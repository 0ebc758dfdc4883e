#!/bin/sh
# Git calls this in an agent's session in the place of the repository's own hooks. It calls those, and has the messages
# of commits say which agent made them. It is set for the session alone; the repository's settings are as they were.
name=${0##*/}
dir=${0%/*}
plain() { unset GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS; "$@"; }
own=$(plain git rev-parse --git-path hooks 2>/dev/null)/$name
if [ "$own" = "$0" ] || [ ! -x "$own" ]; then own=; fi

# Prints the git directory that all worktrees of a repository share.
shared() { cd "$(git rev-parse --git-common-dir)" 2>/dev/null && pwd -P; }

is_ours() {
  ours=$(unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR; cd "$AOTUI_WORKTREE" 2>/dev/null && shared)
  [ -n "$ours" ] && [ "$ours" = "$(shared)" ] || return 1
  # What is only moved stays what it was.
  for state in rebase-merge rebase-apply CHERRY_PICK_HEAD; do
    if [ -e "$(git rev-parse --git-path $state)" ]; then return 1; fi
  done
}

sign() {
  [ -n "$(git stripspace --strip-comments <"$1")" ] || return 0
  file=$1
  set --
  for from in "$dir/../trailers" "$dir/../model-trailer"; do
    [ -r "$from" ] || continue
    while IFS= read -r line; do set -- "$@" --trailer "$line"; done <"$from"
  done
  [ $# -gt 0 ] || return 0
  git interpret-trailers --in-place --no-divider --if-exists addIfDifferent "$@" "$file"
}

case $name in
prepare-commit-msg | commit-msg)
  if [ -n "$own" ]; then "$own" "$@" || exit; fi
  # In an editor the message is not written yet; commit-msg comes when it is.
  if [ "$name" = prepare-commit-msg ] && [ -z "${2:-}" ]; then exit 0; fi
  if is_ours; then sign "$1"; fi
  exit 0
  ;;
esac
[ -n "$own" ] || exit 0
exec "$own" "$@"
