//! Takes a map of a file apart, key by key, and collects every defect on the way instead of stopping at the first.

use super::yaml::{Mark, Node, Value};
use crate::domain::problem::{Problem, nearest};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it starts.
    pub(crate) at: Mark,
}

/// The defects found in one file so far.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    /// Defects that make the file unusable.
    pub(crate) errors: Vec<Problem>,
    /// Defects that do not.
    pub(crate) warnings: Vec<Problem>,
}

impl Report {
    /// Returns an empty report on the file the user calls `file`.
    pub(crate) fn new(file: impl Into<String>) -> Self {
        Self { file: file.into(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// Adds a defect that makes the file unusable; `hint` may be empty.
    pub(crate) fn error(&mut self, at: Mark, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.problem(at, message.into(), hint.into());
        self.errors.push(problem);
    }

    /// Adds a defect that does not; `hint` may be empty.
    pub(crate) fn warn(&mut self, at: Mark, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.problem(at, message.into(), hint.into());
        self.warnings.push(problem);
    }

    fn problem(&self, at: Mark, message: String, hint: String) -> Problem {
        let problem = Problem::in_file(&self.file, message).at(at.line, at.column);
        if hint.is_empty() { problem } else { problem.hint(hint) }
    }
}

/// Returns "did you mean …" where a candidate is near enough, else the list of all candidates.
pub(crate) fn meant<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(name, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if candidates.is_empty() => String::new(),
        None => format!("known: {}", candidates.join(", ")),
    }
}

/// A map being taken apart. `null` counts as absent.
pub(crate) struct Fields<'n> {
    /// What the map is, for messages: "phase `build`".
    pub(crate) what: String,
    /// Where it starts.
    pub(crate) at: Mark,
    node: &'n Node,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Returns the map to take apart; reports anything that is not a map.
    pub(crate) fn of(node: &'n Node, what: impl Into<String>, report: &mut Report) -> Option<Self> {
        let what = what.into();
        if matches!(node.value, Value::Map(_)) {
            return Some(Self { what, at: node.at, node, asked: Vec::new() });
        }
        report.error(node.at, format!("{what} should be a map of keys and values, not {}", node.kind()), "");
        None
    }

    /// Returns the value of `key`, where it has one.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.node.get(key).filter(|node| node.value != Value::Null)
    }

    /// Returns the keys nobody asked for, with the nearest of those that were asked for.
    pub(crate) fn unknown(&self) -> Vec<(At<&'n str>, String)> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        entries
            .iter()
            .filter(|(key, _)| !self.asked.contains(&key.text.as_str()))
            .map(|(key, _)| {
                let hint = meant(&key.text, self.asked.iter().copied());
                (At { value: key.text.as_str(), at: key.at }, hint)
            })
            .collect()
    }

    /// Reports the keys nobody asked for as errors.
    pub(crate) fn refuse_unknown(&self, report: &mut Report) {
        for (key, hint) in self.unknown() {
            report.error(key.at, format!("unknown key `{}` in {}", key.value, self.what), hint);
        }
    }

    fn wrong(&self, key: &str, wanted: &str, node: &Node, report: &mut Report) {
        let hint = if wanted == "a text" { "put it in quotes" } else { "" };
        report.error(node.at, format!("`{key}` of {} should be {wanted}, not {}", self.what, node.kind()), hint);
    }

    /// Returns a text; numbers and truth values count as they are spelled.
    pub(crate) fn text(&mut self, key: &'static str, report: &mut Report) -> Option<At<String>> {
        let node = self.get(key)?;
        let text = scalar(node);
        if text.is_none() {
            self.wrong(key, "a text", node, report);
        }
        text
    }

    /// Returns a truth value.
    pub(crate) fn flag(&mut self, key: &'static str, report: &mut Report) -> Option<bool> {
        let node = self.get(key)?;
        if let Value::Flag(flag, _) = node.value {
            return Some(flag);
        }
        self.wrong(key, "true or false", node, report);
        None
    }

