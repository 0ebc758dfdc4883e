//! How a ticket walks its workflow: what follows an outcome, and what entering a phase means.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::step::Turn;
use crate::domain::effect::{Effect, WorkOrder};
use crate::domain::event::TicketEvent;
use crate::domain::gate::Step;
use crate::domain::ids::{PhaseId, SessionId, TicketKey};
use crate::domain::session::Outcome;
use crate::domain::ticket::{Failure, FailureClass, Status, Ticket};
use crate::domain::workflow::{Phase, PhaseKind};

impl Turn<'_> {
    /// Returns the ticket together with the phase it is in.
    pub(super) fn at_phase(&self, key: &TicketKey) -> Option<(Arc<Ticket>, Phase)> {
        let ticket = self.fleet.ticket(key)?;
        Some((Arc::clone(ticket), self.fleet.phase_of(ticket)?.clone()))
    }

    /// Returns what is needed to run `phase` for the ticket in session number `n`.
    pub(super) fn order(&self, key: &TicketKey, n: u32) -> Option<Box<WorkOrder>> {
        let (ticket, mut phase) = self.at_phase(key)?;
        let plan = self.fleet.plans.get(&key.plan)?.clone();
        let chosen = self.fleet.model_of(&ticket, &phase);
        if let PhaseKind::Agent { model, .. } = &mut phase.kind {
            *model = chosen;
        }
        let agent = match &phase.kind {
            PhaseKind::Agent { .. } => self.fleet.agent_of(&ticket, &phase),
            PhaseKind::Script { .. }
            | PhaseKind::Poll { .. }
            | PhaseKind::Approval(_)
            | PhaseKind::Parallel { .. }
            | PhaseKind::Foreach { .. }
            | PhaseKind::Workflow { .. }
            | PhaseKind::Terminal { .. } => None,
        };
        let phases = self.fleet.workflow_of(&ticket).map(|workflow| workflow.phases.as_slice()).unwrap_or_default();
        let captures = phases.iter().flat_map(|phase| phase.capture.keys().cloned()).collect();
        let offered = self.fleet.offered(&ticket);
        let session = SessionId::new(key.clone(), n);
        let looks = ticket.progress.proof.step == Some(Step::Look);
        let begin = if looks { self.fleet.baselines_wanted(key) } else { Vec::new() };
        Some(Box::new(WorkOrder { session, plan, ticket, phase, agent, captures, offered, begin }))
    }

    /// Brings the ticket to a phase, unless it was there too often.
    pub(super) fn enter(&mut self, key: &TicketKey, to: &PhaseId) {
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let visits = ticket.progress.visits.get(to).copied().unwrap_or_default();
        let Some(phase) = self.fleet.workflow_of(ticket).and_then(|workflow| workflow.phase(to)).cloned() else {
            let message = format!("phase `{to}` does not exist in the workflow version this ticket walks");
            return self.fail(key, FailureClass::Misconfigured, message);
        };
        if visits >= phase.max_visits {
            let message = format!("phase `{to}` was entered {visits} times, as often as its maxVisits allows");
            if key.is_walk() {
                return self.give_up(key, message);
            }
            return self.fail(key, FailureClass::LoopBound, message);
        }
        self.note(key, TicketEvent::PhaseEntered { phase: to.clone() });
        self.arrive(key, &phase);
    }

    /// Does what being in a phase means, where that is not to run something.
    pub(super) fn arrive(&mut self, key: &TicketKey, phase: &Phase) {
        match &phase.kind {
            // The dispatcher starts them.
            PhaseKind::Script { .. }
            | PhaseKind::Agent { .. }
            | PhaseKind::Poll { .. }
            | PhaseKind::Parallel { .. }
            | PhaseKind::Foreach { .. }
            | PhaseKind::Workflow { .. } => {}
            PhaseKind::Approval(_) => {
                self.note(key, TicketEvent::ApprovalAsked { message: String::new() });
                self.ask_question(key);
            }
            PhaseKind::Terminal { needs_attention } => self.complete(key, *needs_attention),
        }
    }

    /// Wants the question of the approval phase rendered.
    pub(super) fn ask_question(&mut self, key: &TicketKey) {
        let sessions = self.fleet.ticket(key).map_or(0, |ticket| ticket.progress.sessions);
        if let Some(order) = self.order(key, sessions) {
            self.want(Effect::Question { order });
        }
    }

    /// Ends the ticket and tidies up after a good end; the end of a walk concerns what is above it.
    fn complete(&mut self, key: &TicketKey, needs_attention: bool) {
        self.note(key, TicketEvent::Completed { needs_attention });
        match key.above() {
            Some(above) => self.join(&above),
            None if !needs_attention => self.remove_workspace(key),
            None => {}
        }
    }

    /// Ends a walk badly, and leaves word why.
    pub(super) fn give_up(&mut self, key: &TicketKey, why: String) {
        self.note(key, TicketEvent::FeedbackLeft { text: why });
        self.complete(key, true);
    }

    /// Wants the workspace of a finished ticket removed.
    pub(super) fn remove_workspace(&mut self, key: &TicketKey) {
        let Some(ticket) = self.fleet.ticket(key).cloned() else { return };
        let Some(plan) = self.fleet.plans.get(&key.plan).cloned() else { return };
        if ticket.progress.workspace.as_ref().is_some_and(|checkout| !checkout.removed) {
            self.want(Effect::RemoveWorkspace { plan: Box::new(plan), ticket });
        }
    }

    /// Records a success and goes on.
    pub(super) fn succeed(&mut self, key: &TicketKey, phase: &Phase, captures: BTreeMap<String, String>) {
        self.succeed_to(key, phase, captures, (phase.on_success.clone(), None));
    }

    /// Records a success and goes on with another phase than usual, which is told something.
    pub(super) fn succeed_to(
        &mut self,
        key: &TicketKey,
        phase: &Phase,
        captures: BTreeMap<String, String>,
        (next, said): (Option<PhaseId>, Option<String>),
    ) {
        self.note(key, TicketEvent::AttemptEnded { outcome: Outcome::Success, captures });
        let had_feedback = self.fleet.ticket(key).is_some_and(|ticket| ticket.progress.feedback.is_some());
        if had_feedback && matches!(phase.kind, PhaseKind::Agent { .. }) {
            self.note(key, TicketEvent::FeedbackLeft { text: String::new() });
        }
        // Before it goes on: the end of a walk is told above by what it says.
        if let Some(text) = said {
            self.note(key, TicketEvent::FeedbackLeft { text });
        }
        match next {
            Some(next) => self.enter(key, &next),
            None => self.complete(key, false),
        }
    }

    /// Leaves the ticket to a person.
    pub(super) fn fail(&mut self, key: &TicketKey, class: FailureClass, message: String) {
        self.note(key, TicketEvent::Failed { failure: Failure { class, message, evidence: String::new() } });
    }
}

impl Status {
    /// Returns the session that is alive or about to be, if any.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Status::Running { session, .. } | Status::Stopping { session, .. } => Some(session),
            Status::Queued
            | Status::Preparing
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Joining { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => None,
        }
    }
}
