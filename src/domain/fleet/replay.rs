//! Deciding again: a journal says what came in and what happened, and the same must happen again.

use super::{Fleet, Input, Outbox, Policy};
use crate::domain::event::{Event, Recorded};
use crate::domain::time::Timestamp;

/// A step as a journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it was taken.
    pub at: Timestamp,
    /// What came in; `None` where an older aotui wrote it.
    pub input: Option<Input>,
    /// How the fleet scheduled; `None` where as in the step before.
    pub policy: Option<Policy>,
    /// What happened; never empty.
    pub events: Vec<Recorded>,
}

/// The first event that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its sequence.
    pub seq: u64,
    /// What came in.
    pub input: Input,
    /// What the journal says; `None` where it says nothing more.
    pub recorded: Option<Event>,
    /// What is decided now; `None` where nothing more is.
    pub decided: Option<Event>,
}

/// A journal being decided again.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    fleet: Fleet,
    policy: Option<Policy>,
    /// Whether everything up to here is known.
    has_gap: bool,
    /// Steps that were decided again and came out the same.
    pub decided: usize,
    /// Steps that were only applied: nobody knows what they reacted to, or what was before them.
    pub applied: usize,
}

impl Replay {
    /// Starts with how everything stood before the first step.
    pub fn new(before: Fleet) -> Self {
        Self { fleet: before, ..Self::default() }
    }

    /// Returns how everything stands now.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Takes a step again. After a difference, or where steps are missing, later ones are only applied.
    pub fn take(&mut self, told: Told) -> Result<(), Box<Difference>> {
        let expected = self.fleet.seq.saturating_add(1);
        self.has_gap |= told.events.first().is_some_and(|first| first.seq != expected);
        self.policy = told.policy.or(self.policy.take());
        let (Some(mut input), Some(policy), false) = (told.input, &self.policy, self.has_gap) else {
            self.applied += 1;
            told.events.iter().for_each(|recorded| self.fleet.apply(recorded));
            return Ok(());
        };
        self.fleet.policy = policy.clone();
        supply_workflow(&mut input, &told.events);
        let mut again = self.fleet.clone();
        let mut out = Outbox::default();
        again.step(told.at, input.clone(), &mut out);
        if out.events == told.events {
            self.fleet = again;
            self.decided += 1;
            return Ok(());
        }
        self.has_gap = true;
        self.applied += 1;
        told.events.iter().for_each(|recorded| self.fleet.apply(recorded));
        Err(Box::new(first_difference(input, told.events, out.events)))
    }
}

/// Gives back a workflow that the journal names by its digest alone, because it is among the events of the same step.
fn supply_workflow(input: &mut Input, events: &[Recorded]) {
    use crate::domain::effect::Report;
    let Input::Report(Report::Prepared { result: Ok(ready), .. }) = input else { return };
    ready.workflow = events.iter().find_map(|recorded| match &recorded.event {
        Event::WorkflowLoaded { workflow } if workflow.digest == ready.digest => Some(workflow.clone()),
        _ => None,
    });
}

fn first_difference(input: Input, recorded: Vec<Recorded>, decided: Vec<Recorded>) -> Difference {
    let at = recorded.iter().zip(&decided).take_while(|(one, other)| one == other).count();
    let first = recorded.first().map_or(0, |first| first.seq);
    let event = |events: Vec<Recorded>| events.into_iter().nth(at).map(|recorded| recorded.event);
    Difference { seq: first.saturating_add(at as u64), input, recorded: event(recorded), decided: event(decided) }
}
