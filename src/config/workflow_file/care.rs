//! Reads how the agent of a phase is looked after: how long it may be silent, what it may use up, what it may do, and
//! what becomes of what it asks.

use super::Surroundings;
use super::phases::YEAR;
use crate::config::fields::{Fields, Report, meant};
use crate::config::house_rules;
use crate::domain::ids::AgentName;
use crate::domain::workflow::{Asking, Limits, PhaseKind, Unattended};

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

/// Warns where a budget of money is of no use, as what an agent of the phase uses up has no price.
pub(super) fn warn_of_unpriced(
    fields: &mut Fields<'_>,
    care: &Care,
    kind: &PhaseKind,
    around: &dyn Surroundings,
    report: &mut Report,
) {
    let PhaseKind::Agent { agent, instead, model, stronger, .. } = kind else { return };
    let cost = fields.get("budget").and_then(|budget| budget.get("cost"));
    let Some(cost) = cost.filter(|_| care.limits.budget.cost_micros.is_some()) else { return };
    let models: Vec<Option<&str>> = match model {
        Some(model) => std::iter::once(model).chain(stronger).map(|model| Some(model.as_str())).collect(),
        None => vec![None],
    };
    let first = agent.as_ref().map(AgentName::as_str);
    let own = models.iter().map(|model| (first, *model));
    // The names of models are for the first agent alone.
    let others = instead.iter().map(|agent| (Some(agent.as_str()), None));
    for whose in own.chain(others).filter_map(|(agent, model)| around.unpriced(agent, model)) {
        let message = format!("{} has a budget of money, and {whose} has no price, so it ends early", fields.what);
        report.warn(cost.at, message, "add the model to `prices` in the settings, or limit `tokens` instead of `cost`");
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
