//! What work may use up: a phase and a ticket since a person last retried it, a plan as long as it lasts, and all agents
//! together in any so many hours. What cannot be counted counts as too much.

use super::Fleet;
use super::step::Turn;
use super::watch::in_words;
use crate::domain::budget::Budget;
use crate::domain::cost::Bill;
use crate::domain::event::TicketEvent;
use crate::domain::ids::{PhaseId, TicketKey};
use crate::domain::ticket::{Failure, FailureClass, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::usage::{dollars, tokens};
use crate::domain::workflow::{Phase, PhaseKind};

/// What a person can do about a budget of one ticket.
const AGAIN: &str = "retry grants as much again";

/// What was used up from some moment on.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    bill: Bill,
    /// Milliseconds of sessions that are over.
    millis: u64,
    /// Sessions of agents that run, and the sum of the moments at which they began.
    running: i64,
    began: i128,
}

/// Whose budget it is, what it is, and what of it is used up.
struct Scope {
    what: String,
    budget: Budget,
    tally: Tally,
    /// What a person can do once it is used up.
    then: &'static str,
    /// Whether others use it up too.
    shared: bool,
}

impl Tally {
    fn millis_at(&self, now: Timestamp) -> u64 {
        let running = i128::from(self.running) * i128::from(now.0) - self.began;
        self.millis.saturating_add(u64::try_from(running).unwrap_or(0))
    }

    /// Returns when so many milliseconds are used up; `None` while nothing runs.
    fn up_at(&self, most: u64) -> Option<Timestamp> {
        let left = i128::from(most) - i128::from(self.millis) + self.began;
        let running = i128::from(self.running);
        // Rounded up: a millisecond earlier something would be left.
        (running > 0).then(|| Timestamp(i64::try_from((left + running - 1).div_euclid(running)).unwrap_or(i64::MAX)))
    }
}

impl Scope {
    /// Says what is used up; `None` while something is left of everything.
    fn over(&self, now: Timestamp) -> Option<String> {
        let Budget { tokens: most_tokens, cost_micros, turns, wall_seconds } = self.budget;
        let Tally { bill, .. } = &self.tally;
        let used = |most: Option<u64>, used: u64| most.filter(|most| used >= *most);
        let seconds = self.tally.millis_at(now) / 1000;
        let of = if let Some(most) = used(most_tokens, bill.usage.tokens()) {
            format!("{} of {}", tokens(bill.usage.tokens()), tokens(most))
        } else if let Some(most) = used(cost_micros, bill.micros()) {
            format!("{} of {}", bill.money().unwrap_or_default(), dollars(most))
        } else if let Some(most) = used(turns, bill.usage.turns) {
            format!("{} of {most} turns", bill.usage.turns)
        } else if let Some(most) = used(wall_seconds, seconds) {
            format!("{} of {}", in_words(seconds), in_words(most))
        } else if cost_micros.is_some() && bill.unpriced_tokens > 0 {
            let unknown = tokens(bill.unpriced_tokens);
            return Some(format!("{} limits money, and {unknown} have no price: add one to `prices`", self.what));
        } else {
            return None;
        };
        Some(format!("{} is used up: {of}; {}", self.what, self.then))
    }
}

impl Fleet {
    /// Adds what a ticket and what it walks used up, from a moment on and for one phase where one is named.
    fn tally(&self, tally: &mut Tally, ticket: &Ticket, from: Timestamp, phase: Option<&PhaseId>) {
        let rules = &self.policy.rules;
        let progress = &ticket.progress;
        let is_meant = |of: &PhaseId| phase.is_none_or(|phase| phase == of);
        for entry in progress.history.iter().filter(|entry| entry.ended_at > from && entry.agent_worked()) {
            if !is_meant(&entry.phase) {
                continue;
            }
            if let Some(used) = &entry.used {
                let model = rules.model(entry.agent.as_ref(), used.model.as_deref());
                tally.bill.add(used.usage, model, &rules.prices);
            }
            tally.millis = tally.millis.saturating_add(entry.ended_at.millis_since(entry.started_at));
        }
        let here = progress.phase.as_ref().is_some_and(is_meant);
        let is_agent = self.phase_of(ticket).is_some_and(|phase| matches!(phase.kind, PhaseKind::Agent { .. }));
        if let (Status::Running { agent, .. }, true) = (&progress.status, here && is_agent) {
            if let Some(end) = &progress.agent_end {
                tally.bill.add(end.usage, rules.model(agent.as_ref(), end.model.as_deref()), &rules.prices);
            }
            if let Some(under_way) = progress.under_way.filter(|_| progress.proof.step.is_none()) {
                tally.running += 1;
                tally.began += i128::from(under_way.since.0);
            }
        }
        for walk in progress.walks.open.values() {
            self.tally(tally, walk, from, phase);
        }
    }

