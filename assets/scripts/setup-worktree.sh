#!/bin/sh
# setup-worktree.sh REPO BRANCH WORKTREE: aotui made the worktree before the first phase, so there is nothing to do.
set -eu
echo "aotui made the worktree of $2" >&2
echo "$3"
