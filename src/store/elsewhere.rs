//! What the runner of `another-orchestrator` wrote into a ticket's file, as progress: such a ticket goes on here where it
//! stood there. Pure; of a ticket that stood at its beginning there is nothing to take over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::agent_run::Conversation;
use crate::domain::ids::{AgentName, PhaseId};
use crate::domain::session::Outcome;
use crate::domain::ticket::{Failure, FailureClass, HistoryEntry, Progress, Status};
use crate::domain::time::Timestamp;

/// What begins the names of the keys its polls keep in a ticket's context.
const POLLS: &str = "_poll";

/// The runner's part of a ticket's file; its own names and words.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    status: Word,
    #[serde(default)]
    current_phase: Option<PhaseId>,
    #[serde(default)]
    phase_history: Vec<Row>,
    #[serde(default)]
    context: BTreeMap<String, String>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Word {
    Queued,
    Ready,
    Running,
    Paused,
    Complete,
    Failed,
    NeedsAttention,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    phase: PhaseId,
    status: RowStatus,
    started_at: Timestamp,
    #[serde(default)]
    completed_at: Option<Timestamp>,
    #[serde(default)]
    output: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RowStatus {
    Success,
    Failure,
    Skipped,
}

/// Returns how far a ticket got there; `None` where the file does not say or it stood at its beginning. `agent` is who
/// works on it unless a phase says otherwise.
pub(super) fn progress(fields: &Map<String, Value>, agent: Option<&AgentName>) -> Result<Option<Progress>, String> {
    if !fields.contains_key("status") {
        return Ok(None);
    }
    let written: Written = serde_json::from_value(Value::Object(fields.clone())).map_err(|error| error.to_string())?;
    let at = written.phase_history.iter().map(|row| row.completed_at.unwrap_or(row.started_at)).max();
    let mut progress = Progress {
        paused: written.status == Word::Paused,
        status: status(&written, at.unwrap_or_default()),
        context: written.context.into_iter().filter(|(key, _)| !key.starts_with(POLLS)).collect(),
        ..Progress::default()
    };
    for row in written.phase_history {
        if let Some(id) = row.session_id.clone() {
            progress.conversations.retain(|known| known.phase != row.phase);
            let phase = row.phase.clone();
            progress.conversations.push(Conversation { phase, agent: agent.cloned(), id, usage: Default::default() });
        }
        let visit = progress.visits.entry(row.phase.clone()).or_default();
        *visit += 1;
        progress.history.push(entry(row, *visit));
    }
    progress.begins_at = written.current_phase.filter(|_| !progress.history.is_empty());
    Ok(Some(progress).filter(|progress| *progress != Progress::default()))
}

fn status(written: &Written, at: Timestamp) -> Status {
    match written.status {
        // Whatever ran there ended with its runner.
        Word::Queued | Word::Ready | Word::Running | Word::Paused => Status::Queued,
        Word::Complete => Status::Complete { needs_attention: false, at },
        Word::NeedsAttention => Status::Complete { needs_attention: true, at },
        Word::Failed => Status::Failed { failure: failure(written.error.clone().unwrap_or_default(), ""), since: at },
    }
}

fn entry(row: Row, visit: u32) -> HistoryEntry {
    let output = row.output.unwrap_or_default();
    let outcome = match row.status {
        RowStatus::Success => Outcome::Success,
        RowStatus::Skipped => Outcome::Skipped,
        RowStatus::Failure => {
            let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            Outcome::Failed { failure: failure(last.to_owned(), &output) }
        }
    };
    HistoryEntry {
        phase: row.phase,
        visit,
        attempt: 1,
        session: None,
        agent: None,
        outcome,
        started_at: row.started_at,
        ended_at: row.completed_at.unwrap_or(row.started_at),
        used: None,
        gates: Vec::new(),
        walk: Vec::new(),
    }
}

fn failure(message: String, evidence: &str) -> Failure {
    let message = if message.trim().is_empty() { "it failed, and nothing says why".to_owned() } else { message };
    Failure { class: FailureClass::Exit, message, evidence: evidence.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(fields: Value) -> Result<Option<Progress>, String> {
        let Value::Object(fields) = fields else { panic!("an object") };
        progress(&fields, None)
    }

    #[test]
    fn a_ticket_goes_on_where_it_stood() {
        let row = |phase: &str, status: &str| {
            json!({ "phase": phase, "status": status, "startedAt": "2026-03-01T10:00:00.000Z",
                "completedAt": "2026-03-01T10:05:00.000Z", "output": "one\ntwo\n\n", "sessionId": format!("of-{phase}") })
        };
        let context = json!({ "pr_number": "7", "_pollStart_await": "2026-03-01T10:00:00.000Z" });
        let stood = read(json!({ "status": "running", "currentPhase": "await", "context": context, "retries": {},
            "error": null, "phaseHistory": [row("implement", "failure"), row("implement", "success")] }));
        let progress = stood.unwrap().unwrap();
        assert_eq!((progress.status, progress.begins_at), (Status::Queued, Some(PhaseId::new("await").unwrap())));
        assert_eq!(progress.context, [("pr_number".to_owned(), "7".to_owned())].into());
        assert_eq!(progress.history.iter().map(|entry| entry.visit).collect::<Vec<_>>(), [1, 2]);
        let Outcome::Failed { failure } = &progress.history[0].outcome else { panic!("it failed there") };
        assert_eq!((failure.message.as_str(), failure.evidence.as_str()), ("two", "one\ntwo\n\n"));
        assert_eq!(progress.conversations.len(), 1, "the last one of a phase");
    }

    #[test]
    fn every_word_of_the_other_runner_is_understood_and_no_other() {
        let stood = |status: &str| read(json!({ "status": status, "currentPhase": "setup", "error": "no space" }));
        for word in ["queued", "ready", "running"] {
            assert_eq!(stood(word).unwrap(), None, "it stood at its beginning");
        }
        assert!(stood("paused").unwrap().unwrap().paused);
        let ended = |word| stood(word).unwrap().unwrap().status;
        assert_eq!(ended("complete"), Status::Complete { needs_attention: false, at: Timestamp(0) });
        assert_eq!(ended("needs_attention"), Status::Complete { needs_attention: true, at: Timestamp(0) });
        assert!(matches!(ended("failed"), Status::Failed { failure, .. } if failure.message == "no space"));
        assert!(stood("lost").unwrap_err().contains("unknown variant `lost`"));
        assert_eq!(read(json!({ "x-status": 1 })).unwrap(), None);
    }
}
