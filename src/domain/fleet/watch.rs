//! Agents that are silent or fruitless for too long. Nothing is looked at again and again: there is one moment at which
//! an agent may have been silent for too long, then the world is asked when it gave its last sign of life, and from that
//! follows the next moment, or the end of its session.

use super::Fleet;
use super::step::Turn;
use crate::domain::activity::Doing;
use crate::domain::agent_run::AgentTurn;
use crate::domain::effect::{Effect, Signs};
use crate::domain::event::TicketEvent;
use crate::domain::ids::{SessionId, TicketKey};
use crate::domain::session::StoppedBy;
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Phase, PhaseKind};

/// How long the world may take to say what it sees, in seconds, until it is asked again.
const ANSWER: u64 = 60;

/// For how long an agent may be silent and fruitless, in seconds; `None` means as long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) stall: Option<u64>,
    pub(crate) progress: Option<u64>,
}

impl Fleet {
    /// Returns how long the agent of a phase may be silent and fruitless.
    pub(crate) fn patience(&self, phase: &Phase) -> Patience {
        let (limits, rules) = (&phase.limits, &self.policy.rules);
        let is_agent = matches!(phase.kind, PhaseKind::Agent { .. });
        let most = |own: Option<u64>, all: Option<u64>| own.or(all).filter(|seconds| is_agent && *seconds > 0);
        Patience {
            stall: most(limits.stall_seconds, rules.stall_seconds),
            progress: most(limits.progress_seconds, rules.progress_seconds),
        }
    }

    /// Returns when an agent is looked after; `None` where it may take as long as it likes, or waits for a person.
    pub(super) fn looked_after_at(&self, ticket: &Ticket) -> Option<Timestamp> {
        let Status::Running { session, since, .. } = &ticket.progress.status else { return None };
        let progress = &ticket.progress;
        if progress.person_since.is_some() {
            return None;
        }
        // Who is done only waits for whoever looks at it, and gates have a time of their own.
        let seen = self.live.activity.get(session).map(|activity| activity.sighting.doing);
        let asks = !progress.requests.is_empty() || matches!(seen, Some(Doing::Waiting { .. }));
        let waits = asks || matches!(progress.turn, Some(AgentTurn::Ended | AgentTurn::Interrupted));
        if self.mode.is_frozen() || waits || progress.proof.step.is_some() {
            return None;
        }
        let Patience { stall, progress } = self.patience(self.phase_of(ticket)?);
        let first = [stall, progress].into_iter().flatten().min()?;
        Some(self.live.looks.get(session).copied().unwrap_or_else(|| self.counts_from(*since).plus_seconds(first)))
    }

    /// Returns from when on silence counts: never over time in which the machine slept or everything stood still.
    pub(super) fn counts_from(&self, since: Timestamp) -> Timestamp {
        let read = self.clock.as_ref().map(|clock| clock.at);
        [read, self.mode_since].into_iter().flatten().fold(since, Timestamp::max)
    }
}

impl Turn<'_> {
    /// Asks the world about the agent, if it is time.
    pub(super) fn look_after(&mut self, key: &TicketKey, ticket: &Ticket) {
        let due = self.fleet.looked_after_at(ticket).is_some_and(|at| at <= self.now);
        let (true, Some(session)) = (due, ticket.progress.status.session()) else { return };
        self.fleet.live.looks.insert(session.clone(), self.now.plus_seconds(ANSWER));
        if let Some(order) = self.order(key, session.n) {
            self.want(Effect::Look { order });
        }
    }

    /// Starts to count anew: the agent was answered just now.
    pub(super) fn heard_of(&mut self, session: &SessionId) {
        let phase = self.fleet.ticket(&session.ticket).and_then(|ticket| self.fleet.phase_of(ticket));
        let Some(Patience { stall, progress }) = phase.map(|phase| self.fleet.patience(phase)) else { return };
        if let Some(first) = [stall, progress].into_iter().flatten().min() {
            self.fleet.live.looks.insert(session.clone(), self.now.plus_seconds(first));
        }
    }

    /// Takes in what the world saw of an agent: ends its session, or knows when to look next.
    pub(super) fn on_looked(&mut self, session: &SessionId, signs: Signs) {
        let key = &session.ticket;
        let Some((ticket, phase)) = self.at_phase(key) else { return };
        let Status::Running { session: current, since, .. } = &ticket.progress.status else { return };
        if current != session || self.fleet.looked_after_at(&ticket).is_none() {
            return;
        }
        let from = self.fleet.counts_from(*since);
        let later = |seen: Option<Timestamp>| seen.filter(|seen| *seen <= self.now).unwrap_or(from).max(from);
        let silent_since = if signs.busy { self.now } else { later(signs.life) };
        let fruitless_since = later(signs.result);
        let Patience { stall, progress } = self.fleet.patience(&phase);
        let silent = stall.map(|seconds| (seconds, silent_since.plus_seconds(seconds)));
        let fruitless = progress.map(|seconds| (seconds, fruitless_since.plus_seconds(seconds)));
        let failure = match (silent, fruitless) {
            (Some((seconds, over)), _) if over <= self.now => {
                let message = format!("gave no sign of life for {}", in_words(seconds));
                Failure { class: FailureClass::Stalled, message, evidence: String::new() }
            }
            (_, Some((seconds, over))) if over <= self.now => {
                let message = format!("made no commit, no change and used no tool for {}", in_words(seconds));
                Failure { class: FailureClass::NoProgress, message, evidence: String::new() }
            }
            _ => {
                let next = [silent, fruitless].into_iter().flatten().map(|(_, over)| over).min();
                next.map(|next| self.fleet.live.looks.insert(session.clone(), next));
                return;
            }
        };
        self.end_session(key, session.clone(), failure);
    }

    /// Ends a session whose attempt counts as failed for this reason.
    pub(super) fn end_session(&mut self, key: &TicketKey, session: SessionId, failure: Failure) {
        self.note(key, TicketEvent::StopRequested { then: AfterStop::Fail { failure } });
        self.want(Effect::StopSession { session, by: StoppedBy::Timeout });
    }
}

/// Says so many seconds as a person does.
pub(crate) fn in_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}
