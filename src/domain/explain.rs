//! All there is to say about where a ticket is: by which rule, what it waits for, and what comes next and when. Pure;
//! the command line and the screen print the same. Which zone it is in is decided in `zone` alone.

use serde::Serialize;

use super::activity::Activity;
use super::fleet::{Crowd, Fleet, Patience, in_words};
use super::ids::{PhaseId, SessionId, TicketKey};
use super::session::Ask;
use super::ticket::{AfterStop, HistoryEntry, Status, Ticket};
use super::time::Timestamp;
use super::walks::Stand;
use super::workflow::{Phase, PhaseKind, Way};
use super::zone::{Placement, Zone, placement};

/// Most attempts that are told, the newest ones.
const ATTEMPTS: usize = 5;

/// Why a ticket is where it is, and how it goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The ticket.
    pub key: TicketKey,
    /// What is wanted, one line.
    pub title: String,
    /// Where it stands.
    #[serde(flatten)]
    pub placement: Placement,
    /// What puts tickets into that zone.
    pub rule: &'static str,
    /// What its session does, and how that is known; `None` where none runs or nobody knows.
    pub activity: Option<Activity>,
    /// Everything it waits for.
    pub waits_for: Vec<Point>,
    /// What happens then, one point for each way it may go.
    pub next: Vec<Point>,
    /// Its last attempts, oldest first.
    pub attempts: Vec<HistoryEntry>,
    /// Its newest session; `None` before the first.
    pub session: Option<SessionId>,
}

/// One thing that is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The words.
    pub text: String,
    /// When it was or will be, for the reader to print beside it.
    pub moment: Option<Timestamp>,
}

impl Point {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), moment: None }
    }

    fn at(mut self, moment: impl Into<Option<Timestamp>>) -> Self {
        self.moment = moment.into();
        self
    }
}

/// Explains a ticket.
pub fn explain(fleet: &Fleet, ticket: &Ticket) -> Explanation {
    let placement = placement(fleet, ticket);
    let progress = &ticket.progress;
    let told = progress.history.len().saturating_sub(ATTEMPTS);
    Explanation {
        key: ticket.brief.key.clone(),
        title: ticket.brief.title.clone(),
        rule: rule(placement.zone),
        placement,
        activity: progress.status.session().and_then(|session| fleet.live.activity.get(session)).cloned(),
        waits_for: waits_for(fleet, ticket),
        next: next(fleet, ticket),
        attempts: progress.history.iter().skip(told).cloned().collect(),
        session: (progress.sessions > 0).then(|| SessionId::new(ticket.brief.key.clone(), progress.sessions)),
    }
}

/// Returns what puts tickets into a zone.
pub fn rule(zone: Zone) -> &'static str {
    match zone {
        Zone::Respond => "its agent asks something, or a phase asks for a decision it cannot go on without",
        Zone::Failed => "nothing goes on by itself: its attempts are used up, or it cannot run as it is",
        Zone::Merge => "its work is finished and waits for the go-ahead to land it",
        Zone::Review => "what was made waits for a person's review",
        Zone::Working => "a session of it runs, begins or ends",
        Zone::Waiting => "it waits for something else than a person's answer",
        Zone::Done => "it reached the end of its workflow",
    }
}

fn waits_for(fleet: &Fleet, ticket: &Ticket) -> Vec<Point> {
    let progress = &ticket.progress;
    let phase = progress.phase.as_ref().map_or_else(String::new, |phase| format!(" of phase `{phase}`"));
    let mut points: Vec<Point> = progress
        .requests
        .iter()
        .map(|request| {
            let what = match &request.ask {
                Ask::Permission { tool, detail, .. } => format!("to use {tool}: {detail}"),
                Ask::Question { text, .. } => text.clone(),
            };
            Point::new(format!("your answer to request {}, {what}", request.id)).at(request.asked_at)
        })
        .collect();
    match &progress.status {
        Status::Preparing => points.push(Point::new("its workspace, which is being made")),
        Status::Running { .. } if progress.person_since.is_some() => {
            points.push(Point::new("you: hand it back, or quit its agent").at(progress.person_since));
        }
        Status::Running { session, since, .. } => {
            points.extend(everything(fleet).filter(|_| fleet.mode.is_frozen()));
            points.push(Point::new(format!("the end of session {session}{phase}")).at(*since));
        }
        Status::Stopping { session, since, .. } => {
            points.push(Point::new(format!("session {session}{phase}, which is being stopped")).at(*since));
        }
        Status::Joining { listed: false, since, .. } => {
            points.push(Point::new(format!("the list{phase} to be read")).at(*since));
        }
        Status::Joining { .. } => points.extend(below(fleet, ticket)),
        Status::Approval { since, .. } => points.push(Point::new(format!("your decision{phase}")).at(*since)),
        Status::Failed { since, .. } => points.push(Point::new("you: look, then retry or skip").at(*since)),
        Status::Complete { needs_attention: true, at } => {
            points.push(Point::new("you: it ended in a phase that asks for attention").at(*at));
        }
        Status::Complete { .. } => {}
        Status::Queued | Status::Polling { .. } | Status::Backoff { .. } => points.extend(obstacles(fleet, ticket)),
    }
    points
}

