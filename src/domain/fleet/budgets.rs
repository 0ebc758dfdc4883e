//! What work may use up: a phase and a ticket since a person last retried it, a plan as long as it lasts, and all agents
//! together in any so many hours and in one night. What cannot be counted counts as too much.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Fleet;
use super::step::Turn;
use super::watch::in_words;
use crate::domain::budget::Budget;
use crate::domain::cost::Bill;
use crate::domain::event::TicketEvent;
use crate::domain::ids::{PhaseId, PlanId, TicketKey};
use crate::domain::night::Part;
use crate::domain::plan::Plan;
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
    then: Cow<'static, str>,
}

/// A budget of many tickets that is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// Which one, and of what.
    pub why: String,
    /// When something is left again by itself; `None` where that never happens.
    pub until: Option<Timestamp>,
    /// Whether what it ends goes on by itself then.
    pub puts_off: bool,
}

/// Which budgets of many tickets are used up.
#[derive(Debug, Default)]
struct Shared {
    plans: BTreeMap<PlanId, Over>,
    all: Option<Over>,
    night: Option<Over>,
}

/// What a fleet is made of that budgets go by: the last event, the moment, and which rules hold.
type State = (u64, Timestamp, usize);

/// Which budgets of many tickets are used up, added up once for each state of a fleet: every ticket that waits asks, and
/// each answer takes the histories of all.
#[derive(Debug, Default)]
pub struct UsedUp(Mutex<Option<(State, Arc<Shared>)>>);

