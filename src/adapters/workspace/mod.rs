//! Workspaces as git worktrees, and landing their branches, on the user's own repository.
//!
//! Owns everything aotui does to a repository on the host: one worktree and one branch per ticket, a rescue ref with
//! all that is in a worktree before it goes, and the local merge. Must never touch the user's checkout (but to
//! fast-forward it in a landing that git itself finds safe), never remove what is in use or not on a ref, and never run
//! a program that a repository names.
//!
//! Ignored files (build output, a copied `.env`) do not protect a worktree: they go with it.

mod aside;
mod base;
mod capture;
mod changed;
mod contention;
mod distrust;
mod examine;
mod excludes;
pub(crate) mod git;
mod land;
mod landed;
mod leftovers;
mod mend;
mod prepare;
mod remove;
mod repository;
mod seen;
mod standing;
mod turns;
mod who;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::examine::{GitFacts, Mend, Remark};
pub(crate) use self::excludes::exclude;
use self::git::Git;
pub use self::land::{LandError, LandRequest, Landed, land};
pub use self::leftovers::{Fate, OwnRef, Stray, stray};
pub use self::standing::{Added, Change, Standing};
use self::turns::Turns;
use crate::domain::time::Timestamp;
use crate::faults;
use crate::slots::workspace::{Removal, Workspace, WorkspaceReady, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError, SlotFuture};

/// What the reason of a worktree lock of ours begins with.
const LOCKED_BY_US: &str = "aotui ";
/// What git writes as the reason of a lock while it is still making the worktree.
const BEING_MADE: &str = "initializing";

/// Makes workspaces with the git program.
#[derive(Debug)]
pub struct GitWorkspace {
    git: Git,
    repositories: Mutex<HashMap<PathBuf, Arc<Turns>>>,
}

impl Default for GitWorkspace {
    fn default() -> Self {
        Self::new()
    }
}

impl GitWorkspace {
    /// Returns a workspace slot that uses the git on PATH.
    pub fn new() -> Self {
        Self::with_git(Git::new())
    }

    fn with_git(git: Git) -> Self {
        Self { git, repositories: Mutex::default() }
    }

    fn turns(&self, common_dir: &Path) -> Arc<Turns> {
        let mut repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(repositories.entry(common_dir.to_owned()).or_default())
    }
}

impl Workspace for GitWorkspace {
    fn prepare(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<WorkspaceReady, SlotError>> {
        Box::pin(self.prepare_checkout(request))
    }

    fn free(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(look(move || mend::free(&request)))
    }

    fn last_change(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<Option<Timestamp>, SlotError>> {
        Box::pin(GitWorkspace::last_change(self, request))
    }

    fn remove(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<Removal, SlotError>> {
        Box::pin(self.remove_checkout(request, || Ok(())))
    }
}

/// Returns text from outside for one line of a message.
fn clean(text: impl AsRef<str>) -> String {
    text.as_ref().chars().map(|c| if c.is_control() { '?' } else { c }).take(120).collect()
}

/// Returns whether the repository at `repo` has any commit that a branch leads to.
pub fn has_commits(repo: &Path) -> Result<bool, SlotError> {
    repository::Repository::open(repo)?.has_commits()
}

/// Passes a durable step of work on a repository.
fn point(name: &str) -> Result<(), SlotError> {
    faults::point(name).map_err(|error| SlotError::new(ErrorClass::Transient, format!("git could not go on: {error}")))
}

/// Runs a look at a repository in a thread that may block.
async fn look<T: Send + 'static>(work: impl FnOnce() -> Result<T, SlotError> + Send + 'static) -> Result<T, SlotError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(SlotError::new(ErrorClass::Bug, format!("looking at a repository broke: {error}"))))
}

#[cfg(test)]
mod tests;
