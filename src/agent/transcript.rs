//! A readable transcript of a run, for a terminal.
//!
//! Everything a program said is made plain first: what is printed here are its words and our own styles, nothing else.

use crate::domain::activity::{Doing, Sighting, Source};
use std::time::Duration;

use serde_json::Value;

use super::signal::Signal;
use crate::domain::plain::{is_plain, plain_line, plain_text};

/// Longest message printed, in characters.
const MAX_MESSAGE: usize = 64_000;
/// Longest line that says what a tool does, in characters.
const MAX_HEADLINE: usize = 400;
/// Most lines printed of a tool's input or output.
const MAX_LINES: usize = 24;
/// Longest of these lines, in characters.
const MAX_LINE: usize = 400;

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// Turns signals into lines.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    /// Whether the last line printed is part of a message that may go on.
    open: bool,
    model: String,
}

impl Transcript {
    /// Returns what to print for a signal, with `\r\n` at the end of every finished line; may be empty.
    pub fn print(&mut self, signal: &Signal) -> String {
        let mut out = String::new();
        let prints_nothing = matches!(signal, Signal::Used { .. } | Signal::Uses { .. } | Signal::Limit { .. });
        if self.open && !prints_nothing && !matches!(signal, Signal::Part { .. }) {
            self.open = false;
            out.push_str("\r\n");
        }
        match signal {
            Signal::Conversation { .. }
            | Signal::Used { .. }
            | Signal::Uses { .. }
            | Signal::TurnBegan
            | Signal::Limit { .. }
            | Signal::TurnEnded { trouble: None } => {}
            Signal::Model { name } if *name == self.model => {}
            Signal::Model { name } => {
                self.model.clone_from(name);
                line(&mut out, DIM, &format!("model {}", plain_line(name, MAX_HEADLINE)));
            }
            Signal::Message { text } => {
                for text in plain_text(text, MAX_MESSAGE).lines() {
                    line(&mut out, "", text);
                }
            }
            Signal::Part { text } => {
                self.open = true;
                let plain = text.chars().map(|c| if is_plain(c) || c == '\n' { c } else { ' ' });
                out.push_str(&plain.take(MAX_MESSAGE).collect::<String>().replace('\n', "\r\n"));
            }
            Signal::Thought { text } => lines(&mut out, DIM, "  ", text),
            Signal::ToolStarted { tool, input, .. } => tool_started(&mut out, tool, input),
            Signal::ToolEnded { output, failed, .. } => {
                lines(&mut out, if *failed { RED } else { DIM }, "  ⎿ ", output);
            }
            Signal::Retrying { attempt, most, wait, trouble } => {
                let text = plain_line(&trouble.text, MAX_LINE);
                line(&mut out, YELLOW, &format!("↻ {}{}", retry(*attempt, *most, *wait), after(": ", &text)));
            }
            Signal::Compacting => line(&mut out, YELLOW, "… shortens its conversation"),
            Signal::Warning { text } => line(&mut out, YELLOW, &format!("! {}", plain_line(text, MAX_LINE))),
            Signal::Denied { tool } => line(&mut out, YELLOW, &format!("⊘ {} was denied", plain_line(tool, MAX_LINE))),
            Signal::Failed { trouble } | Signal::TurnEnded { trouble: Some(trouble) } => {
                // One without words is told in others when the run ends.
                if !trouble.text.is_empty() {
                    line(&mut out, RED, &format!("✗ {}", plain_line(&trouble.text, MAX_LINE)));
                }
            }
        }
        out
    }
}

/// Returns what an agent that gives this signal does now; `None` where that says nothing new.
pub fn activity(signal: &Signal) -> Option<Sighting> {
    let working = |text: &str, evidence: &str| {
        let text = plain_line(text, MAX_HEADLINE);
        Sighting::new(Doing::Working, Source::Protocol).text(text).evidence(evidence)
    };
    Some(match signal {
        Signal::Message { .. } | Signal::Part { .. } => working("writing", "a message"),
        Signal::Thought { .. } => working("thinking", "a thought"),
        Signal::ToolStarted { tool, input, .. } => {
            working(&format!("{tool}{}", after(": ", &headline(input))), "a tool is used")
        }
        Signal::Retrying { attempt, most, wait, trouble } => {
            let text = format!("{}{}", retry(*attempt, *most, *wait), after(": ", &trouble.text));
            Sighting { doing: Doing::Limited { until: None }, ..working(&text, "a request is made again") }
        }
        Signal::Compacting => working("shortens its conversation", "it compacts"),
        Signal::TurnBegan => working("thinking", "it took a prompt"),
        Signal::TurnEnded { .. } => Sighting { doing: Doing::Done, ..working("", "its turn is over") },
        _ => return None,
    })
}

