//! Who may start now. Runs after every input; there is no tick.

use std::sync::Arc;

use super::Fleet;
use super::caps::Taken;
use super::proving::proof;
use super::step::Turn;
use crate::domain::activity::Doing;
use crate::domain::effect::Effect;
use crate::domain::event::TicketEvent;
use crate::domain::gate::Proving;
use crate::domain::ids::{SessionId, TicketKey};
use crate::domain::mode::Mode;
use crate::domain::ticket::{Progress, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Phase, PhaseKind};

/// Seconds a check of a poll has at the least.
const LAST_LOOK: u64 = 60;

impl Turn<'_> {
    /// Starts everything that may start, the tickets that are under way first.
    pub(super) fn dispatch(&mut self) {
        if !self.fleet.policy.dispatch || !self.fleet.mode.is_working() {
            return;
        }
        // Walking other phases takes no place; what begins by it may start in the same turn.
        while let Some(divided) = self.fleet.dividable() {
            self.divide(&divided);
        }
        let mut free = self.fleet.places();
        for key in self.fleet.startable() {
            let Some(ticket) = self.fleet.ticket(&key).cloned() else { continue };
            // One that was started just now may be the only one that may try its account.
            if ticket.progress.person_since.is_some() {
                self.start_session(&ticket);
                continue;
            }
            if self.fleet.account_hold(&ticket).is_some() || self.has_no_budget(&ticket) {
                continue;
            }
            if !free.has_room(self.fleet, &ticket) {
                continue;
            }
            free.take(self.fleet, &ticket);
            match ticket.progress.phase {
                None => self.prepare(&ticket),
                Some(_) => self.start_session(&ticket),
            }
        }
    }

    fn prepare(&mut self, ticket: &Ticket) {
        let key = &ticket.brief.key;
        self.note(key, TicketEvent::Started);
        let plan = self.fleet.plans.get(&key.plan).cloned();
        let ticket = self.fleet.ticket(key).cloned();
        if let (Some(plan), Some(ticket)) = (plan, ticket) {
            self.want(Effect::Prepare { plan: Box::new(plan), ticket });
        }
    }

    fn start_session(&mut self, ticket: &Ticket) {
        let key = &ticket.brief.key;
        let n = ticket.progress.sessions.saturating_add(1);
        if self.fleet.phase_of(ticket).is_some_and(|phase| self.fleet.wants_look(ticket, phase)) {
            self.note(key, proof(Proving::LookIntended));
        }
        let Some(order) = self.order(key, n) else { return };
        let looks = order.ticket.progress.proof.step.is_some();
        let deadline = match looks {
            true => Some(order.phase.look_deadline(&order.begin, self.now)),
            false => session_deadline(&order.phase, ticket, self.now),
        };
        let intended = TicketEvent::SessionIntended {
            session: SessionId::new(key.clone(), n),
            agent: order.agent.clone().filter(|_| !looks),
            deadline,
            counts: ticket.progress.under_way.is_none(),
        };
        self.note(key, intended);
        if let Some(order) = self.order(key, n) {
            self.want(Effect::RunSession { order, reattach: false });
        }
    }
}

/// When a session has to be over: a poll shares the time of an attempt between all its checks, but a check that came
/// late through no fault of its own has time to look.
fn session_deadline(phase: &Phase, ticket: &Ticket, now: Timestamp) -> Option<Timestamp> {
    let seconds = phase.timeout_seconds.filter(|_| ticket.progress.person_since.is_none())?;
    match ticket.progress.under_way.filter(|_| phase.is_poll()) {
        Some(under_way) => Some(under_way.since.plus_seconds(seconds).max(now.plus_seconds(seconds.min(LAST_LOOK)))),
        None => Some(now.plus_seconds(seconds)),
    }
}

impl Phase {
    /// Returns whether it is a poll, which has places of its own.
    pub fn is_poll(&self) -> bool {
        matches!(self.kind, PhaseKind::Poll { .. })
    }
}

