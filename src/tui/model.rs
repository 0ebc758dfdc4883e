//! Everything the screen knows. Changed by `update` alone, drawn by `view` alone.

use std::path::PathBuf;
use std::sync::Arc;

use super::focus::Focus;
use super::format::distance_lasts;
use super::layout::{Areas, Shape, areas};
use super::overlays::Overlay;
use super::screens::fleet::FleetScreen;
use super::theme::{Symbols, Theme};
use crate::actions::{Action, Chord, Keymap, Why, available};
use crate::domain::command::Rejection;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, SessionId, TicketKey};
use crate::domain::session::Outcome;
use crate::domain::ticket::{Status, Ticket};
use crate::domain::time::Timestamp;
use ratatui::layout::Rect;

/// Whose engine the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The engine of this process: it ends with the screen.
    Owner,
    /// The engine of another process: it goes on without the screen.
    Client,
}

/// What is fixed for the life of the screen.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) keymap: Keymap,
    pub(super) theme: Theme,
    pub(super) symbols: Symbols,
    /// Where the directories of sessions are.
    pub(super) sessions_dir: PathBuf,
    pub(super) who: Role,
    /// Only this plan is shown; `None` means all.
    pub(super) plan: Option<PlanId>,
    /// The screen is there for this ticket's terminal alone.
    pub(super) only: Option<TicketKey>,
}

/// A line for the person, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) text: String,
    pub(super) hint: Option<String>,
    pub(super) is_error: bool,
}

impl Notice {
    pub(super) fn info(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, is_error: false }
    }

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, is_error: true }
    }
}

impl From<Rejection> for Notice {
    fn from(rejection: Rejection) -> Self {
        Self { text: rejection.message, hint: rejection.hint, is_error: true }
    }
}

/// That there is no engine: what is shown is how everything stood when it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) since: Timestamp,
    /// Whether one is being started in this process.
    pub(super) starting: bool,
    /// Why the engine that is there cannot be shown, or why none could be started.
    pub(super) why: Option<String>,
}

/// Everything the screen knows.
pub(super) struct Model {
    pub(super) setup: Setup,
    pub(super) fleet: Arc<Fleet>,
    pub(super) table: FleetScreen,
    pub(super) focus: Focus,
    /// Whether the terminal has the whole screen.
    pub(super) zoomed: bool,
    /// What lies over the table, the last one on top.
    pub(super) overlays: Vec<Overlay>,
    pub(super) notice: Option<Notice>,
    /// Columns and rows.
    pub(super) size: (u16, u16),
    pub(super) now: Timestamp,
    /// `None` while an engine is at work.
    pub(super) gone: Option<Gone>,
    /// The terminal that was left last, and when: leaving twice in a row types the key.
    pub(super) left: Option<(SessionId, Timestamp)>,
}

impl Model {
    pub(super) fn new(setup: Setup, fleet: Arc<Fleet>, size: (u16, u16), now: Timestamp) -> Self {
        let mut table = FleetScreen::default();
        table.refresh(&fleet, setup.plan.as_ref());
        let mut model = Self {
            setup,
            fleet,
            table,
            focus: Focus::Table,
            zoomed: false,
            overlays: Vec::new(),
            notice: None,
            size,
            now,
            gone: None,
            left: None,
        };
        model.show_the_only_one();
        model.settle();
        model
    }

    /// Returns the ticket keys act on: the overlay's, else the selected one.
    pub(super) fn ticket(&self) -> Option<&Arc<Ticket>> {
        let of_overlay = self.overlays.last().and_then(Overlay::ticket);
        self.fleet.ticket(of_overlay.or(self.table.selected())?)
    }

    /// Returns the session whose terminal is shown: the one that has the keys, else the selected ticket's last.
    pub(super) fn session(&self) -> Option<SessionId> {
        match &self.focus {
            Focus::Terminal(session) => Some(session.clone()),
            Focus::Table | Focus::Filter => last_session(self.fleet.ticket(self.table.selected()?)?),
        }
    }

    /// Returns whether a session's process is alive as far as the engine knows.
    pub(super) fn is_live(&self, session: &SessionId) -> bool {
        let ticket = self.fleet.ticket(&session.ticket);
        ticket.is_some_and(|ticket| ticket.progress.status.session() == Some(session))
    }

    /// Returns the moment at which everything was as it is shown: without an engine, the one it went at.
    pub(super) fn seen_at(&self) -> Timestamp {
        self.gone.as_ref().map_or(self.now, |gone| gone.since)
    }