    /// Returns a whole number from `min` to `max`; a fraction is rounded up.
    pub(crate) fn number(&mut self, key: &'static str, min: u32, max: u32, report: &mut Report) -> Option<u32> {
        let node = self.get(key)?;
        let Value::Number(number, _) = node.value else {
            self.wrong(key, "a number", node, report);
            return None;
        };
        let whole = number.ceil();
        if number.is_finite() && (f64::from(min)..=f64::from(max)).contains(&whole) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
            return Some(whole as u32);
        }
        report.error(node.at, format!("`{key}` of {} should be from {min} to {max}", self.what), "");
        None
    }

    /// Returns an amount that is not negative, times `unit` and rounded up.
    pub(crate) fn amount(&mut self, key: &'static str, unit: f64, report: &mut Report) -> Option<u64> {
        /// Largest amount: beyond it nothing is exact.
        const MOST: f64 = 1e15;
        let node = self.get(key)?;
        let Value::Number(number, _) = node.value else {
            self.wrong(key, "a number", node, report);
            return None;
        };
        // What is written with a few digits shall not be rounded up for what binary fractions add to it.
        let whole = (number * unit - 1e-6).ceil();
        if number.is_finite() && (0.0..=MOST).contains(&whole) && number >= 0.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
            return Some(whole as u64);
        }
        report.error(node.at, format!("`{key}` of {} should be a number that is not negative", self.what), "");
        None
    }

    /// Returns seconds: a number of them, or a text as `90s`, `10m` or `1h 30m`; at most `max`.
    pub(crate) fn duration(&mut self, key: &'static str, max: u32, report: &mut Report) -> Option<u64> {
        let node = self.get(key)?;
        let seconds = match &node.value {
            Value::Number(number, _) if *number >= 0.0 => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, not negative")]
                let whole = number.ceil() as u64;
                Some(whole)
            }
            Value::Text(text) => {
                text.parse::<jiff::SignedDuration>().ok().and_then(|d| u64::try_from(d.as_secs()).ok())
            }
            _ => None,
        };
        let known = seconds.filter(|seconds| *seconds <= u64::from(max));
        if known.is_none() {
            let hint = "write seconds, or a text such as `90s`, `10m` or `2h`";
            report.error(node.at, format!("`{key}` of {} should be a length of time", self.what), hint);
        }
        known
    }

    /// Returns a list of texts.
    pub(crate) fn texts(&mut self, key: &'static str, report: &mut Report) -> Option<Vec<At<String>>> {
        let node = self.get(key)?;
        let Value::List(items) = &node.value else {
            self.wrong(key, "a list", node, report);
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match scalar(item) {
                Some(text) => texts.push(text),
                None => self.wrong(key, "a list of texts", item, report),
            }
        }
        Some(texts)
    }

    /// Returns a text or the texts of a list, none where there is neither.
    pub(crate) fn one_or_more(&mut self, key: &'static str, report: &mut Report) -> Vec<At<String>> {
        match self.get(key).map(|node| &node.value) {
            Some(Value::List(items)) if items.is_empty() => {
                report.error(self.at, format!("`{key}` of {} is an empty list", self.what), "name one, or remove it");
                Vec::new()
            }
            Some(Value::List(_)) => self.texts(key, report).unwrap_or_default(),
            _ => self.text(key, report).into_iter().collect(),
        }
    }

    /// Returns the entries of a map: key, where the key stands, value.
    pub(crate) fn entries(&mut self, key: &'static str, report: &mut Report) -> Vec<(At<String>, &'n Node)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let Value::Map(entries) = &node.value else {
            self.wrong(key, "a map of keys and values", node, report);
            return Vec::new();
        };
        entries.iter().map(|(key, value)| (At { value: key.text.clone(), at: key.at }, value)).collect()
    }
}

/// Returns a text, a number or a truth value as it is spelled.
pub(crate) fn scalar(node: &Node) -> Option<At<String>> {
    match &node.value {
        Value::Text(text) | Value::Number(_, text) | Value::Flag(_, text) => {
            Some(At { value: text.clone(), at: node.at })
        }
        _ => None,
    }
}

/// Returns the value whose name a key has.
pub(crate) fn one_of<T: Copy>(
    fields: &mut Fields<'_>,
    key: &'static str,
    values: &[(&'static str, T)],
    report: &mut Report,
) -> Option<T> {
    let text = fields.text(key, report)?;
    named(key, &text.value, text.at, values, report)
}

fn named<T: Copy>(key: &str, text: &str, at: Mark, values: &[(&'static str, T)], report: &mut Report) -> Option<T> {
    let found = values.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if found.is_none() {
        let hint = meant(text, values.iter().map(|(name, _)| *name));
        report.error(at, format!("`{key}` cannot be `{text}`"), hint);
    }
    found
}

/// Returns the items of a list; reports what is none.
pub(crate) fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> &'n [Node] {
    if let Value::List(items) = &node.value {
        return items;
    }
    report.error(node.at, format!("{what} should be a list, not {}", node.kind()), "");
    &[]
}
