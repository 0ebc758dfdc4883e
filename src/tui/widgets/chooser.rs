//! A list narrowed by typing a few letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::text_line::TextLine;
use crate::actions::{Action, Chord};
use crate::tui::format::{clean, cut, width};
use crate::tui::theme::{Role, Symbols, Theme};

/// Something that can be chosen. Its texts are clean.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Choice<T> {
    pub(in crate::tui) value: T,
    /// What is searched and shown.
    name: String,
    /// What is shown beside it.
    note: String,
    /// What is shown on the right.
    right: String,
    /// Whether choosing it would do nothing.
    off: bool,
}

impl<T> Choice<T> {
    pub(in crate::tui) fn new(value: T, name: &str, note: &str) -> Self {
        Self { value, name: clean(name), note: clean(note), right: String::new(), off: false }
    }

    pub(in crate::tui) fn right(mut self, right: impl Into<String>) -> Self {
        self.right = right.into();
        self
    }

    pub(in crate::tui) fn is_off(&self) -> bool {
        self.off
    }

    pub(in crate::tui) fn off(mut self, off: bool) -> Self {
        self.off = off;
        self
    }
}

/// A list narrowed by typing.
#[derive(Debug)]
pub(in crate::tui) struct Chooser<T> {
    line: TextLine,
    all: Vec<Choice<T>>,
    /// What matches, best first; numbers point into all.
    found: Vec<usize>,
    cursor: usize,
}

impl<T> Chooser<T> {
    pub(in crate::tui) fn new(all: Vec<Choice<T>>) -> Self {
        let found = (0..all.len()).collect();
        Self { line: TextLine::default(), all, found, cursor: 0 }
    }

    /// Puts the cursor on a place of the whole list.
    pub(in crate::tui) fn starting_at(mut self, at: usize) -> Self {
        self.cursor = at.min(self.found.len().saturating_sub(1));
        self
    }

    /// Moves the cursor where the action says so.
    pub(in crate::tui) fn act(&mut self, action: Action) {
        let last = self.found.len().saturating_sub(1);
        match action {
            Action::Next => self.cursor = (self.cursor + 1).min(last),
            Action::Previous => self.cursor = self.cursor.saturating_sub(1),
            _ => {}
        }
    }

    pub(in crate::tui) fn press(&mut self, chord: Chord) {
        if self.line.press(chord) {
            self.search();
        }
    }

    pub(in crate::tui) fn paste(&mut self, text: &str) {
        self.line.paste(text);
        self.search();
    }

    fn search(&mut self) {
        let pattern = Pattern::parse(self.line.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, usize)> = Vec::new();
        for (at, choice) in self.all.iter().enumerate() {
            let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
            // A name counts double, so that it comes before a note with the same letters.
            let name = score(&choice.name).map(|score| score.saturating_mul(2));
            if let Some(score) = name.max(score(&choice.note)) {
                scored.push((score, at));
            }
        }
        scored.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
        self.found = scored.into_iter().map(|(_, at)| at).collect();
        self.cursor = 0;
    }

    /// Returns what the cursor is on; `None` if nothing matches.
    pub(in crate::tui) fn chosen(&self) -> Option<&T> {
        self.found.get(self.cursor).and_then(|at| self.all.get(*at)).map(|choice| &choice.value)
    }

    /// Returns how many lines it would like.
    pub(in crate::tui) fn height(&self) -> usize {
        self.all.len() + 1
    }

    pub(in crate::tui) fn draw(&self, prompt: &str, area: Rect, buffer: &mut Buffer, look: (&Theme, &Symbols)) {
        let (theme, symbols) = look;
        let columns = usize::from(area.width);
        if area.is_empty() {
            return;
        }
        let typed = format!("{prompt}{}", self.line.text());
        let (x, _) = buffer.set_stringn(area.x, area.y, &typed, columns, theme.style(Role::Strong));
        if x < area.right() {
            buffer.set_stringn(x, area.y, " ", 1, theme.style(Role::Selected));
        }
        let rows = usize::from(area.height.saturating_sub(1));
        let first = (self.cursor + 1).saturating_sub(rows);
        let names = self.all.iter().map(|choice| width(&choice.name)).max().unwrap_or(0).min(columns / 2);
        for (y, (place, at)) in (area.y + 1..).zip(self.found.iter().enumerate().skip(first).take(rows)) {
            let Some(choice) = self.all.get(*at) else { continue };
            let line = Rect { y, height: 1, ..area };
            if place == self.cursor {
                buffer.set_style(line, theme.style(Role::Selected));
                buffer.set_stringn(line.x, y, symbols.selected, 1, theme.style(Role::Accent));
            }
            let name = cut(&choice.name, names, symbols.ellipsis);
            let role = if choice.off { Role::Muted } else { Role::Text };
            buffer.set_stringn(area.x + 2, y, name, columns.saturating_sub(2), theme.style(role));
            let right = width(&choice.right);
            let used = names + 4;
            let note = cut(&choice.note, columns.saturating_sub(used + right + 2), symbols.ellipsis);
            let at = u16::try_from(used).unwrap_or(u16::MAX);
            if let Some(x) = area.x.checked_add(at).filter(|x| *x < area.right()) {
                buffer.set_stringn(x, y, note, usize::from(area.right() - x), theme.style(Role::Muted));
            }
            let from = u16::try_from(right + 1).unwrap_or(u16::MAX);
            if right > 0 && used + right < columns {
                let x = area.right().saturating_sub(from).max(area.x);
                buffer.set_stringn(x, y, &choice.right, right, theme.style(Role::Key));
            }
        }
        if self.found.is_empty() && area.height > 1 {
            buffer.set_stringn(area.x + 2, area.y + 1, "nothing matches", columns, theme.style(Role::Muted));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_letters_find_the_best_choice_first() {
        let names = ["retry", "reject", "toggle-pause", "approve"];
        let mut chooser = Chooser::new(names.iter().map(|name| Choice::new(*name, name, "")).collect());
        chooser.press("p".parse().unwrap());
        chooser.press("a".parse().unwrap());
        assert_eq!(chooser.chosen(), Some(&"toggle-pause"));
        chooser.press("ctrl-u".parse().unwrap());
        chooser.paste("xyz");
        assert_eq!(chooser.chosen(), None);
    }
}
