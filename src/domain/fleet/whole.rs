//! What concerns all tickets at once: stopping, freezing and resuming everything, and clocks that jumped.

use super::Fleet;
use super::step::Turn;
use crate::domain::clock::{Jump, Reading};
use crate::domain::command::Rejection;
use crate::domain::effect::Effect;
use crate::domain::event::{Event, TicketEvent};
use crate::domain::ids::{SessionId, TicketKey};
use crate::domain::mode::Mode;
use crate::domain::session::StoppedBy;
use crate::domain::ticket::{AfterStop, Status, Ticket};

type Done = Result<(), Rejection>;

impl Fleet {
    /// Returns what happened to the clocks since they were last written down; `None` where there is nothing to do.
    pub fn jump(&self, reading: &Reading) -> Option<Jump> {
        match &self.clock {
            Some(anchor) => reading.jump_since(anchor, self.at),
            None => Some(Jump::default()),
        }
    }

    fn running(&self) -> Vec<(TicketKey, SessionId)> {
        let running = self.walks().filter_map(|ticket| match &ticket.progress.status {
            Status::Running { session, .. } => Some((ticket.brief.key.clone(), session.clone())),
            _ => None,
        });
        running.collect()
    }
}

impl Turn<'_> {
    /// Starts nothing new from now on; `now` ends what runs, whose phases run again once everything goes on.
    pub(super) fn stop_all(&mut self, now: bool) -> Done {
        let was_frozen = self.fleet.mode.is_frozen();
        if !matches!(self.fleet.mode, Mode::Stopped { .. }) {
            self.change_mode(Mode::Stopped { since: self.now });
        }
        if now {
            for (key, session) in self.fleet.running() {
                self.put_off(&key, session);
            }
        } else if was_frozen {
            self.freeze_sessions(false);
        }
        Ok(())
    }

    /// Ends a session whose phase runs again later, at no cost of an attempt.
    pub(super) fn put_off(&mut self, key: &TicketKey, session: SessionId) {
        self.note(key, TicketEvent::StopRequested { then: AfterStop::RunLater });
        self.want(Effect::StopSession { session, by: StoppedBy::Shutdown });
    }

    /// Starts nothing new from now on and pauses what runs.
    pub(super) fn freeze_all(&mut self) -> Done {
        if !self.fleet.mode.is_frozen() {
            self.change_mode(Mode::Frozen { since: self.now });
        }
        self.freeze_sessions(true);
        Ok(())
    }

    /// Lets everything go on.
    pub(super) fn resume_all(&mut self) -> Done {
        let was_frozen = self.fleet.mode.is_frozen();
        if !self.fleet.mode.is_working() {
            self.change_mode(Mode::Working);
        }
        if was_frozen {
            self.freeze_sessions(false);
        }
        Ok(())
    }

    fn freeze_sessions(&mut self, frozen: bool) {
        for (_, session) in self.fleet.running() {
            self.want(Effect::FreezeSession { session, frozen });
        }
    }

    /// Changes the mode. What timeouts did not run in the one that ends gets that time back.
    fn change_mode(&mut self, mode: Mode) {
        if let Some(since) = self.fleet.mode.since() {
            let held = i64::try_from(self.now.millis_since(since)).unwrap_or(i64::MAX);
            self.shift_all(|mode, ticket| (if is_held(mode, ticket) { held } else { 0 }, 0));
        }
        self.record(Event::ModeChanged { mode });
    }

    /// Takes in what the clocks say: moments keep their distance from now, and timeouts leave out sleep.
    pub(super) fn on_clock(&mut self, reading: Reading) {
        let Some(Jump { asleep, stepped }) = self.fleet.jump(&reading) else { return };
        self.record(Event::ClockRead { reading });
        // What is held gets the time of its whole hold back at the end of it, sleep included.
        self.shift_all(|mode, ticket| {
            (if is_held(mode, ticket) { stepped } else { asleep.saturating_add(stepped) }, stepped)
        });
        if stepped != 0 && !self.fleet.mode.is_working() {
            self.record(Event::ModeChanged { mode: self.fleet.mode.moved(stepped) });
        }
    }

    /// Moves the timeouts and the other moments of every ticket that is not over by what `by` says, in milliseconds.
    fn shift_all(&mut self, by: impl Fn(Mode, &Ticket) -> (i64, i64)) {
        let mode = self.fleet.mode;
        let shifted = self.fleet.walks().filter_map(|ticket| {
            let (timeouts, moments) = by(mode, ticket);
            let moves = (timeouts != 0 && has_timeout(ticket)) || (moments != 0 && has_moments(ticket));
            moves.then(|| (ticket.brief.key.clone(), TicketEvent::TimeShifted { timeouts, moments }))
        });
        for (key, shifted) in shifted.collect::<Vec<_>>() {
            self.note(&key, shifted);
        }
    }
}

/// Says whether the timeout of what is under way stands still in `mode`.
fn is_held(mode: Mode, ticket: &Ticket) -> bool {
    match mode {
        Mode::Working => false,
        Mode::Stopped { .. } => !matches!(ticket.progress.status, Status::Running { .. }),
        Mode::Frozen { .. } => true,
    }
}

fn has_timeout(ticket: &Ticket) -> bool {
    ticket.progress.under_way.is_some()
}

fn has_moments(ticket: &Ticket) -> bool {
    !matches!(ticket.progress.status, Status::Complete { .. })
        && (ticket.progress.phase.is_some() || ticket.progress.status != Status::Queued)
}
