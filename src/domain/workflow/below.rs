//! Phases that walk other phases: branches at the same time, the items of a list, another workflow.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Phase, PhaseKind, Workflow};
use crate::domain::ids::{BranchName, WalkName};

/// A branch of a parallel phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Branch {
    /// Its name, unique within the phase.
    pub name: BranchName,
    /// The phases it walks.
    pub workflow: Arc<Workflow>,
}

/// How many branches have to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "join")]
pub enum Join {
    /// Every one of them.
    All,
    /// One of them.
    Any,
    /// This many of them.
    Atleast {
        /// How many, at least 1 and at most as many as there are branches.
        n: u32,
    },
}

impl Join {
    /// Returns how many of `total` have to succeed.
    pub fn needed(self, total: usize) -> usize {
        match self {
            Join::All => total,
            Join::Any => 1,
            Join::Atleast { n } => usize::try_from(n).unwrap_or(usize::MAX),
        }
    }
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "from")]
pub enum Items {
    /// What an earlier phase captured: a JSON array, or lines.
    Capture {
        /// The key of the capture.
        key: String,
        /// Where in the JSON text the array is; `None` means it is the whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pointer: Option<String>,
    },
    /// A file in the worktree: a JSON array, or lines.
    File {
        /// Its path below the worktree.
        path: String,
        /// Where in the JSON text the array is; `None` means it is the whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pointer: Option<String>,
    },
    /// The tasks that agents reported and that are not done.
    Tasks,
}

impl Phase {
    /// Returns whether it walks other phases instead of running something itself.
    pub fn has_walks(&self) -> bool {
        matches!(self.kind, PhaseKind::Parallel { .. } | PhaseKind::Foreach { .. } | PhaseKind::Workflow { .. })
    }

    /// Returns the workflow that the walk called `walk` below this phase walks.
    pub fn workflow_below(&self, walk: &WalkName) -> Option<&Arc<Workflow>> {
        let part = walk.as_str().strip_prefix(self.id.as_str())?.strip_prefix('.')?;
        match &self.kind {
            PhaseKind::Parallel { branches, .. } => {
                let branch = branches.iter().find(|branch| branch.name.as_str() == part)?;
                Some(&branch.workflow)
            }
            PhaseKind::Foreach { body, .. } => Some(body),
            PhaseKind::Workflow { workflow } => Some(workflow),
            PhaseKind::Script { .. }
            | PhaseKind::Agent { .. }
            | PhaseKind::Poll { .. }
            | PhaseKind::Approval(_)
            | PhaseKind::Terminal { .. } => None,
        }
    }

    /// Returns every workflow that walks below this phase walk.
    pub fn workflows_below(&self) -> Vec<&Arc<Workflow>> {
        match &self.kind {
            PhaseKind::Parallel { branches, .. } => branches.iter().map(|branch| &branch.workflow).collect(),
            PhaseKind::Foreach { body: workflow, .. } | PhaseKind::Workflow { workflow } => vec![workflow],
            PhaseKind::Script { .. }
            | PhaseKind::Agent { .. }
            | PhaseKind::Poll { .. }
            | PhaseKind::Approval(_)
            | PhaseKind::Terminal { .. } => Vec::new(),
        }
    }
}
