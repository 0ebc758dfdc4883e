//! Plays the demo without a person: does what each story says a person has to do, and nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::say;
use crate::adapters::process::Call;
use crate::bus::Link;
use crate::cli::{Exit, Failure, output};
use crate::demo::{DemoPlan, Expectation};
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::fleet::Fleet;
use crate::domain::ids::TicketKey;
use crate::domain::session::{Answer, Request};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::zone::{Zone, placement};

/// How long nothing may happen before it is given up.
const PATIENCE: Duration = Duration::from_secs(180);

/// Longest the whole demo may take.
const LIMIT: Duration = Duration::from_secs(900);

/// What is still to be done for each ticket.
struct Player {
    left: BTreeMap<TicketKey, VecDeque<Expectation>>,
    /// Tickets that went another way than their story, and how.
    astray: BTreeMap<TicketKey, String>,
    /// What was decided and has not shown yet, so that it is not decided twice.
    decided: BTreeSet<(TicketKey, String)>,
}

/// Plays until all tickets have landed or something went astray; prints how each ended. Succeeds only when every story
/// went as it is written.
pub(super) async fn play(link: &Link, sandbox: &DemoPlan, stop: impl Future<Output = ()>) -> Result<Exit, Failure> {
    let started = Instant::now();
    let mut player = Player::new(sandbox);
    let mut fleets = link.watch();
    let mut ended: BTreeMap<TicketKey, Duration> = BTreeMap::new();
    tokio::pin!(stop);
    loop {
        let fleet = fleets.borrow_and_update().clone();
        for ticket in fleet.tickets.values().filter(|ticket| placement(&fleet, ticket).zone == Zone::Done) {
            ended.entry(ticket.brief.key.clone()).or_insert_with(|| started.elapsed());
        }
        if player.is_over(&fleet) {
            break;
        }
        for (key, action) in player.decide(&fleet) {
            if let Err(rejection) = link.command(Command::Ticket { key: key.clone(), action }).await {
                // It went on by itself in the meantime; the next snapshot shows how.
                tracing::info!("the demo's answer to {key} came too late: {rejection}");
            }
        }
        let deadline = (Instant::now() + PATIENCE).min(started + LIMIT);
        tokio::select! {
            () = &mut stop => return Err(Failure::error("stopped before the demo was over")),
            changed = timeout_at(deadline, fleets.changed()) => match changed {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Failure::error("the engine ended before the demo was over")),
                Err(_) => break,
            },
        }
    }
    let fleet = link.fleet();
    say(&player.summary(&fleet, sandbox, &ended))?;
    if let Some(repo) = &sandbox.plan.repo {
        say(&log(Path::new(repo), sandbox.plan.base.as_deref().unwrap_or("main")).await?)?;
    }
    match player.went_as_written(&fleet) {
        true => Ok(Exit::Done),
        false => {
            output::note("error: not every ticket went as its story is written");
            Ok(Exit::TicketFailed)
        }
    }
}

impl Player {
    fn new(sandbox: &DemoPlan) -> Self {
        let left = sandbox.stories.iter().map(|story| {
            (TicketKey::new(sandbox.plan.id.clone(), story.ticket.clone()), story.expects.iter().cloned().collect())
        });
        Self { left: left.collect(), astray: BTreeMap::new(), decided: BTreeSet::new() }
    }

    /// Returns what a person would do now, each thing once.
    fn decide(&mut self, fleet: &Fleet) -> Vec<(TicketKey, TicketAction)> {
        let mut wanted = Vec::new();
        for ticket in fleet.tickets.values() {
            let key = &ticket.brief.key;
            let Some(occasion) = occasion(ticket) else { continue };
            if self.astray.contains_key(key) || !self.decided.insert((key.clone(), occasion)) {
                continue;
            }
            let next = self.left.get_mut(key).and_then(VecDeque::pop_front);
            match next.as_ref().and_then(|expected| action(expected, ticket)) {
                Some(action) => wanted.push((key.clone(), action)),
                None => {
                    let why = placement(fleet, ticket).why;
                    let expected = next.map_or("nothing more".to_owned(), |expected| format!("{expected:?}"));
                    self.astray.insert(key.clone(), format!("{why} (the story expects {expected})"));
                }
            }
        }
        wanted
    }

