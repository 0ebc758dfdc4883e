//! Reads how often a phase is tried, also by the class of its failure.

use super::phases::YEAR;
use crate::config::fields::{Fields, Report, meant};
use crate::domain::ticket::FailureClass;
use crate::domain::workflow::{Again, Retry};

/// By how many percent waits are longer or shorter.
const SPREAD: u8 = 25;

/// The classes that may be counted by themselves.
const CLASSES: [(&str, FailureClass); 18] = [
    ("exit", FailureClass::Exit),
    ("gate", FailureClass::Gate),
    ("crashed", FailureClass::Crashed),
    ("timedOut", FailureClass::TimedOut),
    ("auth", FailureClass::Auth),
    ("billing", FailureClass::Billing),
    ("rateLimit", FailureClass::RateLimit),
    ("usageLimit", FailureClass::UsageLimit),
    ("overloaded", FailureClass::Overloaded),
    ("contextOverflow", FailureClass::ContextOverflow),
    ("network", FailureClass::Network),
    ("maxTurns", FailureClass::MaxTurns),
    ("denied", FailureClass::Denied),
    ("unknown", FailureClass::Unknown),
    ("infra", FailureClass::Infra),
    ("stalled", FailureClass::Stalled),
    ("noProgress", FailureClass::NoProgress),
    ("unanswered", FailureClass::Unanswered),
];

/// Attempts of an agent phase with gates that says nothing about it: what the gates find goes back to the agent.
const WITH_GATES: u32 = 3;

/// Reads `retry` or `maxRetries`; `goes_back` says whether a failure goes back to the agent, so that one attempt is few.
pub(super) fn retry(fields: &mut Fields<'_>, goes_back: bool, report: &mut Report) -> Retry {
    let usual = if goes_back { WITH_GATES } else { 1 };
    let more = fields.number("maxRetries", 0, 99, report);
    let Some(node) = fields.get("retry") else { return Retry::new(more.map_or(usual, |more| more + 1), 0) };
    if more.is_some() {
        report.error(node.at, format!("{} has both `retry` and `maxRetries`", fields.what), "keep `retry`");
    }
    let Some(mut inner) = Fields::of(node, format!("`retry` of {}", fields.what), report) else {
        return Retry::new(usual, 0);
    };
    let (attempts, backoff_seconds) = times(&mut inner, report);
    let mut retry = Retry { spread: SPREAD, ..Retry::new(attempts.unwrap_or(usual), backoff_seconds.unwrap_or(0)) };
    for (key, node) in inner.entries("on", report) {
        let plain = |name: &str| name.replace('_', "").to_lowercase();
        let Some((_, class)) = CLASSES.iter().find(|(name, _)| plain(name) == plain(&key.value)) else {
            let hint = meant(&key.value, CLASSES.iter().map(|(name, _)| *name));
            report.error(key.at, format!("there is no class of failures called `{}`", key.value), hint);
            continue;
        };
        let what = format!("`{}` in {}", key.value, inner.what);
        let Some(mut again) = Fields::of(node, what, report) else { continue };
        let (attempts, seconds) = times(&mut again, report);
        again.refuse_unknown(report);
        let (attempts, backoff_seconds) =
            (attempts.unwrap_or(retry.attempts), seconds.unwrap_or(retry.backoff_seconds));
        retry.on.insert(*class, Again { attempts, backoff_seconds });
    }
    inner.refuse_unknown(report);
    retry
}

/// Returns the attempts and the seconds between them, where they are said.
fn times(fields: &mut Fields<'_>, report: &mut Report) -> (Option<u32>, Option<u64>) {
    let attempts = fields.number("attempts", 1, 100, report);
    let seconds = fields.number("backoffSeconds", 0, YEAR, report).map(u64::from);
    let spoken = fields.duration("backoff", YEAR, report);
    if seconds.is_some() && spoken.is_some() {
        report.error(fields.at, format!("{} has both `backoff` and `backoffSeconds`", fields.what), "keep `backoff`");
    }
    (attempts, spoken.or(seconds))
}
