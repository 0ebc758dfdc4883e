//! What happens because time passed. Moments are read from the state, so a restart keeps every deadline.

use super::step::Turn;
use crate::domain::agent_run::AgentTurn;
use crate::domain::effect::Effect;
use crate::domain::event::TicketEvent;
use crate::domain::ids::TicketKey;
use crate::domain::mode::Mode;
use crate::domain::session::StoppedBy;
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Status, Ticket};
use crate::domain::time::Timestamp;

/// Returns the moment at which something about the ticket is due. A held ticket's waits do not come due, nor do any
/// while nothing may start, and a session that is frozen has all the time there is.
pub(super) fn due_at(mode: Mode, ticket: &Ticket) -> Option<Timestamp> {
    let held = ticket.progress.paused || !mode.is_working();
    match &ticket.progress.status {
        Status::Running { .. } if mode.is_frozen() => None,
        // What is done is not late: it only waits for whoever looks at it.
        Status::Running { .. } if ticket.progress.turn == Some(AgentTurn::Ended) => None,
        Status::Running { deadline, .. } => *deadline,
        Status::Polling { next, deadline } if !held => Some(deadline.map_or(*next, |deadline| deadline.min(*next))),
        Status::Backoff { until, .. } if !held => Some(*until),
        Status::Joining { deadline, then: None, .. } if !held => *deadline,
        Status::Polling { .. }
        | Status::Backoff { .. }
        | Status::Joining { .. }
        | Status::Queued
        | Status::Preparing
        | Status::Stopping { .. }
        | Status::Approval { .. }
        | Status::Failed { .. }
        | Status::Complete { .. } => None,
    }
}

impl Turn<'_> {
    /// Does everything that is due.
    pub(super) fn on_due(&mut self) {
        let due: Vec<TicketKey> = self
            .fleet
            .walks()
            .filter(|ticket| due_at(self.fleet.mode, ticket).is_some_and(|at| at <= self.now))
            .map(|ticket| ticket.brief.key.clone())
            .collect();
        for key in due {
            self.ticket_due(&key);
        }
        let running = self.fleet.walks().filter(|ticket| self.fleet.looked_after_at(ticket).is_some());
        for ticket in running.cloned().collect::<Vec<_>>() {
            self.look_after(&ticket.brief.key, &ticket);
        }
        self.budgets_due();
        self.unanswered_due();
        self.night_due();
        self.accounts_due();
    }

    fn ticket_due(&mut self, key: &TicketKey) {
        let Some(ticket) = self.fleet.ticket(key).cloned() else { return };
        match &ticket.progress.status {
            Status::Running { session, .. } => {
                self.note(key, TicketEvent::StopRequested { then: AfterStop::TimedOut });
                self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Timeout });
            }
            // Where it is time to look as well, nobody looked for long: it does so once more.
            Status::Polling { next, deadline: Some(deadline) } if *deadline <= self.now && self.now < *next => {
                match self.at_phase(key) {
                    Some((_, phase)) => self.attempt_failed(key, &phase, timed_out(phase.timeout_seconds)),
                    None => self.make_ready(key, &ticket),
                }
            }
            Status::Polling { .. } | Status::Backoff { .. } => self.make_ready(key, &ticket),
            Status::Joining { .. } => self.recall(key, AfterStop::TimedOut),
            Status::Queued
            | Status::Preparing
            | Status::Stopping { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => {}
        }
    }

    /// Puts a waiting ticket back in the queue of its own phase.
    pub(super) fn make_ready(&mut self, key: &TicketKey, ticket: &Ticket) {
        if matches!(ticket.progress.status, Status::Polling { .. } | Status::Backoff { .. }) {
            self.note(key, TicketEvent::WaitOver);
        }
    }
}

/// Says that a phase took too long.
pub(super) fn timed_out(seconds: Option<u64>) -> Failure {
    let limit = seconds.map(|seconds| format!(" of {seconds} s")).unwrap_or_default();
    let message = format!("took longer than its timeout{limit}");
    Failure { class: FailureClass::TimedOut, message, evidence: String::new() }
}
