//! What happens, one line each, for people who watch an engine without a screen.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::output::{Style, plain};
use super::verbs::status::span;
use crate::domain::account::Hold;
use crate::domain::agent_run::AgentTurn;
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::fleet::Fleet;
use crate::domain::gate::{GateResult, Proving};
use crate::domain::ids::TicketKey;
use crate::domain::mode::Mode;
use crate::domain::session::{Answer, Ask, Outcome, Request};
use crate::domain::ticket::{AfterStop, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;

/// Follows the events of an engine.
#[derive(Debug)]
pub(crate) struct Progress {
    fleet: Fleet,
    style: Style,
    /// Whether facts are told that are of no interest to who only watches.
    everything: bool,
    untidy: BTreeSet<TicketKey>,
}

impl Progress {
    /// Follows from `fleet` on. What an engine that died had no time to tidy up is still to be tidied up.
    pub(crate) fn new(fleet: Fleet, style: Style) -> Self {
        let complete = |ticket: &&Arc<Ticket>| {
            matches!(ticket.progress.status, Status::Complete { needs_attention: false, .. }) && has_workspace(ticket)
        };
        let untidy = fleet.tickets.values().filter(complete).map(|ticket| ticket.brief.key.clone()).collect();
        Self { fleet, style, everything: false, untidy }
    }

    /// Follows from `fleet` on and tells everything, with the day.
    pub(crate) fn of_everything(fleet: Fleet, style: Style) -> Self {
        Self { everything: true, ..Self::new(fleet, style) }
    }

    /// Returns how everything stands.
    pub(crate) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Returns whether no workspace of a completed ticket is still to be removed.
    pub(crate) fn is_tidy(&self) -> bool {
        self.untidy.is_empty()
    }

    /// Carries on with a snapshot after something was missed.
    pub(crate) fn resync(&mut self, fleet: &Fleet) {
        self.fleet = fleet.clone();
        self.untidy.clear();
    }

    /// Takes in whether anything can be recorded and returns the line to print where that changed.
    pub(crate) fn on_stalled(&mut self, stalled: Option<&str>) -> Option<String> {
        let known = std::mem::replace(&mut self.fleet.live.stalled, stalled.map(str::to_owned));
        match stalled {
            _ if known.as_deref() == stalled => None,
            Some(why) => Some(format!("nothing new starts, and sessions go on: {}", plain(why))),
            None => Some("the disk takes events again: work goes on".to_owned()),
        }
    }

    /// Takes in what happened and returns the line to print; `None` where it is of no interest.
    pub(crate) fn on_event(&mut self, recorded: &Recorded) -> Option<String> {
        if recorded.seq <= self.fleet.seq {
            return None;
        }
        let said = match &recorded.event {
            Event::Ticket { key, what } => self.ticket_line(recorded.at, key, what),
            Event::PlanPaused { plan } => Some(format!("plan {plan} held")),
            Event::PlanResumed { plan } => Some(format!("plan {plan} released")),
            Event::ModeChanged { mode } => mode_line(self.fleet.mode, *mode, self.fleet.at_work()),
            Event::AccountHeld { account, hold } => Some(held_line(account, hold)),
            Event::NightOver { ends: 0, .. } if !self.everything => None,
            Event::NightOver { ends, .. } => Some(over_line(*ends)),
            Event::NightLifted { until } => Some(format!("everything works until the night at {}", clock(*until))),
            Event::AccountReleased { account } => Some(format!("tickets of {} go on", plain(account))),
            put => Some(put_line(&self.fleet, put)).filter(|_| self.everything),
        };
        self.fleet.apply(recorded);
        let when = local(recorded.at, if self.everything { "%Y-%m-%d %H:%M:%S" } else { CLOCK });
        said.map(|said| format!("{} {said}\n", self.style.dim(&when)))
    }

    fn ticket_line(&mut self, at: Timestamp, key: &TicketKey, what: &TicketEvent) -> Option<String> {
        let ticket = self.fleet.ticket(key)?.clone();
        self.note_tidiness(key, &ticket, what);
        let name = if self.fleet.plans.len() > 1 { key.to_string() } else { key.name() };
        let told = describe(&ticket, at, what);
        let (zone, words) = told.or_else(|| Some((None, in_passing(&ticket, what))).filter(|_| self.everything))?;
        let words = plain(&words);
        let words = zone.map_or(words.clone(), |zone| self.style.zone(zone, &words));
        Some(format!("{name} {words}"))
    }

    fn note_tidiness(&mut self, key: &TicketKey, ticket: &Ticket, what: &TicketEvent) {
        match what {
            TicketEvent::Completed { needs_attention: false } if has_workspace(ticket) && !key.is_walk() => {
                self.untidy.insert(key.clone());
            }
            TicketEvent::WorkspaceRemoved { .. } | TicketEvent::WorkspaceKept { .. } => {
                self.untidy.remove(key);
            }
            _ => {}
        }
    }
}

fn has_workspace(ticket: &Ticket) -> bool {
    ticket.progress.workspace.as_ref().is_some_and(|checkout| !checkout.removed)
}

/// Says what changes for everybody; `None` where only the time since when it holds was corrected.
fn mode_line(before: Mode, now: Mode, at_work: usize) -> Option<String> {
    if std::mem::discriminant(&before) == std::mem::discriminant(&now) {
        return None;
    }
    Some(match now {
        Mode::Working => "everything goes on".to_owned(),
        Mode::Stopped { .. } if at_work > 0 => format!("stopping: nothing new starts, {at_work} at work"),
        Mode::Stopped { .. } => "stopped: nothing new starts".to_owned(),
        Mode::Frozen { .. } => "frozen: nothing new starts, and what runs is paused".to_owned(),
    })
}

/// Says what an event means for a ticket that is as it was before it, and which zone it leads to where that matters.
fn describe(ticket: &Ticket, at: Timestamp, what: &TicketEvent) -> Option<(Option<Zone>, String)> {
    let progress = &ticket.progress;
    let phase = progress.phase.as_ref().map(ToString::to_string).unwrap_or_default();
    let key = &ticket.brief.key;
    let said = match what {
        TicketEvent::Prepared { checkout, .. } => (None, format!("has its workspace on branch {}", checkout.branch)),
        TicketEvent::SessionIntended { agent, counts, .. }
            if progress.proof.step.is_none() && (*counts || progress.proof.looked) =>
        {
            let by = agent.as_ref().map(|agent| format!(" ({agent})")).unwrap_or_default();
            let again = if *counts && progress.attempt > 0 { " again" } else { "" };
            (None, format!("{phase} started{again}{by}"))
        }
        TicketEvent::AttemptEnded { outcome, .. } => {
            (None, ended(&phase, at.millis_since(progress.phase_since.unwrap_or(at)), outcome)?)
        }
        TicketEvent::Proof {
            what: what @ (Proving::WorkDone { .. } | Proving::Judged { .. } | Proving::Left { .. }),
        } => (None, proof(&phase, what)),
        TicketEvent::BackedOff { until, .. } => (None, format!("{phase} tries again at {}", clock(*until))),
        TicketEvent::Postponed { until, failure } => {
            (None, format!("waits until {}, when it is tried again: {}", clock(*until), failure.message))
        }
        TicketEvent::ApprovalAsked { message } if !message.is_empty() => {
            let question = message.lines().next().unwrap_or_default();
            (Some(Zone::Respond), format!("waits for a decision: {question} (`aotui approve {key} --phase {phase}`)"))
        }
        TicketEvent::Asked { request } => (Some(Zone::Respond), asks(key, request)),
        TicketEvent::Answered { by: None, .. } => (None, "was answered".to_owned()),
        TicketEvent::Answered { answer, by: Some(by), .. } => (None, format!("{} by rule: {by}", answer_words(answer))),
        TicketEvent::SteppedIn => (None, format!("a person takes {phase} over (`aotui hand-back {key}`)")),
        TicketEvent::SteppedOut => (None, format!("{phase} is handed back to its agent")),
        TicketEvent::Withdrawn { .. } => (None, "no longer asks".to_owned()),
        TicketEvent::Failed { failure } => (Some(Zone::Failed), format!("needs a person: {}", failure.why())),
        TicketEvent::Completed { needs_attention: true } if key.is_walk() => (None, "failed".to_owned()),
        TicketEvent::Completed { needs_attention: true } => (Some(Zone::Failed), "ended and needs a person".to_owned()),
        TicketEvent::Completed { needs_attention: false } => (Some(Zone::Done), "complete".to_owned()),
        TicketEvent::Retried { .. } => (None, format!("{phase} is tried again")),
        TicketEvent::Skipped { to } => (None, format!("was sent on to {to}")),
        TicketEvent::WorksNow { until } => (None, format!("works until the night at {}", clock(*until))),
        TicketEvent::Paused => (None, "held".to_owned()),
        TicketEvent::Resumed => (None, "released".to_owned()),
        TicketEvent::StopRequested { then: AfterStop::HandOver } => return None,
        TicketEvent::StopRequested { .. } | TicketEvent::RecallRequested { .. } => {
            (None, format!("{phase} is being stopped"))
        }
        TicketEvent::Turn { turn: AgentTurn::Prompted { .. } } => (None, "is told more".to_owned()),
        TicketEvent::TurnEnded { end } => {
            let used = if end.usage.tokens() > 0 { format!(" and used {}", end.usage) } else { String::new() };
            (None, format!("{phase}: the agent's turn is over{used}"))
        }
        TicketEvent::AgentEnded { end } if end.usage.tokens() > 0 => (None, format!("{phase} used {}", end.usage)),
        TicketEvent::Divided { .. } => (None, format!("{phase} started")),
        TicketEvent::Listed { items } => (None, format!("{phase} has {} items", items.len())),
        TicketEvent::WorkspaceKept { why } => (None, format!("keeps its workspace: {why}")),
        TicketEvent::TakenOver { .. } => (None, in_passing(ticket, what)),
        TicketEvent::Started
        | TicketEvent::Turn { .. }
        | TicketEvent::PhaseEntered { .. }
        | TicketEvent::SessionIntended { .. }
        | TicketEvent::Proof { .. }
        | TicketEvent::PollPending { .. }
        | TicketEvent::WaitOver
        | TicketEvent::Spared
        | TicketEvent::TimeShifted { .. }
        | TicketEvent::ApprovalAsked { .. }
        | TicketEvent::FeedbackLeft { .. }
        | TicketEvent::WalkBegun { .. }
        | TicketEvent::WalkLeft { .. }
        | TicketEvent::TaskReported { .. }
        | TicketEvent::ConversationNamed { .. }
        | TicketEvent::Used { .. }
        | TicketEvent::AgentEnded { .. }
        | TicketEvent::WorkspaceRemoved { .. } => return None,
    };
    Some(said)
}

/// Says how an attempt ended after so many milliseconds; `None` where that was said before.
fn ended(phase: &str, millis: u64, outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Success => format!("{phase} succeeded after {}", span(millis)),
        Outcome::Failed { failure } => format!("{phase} failed: {}", failure.why()),
        Outcome::Skipped => format!("{phase} skipped"),
        Outcome::Interrupted => format!("{phase} was interrupted and runs again"),
        Outcome::Stopped => format!("{phase} was stopped and runs again later"),
        Outcome::HandedOver => return None,
    })
}

