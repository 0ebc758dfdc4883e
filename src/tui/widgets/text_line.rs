//! One line of text being written: a filter, a search.

use crate::actions::{Chord, Key};
use crate::tui::format::clean;

/// Longest text, in characters.
const MAX: usize = 200;

/// One line of text, written at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::tui) struct TextLine {
    text: String,
}

impl TextLine {
    pub(in crate::tui) fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::tui) fn clear(&mut self) {
        self.text.clear();
    }

    /// Takes a key: characters, backspace, ctrl-w and ctrl-u. Returns whether the text changed.
    pub(in crate::tui) fn press(&mut self, chord: Chord) -> bool {
        let before = self.text.len();
        match chord {
            Chord { key: Key::Char(c), ctrl: false, alt: false, .. } => self.push(c),
            Chord { key: Key::Backspace, ctrl: false, alt: false, .. } => {
                self.text.pop();
            }
            Chord { key: Key::Char('w'), ctrl: true, .. } | Chord { key: Key::Backspace, .. } => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
                self.text.truncate(kept);
            }
            Chord { key: Key::Char('u'), ctrl: true, .. } => self.text.clear(),
            _ => {}
        }
        self.text.len() != before
    }

    /// Adds pasted text; what cannot be shown is left out.
    pub(in crate::tui) fn paste(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    fn push(&mut self, c: char) {
        let shown = !c.is_control() && !clean(c.encode_utf8(&mut [0; 4])).is_empty();
        if shown && self.text.chars().count() < MAX {
            self.text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_and_corrected() {
        let mut line = TextLine::default();
        for key in ["r", "e", "x", "backspace", "space", "a", "b", "ctrl-w"] {
            line.press(key.parse().unwrap());
        }
        line.paste("one\ntwo");
        assert_eq!(line.text(), "re onetwo");
        assert!(line.press("ctrl-u".parse().unwrap()));
        assert!(!line.press("backspace".parse().unwrap()));
    }
}
