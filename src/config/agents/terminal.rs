//! The part of an agent record that says how the agent works on a screen of its own.

use crate::agent::{FaceRule, FaceRules, Pattern, StreamRules, last};
use crate::config::fields::{At, Fields, Report, list, one_of, scalar};
use crate::config::yaml::{Node, Value};
use crate::domain::activity::{Doing, Wait};

/// How an agent works on a screen of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terminal {
    /// Arguments instead of the record's; `None` means the record's.
    pub args: Option<Vec<String>>,
    /// Arguments that take up a conversation; `None` means it cannot.
    pub resume_args: Option<Vec<String>>,
    /// Arguments with which a person plans with it, in their own terminal; `None` means the first prompt alone.
    pub plan_args: Option<Vec<String>>,
    /// How it gets its first prompt.
    pub prompt: FirstPrompt,
    /// How its program tells what it does; `None` where only its screen does.
    pub hooks: Option<Hooks>,
    /// How its title and its screen tell what it does.
    pub shows: FaceRules,
    /// How the lines are read of the file that its program keeps of a conversation (see [`super::About::transcripts`]).
    pub transcript: StreamRules,
    /// What is typed to have it leave, each after a pause, until it has left.
    pub quit: Vec<String>,
    /// What is typed to have it break off its work, each after a pause; empty where nobody knows.
    pub interrupt: Vec<String>,
}

/// How an agent gets its first prompt on a screen of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstPrompt {
    /// As an argument: where an argument mentions it, else as the last one. A long one is left in a file.
    #[default]
    Argument,
    /// Pasted into its prompt, once it shows one.
    Paste,
}

/// How an agent's program tells what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooks {
    /// It calls the hooks of a settings file, as Claude Code does.
    Claude,
    /// It calls a program at the end of each turn, as Codex does.
    Codex,
}

impl Hooks {
    /// Returns its name in records and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
        }
    }
}

const PROMPTS: [(&str, FirstPrompt); 2] = [("argument", FirstPrompt::Argument), ("paste", FirstPrompt::Paste)];

const HOOKS: [(&str, Hooks); 2] = [("claude", Hooks::Claude), ("codex", Hooks::Codex)];

const DOINGS: [(&str, Doing); 6] = [
    ("working", Doing::Working),
    ("waiting", Doing::Waiting { what: Wait::Approval }),
    ("idle", Doing::Idle),
    ("limited", Doing::Limited { until: None }),
    ("done", Doing::Done),
    ("unknown", Doing::Unknown),
];

const WAITS: [(&str, Wait); 3] =
    [("permission", Wait::Permission), ("question", Wait::Question), ("approval", Wait::Approval)];

/// Reads the part over `terminal`, whose values stay where the file says nothing; reports defects.
pub(super) fn parse(name: &str, mut terminal: Terminal, node: &Node, report: &mut Report) -> Option<Terminal> {
    let mut fields = Fields::of(node, format!("`terminal` of agent `{name}`"), report)?;
    if let Some(args) = super::templates(fields.texts("args", report), report) {
        terminal.args = Some(args);
    }
    if let Some(args) = super::templates(fields.texts("resumeArgs", report), report) {
        terminal.resume_args = Some(args);
    }
    if let Some(args) = super::templates(fields.texts("planArgs", report), report) {
        terminal.plan_args = Some(args);
    }
    if let Some(prompt) = one_of(&mut fields, "prompt", &PROMPTS, report) {
        terminal.prompt = prompt;
    }
    if let Some(hooks) = one_of(&mut fields, "hooks", &HOOKS, report) {
        terminal.hooks = Some(hooks);
    }
    if let Some(node) = fields.get("shows") {
        let rules = list(node, "`shows`", report).iter().filter_map(|node| rule(node, report));
        terminal.shows = FaceRules(rules.collect());
    }
    if let Some(node) = fields.get("transcript") {
        terminal.transcript.rules = super::headless::rules(node, 0, report);
    }
    if let Some(texts) = fields.texts("quit", report) {
        terminal.quit = texts.into_iter().map(|text| keys(&text.value)).collect();
    }
    if let Some(texts) = fields.texts("interrupt", report) {
        terminal.interrupt = texts.into_iter().map(|text| keys(&text.value)).collect();
    }
    fields.refuse_unknown(report);
    Some(terminal)
}

fn rule(node: &Node, report: &mut Report) -> Option<FaceRule> {
    let mut fields = Fields::of(node, "an entry of `shows`", report)?;
    let is = one_of(&mut fields, "is", &DOINGS, report);
    let wait = one_of(&mut fields, "for", &WAITS, report);
    let title = fields.text("title", report).and_then(|text| pattern(text, report));
    let sees = patterns(&mut fields, "sees", report);
    let unless = patterns(&mut fields, "unless", report);
    let last = fields.number("last", 1, 1000, report).map_or_else(last, |last| usize::try_from(last).unwrap_or(1000));
    fields.refuse_unknown(report);
    if title.is_none() && sees.is_empty() {
        report.error(node.at, "an entry of `shows` fits any screen", "add `title` or `sees`");
        return None;
    }
    let Some(is) = is else {
        report.error(
            node.at,
            "an entry of `shows` has no `is`",
            "say what the agent does then: working, waiting, idle",
        );
        return None;
    };
    let is = match (is, wait) {
        (Doing::Waiting { .. }, Some(what)) => Doing::Waiting { what },
        (is, _) => is,
    };
    Some(FaceRule { is, title, sees, unless, last })
}

/// Reads one regular expression or a list of them; reports defects.
pub(super) fn patterns(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Vec<Pattern> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let texts: Vec<At<String>> = match &node.value {
        Value::List(items) => items.iter().filter_map(scalar).collect(),
        _ => scalar(node).into_iter().collect(),
    };
    if texts.is_empty() {
        let message = format!("`{key}` should be a text or a list of texts, not {}", node.kind());
        report.error(node.at, message, "each is a regular expression for one line");
    }
    texts.into_iter().filter_map(|text| pattern(text, report)).collect()
}

fn pattern(text: At<String>, report: &mut Report) -> Option<Pattern> {
    match Pattern::try_from(text.value) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            report.error(text.at, format!("this is not a regular expression: {why}"), "");
            None
        }
    }
}

/// Returns the bytes of what is typed: `esc`, `enter`, `tab`, `ctrl-x`, or the text itself.
fn keys(text: &str) -> String {
    match text {
        "esc" => "\x1b".to_owned(),
        "enter" => "\r".to_owned(),
        "tab" => "\t".to_owned(),
        _ => match text.strip_prefix("ctrl-").map(str::as_bytes) {
            Some([letter @ b'a'..=b'z']) => char::from(letter - b'a' + 1).to_string(),
            _ => text.to_owned(),
        },
    }
}
