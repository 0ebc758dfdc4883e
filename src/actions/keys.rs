//! Key chords as text: parsed from the config, printed in hints.

use std::fmt;
use std::str::FromStr;

/// A key with the modifiers held.
///
/// Letters carry their case and have no `shift`: `K`, not `shift-k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chord {
    /// The key.
    pub key: Key,
    /// Whether control is held.
    pub ctrl: bool,
    /// Whether alt is held.
    pub alt: bool,
    /// Whether shift is held; never for characters.
    pub shift: bool,
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A character, as it comes with shift and keyboard layout applied.
    Char(char),
    /// A function key, from 1.
    Function(u8),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
}

/// Keys that are written as words.
const WORDS: &[(Key, &str)] = &[
    (Key::Char(' '), "space"),
    (Key::Char('-'), "minus"),
    (Key::Enter, "enter"),
    (Key::Esc, "esc"),
    (Key::Tab, "tab"),
    (Key::Backspace, "backspace"),
    (Key::Delete, "delete"),
    (Key::Insert, "insert"),
    (Key::Up, "up"),
    (Key::Down, "down"),
    (Key::Left, "left"),
    (Key::Right, "right"),
    (Key::Home, "home"),
    (Key::End, "end"),
    (Key::PageUp, "pageup"),
    (Key::PageDown, "pagedown"),
];

/// Highest function key there is.
const FUNCTION_KEYS: u8 = 24;

/// Says why a text is no chord.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key: write it like `a`, `K`, `space`, `f5`, `ctrl-x` or `alt-enter`")]
pub struct BadChord(String);

impl Chord {
    /// Returns the key without modifiers.
    pub fn plain(key: Key) -> Self {
        Self { key, ctrl: false, alt: false, shift: false }.normal()
    }

    /// Brings a chord into the one form it is compared in: characters have their case, not shift, and control takes
    /// letters as lower case.
    #[must_use]
    pub fn normal(mut self) -> Self {
        if let Key::Char(c) = self.key {
            let c = if self.shift { c.to_ascii_uppercase() } else { c };
            self.key = Key::Char(if self.ctrl { c.to_ascii_lowercase() } else { c });
            self.shift = false;
        }
        self
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        if let Some((_, word)) = WORDS.iter().find(|(key, _)| *key == self.key) {
            return f.write_str(word);
        }
        match self.key {
            Key::Char(c) => write!(f, "{c}"),
            Key::Function(n) => write!(f, "f{n}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Chord {
    type Err = BadChord;
    fn from_str(text: &str) -> Result<Self, BadChord> {
        let bad = || BadChord(text.chars().filter(|c| !c.is_control()).take(40).collect());
        let mut chord = Chord::plain(Key::Esc);
        let mut rest = text;
        while let Some((name, tail)) = rest.split_once('-').filter(|(name, tail)| !name.is_empty() && !tail.is_empty())
        {
            let held = match name.to_ascii_lowercase().as_str() {
                "ctrl" | "c" => &mut chord.ctrl,
                "alt" | "a" | "meta" => &mut chord.alt,
                "shift" | "s" => &mut chord.shift,
                _ => return Err(bad()),
            };
            *held = true;
            rest = tail;
        }
        chord.key = key(rest).ok_or_else(bad)?;
        Ok(chord.normal())
    }
}

fn key(text: &str) -> Option<Key> {
    let mut chars = text.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return (!only.is_control()).then_some(Key::Char(only));
    }
    let lower = text.to_ascii_lowercase();
    if let Some((key, _)) = WORDS.iter().find(|(_, word)| *word == lower) {
        return Some(*key);
    }
    let number: u8 = lower.strip_prefix('f')?.parse().ok()?;
    (1..=FUNCTION_KEYS).contains(&number).then_some(Key::Function(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        text.parse::<Chord>().unwrap().to_string()
    }

    #[test]
    fn chords_read_as_people_write_them() {
        for same in ["a", "K", "space", "enter", "shift-tab", "ctrl-\\", "ctrl-alt-x", "f12", "?", "minus", "é"] {
            assert_eq!(printed(same), same);
        }
        for (text, expected) in [
            ("Ctrl-X", "ctrl-x"),
            ("c-x", "ctrl-x"),
            ("shift-k", "K"),
            (" ", "space"),
            ("-", "minus"),
            ("ctrl--", "ctrl-minus"),
            ("PageUp", "pageup"),
        ] {
            assert_eq!(printed(text), expected);
        }
    }

    #[test]
    fn what_is_no_chord_is_refused_with_examples() {
        for bad in ["", "ctrl-", "hyper-x", "f0", "f99", "enterr", "\u{1b}", "ab"] {
            let error = bad.parse::<Chord>().unwrap_err().to_string();
            assert!(error.contains("is not a key: write it like"), "{bad:?}: {error}");
        }
    }
}
