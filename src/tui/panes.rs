//! The terminals of sessions: opened when shown, the last few kept open.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use tokio::sync::Notify;

use crate::domain::ids::SessionId;
use crate::terminal::{MouseMode, Pane, encode_key, encode_mouse, encode_paste};

/// Terminals kept open behind the visible one, so that going back is instant.
const KEPT: usize = 4;

/// The terminals of sessions, the visible one in front.
pub(super) struct Panes {
    sessions_dir: PathBuf,
    notify: Arc<Notify>,
    open: VecDeque<(SessionId, Pane)>,
    /// Whether the front one is shown.
    visible: bool,
}

impl Panes {
    pub(super) fn new(sessions_dir: PathBuf, notify: Arc<Notify>) -> Self {
        Self { sessions_dir, notify, open: VecDeque::new(), visible: false }
    }

    /// Makes a session the visible one and tells its program the size it has now, if given: columns, rows; `attached` says
    /// whether a person types into it.
    pub(super) fn show(&mut self, session: Option<&SessionId>, size: Option<(u16, u16)>, attached: bool) {
        self.visible = session.is_some();
        let Some(session) = session else {
            return self.open.iter().for_each(|(_, pane)| pane.set_attached(false));
        };
        match self.open.iter().position(|(open, _)| open == session) {
            Some(0) => {}
            Some(at) => {
                if let Some(pane) = self.open.remove(at) {
                    self.open.push_front(pane);
                }
            }
            None => {
                let pane = Pane::open(self.sessions_dir.join(session.to_string()), Arc::clone(&self.notify));
                self.open.push_front((session.clone(), pane));
                self.open.truncate(KEPT);
            }
        }
        for (open, pane) in &self.open {
            pane.set_attached(attached && open == session);
        }
        if let (Some(pane), Some((columns, rows))) = (self.visible(), size) {
            pane.resize(columns, rows);
        }
    }

    /// Returns the visible one.
    pub(super) fn visible(&self) -> Option<&Pane> {
        self.open.front().filter(|_| self.visible).map(|(_, pane)| pane)
    }

    /// Returns whether the visible one changed since this was asked last.
    pub(super) fn take_dirty(&self) -> bool {
        self.visible().is_some_and(Pane::take_dirty)
    }

    /// Types a key. Returns whether it was taken.
    pub(super) fn key(&self, key: KeyEvent) -> bool {
        self.visible().is_none_or(|pane| {
            let bytes = encode_key(key, pane.with_screen(|screen| screen.application_cursor()));
            if pane.with_screen(|screen| screen.scroll_offset()) > 0 {
                pane.scroll_to_bottom();
            }
            bytes.is_empty() || pane.input(bytes)
        })
    }

    /// Pastes text. Returns whether it was taken.
    pub(super) fn paste(&self, text: &str) -> bool {
        self.visible().is_none_or(|pane| {
            let bracketed = pane.with_screen(|screen| screen.bracketed_paste());
            pane.input(encode_paste(text, bracketed))
        })
    }

    /// Gives a mouse event to the program, if it asked for such.
    pub(super) fn mouse(&self, event: MouseEvent) {
        if let Some(pane) = self.visible() {
            let bytes = encode_mouse(event, pane.with_screen(|screen| screen.mouse()));
            if !bytes.is_empty() {
                pane.input(bytes);
            }
        }
    }

    /// Turns the wheel: a program that wants the mouse gets it, one on the alternate screen gets arrows, and
    /// otherwise the history moves.
    pub(super) fn wheel(&self, lines: isize, forward: Option<MouseEvent>) {
        let Some(pane) = self.visible() else { return };
        let (mode, _) = pane.with_screen(|screen| screen.mouse());
        match forward {
            Some(event) if mode != MouseMode::Off => self.mouse(event),
            Some(_) if pane.with_screen(|screen| screen.alternate_screen()) => {
                let code = if lines > 0 { KeyCode::Up } else { KeyCode::Down };
                for _ in 0..lines.unsigned_abs() {
                    self.key(KeyEvent::new(code, KeyModifiers::NONE));
                }
            }
            _ => pane.scroll(lines),
        }
    }
}
