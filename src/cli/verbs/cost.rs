//! `aotui cost`: what agents used up, tokens first, by ticket, phase, agent or model.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::cli::steering::find_plan;
use crate::domain::cost::{Bill, By, Item};
use crate::domain::fleet::Fleet;

/// What is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    by: &'static str,
    rows: Vec<Row>,
    total: Amount,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    #[serde(flatten)]
    amount: Amount,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Amount {
    tokens: u64,
    turns: u64,
    /// Dollars that programs named.
    told: f64,
    /// Dollars by the price table.
    estimated: f64,
    /// Tokens that nobody knows a price of.
    unpriced_tokens: u64,
    #[serde(skip)]
    bill: Bill,
}

impl Amount {
    pub(crate) fn of(bill: Bill) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "exact for every sum there will be")]
        let dollars = |micros: u64| micros as f64 / 1e6;
        Self {
            tokens: bill.usage.tokens(),
            turns: bill.usage.turns,
            told: dollars(bill.told_micros),
            estimated: dollars(bill.estimated_micros),
            unpriced_tokens: bill.unpriced_tokens,
            bill,
        }
    }
}

impl View {
    /// Sums up all plans, or the one that was named, by what is named.
    pub fn new(fleet: &Fleet, plan: Option<&str>, by: &str) -> Result<Self, Failure> {
        let plan = plan.map(|typed| find_plan(fleet, typed)).transpose()?;
        let (by, kind) = match by {
            "phase" => ("phase", By::Phase),
            "agent" => ("agent", By::Agent),
            "model" => ("model", By::Model),
            _ => ("ticket", By::Ticket),
        };
        let shown =
            fleet.tickets.values().filter(|ticket| plan.as_ref().is_none_or(|plan| ticket.brief.key.plan == *plan));
        let items: Vec<Item> = shown.flat_map(|ticket| fleet.items(ticket)).collect();
        let rows = fleet.bills(&items, kind).into_iter().map(|(name, bill)| Row { name, amount: Amount::of(bill) });
        Ok(Self { by, rows: rows.collect(), total: Amount::of(fleet.bill(&items)) })
    }

    /// Returns the table for people.
    pub fn table(&self) -> String {
        if self.rows.is_empty() {
            return "no agent has told of any use yet\n".to_owned();
        }
        let width = self.rows.iter().map(|row| plain(&row.name).width()).chain([5]).max().unwrap_or(5);
        let line = |name: &str, amount: &Amount| {
            let name = plain(name);
            let turns = if amount.turns > 0 { format!(", {} turns", amount.turns) } else { String::new() };
            format!("{name}{}  {}{turns}\n", " ".repeat(width.saturating_sub(name.width())), amount.bill)
        };
        let rows: String = self.rows.iter().map(|row| line(&row.name, &row.amount)).collect();
        let about = self.total.bill.estimated_micros > 0;
        let note = if about { "~ by the price table, as the agent named no cost\n" } else { "" };
        format!("{rows}{}{note}", line("total", &self.total))
    }
}