/// Says what an answer was.
fn answer_words(answer: &Answer) -> &'static str {
    match answer {
        Answer::Allow => "was allowed it",
        Answer::Deny { .. } => "was denied it",
        Answer::Reply { .. } => "was answered",
    }
}

/// Says what else happened to a ticket that is as it was before it.
fn in_passing(ticket: &Ticket, what: &TicketEvent) -> String {
    let phase = ticket.progress.phase.as_ref().map(ToString::to_string).unwrap_or_default();
    match what {
        TicketEvent::TakenOver { .. } => "goes on where another runner left it".to_owned(),
        TicketEvent::Started => "gets its workspace".to_owned(),
        TicketEvent::PhaseEntered { phase } => format!("came to {phase}"),
        TicketEvent::SessionIntended { session, .. } if ticket.progress.proof.step.is_some() => {
            format!("{phase}'s gates are looked at in session {session}")
        }
        TicketEvent::SessionIntended { session, .. } => format!("{phase} looks again in session {session}"),
        TicketEvent::PollPending { next, .. } => {
            format!("{phase} found nothing yet and looks again at {}", clock(*next))
        }
        TicketEvent::Proof { what } => proof(&phase, what),
        TicketEvent::WaitOver => "may go on".to_owned(),
        TicketEvent::Used { end } => format!("{phase} used {} so far", end.usage),
        TicketEvent::ConversationNamed { id } => format!("its agent's conversation is {id}"),
        TicketEvent::Turn { .. } => "its agent took its prompt".to_owned(),
        TicketEvent::Spared => format!("that attempt at {phase} does not count"),
        TicketEvent::TimeShifted { timeouts, .. } => format!("its timeout moves by {} s", timeouts / 1000),
        TicketEvent::ApprovalAsked { .. } => format!("{phase} will ask for a decision"),
        TicketEvent::FeedbackLeft { text } if text.is_empty() => "what was left for the next agent is done".to_owned(),
        TicketEvent::FeedbackLeft { text } => {
            format!("left for the next agent: {}", text.lines().next().unwrap_or_default())
        }
        TicketEvent::Withdrawn { request } => format!("its agent no longer asks {request}"),
        TicketEvent::WalkBegun { walk, .. } => format!("begins {walk}"),
        TicketEvent::WalkLeft { walk } => format!("takes in what {walk} did"),
        TicketEvent::TaskReported { text, done: true } => format!("did task: {text}"),
        TicketEvent::TaskReported { text, .. } => format!("has a task: {text}"),
        TicketEvent::WorkspaceRemoved { kept_ref } => {
            format!("has no workspace any more; its work is on {kept_ref}")
        }
        TicketEvent::StopRequested { then: AfterStop::HandOver } => format!("{phase}'s session ends, for another one"),
        TicketEvent::AttemptEnded { outcome: Outcome::HandedOver, .. } => format!("{phase} goes on in another session"),
        TicketEvent::AgentEnded { .. } => format!("{phase}'s agent said how its run ended"),
        other => name_of(other),
    }
}

