//! JSON with positions: the same tree as [`super::yaml`], so that a defect of either can be pointed at.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::yaml::{Key, Mark, Node, Value};
use crate::domain::problem::Problem;

/// Deepest nesting that is read: what people list is flat.
const MAX_DEPTH: usize = 24;

/// Parses `text`, the content of the file the user calls `label`.
pub(crate) fn parse(label: &str, text: &str) -> Result<Node, Problem> {
    let source = Source::new(label, text.strip_prefix('\u{feff}').unwrap_or(text));
    // Everything is looked through first: what follows goes by parts and would see a mistake in its part alone.
    serde_json::from_str::<IgnoredAny>(source.text).map_err(|error| source.mistake(&error, Mark::default()))?;
    let whole: &RawValue =
        serde_json::from_str(source.text).map_err(|error| source.mistake(&error, Mark::default()))?;
    source.node(whole, 0)
}

struct Source<'a> {
    label: &'a str,
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
    /// The place that was asked for last: values come in order, and a file may be one long line.
    last: Cell<(usize, Mark)>,
}

impl<'a> Source<'a> {
    fn new(label: &'a str, text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { label, text, lines, last: Cell::new((0, Mark { line: 1, column: 1 })) }
    }

    fn node(&self, raw: &'a RawValue, depth: usize) -> Result<Node, Problem> {
        let text = raw.get();
        let at = self.mark(text);
        if depth > MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Problem::in_file(self.label, message).at(at.line, at.column));
        }
        let wrong = |error: serde_json::Error| self.mistake(&error, at);
        let value = match text.as_bytes().first() {
            Some(b'{') => {
                let entries: Entries<'a> = serde_json::from_str(text).map_err(wrong)?;
                let entries = entries.0.into_iter().map(|(key, value)| {
                    let node = self.node(value, depth + 1)?;
                    // The key stands in front of its value, and nowhere else in the tree is its place needed.
                    Ok((Key { at: node.at, text: key }, node))
                });
                Value::Map(entries.collect::<Result<_, Problem>>()?)
            }
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(text).map_err(wrong)?;
                Value::List(items.into_iter().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => {
                let text: Cow<'_, str> = serde_json::from_str(text).map_err(wrong)?;
                Value::Text(text.into_owned())
            }
            Some(b't' | b'f') => Value::Flag(text == "true", text.to_owned()),
            Some(b'n') | None => Value::Null,
            Some(_) => Value::Number(serde_json::from_str(text).map_err(wrong)?, text.to_owned()),
        };
        Ok(Node { at, value })
    }

    /// Returns where a part of the text stands.
    fn mark(&self, part: &str) -> Mark {
        let at = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        let line = self.lines.partition_point(|begin| *begin <= at);
        let begin = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (last, mark) = self.last.get();
        let from = if last >= begin && last <= at { (last, mark.column) } else { (begin, 1) };
        let between = self.text.get(from.0..at).map_or(0, |before| before.chars().count());
        let mark = Mark { line: number(line), column: from.1.saturating_add(number(between)) };
        self.last.set((at, mark));
        mark
    }

    /// Says what the parser says, at its place, or at `at` where it speaks of a part.
    fn mistake(&self, error: &serde_json::Error, at: Mark) -> Problem {
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or(&text);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = match at.line {
            0 => (number(error.line()).max(1), number(error.column()).max(1)),
            line => (line, at.column),
        };
        Problem::in_file(self.label, format!("this is not JSON: {message}")).at(line, column)
    }
}

/// The entries of an object in their order; of a key that is there twice both.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_place_and_escapes_are_understood() {
        let node = parse("f", "{\n  \"é\": [1, \"\\ud83d\\ude00 \\/\"],\n\t\"b\": {\"c\": null}}").unwrap();
        let Value::List(items) = &node.get("é").unwrap().value else { panic!("no list") };
        assert_eq!(items[1].value, Value::Text("😀 /".into()));
        assert_eq!(items[1].at, Mark { line: 2, column: 12 });
        assert_eq!(node.get("b").unwrap().get("c").unwrap().at, Mark { line: 3, column: 13 });
    }

    #[test]
    fn what_is_not_json_is_pointed_at() {
        let problem = parse("f", "{\"a\": [1,\n 2,, 3]}").unwrap_err();
        assert_eq!((problem.line, problem.column), (Some(2), Some(4)), "{problem}");
        assert!(parse("f", "").is_err());
        assert!(parse("f", &format!("{}{}", "[".repeat(60), "]".repeat(60))).unwrap_err().message.contains("nested"));
    }
}
