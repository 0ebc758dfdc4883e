//! Talking with an agent both ways, whatever its protocol: what is said to it, what it says, what it wishes of its host.

use serde_json::Value;

use super::acp::{self, Client};
use super::claude;
use crate::agent::Signal;
use crate::domain::session::{Answer, Ask};

/// Something the agent wants of its host.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    /// An answer: allow a tool, or a choice.
    Ask {
        /// Names the wish.
        id: String,
        /// What is asked, one after the other.
        asks: Vec<Ask>,
        /// What the answer is made of: the tool's input, or the choices.
        input: Value,
    },
    /// An earlier wish is withdrawn.
    Cancel {
        /// Its name.
        id: String,
    },
    /// Something this host does not know.
    Unknown {
        /// Names the wish.
        id: String,
        /// What it is.
        what: String,
    },
}

/// What a line says, and what it makes the host say.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) signals: Vec<Signal>,
    pub(super) send: Vec<Value>,
    pub(super) wish: Option<Wish>,
}

/// A talk by one protocol.
#[derive(Debug)]
pub(super) enum Talk {
    /// Claude Code's JSON lines.
    Claude,
    /// The Agent Client Protocol.
    Acp(Client),
}

impl Talk {
    /// Returns what opens the talk.
    pub(super) fn open(&mut self, prompt: &str) -> Vec<Value> {
        match self {
            Self::Claude => vec![claude::hello(), claude::say(prompt)],
            Self::Acp(client) => client.open(prompt),
        }
    }

    /// Returns what says more.
    pub(super) fn say(&mut self, text: &str) -> Vec<Value> {
        match self {
            Self::Claude => vec![claude::say(text)],
            Self::Acp(client) => client.say(text),
        }
    }

    /// Takes a line of the agent; `None` where the rules of its record are what reads it.
    pub(super) fn hear(&mut self, line: &str) -> Option<Heard> {
        match self {
            Self::Claude => claude::wish(line).map(|wish| Heard { wish: Some(wish), ..Heard::default() }),
            Self::Acp(client) => Some(client.hear(line)),
        }
    }

    /// Returns the message that answers a wish.
    pub(super) fn reply(&self, id: &str, asks: &[Ask], input: &Value, answers: &[Answer]) -> Value {
        match self {
            Self::Claude => claude::reply(id, asks, input, answers),
            Self::Acp(_) => acp::reply(id, input, answers),
        }
    }

    /// Returns the message that refuses a wish.
    pub(super) fn refuse(&self, id: &str, what: &str) -> Value {
        match self {
            Self::Claude => claude::refuse(id, what),
            Self::Acp(_) => acp::refuse(id, what),
        }
    }

    /// Returns the message that has the agent end its turn; `None` where its program is told.
    pub(super) fn cancel(&self) -> Option<Value> {
        match self {
            Self::Claude => None,
            Self::Acp(client) => client.cancel(),
        }
    }
}