impl Clone for UsedUp {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for UsedUp {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl UsedUp {
    fn of(&self, fleet: &Fleet) -> Arc<Shared> {
        let now = fleet.now();
        let state = (fleet.seq, now, Arc::as_ptr(&fleet.policy.rules).addr());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((of, shared)) if *of == state => Arc::clone(shared),
            _ => {
                let over = |scope: Option<Scope>| scope.and_then(|scope| scope.over(now));
                let of_plan = |plan: &Plan| {
                    let why = over(fleet.scope_of_plan(plan))?;
                    Some((plan.id.clone(), Over { why, until: None, puts_off: false }))
                };
                let hours = fleet.policy.rules.budget.as_ref().map_or(0, |window| i64::from(window.hours));
                let all = over(fleet.scope_of_house(now));
                let all = all.map(|why| Over { why, until: fleet.first_to_leave(now, hours), puts_off: false });
                let begins = fleet.hours().map(|hours| hours.begins);
                let night = over(fleet.scope_of_night(now)).map(|why| Over { why, until: begins, puts_off: true });
                let plans = fleet.plans.values().filter_map(of_plan).collect();
                let shared = Arc::new(Shared { plans, all, night });
                *known = Some((state, Arc::clone(&shared)));
                shared
            }
        }
    }
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
    /// Makes one and has `fill` add up what is used up; `None` where nothing is limited.
    fn filled(
        what: String,
        budget: Budget,
        then: impl Into<Cow<'static, str>>,
        fill: impl FnOnce(&mut Tally),
    ) -> Option<Self> {
        if budget.is_empty() {
            return None;
        }
        let mut tally = Tally::default();
        fill(&mut tally);
        Some(Self { what, budget, tally, then: then.into() })
    }

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
            let began = entry.started_at.max(from);
            tally.millis = tally.millis.saturating_add(entry.ended_at.millis_since(began));
        }
        let here = progress.phase.as_ref().is_some_and(is_meant);
        let is_agent = self.phase_of(ticket).is_some_and(|phase| matches!(phase.kind, PhaseKind::Agent { .. }));
        if let (Status::Running { agent, .. } | Status::Stopping { agent, .. }, true) =
            (&progress.status, here && is_agent)
        {
            if let Some(end) = &progress.agent_end {
                tally.bill.add(end.usage, rules.model(agent.as_ref(), end.model.as_deref()), &rules.prices);
            }
            if let Some(under_way) = progress.under_way.filter(|_| progress.proof.step.is_none()) {
                tally.running += 1;
                tally.began += i128::from(under_way.since.max(from).0);
            }
        }
        for walk in progress.walks.open.values() {
            self.tally(tally, walk, from, phase);
        }
    }

    /// Returns the budgets of the phase and the ticket that bind the agent of `phase`, with what is used up of them.
    fn own_scopes(&self, ticket: &Ticket, phase: &Phase) -> Vec<Scope> {
        let from = |ticket: &Ticket| ticket.progress.granted_at.unwrap_or(Timestamp(i64::MIN));
        let of_phase =
            Scope::filled(format!("the budget of phase `{}`", phase.id), phase.limits.budget, AGAIN, |tally| {
                self.tally(tally, ticket, from(ticket), Some(&phase.id));
            });
        let key = ticket.brief.key.root();
        let of_ticket = self.ticket(&key).and_then(|root| {
            let budget = root.brief.budget.unwrap_or_default();
            Scope::filled(format!("the budget of {key}"), budget, AGAIN, |tally| {
                self.tally(tally, root, from(root), None);
            })
        });
        of_phase.into_iter().chain(of_ticket).collect()
    }

    /// Returns the budget of a plan, with what is used up of it.
    fn scope_of_plan(&self, plan: &Plan) -> Option<Scope> {
        let then = "raise `budget` in its plan.json, then retry";
        Scope::filled(format!("the budget of plan {}", plan.id), plan.budget.unwrap_or_default(), then, |tally| {
            for ticket in self.tickets.values().filter(|ticket| ticket.brief.key.plan == plan.id) {
                self.tally(tally, ticket, Timestamp(i64::MIN), None);
            }
        })
    }

    /// Returns the budget of the settings, with what is used up of it in the hours before `now`.
    fn scope_of_house(&self, now: Timestamp) -> Option<Scope> {
        let window = self.policy.rules.budget.as_ref()?;
        let hours = i64::from(window.hours);
        let from = now.plus_millis(-hours * 3_600_000);
        let then = "raise `budget` in the settings, or wait, then retry";
        Scope::filled(format!("the budget for {hours} h"), window.budget, then, |tally| {
            self.tickets.values().for_each(|ticket| self.tally(tally, ticket, from, None));
        })
    }

    /// Returns the budget of the night that runs, with what is used up of it since it began; by day there is none.
    fn scope_of_night(&self, now: Timestamp) -> Option<Scope> {
        let night = self.policy.rules.night.as_ref()?;
        let budget = night.budget?;
        // What ends in the very moment in which it begins counts.
        let from = night.at(now).filter(|hours| hours.part != Part::Day)?.began?.plus_millis(-1);
        let then = format!("waits for the next night, {}, or until `budget` of `night` is raised", night.start);
        Scope::filled("the budget of the night".to_owned(), budget, then, |tally| {
            self.tickets.values().for_each(|ticket| self.tally(tally, ticket, from, None));
        })
    }

    /// Says which budget of its phase or of the ticket leaves nothing for its agent; `None` where each leaves something.
    fn over_own_budget(&self, ticket: &Ticket) -> Option<String> {
        self.own_scopes(ticket, self.agent_phase_of(ticket)?).iter().find_map(|scope| scope.over(self.now()))
    }

    /// Says which budget of many tickets leaves nothing for its agent; `None` where each leaves something.
    fn over_shared_budget(&self, ticket: &Ticket) -> Option<Over> {
        let plan = &ticket.brief.key.plan;
        let of_plan = self.plans.get(plan).is_some_and(|plan| plan.budget.is_some());
        let rules = &self.policy.rules;
        let of_night = rules.night.as_ref().is_some_and(|night| night.budget.is_some());
        if !of_plan && !of_night && rules.budget.is_none() {
            return None;
        }
        self.agent_phase_of(ticket)?;
        let used_up = self.live.used_up.of(self);
        used_up.plans.get(plan).or(used_up.all.as_ref()).or(used_up.night.as_ref()).cloned()
    }

    fn agent_phase_of(&self, ticket: &Ticket) -> Option<&Phase> {
        self.phase_of(ticket).filter(|phase| matches!(phase.kind, PhaseKind::Agent { .. }))
    }

    /// Says which budget of many tickets keeps this one from going on, and when some of it is free again by itself;
    /// `None` where none does.
    pub fn waits_for_budget(&self, ticket: &Ticket) -> Option<Over> {
        let waits = ticket.progress.status == Status::Queued && ticket.progress.proof.step.is_none();
        if waits { self.over_shared_budget(ticket) } else { None }
    }

    /// Returns when the budget of the settings has something left again that is used up now.
    pub(super) fn window_opens_at(&self) -> Option<Timestamp> {
        self.policy.rules.budget.as_ref()?;
        self.walks().find_map(|ticket| self.waits_for_budget(ticket)?.until)
    }

    /// Returns when the first of what counts now counts no more.
    fn first_to_leave(&self, now: Timestamp, hours: i64) -> Option<Timestamp> {
        let length = hours * 3_600_000;
        let entries = self.walks().flat_map(|ticket| &ticket.progress.history);
        let counted = entries.filter(|entry| entry.ended_at > now.plus_millis(-length) && entry.agent_worked());
        counted.map(|entry| entry.ended_at.plus_millis(length)).min()
    }

    /// Returns when a running agent has used up its time; `None` where no budget limits it.
    pub(super) fn out_of_budget_at(&self, ticket: &Ticket) -> Option<Timestamp> {
        let Status::Running { .. } = ticket.progress.status else { return None };
        if self.mode.is_frozen() || ticket.progress.proof.step.is_some() || ticket.progress.person_since.is_some() {
            return None;
        }
        let phase = self.agent_phase_of(ticket)?;
        let limits_time = |budget: Option<Budget>| budget.is_some_and(|budget| budget.wall_seconds.is_some());
        let plan = self.plans.get(&ticket.brief.key.plan).filter(|plan| limits_time(plan.budget));
        let house = self.policy.rules.budget.as_ref().filter(|window| limits_time(Some(window.budget)));
        let shared = plan.and_then(|plan| self.scope_of_plan(plan)).into_iter();
        let shared = shared.chain(house.and_then(|_| self.scope_of_house(self.at)));
        let night = self.policy.rules.night.as_ref().filter(|night| limits_time(night.budget));
        let shared = shared.chain(night.and_then(|_| self.scope_of_night(self.now())));
        let scopes = self.own_scopes(ticket, phase).into_iter().chain(shared);
        scopes.filter_map(|scope| scope.tally.up_at(scope.budget.wall_seconds?.saturating_mul(1000))).min()
    }
}

impl Turn<'_> {
    /// Ends the session of an agent that has nothing left. What the night has nothing left for goes on in the next one.
    pub(super) fn check_budgets(&mut self, key: &TicketKey) {
        let Some(ticket) = self.fleet.ticket(key).filter(|ticket| ticket.progress.person_since.is_none()).cloned()
        else {
            return;
        };
        let Status::Running { session, .. } = &ticket.progress.status else { return };
        if let Some(message) = self.fleet.over_own_budget(&ticket) {
            return self.end_session(key, session.clone(), out_of(message));
        }
        match self.fleet.over_shared_budget(&ticket) {
            Some(over) if over.puts_off => self.put_off(key, session.clone()),
            Some(over) => self.end_session(key, session.clone(), out_of(over.why)),
            None => {}
        }
    }

    /// Leaves a ticket to a person whose agent must not start any more; returns whether it did.
    pub(super) fn has_no_budget(&mut self, ticket: &Ticket) -> bool {
        let over = self.fleet.over_own_budget(ticket);
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
