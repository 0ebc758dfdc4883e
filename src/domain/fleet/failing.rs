//! What a failed attempt leads to, by the class of its failure: another attempt, waiting for an account, the failure
//! edge, or a person.

use std::collections::BTreeMap;

use super::Fleet;
use super::step::Turn;
use crate::domain::account::{self, Hold};
use crate::domain::command::Rejection;
use crate::domain::event::{Event, TicketEvent};
use crate::domain::ids::TicketKey;
use crate::domain::session::Outcome;
use crate::domain::ticket::{Failure, FailureClass, Progress, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Again, Phase, PhaseKind, Retry};

/// Longest doubling of a back-off, so that it stays below a day for the largest sensible base.
const MAX_DOUBLINGS: u32 = 10;

/// Longest back-off after a failure of the provider, in seconds.
const LONGEST: u64 = 15 * 60;

/// How often an agent is started again whose provider failed, where the workflow does not say: for more than an hour.
const PROVIDER: Again = Again { attempts: 10, backoff_seconds: 30 };

/// By how many percent those waits differ.
const SPREAD: u8 = 25;

/// A failed attempt.
pub(super) struct Failing {
    /// Why.
    pub(super) failure: Failure,
    /// When another one has a chance, where that was said.
    pub(super) until: Option<Timestamp>,
    /// What was captured all the same.
    pub(super) captures: BTreeMap<String, String>,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Another attempt so many milliseconds later.
    Again(u64),
    /// Another one so much later, which this one costs nothing of.
    Spared(u64),
    /// All agents of its account wait.
    Account,
    /// The failure edge, or a person where there is none.
    Edge,
    /// A person.
    Person,
}