/// Says what an agent asks. The commands name it, so that they answer nothing else when they are typed much later.
fn asks(key: &TicketKey, Request { id, ask, .. }: &Request) -> String {
    match ask {
        Ask::Permission { tool, detail, .. } => {
            format!("wants to use {tool}: {detail} (`aotui approve {key} --request {id}`)")
        }
        Ask::Question { text, .. } => format!("asks: {text} (`aotui reply {key} TEXT --request {id}`)"),
    }
}

/// Says what happened to a ticket's gates.
fn proof(phase: &str, what: &Proving) -> String {
    match what {
        Proving::LookIntended => format!("its worktree is looked at before {phase} begins"),
        Proving::Looked { before } => format!("{phase} begins on commit {}", before.head),
        Proving::WorkDone { .. } => format!("{phase} says it is done; its gates are checked"),
        Proving::Checked { report } => {
            let found = |result: &GateResult| {
                format!("{} {}: {}", result.gate, if result.passed { "passed" } else { "failed" }, result.says)
            };
            let found: Vec<String> = report.results.iter().map(found).collect();
            format!("its gates say of tree {}: {}", report.stands.tree, found.join("; "))
        }
        Proving::Lost => "its gates are looked at again".to_owned(),
        Proving::Judged { verdict } => format!("{phase} gave the verdict `{}`: {}", verdict.verdict, verdict.reason),
        Proving::Learned { learning } => format!("learned ({}): {}", learning.n, learning.text),
        Proving::LearningChanged { n, text: None } => format!("learning {n} was dropped"),
        Proving::LearningChanged { n, text: Some(text) } => format!("learning {n} says now: {text}"),
        Proving::Left { artifacts } => {
            let names = artifacts.iter().map(|artifact| format!("{} (version {})", artifact.name, artifact.version));
            format!("{phase} left {}", names.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Returns the name a fact has in the journal, for those that have no words of their own.
fn name_of(what: &TicketEvent) -> String {
    let json = serde_json::to_value(what).unwrap_or_default();
    json.get("is").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// Says what was added, edited or noted; `fleet` is as it was before.
fn put_line(fleet: &Fleet, event: &Event) -> String {
    match event {
        Event::PlanPut { plan } if fleet.plans.contains_key(&plan.id) => format!("plan {} edited", plan.id),
        Event::PlanPut { plan } => format!("plan {} added: {}", plan.id, plain(&plan.name)),
        Event::TicketPut { brief, .. } if fleet.ticket(&brief.key).is_some() => {
            format!("{} edited: {}", brief.key, plain(&brief.title))
        }
        Event::TicketPut { brief, .. } => format!("{} added: {}", brief.key, plain(&brief.title)),
        Event::WorkflowLoaded { workflow } => {
            let version: String = workflow.digest.chars().take(8).collect();
            format!("workflow {} is used in version {}", workflow.name, plain(&version))
        }
        Event::ClockRead { reading } => format!("the clocks were read, the one on the wall says {}", reading.at),
        Event::AccountTried { account, .. } => format!("one ticket of {} tries again", plain(account)),
        Event::PlanPaused { .. }
        | Event::PlanResumed { .. }
        | Event::ModeChanged { .. }
        | Event::AccountHeld { .. }
        | Event::AccountReleased { .. }
        | Event::NightOver { .. }
        | Event::NightLifted { .. }
        | Event::Ticket { .. } => String::new(),
    }
}

/// Says that a night is over.
fn over_line(ends: u32) -> String {
    match ends {
        0 => "the night is over".to_owned(),
        1 => "the night is over: 1 session ends and goes on in the next one".to_owned(),
        n => format!("the night is over: {n} sessions end and go on in the next one"),
    }
}

/// Says that all agents of an account wait.
pub fn held_line(account: &str, hold: &Hold) -> String {
    let until = match hold.until {
        Some(until) => format!(" until {}", local(until, "%Y-%m-%d %H:%M")),
        None => format!("; `aotui retry {}` once that is put right", hold.ticket),
    };
    plain(&format!("all tickets of {account} wait: {}{until}", hold.why(account)))
}

const CLOCK: &str = "%H:%M:%S";

/// Returns the local time of day.
fn clock(at: Timestamp) -> String {
    local(at, CLOCK)
}

fn local(at: Timestamp, format: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::fixtures::{fleet, key};
    use crate::domain::ticket::{Failure, FailureClass};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn lines(events: Vec<TicketEvent>) -> Vec<String> {
        let mut progress = Progress::new(fleet(NOW), Style::plain());
        let said = events.into_iter().enumerate().filter_map(|(n, what)| {
            let event = Event::Ticket { key: key("PAY-5"), what };
            progress.on_event(&Recorded { seq: n as u64 + 1, at: NOW, event })
        });
        // The time of day depends on where the test runs.
        said.map(|line| line.trim_end().split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn a_person_reads_what_happens_and_what_to_do() {
        let failure = Failure {
            class: FailureClass::Exit,
            message: "exit code 1".into(),
            evidence: "long\n  no such table\n}\n".into(),
        };
        let request = Request {
            id: "r1".parse().unwrap(),
            ask: Ask::Permission { tool: "Bash".into(), detail: "rm -rf\u{1b}[2J".into(), reason: None, target: None },
            asked_at: NOW,
        };
        let said = lines(vec![
            TicketEvent::Asked { request },
            TicketEvent::AttemptEnded {
                outcome: Outcome::Failed { failure: failure.clone() },
                captures: Default::default(),
            },
            TicketEvent::Failed { failure },
            TicketEvent::ApprovalAsked { message: String::new() },
            TicketEvent::ApprovalAsked { message: "land it?\nreally".into() },
            TicketEvent::Completed { needs_attention: false },
        ]);
        insta::assert_snapshot!(said.join("\n"), @r"
        PAY-5 wants to use Bash: rm -rf [2J (`aotui approve pay/PAY-5 --request r1`)
        PAY-5 implement failed: exit code 1: no such table
        PAY-5 needs a person: exit code 1: no such table
        PAY-5 waits for a decision: land it? (`aotui approve pay/PAY-5 --phase implement`)
        PAY-5 complete
        ");
    }

    #[test]
    fn a_completed_ticket_is_tidy_once_its_workspace_is_dealt_with() {
        let mut progress = Progress::new(fleet(NOW), Style::plain());
        let mut seq = 0;
        let mut tell = |progress: &mut Progress, what| {
            seq += 1;
            progress.on_event(&Recorded { seq, at: NOW, event: Event::Ticket { key: key("PAY-1"), what } });
        };
        tell(&mut progress, TicketEvent::Completed { needs_attention: false });
        assert!(!progress.is_tidy());
        tell(&mut progress, TicketEvent::WorkspaceRemoved { kept_ref: "refs/heads/x".into() });
        assert!(progress.is_tidy());
    }
}
