//! Reads a program's JSON lines by rules that are data.
//!
//! A rule fits a line by the values of some of its members, and says which signal it is and where its parts stand.
//! Members are named by dotted paths: `message.content`, `item.type`, `content.0.text`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::signal::Signal;
use super::trouble::Trouble;
use crate::domain::limit::LimitWindow;
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;

/// Deepest nesting of rules, and of a path.
const MAX_DEPTH: usize = 8;

/// How a program's lines are read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRules {
    /// The rules; every one that fits a line counts.
    pub rules: Vec<Rule>,
    /// How tokens are counted.
    pub tokens: Counting,
    /// How money is counted.
    pub cost: Counting,
    /// Whether a run without the end of a turn was cut off, whatever its exit code.
    pub must_end: bool,
}

/// What the numbers of a usage include.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Counting {
    /// What was used since the last one.
    #[default]
    Step,
    /// What the process used so far.
    Process,
    /// What the conversation used so far, earlier processes included.
    Conversation,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Members and the values one of which they have; `*` stands for any value but null, `text*` for a start.
    pub when: BTreeMap<String, Vec<String>>,
    /// Members and values they must not have.
    pub unless: BTreeMap<String, Vec<String>>,
    /// The list whose items the inner rules are for; `None` means the line itself.
    pub each: Option<String>,
    /// The signal; `None` for a rule that only holds inner ones.
    pub is: Option<Kind>,
    /// Where the parts of the signal stand.
    pub fields: BTreeMap<String, String>,
    /// Inner rules.
    pub rules: Vec<Rule>,
}

/// Kinds of signals a rule may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// [`Signal::Conversation`], and [`Signal::Model`] where one is named.
    Started,
    /// [`Signal::Message`].
    Message,
    /// [`Signal::Part`].
    Part,
    /// [`Signal::Thought`].
    Thought,
    /// [`Signal::ToolStarted`].
    ToolStarted,
    /// [`Signal::ToolEnded`].
    ToolEnded,
    /// [`Signal::Retrying`].
    Retrying,
    /// [`Signal::Compacting`].
    Compacting,
    /// [`Signal::Warning`].
    Warning,
    /// [`Signal::Failed`].
    Failed,
    /// [`Signal::Denied`].
    Denied,
    /// [`Signal::Used`].
    Used,
    /// [`Signal::Uses`].
    Uses,
    /// [`Signal::TurnBegan`].
    TurnBegan,
    /// [`Signal::Limit`].
    Limit,
    /// [`Signal::TurnEnded`].
    TurnEnded,
}

/// The names of the kinds as records spell them.
pub const KINDS: [(&str, Kind); 16] = [
    ("started", Kind::Started),
    ("message", Kind::Message),
    ("part", Kind::Part),
    ("thought", Kind::Thought),
    ("toolStarted", Kind::ToolStarted),
    ("toolEnded", Kind::ToolEnded),
    ("retrying", Kind::Retrying),
    ("compacting", Kind::Compacting),
    ("warning", Kind::Warning),
    ("failed", Kind::Failed),
    ("denied", Kind::Denied),
    ("used", Kind::Used),
    ("uses", Kind::Uses),
    ("turnBegan", Kind::TurnBegan),
    ("limit", Kind::Limit),
    ("turnEnded", Kind::TurnEnded),
];

/// The names of the parts a signal may have, as records spell them.
pub const FIELDS: [&str; 24] = [
    "session",
    "model",
    "text",
    "id",
    "tool",
    "input",
    "output",
    "error",
    "attempt",
    "most",
    "waitMs",
    "status",
    "code",
    "inputTokens",
    "outputTokens",
    "cacheRead",
    "cacheWrite",
    "cost",
    "inputIncludesCache",
    "window",
    "windowMinutes",
    "usedPercent",
    "usedFraction",
    "resetsAt",
];

impl StreamRules {
    /// Returns what a line says; nothing where it is not JSON or no rule fits.
    pub fn read(&self, line: &str) -> Vec<Signal> {
        let mut signals = Vec::new();
        if let Ok(line) = serde_json::from_str::<Value>(line) {
            read(&self.rules, &line, 0, &mut signals);
        }
        signals
    }
}

fn read(rules: &[Rule], value: &Value, depth: usize, signals: &mut Vec<Signal>) {
    if depth >= MAX_DEPTH {
        return;
    }
    for rule in rules.iter().filter(|rule| rule.fits(value)) {
        if let Some(kind) = rule.is {
            rule.signal(kind, value, signals);
        }
        match rule.each.as_ref().map(|path| at(value, path)) {
            None => read(&rule.rules, value, depth + 1, signals),
            Some(Some(Value::Array(items))) => {
                for item in items {
                    read(&rule.rules, item, depth + 1, signals);
                }
            }
            Some(_) => {}
        }
    }
}

impl Rule {
    fn fits(&self, value: &Value) -> bool {
        let has = |(path, wanted): (&String, &Vec<String>)| {
            let found = at(value, path).and_then(scalar);
            let exists = at(value, path).is_some_and(|found| !found.is_null());
            wanted.iter().any(|wanted| match (wanted.as_str(), &found) {
                ("*", _) => exists,
                (wanted, Some(found)) => match wanted.strip_suffix('*') {
                    Some(start) => found.starts_with(start),
                    None => found == wanted,
                },
                (_, None) => false,
            })
        };
        self.when.iter().all(has) && !self.unless.iter().any(has)
    }