impl Turn<'_> {
    /// Records a failed attempt: tries again, waits, takes the failure edge, or asks for a person.
    pub(super) fn attempt_failed(&mut self, key: &TicketKey, phase: &Phase, failure: Failure) {
        self.attempt_failed_with(key, phase, Failing { failure, until: None, captures: BTreeMap::new() });
    }

    /// Records a failed attempt and what it left.
    pub(super) fn attempt_failed_with(&mut self, key: &TicketKey, phase: &Phase, failing: Failing) {
        let Failing { failure, until, captures } = failing;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let next = next(&ticket.progress, key, phase, failure.class);
        let account = self.fleet.account_of(ticket, phase);
        let outcome = Outcome::Failed { failure: failure.clone() };
        self.note(key, TicketEvent::AttemptEnded { outcome, captures });
        match next {
            Next::Again(_) if self.gates_are_stuck(key) => self.take_edge(key, phase, failure),
            Next::Again(millis) => {
                self.leave_evidence(key, &failure);
                if millis > 0 {
                    self.back_off(key, millis, None);
                }
            }
            Next::Spared(millis) => {
                self.note(key, TicketEvent::Spared);
                // Where it is known to be in vain before, it waits for that.
                let least = until.map_or(0, |until| until.millis_since(self.now));
                self.back_off(key, millis.max(least), Some(failure.why()));
            }
            Next::Account => self.account_refused(key, &account, failure, until),
            Next::Edge => self.take_edge(key, phase, failure),
            Next::Person => self.note(key, TicketEvent::Failed { failure }),
        }
    }

    /// Goes where failure leads; to a person where it leads nowhere.
    fn take_edge(&mut self, key: &TicketKey, phase: &Phase, failure: Failure) {
        match &phase.on_failure {
            Some(to) => {
                self.note(key, TicketEvent::FeedbackLeft { text: feedback(phase, &failure) });
                self.enter(key, &to.clone());
            }
            None if key.is_walk() => self.give_up(key, feedback(phase, &failure)),
            None => self.note(key, TicketEvent::Failed { failure }),
        }
    }

    fn back_off(&mut self, key: &TicketKey, millis: u64, because: Option<String>) {
        let until = self.now.plus_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        self.note(key, TicketEvent::BackedOff { until, because });
    }

    /// Has all agents of an account wait. Of a credential that is refused one ticket tells a person, the others wait.
    fn account_refused(&mut self, key: &TicketKey, account: &str, failure: Failure, until: Option<Timestamp>) {
        let known = self.fleet.accounts.get(account);
        let is_limit = failure.class == FailureClass::UsageLimit;
        let waits_for_person = known.is_some_and(|hold| hold.until.is_none());
        let before = known.filter(|hold| hold.trying).map_or(0, |hold| hold.before.saturating_add(1));
        let later = until.filter(|until| *until > self.now).unwrap_or_else(|| account::guess(self.now, before));
        let is_known = known.is_some_and(|hold| !hold.trying && hold.until.is_some_and(|until| until >= later));
        let hold = Hold {
            class: failure.class,
            message: failure.why(),
            ticket: key.clone(),
            since: self.now,
            until: is_limit.then_some(later),
            before,
            trying: false,
        };
        if is_limit || waits_for_person {
            self.note(key, TicketEvent::Spared);
        } else {
            self.note(key, TicketEvent::Failed { failure });
        }
        let is_news = !(waits_for_person || is_limit && is_known);
        if is_news {
            self.record(Event::AccountHeld { account: account.to_owned(), hold });
        }
    }

    /// Does what is due about accounts: one ticket may try, then all.
    pub(super) fn accounts_due(&mut self) {
        let due = |hold: &Hold| hold.until.is_some_and(|until| until <= self.now);
        let due = self.fleet.accounts.iter().filter(|(_, hold)| due(hold));
        for (account, trying) in due.map(|(name, hold)| (name.clone(), hold.trying)).collect::<Vec<_>>() {
            self.record(match trying {
                true => Event::AccountReleased { account },
                false => Event::AccountTried { account, until: self.now.plus_seconds(account::TRY) },
            });
        }
    }

    /// Lets an account go on, if it is held back.
    pub(super) fn release_held(&mut self, account: String) -> Result<(), Rejection> {
        if self.fleet.accounts.contains_key(&account) {
            self.record(Event::AccountReleased { account });
            return Ok(());
        }
        let held: Vec<&str> = self.fleet.accounts.keys().map(String::as_str).collect();
        let hint = match held.as_slice() {
            [] => "no account is".to_owned(),
            held => format!("held back: {}", held.join(", ")),
        };
        Err(Rejection::new(format!("account `{account}` is not held back")).hint(hint))
    }

    /// Lets the account go on that a ticket's agent works on; returns whether it was held.
    pub(super) fn release_account(&mut self, ticket: &Ticket) -> bool {
        let phase = self.fleet.phase_of(ticket).filter(|phase| matches!(phase.kind, PhaseKind::Agent { .. }));
        let Some(phase) = phase else { return false };
        let account = self.fleet.account_of(ticket, phase);
        let held = self.fleet.accounts.contains_key(&account);
        if held {
            self.record(Event::AccountReleased { account });
        }
        held
    }
}

impl Fleet {
    /// Returns the account that the agent of `phase` works on.
    pub fn account_of(&self, ticket: &Ticket, phase: &Phase) -> String {
        self.policy.rules.account(self.agent_of(ticket, phase).as_ref()).to_owned()
    }

    /// Returns what holds back the account that a ticket's next agent works on; `None` where nothing does.
    pub fn account_hold(&self, ticket: &Ticket) -> Option<(String, &Hold)> {
        if self.accounts.is_empty() {
            return None;
        }
        let phase = self.phase_of(ticket).filter(|phase| self.runs_agent(ticket, phase))?;
        let account = self.account_of(ticket, phase);
        let hold = self.accounts.get(&account)?;
        let at_work = || {
            let mut others = self.walks().filter(|other| other.progress.status.session().is_some());
            others.any(|other| {
                let phase = self.phase_of(other).filter(|phase| matches!(phase.kind, PhaseKind::Agent { .. }));
                phase.is_some_and(|phase| self.account_of(other, phase) == account)
            })
        };
        (!hold.trying || at_work()).then_some((account, hold))
    }
}