    /// Returns every budget that binds the agent of `phase`, with what is used up of it.
    fn scopes(&self, ticket: &Ticket, phase: &Phase, now: Timestamp) -> Vec<Scope> {
        let mut scopes = Vec::new();
        let mut add = |what: String, budget: Budget, then: &'static str, fill: &dyn Fn(&mut Tally)| {
            if !budget.is_empty() {
                let mut tally = Tally::default();
                fill(&mut tally);
                scopes.push(Scope { what, budget, tally, then, shared: then != AGAIN });
            }
        };
        let from = ticket.progress.granted_at.unwrap_or(Timestamp(i64::MIN));
        add(format!("the budget of phase `{}`", phase.id), phase.limits.budget, AGAIN, &|tally| {
            self.tally(tally, ticket, from, Some(&phase.id));
        });
        let key = ticket.brief.key.root();
        if let Some(root) = self.ticket(&key) {
            let from = root.progress.granted_at.unwrap_or(Timestamp(i64::MIN));
            let budget = root.brief.budget.unwrap_or_default();
            add(format!("the budget of {key}"), budget, AGAIN, &|tally| self.tally(tally, root, from, None));
        }
        if let Some(plan) = self.plans.get(&key.plan) {
            let then = "raise `budget` in its plan.json, then retry";
            add(format!("the budget of plan {}", plan.id), plan.budget.unwrap_or_default(), then, &|tally| {
                for ticket in self.tickets.values().filter(|ticket| ticket.brief.key.plan == plan.id) {
                    self.tally(tally, ticket, Timestamp(i64::MIN), None);
                }
            });
        }
        if let Some(window) = &self.policy.rules.budget {
            let hours = i64::from(window.hours);
            let from = now.plus_millis(-hours * 3_600_000);
            let then = "raise `budget` in the settings, or wait, then retry";
            add(format!("the budget for {hours} h"), window.budget, then, &|tally| {
                self.tickets.values().for_each(|ticket| self.tally(tally, ticket, from, None));
            });
        }
        scopes
    }

    /// Says which budget leaves nothing for the agent of a ticket's phase; `None` where all `meant` leave something.
    fn over_budget(&self, ticket: &Ticket, meant: fn(&Scope) -> bool) -> Option<String> {
        let phase = self.phase_of(ticket).filter(|phase| matches!(phase.kind, PhaseKind::Agent { .. }))?;
        let now = self.live.now.max(self.at);
        self.scopes(ticket, phase, now).iter().filter(|scope| meant(scope)).find_map(|scope| scope.over(now))
    }

    /// Says which budget of many tickets keeps this one from going on; `None` where none does.
    pub fn waits_for_budget(&self, ticket: &Ticket) -> Option<String> {
        let plan = self.plans.get(&ticket.brief.key.plan).and_then(|plan| plan.budget);
        let any = plan.is_some() || self.policy.rules.budget.is_some();
        let waits = ticket.progress.status == Status::Queued && ticket.progress.proof.step.is_none();
        if any && waits { self.over_budget(ticket, |scope| scope.shared) } else { None }
    }

    /// Returns when the budget of the settings has something left again that is used up now.
    pub(super) fn window_opens_at(&self) -> Option<Timestamp> {
        let window = self.policy.rules.budget.as_ref()?;
        let length = i64::from(window.hours) * 3_600_000;
        self.walks().find(|ticket| self.waits_for_budget(ticket).is_some())?;
        let from = self.live.now.max(self.at).plus_millis(-length);
        let entries = self.tickets.values().flat_map(|ticket| &ticket.progress.history);
        let counted = entries.filter(|entry| entry.ended_at > from && entry.agent_worked());
        counted.map(|entry| entry.ended_at.plus_millis(length)).min()
    }

    /// Returns when a running agent has used up its time; `None` where no budget limits it.
    pub(super) fn out_of_budget_at(&self, ticket: &Ticket) -> Option<Timestamp> {
        let Status::Running { .. } = ticket.progress.status else { return None };
        if self.mode.is_frozen() || ticket.progress.proof.step.is_some() || ticket.progress.person_since.is_some() {
            return None;
        }
        let phase = self.phase_of(ticket).filter(|phase| matches!(phase.kind, PhaseKind::Agent { .. }))?;
        let scopes = self.scopes(ticket, phase, self.at);
        scopes.iter().filter_map(|scope| scope.tally.up_at(scope.budget.wall_seconds?.saturating_mul(1000))).min()
    }
}

impl Turn<'_> {
    /// Ends the session of an agent that has nothing left.
    pub(super) fn check_budgets(&mut self, key: &TicketKey) {
        let Some(ticket) = self.fleet.ticket(key).filter(|ticket| ticket.progress.person_since.is_none()).cloned()
        else {
            return;
        };
        let Status::Running { session, .. } = &ticket.progress.status else { return };
        if let Some(message) = self.fleet.over_budget(&ticket, |_| true) {
            self.end_session(key, session.clone(), out_of(message));
        }
    }

    /// Leaves a ticket to a person whose agent must not start any more; returns whether it did.
    pub(super) fn has_no_budget(&mut self, ticket: &Ticket) -> bool {
        let over = self.fleet.over_budget(ticket, |scope| !scope.shared);
        let is_over = over.is_some();
        if let Some(message) = over {
            self.note(&ticket.brief.key, TicketEvent::Failed { failure: out_of(message) });
        }
        is_over
    }

    /// Ends what has used up its time.
    pub(super) fn budgets_due(&mut self) {
        let due =
            |ticket: &&std::sync::Arc<Ticket>| self.fleet.out_of_budget_at(ticket).is_some_and(|at| at <= self.now);
        for key in self.fleet.walks().filter(due).map(|ticket| ticket.brief.key.clone()).collect::<Vec<_>>() {
            self.check_budgets(&key);
        }
    }
}

fn out_of(message: String) -> Failure {
    Failure { class: FailureClass::Budget, message, evidence: String::new() }
}
