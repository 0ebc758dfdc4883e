#!/bin/sh
# cleanup-worktree.sh WORKTREE: aotui removes the worktree itself once the ticket is complete and its work is on a ref.
set -eu
echo "aotui removes the worktree when the ticket is complete; its work stays on a ref"
