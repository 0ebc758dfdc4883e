//! The part of an agent record that says how the agent works without a terminal of its own.

use serde::{Deserialize, Serialize};

use crate::agent::{Counting, FIELDS, KINDS, Pattern, Rule, Signal, StreamRules, TextRule, read_text};
use crate::config::fields::{Fields, Report, list, one_of, scalar};
use crate::config::yaml::{Node, Value};
use crate::domain::ticket::FailureClass;

/// Deepest nesting of stream rules.
const MAX_DEPTH: usize = 4;

/// How an agent works without a terminal of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Headless {
    /// Arguments instead of the record's; `None` means the record's.
    pub args: Option<Vec<String>>,
    /// Arguments that take up a conversation; `None` means it cannot.
    pub resume_args: Option<Vec<String>>,
    /// What it speaks on its standard input and output.
    pub protocol: Protocol,
    /// How its lines are read.
    pub stream: StreamRules,
    /// The line of its text that tells what was used up (see [`crate::agent::read_text`]); `None` means none does.
    pub usage_line: Option<String>,
    /// What its errors mean, before the rules every agent has.
    pub errors: Vec<TextRule>,
    /// What lines of its standard error look like that say it tries a request again.
    #[serde(default)]
    pub retry_lines: Vec<Pattern>,
}

/// What a headless agent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// JSON lines on its standard output.
    #[default]
    Lines,
    /// JSON lines both ways, with permission requests, as Claude Code has them.
    Claude,
    /// The Agent Client Protocol: JSON-RPC both ways, with permission requests.
    Acp,
    /// Text for people.
    Text,
}

const PROTOCOLS: [(&str, Protocol); 4] =
    [("lines", Protocol::Lines), ("claude", Protocol::Claude), ("acp", Protocol::Acp), ("text", Protocol::Text)];

const COUNTINGS: [(&str, Counting); 3] =
    [("step", Counting::Step), ("process", Counting::Process), ("conversation", Counting::Conversation)];

const CLASSES: [(&str, FailureClass); 12] = [
    ("auth", FailureClass::Auth),
    ("billing", FailureClass::Billing),
    ("rateLimit", FailureClass::RateLimit),
    ("usageLimit", FailureClass::UsageLimit),
    ("overloaded", FailureClass::Overloaded),
    ("contextOverflow", FailureClass::ContextOverflow),
    ("network", FailureClass::Network),
    ("maxTurns", FailureClass::MaxTurns),
    ("denied", FailureClass::Denied),
    ("crashed", FailureClass::Crashed),
    ("misconfigured", FailureClass::Misconfigured),
    ("unknown", FailureClass::Unknown),
];

impl Headless {
    /// Returns whether its program says what it costs.
    pub(super) fn tells_cost(&self) -> bool {
        self.usage_line.as_ref().is_some_and(|line| line.contains("{cost}")) || told(&self.stream.rules, "cost")
    }

    /// Returns whether its program may say which model it works with.
    pub(super) fn tells_model(&self) -> bool {
        self.protocol == Protocol::Acp || told(&self.stream.rules, "model")
    }

    /// Returns what a line of its standard output says.
    pub fn read(&self, line: &str) -> Vec<Signal> {
        match self.protocol {
            Protocol::Lines | Protocol::Claude | Protocol::Acp => self.stream.read(line),
            Protocol::Text => read_text(line, self.usage_line.as_deref(), &self.errors),
        }
    }
}

fn told(rules: &[Rule], field: &str) -> bool {
    rules.iter().any(|rule| rule.fields.contains_key(field) || told(&rule.rules, field))
}

/// Reads the part over `headless`, whose values stay where the file says nothing; reports defects.
pub(super) fn parse(name: &str, mut headless: Headless, node: &Node, report: &mut Report) -> Option<Headless> {
    let mut fields = Fields::of(node, format!("`headless` of agent `{name}`"), report)?;
    if let Some(args) = super::templates(fields.texts("args", report), report) {
        headless.args = Some(args);
    }
    if let Some(args) = super::templates(fields.texts("resumeArgs", report), report) {
        headless.resume_args = Some(args);
    }
    if let Some(protocol) = one_of(&mut fields, "protocol", &PROTOCOLS, report) {
        headless.protocol = protocol;
    }
    if let Some(tokens) = one_of(&mut fields, "tokens", &COUNTINGS, report) {
        headless.stream.tokens = tokens;
    }
    if let Some(cost) = one_of(&mut fields, "cost", &COUNTINGS, report) {
        headless.stream.cost = cost;
    }
    if let Some(must_end) = fields.flag("mustEnd", report) {
        headless.stream.must_end = must_end;
    }
    if let Some(line) = fields.text("usageLine", report) {
        headless.usage_line = Some(line.value);
    }
    if let Some(node) = fields.get("stream") {
        headless.stream.rules = rules(node, 0, report);
    }
    if fields.get("retryLines").is_some() {
        headless.retry_lines = super::terminal::patterns(&mut fields, "retryLines", report);
    }
    if let Some(node) = fields.get("errors") {
        headless.errors = list(node, "`errors`", report).iter().filter_map(|node| error(node, report)).collect();
    }
    fields.refuse_unknown(report);
    Some(headless)
}

fn error(node: &Node, report: &mut Report) -> Option<TextRule> {
    let mut fields = Fields::of(node, "an entry of `errors`", report)?;
    let contains = fields.text("contains", report);
    let class = one_of(&mut fields, "class", &CLASSES, report);
    fields.refuse_unknown(report);
    let Some(contains) = contains.filter(|text| !text.value.is_empty()) else {
        report.error(node.at, "an entry of `errors` has no `contains`", "name a part of the error's text");
        return None;
    };
    Some(TextRule { contains: contains.value.to_lowercase(), class: class? })
}

/// Reads rules for lines, which stand this deep in others; reports defects.
pub(super) fn rules(node: &Node, depth: usize, report: &mut Report) -> Vec<Rule> {
    if depth >= MAX_DEPTH {
        report.error(node.at, format!("stream rules are nested deeper than {MAX_DEPTH} times"), "");
        return Vec::new();
    }
    list(node, "stream rules", report).iter().filter_map(|node| rule(node, depth, report)).collect()
}

fn rule(node: &Node, depth: usize, report: &mut Report) -> Option<Rule> {
    let mut fields = Fields::of(node, "a stream rule", report)?;
    let mut rule = Rule {
        each: fields.text("each", report).map(|text| text.value),
        is: one_of(&mut fields, "is", &KINDS, report),
        ..Rule::default()
    };
    for (key, to) in [("when", &mut rule.when), ("unless", &mut rule.unless)] {
        for (path, value) in fields.entries(key, report) {
            let values = match &value.value {
                Value::List(items) => items.iter().filter_map(scalar).map(|text| text.value).collect(),
                _ => scalar(value).map(|text| vec![text.value]).unwrap_or_default(),
            };
            if values.is_empty() {
                let message = format!("`{}` should be a text or a list of texts, not {}", path.value, value.kind());
                report.error(value.at, message, "`*` stands for any value");
            }
            to.insert(path.value, values);
        }
    }
    for name in FIELDS {
        if let Some(path) = fields.text(name, report) {
            rule.fields.insert(name.to_owned(), path.value);
        }
    }
    if let Some(inner) = fields.get("rules") {
        rule.rules = rules(inner, depth + 1, report);
    }
    fields.refuse_unknown(report);
    if rule.is.is_none() && rule.rules.is_empty() {
        report.error(node.at, "a stream rule names no signal", "add `is`, or inner `rules`");
    }
    Some(rule)
}
