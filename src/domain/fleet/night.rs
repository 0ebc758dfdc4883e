//! Nights: outside of them nothing starts by itself, and at their end what runs is put off to the next one. A person may
//! let a ticket, or everything, work by day.

use super::Fleet;
use super::on_command::Done;
use super::step::Turn;
use crate::domain::command::Rejection;
use crate::domain::event::{Event, TicketEvent};
use crate::domain::gate::Step;
use crate::domain::ids::{SessionId, TicketKey};
use crate::domain::night::{Hours, Part};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Phase;

impl Fleet {
    /// Says how this moment lies to the nights; `None` where work starts at any time.
    pub fn hours(&self) -> Option<Hours> {
        self.policy.rules.night.as_ref()?.at(self.now())
    }

    /// Returns the hours that keep a ticket from going on; `None` where they do not.
    pub fn rests(&self, ticket: &Ticket) -> Option<Hours> {
        self.hours().filter(|hours| !self.is_in_time(ticket, Some(*hours)))
    }

    /// Returns whether a ticket may go on in such hours.
    pub(super) fn is_in_time(&self, ticket: &Ticket, hours: Option<Hours>) -> bool {
        let Some(hours) = hours.filter(|hours| hours.part != Part::Night) else { return true };
        // Polls only look, what is done is checked, and who took an agent over is there.
        let goes_on = self.phase_of(ticket).is_some_and(Phase::is_poll)
            || ticket.progress.person_since.is_some()
            || matches!(ticket.progress.proof.step, Some(Step::Check { .. }));
        goes_on || self.works_by_day(&ticket.brief.key, hours)
    }

    /// Returns whether a person let a ticket, or everything, work until the next night.
    fn works_by_day(&self, key: &TicketKey, hours: Hours) -> bool {
        let own = self.tickets.get(&key.root()).and_then(|root| root.progress.works_until);
        [own, self.works_until].into_iter().flatten().any(|until| until >= hours.begins)
    }

    /// Returns when a night begins, ends or is over next; `None` where work starts at any time.
    pub(super) fn hours_change_at(&self) -> Option<Timestamp> {
        self.hours().map(|hours| hours.until)
    }
}

impl Turn<'_> {
    /// Ends what runs since a night that is over. Who waits for a person's answer is left to them.
    pub(super) fn night_due(&mut self) {
        let Some(hours) = self.fleet.hours() else { return };
        // What is shown of tickets that wait depends on it.
        self.out.live_changed |= self.fleet.live.part.replace(hours.part) != Some(hours.part);
        let Some(over) = hours.over.filter(|over| hours.part == Part::Day && self.fleet.night_over < Some(*over))
        else {
            return;
        };
        let ends: Vec<(TicketKey, SessionId)> =
            self.fleet.walks().filter_map(|ticket| self.fleet.ends_at_dawn(ticket, hours, over)).collect();
        self.record(Event::NightOver { over, ends: u32::try_from(ends.len()).unwrap_or(u32::MAX) });
        for (key, session) in ends {
            self.put_off(&key, session);
        }
    }

    /// Lets everything work until the next night.
    pub(super) fn work_now(&mut self) -> Done {
        let until = self.next_night()?;
        self.record(Event::NightLifted { until });
        Ok(())
    }

    /// Lets a ticket work until the next night.
    pub(super) fn work_on_now(&mut self, ticket: &Ticket) -> Done {
        let until = self.next_night()?;
        if matches!(ticket.progress.status, Status::Complete { .. }) {
            return Err(Rejection::new(format!("`{}` is done", ticket.brief.key)));
        }
        self.note(&ticket.brief.key.root(), TicketEvent::WorksNow { until });
        Ok(())
    }

    /// Takes it that whoever wants something done about a ticket by day wants it now.
    pub(super) fn attended(&mut self, key: &TicketKey) {
        let hours = self.fleet.hours().filter(|hours| hours.part != Part::Night);
        if let Some(hours) = hours.filter(|hours| !self.fleet.works_by_day(key, *hours)) {
            self.note(&key.root(), TicketEvent::WorksNow { until: hours.begins });
        }
    }

    fn next_night(&self) -> Result<Timestamp, Rejection> {
        let none = || Rejection::new("there is no `night` in the settings: work starts at any time");
        self.fleet.hours().map(|hours| hours.begins).ok_or_else(none)
    }
}

impl Fleet {
    /// Returns the session of a ticket that ends with the night.
    fn ends_at_dawn(&self, ticket: &Ticket, hours: Hours, over: Timestamp) -> Option<(TicketKey, SessionId)> {
        let Status::Running { session, since, .. } = &ticket.progress.status else { return None };
        let key = &ticket.brief.key;
        let stays = *since >= over || !ticket.progress.requests.is_empty() || ticket.progress.proof.step.is_some();
        let is_theirs = ticket.progress.person_since.is_some();
        let looks = self.phase_of(ticket).is_some_and(Phase::is_poll);
        (!stays && !is_theirs && !looks && !self.works_by_day(key, hours)).then(|| (key.clone(), session.clone()))
    }
}
