//! Workspaces as git worktrees, and landing their branches, on the user's own repository.
//!
//! Owns everything aotui does to a repository on the host: one worktree and one branch per ticket, a rescue ref before
//! a worktree goes, and the local merge. Must never touch the user's checkout (but to fast-forward it in a landing
//! that git itself finds safe), never remove what is dirty or in use, and never run a program that a repository names.
//!
//! Ignored files (build output, a copied `.env`) do not protect a worktree: they go with it.

mod base;
mod distrust;
pub(crate) mod git;
mod land;
mod prepare;
mod remove;
mod repository;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use self::base::Fetches;
use self::git::Git;
pub use self::land::{LandError, LandRequest, Landed, land};
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

/// What callers working on one repository share.
#[derive(Debug, Default)]
struct Turns {
    /// Held while worktrees or branches are made or removed.
    writing: tokio::sync::Mutex<()>,
    fetches: Fetches,
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

    fn remove(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<Removal, SlotError>> {
        Box::pin(self.remove_checkout(request))
    }
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
