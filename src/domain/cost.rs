//! What agents used up, and what that costs: tokens first, money second. Money that an agent's program named counts as
//! it is; where it named none the price table says about how much, and where there is no price either, that is said.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::budget::Prices;
use super::fleet::Fleet;
use super::ids::{AgentName, PhaseId, TicketKey};
use super::ticket::Ticket;
use super::usage::{Usage, dollars, tokens};

/// A sum of what was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    /// Tokens and turns; the money is below.
    pub usage: Usage,
    /// Millionths of a dollar that programs named.
    pub told_micros: u64,
    /// Millionths of a dollar by the price table.
    pub estimated_micros: u64,
    /// Tokens that nobody knows a price of.
    pub unpriced_tokens: u64,
}

/// What somebody used up for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The ticket.
    pub ticket: TicketKey,
    /// The phase.
    pub phase: PhaseId,
    /// The agent; `None` where it is not known.
    pub agent: Option<AgentName>,
    /// The model; `None` where it is not known.
    pub model: Option<String>,
    /// How much.
    pub usage: Usage,
}

/// By what sums are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Ticket.
    Ticket,
    /// Phase.
    Phase,
    /// Agent.
    Agent,
    /// Model.
    Model,
}

impl Bill {
    /// Adds what was used up with a model.
    pub fn add(&mut self, usage: Usage, model: Option<&str>, prices: &Prices) {
        self.usage = self.usage.plus(Usage { cost_micros: None, ..usage });
        match (usage.cost_micros, prices.of(model)) {
            (Some(told), _) => self.told_micros = self.told_micros.saturating_add(told),
            (None, Some(price)) => self.estimated_micros = self.estimated_micros.saturating_add(price.micros(&usage)),
            (None, None) => self.unpriced_tokens = self.unpriced_tokens.saturating_add(usage.tokens()),
        }
    }

    /// Returns all money in millionths of a dollar.
    pub fn micros(&self) -> u64 {
        self.told_micros.saturating_add(self.estimated_micros)
    }

    /// Returns whether nothing was used up.
    pub fn is_empty(&self) -> bool {
        self.usage.tokens() == 0 && self.micros() == 0
    }

    /// Says how much money it is: `$0.02`, `~$0.02` where a part of it is by the price table; `None` where none is known.
    pub fn money(&self) -> Option<String> {
        let about = if self.estimated_micros > 0 { "~" } else { "" };
        (self.micros() > 0).then(|| format!("{about}{}", dollars(self.micros())))
    }
}

impl fmt::Display for Bill {
    /// Writes it as a person reads it: `4.1k tokens, ~$0.02`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", tokens(self.usage.tokens()))?;
        if let Some(money) = self.money() {
            write!(f, ", {money}")?;
            if self.unpriced_tokens > 0 {
                write!(f, " and {} without a price", tokens(self.unpriced_tokens))?;
            }
        }
        Ok(())
    }
}

impl Fleet {
    /// Lists what was used up for a ticket and for what it walks.
    pub fn items(&self, ticket: &Ticket) -> Vec<Item> {
        let rules = &self.policy.rules;
        let own = ticket.progress.spent.iter().map(|spent| Item {
            ticket: ticket.brief.key.root(),
            phase: spent.phase.clone(),
            agent: spent.agent.clone().or_else(|| rules.default_agent.clone()),
            model: rules.model(spent.agent.as_ref(), spent.model.as_deref()).map(str::to_owned),
            usage: spent.usage,
        });
        let below = ticket.progress.walks.open.values().flat_map(|walk| self.items(walk));
        own.chain(below).collect()
    }

    /// Returns the sum of some of what was used up.
    pub fn bill<'i>(&self, items: impl IntoIterator<Item = &'i Item>) -> Bill {
        let mut bill = Bill::default();
        for item in items {
            bill.add(item.usage, item.model.as_deref(), &self.policy.rules.prices);
        }
        bill
    }

    /// Returns what a ticket used up.
    pub fn bill_of(&self, ticket: &Ticket) -> Bill {
        self.bill(&self.items(ticket))
    }

    /// Returns sums by something, the dearest first, then the largest.
    pub fn bills(&self, items: &[Item], by: By) -> Vec<(String, Bill)> {
        let mut parts: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
        for item in items {
            let unknown = || "unknown".to_owned();
            let name = match by {
                By::Ticket => item.ticket.to_string(),
                By::Phase => item.phase.to_string(),
                By::Agent => item.agent.as_ref().map_or_else(unknown, ToString::to_string),
                By::Model => item.model.clone().unwrap_or_else(unknown),
            };
            parts.entry(name).or_default().push(item);
        }
        let mut bills: Vec<_> = parts.into_iter().map(|(name, items)| (name, self.bill(items))).collect();
        bills.sort_by_key(|(_, bill)| std::cmp::Reverse((bill.micros(), bill.usage.tokens())));
        bills
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::Price;

    #[test]
    fn what_is_told_counts_as_it_is_and_what_is_not_is_estimated_or_said_to_have_no_price() {
        let price = Price { model: "gpt-*".into(), input: 2_000_000, output: 8_000_000, cache_read: 0, cache_write: 0 };
        let prices = Prices(vec![price]);
        let usage = |input, cost_micros| Usage { input, cost_micros, ..Usage::default() };
        let mut bill = Bill::default();
        bill.add(usage(1_000, Some(50_000)), Some("gpt-5"), &prices);
        assert_eq!(bill.to_string(), "1.0k tokens, $0.05");
        bill.add(usage(10_000, None), Some("openai/gpt-5"), &prices);
        assert_eq!(bill.to_string(), "11.0k tokens, ~$0.07");
        bill.add(usage(500, None), None, &prices);
        assert_eq!(bill.to_string(), "11.5k tokens, ~$0.07 and 500 tokens without a price");
        assert_eq!((bill.told_micros, bill.estimated_micros, bill.unpriced_tokens), (50_000, 20_000, 500));
    }
}
