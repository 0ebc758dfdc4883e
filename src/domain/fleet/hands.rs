//! A person takes over the conversation of an agent that works without a screen of its own, and hands it back: each time
//! the session ends, and the same conversation goes on in another one, of the same attempt.

use super::Fleet;
use super::on_command::Done;
use super::step::Turn;
use crate::domain::agent_run::Face;
use crate::domain::command::Rejection;
use crate::domain::effect::Effect;
use crate::domain::event::TicketEvent;
use crate::domain::ids::TicketKey;
use crate::domain::rules::TakesUp;
use crate::domain::session::{Outcome, StoppedBy};
use crate::domain::ticket::{AfterStop, Status, Ticket};
use crate::domain::workflow::PhaseKind;

impl Fleet {
    /// Says what keeps a person from taking over what the agent of a ticket does, in half a sentence; `None` where nothing
    /// does.
    pub fn obstacle_to_step_in(&self, ticket: &Ticket) -> Option<&'static str> {
        let progress = &ticket.progress;
        if progress.person_since.is_some() {
            return Some("you have it already");
        }
        let Status::Running { agent, .. } = &progress.status else { return Some("no agent of it runs") };
        let phase = self.phase_of(ticket)?;
        let PhaseKind::Agent { face, .. } = &phase.kind else { return Some("no agent of it runs") };
        if progress.proof.step.is_some() {
            return Some("its gates are looked at just now");
        }
        if !self.mode.is_working() {
            return Some("everything is stopped");
        }
        let rules = &self.policy.rules;
        let name = agent.as_ref().or(rules.default_agent.as_ref());
        let faces = name.and_then(|name| rules.agents.get(name)).map(|rules| rules.faces).unwrap_or_default();
        match (faces.worn(face.or(ticket.brief.face)), faces.headless, faces.terminal) {
            (Some(Face::Terminal) | None, ..) => Some("its agent is in a terminal already: attach and type"),
            (_, Some(TakesUp::Conversations), Some(TakesUp::Conversations)) => {
                match progress.conversation_about(&phase.id, agent.as_ref()) {
                    Some(_) => None,
                    None => Some("its agent has not said yet what its conversation is called"),
                }
            }
            (_, _, None) => Some("its agent has no terminal of its own"),
            _ => Some("its agent cannot take a conversation up where it was left"),
        }
    }

    /// Says what keeps a person from handing a conversation back; `None` where nothing does.
    pub fn obstacle_to_step_out(&self, ticket: &Ticket) -> Option<&'static str> {
        ticket.progress.person_since.is_none().then_some("you do not have it: its agent works alone")
    }
}

impl Turn<'_> {
    /// Ends the session of an agent, so that a person goes on with its conversation.
    pub(super) fn step_in(&mut self, ticket: &Ticket) -> Done {
        if let Some(why) = self.fleet.obstacle_to_step_in(ticket) {
            return Err(Rejection::new(format!("`{}` cannot be taken over: {why}", ticket.brief.key)));
        }
        self.note(&ticket.brief.key, TicketEvent::SteppedIn);
        self.hand_over(ticket);
        Ok(())
    }

    /// Ends the session a person has, so that the agent goes on alone.
    pub(super) fn step_out(&mut self, ticket: &Ticket) -> Done {
        if let Some(why) = self.fleet.obstacle_to_step_out(ticket) {
            return Err(Rejection::new(format!("`{}` cannot be handed back: {why}", ticket.brief.key)));
        }
        self.note(&ticket.brief.key, TicketEvent::SteppedOut);
        self.hand_over(ticket);
        self.attended(&ticket.brief.key);
        Ok(())
    }

    fn hand_over(&mut self, ticket: &Ticket) {
        if let Status::Running { session, .. } = &ticket.progress.status {
            self.note(&ticket.brief.key, TicketEvent::StopRequested { then: AfterStop::HandOver });
            self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
        }
    }

    /// Takes it that a person who left the agent hands its conversation back.
    pub(super) fn person_left(&mut self, key: &TicketKey) {
        self.note(key, TicketEvent::SteppedOut);
        self.note(key, TicketEvent::AttemptEnded { outcome: Outcome::HandedOver, captures: Default::default() });
    }
}
