//! `tickets/ID.json`: what a person or a planner says about a ticket, and below `state` how far it got.
//!
//! The part a person writes uses the field names of `another-orchestrator`; its
//! other fields and those that begin with `x-` are kept; any other key is a mistake that must not be ignored in silence.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::elsewhere;
use super::json_keys::{misspelt, unknown_key};
use super::scan::Defect;
use crate::domain::agent_run::Face;
use crate::domain::budget::Budget;
use crate::domain::ids::{AgentName, PlanId, TicketId, TicketKey, WorkflowName};
use crate::domain::problem::Problem;
use crate::domain::ticket::{Brief, Progress};

/// The keys a person or a planner may write.
pub(super) const KEYS: [&str; 13] = [
    "planId",
    "ticketId",
    "title",
    "description",
    "acceptanceCriteria",
    "linearUrl",
    "repo",
    "workflow",
    "agent",
    "face",
    "budget",
    "branch",
    "worktree",
];

/// The engine's own part, and what the runner of `another-orchestrator` writes into its tickets, which is taken over once.
pub(super) const FOREIGN: [&str; 7] =
    ["state", "status", "currentPhase", "phaseHistory", "context", "retries", "error"];

fn is_foreign(key: &str) -> bool {
    FOREIGN.contains(&key)
}

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
    face: Option<Face>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
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
    /// How far the ticket got: a [`Progress`], taken as it stands in the file, so that its hash does not depend on what
    /// another version would make of it.
    #[serde(serialize_with = "spread")]
    progress: Box<RawValue>,
    /// Hash of the rest of this part; another hash means that it is damaged. A file without one is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<String>,
    #[serde(skip)]
    known: Option<Progress>,
}

impl State {
    /// Returns what an engine that knows the journal up to `seq` says of a ticket.
    pub(super) fn new(seq: u64, brief: &Brief, progress: &Progress) -> serde_json::Result<Self> {
        let mut state =
            State { seq, brief: brief_digest(brief), progress: to_raw_value(progress)?, check: None, known: None };
        state.check = Some(state.digest());
        Ok(state)
    }

    /// Returns how far the ticket got; `None` where this part is not as an engine wrote it.
    pub(super) fn progress(&self) -> Option<&Progress> {
        self.known.as_ref()
    }

    /// Returns what it claims, as an engine wrote it or not.
    pub(super) fn claimed(&self) -> Option<Progress> {
        serde_json::from_str(self.progress.get()).ok()
    }

    fn understand(&mut self) {
        let whole = self.check.as_ref().is_none_or(|check| *check == self.digest());
        self.known = self.claimed().filter(|_| whole);
    }

    fn digest(&self) -> String {
        digest(format!("{} {} {}", self.seq, self.brief, compact(self.progress.get())).as_bytes())
    }
}

/// Writes a value as the rest of the file is written.
fn spread<S: Serializer>(value: &RawValue, serializer: S) -> Result<S::Ok, S::Error> {
    serde_json::from_str::<Value>(value.get()).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

/// Returns a JSON text without the blanks between its tokens.
fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let mut compact = text.to_owned();
    compact.retain(|c| {
        let is_quote = c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        in_string ^= is_quote;
        in_string || !matches!(c, ' ' | '\n' | '\r' | '\t')
    });
    compact
}

impl TicketFile {
    /// Reads a file's text. `plan` and `id` are what its path says; the text must agree.
    pub(super) fn parse(name: &str, text: &str, plan: &PlanId, id: &str) -> Result<Self, Defect> {
        let strange = |extra: &Map<String, Value>| unknown_key(name, text, extra, (&KEYS, &FOREIGN), of_the_plan);
        let mut file: TicketFile = serde_json::from_str(text)
            .map_err(|error| misspelt(text, strange).map_or_else(|| json_defect(name, &error), Defect::Written))?;
        if let Some(state) = &mut file.state {
            state.understand();
        }
        if let Some(problem) = strange(&file.extra) {
            return Err(problem.into());
        }
        if let Err(why) = file.elsewhere() {
            return Err(Problem::in_file(name, format!("what another runner wrote makes no sense: {why}"))
                .hint("correct it, or remove `status` and what comes after it")
                .into());
        }
        if file.ticket_id.as_str() != id {
            let message = format!("ticketId is `{}` but the file is called `{id}.json`", file.ticket_id);
            return Err(Problem::in_file(name, message).hint("make them the same").into());
        }
        if let Some(other) = file.plan_id.as_ref().filter(|other| *other != plan) {
            let message = format!("planId is `{other}` but the file belongs to plan `{plan}`");
            return Err(Problem::in_file(name, message).hint("make them the same or leave planId out").into());
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
            face: self.face,
            budget: self.budget,
            branch: self.branch.clone(),
            worktree: self.worktree.clone(),
        }
    }

    /// Returns how far another runner brought the ticket; `None` where an engine of ours wrote since, or there is nothing.
    pub(super) fn elsewhere(&self) -> Result<Option<Progress>, String> {
        if self.state.is_some() { Ok(None) } else { elsewhere::progress(&self.extra, self.agent.as_ref()) }
    }

    /// Returns the file for a ticket, keeping unknown fields of the `old` one, but for what another runner wrote.
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
            face: brief.face,
            budget: brief.budget,
            branch: brief.branch.clone(),
            worktree: brief.worktree.clone(),
            state: Some(state),
            extra: old
                .map(|old| old.extra)
                .unwrap_or_default()
                .into_iter()
                .filter(|(key, _)| !is_foreign(key))
                .collect(),
        }
    }
}

/// Returns the hash by which an edited brief is told from a known one.
pub(super) fn brief_digest(brief: &Brief) -> String {
    let text = serde_json::to_vec(brief).unwrap_or_default();
    digest(&text)
}

/// Returns a short hash.
pub(super) fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().chars().take(16).collect()
}

/// Points a problem at the first place where `word` stands in the text as a JSON string.
pub(super) fn place(problem: Problem, text: &str, word: &str) -> Problem {
    let Some(offset) = text.find(&format!("\"{word}\"")) else { return problem };
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    problem.at(u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Points a JSON error at its place, and tells a file that was cut short from one with a mistake in it.
pub(super) fn json_defect(name: &str, error: &serde_json::Error) -> Defect {
    let problem = json_problem(name, error);
    if error.is_eof() { Defect::Damaged(problem) } else { Defect::Written(problem) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blanks_between_tokens_are_left_out() {
        for text in [r#"{ "a b" : [ 1, "\" , \\" ] }"#, "{\n\t\"é  \": null\r\n}", r#""\\\" \\" "#] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(compact(text), value.to_string());
        }
    }
}
