//! Taking up what an earlier engine left: nothing is assumed, every doubt becomes an effect that looks at the world.

use super::step::Turn;
use crate::domain::command::Command;
use crate::domain::effect::Effect;
use crate::domain::ids::{SessionId, TicketKey};
use crate::domain::ticket::{Status, Ticket};

impl Turn<'_> {
    pub(super) fn recover(&mut self, wanted: Vec<Command>) {
        for command in wanted {
            let _refused = self.on_command(command);
        }
        let keys: Vec<TicketKey> = self.fleet.walks().map(|ticket| ticket.brief.key.clone()).collect();
        for key in keys {
            if let Some(ticket) = self.fleet.ticket(&key).cloned() {
                self.recover_ticket(&key, &ticket);
            }
        }
        self.on_due();
    }

    fn recover_ticket(&mut self, key: &TicketKey, ticket: &std::sync::Arc<Ticket>) {
        match &ticket.progress.status {
            Status::Preparing => {
                if let Some(plan) = self.fleet.plans.get(&key.plan).cloned() {
                    self.want(Effect::Prepare { plan: Box::new(plan), ticket: ticket.clone() });
                }
            }
            Status::Running { session, .. } => self.reattach(key, session, ticket),
            Status::Stopping { session, then, .. } => {
                // Told to end first, so that it is not begun where the earlier engine did not get to it.
                self.want(Effect::StopSession { session: session.clone(), by: then.by() });
                self.reattach(key, session, ticket);
            }
            Status::Approval { message, .. } if message.is_empty() => self.ask_question(key),
            Status::Joining { listed: false, then: None, .. } => self.read_list(key),
            Status::Complete { needs_attention: false, .. } if !key.is_walk() => self.remove_workspace(key),
            Status::Queued
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Joining { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => {}
        }
    }

    /// Takes a session up again: its end is waited for, it gets answers it may not have got, and it is paused or not as
    /// everything else is, unless it is to end.
    fn reattach(&mut self, key: &TicketKey, session: &SessionId, ticket: &Ticket) {
        if let Some(order) = self.order(key, session.n) {
            self.want(Effect::RunSession { order, reattach: true });
        }
        self.resume_turn(session, ticket);
        for request in &ticket.progress.requests {
            self.want(Effect::WatchAsker { session: session.clone(), request: request.id.clone() });
        }
        let frozen = self.fleet.mode.is_frozen() && matches!(ticket.progress.status, Status::Running { .. });
        self.want(Effect::FreezeSession { session: session.clone(), frozen });
        for (request, answer) in ticket.progress.answered.clone() {
            self.want(Effect::DeliverAnswer { session: session.clone(), request, answer });
        }
    }
}
