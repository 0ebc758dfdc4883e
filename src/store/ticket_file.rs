//! `tickets/ID.json`: what a person or a planner says about a ticket, and below `state` how far it got.
//!
//! The part a person writes uses the field names of `another-orchestrator`; its
//! other fields and those that begin with `x-` are kept; any other key is a mistake that must not be ignored in silence.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::json_keys::{misspelt, unknown_key};
use crate::domain::ids::{AgentName, PlanId, TicketId, TicketKey, WorkflowName};
use crate::domain::problem::Problem;
use crate::domain::ticket::{Brief, Progress};

/// The keys a person or a planner may write.
const KEYS: [&str; 11] = [
    "planId",
    "ticketId",
    "title",
    "description",
    "acceptanceCriteria",
    "linearUrl",
    "repo",
    "workflow",
    "agent",
    "branch",
    "worktree",
];

/// The engine's own part, and what the runner of `another-orchestrator` writes into its tickets, which means nothing here.
const FOREIGN: [&str; 7] = ["state", "status", "currentPhase", "phaseHistory", "context", "retries", "error"];

/// Says where a key belongs that plans have and tickets have not.
fn of_the_plan(key: &str) -> Option<String> {
    let key = ["blockedBy", "order"].into_iter().find(|known| known.eq_ignore_ascii_case(key))?;
    Some(format!("`{key}` belongs to the ticket's entry in plan.json"))
}

/// The file as it is on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TicketFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan_id: Option<PlanId>,
    ticket_id: TicketId,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    acceptance_criteria: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    linear_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repo: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workflow: Option<WorkflowName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<AgentName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worktree: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<State>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// The engine's part of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    /// The journal sequence this snapshot includes.
    pub(super) seq: u64,
    /// Hash of the person's part as the engine last knew it; another hash means that it was edited since.
    pub(super) brief: String,
    /// How far the ticket got.
    pub(super) progress: Progress,
}

impl TicketFile {
    /// Reads a file's text. `plan` and `id` are what its path says; the text must agree.
    pub(super) fn parse(name: &str, text: &str, plan: &PlanId, id: &str) -> Result<Self, Problem> {
        let strange = |extra: &Map<String, Value>| unknown_key(name, text, extra, (&KEYS, &FOREIGN), of_the_plan);
        let file: TicketFile = serde_json::from_str(text)
            .map_err(|error| misspelt(text, strange).unwrap_or_else(|| json_problem(name, &error)))?;
        if let Some(problem) = strange(&file.extra) {
            return Err(problem);
        }
        if file.ticket_id.as_str() != id {
            let message = format!("ticketId is `{}` but the file is called `{id}.json`", file.ticket_id);
            return Err(Problem::in_file(name, message).hint("make them the same"));
        }
        if let Some(other) = file.plan_id.as_ref().filter(|other| *other != plan) {
            let message = format!("planId is `{other}` but the file belongs to plan `{plan}`");
            return Err(Problem::in_file(name, message).hint("make them the same or leave planId out"));
        }
        Ok(file)
    }

    /// Returns the person's part.
    pub(super) fn brief(&self, plan: &PlanId) -> Brief {
        Brief {
            key: TicketKey::new(plan.clone(), self.ticket_id.clone()),
            title: self.title.clone(),
            description: self.description.clone(),
            acceptance_criteria: self.acceptance_criteria.clone(),
            link: self.linear_url.clone(),
            repo: self.repo.clone(),
            workflow: self.workflow.clone(),
            agent: self.agent.clone(),
            branch: self.branch.clone(),
            worktree: self.worktree.clone(),
        }
    }

    /// Returns the file for a ticket, keeping unknown fields of the `old` one.
    pub(super) fn compose(brief: &Brief, state: State, old: Option<TicketFile>) -> Self {
        TicketFile {
            plan_id: Some(brief.key.plan.clone()),
            ticket_id: brief.key.ticket.clone(),
            title: brief.title.clone(),
            description: brief.description.clone(),
            acceptance_criteria: brief.acceptance_criteria.clone(),
            linear_url: brief.link.clone(),
            repo: brief.repo.clone(),
            workflow: brief.workflow.clone(),
            agent: brief.agent.clone(),
            branch: brief.branch.clone(),
            worktree: brief.worktree.clone(),
            state: Some(state),
            extra: old.map(|old| old.extra).unwrap_or_default(),
        }
    }
}

/// Returns the hash by which an edited brief is told from a known one.
pub(super) fn brief_digest(brief: &Brief) -> String {
    let text = serde_json::to_vec(brief).unwrap_or_default();
    blake3::hash(&text).to_hex().chars().take(16).collect()
}

/// Points a JSON error at its place.
pub(super) fn json_problem(name: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let problem = unknown_field(name, message).unwrap_or_else(|| Problem::in_file(name, message));
    if error.line() == 0 { problem } else { problem.at(number(error.line()), number(error.column().max(1))) }
}

/// Says in our words which field the parser does not know; `None` where it complains of something else.
fn unknown_field(name: &str, message: &str) -> Option<Problem> {
    let (field, known) = message.strip_prefix("unknown field `")?.split_once("`, expected ")?;
    let problem = Problem::in_file(name, format!("unknown key `{field}`"));
    let near = crate::domain::problem::nearest(field, known.split('`').skip(1).step_by(2));
    Some(match near {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem.hint(format!("known: {}", known.trim_start_matches("one of "))),
    })
}
