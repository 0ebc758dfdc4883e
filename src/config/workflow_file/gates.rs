//! Reads the gates of a phase: each is a name, or a map with one kind of gate and its settings.

use super::phases::YEAR;
use crate::config::fields::{At, Fields, Report, meant, scalar};
use crate::config::yaml::{Node, Value};
use crate::domain::gate::{Check, Gate};

/// Every kind of gate.
const KINDS: [&str; 2] = ["command", "commit"];

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
        let check = match kind.value.as_str() {
            "command" => {
                report.error(kind.at, format!("gate `command` of {phase} runs nothing"), "write `command: make check`");
                return None;
            }
            "commit" => Check::Commit { since_base: false },
            _ => return unknown(&kind, phase, report),
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
        _ => {
            let since_base = one_of(fields, "commit", &["phase", "base"], report)? == 1;
            Some((Check::Commit { since_base }, kind.to_owned()))
        }
    }
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
