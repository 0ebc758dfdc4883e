//! Names of things: validated newtypes, so that a path, a branch or a socket built from one is safe.
//!
//! Every id that a person or a file can bring in is checked here, once, by [`check_name`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest id accepted, in bytes. Leaves room for prefixes and suffixes in a 255-byte file name.
pub const MAX_NAME: usize = 64;

/// Says why a text is not usable as an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{text}` is not valid: {why}")]
pub struct BadName {
    kind: &'static str,
    text: String,
    why: &'static str,
}

/// Checks the one rule for all ids: `[A-Za-z0-9][A-Za-z0-9._-]*`, at most [`MAX_NAME`] bytes,
/// no `..`, not ending in `.` or `.lock` (git refuses such refs).
fn check_name(kind: &'static str, text: &str) -> Result<(), BadName> {
    let bad = |why| {
        let text = text.chars().filter(|c| !c.is_control()).take(80).collect();
        Err(BadName { kind, text, why })
    };
    let Some(first) = text.chars().next() else {
        return bad("it is empty");
    };
    if text.len() > MAX_NAME {
        return bad("it is longer than 64 characters");
    }
    if !first.is_ascii_alphanumeric() {
        return bad("it must start with a letter or a digit");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)) {
        return bad("only letters, digits, `.`, `_` and `-` are allowed");
    }
    if text.contains("..") || text.ends_with('.') || text.ends_with(".lock") {
        return bad("`..`, a final `.` and a final `.lock` are not allowed");
    }
    Ok(())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the checked name.
            pub fn new(text: impl Into<String>) -> Result<Self, BadName> {
                let text = text.into();
                check_name($kind, &text)?;
                Ok(Self(text))
            }

            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(text: String) -> Result<Self, BadName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    )*};
}

names! {
    /// Names a plan.
    PlanId = "plan id";
    /// Names a ticket within its plan.
    TicketId = "ticket id";
    /// Names a phase within its workflow.
    PhaseId = "phase id";
    /// Names a workflow.
    WorkflowName = "workflow name";
    /// Names an agent record.
    AgentName = "agent name";
    /// Names one request of an agent (a permission or a question).
    RequestId = "request id";
}

/// Identifies a ticket across plans. Printed and parsed as `PLAN/TICKET`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketKey {
    /// The plan the ticket belongs to.
    pub plan: PlanId,
    /// The ticket's own id.
    pub ticket: TicketId,
}

impl TicketKey {
    /// Returns the key of `ticket` in `plan`.
    pub fn new(plan: PlanId, ticket: TicketId) -> Self {
        Self { plan, ticket }
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.plan, self.ticket)
    }
}

impl FromStr for TicketKey {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let (plan, ticket) = text.split_once('/').unwrap_or(("", text));
        Ok(Self { plan: PlanId::new(plan)?, ticket: TicketId::new(ticket)? })
    }
}

impl TryFrom<String> for TicketKey {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<TicketKey> for String {
    fn from(key: TicketKey) -> String {
        key.to_string()
    }
}

/// Identifies one session: the `n`-th process aotui started for a ticket. Printed as `PLAN~TICKET~N`,
/// which is also the name of its directory (`~` is not allowed in ids, so no two sessions share one).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId {
    /// The ticket the session works for.
    pub ticket: TicketKey,
    /// Counts the sessions of the ticket, from 1.
    pub n: u32,
}

impl SessionId {
    /// Returns the id of the `n`-th session of `ticket`.
    pub fn new(ticket: TicketKey, n: u32) -> Self {
        Self { ticket, n }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~{}", self.ticket.plan, self.ticket.ticket, self.n)
    }
}

impl FromStr for SessionId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad =
            || BadName { kind: "session id", text: text.chars().take(80).collect(), why: "it is not PLAN~TICKET~N" };
        let mut parts = text.split('~');
        let (Some(plan), Some(ticket), Some(n), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(bad());
        };
        let n = n.parse().map_err(|_| bad())?;
        Ok(Self { ticket: TicketKey::new(PlanId::new(plan)?, TicketId::new(ticket)?), n })
    }
}

impl TryFrom<String> for SessionId {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_be_dangerous_as_paths_or_refs_are_refused() {
        for bad in
            ["", "../x", "-rf", "a/b", "a b", "a..b", ".hidden", "x.lock", "x.", "$(touch pwned)", "é", "a\n", "a~b"]
        {
            assert!(TicketId::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(TicketId::new("x".repeat(65)).is_err());
        for good in ["PAY-114", "1", "a.b_c-d"] {
            assert!(TicketId::new(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn keys_and_session_ids_print_and_parse_back() {
        let key: TicketKey = "billing/PAY-114".parse().unwrap();
        assert_eq!(key.to_string(), "billing/PAY-114");
        let id = SessionId::new(key, 7);
        assert_eq!(id.to_string(), "billing~PAY-114~7");
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        assert!("billing~PAY-114".parse::<SessionId>().is_err());
    }
}
