//! Reads the gates of a phase: each is a name, or a map with one kind of gate and its settings.

use super::phases::YEAR;
use crate::config::fields::{At, Fields, Report, meant, scalar};
use crate::config::yaml::{Node, Value};
use crate::domain::gate::{BASELINE, Check, Gate};
use crate::domain::workflow::Artifacts;

/// Every kind of gate.
const KINDS: [&str; 11] = [
    "command",
    "commit",
    "cleanTree",
    "noTodo",
    "noSecrets",
    "tests",
    "fakeTests",
    "scope",
    "pinned",
    "verdict",
    "learned",
];

/// Kinds that are complete with their name alone.
const PLAIN: [&str; 8] = ["commit", "cleanTree", "noTodo", "noSecrets", "fakeTests", "pinned", "verdict", "learned"];

/// Words by which a line says that something is still to be done.
const TODO: [&str; 6] = ["TODO", "FIXME", "XXX", "HACK", "todo!", "unimplemented!"];

/// Seconds a program of a gate may take that says nothing about it.
const TIMEOUT: u32 = 1800;

/// Most gates of one phase.
const MOST: usize = 50;

/// Reads `gates` of a phase; reports every defect.
pub(super) fn gates(fields: &mut Fields<'_>, report: &mut Report) -> Vec<Gate> {
    let Some(node) = fields.get("gates") else { return Vec::new() };
    let Value::List(items) = &node.value else {
        let message = format!("`gates` of {} should be a list, not {}", fields.what, node.kind());
        report.error(node.at, message, "write `gates: [commit]`, or one gate a line");
        return Vec::new();
    };
    if items.len() > MOST {
        report.error(node.at, format!("{} has more than {MOST} gates", fields.what), "");
    }
    let mut gates: Vec<Gate> = Vec::new();
    for item in items {
        let Some(gate) = gate(item, &fields.what, report) else { continue };
        if gates.iter().any(|known| known.name == gate.name) {
            let message = format!("two gates of {} are called `{}`", fields.what, gate.name);
            report.error(item.at, message, "give one of them a `name`");
            continue;
        }
        gates.push(gate);
    }
    gates
}

fn gate(node: &Node, phase: &str, report: &mut Report) -> Option<Gate> {
    if let Some(kind) = scalar(node) {
        let Some(check) = plain(&kind.value) else {
            if !KINDS.contains(&kind.value.as_str()) {
                return unknown(&kind, phase, report);
            }
            let hint = match kind.value.as_str() {
                "scope" => "write `scope: [\"src/**\"]`".to_owned(),
                name => format!("write `{name}: make test`"),
            };
            report.error(kind.at, format!("gate `{}` of {phase} needs to be told more", kind.value), hint);
            return None;
        };
        return Some(Gate { name: kind.value, check, timeout_seconds: u64::from(TIMEOUT) });
    }
    let mut fields = Fields::of(node, format!("a gate of {phase}"), report)?;
    let given: Vec<&'static str> = KINDS.into_iter().filter(|kind| fields.get(kind).is_some()).collect();
    let name = fields.text("name", report);
    let timeout = fields.number("timeoutSeconds", 1, YEAR, report).unwrap_or(TIMEOUT);
    let [kind] = given.as_slice() else {
        let (what, hint) = match given.as_slice() {
            [] => ("says not what it checks", format!("one of {}", KINDS.join(", "))),
            _ => ("checks more than one thing", "write each as a gate of its own".to_owned()),
        };
        let (at, hint) = fields.unknown().first().map_or((node.at, hint), |(key, near)| (key.at, near.clone()));
        report.error(at, format!("a gate of {phase} {what}"), hint);
        return None;
    };
    let (check, usual) = check(kind, &mut fields, report)?;
    fields.refuse_unknown(report);
    let name = name.map_or(usual, |name| name.value);
    Some(Gate { name, check, timeout_seconds: u64::from(timeout) })
}

/// Reads what a gate checks; returns the name it has unless it is given one.
fn check(kind: &str, fields: &mut Fields<'_>, report: &mut Report) -> Option<(Check, String)> {
    match kind {
        "command" => {
            let script = shell_text(fields, "command", report)?;
            Some((Check::Command { script: script.value.clone() }, first_words(&script.value)))
        }
        "commit" => {
            let since_base = one_of(fields, "commit", &["phase", "base"], report)? == 1;
            Some((Check::Commit { since_base }, kind.to_owned()))
        }
        "tests" => {
            let script = shell_text(fields, "tests", report)?.value;
            let compare = fields.flag("compare", report).unwrap_or(true);
            let known_failures = fields.flag("knownFailures", report).unwrap_or(false);
            let baseline = fields.get("baseline").map(|node| node.at);
            let since_begin = baseline.is_some() && one_of(fields, "baseline", &["phase", "ticket"], report)? == 1;
            if let Some(at) = baseline.filter(|_| !compare) {
                let message = format!("{} has a `baseline` and does not compare", fields.what);
                report.error(at, message, "remove `compare: false`");
            }
            Some((Check::Tests { script, compare, known_failures, since_begin }, kind.to_owned()))
        }
        "noTodo" => Some((Check::NoTodo { words: list(fields, "noTodo", report)? }, kind.to_owned())),
        "scope" => Some((Check::Scope { paths: list(fields, "scope", report)? }, kind.to_owned())),
        "pinned" => Some((Check::Pinned { paths: list(fields, "pinned", report)? }, kind.to_owned())),
        "verdict" => Some((Check::Verdict { accepts: list(fields, "verdict", report)? }, kind.to_owned())),
        _ => {
            let message = format!("gate `{kind}` of {} takes nothing", fields.what);
            report.error(fields.at, message, format!("write `- {kind}` alone"));
            None
        }
    }
}

