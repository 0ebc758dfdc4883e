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
        Ok(Before { head: head.to_string(), tree: tree.to_string() })
    }

    /// Counts the commits that `to` has and `from` has not.
    pub async fn commits(&self, from: &str, to: &str) -> Result<u64, SlotError> {
        let range = format!("{}..{}", checked(from)?, checked(to)?);
        let count = self.workspace.git.text(&self.place, &GitCall::read(["rev-list", "--count", &range])).await?;
        Ok(count.parse().unwrap_or(0))
    }

    /// Returns the files that differ between two commits or trees.
    pub async fn changes(&self, from: &str, to: &str) -> Result<Vec<Change>, SlotError> {
        let (from, to) = (checked(from)?.to_string(), checked(to)?.to_string());
        let args = ["diff-tree", "-r", "-z", "--name-status", "--no-renames", "--no-commit-id", &from, &to];
        let listing = self.workspace.git.bytes(&self.place, &GitCall::read(args).room(LISTING)).await?;
        let mut fields = listing.split(|byte| *byte == 0);
        let mut changes = Vec::new();
        while let (Some(status), Some(path)) = (fields.next(), fields.next()) {
            let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
            changes.push(Change { path, added: status == b"A", deleted: status == b"D" });
        }
        Ok(changes)
    }
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
