//! What a person types into the practice agent's terminal.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Longest line accepted, in characters.
const MAX_LINE: usize = 2_000;

/// What became of a wait for the keyboard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Time passed, or the line changed.
    Nothing,
    /// A whole line.
    Line(String),
    /// The terminal has another size.
    Resized,
    /// The person interrupts (ctrl-c).
    Interrupt,
}

/// Reads keys on a thread of its own and edits one line.
#[derive(Debug)]
pub(super) struct Keyboard {
    events: Option<Receiver<Event>>,
    line: String,
    /// Whether `y` and `n` at the start of a line are whole lines.
    pub(super) single_keys: bool,
}

impl Keyboard {
    /// Starts to read where `terminal` says that a person may type.
    pub(super) fn open(terminal: bool) -> Self {
        let events = terminal.then(|| {
            let (send, receive) = mpsc::sync_channel(256);
            std::thread::spawn(move || {
                while let Ok(event) = crossterm::event::read() {
                    if send.send(event).is_err() {
                        break;
                    }
                }
            });
            receive
        });
        Self { events, line: String::new(), single_keys: false }
    }

    /// Returns the line as far as it was typed.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Waits for a key, at most `patience`.
    pub(super) fn wait(&mut self, patience: Duration) -> Typed {
        let Some(events) = &self.events else {
            std::thread::sleep(patience);
            return Typed::Nothing;
        };
        match events.recv_timeout(patience) {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => self.press(key),
            Ok(Event::Resize(..)) => Typed::Resized,
            Ok(_) | Err(RecvTimeoutError::Timeout) => Typed::Nothing,
            Err(RecvTimeoutError::Disconnected) => {
                self.events = None;
                Typed::Nothing
            }
        }
    }

    fn press(&mut self, key: KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if control => return Typed::Interrupt,
            KeyCode::Char('u') if control => self.line.clear(),
            KeyCode::Char('j') if control => return self.submit(),
            KeyCode::Enter => return self.submit(),
            KeyCode::Backspace => {
                self.line.pop();
            }
            KeyCode::Char(c) if !control && !c.is_control() => {
                if self.single_keys && self.line.is_empty() && matches!(c, 'y' | 'n') {
                    return Typed::Line(c.to_string());
                }
                if self.line.chars().count() < MAX_LINE {
                    self.line.push(c);
                }
            }
            _ => {}
        }
        Typed::Nothing
    }

    fn submit(&mut self) -> Typed {
        let line = std::mem::take(&mut self.line);
        if line.trim().is_empty() { Typed::Nothing } else { Typed::Line(line.trim().to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keyboard: &mut Keyboard, text: &str) -> Vec<Typed> {
        let code = |c| if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
        text.chars().map(|c| keyboard.press(KeyEvent::new(code(c), KeyModifiers::NONE))).collect()
    }

    #[test]
    fn a_line_is_handed_over_when_it_is_finished_and_one_key_is_enough_for_yes_or_no() {
        let mut keyboard = Keyboard::open(false);
        assert_eq!(typed(&mut keyboard, "hi y\n").pop(), Some(Typed::Line("hi y".into())));
        keyboard.single_keys = true;
        assert_eq!(typed(&mut keyboard, "y"), [Typed::Line("y".into())]);
        assert_eq!(typed(&mut keyboard, "\n"), [Typed::Nothing]);
        assert_eq!(typed(&mut keyboard, "ayn\n").pop(), Some(Typed::Line("ayn".into())));
    }
}