    fn is_over(&self, fleet: &Fleet) -> bool {
        !self.left.is_empty()
            && self.left.keys().all(|key| {
                let ticket = fleet.ticket(key);
                self.astray.contains_key(key)
                    || ticket.is_some_and(|ticket| placement(fleet, ticket).zone == Zone::Done && is_tidy(ticket))
            })
    }

    fn went_as_written(&self, fleet: &Fleet) -> bool {
        self.astray.is_empty()
            && self.left.iter().all(|(key, left)| {
                left.is_empty() && fleet.ticket(key).is_some_and(|ticket| placement(fleet, ticket).zone == Zone::Done)
            })
    }

    /// Returns one line per ticket.
    fn summary(&self, fleet: &Fleet, sandbox: &DemoPlan, ended: &BTreeMap<TicketKey, Duration>) -> String {
        let mut text = String::new();
        for story in &sandbox.stories {
            let key = TicketKey::new(sandbox.plan.id.clone(), story.ticket.clone());
            let place = fleet.ticket(&key).map(|ticket| placement(fleet, ticket));
            let outcome = match (self.astray.get(&key), &place) {
                (Some(why), _) => format!("went astray: {why}"),
                (None, Some(place)) if place.zone == Zone::Done => "landed".to_owned(),
                (None, Some(place)) => format!("{}: {}", place.zone.name(), place.why),
                (None, None) => "was never added".to_owned(),
            };
            let took = ended.get(&key).map_or("-".to_owned(), |took| format!("{:.1}s", took.as_secs_f64()));
            let line = format!("{:8} {outcome:8} {took:>6}  {}", story.ticket, story.shows);
            text.push_str(output::plain(&line).trim_end());
            text.push('\n');
        }
        text
    }
}

/// Names what the ticket waits for, so that the same occasion is recognised; `None` while it waits for nobody.
fn occasion(ticket: &Ticket) -> Option<String> {
    let progress = &ticket.progress;
    if let Some(request) = progress.requests.first() {
        return Some(format!("request {} of session {}", request.id, progress.sessions));
    }
    match &progress.status {
        Status::Approval { message, since } if !message.is_empty() => Some(format!("approval at {since}")),
        Status::Failed { since, .. } | Status::Complete { needs_attention: true, at: since } => {
            Some(format!("failure at {since}"))
        }
        _ => None,
    }
}

/// Returns what a person does who expects this; `None` where something else happened.
fn action(expected: &Expectation, ticket: &Ticket) -> Option<TicketAction> {
    if let Some(Request { id, ask, .. }) = ticket.progress.requests.first() {
        let seen = Seen::request(id.clone());
        return Some(match expected.answer(ask)? {
            Answer::Allow => TicketAction::Approve { seen, note: None },
            Answer::Deny { message } => TicketAction::Reject { seen, note: message },
            Answer::Reply { text } => TicketAction::Reply { request: seen.request, text },
        });
    }
    match (expected, &ticket.progress.status) {
        (Expectation::Approval(phase), Status::Approval { .. }) if ticket.progress.phase.as_ref() == Some(phase) => {
            Some(TicketAction::Approve { seen: Seen::phase(phase.clone()), note: None })
        }
        (Expectation::Failure, Status::Failed { .. } | Status::Complete { needs_attention: true, .. }) => {
            Some(TicketAction::Retry { interrupt: false })
        }
        _ => None,
    }
}

/// Whether the workspace of a finished ticket is dealt with.
fn is_tidy(ticket: &Ticket) -> bool {
    ticket.progress.workspace.as_ref().is_none_or(|checkout| checkout.removed)
}

/// Returns what the base branch has now.
async fn log(repo: &Path, base: &str) -> Result<String, Failure> {
    let call = Call::new("git", repo).args(["log", "--oneline", "--first-parent", "--no-decorate", base, "--"]);
    let done = call.run().await.map_err(|error| Failure::error(error.to_string()))?;
    if !done.status.success() {
        return Err(Failure::error(done.failure()));
    }
    let mut text = format!("\n{base} of {}:\n", output::plain(&repo.display().to_string()));
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        text.push_str(&format!("  {}\n", output::plain(line)));
    }
    Ok(text)
}
