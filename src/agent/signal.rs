//! The vocabulary.

use std::time::Duration;

use serde_json::Value;

use super::trouble::Trouble;
use crate::domain::limit::LimitWindow;
use crate::domain::usage::Usage;

/// One thing an agent program said. Texts are as it said them: hostile until cleaned.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Its conversation has a name, by which it can be resumed.
    Conversation {
        /// The name.
        id: String,
    },
    /// It works with this model.
    Model {
        /// The model.
        name: String,
    },
    /// It said something.
    Message {
        /// What.
        text: String,
    },
    /// It said a part of something; the next part follows without a break.
    Part {
        /// The part.
        text: String,
    },
    /// It thought something.
    Thought {
        /// What.
        text: String,
    },
    /// It uses a tool.
    ToolStarted {
        /// Which use of a tool; `None` where the program gives uses no names.
        id: Option<String>,
        /// The tool.
        tool: String,
        /// What it is to do.
        input: Value,
    },
    /// A tool is done.
    ToolEnded {
        /// Which use of a tool.
        id: Option<String>,
        /// What it gave back.
        output: String,
        /// Whether it failed.
        failed: bool,
    },
    /// A request to its provider failed and is made again.
    Retrying {
        /// Which retry it is, from 1; 0 where that is not said.
        attempt: u64,
        /// How many there may be; 0 where that is not said.
        most: u64,
        /// How long it waits before.
        wait: Duration,
        /// Why.
        trouble: Trouble,
    },
    /// It shortens its conversation.
    Compacting,
    /// Something is not as it should be, and it goes on.
    Warning {
        /// What.
        text: String,
    },
    /// Something went wrong; whether that ended its work is told later.
    Failed {
        /// What.
        trouble: Trouble,
    },
    /// It was denied a tool.
    Denied {
        /// The tool.
        tool: String,
    },
    /// What it used up, counted as its rules say.
    Used {
        /// How much.
        usage: Usage,
    },
    /// What one message of it used up so far, until a [`Signal::Used`] tells of all of them.
    Uses {
        /// The message.
        id: String,
        /// How much.
        usage: Usage,
    },
    /// It took a prompt.
    TurnBegan,
    /// How much of what its provider allows is used up.
    Limit {
        /// For which stretch of time, and how much.
        window: LimitWindow,
    },
    /// Its turn is over.
    TurnEnded {
        /// What ended it badly; `None` means it ended as it should.
        trouble: Option<Trouble>,
    },
}
