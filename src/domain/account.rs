//! Accounts with providers, and what holds one back: the tickets of all its agents wait together, behind one message.

use serde::{Deserialize, Serialize};

use super::ids::TicketKey;
use super::ticket::FailureClass;
use super::time::Timestamp;

/// How long a limit is waited for where nobody says when it ends, in seconds; twice as long each time, up to the longest.
const FIRST: u64 = 15 * 60;
const LONGEST: u64 = 2 * 3600;

/// How long one ticket goes on alone before all others do, in seconds: where the limit still holds only one is refused.
pub(super) const TRY: u64 = 60;

/// What holds an account back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// What kind of refusal it was: a limit, or a credential.
    pub class: FailureClass,
    /// What the agent's program said, one plain line.
    pub message: String,
    /// The ticket whose agent was refused.
    pub ticket: TicketKey,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried again; `None` means when a person says so.
    pub until: Option<Timestamp>,
    /// How often in a row it was held before.
    #[serde(default)]
    pub before: u32,
    /// Whether one ticket at a time may try.
    #[serde(default)]
    pub trying: bool,
}

impl Hold {
    /// Says what holds the account called `account` back, as half a sentence.
    pub fn why(&self, account: &str) -> String {
        match self.class {
            FailureClass::Auth => format!("{account} is not logged in (see {})", self.ticket),
            FailureClass::Billing => format!("the account of {account} cannot pay (see {})", self.ticket),
            _ if self.trying => format!("usage limit of {account}: another ticket tries first"),
            _ => format!("usage limit of {account}"),
        }
    }
}

/// Returns when a limit is tried again of which nobody said when it ends, after so many others in a row.
pub(super) fn guess(now: Timestamp, before: u32) -> Timestamp {
    now.plus_seconds(FIRST.saturating_mul(1 << before.min(8)).min(LONGEST))
}

/// Says whether a refusal of this class is about the account and not about the ticket.
pub fn concerns_account(class: FailureClass) -> bool {
    matches!(class, FailureClass::Auth | FailureClass::Billing | FailureClass::UsageLimit)
}