impl Progress {
    /// Returns whether a ticket has one of the places while it stands so. Who waits for a person does not work: a night
    /// would end at the first questions.
    pub(super) fn takes_place(&self) -> bool {
        match self.status {
            Status::Running { .. } => self.requests.is_empty() && self.person_since.is_none(),
            Status::Preparing | Status::Stopping { .. } => true,
            Status::Queued
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Joining { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => false,
        }
    }
}

/// Free places, and how much is at work of what is capped.
struct Places {
    work: u32,
    polls: u32,
    taken: Taken,
}

impl Places {
    /// Returns whether there is a place for a ticket.
    fn has_room(&self, fleet: &Fleet, ticket: &Ticket) -> bool {
        let is_poll = fleet.phase_of(ticket).is_some_and(Phase::is_poll);
        (if is_poll { self.polls } else { self.work }) > 0 && self.taken.has_room(fleet, ticket)
    }

    /// Gives a place to a ticket.
    fn take(&mut self, fleet: &Fleet, ticket: &Ticket) {
        let is_poll = fleet.phase_of(ticket).is_some_and(Phase::is_poll);
        let places = if is_poll { &mut self.polls } else { &mut self.work };
        *places = places.saturating_sub(1);
        self.taken.take(fleet, ticket);
    }
}

/// What a ticket that could start waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Tickets that come before it.
    pub before: usize,
    /// Tickets that have the places it could take.
    pub holders: Vec<TicketKey>,
    /// How many places there are.
    pub places: u32,
}

impl Fleet {
    /// Returns a ticket's place in the queue; `None` where something else than a free place is in its way.
    pub fn queue(&self, ticket: &Ticket) -> Option<Queue> {
        let poll = |ticket: &Ticket| self.phase_of(ticket).is_some_and(Phase::is_poll);
        let is_poll = poll(ticket);
        let same_kind = |key: &&TicketKey| self.ticket(key).is_some_and(|other| poll(other) == is_poll);
        let startable = self.startable();
        let before = startable.iter().filter(same_kind).position(|key| *key == ticket.brief.key)?;
        let holders = self.walks().filter(|other| poll(other) == is_poll && other.progress.takes_place());
        let holders = holders.map(|other| other.brief.key.clone()).collect();
        Some(Queue { before, holders, places: self.policy.max_concurrency })
    }

    /// Counts the places that are free.
    fn places(&self) -> Places {
        let max = self.policy.max_concurrency;
        let mut places = Places { work: max, polls: max, taken: Taken::default() };
        for ticket in self.walks().filter(|ticket| ticket.progress.takes_place()) {
            places.take(self, ticket);
        }
        places
    }

    /// Counts the tickets and walks of which something is at work: a session, or the making of a workspace.
    pub fn at_work(&self) -> usize {
        let at_work = |ticket: &&Arc<Ticket>| {
            matches!(ticket.progress.status, Status::Preparing | Status::Running { .. } | Status::Stopping { .. })
        };
        self.walks().filter(at_work).count()
    }

    /// Returns whether everything is stopped and nothing is at work any more.
    pub fn has_stopped(&self) -> bool {
        matches!(self.mode, Mode::Stopped { .. }) && self.at_work() == 0
    }

    /// Returns whether something is under way, or will start, without a person doing anything. What is frozen is only
    /// holding its breath: it counts as if it went on.
    pub fn goes_on_alone(&self) -> bool {
        let stopped = matches!(self.mode, Mode::Stopped { .. });
        let waits = |ticket: &Ticket| match ticket.progress.status {
            Status::Polling { .. } | Status::Backoff { .. } => !ticket.progress.paused,
            // A limit and a day end by themselves, a credential does not mend itself.
            Status::Queued if self.is_ready(ticket) && self.waits_for_people(ticket).is_none() => {
                match self.account_hold(ticket) {
                    Some((_, hold)) => hold.until.is_some(),
                    None => self.rests(ticket).is_some(),
                }
            }
            _ => false,
        };
        self.is_busy() || (!stopped && self.concerned().any(waits))
    }

