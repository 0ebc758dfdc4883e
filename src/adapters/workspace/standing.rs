//! How a ticket's checkout stands: its commit, the tree of all its files, and what differs between two such moments.
//!
//! Owns looking for the gates. Nothing of the checkout changes; git works on a copy of the index. Object ids that come
//! from outside are looked at before git sees them.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use gix::ObjectId;

use super::git::{GitCall, Place};
use super::repository::{Checkout, CheckoutState, Repository, real};
use super::{GitWorkspace, look};
use crate::domain::gate::Before;
use crate::slots::{ErrorClass, SlotError};

/// Room for lists of changes, in bytes.
const LISTING: usize = 64 * 1024 * 1024;

/// A checkout that is looked at.
#[derive(Debug)]
pub struct Standing {
    workspace: GitWorkspace,
    repo: PathBuf,
    worktree: PathBuf,
    place: Place,
}

/// A file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, relative to the worktree.
    pub path: PathBuf,
    /// Whether it was not there before.
    pub added: bool,
    /// Whether it is there no more.
    pub deleted: bool,
}

impl Standing {
    /// Looks at the checkout at `worktree` of the repository at `repo`.
    pub async fn open(repo: &Path, worktree: &Path) -> Result<Self, SlotError> {
        let there = found(repo.to_owned(), worktree.to_owned()).await?;
        let place = Place::checkout(&there.git_dir, &there.path);
        Ok(Self { workspace: GitWorkspace::new(), repo: repo.to_owned(), worktree: worktree.to_owned(), place })
    }

    /// Returns how it stands now.
    pub async fn now(&self) -> Result<Before, SlotError> {
        let there = found(self.repo.clone(), self.worktree.clone()).await?;
        let head = there.head.ok_or_else(|| missing(&self.worktree, "has no commit"))?;
        let tree = self.workspace.tree_now(&there).await?;
        Ok(Before { head: head.to_string(), tree: tree.to_string(), ..Before::default() })
    }

    /// Counts the commits that `to` has and `from` has not.
    pub async fn commits(&self, from: &str, to: &str) -> Result<u64, SlotError> {
        let range = format!("{}..{}", checked(from)?, checked(to)?);
        let count = self.workspace.git.text(&self.place, &GitCall::read(["rev-list", "--count", &range])).await?;
        Ok(count.parse().unwrap_or(0))
    }

    /// Returns the commit from which on everything is the ticket's own work: where `head` left the branch it lands on,
    /// which may be later than where it began; else `otherwise`.
    pub async fn own_since(&self, branch: &str, head: &str, otherwise: &str) -> Result<String, SlotError> {
        let (repo, branch, head) = (self.repo.clone(), branch.to_owned(), checked(head)?);
        let base = look(move || {
            let repo = Repository::open(&repo)?;
            repo.branch(&branch)?.map_or(Ok(None), |tip| repo.merge_base(tip, head))
        });
        Ok(base.await?.map_or_else(|| otherwise.to_owned(), |base| base.to_string()))
    }

    /// Returns the paths of all files of a commit or tree.
    pub async fn files(&self, tree: &str) -> Result<Vec<PathBuf>, SlotError> {
        let args = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", &checked(tree)?.to_string()];
        let listing = self.workspace.git.bytes(&self.place, &GitCall::read(args).room(LISTING)).await?;
        Ok(listing.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(path_of).collect())
    }

    /// Returns the lines that `to` has and `from` has not, in files that are text.
    pub async fn added_lines(&self, from: &str, to: &str) -> Result<Vec<Added>, SlotError> {
        let (from, to) = (checked(from)?.to_string(), checked(to)?.to_string());
        let args = ["diff-tree", "-r", "-p", "-U0", "--no-renames", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
        let args = args.into_iter().chain(["--no-commit-id", &from, &to]);
        let quoted = GitCall::read(args).room(LISTING);
        Ok(added_in(&String::from_utf8_lossy(&self.workspace.git.bytes(&self.place, &quoted).await?)))
    }

    /// Returns the files that differ between two commits or trees.
    pub async fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>, SlotError> {
        let (from, to) = (checked(from)?.to_string(), checked(to)?.to_string());
        let args = ["diff-tree", "-r", "-z", "--name-status", "--no-renames", "--no-commit-id", &from, &to];
        let listing = self.workspace.git.bytes(&self.place, &GitCall::read(args).room(LISTING)).await?;
        let mut fields = listing.split(|byte| *byte == 0);
        let mut changes = Vec::new();
        while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
            changes.push(Change { path: path_of(path), added: status == b"A", deleted: status == b"D" });
        }
        Ok(changes)
    }
}

/// A line that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The file, as git names it in a diff.
    pub path: String,
    /// The line's number in the file, from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.to_vec()))
}

/// Reads the added lines of a diff without context.
fn added_in(diff: &str) -> Vec<Added> {
    let (mut path, mut line, mut left) = (String::new(), 0, 0);
    let mut added = Vec::new();
    for text in diff.lines() {
        // Within a hunk every line is content, whatever it looks like.
        if left > 0
            && let Some(text) = text.strip_prefix('+')
        {
            added.push(Added { path: path.clone(), line, text: text.to_owned() });
            (line, left) = (line + 1, left - 1);
        } else if let Some(hunk) = text.strip_prefix("@@ ") {
            let mut numbers = hunk.split('+').nth(1).unwrap_or_default().split([',', ' ']);
            line = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            let counted = hunk.split('+').nth(1).unwrap_or_default().split(' ').next().unwrap_or_default();
            left = counted.split_once(',').map_or(1, |(_, count)| count.parse().unwrap_or(0));
        } else if left == 0
            && let Some(named) = text.strip_prefix("+++ ")
        {
            path = named.trim_end_matches('\t').trim_matches('"').strip_prefix("b/").unwrap_or(named).to_owned();
        }
    }
    added
}

async fn found(repo: PathBuf, worktree: PathBuf) -> Result<Checkout, SlotError> {
    look(move || {
        let wanted = real(&worktree);
        let all = Repository::open(&repo)?.checkouts()?;
        let there = all.into_iter().find(|there| there.path == wanted && there.state == CheckoutState::Whole);
        there.ok_or_else(|| missing(&worktree, "is not a checkout of its repository any more"))
    })
    .await
}

fn missing(worktree: &Path, what: &str) -> SlotError {
    SlotError::new(ErrorClass::NotFound, format!("{} {what}", worktree.display()))
}

/// Returns an object id that git can be given.
fn checked(id: &str) -> Result<ObjectId, SlotError> {
    ObjectId::from_hex(id.as_bytes())
        .map_err(|_| SlotError::new(ErrorClass::Misconfigured, format!("`{}` is no object id", super::clean(id))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_lines_are_found_whatever_they_look_like() {
        let diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,3 @@ fn\n-old\n--- a/y\n+one\n+++ b/z\n+@@ -1 +1 @@\n\
                    diff --git a/y b/y\n--- /dev/null\n+++ b/y\n@@ -0,0 +7 @@\n+last\n\\ No newline at end of file\n";
        let added: Vec<_> = added_in(diff).into_iter().map(|a| format!("{}:{}:{}", a.path, a.line, a.text)).collect();
        assert_eq!(added, ["x:1:one", "x:2:++ b/z", "x:3:@@ -1 +1 @@", "y:7:last"]);
    }
}
