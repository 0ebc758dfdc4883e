//! Which attention group a ticket is in, and why, in the words the screen prints. The only place this is decided.

use serde::{Deserialize, Serialize};

use super::activity::Doing;
use super::agent_run::AgentTurn;
use super::fleet::Fleet;
use super::gate::Step;
use super::ids::{SessionId, WalkName};
use super::session::Ask;
use super::ticket::{AfterStop, Progress, Status, Ticket};
use super::time::Timestamp;
use super::walks::Stand;
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
        Status::Running { since, .. } if fleet.mode.is_frozen() => {
            Placement { zone: Zone::Waiting, why: "frozen".to_owned(), moment: Some(*since) }
        }
        // A check is part of the waiting: the ticket does not jump between zones at every look.
        Status::Running { .. } if fleet.phase_of(ticket).is_some_and(Phase::is_poll) => {
            Placement { zone: Zone::Waiting, why: "looks now".to_owned(), moment: None }
        }
        Status::Running { since, .. } if progress.proof.step.is_some() => {
            let why = match &progress.proof.step {
                Some(Step::Check { .. }) => "its gates are checked",
                _ => "its worktree is looked at before the phase begins",
            };
            Placement { zone: Zone::Working, why: why.to_owned(), moment: Some(*since) }
        }
        Status::Running { .. } | Status::Stopping { .. } | Status::Queued if let Some(why) = hands(progress) => {
            Placement { zone: Zone::Working, why: why.to_owned(), moment: progress.person_since }
        }
        Status::Running { session, since, .. } => running(fleet, progress, session, *since),
        Status::Preparing => Placement { zone: Zone::Working, why: "preparing its workspace".to_owned(), moment: None },
        Status::Stopping { since, .. } => {
            Placement { zone: Zone::Working, why: "being stopped".to_owned(), moment: Some(*since) }
        }
        Status::Joining { since, then, .. } => joining(fleet, ticket, *since, then.is_some()),
        Status::Queued | Status::Polling { .. } | Status::Backoff { .. } => waiting(fleet, ticket),
    }
}

/// Says what a session that runs does, and whether it could do with a person.
fn running(fleet: &Fleet, progress: &Progress, session: &SessionId, since: Timestamp) -> Placement {
    let activity = fleet.live.activity.get(session);
    let doing = activity.map(|activity| (activity.sighting.doing, activity));
    match (&progress.turn, doing) {
        (Some(AgentTurn::Ended), _) => {
            let why = "its turn is over; it leaves when nobody is attached".to_owned();
            return Placement { zone: Zone::Working, why, moment: Some(since) };
        }
        (_, Some((Doing::Waiting { .. }, activity))) => {
            let why = format!("{}; attach to answer", activity.sighting.words());
            return Placement { zone: Zone::Respond, why, moment: Some(activity.at) };
        }
        (Some(AgentTurn::Interrupted), _) => {
            let why = "interrupted; attach, tell it more or retry".to_owned();
            return Placement {
                zone: Zone::Respond,
                why,
                moment: Some(activity.map_or(since, |activity| activity.at)),
            };
        }
        // Whoever began and never said that it was done was interrupted.
        (Some(AgentTurn::Began), Some((Doing::Idle, activity))) => {
            let why = "idle amid its turn; attach, tell it more or retry".to_owned();
            return Placement { zone: Zone::Respond, why, moment: Some(activity.at) };
        }
        _ => {}
    }
    let words = activity.map(|activity| activity.sighting.words());
    let told = matches!(progress.turn, Some(AgentTurn::Prompted { .. })).then(|| "is being told more".to_owned());
    let last = (!fleet.mode.is_working()).then(|| "finishes this phase, then stops".to_owned());
    let why = [told, words, last].into_iter().flatten().collect::<Vec<_>>().join("; ");
    Placement { zone: Zone::Working, why, moment: Some(since) }
}

/// Says whose hands the agent's conversation is in, or on its way to; `None` where it is the agent's alone.
fn hands(progress: &Progress) -> Option<&'static str> {
    match (&progress.status, progress.person_since) {
        (Status::Stopping { then: AfterStop::HandOver, .. }, Some(_)) => Some("is being taken over"),
        (Status::Stopping { then: AfterStop::HandOver, .. }, None) => Some("is being handed back"),
        (Status::Running { .. }, Some(_)) => Some("you have it"),
        (Status::Queued, Some(_)) => Some("is about to be yours"),
        _ => None,
    }
}

