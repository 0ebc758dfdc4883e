//! The few signs the screen uses, and plain ASCII for terminals that have no others.

use crate::actions::{Chord, Key};

/// Signs by meaning. All but the keys are one column wide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbols {
    /// Marks the selected row.
    pub(crate) selected: &'static str,
    /// An agent asks.
    pub(crate) asks: &'static str,
    /// An approval waits.
    pub(crate) approval: &'static str,
    /// Something failed.
    pub(crate) failed: &'static str,
    /// Ready to land.
    pub(crate) merge: &'static str,
    /// A review waits.
    pub(crate) review: &'static str,
    /// Something runs.
    pub(crate) working: &'static str,
    /// Something waits.
    pub(crate) waiting: &'static str,
    /// Held by a person.
    pub(crate) paused: &'static str,
    /// Done.
    pub(crate) done: &'static str,
    /// Stands where text was cut.
    pub(crate) ellipsis: &'static str,
    /// Separates facts on a line.
    pub(crate) dot: &'static str,
    /// The engine runs.
    pub(crate) running: &'static str,
    /// Lines: across, down, and where they meet (down from above, up from below).
    pub(crate) rule: [&'static str; 4],
    /// A gauge: where it begins, what is full, what is empty, where it ends.
    pub(crate) gauge: [&'static str; 4],
    /// Whether keys are shown as signs.
    key_signs: bool,
}

const RICH: Symbols = Symbols {
    selected: "▸",
    asks: "?",
    approval: "◆",
    failed: "✗",
    merge: "⇡",
    review: "◇",
    working: "◐",
    waiting: "⧖",
    paused: "‖",
    done: "✓",
    ellipsis: "…",
    dot: "·",
    running: "●",
    rule: ["─", "│", "┬", "┴"],
    gauge: ["▕", "█", "░", "▏"],
    key_signs: true,
};

const PLAIN: Symbols = Symbols {
    selected: ">",
    asks: "?",
    approval: "!",
    failed: "x",
    merge: "^",
    review: "o",
    working: "*",
    waiting: "-",
    paused: "=",
    done: "+",
    ellipsis: "~",
    dot: "-",
    running: "*",
    rule: ["-", "|", "+", "+"],
    gauge: ["[", "#", ".", "]"],
    key_signs: false,
};

impl Symbols {
    /// Decides by the locale; `get` returns a variable of the environment.
    pub(crate) fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| get(name).filter(|value| !value.is_empty()));
        let utf8 = |locale: String| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        // Where nobody says anything, terminals of today are UTF-8.
        if locale.is_none_or(utf8) { RICH } else { PLAIN }
    }

    /// Returns a chord as hints show it.
    pub(crate) fn chord(&self, chord: Chord) -> String {
        let plain = Chord::plain(chord.key) == chord;
        let sign = match chord.key {
            Key::Enter => "⏎",
            Key::Char(' ') => "␣",
            Key::Up => "↑",
            Key::Down => "↓",
            _ => return chord.to_string(),
        };
        if plain && self.key_signs { sign.to_owned() } else { chord.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_and_every_sign_is_one_column() {
        let with = |lang: &str| Symbols::detect(|name| (name == "LANG").then(|| lang.to_owned()));
        assert_eq!(with("C"), PLAIN);
        assert_eq!(with("de_DE.UTF-8"), RICH);
        assert_eq!(with(""), RICH);
        for symbols in [RICH, PLAIN] {
            let Symbols { selected, asks, approval, failed, merge, review, working, .. } = symbols;
            let Symbols { waiting, paused, done, ellipsis, dot, running, rule, .. } = symbols;
            let signs = [selected, asks, approval, failed, merge, review, working, waiting, paused, done, ellipsis];
            for sign in signs.iter().chain(&[dot, running]).chain(&rule) {
                assert_eq!(unicode_width::UnicodeWidthStr::width(*sign), 1, "{sign}");
            }
        }
    }
}
