//! One input in, events and effects out.

use serde::{Deserialize, Serialize};

use super::{Fleet, Policy};
use crate::domain::clock::Reading;
use crate::domain::command::{Command, Rejection};
use crate::domain::effect::{Effect, Report};
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::ids::TicketKey;
use crate::domain::time::Timestamp;

/// What the fleet reacts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "input")]
pub enum Input {
    /// A wish.
    Command(Command),
    /// What the world says back.
    Report(Report),
    /// The clocks say this. Wanted when [`Fleet::jump`] finds something; the other inputs of the turn come after it.
    Clock(Reading),
    /// Time passed: a moment named by [`Fleet::next_due`] may have come.
    Due,
    /// The engine starts: what people wrote while none ran is taken over, and what was under way is taken up again.
    /// Nothing starts in between, or it would be taken for something under way and run twice.
    Recover {
        /// What people wrote; a refusal stops nothing.
        wanted: Vec<Command>,
    },
}

/// What one step gives.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What happened, in order. Already applied.
    pub events: Vec<Recorded>,
    /// What has to be done, after the events are on disk.
    pub effects: Vec<Effect>,
    /// Why the command was refused.
    pub rejection: Option<Rejection>,
    /// Whether something changed that no event tells: an activity, a problem.
    pub live_changed: bool,
}

/// One step as the journal keeps it: what the fleet reacted to and how it scheduled, which with the state before it
/// decides everything, and what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What came in.
    pub input: Input,
    /// How the fleet scheduled.
    pub policy: Policy,
    /// What happened, in order; may be empty.
    pub events: Vec<Recorded>,
}

impl Fleet {
    /// Reacts to one input at the moment `now`. Adds to `out`; a refusal is left in `out.rejection`. Moments never go
    /// back but where a reading of the clocks says so.
    pub fn step(&mut self, now: Timestamp, input: Input, out: &mut Outbox) {
        let now = if let Input::Clock(reading) = &input { reading.at } else { now.max(self.at) };
        self.live.now = now;
        let mut turn = Turn { fleet: self, now, out };
        match input {
            Input::Command(command) => {
                if let Err(rejection) = turn.on_command(command) {
                    turn.out.rejection = Some(rejection);
                }
            }
            Input::Report(report) => turn.on_report(report),
            Input::Clock(reading) => turn.on_clock(reading),
            Input::Due => turn.on_due(),
            Input::Recover { wanted } => turn.recover(wanted),
        }
        turn.dispatch();
    }
}

/// A step under way: the fleet as it stands, and what came of it so far.
pub(super) struct Turn<'a> {
    pub(super) fleet: &'a mut Fleet,
    pub(super) now: Timestamp,
    pub(super) out: &'a mut Outbox,
}

impl Turn<'_> {
    /// Makes a fact true.
    pub(super) fn record(&mut self, event: Event) {
        let recorded = Recorded { seq: self.fleet.seq.saturating_add(1), at: self.now, event };
        self.fleet.apply(&recorded);
        self.out.events.push(recorded);
    }

    /// Makes a fact about a ticket true.
    pub(super) fn note(&mut self, key: &TicketKey, what: TicketEvent) {
        self.record(Event::Ticket { key: key.clone(), what });
    }

    /// Wants something done.
    pub(super) fn want(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }
}