/// Returns what an agent did last whose transcript has this signal; `None` where that says nothing.
pub fn recorded(signal: &Signal) -> Option<Sighting> {
    let seen = match signal {
        Signal::ToolEnded { .. } => {
            Sighting::new(Doing::Working, Source::Transcript).text("thinking").evidence("a tool is done")
        }
        signal => Sighting { source: Source::Transcript, ..activity(signal)? },
    };
    Some(seen.cleaned())
}

/// Returns the words for a retry: `retry 2 of 10 in 4 s`.
pub(super) fn retry(attempt: u64, most: u64, wait: Duration) -> String {
    let mut words = "retry".to_owned();
    if attempt > 0 {
        words.push_str(&format!(" {attempt}"));
    }
    if most > 0 {
        words.push_str(&format!(" of {most}"));
    }
    if !wait.is_zero() {
        words.push_str(&format!(" in {} s", wait.as_secs_f64().ceil()));
    }
    words
}

fn after(separator: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{separator}{text}") }
}

fn line(out: &mut String, style: &str, text: &str) {
    let end = if style.is_empty() { "" } else { PLAIN };
    out.push_str(&format!("{style}{text}{end}\r\n"));
}

fn lines(out: &mut String, style: &str, first: &str, text: &str) {
    let text = plain_text(text, MAX_MESSAGE);
    let count = text.lines().count();
    let indent = " ".repeat(first.chars().count());
    for (n, text) in text.lines().take(MAX_LINES).enumerate() {
        let start = if n == 0 { first } else { &indent };
        line(out, style, &format!("{start}{}", code(text)));
    }
    if count > MAX_LINES {
        line(out, DIM, &format!("{indent}… {} more lines", count - MAX_LINES));
    }
}

fn tool_started(out: &mut String, tool: &str, input: &Value) {
    let tool = plain_line(tool, MAX_HEADLINE);
    let headline = plain_line(&headline(input), MAX_HEADLINE);
    out.push_str(&format!("{BOLD}● {tool}{PLAIN}{}\r\n", after("  ", &headline)));
    let of = |names: &[&str]| names.iter().find_map(|name| input.get(name)?.as_str());
    let (old, new) = (of(&["old_string", "oldText", "old_str"]), of(&["new_string", "newText", "new_str", "content"]));
    for (text, style, sign) in [(old, RED, "  - "), (new, GREEN, "  + ")] {
        let Some(text) = text else { continue };
        let count = text.lines().count();
        for text in text.lines().take(MAX_LINES) {
            line(out, style, &format!("{sign}{}", code(text)));
        }
        if count > MAX_LINES {
            line(out, DIM, &format!("{sign}… {} more lines", count - MAX_LINES));
        }
    }
}

/// Returns a line with its indentation, made plain and bounded.
fn code(line: &str) -> String {
    let start: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).take(MAX_LINE).collect();
    format!("{}{}", start.replace('\t', "    "), plain_line(line, MAX_LINE))
}

/// Returns what a tool is to do in one line: its command, its file, or all it was given.
pub fn headline(input: &Value) -> String {
    const TELLING: [&str; 9] =
        ["command", "cmd", "file_path", "filePath", "path", "pattern", "query", "url", "description"];
    if let Value::String(text) = input {
        // Some programs write down as text what they gave a tool.
        let inner = serde_json::from_str(text).ok().filter(Value::is_object);
        return inner.map_or_else(|| text.clone(), |inner| headline(&inner));
    }
    if let Value::Array(items) = input {
        return items.iter().map(headline).collect::<Vec<_>>().join(", ");
    }
    let Value::Object(members) = input else { return String::new() };
    if let Some(text) = TELLING.iter().find_map(|name| members.get(*name)) {
        return text.as_str().map_or_else(|| text.to_string(), str::to_owned);
    }
    if members.is_empty() { String::new() } else { input.to_string() }
}
