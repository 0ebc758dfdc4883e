//! What work may use up, and what tokens cost where nobody says.

use serde::{Deserialize, Serialize};

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
