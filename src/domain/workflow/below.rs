//! Phases that walk other phases: branches at the same time, the items of a list, another workflow.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Phase, PhaseKind, Workflow};
use crate::domain::gate::{Check, Gate};
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

/// Most phases of a workflow, those of the workflows it calls included.
const MOST_PHASES: usize = 2000;

/// Longest name of a walk with all it is below of, in bytes: it is part of the names of its sessions' directories.
const LONGEST_WALK: usize = 96;

impl Workflow {
    /// Says why the workflow cannot be walked though its graph is sound; `None` where it can.
    pub fn too_large(&self) -> Option<String> {
        let all = self.count();
        if all > MOST_PHASES {
            return Some(format!("it has {all} phases with those it calls, more than {MOST_PHASES}"));
        }
        let longest = self.longest_walk();
        (longest > LONGEST_WALK)
            .then(|| format!("the longest name of a walk is {longest} bytes long, more than {LONGEST_WALK}"))
    }

    /// Returns the tests of its gates, and of those below it, that are compared with the ticket's begin: each command once.
    pub fn baselines(&self) -> Vec<&Gate> {
        let mut found: Vec<&Gate> = Vec::new();
        for phase in &self.phases {
            let own = phase.gates.iter().filter(|gate| matches!(gate.check, Check::Tests { since_begin: true, .. }));
            let below = phase.workflows_below().into_iter().flat_map(|below| below.baselines());
            for gate in own.chain(below) {
                if !found.iter().any(|known| known.script() == gate.script()) {
                    found.push(gate);
                }
            }
        }
        found
    }

    fn count(&self) -> usize {
        let below = self.phases.iter().flat_map(Phase::workflows_below);
        below.map(|workflow| workflow.count()).fold(self.phases.len(), usize::saturating_add)
    }

    fn longest_walk(&self) -> usize {
        self.phases
            .iter()
            .flat_map(Phase::parts)
            .map(|(name, below)| name + 1 + below.longest_walk())
            .max()
            .unwrap_or(0)
    }

    /// Returns every key by which something its phases captured is known at its end.
    pub fn keys(&self) -> Vec<String> {
        let own = self.phases.iter().flat_map(|phase| phase.capture.keys().cloned());
        own.chain(self.phases.iter().flat_map(Phase::keys_from_below)).collect()
    }
}

impl Phase {
    /// Returns the length of the name of each walk below it, and what it walks.
    fn parts(&self) -> Vec<(usize, &Arc<Workflow>)> {
        let part = |name: usize, workflow| (self.id.as_str().len() + 1 + name, workflow);
        match &self.kind {
            PhaseKind::Parallel { branches, .. } => {
                branches.iter().map(|branch| part(branch.name.as_str().len(), &branch.workflow)).collect()
            }
            PhaseKind::Foreach { body, .. } => vec![part(3, body)],
            PhaseKind::Workflow { workflow } => vec![part(workflow.name.as_str().len(), workflow)],
            _ => Vec::new(),
        }
    }

    /// Returns the keys by which what is captured below it is known after it.
    pub fn keys_from_below(&self) -> Vec<String> {
        let of = |key: String| self.capture_key(&key);
        match &self.kind {
            PhaseKind::Parallel { branches, .. } => branches
                .iter()
                .flat_map(|branch| {
                    let keys = branch.workflow.keys().into_iter().map(|key| format!("{}_{key}", branch.name));
                    std::iter::once(branch.name.to_string()).chain(keys)
                })
                .map(of)
                .collect(),
            PhaseKind::Foreach { body: workflow, .. } | PhaseKind::Workflow { workflow } => {
                workflow.keys().into_iter().map(of).collect()
            }
            _ => Vec::new(),
        }
    }

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
