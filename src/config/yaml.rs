//! YAML with positions: one tree for every file people write, so that each defect can be pointed at.
//!
//! Owns reading (size cap, text encoding) and parsing (budgets against bombs and depth). Never decides what a key means.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::domain::problem::Problem;

/// Most bytes a file that a person writes may have.
pub(crate) const MAX_FILE: u64 = 1024 * 1024;

/// A place in a file: line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    /// Line.
    pub(crate) line: u32,
    /// Column.
    pub(crate) column: u32,
}

/// One value of a file and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it starts.
    pub(crate) at: Mark,
    /// What it is.
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// A truth value, with its spelling.
    Flag(bool, String),
    /// A number, with its spelling.
    Number(f64, String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a map and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// Where it starts.
    pub(crate) at: Mark,
    /// Its name.
    pub(crate) text: String,
}

impl Node {
    /// Returns what the value is, in the words of an error message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Flag(..) => "a truth value",
            Value::Number(..) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Returns the value of `key`, where this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node),
            _ => None,
        }
    }
}

/// Reads a text file of at most [`MAX_FILE`] bytes; `label` is what the user calls it.
/// Refuses what is not a regular file; with `follow` unset also a symbolic link.
pub(crate) fn read(path: &Path, label: &str, follow: bool) -> Result<String, Problem> {
    let cannot = |why: String| Problem::in_file(label, format!("the file cannot be read: {why}"));
    let mut flags = OFlags::NONBLOCK;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.map_err(|error| cannot(error.to_string()))?;
    let meta = file.metadata().map_err(|error| cannot(error.to_string()))?;
    if !meta.is_file() {
        return Err(cannot("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Problem::in_file(label, "the file is larger than 1 MiB").hint("split it or shorten it"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default()).into_owned();
        let at = end_of(&before);
        Problem::in_file(label, "the file is not UTF-8 text").at(at.line, at.column).hint("save it as UTF-8")
    })
}

/// Returns the place right behind `text`.
fn end_of(text: &str) -> Mark {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Mark { line: clamp(line), column: clamp(column) }
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Parses `text`, the content of the file the user calls `label`. An empty file is [`Value::Null`].
pub(crate) fn parse(label: &str, text: &str) -> Result<Node, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed: Result<Option<Spanned<Raw>>, _> = serde_saphyr::from_str_with_options(text, options());
    match parsed {
        Ok(Some(raw)) => Ok(node(raw, text)),
        Ok(None) => Ok(Node { at: Mark { line: 1, column: 1 }, value: Value::Null }),
        Err(error) => {
            let problem = Problem::in_file(label, plain(&error.without_snippet().to_string()));
            let at = error.location().map_or(end_of(text), mark);
            Err(problem.at(at.line, at.column))
        }
    }
}

/// Returns the parser's message on one line, in our words where they help, without the place it repeats.
fn plain(message: &str) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(rest) = message.strip_prefix("duplicate mapping key: ") {
        let key = rest.split(", set ").next().unwrap_or(rest);
        return format!("the key `{key}` is there twice");
    }
    if message.contains("Documents {") {
        return "there is more than one document in the file".to_owned();
    }
    if ["budget breached", "alias replay limit", "recursion limit"].iter().any(|sign| message.contains(sign)) {
        return "the file unfolds to too many or too deeply nested values".to_owned();
    }
    let cut = message.rfind(" at line ").filter(|at| message.len() - at < 40).unwrap_or(message.len());
    message.get(..cut).unwrap_or(&message).trim_end_matches(['.', ':']).to_owned()
}

fn options() -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = 32;
    budget.max_nodes = 20_000;
    budget.max_events = 60_000;
    budget.max_aliases = 500;
    budget.max_documents = 1;
    let mut options = serde_saphyr::Options::default();
    options.budget = Some(budget);
    options.alias_limits.max_total_replayed_events = 20_000;
    options.with_snippet = false;
    options.reject_unsupported_tags = true;
    options
}

fn mark(location: Location) -> Mark {
    let clamp = |n| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    Mark { line: clamp(location.line()), column: clamp(location.column()) }
}

/// A value as the parser hands it over.
enum Raw {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

fn node(raw: Spanned<Raw>, source: &str) -> Node {
    let spelling = || spelled(source, raw.defined);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Flag(flag) => Value::Flag(flag, spelling().unwrap_or_else(|| flag.to_string())),
        Raw::Number(number) => Value::Number(number, spelling().unwrap_or_else(|| number.to_string())),
        Raw::Text(text) => Value::Text(text),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(item, source)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (Key { at: mark(key.defined), text: key.value }, node(value, source)))
                .collect(),
        ),
    };
    Node { at: mark(raw.defined), value }
}

/// Returns how a plain scalar is spelled in the file.
fn spelled(source: &str, location: Location) -> Option<String> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let len = usize::try_from(span.byte_len()?).ok()?;
    Some(source.get(start..start.checked_add(len)?)?.trim().to_owned())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Raw, E> {
        Ok(Raw::Flag(flag))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are out of every range we accept")]
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are out of every range we accept")]
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number as f64))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Raw, E> {
        Ok(Raw::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