/// Decides what follows the attempt under way when it fails so.
fn next(progress: &Progress, key: &TicketKey, phase: &Phase, class: FailureClass) -> Next {
    let retry = &phase.retry;
    let is_agent = matches!(phase.kind, PhaseKind::Agent { .. });
    let seed = |n: u32| format!("{key} {} {} {class:?} {n}", phase.id, progress.sessions);
    let alone = retry.on.get(&class).map(|again| (*again, retry.spread));
    let built_in = (is_agent && passes_by_itself(class)).then_some((PROVIDER, SPREAD));
    if let Some((again, spread)) = alone.or(built_in) {
        let failed = failed_so(progress, phase, class).saturating_add(1);
        if failed < again.attempts {
            let seconds = doubled(again.backoff_seconds, failed).min(LONGEST.max(again.backoff_seconds));
            return Next::Spared(spread_out(seconds, spread, &seed(failed)));
        }
        if alone.is_some() {
            return Next::Edge;
        }
    }
    match class {
        class if is_agent && account::concerns_account(class) => Next::Account,
        FailureClass::Misconfigured
        | FailureClass::Workspace
        | FailureClass::Infra
        | FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::Budget
        | FailureClass::Unanswered => Next::Person,
        // The next attempt would be refused the same.
        FailureClass::Rejected | FailureClass::Denied => Next::Edge,
        _ if progress.attempt < retry.attempts => {
            Next::Again(spread_out(retry.backoff_after(progress.attempt), retry.spread, &seed(progress.attempt)))
        }
        _ => Next::Edge,
    }
}

/// Says whether it is the provider that fails so, and not the work.
pub(super) fn is_of_provider(class: FailureClass) -> bool {
    passes_by_itself(class) || account::concerns_account(class)
}

fn passes_by_itself(class: FailureClass) -> bool {
    matches!(class, FailureClass::RateLimit | FailureClass::Overloaded | FailureClass::Network)
}

/// Counts the attempts of this visit that failed so, one after the other, up to now.
fn failed_so(progress: &Progress, phase: &Phase, class: FailureClass) -> u32 {
    let visit = progress.visits.get(&phase.id).copied().unwrap_or_default();
    let here = progress.own_history().rev().take_while(|entry| entry.phase == phase.id && entry.visit == visit);
    let mut count = 0;
    for entry in here {
        match &entry.outcome {
            Outcome::Failed { failure } if failure.class == class => count += 1,
            // What was cut off says nothing about the provider.
            outcome if outcome.is_void() => {}
            _ => break,
        }
    }
    count
}

/// Returns so many seconds in milliseconds, longer or shorter by up to `percent` of them as the seed says.
fn spread_out(seconds: u64, percent: u8, seed: &str) -> u64 {
    let millis = seconds.saturating_mul(1000);
    let widest = millis / 100 * u64::from(percent.min(100));
    if widest == 0 {
        return millis;
    }
    let at = u64::from(crc32fast::hash(seed.as_bytes()));
    millis - widest + at * widest.saturating_mul(2) / u64::from(u32::MAX)
}

fn doubled(seconds: u64, failed: u32) -> u64 {
    seconds.saturating_mul(1 << failed.saturating_sub(1).min(MAX_DOUBLINGS))
}

impl Retry {
    /// Returns how many seconds the next attempt waits after this one failed, counted from 1, more or less.
    pub fn backoff_after(&self, attempt: u32) -> u64 {
        doubled(self.backoff_seconds, attempt)
    }
}

/// What the next agent reads about a failure.
fn feedback(phase: &Phase, failure: &Failure) -> String {
    let mut text = format!("phase `{}`: {}", phase.id, failure.message);
    if !failure.evidence.is_empty() {
        text.push_str("\n\n");
        text.push_str(&failure.evidence);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_differ_by_no_more_than_they_may() {
        let waits: Vec<u64> = (0..100).map(|n| spread_out(100, 25, &format!("seed {n}"))).collect();
        assert!(waits.iter().all(|wait| (75_000..=125_000).contains(wait)), "{waits:?}");
        assert!(waits.iter().min() < Some(&85_000) && waits.iter().max() > Some(&115_000), "{waits:?}");
        assert_eq!(spread_out(7, 0, ""), 7000);
    }
}