    /// Returns whether an action can do anything now to `ticket`, the selected one.
    pub(super) fn available(&self, action: Action, ticket: Option<&Ticket>) -> Result<(), Why> {
        match (action, &self.gone) {
            (Action::StartEngine, None) => Err(Why("an engine is at work")),
            (Action::StartEngine, Some(gone)) if gone.starting => Err(Why("it is being started")),
            _ => available(action, &self.fleet, ticket),
        }
    }

    pub(super) fn attached(&self) -> bool {
        matches!(self.focus, Focus::Terminal(_))
    }

    /// Returns where everything is.
    pub(super) fn areas(&self) -> Areas {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        areas(area, Shape { zoomed: self.zoomed, attached: self.attached() })
    }

    /// Returns the first key of an action, for hints; `None` if it has none.
    pub(super) fn chord(&self, action: Action) -> Option<Chord> {
        self.setup.keymap.chords(action).first().copied()
    }

    /// Returns the first key of an action as it is printed; empty if it has none.
    pub(super) fn key(&self, action: Action) -> String {
        self.chord(action).map_or_else(String::new, |chord| self.setup.symbols.chord(chord))
    }

    /// Keeps what is shown consistent after any change.
    pub(super) fn settle(&mut self) {
        let height = self.areas().table.height;
        self.table.keep_visible(usize::from(height));
        let fleet = Arc::clone(&self.fleet);
        self.overlays.retain(|overlay| !overlay.is_stale(&fleet));
    }

    /// Gives the keys to the one session the screen is there for, once there is one.
    pub(super) fn show_the_only_one(&mut self) {
        let Some(key) = self.setup.only.clone() else { return };
        self.zoomed = true;
        self.table.select(&key);
        if self.focus == Focus::Table
            && let Some(session) = self.fleet.ticket(&key).and_then(|ticket| last_session(ticket))
        {
            self.focus = Focus::Terminal(session);
        }
    }

    /// Keeps the keys with a conversation that went on in another session, to a person or back.
    pub(super) fn follow_the_conversation(&mut self) {
        let Focus::Terminal(session) = &self.focus else { return };
        let Some(ticket) = self.fleet.ticket(&session.ticket) else { return };
        let over = ticket.progress.history.iter().rev().find(|entry| entry.session.as_ref() == Some(session));
        let went_on = over.is_some_and(|entry| entry.outcome == Outcome::HandedOver);
        if let (true, Some(running)) = (went_on, ticket.progress.status.session()) {
            self.focus = Focus::Terminal(running.clone());
        }
    }

    /// Returns for how many milliseconds the screen reads the same if nothing happens; `None` means for ever.
    pub(super) fn unchanged_for(&self) -> Option<u64> {
        if let Some(gone) = &self.gone {
            return Some(distance_lasts(gone.since, self.now));
        }
        let rows = self.table.visible_moments(usize::from(self.areas().table.height));
        let shown = self.session().map(|session| session.ticket).or_else(|| self.table.selected().cloned());
        let beside = shown.and_then(|key| self.table.moment_of(&key));
        let limit = self.fleet.live.limits.open(self.now).first().map(|(_, window)| window.resets_at);
        rows.chain(beside).chain(limit).map(|moment| distance_lasts(moment, self.now)).min()
    }

    /// Says what goes on after the screen is gone.
    pub(super) fn farewell(&self) -> String {
        let is_running =
            |ticket: &&Arc<Ticket>| matches!(ticket.progress.status, Status::Running { .. } | Status::Stopping { .. });
        let running = self.fleet.walks().filter(is_running).count();
        if self.setup.only.is_some() {
            return match running {
                0 => String::new(),
                _ => "The session will go on without you.".to_owned(),
            };
        }
        match (self.setup.who, running) {
            _ if self.gone.is_some() => "No engine is at work; `aotui` starts one.".to_owned(),
            (Role::Client, _) => {
                "The engine and its agents go on without this screen; `aotui` brings you back.".to_owned()
            }
            (Role::Owner, 0) => "Nothing runs; `aotui` brings you back.".to_owned(),
            (Role::Owner, 1) => "1 session will go on working; `aotui` brings you back.".to_owned(),
            (Role::Owner, n) => format!("{n} sessions go on working; `aotui` brings you back."),
        }
    }
}

/// Returns the newest session of a ticket; `None` before its first.
pub(super) fn last_session(ticket: &Ticket) -> Option<SessionId> {
    let n = ticket.progress.sessions;
    (n > 0).then(|| SessionId::new(ticket.brief.key.clone(), n))
}