    /// Returns whether something is under way or can start now. Whose time has yet to come, and who waits for a person,
    /// is not busy.
    pub fn is_busy(&self) -> bool {
        let works = |ticket: &Ticket| match &ticket.progress.status {
            Status::Preparing | Status::Stopping { .. } => true,
            // What a person is asked is still being put into words.
            Status::Approval { message, .. } => message.is_empty(),
            Status::Running { session, .. } => {
                let waits = !ticket.progress.requests.is_empty() || ticket.progress.person_since.is_some();
                !waits && !self.shows_dialog(session)
            }
            // What walks below it do is asked of themselves.
            Status::Joining { listed, .. } => !listed,
            Status::Queued
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => false,
        };
        let free = self.places();
        let can_start = |key: &TicketKey| self.ticket(key).is_some_and(|ticket| free.has_room(self, ticket));
        let stopped = matches!(self.mode, Mode::Stopped { .. });
        self.concerned().any(works) || (!stopped && self.startable().iter().any(can_start))
    }

    /// Returns the tickets that this engine works on.
    fn concerned(&self) -> impl Iterator<Item = &Ticket> {
        self.walks().map(AsRef::as_ref).filter(|ticket| self.policy.concerns(&ticket.brief.key))
    }

    /// Returns whether the agent of a session asks something that only its screen shows.
    fn shows_dialog(&self, session: &SessionId) -> bool {
        let activity = self.live.activity.get(session);
        activity.is_some_and(|activity| matches!(activity.sighting.doing, Doing::Waiting { .. }))
    }

    /// Lists what would start if there were places enough, in order: under way first, then by order and id.
    fn startable(&self) -> Vec<TicketKey> {
        let may_begin = self.may_begin();
        let hours = self.hours();
        let in_time =
            |ticket: &&Arc<Ticket>| (may_begin || ticket.progress.phase.is_some()) && self.is_in_time(ticket, hours);
        let may_start = |ticket: &&Arc<Ticket>| self.may_start(ticket) && in_time(ticket);
        let mut ready: Vec<&Arc<Ticket>> = self.walks().filter(may_start).collect();
        ready.sort_by_key(|ticket| (ticket.progress.phase.is_none(), ticket.order, ticket.brief.key.clone()));
        ready.into_iter().map(|ticket| ticket.brief.key.clone()).collect()
    }

    /// Returns a ticket or walk that is to be divided into walks now.
    fn dividable(&self) -> Option<Arc<Ticket>> {
        let divides =
            |ticket: &&Arc<Ticket>| self.may_start(ticket) && self.phase_of(ticket).is_some_and(Phase::has_walks);
        let hours = self.hours();
        self.walks().filter(divides).find(|ticket| self.is_in_time(ticket, hours)).cloned()
    }

    fn may_start(&self, ticket: &Ticket) -> bool {
        // A person who is there waits for no place, no account and no budget.
        if ticket.progress.person_since.is_some() {
            return ticket.progress.status == Status::Queued && self.policy.concerns(&ticket.brief.key);
        }
        self.is_ready(ticket) && self.account_hold(ticket).is_none() && self.waits_for_budget(ticket).is_none()
    }

    /// Returns whether a ticket could start, were it not for its account.
    fn is_ready(&self, ticket: &Ticket) -> bool {
        let key = &ticket.brief.key;
        ticket.progress.status == Status::Queued
            && !ticket.progress.paused
            && self.plans.get(&key.plan).is_some_and(|plan| !plan.paused)
            && self.policy.concerns(key)
            && (ticket.progress.phase.is_some() || self.open_blockers(ticket).next().is_none())
    }
}
