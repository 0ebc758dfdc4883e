//! What an agent tells aotui about itself, in a structured way, with `aotui report`.

use serde::{Deserialize, Serialize};

use super::ids::RequestId;
use super::session::Ask;

/// One thing an agent says. Hostile until sanitised at the edge that reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum AgentReport {
    /// What it does now.
    Progress {
        /// A few words.
        text: String,
    },
    /// It waits for a person.
    Ask {
        /// Which request; the answer is bound to it.
        request: RequestId,
        /// What it asks.
        ask: Ask,
    },
    /// It no longer waits for this.
    Withdraw {
        /// Which request.
        request: RequestId,
    },
}
