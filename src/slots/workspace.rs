//! The workspace slot: one isolated checkout per ticket.

use std::path::PathBuf;

use super::{SlotError, SlotFuture};
use crate::domain::ids::TicketKey;
use crate::domain::time::Timestamp;

/// Which workspace a ticket wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRequest {
    /// The ticket it is for.
    pub ticket: TicketKey,
    /// The user's repository (its main checkout, or a bare one).
    pub repo: PathBuf,
    /// Where the checkout shall be.
    pub path: PathBuf,
    /// The branch the ticket's work goes to.
    pub branch: String,
    /// The branch to start from and to land on; `None` means the repository's default branch.
    pub base: Option<String>,
}

/// A workspace that is there and is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceReady {
    /// Where the checkout is.
    pub path: PathBuf,
    /// The branch that is checked out in it.
    pub branch: String,
    /// The branch it started from.
    pub base_branch: String,
    /// The commit it started from (full hexadecimal object id).
    pub base_commit: String,
    /// Whether it was there already and was taken over as it is.
    pub adopted: bool,
}

/// What became of a workspace that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// The checkout is gone; its work is reachable from `kept_ref`.
    Removed {
        /// The ref that still reaches every commit of the workspace.
        kept_ref: String,
    },
    /// The checkout was left in place because removing it could lose something.
    Kept {
        /// What would have been lost, in words.
        why: String,
    },
}

/// Makes and removes workspaces.
pub trait Workspace: Send + Sync {
    /// Makes the checkout and its branch, or adopts what is already there. May be repeated.
    fn prepare(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<WorkspaceReady, SlotError>>;

    /// Frees the checkout of what a git left locked that was killed together with a session in it. Only while no session
    /// is at work there. May be repeated.
    fn free(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Returns when work in the checkout last left a trace, a commit or a changed file; `None` where it never did.
    fn last_change(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<Option<Timestamp>, SlotError>>;

    /// Removes the checkout if nothing can be lost by it; the rule is checked again at that moment. May be repeated.
    fn remove(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<Removal, SlotError>>;
}