/// Names the walks below a ticket that are not over, and where they are.
fn below(fleet: &Fleet, ticket: &Ticket) -> Vec<Point> {
    let open = ticket.progress.walks.open.values().filter(|walk| walk.progress.stand() == Stand::Open);
    let point = |walk: &std::sync::Arc<Ticket>| {
        let Placement { zone, why, moment } = placement(fleet, walk);
        let why = if why.is_empty() { String::new() } else { format!(": {why}") };
        Point::new(format!("{}, which is in `{}`{why}", walk.brief.key.name(), zone.name())).at(moment)
    };
    open.map(point).collect()
}

/// Says that everything is stopped or frozen.
fn everything(fleet: &Fleet) -> Option<Point> {
    let why = fleet.mode.why()?;
    Some(Point::new(format!("you: {why}, until you resume everything")).at(fleet.mode.since()))
}

/// Lists everything that keeps a ticket from going on, not only what its zone names.
fn obstacles(fleet: &Fleet, ticket: &Ticket) -> Vec<Point> {
    let (key, policy) = (&ticket.brief.key, &fleet.policy);
    let mut points = Vec::new();
    points.extend(everything(fleet));
    if ticket.progress.paused {
        points.push(Point::new("you: it is paused"));
    }
    if fleet.plans.get(&key.plan).is_some_and(|plan| plan.paused) {
        points.push(Point::new(format!("you: its plan `{}` is paused", key.plan)));
    }
    if !policy.concerns(key) {
        points.push(Point::new("another run: this one was told to work on other tickets"));
    }
    if !policy.dispatch {
        points.push(Point::new("an engine: none is at work"));
    }
    match &ticket.progress.status {
        Status::Polling { next, .. } => points.push(Point::new("its next look").at(*next)),
        Status::Backoff { until, because: None } => points.push(Point::new("the end of its back-off").at(*until)),
        Status::Backoff { until, because: Some(because) } => {
            points.push(Point::new(format!("what was in the way to pass, and then tries again: {because}")).at(*until));
        }
        _ => {}
    }
    if ticket.progress.phase.is_none() {
        points.extend(fleet.open_blockers(ticket).map(|blocker| Point::new(blocked(fleet, blocker))));
    }
    if let Some((account, hold)) = fleet.account_hold(ticket).filter(|_| ticket.progress.status == Status::Queued) {
        let who = if hold.until.is_some() { "" } else { "you: " };
        let text = format!("{who}{}: {}; retry any of its tickets to go on at once", hold.why(&account), hold.message);
        points.push(Point::new(text).at(hold.until.unwrap_or(hold.since)));
    }
    if let Some(hours) = fleet.rests(ticket).filter(|_| ticket.progress.status == Status::Queued) {
        let begins = fleet.policy.rules.night.as_ref().map(|night| night.start.to_string()).unwrap_or_default();
        let text = format!("the night, which begins at {begins}, or you: `aotui run-now {key}` lets it work by day");
        points.push(Point::new(text).at(hours.begins));
    }
    if let Some(why) = fleet.waits_for_people(ticket) {
        points.push(Point::new(format!("you: {why}; answer one, or pause what you put aside")));
    }
    if let Some(crowd) = fleet.crowd(ticket).filter(|_| ticket.progress.status == Status::Queued) {
        let holders: Vec<String> = crowd.holders.iter().map(TicketKey::name).collect();
        let Crowd { whose, most, .. } = &crowd;
        points.push(Point::new(format!("a place of {whose}, which has {most}: taken by {}", holders.join(", "))));
    }
    if let Some(queue) = fleet.queue(ticket).filter(|_| policy.dispatch) {
        let holders: Vec<String> = queue.holders.iter().map(TicketKey::name).collect();
        let holders = if holders.is_empty() { String::new() } else { format!(" by {}", holders.join(", ")) };
        let (taken, places) = (queue.holders.len(), queue.places);
        let before = match queue.before {
            0 => "no ticket comes".to_owned(),
            1 => "1 ticket comes".to_owned(),
            n => format!("{n} tickets come"),
        };
        points.push(Point::new(format!("a free place: {taken} of {places} taken{holders}; {before} before it")));
    }
    points
}

