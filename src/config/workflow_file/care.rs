//! Reads how the agent of a phase is looked after: how long it may be silent, what it may use up, what it may do, and
//! what becomes of what it asks.

use super::phases::YEAR;
use crate::config::fields::{Fields, Report, meant};
use crate::config::house_rules;
use crate::domain::workflow::{Asking, Limits, Unattended};

/// What a phase says about it.
#[derive(Default)]
pub(super) struct Care {
    pub(super) limits: Limits,
    pub(super) asking: Asking,
}

pub(super) fn read(fields: &mut Fields<'_>, report: &mut Report) -> Care {
    let stall_seconds = fields.number("stallSeconds", 0, YEAR, report).map(u64::from);
    let progress_seconds = fields.number("progressSeconds", 0, YEAR, report).map(u64::from);
    let what = fields.what.clone();
    let budget = fields.get("budget").map(|node| house_rules::budget(node, &format!("`budget` of {what}"), report));
    let permissions = fields.get("permissions").map(|node| house_rules::permissions(node, &what, report));
    let unattended = unattended(fields, report);
    let unattended_seconds = fields.number("unattendedSeconds", 1, YEAR, report).map(u64::from);
    if unattended_seconds.is_none() && unattended.is_some_and(|what| what != Unattended::Wait) {
        let hint = "say with `unattendedSeconds` how long a person has";
        report.error(fields.at, format!("{} has `unattended` without a time", fields.what), hint);
    }
    Care {
        limits: Limits { stall_seconds, progress_seconds, budget: budget.unwrap_or_default() },
        asking: Asking {
            permissions: permissions.unwrap_or_default(),
            unattended: unattended.unwrap_or_default(),
            unattended_seconds,
        },
    }
}

fn unattended(fields: &mut Fields<'_>, report: &mut Report) -> Option<Unattended> {
    let text = fields.text("unattended", report)?;
    match text.value.as_str() {
        "wait" => Some(Unattended::Wait),
        "deny" => Some(Unattended::Deny),
        "park" => Some(Unattended::Park),
        other => {
            let hint = meant(other, ["wait", "deny", "park"]);
            report.error(text.at, format!("`unattended` cannot be `{other}`"), hint);
            None
        }
    }
}
