//! What work with a model used up.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a conversation with a model used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens sent, without those read from or written to a cache.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
    /// Tokens sent that a cache had.
    pub cache_read: u64,
    /// Tokens sent that were written to a cache.
    pub cache_write: u64,
    /// How often the agent acted: uses of a tool, and ends of what it says.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub turns: u64,
    /// Price in millionths of a dollar; `None` where the program names none.
    pub cost_micros: Option<u64>,
}

impl Usage {
    /// Returns all tokens together.
    pub fn tokens(&self) -> u64 {
        [self.output, self.cache_read, self.cache_write].into_iter().fold(self.input, u64::saturating_add)
    }

    /// Returns both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.merged(other, u64::saturating_add)
    }

    /// Returns what is left without `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        let mut left = self.merged(Self { cost_micros: None, ..other }, u64::saturating_sub);
        left.cost_micros = self.cost_micros.map(|cost| cost.saturating_sub(other.cost_micros.unwrap_or(0)));
        left
    }

    /// Returns the larger of both, number by number; the price is that of `self` where it has one.
    #[must_use]
    pub fn at_least(self, other: Self) -> Self {
        Self { cost_micros: self.cost_micros.or(other.cost_micros), ..self.merged(other, u64::max) }
    }

    fn merged(self, other: Self, with: fn(u64, u64) -> u64) -> Self {
        Self {
            input: with(self.input, other.input),
            output: with(self.output, other.output),
            cache_read: with(self.cache_read, other.cache_read),
            cache_write: with(self.cache_write, other.cache_write),
            turns: with(self.turns, other.turns),
            cost_micros: match (self.cost_micros, other.cost_micros) {
                (Some(a), Some(b)) => Some(with(a, b)),
                (one, other) => one.or(other),
            },
        }
    }
}

impl fmt::Display for Usage {
    /// Writes it as a person reads it: `4.1k tokens, $0.02`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", tokens(self.tokens()))?;
        match self.cost_micros {
            None | Some(0) => Ok(()),
            Some(micros) => write!(f, ", {}", dollars(micros)),
        }
    }
}

/// Says how many tokens as a person reads it: `4.1k tokens`.
pub fn tokens(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} tokens"),
        1_000..1_000_000 => format!("{}.{}k tokens", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{:02}M tokens", count / 1_000_000, count % 1_000_000 / 10_000),
    }
}

/// Says how much money as a person reads it: `$0.02`.
pub fn dollars(micros: u64) -> String {
    match micros {
        1..10_000 => "less than $0.01".to_owned(),
        micros => format!("${}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let usage = |input, cost_micros| Usage { input, cost_micros, ..Usage::default() }.to_string();
        assert_eq!(usage(950, None), "950 tokens");
        assert_eq!(usage(4_080, Some(16_470)), "4.0k tokens, $0.01");
        assert_eq!(usage(1_420_000, Some(6_100_000)), "1.42M tokens, $6.10");
        assert_eq!(usage(10, Some(9)), "10 tokens, less than $0.01");
    }
}