/// Places a ticket by the walks below it: where the most urgent of them is.
fn joining(fleet: &Fleet, ticket: &Ticket, since: Timestamp, ends: bool) -> Placement {
    if ends {
        return Placement { zone: Zone::Working, why: "its walks are being stopped".to_owned(), moment: Some(since) };
    }
    let open = ticket.progress.walks.open.values().filter(|walk| walk.progress.stand() == Stand::Open);
    let first = open.map(|walk| (placement(fleet, walk), walk)).min_by_key(|(placement, _)| placement.zone);
    let (over, all) = ticket.parts().unwrap_or_default();
    let parts = if all > 1 { format!("{over} of {all} done") } else { String::new() };
    let Some((first, walk)) = first else {
        return Placement { zone: Zone::Working, why: parts, moment: Some(since) };
    };
    let name = walk.brief.key.walk.last().map_or("", WalkName::as_str);
    let why = match first.zone.needs_person() || all <= 1 {
        true if first.why.is_empty() => name.to_owned(),
        true => format!("{name}: {}", first.why),
        false => parts,
    };
    let moment = if first.zone == Zone::Working { Some(since) } else { first.moment };
    Placement { zone: first.zone, why, moment }
}

/// When what waits goes on while nothing is started.
const ENGINE: &str = "when an engine runs";

fn waiting(fleet: &Fleet, ticket: &Ticket) -> Placement {
    let (why, moment) = match (kept_back(fleet, ticket), fleet.mode.why()) {
        (Some(kept), Some(everything)) => (format!("{kept}; {everything}"), fleet.mode.since()),
        (Some(kept), None) => (kept, None),
        (None, Some(everything)) => (everything.to_owned(), fleet.mode.since()),
        (None, None) if !fleet.policy.dispatch => match &ticket.progress.status {
            Status::Polling { .. } => (format!("looks again {ENGINE}"), None),
            Status::Backoff { .. } => (format!("tries again {ENGINE}"), None),
            _ if let Some((account, hold)) = fleet.account_hold(ticket) => {
                (format!("{}; goes on {ENGINE}", hold.why(&account)), hold.until)
            }
            _ => (format!("goes on {ENGINE}"), None),
        },
        (None, None) => match &ticket.progress.status {
            Status::Polling { next, .. } => ("looks again".to_owned(), Some(*next)),
            Status::Backoff { until, because: None } => ("tries again".to_owned(), Some(*until)),
            Status::Backoff { until, because: Some(because) } => {
                (format!("{}; tries again", first_line(because)), Some(*until))
            }
            _ if let Some((account, hold)) = fleet.account_hold(ticket) => (hold.why(&account), hold.until),
            _ if let Some((why, begins)) = night(fleet, ticket) => (why, Some(begins)),
            _ if let Some(over) = fleet.waits_for_budget(ticket) => (over.why, over.until),
            _ if let Some(why) = fleet.waits_for_people(ticket) => (why, None),
            _ if fleet.live.stalled.is_some() => ("waits for the disk".to_owned(), None),
            _ if let Some(crowd) = fleet.crowd(ticket) => (crowd.why(), None),
            _ => ("waits for a free place".to_owned(), None),
        },
    };
    Placement { zone: Zone::Waiting, why, moment }
}

/// Says that it is not night, and when it is.
fn night(fleet: &Fleet, ticket: &Ticket) -> Option<(String, Timestamp)> {
    let (night, hours) = (fleet.policy.rules.night.as_ref()?, fleet.rests(ticket)?);
    Some((hours.why(night.start), hours.begins))
}

/// Says what keeps this ticket alone from going on, besides time and places.
fn kept_back(fleet: &Fleet, ticket: &Ticket) -> Option<String> {
    if ticket.progress.paused {
        return Some("paused".to_owned());
    }
    if fleet.plans.get(&ticket.brief.key.plan).is_some_and(|plan| plan.paused) {
        return Some("its plan is paused".to_owned());
    }
    if !fleet.policy.concerns(&ticket.brief.key) {
        return Some("left out of what runs now".to_owned());
    }
    let queued = ticket.progress.status == Status::Queued && ticket.progress.phase.is_none();
    let blockers: Vec<String> = fleet
        .open_blockers(ticket)
        .filter(|_| queued)
        .map(|key| match fleet.ticket(key) {
            Some(_) => key.ticket.to_string(),
            None => format!("{} (which does not exist)", key.ticket),
        })
        .collect();
    (!blockers.is_empty()).then(|| format!("blocked by {}", blockers.join(", ")))
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
    let failed = ticket.progress.own_history().rev().find_map(|entry| match &entry.outcome {
        super::session::Outcome::Failed { failure } => Some(format!("{}: {}", entry.phase, failure.why())),
        _ => None,
    });
    failed.unwrap_or_else(|| "ended in a phase that asks for attention".to_owned())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
