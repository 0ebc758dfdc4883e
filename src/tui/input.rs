//! What the terminal sends, in our words. The only place, beside the guard, that knows crossterm's.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::msg::Msg;
use crate::actions::{Chord, Key};

/// A key press: what it means to us, and as it came, for programs in terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPress {
    /// The chord; `None` for keys nobody can bind.
    pub(super) chord: Option<Chord>,
    /// As it came.
    pub(super) event: KeyEvent,
}

impl KeyPress {
    /// Takes a character with alt apart into escape and the character: a terminal sends the same for both.
    pub(super) fn without_alt(self) -> Option<[KeyPress; 2]> {
        let chord = self.chord.filter(|chord| chord.alt && matches!(chord.key, Key::Char(_)))?;
        let escape = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
        let mut event = self.event;
        event.modifiers.remove(KeyModifiers::ALT);
        Some([
            KeyPress { chord: Some(Chord::plain(Key::Esc)), event: escape },
            KeyPress { chord: Some(Chord { alt: false, ..chord }), event },
        ])
    }
}

/// A mouse event: what it means to us, and as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mouse {
    /// What it means.
    pub(super) kind: MouseKind,
    /// As it came; columns and rows from 0.
    pub(super) event: MouseEvent,
}

/// What a mouse event means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MouseKind {
    /// The first button went down.
    Click,
    /// The wheel turned away from the person.
    WheelUp,
    /// The wheel turned towards the person.
    WheelDown,
    /// Something only a program in a terminal may want.
    Other,
}

impl Mouse {
    /// Returns the event with columns and rows counted from another corner.
    pub(super) fn rebased(mut self, column: u16, row: u16) -> MouseEvent {
        self.event.column = self.event.column.saturating_sub(column);
        self.event.row = self.event.row.saturating_sub(row);
        self.event
    }
}

/// Returns what an event says to the screen; `None` if nothing.
pub(super) fn read(event: Event) -> Option<Msg> {
    match event {
        Event::Key(event) if event.kind == KeyEventKind::Release => None,
        Event::Key(event) => Some(Msg::Key(KeyPress { chord: chord(event), event })),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Mouse(event) => Some(Msg::Mouse(Mouse { kind: mouse_kind(event.kind), event })),
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

fn mouse_kind(kind: MouseEventKind) -> MouseKind {
    match kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Click,
        MouseEventKind::ScrollUp => MouseKind::WheelUp,
        MouseEventKind::ScrollDown => MouseKind::WheelDown,
        _ => MouseKind::Other,
    }
}

fn chord(event: KeyEvent) -> Option<Chord> {
    let mut shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let key = match event.code {
        KeyCode::Char(c) => Key::Char(if ctrl { control(c) } else { c }),
        KeyCode::F(n) => Key::Function(n),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => {
            shift = true;
            Key::Tab
        }
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Insert => Key::Insert,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    };
    Some(Chord { key, ctrl, alt: event.modifiers.contains(KeyModifiers::ALT), shift }.normal())
}

/// The bytes 0x1c to 0x1f are reported as control with a digit; people press control with these.
fn control(c: char) -> char {
    match c {
        '4' => '\\',
        '5' => ']',
        '6' => '^',
        '7' => '_',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_as_people_bind_them() {
        let (none, shift, ctrl, alt) =
            (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::CONTROL, KeyModifiers::ALT);
        for (code, held, name) in [
            (KeyCode::Char('K'), shift, "K"),
            (KeyCode::Char('4'), ctrl, "ctrl-\\"),
            (KeyCode::Char('\\'), ctrl, "ctrl-\\"),
            (KeyCode::BackTab, shift, "shift-tab"),
            (KeyCode::Char(' '), none, "space"),
            (KeyCode::Enter, alt, "alt-enter"),
            (KeyCode::Char('?'), shift, "?"),
        ] {
            assert_eq!(chord(KeyEvent::new(code, held)), Some(name.parse().unwrap()), "{name}");
        }
        assert_eq!(chord(KeyEvent::new(KeyCode::CapsLock, none)), None);
    }
}
