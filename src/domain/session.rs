//! A session: one process with its terminal, what it asks for and how it ended.

use serde::{Deserialize, Serialize};

use super::ids::RequestId;
use super::ticket::Failure;
use super::time::Timestamp;

/// Something an agent waits for a person to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Which request of the session; the answer is bound to it.
    pub id: RequestId,
    /// What is asked.
    pub ask: Ask,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// What an agent asks a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "ask")]
pub enum Ask {
    /// May it use this tool in exactly this way?
    Permission {
        /// The tool.
        tool: String,
        /// The exact command, path or diff.
        detail: String,
        /// Why, in the agent's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What exactly it is about, for rules to go by; `None` where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Target>,
    },
    /// What should it do?
    Question {
        /// The question.
        text: String,
        /// Answers it suggests; free text is always possible.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
    },
}

impl Ask {
    /// Says on one line what is asked.
    pub fn in_short(&self) -> String {
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        match self {
            Self::Permission { tool, detail, .. } => format!("wants to use {tool}: {}", first(detail)),
            Self::Question { text, .. } => format!("asks: {}", first(text)),
        }
    }
}

/// What a tool is to be used on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "on")]
pub enum Target {
    /// A command, for a shell.
    Command {
        /// The whole text.
        command: String,
    },
    /// A file.
    Path {
        /// Its path: relative to the worktree where it is in it, with no link on the way that leads out of it; else
        /// absolute.
        path: String,
    },
}

/// A person's answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Answer {
    /// Yes, this once.
    Allow,
    /// No.
    Deny {
        /// What the agent is told; may be empty.
        #[serde(default)]
        message: String,
    },
    /// The answer to a question.
    Reply {
        /// The text.
        text: String,
    },
}

/// Who has a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoppedBy {
    /// A person who stops, retries or skips its ticket.
    Person,
    /// Its time was up, or something else that it may only have so much of.
    Timeout,
    /// A person who stops everything at once.
    Shutdown,
    /// Nobody: its agent's turn is over, and it did not leave by itself.
    TurnOver,
}

/// Names a signal for a person, by its number on Linux.
pub fn signal_words(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP, its terminal went",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL, it crashed",
        6 => "SIGABRT, it gave up",
        7 => "SIGBUS, it crashed",
        8 => "SIGFPE, it crashed",
        9 => "SIGKILL, which the system also sends when memory runs out",
        11 => "SIGSEGV, it crashed",
        13 => "SIGPIPE, nobody read what it wrote",
        15 => "SIGTERM",
        24 => "SIGXCPU, its CPU time was up",
        25 => "SIGXFSZ, its file became too long",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It did not.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// A person went past it.
    Skipped,
    /// Its session vanished with the machine or its holder; it counts for nothing.
    Interrupted,
    /// A person stopped everything; it counts for nothing.
    Stopped,
    /// Its conversation went on in another session, with a person or without; it counts for nothing.
    HandedOver,
}

impl Outcome {
    /// Returns whether it says nothing about the work: the attempt is made again as if it had never been.
    pub fn is_void(&self) -> bool {
        matches!(self, Self::Interrupted | Self::Stopped | Self::HandedOver)
    }
}