fn blocked(fleet: &Fleet, blocker: &TicketKey) -> String {
    let Some(ticket) = fleet.ticket(blocker) else {
        return format!("{}, which does not exist: add it, or take it out of blockedBy", blocker.ticket);
    };
    let Placement { zone, why, .. } = placement(fleet, ticket);
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    format!("{} to complete; it is in `{}`{why}", blocker.ticket, zone.name())
}

fn next(fleet: &Fleet, ticket: &Ticket) -> Vec<Point> {
    let phase = fleet.phase_of(ticket);
    match (&ticket.progress.status, phase) {
        (Status::Preparing | Status::Queued, None) => {
            vec![Point::new("its workspace is made and its workflow starts at the first phase")]
        }
        (Status::Stopping { then, .. }, Some(phase)) => vec![Point::new(after_stop(fleet, ticket, phase, then))],
        (Status::Joining { then: Some(then), .. }, Some(phase)) => {
            vec![Point::new(format!("once its walks have ended: {}", after_stop(fleet, ticket, phase, then)))]
        }
        (Status::Failed { .. }, _) => {
            let what = phase.map_or("starts it again".to_owned(), |phase| format!("runs phase `{}` again", phase.id));
            vec![Point::new(format!("retry {what}")), Point::new("skip goes on with the phase you choose")]
        }
        (Status::Complete { needs_attention: true, .. }, _) => {
            vec![Point::new("retry runs the phase that failed last again")]
        }
        (Status::Complete { .. }, _) => unblocks(fleet, ticket),
        (Status::Approval { .. }, Some(phase)) => vec![
            Point::new(format!("approved: {}", on_success(fleet, ticket, phase))),
            Point::new(format!("rejected: {}", after_last(fleet, ticket, phase))),
        ],
        (status, Some(phase)) => outcomes(fleet, ticket, phase, deadline(status).filter(|_| !fleet.mode.is_frozen())),
        (_, None) => Vec::new(),
    }
}

/// Says what becomes of a ticket when what was told to end has ended.
fn after_stop(fleet: &Fleet, ticket: &Ticket, phase: &Phase, then: &AfterStop) -> String {
    match then {
        AfterStop::Hold => "it is left to you".to_owned(),
        AfterStop::TimedOut => format!("the attempt counts as failed: {}", on_failure(fleet, ticket, phase)),
        AfterStop::Fail { failure } => {
            format!("the attempt counts as failed ({}): {}", failure.message, on_failure(fleet, ticket, phase))
        }
        AfterStop::RunLater => format!("phase `{}` runs again once everything goes on", phase.id),
        AfterStop::HandOver if ticket.progress.person_since.is_some() => {
            "its agent's conversation goes on in a terminal, for you".to_owned()
        }
        AfterStop::HandOver => "its agent goes on alone with the conversation".to_owned(),
        AfterStop::Retry => format!("phase `{}` runs again from its start", phase.id),
        AfterStop::Skip { to } => goes_to(fleet, ticket, to),
        AfterStop::Leave => "what it did becomes part of its ticket's history".to_owned(),
    }
}

fn deadline(status: &Status) -> Option<Timestamp> {
    match status {
        Status::Running { deadline, .. } | Status::Polling { deadline, .. } | Status::Joining { deadline, .. } => {
            *deadline
        }
        _ => None,
    }
}

