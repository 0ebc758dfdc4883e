//! A plan: a set of tickets with an order and dependencies, on one repository.

use serde::{Deserialize, Serialize};

use super::budget::Budget;
use super::ids::{AgentName, PlanId, TicketId, WorkflowName};
use super::time::Timestamp;

/// What a person or a planner says about a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Its id, also the name of its directory.
    pub id: PlanId,
    /// What people call it.
    pub name: String,
    /// The repository its tickets work on, an absolute path; `None` where each ticket names its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The workflow of tickets that name none; `None` means `standard`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
    /// The agent of tickets and phases that name none; `None` means the configured default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The branch tickets start from and land on; `None` means the repository's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// What all its agents together may use up; `None` means as much as they like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Directory of its worktrees, absolute; `None` means below the state directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_root: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Whether a person holds it: no phase of any of its tickets starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Its tickets, in no particular order.
    #[serde(default)]
    pub tickets: Vec<PlanEntry>,
}

impl Plan {
    /// Returns a plan without tickets that leaves everything else to the settings.
    pub fn new(id: PlanId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            repo: None,
            workflow: None,
            agent: None,
            base: None,
            budget: None,
            worktree_root: None,
            created_at: None,
            paused: false,
            tickets: Vec::new(),
        }
    }
}

/// A ticket's place in its plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanEntry {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Lower starts first; equal orders start by id.
    #[serde(default)]
    pub order: i64,
    /// Tickets of the same plan that have to be complete before.
    #[serde(default)]
    pub blocked_by: Vec<TicketId>,
}
