//! What a person types into the practice agent's terminal.
//!
//! Reads the bytes itself: an agent that is attached gets a new size and its first keys at the same moment, and
//! crossterm 0.29 leaves keys unread that arrive together with a change of size until the next key comes.

use std::io::{self, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// Longest line accepted, in characters.
const MAX_LINE: usize = 2_000;

/// What became of a wait for the keyboard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Time passed, or the line changed.
    Nothing,
    /// A whole line.
    Line(String),
    /// The person interrupts (ctrl-c).
    Interrupt,
}

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Char(char),
    Enter,
    Erase,
    Clear,
    Interrupt,
}

/// Reads keys on a thread of its own and edits one line.
#[derive(Debug)]
pub(super) struct Keyboard {
    keys: Option<Receiver<Key>>,
    line: String,
    /// Whether `y` and `n` at the start of a line are whole lines.
    pub(super) single_keys: bool,
}

impl Keyboard {
    /// Starts to read where `terminal` says that a person may type.
    pub(super) fn open(terminal: bool) -> Self {
        let keys = terminal.then(|| {
            let (send, receive) = mpsc::sync_channel(256);
            std::thread::spawn(move || {
                let mut decoder = Decoder::default();
                for byte in io::stdin().lock().bytes().map_while(Result::ok) {
                    if decoder.feed(byte).is_some_and(|key| send.send(key).is_err()) {
                        break;
                    }
                }
            });
            receive
        });
        Self { keys, line: String::new(), single_keys: false }
    }

    /// Returns the line as far as it was typed.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Waits for a key, at most `patience`.
    pub(super) fn wait(&mut self, patience: Duration) -> Typed {
        let Some(keys) = &self.keys else {
            std::thread::sleep(patience);
            return Typed::Nothing;
        };
        match keys.recv_timeout(patience) {
            Ok(key) => self.press(key),
            Err(RecvTimeoutError::Timeout) => Typed::Nothing,
            Err(RecvTimeoutError::Disconnected) => {
                self.keys = None;
                Typed::Nothing
            }
        }
    }

    fn press(&mut self, key: Key) -> Typed {
        match key {
            Key::Interrupt => return Typed::Interrupt,
            Key::Clear => self.line.clear(),
            Key::Erase => {
                self.line.pop();
            }
            Key::Enter => {
                let line = std::mem::take(&mut self.line);
                return if line.trim().is_empty() { Typed::Nothing } else { Typed::Line(line.trim().to_owned()) };
            }
            Key::Char(c @ ('y' | 'n')) if self.single_keys && self.line.is_empty() => {
                return Typed::Line(c.to_string());
            }
            Key::Char(c) if self.line.chars().count() < MAX_LINE => self.line.push(c),
            Key::Char(_) => {}
        }
        Typed::Nothing
    }
}

/// Turns terminal input into keys; arrow keys and the like are left out.
#[derive(Debug, Default)]
struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    fn feed(&mut self, byte: u8) -> Option<Key> {
        self.pending.push(byte);
        let (done, key) = match self.pending.as_slice() {
            [0x1b] | [0x1b, b'[' | b'O'] => (false, None),
            [0x1b, b'[', .., last] => ((0x40..=0x7e).contains(last) || self.pending.len() > 64, None),
            [0x1b, ..] => (true, None),
            [b'\r' | b'\n'] => (true, Some(Key::Enter)),
            [0x03] => (true, Some(Key::Interrupt)),
            [0x15] => (true, Some(Key::Clear)),
            [0x08 | 0x7f] => (true, Some(Key::Erase)),
            bytes => match std::str::from_utf8(bytes) {
                Ok(text) => (true, text.chars().next().filter(|c| !c.is_control()).map(Key::Char)),
                Err(error) => (error.error_len().is_some(), None),
            },
        };
        if done {
            self.pending.clear();
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keyboard: &mut Keyboard, text: &str) -> Vec<Typed> {
        let mut decoder = Decoder::default();
        let keys: Vec<Key> = text.bytes().filter_map(|byte| decoder.feed(byte)).collect();
        keys.into_iter().map(|key| keyboard.press(key)).collect()
    }

    #[test]
    fn a_line_is_handed_over_when_it_is_finished_and_one_key_is_enough_for_yes_or_no() {
        let mut keyboard = Keyboard::open(false);
        assert_eq!(typed(&mut keyboard, "hi y\r").pop(), Some(Typed::Line("hi y".into())));
        keyboard.single_keys = true;
        assert_eq!(typed(&mut keyboard, "y"), [Typed::Line("y".into())]);
        assert_eq!(typed(&mut keyboard, "\r"), [Typed::Nothing]);
        assert_eq!(typed(&mut keyboard, "ayn\r").pop(), Some(Typed::Line("ayn".into())));
    }

    #[test]
    fn arrows_pastes_and_corrections_leave_a_clean_line() {
        let mut keyboard = Keyboard::open(false);
        let line = "gone\x15\x1b[A\x1bOBgr\u{fc}\u{df}\x7f\u{df}e \u{65e5}\x1b[200~x\x1b[201~\r";
        assert_eq!(typed(&mut keyboard, line).pop(), Some(Typed::Line("grüße 日x".into())));
        assert_eq!(typed(&mut keyboard, "\x03"), [Typed::Interrupt]);
    }
}
