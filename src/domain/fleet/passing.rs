//! What could not be done for a reason that passes: no process, file or lock to be had just now. It is tried again
//! later, more and more patiently, and costs no attempt; in the end a person has to look.

use super::step::Turn;
use crate::domain::event::TicketEvent;
use crate::domain::ids::TicketKey;
use crate::domain::ticket::{Failure, FailureClass};
use crate::domain::workflow::Phase;

/// How often in a row the same thing is postponed: for about a quarter of an hour in all.
const MOST: u32 = 18;

/// The first pause in milliseconds; each further one is twice as long, up to the longest.
const FIRST: u64 = 1000;
const LONGEST: u64 = 60_000;

impl Turn<'_> {
    /// Deals with a workspace that could not be made.
    pub(super) fn not_prepared(&mut self, key: &TicketKey, failure: Failure) {
        if let Some(failure) = self.postpone(key, failure) {
            self.note(key, TicketEvent::Failed { failure });
        }
    }

    /// Deals with a session that could not be started.
    pub(super) fn not_started(&mut self, key: &TicketKey, phase: &Phase, failure: Failure) {
        if let Some(failure) = self.postpone(key, failure) {
            self.attempt_failed(key, phase, failure);
        }
    }

    /// Tries again later if the reason passes and it was not tried too often; returns the failure if not.
    fn postpone(&mut self, key: &TicketKey, failure: Failure) -> Option<Failure> {
        if failure.class != FailureClass::Infra {
            return Some(failure);
        }
        let under_way = self.fleet.ticket(key).and_then(|ticket| ticket.progress.under_way);
        let before = under_way.map_or(0, |under_way| under_way.postponed);
        if before >= MOST {
            let message = format!("{} (tried {} times)", failure.message, MOST + 1);
            return Some(Failure { message, ..failure });
        }
        let until = self.now.plus_millis(i64::try_from(pause(key, before)).unwrap_or(i64::MAX));
        self.note(key, TicketEvent::Postponed { until, failure });
        None
    }
}

/// Returns the pause after so many others, in milliseconds: a quarter more or less, differently for every ticket, so
/// that those who were in each other's way do not come back all at once.
fn pause(key: &TicketKey, before: u32) -> u64 {
    let pause = FIRST.saturating_mul(1 << before.min(16)).min(LONGEST);
    let spread = u64::from(crc32fast::hash(format!("{key} {before}").as_bytes()) % 1000);
    pause * 3 / 4 + pause * spread / 2000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_differ_between_tickets() {
        let (a, b): (TicketKey, TicketKey) = ("p/A".parse().unwrap(), "p/B".parse().unwrap());
        for before in 0..MOST {
            let whole = (1000_u64 << before.min(16)).min(60_000);
            assert!((whole * 3 / 4..=whole * 5 / 4).contains(&pause(&a, before)), "{before}: {}", pause(&a, before));
        }
        assert!((0..MOST).any(|before| pause(&a, before) != pause(&b, before)));
        assert!((0..MOST).map(|before| pause(&a, before)).sum::<u64>() > 600_000);
    }
}
