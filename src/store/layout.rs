//! Where everything is below the state directory.

use std::path::{Path, PathBuf};

use super::StoreError;
use super::files::create_private_dir;
use crate::domain::ids::{PlanId, SessionId, TicketKey};

/// The paths of a state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Returns the paths below `state`.
    pub fn new(state: &Path) -> Self {
        Self { root: state.to_path_buf() }
    }

    /// Makes the directories that have to be there, for the user alone.
    pub fn create(&self) -> Result<(), StoreError> {
        for dir in [self.root.clone(), self.plans(), self.workflows(), self.sessions(), self.spool(), self.logs()] {
            create_private_dir(&dir).map_err(StoreError::io("create", &dir))?;
        }
        Ok(())
    }

    /// The state directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file whose lock says that an engine is at work.
    pub fn lock(&self) -> PathBuf {
        self.root.join("engine.lock")
    }

    /// The part of the journal that is written.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// Older parts of the journal, and what stood before each.
    pub fn journal_history(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Which form the state has.
    pub fn format(&self) -> PathBuf {
        self.root.join("format.json")
    }

    /// Up to where the snapshots include the journal.
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint.json")
    }

    /// All plans.
    pub fn plans(&self) -> PathBuf {
        self.root.join("plans")
    }

    /// One plan's directory.
    pub fn plan(&self, plan: &PlanId) -> PathBuf {
        self.plans().join(plan.as_str())
    }

    /// One plan's file.
    pub fn plan_file(&self, plan: &PlanId) -> PathBuf {
        self.plan(plan).join("plan.json")
    }

    /// One plan's tickets.
    pub fn tickets(&self, plan: &PlanId) -> PathBuf {
        self.plan(plan).join("tickets")
    }

    /// One ticket's file.
    pub fn ticket_file(&self, key: &TicketKey) -> PathBuf {
        self.tickets(&key.plan).join(format!("{}.json", key.ticket))
    }

    /// Workflow versions.
    pub fn workflows(&self) -> PathBuf {
        self.root.join("workflows")
    }

    /// All sessions.
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// One session's directory.
    pub fn session(&self, session: &SessionId) -> PathBuf {
        self.sessions().join(session.to_string())
    }

    /// Where agents leave their reports.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Files that phases left for each other.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Where planning agents leave their drafts, by conversation.
    pub fn planning(&self) -> PathBuf {
        self.root.join("planning")
    }

    /// Where worktrees are made by default.
    pub fn worktrees(&self) -> PathBuf {
        self.root.join("worktrees")
    }

    /// Log files.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }
}
