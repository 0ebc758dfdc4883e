//! `aotui sessions` and `aotui resume-session`: what was run for tickets, and a conversation taken up by a person.
//!
//! Reads what sessions left; starts nothing but, for a person, the agent's own program in their terminal.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};

use super::house::House;
use super::{say, say_json, steering};
use crate::adapters::transcripts;
use crate::cli::{Exit, Failure, ResumeSessionArgs, SessionsArgs, find_ticket, find_ticket_or_past, output};
use crate::config::agents::AgentRecord;
use crate::config::template;
use crate::domain::agent_run::AgentEnd;
use crate::domain::fleet::Fleet;
use crate::domain::ids::SessionId;
use crate::domain::session::Outcome;
use crate::domain::ticket::{HistoryEntry, Status, Ticket};
use crate::driver::read_outcome;
use crate::holder::files::SessionDir;

/// One session and what it left.
struct Row {
    session: SessionId,
    /// The attempt it was, once that is over.
    entry: Option<HistoryEntry>,
    runs: bool,
    phase: String,
    agent: Option<String>,
    end: Option<AgentEnd>,
    /// Bytes of its recording; `None` where it is gone.
    bytes: Option<u64>,
}

/// Lists the sessions of all tickets, or of one, with those of the walks below them.
pub(super) fn list(house: &House, args: &SessionsArgs) -> Result<Exit, Failure> {
    let (fleet, _) = steering::look(house)?;
    let tickets: Vec<Arc<Ticket>> = match &args.ticket {
        Some(ticket) => vec![find_ticket_or_past(&fleet, ticket)?],
        None => fleet.tickets.values().cloned().collect(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for ticket in &tickets {
        let mut walks: Vec<Ticket> = ticket.walks_over();
        walks.extend(fleet.below(ticket).into_iter().map(|walk| (**walk).clone()));
        walks.sort_by(|a, b| a.brief.key.cmp(&b.brief.key));
        rows.extend(std::iter::once(&**ticket).chain(&walks).flat_map(|walk| self::rows(house, walk)));
    }
    rows.retain(|row| args.phase.as_ref().is_none_or(|phase| row.phase == *phase));
    if args.json {
        return say_json(&json!({"sessions": rows.iter().map(Row::json).collect::<Vec<_>>()}));
    }
    if rows.is_empty() {
        return say("no session yet\n");
    }
    let widest = rows.iter().map(|row| row.session.to_string().len()).max().unwrap_or(0);
    say(&rows.iter().map(|row| format!("{:widest$}  {}\n", row.session.to_string(), row.words())).collect::<String>())
}

fn rows(house: &House, ticket: &Ticket) -> Vec<Row> {
    let row = |n| {
        let session = SessionId::new(ticket.brief.key.clone(), n);
        let runs = ticket.progress.status.session() == Some(&session);
        let entry = ticket.progress.history.iter().find(|entry| entry.session.as_ref() == Some(&session)).cloned();
        let phase = entry.as_ref().map(|entry| &entry.phase).or(ticket.progress.phase.as_ref().filter(|_| runs));
        let running = match &ticket.progress.status {
            Status::Running { agent, .. } | Status::Stopping { agent, .. } => agent.as_ref().filter(|_| runs),
            _ => None,
        };
        let agent = entry.as_ref().and_then(|entry| entry.agent.as_ref()).or(running).map(ToString::to_string);
        let dir = house.layout().session(&session);
        let bytes = std::fs::metadata(SessionDir::new(dir.clone()).output()).ok().map(|found| found.len());
        let phase = phase.map_or_else(|| "-".to_owned(), ToString::to_string);
        Row { runs, phase, agent, end: read_outcome(&dir), bytes, entry, session }
    };
    (1..=ticket.progress.sessions).map(row).collect()
}

impl Row {
    fn how(&self) -> String {
        match self.entry.as_ref().map(|entry| &entry.outcome) {
            None if self.runs => "runs".to_owned(),
            None => "is over".to_owned(),
            Some(Outcome::Success) => "succeeded".to_owned(),
            Some(Outcome::Failed { failure }) => format!("failed: {}", failure.why()),
            Some(Outcome::Skipped) => "skipped".to_owned(),
            Some(Outcome::Stopped) => "stopped with everything else".to_owned(),
            Some(Outcome::Interrupted) => "interrupted".to_owned(),
            Some(Outcome::HandedOver) => "handed over".to_owned(),
        }
    }

    fn words(&self) -> String {
        let mut parts = vec![self.phase.clone()];
        parts.extend(self.entry.as_ref().map(|entry| format!("attempt {}", entry.attempt)));
        parts.extend(self.agent.clone());
        parts.push(output::plain(&self.how()));
        if let Some(end) = &self.end {
            parts.push(end.usage.to_string());
            parts.extend(end.conversation.as_ref().map(|id| format!("conversation {}", output::plain(id))));
        }
        parts.push(self.bytes.map_or_else(|| "nothing kept".to_owned(), |bytes| format!("{bytes} bytes recorded")));
        parts.join(" · ")
    }

    fn json(&self) -> Value {
        let end = self.end.as_ref();
        json!({
            "id": self.session.to_string(), "ticket": self.session.ticket.to_string(), "n": self.session.n,
            "phase": self.phase, "attempt": self.entry.as_ref().map(|entry| entry.attempt), "agent": self.agent,
            "running": self.runs, "ended": self.how(), "conversation": end.and_then(|end| end.conversation.clone()),
            "model": end.and_then(|end| end.model.clone()), "usage": end.map(|end| end.usage),
            "recordingBytes": self.bytes,
        })
    }
}

/// Becomes the agent's own program, with the conversation of a ticket's latest session, or of the one that is named.
pub(super) fn resume(house: &House, args: &ResumeSessionArgs) -> Result<Exit, Failure> {
    let (fleet, _) = steering::look(house)?;
    let (ticket, row) = chosen(house, &fleet, args)?;
    let key = &ticket.brief.key;
    if ticket.progress.status.session().is_some() {
        return Err(Failure::new(Exit::Refused, format!("a session of {key} is at work in its worktree"))
            .hint(format!("`aotui attach {key}` opens it, `aotui stop {key}` ends it")));
    }
    let checkout = ticket.progress.workspace.as_ref().filter(|checkout| !checkout.removed);
    let dir = checkout.map(|checkout| Path::new(&checkout.path)).filter(|dir| dir.is_dir()).ok_or_else(|| {
        Failure::new(Exit::Refused, format!("{key} has no worktree any more, and its conversation belongs there"))
    })?;
    let conversation = row.end.as_ref().and_then(|end| end.conversation.as_deref()).unwrap_or_default();
    let agent = row.agent.clone().unwrap_or_else(|| house.settings.default_agent.to_string());
    let record = house.settings.agents.iter().find(|(name, _)| name.as_str() == agent).map(|(_, record)| record);
    let record = record.ok_or_else(|| Failure::usage(format!("there is no agent `{agent}` any more")))?;
    let args = arguments(record, &agent, conversation)?;
    if !house.library().has_program(&record.command) {
        return Err(Failure::error(format!("{agent} is not installed (no program `{}`)", record.command)));
    }
    if !is_there(house, record, conversation) {
        let looked = record.about.transcripts.join(", ");
        let what = format!("conversation {} of {agent} is not there any more", output::plain(conversation));
        return Err(Failure::new(Exit::Refused, what)
            .hint(format!("looked for {looked}; if it is elsewhere, set `transcripts` of `agents.{agent}`")));
    }
    output::note(&format!("taking up conversation {} of {}", output::plain(conversation), row.session));
    let error = Command::new(&record.command).args(args).current_dir(dir).exec();
    Err(Failure::error(format!("`{}` cannot be started: {error}", record.command)))
}

/// Returns the session that is named, or the newest of a ticket that has a conversation.
fn chosen(house: &House, fleet: &Fleet, args: &ResumeSessionArgs) -> Result<(Arc<Ticket>, Row), Failure> {
    let (wanted, mut which) = (args.session.as_str(), args.conversation.as_deref());
    let session = wanted.parse::<SessionId>().ok();
    let named = session.as_ref().map_or_else(|| wanted.to_owned(), |session| session.ticket.to_string());
    let ticket = find_ticket(fleet, &named).or_else(|failure| {
        // The older form: a plan and a ticket.
        let older = which.and_then(|ticket| find_ticket(fleet, &format!("{wanted}/{ticket}")).ok());
        which = which.filter(|_| older.is_none());
        older.ok_or(failure)
    })?;
    let is_meant = |row: &Row| session.as_ref().is_none_or(|session| *session == row.session);
    let has_conversation = |row: &Row| row.end.as_ref().is_some_and(|end| end.conversation.is_some());
    let is_named = |row: &Row, name: &str| {
        let conversation = row.end.as_ref().and_then(|end| end.conversation.as_deref());
        conversation == Some(name) || row.session.to_string() == name || row.session.n.to_string() == name
    };
    let in_phase = |row: &Row| args.phase.as_ref().is_none_or(|phase| row.phase == *phase);
    let fits = |row: &Row| is_meant(row) && in_phase(row) && which.is_none_or(|name| is_named(row, name));
    let row = rows(house, &ticket).into_iter().rev().find(|row| fits(row) && has_conversation(row));
    let row = row.ok_or_else(|| {
        Failure::new(Exit::Refused, format!("`{}` left no conversation that could be taken up", output::plain(wanted)))
            .hint(format!("`aotui sessions {}` lists what there is", ticket.brief.key))
    })?;
    Ok((ticket, row))
}

/// Returns whether the file of a conversation is there, or nobody said where it would be.
fn is_there(house: &House, record: &AgentRecord, conversation: &str) -> bool {
    let spelled = &record.about.transcripts;
    let places = spelled.iter().filter_map(|file| house.path_of_agent(file));
    let files: Vec<String> = places.map(|path| path.to_string_lossy().into_owned()).collect();
    spelled.is_empty() || transcripts::of_conversation(&files, conversation).is_some()
}

fn arguments(record: &AgentRecord, agent: &str, conversation: &str) -> Result<Vec<String>, Failure> {
    if record.about.resume.is_empty() {
        let what = format!("nobody said how a person takes up a conversation of {agent}");
        return Err(Failure::new(Exit::Refused, what).hint(format!("add `resume` to `agents.{agent}` in the settings")));
    }
    let values = std::collections::BTreeMap::from([("conversation".to_owned(), conversation.to_owned())]).into();
    let render = |arg: &String| template::render("agent record", arg, &values, |_| None);
    let args: Result<Vec<String>, _> = record.about.resume.iter().map(render).collect();
    args.map_err(|problem| Failure::error(problem.to_string()))
}
