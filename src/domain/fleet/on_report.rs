//! What the world says back. A report that no longer fits the state is ignored.

use std::collections::BTreeMap;

use super::apply::agent_of;
use super::failing::{Failing, is_of_provider};
use super::on_time::timed_out;
use super::proving::proof;
use super::step::Turn;
use super::talk::{Told, unfinished};
use crate::domain::agent_run::{AgentEnd, says_lost};
use crate::domain::effect::{Ready, Report, SessionEnd};
use crate::domain::event::{Event, TicketEvent};
use crate::domain::gate::Proving;
use crate::domain::ids::{PhaseId, SessionId, TicketKey};
use crate::domain::session::{Outcome, signal_words};
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Progress, Status};
use crate::domain::workflow::{Phase, PhaseKind};

/// Exit code by which a poll says "not yet".
const NOT_YET: i32 = 1;

/// How often in a row a phase is run again because its session vanished: a machine that goes down is no fault of the
/// phase, but what takes its holder down with it every time would go on for ever.
const MAX_INTERRUPTIONS: usize = 4;

impl Turn<'_> {
    pub(super) fn on_report(&mut self, report: Report) {
        match report {
            Report::Prepared { key, result } => self.on_prepared(&key, result),
            Report::SessionEnded { session, end } => self.on_session_ended(&session, end),
            Report::Question { key, phase, result } => self.on_question(&key, &phase, result),
            Report::Listed { key, phase, result } => self.on_listed(&key, &phase, result),
            Report::Agent { session, report } => self.on_agent(&session, report),
            Report::Looked { session, signs } => self.on_looked(&session, signs),
            Report::AgentEnded { session, end } => {
                let ticket = self.fleet.ticket(&session.ticket);
                // The end of a turn says all of this; what was used up so far does not say that it is over.
                let known = |progress: &Progress| progress.turn.is_some() && progress.agent_end.as_ref() == Some(&*end);
                let fits = |progress: &Progress| progress.status.session() == Some(&session) && !known(progress);
                if ticket.is_some_and(|ticket| fits(&ticket.progress)) {
                    self.note(&session.ticket, TicketEvent::AgentEnded { end });
                }
            }
            Report::Prompted { session, result } => self.on_prompted(&session, result),
            Report::WorkspaceGone { key, kept_ref } => {
                if self.ended(&key) {
                    self.note(&key, TicketEvent::WorkspaceRemoved { kept_ref });
                }
            }
            Report::WorkspaceKept { key, why } => {
                if self.ended(&key) {
                    self.note(&key, TicketEvent::WorkspaceKept { why });
                }
            }
        }
    }

    fn ended(&self, key: &TicketKey) -> bool {
        self.fleet.ticket(key).is_some_and(|ticket| {
            matches!(ticket.progress.status, Status::Complete { .. })
                && ticket.progress.workspace.as_ref().is_some_and(|checkout| !checkout.removed)
        })
    }

    fn on_prepared(&mut self, key: &TicketKey, result: Result<Ready, Failure>) {
        if !self.fleet.ticket(key).is_some_and(|ticket| ticket.progress.status == Status::Preparing) {
            return;
        }
        let Ready { digest, workflow, checkout } = match result {
            Ok(ready) => ready,
            Err(failure) => return self.not_prepared(key, failure),
        };
        let Some(workflow) = workflow.or_else(|| self.fleet.workflows.get(&digest).cloned()) else {
            let message = format!("nothing is known of the workflow version {digest}");
            return self.fail(key, FailureClass::Misconfigured, message);
        };
        let begins_at = self.fleet.ticket(key).and_then(|ticket| ticket.progress.begins_at.clone());
        if let Some(missing) = begins_at.as_ref().filter(|phase| workflow.phase(phase).is_none()) {
            let message = format!("it stood in phase `{missing}`, which workflow `{}` does not have", workflow.name);
            return self.fail(key, FailureClass::Misconfigured, message);
        }
        let first = begins_at.or_else(|| workflow.first().map(|phase| phase.id.clone()));
        if !self.fleet.workflows.contains_key(&digest) {
            self.record(Event::WorkflowLoaded { workflow });
        }
        self.note(key, TicketEvent::Prepared { digest, checkout });
        if let Some(first) = first {
            self.enter(key, &first);
        }
    }

    fn on_session_ended(&mut self, session: &SessionId, end: SessionEnd) {
        let key = &session.ticket;
        let Some((ticket, phase)) = self.at_phase(key) else { return };
        let (current, then) = match &ticket.progress.status {
            Status::Running { session, .. } => (session, None),
            Status::Stopping { session, then, .. } => (session, Some(then.clone())),
            Status::Queued
            | Status::Preparing
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Joining { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => return,
        };
        if current != session {
            return;
        }
        match then {
            Some(then) => self.after_stop(key, &phase, then),
            None => self.attempt_ended(key, &phase, end),
        }
    }

    fn attempt_ended(&mut self, key: &TicketKey, phase: &Phase, end: SessionEnd) {
        if let Some(step) = self.fleet.ticket(key).and_then(|ticket| ticket.progress.proof.step.clone()) {
            return self.look_ended(key, phase, step, end);
        }
        let (code, signal, captures, tail) = match end {
            SessionEnd::Exited { code, signal, captures, tail, .. } => (code, signal, captures, tail),
            SessionEnd::NotStarted { failure } => return self.not_started(key, phase, failure),
            SessionEnd::NotCaptured { failure } => return self.attempt_failed(key, phase, failure),
            // Nobody asked for a look.
            SessionEnd::Vanished | SessionEnd::Checked { .. } => return self.interrupted(key, phase),
        };
        if self.fleet.ticket(key).is_some_and(|ticket| ticket.progress.person_since.is_some()) {
            return self.person_left(key);
        }
        let told = self.fleet.ticket(key).map(|ticket| ticket.progress.told()).unwrap_or_default();
        if self.lost_its_conversation(key, phase, &told, &tail) {
            return self.interrupted(key, phase);
        }
        match (code, &phase.kind) {
            (_, _) if told == Told::Done => self.work_done(key, phase, captures),
            (Some(0), _) if told == Told::Nothing => self.work_done(key, phase, captures),
            (Some(NOT_YET), PhaseKind::Poll { interval_seconds, .. }) => {
                self.poll_pending(key, phase, *interval_seconds)
            }
            _ => {
                let until = self.fleet.ticket(key).and_then(|ticket| ticket.progress.agent_end.as_ref()?.retry_at);
                let failure = match told {
                    Told::Failed(class, message) => Failure { class, message, evidence: tail },
                    Told::Unfinished if code == Some(0) => unfinished(tail),
                    Told::Done | Told::Nothing | Told::Unfinished => exit_failure(code, signal, tail),
                };
                self.attempt_failed_with(key, phase, Failing { failure, until, captures });
            }
        }
    }

    /// Returns whether an agent did nothing, as the conversation that it was to take up is gone; it is forgotten then.
    fn lost_its_conversation(&mut self, key: &TicketKey, phase: &Phase, told: &Told, tail: &str) -> bool {
        let Some(ticket) = self.fleet.ticket(key) else { return false };
        let progress = &ticket.progress;
        if progress.agent_end.as_ref().is_some_and(|end| end.lost) {
            return true;
        }
        // On a screen of its own nothing but its last words says so.
        let takes_up = progress.conversation_to_resume(&phase.id, agent_of(progress).as_ref()).is_some();
        let lost = takes_up && *told == Told::Nothing && says_lost(tail);
        if lost {
            let end = Box::new(AgentEnd { lost, ..AgentEnd::default() });
            self.note(key, TicketEvent::AgentEnded { end });
        }
        lost
    }

    /// Runs the phase again as if its session had never been, unless its sessions vanish one after the other.
    fn interrupted(&mut self, key: &TicketKey, phase: &Phase) {
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let no_end = |outcome: &Outcome| matches!(outcome, Outcome::Interrupted | Outcome::Stopped);
        let history = ticket.progress.own_history().rev();
        let before = history.take_while(|entry| entry.phase == phase.id && no_end(&entry.outcome));
        if before.filter(|entry| entry.outcome == Outcome::Interrupted).count() < MAX_INTERRUPTIONS {
            let outcome = Outcome::Interrupted;
            return self.note(key, TicketEvent::AttemptEnded { outcome, captures: BTreeMap::new() });
        }
        let message = format!("vanished without a record {} times in a row", MAX_INTERRUPTIONS + 1);
        self.attempt_failed(key, phase, Failure { class: FailureClass::Crashed, message, evidence: String::new() });
    }

    fn poll_pending(&mut self, key: &TicketKey, phase: &Phase, interval: u64) {
        let since = self.fleet.ticket(key).and_then(|ticket| ticket.progress.under_way);
        let since = since.map_or(self.now, |under_way| under_way.since);
        let deadline = phase.timeout_seconds.map(|seconds| since.plus_seconds(seconds));
        self.note(key, TicketEvent::PollPending { next: self.now.plus_seconds(interval), deadline });
    }

    pub(super) fn after_stop(&mut self, key: &TicketKey, phase: &Phase, then: AfterStop) {
        let end = |outcome| TicketEvent::AttemptEnded { outcome, captures: BTreeMap::new() };
        match then {
            AfterStop::TimedOut => {
                let seconds = phase.timeout_seconds.filter(|_| !self.looks(key));
                self.attempt_failed(key, phase, timed_out(seconds));
            }
            AfterStop::Hold => {
                let message = "stopped by a person".to_owned();
                let failure = Failure { class: FailureClass::Stopped, message, evidence: String::new() };
                self.note(key, end(Outcome::Failed { failure: failure.clone() }));
                self.note(key, TicketEvent::Failed { failure });
            }
            AfterStop::Retry => {
                self.note(key, end(Outcome::Skipped));
                self.note(key, TicketEvent::Retried { phase: Some(phase.id.clone()) });
            }
            AfterStop::Fail { failure } => self.ended_for(key, phase, failure),
            // The work is done and stays; only the look at it is taken again.
            AfterStop::RunLater if self.looks(key) => self.note(key, proof(Proving::Lost)),
            AfterStop::RunLater => self.note(key, end(Outcome::Stopped)),
            AfterStop::HandOver => self.note(key, end(Outcome::HandedOver)),
            AfterStop::Skip { to } => {
                self.note(key, end(Outcome::Skipped));
                self.skip_to(key, &to);
            }
            AfterStop::Leave => {
                self.note(key, end(Outcome::Skipped));
                self.left(key);
                if let Some(above) = key.above() {
                    self.join(&above);
                }
            }
        }
    }

    /// Records an attempt that was ended. An agent that was silent because its provider made it wait says so at its end.
    fn ended_for(&mut self, key: &TicketKey, phase: &Phase, failure: Failure) {
        let progress = self.fleet.ticket(key).map(|ticket| &ticket.progress);
        let told = progress.map(Progress::told).unwrap_or_default();
        let until = progress.and_then(|progress| progress.agent_end.as_ref()?.retry_at);
        let failing = match (failure.class, told) {
            (FailureClass::Stalled, Told::Failed(class, message)) if is_of_provider(class) => {
                let failure = Failure { class, message, evidence: failure.message };
                Failing { failure, until, captures: BTreeMap::new() }
            }
            _ => Failing { failure, until: None, captures: BTreeMap::new() },
        };
        self.attempt_failed_with(key, phase, failing);
    }

    /// Returns whether what runs for the ticket looks for its gates.
    pub(super) fn looks(&self, key: &TicketKey) -> bool {
        self.fleet.ticket(key).is_some_and(|ticket| ticket.progress.proof.step.is_some())
    }

    fn on_question(&mut self, key: &TicketKey, phase: &PhaseId, result: Result<String, Failure>) {
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let waits = matches!(&ticket.progress.status, Status::Approval { message, .. } if message.is_empty());
        if !waits || ticket.progress.phase.as_ref() != Some(phase) {
            return;
        }
        match result {
            Ok(message) => self.note(key, TicketEvent::ApprovalAsked { message }),
            Err(failure) => self.note(key, TicketEvent::Failed { failure }),
        }
    }
}

/// Says how a process failed.
fn exit_failure(code: Option<i32>, signal: Option<i32>, tail: String) -> Failure {
    let (class, message) = match (code, signal) {
        (Some(code), _) => (FailureClass::Exit, format!("exited with code {code}")),
        (None, Some(signal)) => (FailureClass::Crashed, format!("was ended by {}", signal_words(signal))),
        (None, None) => (FailureClass::Crashed, "ended without an exit code".to_owned()),
    };
    Failure { class, message, evidence: tail }
}
