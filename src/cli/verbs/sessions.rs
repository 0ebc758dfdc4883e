//! `aotui logs`: which session of a ticket a person means, and the list of all of them.

use super::status::span;
use crate::domain::session::Outcome;
use crate::domain::ticket::{HistoryEntry, Ticket};
use crate::domain::time::Timestamp;

/// Returns the session whose output a person wants to see: the one that runs, else the newest that printed something,
/// else the newest; `None` before the first.
pub fn choose(ticket: &Ticket, has_output: impl Fn(u32) -> bool) -> Option<u32> {
    let newest = Some(ticket.progress.sessions).filter(|newest| *newest > 0)?;
    let running = ticket.progress.status.session().map(|session| session.n);
    running.or_else(|| (1..=newest).rev().find(|n| has_output(*n))).or(Some(newest))
}

/// Returns a line for every session, the oldest first; `size` is how many bytes one printed, `None` where its
/// recording is gone.
pub fn table(ticket: &Ticket, size: impl Fn(u32) -> Option<u64>, now: Timestamp) -> String {
    let mut text = String::new();
    for n in 1..=ticket.progress.sessions {
        let printed = size(n).map_or_else(|| "nothing kept".to_owned(), |bytes| format!("{bytes} bytes"));
        let entry = ticket
            .progress
            .history
            .iter()
            .find(|entry| entry.session.as_ref().is_some_and(|of| of.n == n && of.ticket == ticket.brief.key));
        let runs = ticket.progress.status.session().is_some_and(|session| session.n == n);
        let what = match entry {
            Some(entry) => ended(entry, now),
            None if runs => format!("{}  runs", phase(ticket)),
            // The checks of a poll are one attempt; only the last of them is in its history.
            None => "a check".to_owned(),
        };
        text.push_str(&format!("{n:>4}  {what}  {printed}\n"));
    }
    text
}

fn phase(ticket: &Ticket) -> &str {
    ticket.progress.phase.as_ref().map_or("", crate::domain::ids::PhaseId::as_str)
}

fn ended(entry: &HistoryEntry, now: Timestamp) -> String {
    let how = match &entry.outcome {
        Outcome::Success => "succeeded".to_owned(),
        Outcome::Failed { failure } => format!("failed: {}", failure.why()),
        Outcome::Skipped => "skipped".to_owned(),
        Outcome::Stopped => "stopped with everything else".to_owned(),
        Outcome::Interrupted => "interrupted".to_owned(),
        Outcome::HandedOver => "handed over".to_owned(),
    };
    let who = entry.agent.as_ref().map(|agent| format!(" ({agent})")).unwrap_or_default();
    let ago = span(now.millis_since(entry.ended_at));
    format!("{}{who}  {how}  {ago} ago", entry.phase)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::verbs::fixtures::{fleet, key};
    use crate::domain::ids::{PhaseId, SessionId};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn with_sessions(id: &str, sessions: u32) -> Ticket {
        let mut ticket = (*fleet(NOW).tickets[&key(id)]).clone();
        ticket.progress.sessions = sessions;
        ticket
    }

    #[test]
    fn the_running_session_comes_first_then_the_newest_that_printed_something() {
        assert_eq!(choose(&with_sessions("PAY-5", 1), |_| false), Some(1));
        let failed = with_sessions("PAY-2", 4);
        assert_eq!(choose(&failed, |n| n < 3), Some(2));
        assert_eq!(choose(&failed, |_| false), Some(4));
        assert_eq!(choose(&with_sessions("PAY-4", 0), |_| true), None);
    }

    #[test]
    fn the_list_says_what_became_of_each() {
        let mut ticket = with_sessions("PAY-5", 3);
        ticket.progress.history.push(HistoryEntry {
            phase: PhaseId::new("build").unwrap(),
            visit: 1,
            attempt: 1,
            session: Some(SessionId::new(key("PAY-5"), 1)),
            agent: None,
            walk: Vec::new(),
            outcome: Outcome::Success,
            started_at: NOW,
            ended_at: Timestamp(NOW.0 - 60_000),
            used: None,
            gates: Vec::new(),
        });
        ticket.progress.status = crate::domain::ticket::Status::Running {
            session: SessionId::new(key("PAY-5"), 3),
            since: NOW,
            deadline: None,
            agent: None,
        };
        let ticket = Arc::new(ticket);
        insta::assert_snapshot!(table(&ticket, |n| (n != 2).then_some(u64::from(n) * 10), NOW), @r"
           1  build  succeeded  1m ago  10 bytes
           2  a check  nothing kept
           3  implement  runs  30 bytes
        ");
    }
}
