//! What work may use up, and what tokens cost where nobody says.

use serde::{Deserialize, Serialize};

use super::problem::nearest;
use super::usage::Usage;

/// The most that may be used up. A dimension without a number is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Budget {
    /// Tokens of all kinds together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Millionths of a dollar; in files dollars.
    #[serde(rename = "cost", with = "in_dollars", skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// Turns: uses of a tool, and ends of what an agent says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<u64>,
    /// Seconds in which sessions of agents ran.
    #[serde(rename = "wallClockSeconds", alias = "wallClock", skip_serializing_if = "Option::is_none")]
    pub wall_seconds: Option<u64>,
}

impl Budget {
    /// Returns whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads `tokens=200k,cost=5,turns=80,wallClock=2h`; else says what is wrong, and what to do.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut budget = Self::default();
        for part in text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            let hint = || EXAMPLE.to_owned();
            let (key, value) = part
                .split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()))
                .ok_or_else(|| (format!("`{part}` is no part of a budget"), hint()))?;
            let (slot, amount) = match key {
                "tokens" => (&mut budget.tokens, amount(value, 1.0)),
                "turns" => (&mut budget.turns, amount(value, 1.0)),
                "cost" => (&mut budget.cost_micros, amount(value.strip_prefix('$').unwrap_or(value), 1e6)),
                "wallClock" | "wallClockSeconds" => (&mut budget.wall_seconds, seconds(value)),
                _ => {
                    let near = nearest(key, ["tokens", "cost", "turns", "wallClock"]);
                    let hint = near.map_or_else(hint, |near| format!("did you mean `{near}`?"));
                    return Err((format!("a budget has no `{key}`"), hint));
                }
            };
            let amount = amount.ok_or_else(|| (format!("`{key}` of a budget cannot be `{value}`"), hint()))?;
            if slot.replace(amount).is_some() {
                return Err((format!("the budget says `{key}` twice"), "leave one of them out".to_owned()));
            }
        }
        if budget.is_empty() {
            return Err(("the budget limits nothing".to_owned(), EXAMPLE.to_owned()));
        }
        Ok(budget)
    }
}

/// How a budget is written in one line.
const EXAMPLE: &str = "write it as `tokens=200k,cost=5,turns=80,wallClock=2h`";

/// Reads a number that is not negative, with `k` for thousands or `m` for millions, in parts of which `unit` make one.
fn amount(text: &str, unit: f64) -> Option<u64> {
    let (digits, times) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1e3),
        (at, 'm' | 'M') => (text.get(..at)?, 1e6),
        _ => (text, 1.0),
    };
    let plain = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.ends_with(|c: char| c.is_ascii_digit());
    let whole = (digits.parse::<f64>().ok().filter(|_| plain)? * times * unit).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    (0.0..=1e15).contains(&whole).then_some(whole as u64)
}

/// Reads a number of seconds, or a text such as `2h`.
fn seconds(text: &str) -> Option<u64> {
    let duration = || text.parse::<jiff::SignedDuration>().ok().and_then(|length| u64::try_from(length.as_secs()).ok());
    text.parse().ok().or_else(duration).filter(|seconds| *seconds <= 31_536_000)
}

/// Amounts of money as people write them.
mod in_dollars {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde passes fields by reference")]
    pub(super) fn serialize<S: Serializer>(micros: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "exact for every sum there will be")]
        match micros {
            Some(micros) => serializer.serialize_f64(*micros as f64 / 1e6),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let Some(dollars) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
        if !(0.0..=1e9).contains(&dollars) {
            return Err(de::Error::custom("`cost` should be dollars, from 0 to 1,000,000,000"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
        Ok(Some((dollars * 1e6).round() as u64))
    }
}

/// What tokens cost, by model; the first price that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prices(pub Vec<Price>);

/// What tokens of some models cost, in millionths of a dollar for a million of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Names of models, with `*` for any text.
    pub model: String,
    /// Tokens sent.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
    /// Tokens sent that a cache had.
    pub cache_read: u64,
    /// Tokens sent that were written to a cache.
    pub cache_write: u64,
}

impl Prices {
    /// Returns whether nothing has a price.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the price of a model's tokens; `None` where it has none.
    pub fn of(&self, model: Option<&str>) -> Option<&Price> {
        // Providers and gateways put names before that of the model: `anthropic/claude-…`.
        let model = model?;
        let bare = model.rsplit('/').next().unwrap_or(model);
        self.0
            .iter()
            .find(|price| super::pattern::fits(&price.model, model) || super::pattern::fits(&price.model, bare))
    }
}

impl Price {
    /// Returns what was used up in millionths of a dollar.
    pub fn micros(&self, usage: &Usage) -> u64 {
        let parts = [
            (usage.input, self.input),
            (usage.output, self.output),
            (usage.cache_read, self.cache_read),
            (usage.cache_write, self.cache_write),
        ];
        let sum: u128 = parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(*price)).sum();
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_written_in_one_line_and_what_is_wrong_with_it_is_named() {
        let whole =
            Budget { tokens: Some(200_000), cost_micros: Some(5_500_000), turns: Some(80), wall_seconds: Some(5400) };
        assert_eq!(Budget::parse("tokens=200k, cost=$5.50; turns=80,wallClock=1h 30m"), Ok(whole));
        let tokens = |text| Budget::parse(text).map(|budget| budget.tokens);
        assert_eq!((tokens("tokens=1.5M"), tokens("tokens=0")), (Ok(Some(1_500_000)), Ok(Some(0))));
        assert_eq!(Budget::parse("wallClockSeconds=90").unwrap().wall_seconds, Some(90));
        for (text, message, hint) in [
            ("", "the budget limits nothing", EXAMPLE),
            ("5000", "`5000` is no part of a budget", EXAMPLE),
            ("token=5", "a budget has no `token`", "did you mean `tokens`?"),
            ("tokens=many", "`tokens` of a budget cannot be `many`", EXAMPLE),
            ("tokens=-1", "`tokens` of a budget cannot be `-1`", EXAMPLE),
            ("cost=inf", "`cost` of a budget cannot be `inf`", EXAMPLE),
            ("turns=", "`turns` of a budget cannot be ``", EXAMPLE),
            ("wallClock=2 moons", "`wallClock` of a budget cannot be `2 moons`", EXAMPLE),
            ("cost=1,cost=2", "the budget says `cost` twice", "leave one of them out"),
        ] {
            assert_eq!(Budget::parse(text), Err((message.to_owned(), hint.to_owned())), "{text}");
        }
    }
}
