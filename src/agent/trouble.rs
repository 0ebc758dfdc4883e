//! What an error of an agent program means.

use serde::{Deserialize, Serialize};

use super::face::Pattern;
use crate::domain::ticket::FailureClass;

/// An error as an agent program tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trouble {
    /// Its words.
    pub text: String,
    /// The HTTP status behind it, where it says one.
    pub status: Option<u16>,
    /// A name it gives the error: `rate_limit`, `max_turns` …
    pub code: Option<String>,
}

/// A rule of an agent's record: an error whose text contains `contains`, letter case ignored, is of this class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextRule {
    /// What the text contains, in small letters.
    pub contains: String,
    /// The class.
    pub class: FailureClass,
}

/// Phrases that tell the class, most telling first. Sources: what the programs said to a scripted provider (see the
/// recordings in `tests/recordings`) and the providers' documented error types.
const PHRASES: &[(FailureClass, &[&str])] = &[
    (
        FailureClass::UsageLimit,
        &[
            "usage limit",
            "usage_limit",
            "exceeded your current quota",
            "insufficient_quota",
            "quota exceeded",
            "resource_exhausted",
            "5-hour limit",
            "weekly limit",
            "limit reached",
        ],
    ),
    (
        FailureClass::Billing,
        &["billing", "credit balance", "payment required", "purchase credits", "insufficient funds"],
    ),
    (
        FailureClass::ContextOverflow,
        &[
            "prompt_too_long",
            "prompt is too long",
            "context_length_exceeded",
            "contextoverflow",
            "context window",
            "context length",
            "maximum context",
            "ran out of room",
        ],
    ),
    (FailureClass::MaxTurns, &["max_turns", "maximum number of turns", "loop detected", "max turns"]),
    (
        FailureClass::Auth,
        &[
            "authentication_failed",
            "authentication_error",
            "authenticationerror",
            "invalid api key",
            "invalid x-api-key",
            "api key not valid",
            "not logged in",
            "please run /login",
            "oauth token",
            "unauthorized",
            "permission_error",
            "not able to authenticate",
        ],
    ),
    (FailureClass::Overloaded, &["overloaded", "service unavailable", "server_error", "internal server error"]),
    (FailureClass::RateLimit, &["rate_limit", "rate limit", "ratelimit", "too many requests"]),
    (
        FailureClass::Network,
        &[
            "connection_failed",
            "econnreset",
            "econnrefused",
            "enotfound",
            "etimedout",
            "eai_again",
            "connection error",
            "connection reset",
            "connection refused",
            "connection dropped",
            "connection was closed",
            "cannot connect to",
            "stream disconnected",
            "network error",
            "fetch failed",
            "socket hang up",
            "terminated",
        ],
    ),
];

/// Returns what kind of failure an error is. The record's own rules come first, then the words, then the status;
/// what none of them knows is unknown.
pub fn classify(trouble: &Trouble, own: &[TextRule]) -> FailureClass {
    let words = format!("{} {}", trouble.code.as_deref().unwrap_or_default(), trouble.text).to_lowercase();
    if let Some(rule) = own.iter().find(|rule| words.contains(&rule.contains)) {
        return rule.class;
    }
    let said = PHRASES.iter().find(|(_, phrases)| phrases.iter().any(|phrase| words.contains(phrase)));
    if let Some((class, _)) = said {
        return *class;
    }
    match trouble.status.or_else(|| status_in(&words)) {
        Some(401 | 403) => FailureClass::Auth,
        Some(402) => FailureClass::Billing,
        Some(413) => FailureClass::ContextOverflow,
        Some(429) => FailureClass::RateLimit,
        Some(408) => FailureClass::Network,
        Some(500..=599) => FailureClass::Overloaded,
        _ => FailureClass::Unknown,
    }
}

/// Returns the error after which a program tries again, where this line of its standard error is one of those by which
/// it says so: what the first group of the pattern has, else the whole line.
pub fn tries_again(line: &str, patterns: &[Pattern]) -> Option<Trouble> {
    let text = patterns.iter().find_map(|pattern| pattern.capture(line))?;
    Some(Trouble { text: text.to_owned(), ..Trouble::default() })
}

/// Returns the HTTP status of an error that the text names, as in `401 invalid key` or `status 503`.
fn status_in(words: &str) -> Option<u16> {
    let mut before = "";
    for (n, word) in words.split_whitespace().enumerate() {
        let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
        let named = n == 0 || before.ends_with("status") || before.ends_with("status:") || before.ends_with("error:");
        if digits.len() == 3
            && named
            && let Ok(status @ 400..=599) = digits.parse()
        {
            return Some(status);
        }
        before = word;
    }
    None
}
