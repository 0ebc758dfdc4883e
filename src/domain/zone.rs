//! Which attention group a ticket is in, and why, in the words the screen prints. The only place this is decided.

use serde::{Deserialize, Serialize};

use super::fleet::Fleet;
use super::session::Ask;
use super::ticket::{Status, Ticket};
use super::time::Timestamp;
use super::workflow::{Asks, Phase, PhaseKind};

/// An attention group. The order is the order on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Zone {
    /// An agent or an approval waits for a person.
    Respond,
    /// It went wrong and a person has to look.
    Failed,
    /// One key lands it.
    Merge,
    /// It waits for a person's review.
    Review,
    /// A session runs.
    Working,
    /// It waits for something else than a person.
    Waiting,
    /// It is over.
    Done,
}

impl Zone {
    /// All zones in the order of the screen.
    pub const ALL: [Zone; 7] =
        [Zone::Respond, Zone::Failed, Zone::Merge, Zone::Review, Zone::Working, Zone::Waiting, Zone::Done];

    /// Returns its name as printed.
    pub fn name(self) -> &'static str {
        match self {
            Zone::Respond => "respond",
            Zone::Failed => "failed",
            Zone::Merge => "merge",
            Zone::Review => "review",
            Zone::Working => "working",
            Zone::Waiting => "waiting",
            Zone::Done => "done",
        }
    }

    /// Returns whether tickets in it wait for a person.
    pub fn needs_person(self) -> bool {
        self <= Zone::Review
    }
}

/// A ticket's zone and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The zone.
    pub zone: Zone,
    /// Why it is there, one line.
    pub why: String,
    /// The moment `why` counts to or from, for the screen to print beside it.
    pub moment: Option<Timestamp>,
}

/// Returns where a ticket stands and why.
pub fn placement(fleet: &Fleet, ticket: &Ticket) -> Placement {
    let progress = &ticket.progress;
    if let Some(request) = progress.requests.first() {
        let why = match &request.ask {
            Ask::Permission { tool, detail, .. } => format!("wants to use {tool}: {}", first_line(detail)),
            Ask::Question { text, .. } => format!("asks: {}", first_line(text)),
        };
        return Placement { zone: Zone::Respond, why, moment: Some(request.asked_at) };
    }
    match &progress.status {
        Status::Approval { message, since } => {
            let phase = fleet.phase_of(ticket);
            let why = if message.is_empty() { default_question(phase) } else { first_line(message) };
            Placement { zone: approval_zone(phase), why, moment: Some(*since) }
        }
        Status::Failed { failure, since } => Placement { zone: Zone::Failed, why: failure.why(), moment: Some(*since) },
        Status::Complete { needs_attention: true, at } => {
            Placement { zone: Zone::Failed, why: last_failure(ticket), moment: Some(*at) }
        }
        Status::Complete { at, .. } => Placement { zone: Zone::Done, why: "complete".to_owned(), moment: Some(*at) },
        // A check is part of the waiting: the ticket does not jump between zones at every look.
        Status::Running { .. } if fleet.phase_of(ticket).is_some_and(Phase::is_poll) => {
            Placement { zone: Zone::Waiting, why: "looks now".to_owned(), moment: None }
        }
        Status::Running { session, since, .. } => {
            let why = fleet.live.activity.get(session).map_or_else(String::new, |activity| activity.text.clone());
            Placement { zone: Zone::Working, why, moment: Some(*since) }
        }
        Status::Preparing => Placement { zone: Zone::Working, why: "preparing its workspace".to_owned(), moment: None },
        Status::Stopping { since, .. } => {
            Placement { zone: Zone::Working, why: "being stopped".to_owned(), moment: Some(*since) }
        }
        Status::Queued | Status::Polling { .. } | Status::Backoff { .. } => waiting(fleet, ticket),
    }
}

/// When what waits goes on while nothing is started.
const ENGINE: &str = "when an engine runs";

fn waiting(fleet: &Fleet, ticket: &Ticket) -> Placement {
    let place = |why: String, moment| Placement { zone: Zone::Waiting, why, moment };
    if ticket.progress.paused {
        return place("paused".to_owned(), None);
    }
    if fleet.plans.get(&ticket.brief.key.plan).is_some_and(|plan| plan.paused) {
        return place("its plan is paused".to_owned(), None);
    }
    let policy = &fleet.policy;
    if policy.only.as_ref().is_some_and(|only| !only.contains(&ticket.brief.key)) {
        return place("left out of what runs now".to_owned(), None);
    }
    match &ticket.progress.status {
        Status::Polling { .. } if !policy.dispatch => place(format!("looks again {ENGINE}"), None),
        Status::Backoff { .. } if !policy.dispatch => place(format!("tries again {ENGINE}"), None),
        Status::Polling { next, .. } => place("looks again".to_owned(), Some(*next)),
        Status::Backoff { until } => place("tries again".to_owned(), Some(*until)),
        _ => {
            let blockers: Vec<String> = fleet
                .open_blockers(ticket)
                .map(|key| match fleet.ticket(key) {
                    Some(_) => key.ticket.to_string(),
                    None => format!("{} (which does not exist)", key.ticket),
                })
                .collect();
            if ticket.progress.phase.is_none() && !blockers.is_empty() {
                return place(format!("blocked by {}", blockers.join(", ")), None);
            }
            if !policy.dispatch {
                return place(format!("goes on {ENGINE}"), None);
            }
            if fleet.live.stalled.is_some() {
                return place("waits for the disk".to_owned(), None);
            }
            place("waits for a free place".to_owned(), None)
        }
    }
}

fn approval_zone(phase: Option<&Phase>) -> Zone {
    match phase.map(|phase| &phase.kind) {
        Some(PhaseKind::Approval(approval)) => match approval.asks {
            Asks::Decision => Zone::Respond,
            Asks::Review => Zone::Review,
            Asks::Merge => Zone::Merge,
        },
        _ => Zone::Respond,
    }
}

fn default_question(phase: Option<&Phase>) -> String {
    phase.map_or_else(|| "approve?".to_owned(), |phase| format!("approve {}?", phase.id))
}

/// Says why a ticket ended badly: its last failed attempt.
fn last_failure(ticket: &Ticket) -> String {
    let failed = ticket.progress.history.iter().rev().find_map(|entry| match &entry.outcome {
        super::session::Outcome::Failed { failure } => Some(format!("{}: {}", entry.phase, failure.why())),
        _ => None,
    });
    failed.unwrap_or_else(|| "ended in a phase that asks for attention".to_owned())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