    fn part<'v>(&self, name: &str, value: &'v Value) -> Option<&'v Value> {
        at(value, self.fields.get(name)?).filter(|part| !part.is_null())
    }

    fn text(&self, name: &str, value: &Value) -> Option<String> {
        self.part(name, value).map(text).filter(|text| !text.is_empty())
    }

    fn number(&self, name: &str, value: &Value) -> u64 {
        self.part(name, value).and_then(number).unwrap_or(0)
    }

    fn trouble(&self, value: &Value) -> Trouble {
        Trouble {
            text: self.text("text", value).unwrap_or_default(),
            status: self.part("status", value).and_then(number).and_then(|status| u16::try_from(status).ok()),
            code: self.text("code", value),
        }
    }

    fn signal(&self, kind: Kind, value: &Value, signals: &mut Vec<Signal>) {
        let text = self.text("text", value);
        let id = self.text("id", value);
        let with_text = |signal: fn(String) -> Signal| text.clone().map(signal);
        let signal = match kind {
            Kind::Started => {
                signals.extend(self.text("model", value).map(|name| Signal::Model { name }));
                self.text("session", value).map(|id| Signal::Conversation { id })
            }
            Kind::Message => with_text(|text| Signal::Message { text }),
            Kind::Part => with_text(|text| Signal::Part { text }),
            Kind::Thought => with_text(|text| Signal::Thought { text }),
            Kind::Warning => with_text(|text| Signal::Warning { text }),
            Kind::ToolStarted => Some(Signal::ToolStarted {
                id,
                tool: self.text("tool", value).unwrap_or_else(|| "tool".to_owned()),
                input: self.part("input", value).cloned().unwrap_or(Value::Null),
            }),
            Kind::ToolEnded => Some(Signal::ToolEnded {
                id,
                output: self.text("output", value).unwrap_or_default(),
                failed: self.part("error", value).is_some_and(truthy),
            }),
            Kind::Retrying => Some(Signal::Retrying {
                attempt: self.number("attempt", value),
                most: self.number("most", value),
                wait: Duration::from_millis(self.number("waitMs", value)),
                trouble: self.trouble(value),
            }),
            Kind::Compacting => Some(Signal::Compacting),
            Kind::Failed => Some(Signal::Failed { trouble: self.trouble(value) }),
            Kind::Denied => self.text("tool", value).map(|tool| Signal::Denied { tool }),
            Kind::Used => Some(Signal::Used { usage: self.usage(value) }),
            Kind::Uses => id.map(|id| Signal::Uses { id, usage: self.usage(value) }),
            Kind::TurnBegan => Some(Signal::TurnBegan),
            Kind::Limit => self.window(value).map(|window| Signal::Limit { window }),
            Kind::TurnEnded => {
                let bad = self.part("error", value).is_some_and(truthy);
                Some(Signal::TurnEnded { trouble: bad.then(|| self.trouble(value)) })
            }
        };
        signals.extend(signal);
    }

    fn window(&self, value: &Value) -> Option<LimitWindow> {
        let number_of = |name| self.part(name, value).and_then(Value::as_f64);
        let percent = number_of("usedPercent").or_else(|| number_of("usedFraction").map(|used| used * 100.0));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and never negative")]
        let used_percent = percent.map(|used| used.clamp(0.0, 100.0).round() as u8);
        let minutes = self.part("windowMinutes", value).and_then(number).filter(|minutes| *minutes > 0);
        // The name itself, as programs have long ones or none.
        let name = self.fields.get("window").cloned().or_else(|| minutes.map(lasting))?;
        let resets_at = self.part("resetsAt", value).and_then(number).and_then(moment)?;
        Some(LimitWindow { name, used_percent, resets_at }.cleaned())
    }

    fn usage(&self, value: &Value) -> Usage {
        let cache_read = self.number("cacheRead", value);
        let mut input = self.number("inputTokens", value);
        // Some programs count what a cache had among what was sent.
        if self.fields.contains_key("inputIncludesCache") {
            input = input.saturating_sub(cache_read);
        }
        Usage {
            input,
            output: self.number("outputTokens", value),
            cache_read,
            cache_write: self.number("cacheWrite", value),
            turns: 0,
            cost_micros: self.part("cost", value).and_then(Value::as_f64).map(micros),
        }
    }
}

/// Returns how long a window of so many minutes lasts: `5h`, `7d`.
fn lasting(minutes: u64) -> String {
    match minutes {
        _ if minutes.is_multiple_of(1440) => format!("{}d", minutes / 1440),
        _ if minutes.is_multiple_of(60) => format!("{}h", minutes / 60),
        _ => format!("{minutes}m"),
    }
}

/// Returns the moment that so many seconds or milliseconds since the epoch are.
fn moment(number: u64) -> Option<Timestamp> {
    // As milliseconds, the smallest of these is in 1973; as seconds, in the year 5138.
    let millis = if number < 100_000_000_000 { number * 1000 } else { number };
    i64::try_from(millis).ok().map(Timestamp)
}

/// Returns dollars as millionths of a dollar.
fn micros(dollars: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and never negative")]
    let micros = (dollars.clamp(0.0, 1e9) * 1e6).round() as u64;
    micros
}

/// Returns the member a dotted path names.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').take(MAX_DEPTH).try_fold(value, |value, part| match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns a text, the texts of a list of content blocks, or anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let texts: Vec<String> = items
                .iter()
                .filter_map(|item| match item {
                    Value::Object(members) => members.get("text").and_then(scalar),
                    other => scalar(other),
                })
                .collect();
            texts.join("\n")
        }
        Value::Object(_) => value.to_string(),
        other => scalar(other).unwrap_or_default(),
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Whether a member says that something went wrong: true, a code other than 0, or a text other than a good one.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.as_str(), "" | "success" | "completed" | "ok" | "stop"),
        Value::Null => false,
        Value::Array(_) | Value::Object(_) => true,
    }
}
