#!/bin/sh
# run.sh BRANCH WORKTREE: prints both.
set -eu
printf 'branch: %s\nworktree: %s\n' "$1" "$2"
