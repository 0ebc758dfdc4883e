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
    /// Names a role, and the file its prompt is in.
    RoleName = "role name";
    /// Names an agent record.
    AgentName = "agent name";
    /// Names one request of an agent (a permission or a question).
    RequestId = "request id";
    /// Names a branch of a parallel phase.
    BranchName = "branch name";
    /// Names a walk below a ticket: its phase, a dot, and the branch, the number of the item or the called workflow.
    WalkName = "walk name";
}

impl WalkName {
    /// Returns the name of the walk that `phase` begins for `part`.
    pub fn below(phase: &PhaseId, part: impl fmt::Display) -> Result<Self, BadName> {
        Self::new(format!("{phase}.{part}"))
    }
}

/// Identifies a ticket across plans, or a walk below one. Printed and parsed as `PLAN/TICKET` and `PLAN/TICKET/WALK…`:
/// `/` is not allowed in ids, so that no ticket of a person has the key of a walk.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TicketKey {
    /// The plan the ticket belongs to.
    pub plan: PlanId,
    /// The ticket's own id.
    pub ticket: TicketId,
    /// The walk below the ticket, outermost first; empty for the ticket itself.
    pub walk: Vec<WalkName>,
}

impl TicketKey {
    /// Returns the key of `ticket` in `plan`.
    pub fn new(plan: PlanId, ticket: TicketId) -> Self {
        Self { plan, ticket, walk: Vec::new() }
    }

    /// Returns the key of the walk right below this one.
    #[must_use]
    pub fn below(&self, walk: WalkName) -> Self {
        let mut below = self.clone();
        below.walk.push(walk);
        below
    }

    /// Returns what this walk is right below of; `None` for a ticket.
    pub fn above(&self) -> Option<Self> {
        let mut above = self.clone();
        above.walk.pop().map(|_| above)
    }

    /// Returns the ticket this is a walk of; a ticket's key itself.
    #[must_use]
    pub fn root(&self) -> Self {
        Self::new(self.plan.clone(), self.ticket.clone())
    }

    /// Returns whether this is a walk below a ticket.
    pub fn is_walk(&self) -> bool {
        !self.walk.is_empty()
    }

    /// Returns the key without its plan, as a table prints it where the plan is known.
    pub fn name(&self) -> String {
        let parts = std::iter::once(self.ticket.as_str()).chain(self.walk.iter().map(WalkName::as_str));
        parts.collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.plan, self.ticket)?;
        self.walk.iter().try_for_each(|walk| write!(f, "/{walk}"))
    }
}

impl FromStr for TicketKey {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let (plan, rest) = text.split_once('/').unwrap_or(("", text));
        let mut parts = rest.split('/');
        let key = Self::new(PlanId::new(plan)?, TicketId::new(parts.next().unwrap_or_default())?);
        Ok(Self { walk: parts.map(WalkName::new).collect::<Result<_, _>>()?, ..key })
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

/// Identifies one session: the `n`-th process aotui started for a ticket or a walk below one. Printed as
/// `PLAN~TICKET~N` or `PLAN~TICKET~WALK…~N`, which is also the name of its directory (`~` is not allowed in ids, so no
/// two sessions share one).
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
        write!(f, "{}~{}~", self.ticket.plan, self.ticket.ticket)?;
        self.ticket.walk.iter().try_for_each(|walk| write!(f, "{walk}~"))?;
        write!(f, "{}", self.n)
    }
}

impl FromStr for SessionId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad =
            || BadName { kind: "session id", text: text.chars().take(80).collect(), why: "it is not PLAN~TICKET~N" };
        let parts: Vec<&str> = text.split('~').collect();
        let [plan, ticket, walk @ .., n] = parts.as_slice() else { return Err(bad()) };
        let n = n.parse().map_err(|_| bad())?;
        let walk = walk.iter().map(|name| WalkName::new(*name)).collect::<Result<_, _>>()?;
        Ok(Self { ticket: TicketKey { walk, ..TicketKey::new(PlanId::new(*plan)?, TicketId::new(*ticket)?) }, n })
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
        let key: TicketKey = "billing/PAY-114/reviews.security/parts.2".parse().unwrap();
        assert_eq!((key.to_string().as_str(), key.walk.len()), ("billing/PAY-114/reviews.security/parts.2", 2));
        assert_eq!(key.above().unwrap().to_string(), "billing/PAY-114/reviews.security");
        assert_eq!((key.root().to_string(), key.root().above()), ("billing/PAY-114".into(), None));
        let id = SessionId::new(key, 3);
        assert_eq!(id.to_string(), "billing~PAY-114~reviews.security~parts.2~3");
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        assert!(
            "billing/PAY-114/a b".parse::<TicketKey>().is_err() && "billing/PAY-114/".parse::<TicketKey>().is_err()
        );
    }
}
