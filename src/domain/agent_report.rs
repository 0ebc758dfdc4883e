//! What an agent tells aotui from inside its session, and how that text is made harmless.
//!
//! Whatever an agent writes is hostile until [`AgentReport::cleaned`] went over it: no control characters, no
//! characters that reorder or hide text, bounded lengths. What was cut says so, so that nothing hides behind a long start.

use serde::{Deserialize, Serialize};

use super::activity::Sighting;
use super::agent_run::AgentEnd;
use super::gate::Verdict;
use super::ids::RequestId;
use super::limit::LimitWindow;
use super::plain::{is_plain, plain_line, plain_text};
use super::session::{Ask, Target};

/// Longest activity kept, in characters.
const MAX_PROGRESS: usize = 200;
/// Longest tool name or suggested answer kept, in characters.
const MAX_LABEL: usize = 200;
/// Longest task kept, in characters.
const MAX_TASK: usize = 1_000;
/// Longest learning kept, in characters.
const MAX_LEARNING: usize = 1_000;
/// Longest reason or question kept, in characters.
const MAX_TEXT: usize = 4_000;
/// Longest exact command or diff kept, in characters.
const MAX_DETAIL: usize = 64_000;
/// Most suggested answers kept.
const MAX_OPTIONS: usize = 12;

/// One thing an agent says about its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum AgentReport {
    /// It does something new.
    Progress {
        /// What, in a few words.
        text: String,
    },
    /// It was heard or seen to do something.
    Activity {
        /// What, by which source.
        sighting: Sighting,
    },
    /// It told what it used up so far; a later one of the same session takes its place.
    Used {
        /// What its run came to so far.
        end: Box<AgentEnd>,
    },
    /// Its program told how much of what its provider allows is used up.
    Limit {
        /// For which stretch of time, and how much.
        window: LimitWindow,
    },
    /// It took a prompt and works on it.
    TurnBegan,
    /// It did what it was told and waits for more.
    TurnEnded {
        /// What its run came to so far; a later one of the same session takes its place.
        #[serde(default)]
        end: Box<AgentEnd>,
    },
    /// It waits for a person.
    Ask {
        /// Names the request within the session; the answer is bound to it.
        request: RequestId,
        /// What it asks.
        ask: Ask,
    },
    /// Its conversation has a name.
    Conversation {
        /// The name, by which it can be taken up.
        id: String,
    },
    /// It found something to do, or did it.
    Task {
        /// What, in a line; a task is known by it.
        text: String,
        /// Whether it is done.
        #[serde(default)]
        done: bool,
    },
    /// It judged what it looked at.
    Verdict {
        /// How.
        #[serde(flatten)]
        verdict: Verdict,
    },
    /// It learned something that later work should know.
    Learning {
        /// What, in a few sentences.
        text: String,
    },
    /// It no longer waits: it was answered in its terminal, or gave up.
    Withdraw {
        /// The request.
        request: RequestId,
    },
}

impl AgentReport {
    /// Returns the report with every text plain and bounded.
    #[must_use]
    pub fn cleaned(self) -> Self {
        match self {
            Self::Progress { text } => Self::Progress { text: plain_line(&text, MAX_PROGRESS) },
            Self::Activity { sighting } => Self::Activity { sighting: sighting.cleaned() },
            Self::Used { end } => Self::Used { end: Box::new(end.cleaned()) },
            Self::Limit { window } => Self::Limit { window: window.cleaned() },
            Self::TurnBegan => Self::TurnBegan,
            Self::TurnEnded { end } => Self::TurnEnded { end: Box::new(end.cleaned()) },
            Self::Ask { request, ask } => Self::Ask { request, ask: cleaned_ask(ask) },
            Self::Conversation { id } => Self::Conversation { id: plain_line(&id, MAX_LABEL) },
            Self::Task { text, done } => Self::Task { text: plain_line(&text, MAX_TASK), done },
            Self::Verdict { verdict: Verdict { verdict, reason } } => Self::Verdict {
                verdict: Verdict { verdict: plain_line(&verdict, MAX_LABEL), reason: plain_text(&reason, MAX_TEXT) },
            },
            Self::Learning { text } => Self::Learning { text: plain_text(&text, MAX_LEARNING) },
            Self::Withdraw { request } => Self::Withdraw { request },
        }
    }
}

/// Returns what a rule may go by: only what is shown whole and as it is.
fn cleaned_target(target: Target) -> Option<Target> {
    let (Target::Command { command: text } | Target::Path { path: text }) = &target;
    let whole = text.chars().count() <= MAX_DETAIL && text.chars().all(|c| is_plain(c) || matches!(c, '\n' | '\t'));
    whole.then_some(target)
}

fn cleaned_ask(ask: Ask) -> Ask {
    match ask {
        Ask::Permission { tool, detail, reason, target } => Ask::Permission {
            tool: plain_line(&tool, MAX_LABEL),
            detail: plain_text(&detail, MAX_DETAIL),
            reason: reason.map(|reason| plain_text(&reason, MAX_TEXT)),
            target: target.and_then(cleaned_target),
        },
        Ask::Question { text, options } => Ask::Question {
            text: plain_text(&text, MAX_TEXT),
            options: options.iter().take(MAX_OPTIONS).map(|option| plain_line(option, MAX_LABEL)).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_tries_to_paint_the_screen_arrives_as_plain_text() {
        let report = AgentReport::Ask {
            request: RequestId::new("7f3c").unwrap(),
            ask: Ask::Permission {
                tool: "Ba\x1b[2Jsh\nrm".into(),
                detail: "echo ok\r\n\x1b]0;x\x07rm \u{202e}fr-".into(),
                reason: Some("because\0".into()),
                target: Some(Target::Command { command: "rm \u{202e}fr-".into() }),
            },
        };
        let AgentReport::Ask { ask: Ask::Permission { tool, detail, reason, target }, .. } = report.cleaned() else {
            panic!("the kind changed");
        };
        assert_eq!(target, None, "no rule goes by what cannot be shown as it is");
        assert_eq!(tool, "Ba [2Jsh rm");
        assert_eq!(detail, "echo ok\n ]0;x rm  fr-");
        assert_eq!(reason.as_deref(), Some("because "));
    }

    #[test]
    fn a_command_too_long_to_show_says_how_much_is_hidden() {
        let text = plain_text(&"x".repeat(MAX_DETAIL + 7), MAX_DETAIL);
        assert!(text.ends_with("x… [7 more characters]"), "{}", &text[text.len() - 40..]);
    }

    #[test]
    fn the_wire_form_is_what_the_readme_promises() {
        let report: AgentReport = serde_json::from_str(
            r#"{"kind":"ask","request":"r1","ask":{"ask":"question","text":"Which?","options":["a","b"]}}"#,
        )
        .unwrap();
        assert!(matches!(report, AgentReport::Ask { ask: Ask::Question { .. }, .. }));
        let progress = AgentReport::Progress { text: "editing".into() };
        assert_eq!(serde_json::to_string(&progress).unwrap(), r#"{"kind":"progress","text":"editing"}"#);
    }
}