/// Says where a phase that runs, or will, leads.
fn outcomes(fleet: &Fleet, ticket: &Ticket, phase: &Phase, deadline: Option<Timestamp>) -> Vec<Point> {
    if ticket.progress.person_since.is_some() {
        return vec![Point::new("handed back: its agent goes on with the conversation, up to the gates of the phase")];
    }
    let mut points: Vec<Point> = Vec::new();
    for (by, to) in phase.ways() {
        match (by, to) {
            (Way::Success, _) => points.push(Point::new(format!("on success: {}", on_success(fleet, ticket, phase)))),
            (Way::Verdict(verdict), Some(to)) => {
                points.push(Point::new(format!("on verdict `{verdict}`: {}", goes_to(fleet, ticket, to))));
            }
            (Way::Verdict(_), None) | (Way::Failure, _) => {}
        }
    }
    if let PhaseKind::Poll { interval_seconds, .. } = phase.kind {
        points.push(Point::new(format!("not yet: looks again {interval_seconds} s later")));
    }
    points.push(Point::new(format!("on failure: {}", on_failure(fleet, ticket, phase))));
    let Patience { stall, progress } = fleet.patience(phase);
    let until = stall.map(|seconds| format!("silent for {}", in_words(seconds)));
    let fruitless = progress.map(|seconds| format!("without a result for {}", in_words(seconds)));
    let too_long: Vec<String> = until.into_iter().chain(fruitless).collect();
    if !too_long.is_empty() {
        points.push(Point::new(format!(
            "its agent stays {}: it is ended, which counts as a failure",
            too_long.join(" or ")
        )));
    }
    if deadline.is_some() {
        points.push(Point::new("its time is up, which counts as a failure").at(deadline));
    }
    points
}

fn on_success(fleet: &Fleet, ticket: &Ticket, phase: &Phase) -> String {
    match &phase.on_success {
        Some(to) => goes_to(fleet, ticket, to),
        None => "it is complete".to_owned(),
    }
}

fn on_failure(fleet: &Fleet, ticket: &Ticket, phase: &Phase) -> String {
    let progress = &ticket.progress;
    let under_way = progress.under_way.is_some();
    // Between two attempts the next one is still to come.
    let attempt = if under_way { progress.attempt } else { progress.attempt + 1 };
    let last = after_last(fleet, ticket, phase);
    if attempt >= phase.retry.attempts {
        return last;
    }
    let wait = phase.retry.backoff_after(attempt);
    let wait = if wait == 0 { String::new() } else { format!(" after {wait} s") };
    let attempts = phase.retry.attempts;
    format!("attempt {} of {attempts}{wait}; after the last one, {last}", attempt + 1)
}

/// Says what a failure leads to when no attempt is left.
fn after_last(fleet: &Fleet, ticket: &Ticket, phase: &Phase) -> String {
    match &phase.on_failure {
        Some(to) => goes_to(fleet, ticket, to),
        None => "it is left to you".to_owned(),
    }
}

fn goes_to(fleet: &Fleet, ticket: &Ticket, to: &PhaseId) -> String {
    let Some(phase) = fleet.workflow_of(ticket).and_then(|workflow| workflow.phase(to)) else {
        return format!("goes on with phase `{to}`");
    };
    let visits = ticket.progress.visits.get(to).copied().unwrap_or_default();
    if visits >= phase.max_visits {
        return format!("it is left to you, as phase `{to}` may not be entered again (maxVisits {})", phase.max_visits);
    }
    match &phase.kind {
        PhaseKind::Terminal { needs_attention: false } => format!("it is complete (`{to}`)"),
        PhaseKind::Terminal { needs_attention: true } => format!("it ends in `{to}`, which asks for your attention"),
        PhaseKind::Approval(_) => format!("waits for your decision (`{to}`)"),
        PhaseKind::Script { .. } => format!("goes on with script `{to}`"),
        PhaseKind::Agent { role: Some(role), .. } => format!("goes on with agent phase `{to}` (role `{role}`)"),
        PhaseKind::Agent { role: None, .. } => format!("goes on with agent phase `{to}`"),
        PhaseKind::Poll { .. } => format!("goes on with poll `{to}`"),
        PhaseKind::Parallel { branches, .. } => format!("goes on with the {} branches of `{to}`", branches.len()),
        PhaseKind::Foreach { .. } => format!("goes on with the list of `{to}`"),
        PhaseKind::Workflow { workflow } => format!("goes on with workflow `{}` (`{to}`)", workflow.name),
    }
}

/// Names the tickets that wait for this one.
fn unblocks(fleet: &Fleet, ticket: &Ticket) -> Vec<Point> {
    let key = &ticket.brief.key;
    let waiting = fleet.tickets.values().filter(|other| other.blocked_by.contains(key));
    waiting.map(|other| Point::new(format!("{} no longer waits for it", other.brief.key.ticket))).collect()
}

#[cfg(test)]
mod tests;
