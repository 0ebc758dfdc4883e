//! A workflow: the graph of phases a ticket walks. Parsed, checked and frozen; nothing here reads a file.

mod below;
mod items;
mod phase;
mod ways;

use serde::{Deserialize, Serialize};

pub use below::{Branch, Items, Join};
pub use items::items_of;
pub use phase::{
    Again, Approval, Artifacts, Asking, Asks, Capture, Limits, Phase, PhaseKind, Prompt, Retry, Run, Unattended,
};
pub use ways::Way;

use super::ids::{PhaseId, WorkflowName};

/// A checked workflow. Every edge leads to a phase of the same workflow, and the first phase is where tickets start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// The name tickets ask for.
    pub name: WorkflowName,
    /// What it is for, one sentence.
    pub description: String,
    /// Hash of the file's content; a ticket keeps the version it started with.
    pub digest: String,
    /// The phases in the order of the file; never empty.
    pub phases: Vec<Phase>,
}

impl Workflow {
    /// Returns the phase called `id`.
    pub fn phase(&self, id: &PhaseId) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.id == *id)
    }

    /// Returns the phase a ticket starts with.
    pub fn first(&self) -> Option<&Phase> {
        self.phases.first()
    }

    /// Returns the position of the phase in the file, from 0.
    pub fn position(&self, id: &PhaseId) -> Option<usize> {
        self.phases.iter().position(|phase| phase.id == *id)
    }
}