/// Returns the gate that a name alone stands for; `None` where that says too little.
fn plain(kind: &str) -> Option<Check> {
    Some(match PLAIN.into_iter().find(|plain| *plain == kind)? {
        "commit" => Check::Commit { since_base: false },
        "cleanTree" => Check::CleanTree,
        "noTodo" => Check::NoTodo { words: TODO.map(str::to_owned).to_vec() },
        "noSecrets" => Check::NoSecrets,
        "fakeTests" => Check::FakeTests,
        "pinned" => Check::Pinned { paths: Vec::new() },
        "verdict" => Check::Verdict { accepts: vec!["pass".to_owned()] },
        _ => Check::Learned,
    })
}

/// Returns a list of texts that is not empty.
fn list(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Option<Vec<String>> {
    let at = fields.get(key)?.at;
    let texts = fields.texts(key, report)?;
    if texts.is_empty() || texts.iter().any(|text| text.value.trim().is_empty()) {
        report.error(at, format!("`{key}` of {} has nothing in it", fields.what), "");
        return None;
    }
    Some(texts.into_iter().map(|text| text.value).collect())
}

/// Longest name of an artifact, in characters.
const LONGEST_NAME: usize = 100;

/// Reads `artifacts` of a phase. What it has to leave is checked by a gate each, which is added.
pub(super) fn artifacts(fields: &mut Fields<'_>, gates: &mut Vec<Gate>, report: &mut Report) -> Artifacts {
    let Some(node) = fields.get("artifacts") else { return Artifacts::default() };
    let Some(mut inner) = Fields::of(node, format!("`artifacts` of {}", fields.what), report) else {
        return Artifacts::default();
    };
    let reads = names(&mut inner, "reads", report);
    let writes = names(&mut inner, "writes", report);
    if let Some(at) = inner.get("writes").map(|node| node.at).filter(|_| writes.iter().any(|name| name == BASELINE)) {
        let message = format!("`{BASELINE}` is what aotui itself leaves: what tests came to when the ticket began");
        report.error(at, message, "choose another name");
    }
    inner.refuse_unknown(report);
    gates.extend(writes.iter().map(|name| Gate {
        name: format!("artifact {name}"),
        check: Check::Artifact { name: name.clone() },
        timeout_seconds: u64::from(TIMEOUT),
    }));
    Artifacts { reads, writes }
}

fn names(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in fields.texts(key, report).unwrap_or_default() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let usable = !name.value.is_empty()
            && name.value.len() <= LONGEST_NAME
            && !name.value.starts_with(['.', '-'])
            && name.value.chars().all(plain);
        if !usable {
            let message = format!("`{}` cannot be the name of an artifact", name.value);
            report.error(name.at, message, "use letters, digits, `.`, `_` and `-`, for example `spec.md`");
        } else if names.contains(&name.value) {
            report.error(name.at, format!("`{}` is there twice", name.value), "remove one of them");
        } else {
            names.push(name.value);
        }
    }
    names
}

/// Reads `onVerdict` of a phase: where each verdict leads.
pub(super) fn on_verdict(fields: &mut Fields<'_>, report: &mut Report) -> Vec<(String, At<String>)> {
    let entries = fields.entries("onVerdict", report);
    let what = fields.what.clone();
    let edge = |(key, node): (At<String>, &Node)| {
        let to = scalar(node);
        if to.is_none() {
            report.error(node.at, format!("verdict `{}` of {what} should lead to a phase", key.value), "");
        }
        to.map(|to| (key.value, to))
    };
    entries.into_iter().filter_map(edge).collect()
}

fn unknown(kind: &At<String>, phase: &str, report: &mut Report) -> Option<Gate> {
    report.error(kind.at, format!("{phase} has an unknown gate `{}`", kind.value), meant(&kind.value, KINDS));
    None
}

/// Returns a text for `sh`, in which templates are not rendered.
fn shell_text(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Option<At<String>> {
    let text = fields.text(key, report)?;
    if text.value.trim().is_empty() {
        report.error(text.at, format!("`{key}` of {} is empty", fields.what), "");
        return None;
    }
    super::kinds::refuse_template(&text, report);
    Some(text)
}

/// Returns the position of the word `key` has among `words`.
fn one_of(fields: &mut Fields<'_>, key: &'static str, words: &[&str], report: &mut Report) -> Option<usize> {
    let text = fields.text(key, report)?;
    let found = words.iter().position(|word| *word == text.value);
    if found.is_none() {
        let message = format!("`{key}` of {} cannot be `{}`", fields.what, text.value);
        report.error(text.at, message, meant(&text.value, words.iter().copied()));
    }
    found
}

/// Returns the first line of a command, cut to what fits into a list.
fn first_words(script: &str) -> String {
    crate::domain::plain::short_line(script.trim().lines().next().unwrap_or_default(), 40)
}
