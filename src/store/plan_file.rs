//! `plan.json`: a plan with the order and the dependencies of its tickets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::json_keys::{misspelt, unknown_key};
use super::scan::Defect;
use super::ticket_file::{digest, json_defect, place};
use crate::domain::budget::Budget;
use crate::domain::fleet::circles;
use crate::domain::ids::{AgentName, PlanId, TicketId, WorkflowName};
use crate::domain::plan::{Plan, PlanEntry};
use crate::domain::problem::Problem;
use crate::domain::time::Timestamp;

/// The keys a person or a planner may write.
pub(super) const KEYS: [&str; 11] =
    ["id", "name", "repo", "workflow", "agent", "base", "worktreeRoot", "budget", "createdAt", "status", "tickets"];

/// The engine's own keys, and one that `another-orchestrator` writes besides, which means nothing here.
pub(super) const FOREIGN: [&str; 3] = ["seq", "written", "createdBy"];

/// The file as it is on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanFile {
    id: PlanId,
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<WorkflowName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<AgentName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worktree_root: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(default)]
    status: PlanStatus,
    #[serde(default)]
    pub(super) tickets: Vec<PlanEntry>,
    /// The journal sequence this snapshot includes; `None` in a file no engine has written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    /// Hash of what a person may change and of `seq` as the engine wrote it; another hash means that it was edited since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Whether a plan goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum PlanStatus {
    #[default]
    Active,
    Paused,
    Complete,
}

impl PlanFile {
    /// Reads a file's text. `dir` is the name of its directory; the id must be the same.
    pub(super) fn parse(name: &str, text: &str, dir: &str) -> Result<Self, Defect> {
        let strange = |extra: &Map<String, Value>| unknown_key(name, text, extra, (&KEYS, &FOREIGN), |_| None);
        let file: PlanFile = serde_json::from_str(text)
            .map_err(|error| misspelt(text, strange).map_or_else(|| json_defect(name, &error), Defect::Written))?;
        if let Some(problem) = strange(&file.extra) {
            return Err(problem.into());
        }
        if file.id.as_str() != dir {
            let message = format!("id is `{}` but its directory is called `{dir}`", file.id);
            return Err(Problem::in_file(name, message).hint("make them the same").into());
        }
        Ok(file)
    }

    /// Returns whether a person changed the file since the engine wrote it, or no engine did. A file that is only older
    /// than the journal is not edited, and must not be taken for a wish.
    pub(super) fn is_edited(&self) -> bool {
        self.written.as_ref() != Some(&self.digest())
    }

    /// Returns whether the file says the same of the plan and of these tickets. Holding a plan is the engine's word.
    pub(super) fn says(&self, plan: &Plan, entries: &[PlanEntry]) -> bool {
        let listed: BTreeMap<&TicketId, &PlanEntry> =
            self.tickets.iter().map(|entry| (&entry.ticket_id, entry)).collect();
        let agrees = |entry: &PlanEntry| match listed.get(&entry.ticket_id) {
            Some(listed) => *listed == entry,
            None => entry.order == self.after_all() && entry.blocked_by.is_empty(),
        };
        Plan { paused: plan.paused, ..self.plan() } == *plan && entries.iter().all(agrees)
    }

    fn digest(&self) -> String {
        let text = serde_json::to_vec(&(self.plan(), &self.tickets, self.seq)).unwrap_or_default();
        digest(&text)
    }

    /// Returns the plan without its entries.
    pub(super) fn plan(&self) -> Plan {
        Plan {
            id: self.id.clone(),
            name: if self.name.is_empty() { self.id.to_string() } else { self.name.clone() },
            repo: self.repo.clone(),
            workflow: self.workflow.clone(),
            agent: self.agent.clone(),
            base: self.base.clone(),
            worktree_root: self.worktree_root.clone(),
            budget: self.budget,
            created_at: self.created_at,
            paused: self.status == PlanStatus::Paused,
            tickets: Vec::new(),
        }
    }

    /// Returns an order that comes after those of the tickets it lists.
    pub(super) fn after_all(&self) -> i64 {
        self.tickets.iter().map(|entry| entry.order).max().map_or(0, |last| last.saturating_add(1))
    }

    /// Says which dependencies can never be met.
    pub(super) fn problems(&self, name: &str, text: &str) -> Vec<Problem> {
        let mut problems: Vec<Problem> = circles(&self.tickets)
            .into_iter()
            .map(|circle| {
                let first = circle.first().cloned();
                let path: Vec<String> = circle.into_iter().chain(first).map(|id| id.to_string()).collect();
                let message = format!("blockedBy goes in a circle: {}", path.join(" → "));
                place(Problem::in_file(name, message), text, path.first().map_or("", String::as_str))
                    .hint("none of these tickets can ever start; remove one blockedBy")
            })
            .collect();
        for entry in &self.tickets {
            for blocker in &entry.blocked_by {
                if !self.tickets.iter().any(|other| other.ticket_id == *blocker) {
                    let message = format!("`{}` is blocked by `{blocker}`, which is not in this plan", entry.ticket_id);
                    let problem = place(Problem::in_file(name, message), text, blocker.as_str());
                    let names = self.tickets.iter().map(|other| other.ticket_id.as_str());
                    let near = crate::domain::problem::nearest(blocker.as_str(), names);
                    problems.push(match near {
                        Some(near) => problem.hint(format!("did you mean `{near}`?")),
                        None => problem.hint("add the ticket to the plan or remove the blocker"),
                    });
                }
            }
        }
        problems
    }

    /// Returns the file for a plan and whether all its tickets are complete, keeping unknown fields of the `old` one.
    pub(super) fn compose(
        (plan, complete): (&Plan, bool),
        entries: Vec<PlanEntry>,
        seq: u64,
        old: Option<PlanFile>,
    ) -> Self {
        let mut file = PlanFile {
            id: plan.id.clone(),
            name: plan.name.clone(),
            repo: plan.repo.clone(),
            workflow: plan.workflow.clone(),
            agent: plan.agent.clone(),
            base: plan.base.clone(),
            worktree_root: plan.worktree_root.clone(),
            budget: plan.budget,
            created_at: plan.created_at,
            status: match (plan.paused, complete) {
                (true, _) => PlanStatus::Paused,
                (false, true) => PlanStatus::Complete,
                (false, false) => PlanStatus::Active,
            },
            tickets: entries,
            seq: Some(seq),
            written: None,
            extra: old.map(|old| old.extra).unwrap_or_default(),
        };
        file.written = Some(file.digest());
        file
    }
}
