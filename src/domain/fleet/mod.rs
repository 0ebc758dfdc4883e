//! The fleet: all plans and tickets, and the one state machine that moves them.
//!
//! [`Fleet::step`] takes one input and says, in an [`Outbox`], what happened and what has to be done. It is pure and
//! total: every input is accepted in every state, and what does not fit is ignored or refused. State changes only by
//! [`Fleet::apply`]ing events, so that replaying the journal gives the same fleet.
//!
//! Where things go: a new wish is a `Command` and an arm in `on_command`; a new fact is a `TicketEvent` and an arm in
//! `apply`; what the world says back is an arm in `on_report`; what agents and people say to each other is in `talk`;
//! what a phase type means is in `walk`, and in `join` for those that walk other phases; what a failure leads to is in
//! `failing`; when an agent is ended for doing nothing is in `watch`; who may start is in `dispatch`; what concerns all
//! tickets at once is in `whole`.

mod adding;
mod apply;
mod budgets;
mod caps;
mod choice;
mod dependencies;
mod dispatch;
mod failing;
mod hands;
mod join;
mod night;
mod on_command;
mod on_report;
mod on_time;
mod passing;
mod proving;
mod recover;
mod replay;
mod step;
mod talk;
#[cfg(test)]
mod tests;
mod walk;
mod watch;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use caps::Crowd;
pub use dependencies::circles;
pub use dispatch::Queue;
pub use replay::{Difference, Replay, Told};
pub use step::{Input, Outbox, Step};
pub(crate) use watch::{Patience, in_words};

use self::budgets::UsedUp;
use super::account::Hold;
use super::activity::Activity;
use super::clock::Reading;
use super::ids::{AgentName, PlanId, SessionId, TicketId, TicketKey};
use super::limit::Limits;
use super::mode::Mode;
use super::night::Part;
use super::plan::Plan;
use super::problem::Problem;
use super::rules::Rules;
use super::ticket::{Status, Ticket};
use super::time::Timestamp;
use super::workflow::{Phase, Workflow};

/// Everything that is true about plans and tickets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// The last journal sequence it includes.
    pub seq: u64,
    /// Plans by id; their `tickets` lists are empty here.
    pub plans: BTreeMap<PlanId, Plan>,
    /// Tickets by key.
    pub tickets: BTreeMap<TicketKey, Arc<Ticket>>,
    /// Workflow versions in use, by digest.
    pub workflows: BTreeMap<String, Arc<Workflow>>,
    /// Whether everything works, is stopped or is frozen.
    #[serde(default)]
    pub mode: Mode,
    /// The clocks as they were last written down; `None` before the first engine.
    #[serde(default)]
    pub clock: Option<Reading>,
    /// Accounts that are held back, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, Hold>,
    /// When everything was last stopped, frozen or let go on; `None` where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_since: Option<Timestamp>,
    /// The last night of which it was noted that it is over; `None` where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub night_over: Option<Timestamp>,
    /// Until which night a person let everything work by day; `None` where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub works_until: Option<Timestamp>,
    /// The moment of the last event.
    #[serde(default)]
    pub at: Timestamp,
    /// What is not durable: activities and defective files.
    pub live: Live,
    /// How it schedules.
    pub policy: Policy,
}

/// Facts that are true now and forgotten at the end of the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// What running sessions say they do.
    pub activity: BTreeMap<SessionId, Activity>,
    /// When agents that run are looked after next; others as their phases say.
    #[serde(default)]
    pub looks: BTreeMap<SessionId, Timestamp>,
    /// The moment of the last step.
    #[serde(default)]
    pub now: Timestamp,
    /// How much of what providers allow accounts is used up.
    #[serde(default)]
    pub limits: Limits,
    /// Whether it was night at the last turn that asked; `None` where work starts at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Defective files.
    pub problems: Vec<Problem>,
    /// Why nothing can be recorded, so that nothing starts; `None` while all is well.
    #[serde(default)]
    pub stalled: Option<String>,
    /// Which budgets of many tickets are used up.
    #[serde(skip)]
    pub used_up: UsedUp,
}

/// How the fleet schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Tickets that may have a script or an agent at work at the same time, over all plans. The same number of poll
    /// checks may run beside them. An agent that waits for a person's answer takes no place.
    pub max_concurrency: u32,
    /// Whether phases may start at all; an engine that only carries out one verb does not dispatch.
    pub dispatch: bool,
    /// Only these tickets may start; `None` means all.
    pub only: Option<Vec<TicketKey>>,
    /// What the settings say.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub rules: Arc<Rules>,
}

fn is_nothing(rules: &Arc<Rules>) -> bool {
    **rules == Rules::default()
}

impl Policy {
    /// Returns whether a ticket, or what a walk is below of, may start.
    pub fn concerns(&self, key: &TicketKey) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| if key.is_walk() { only.contains(&key.root()) } else { only.contains(key) })
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { max_concurrency: 3, dispatch: true, only: None, rules: Arc::default() }
    }
}

impl Fleet {
    /// Returns the ticket, or the walk below one, called `key`.
    pub fn ticket(&self, key: &TicketKey) -> Option<&Arc<Ticket>> {
        if !key.is_walk() {
            return self.tickets.get(key);
        }
        let root = self.tickets.get(&key.root());
        key.walk.iter().try_fold(root?, |above, walk| above.progress.walks.open.get(walk))
    }

    /// Returns all tickets and all walks below them, each after what it is below of.
    pub fn walks(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        let mut roots = self.tickets.values();
        let mut levels: Vec<std::collections::btree_map::Values<'_, _, Arc<Ticket>>> = Vec::new();
        std::iter::from_fn(move || {
            let ticket = loop {
                match levels.last_mut().map(Iterator::next) {
                    Some(Some(walk)) => break walk,
                    Some(None) => drop(levels.pop()),
                    None => break roots.next()?,
                }
            };
            let open = &ticket.progress.walks.open;
            if !open.is_empty() {
                levels.push(open.values());
            }
            Some(ticket)
        })
    }

    /// Returns the walks right below a ticket or walk, with all below them.
    pub fn below<'a>(&'a self, ticket: &'a Ticket) -> Vec<&'a Arc<Ticket>> {
        let each = ticket.progress.walks.open.values();
        each.flat_map(|walk| std::iter::once(walk).chain(self.below(walk))).collect()
    }

    /// Returns the tickets of a plan in the order they would start.
    pub fn tickets_of<'a>(&'a self, plan: &'a PlanId) -> Vec<&'a Arc<Ticket>> {
        let mut tickets: Vec<_> = self.tickets.values().filter(|ticket| ticket.brief.key.plan == *plan).collect();
        tickets.sort_by(|a, b| (a.order, &a.brief.key).cmp(&(b.order, &b.brief.key)));
        tickets
    }

    /// Finds tickets and walks below them by what a person types: `PLAN/TICKET` or `TICKET`, `PLAN/TICKET/WALK` or
    /// `TICKET/WALK`, letter case ignored.
    pub fn find(&self, text: &str) -> Vec<&Arc<Ticket>> {
        let same = |key: &TicketKey| {
            let name = key.name();
            let whole = text.split_once('/').filter(|(plan, _)| key.plan.as_str().eq_ignore_ascii_case(plan));
            name.eq_ignore_ascii_case(text) || whole.is_some_and(|(_, rest)| name.eq_ignore_ascii_case(rest))
        };
        self.walks().filter(|ticket| same(&ticket.brief.key)).collect()
    }

    /// Returns the workflow version a ticket walks, once it started.
    pub fn workflow_of(&self, ticket: &Ticket) -> Option<&Arc<Workflow>> {
        let key = &ticket.brief.key;
        match (key.above(), key.walk.last()) {
            (Some(above), Some(walk)) => self.phase_of(self.ticket(&above)?)?.workflow_below(walk),
            _ => self.workflows.get(ticket.progress.workflow_digest.as_ref()?),
        }
    }

    /// Returns the phase a ticket is in.
    pub fn phase_of(&self, ticket: &Ticket) -> Option<&Phase> {
        self.workflow_of(ticket)?.phase(ticket.progress.phase.as_ref()?)
    }

    /// Returns the agent that works on a phase of `ticket` that names `agent`: the phase's, else the ticket's, else the
    /// plan's, else that of the settings; `None` where nobody knows what those say.
    pub fn agent_for(&self, ticket: &Ticket, agent: Option<&AgentName>) -> Option<AgentName> {
        let of_plan = || self.plans.get(&ticket.brief.key.plan)?.agent.as_ref();
        let of_house = || self.policy.rules.default_agent.as_ref();
        agent.or(ticket.brief.agent.as_ref()).or_else(of_plan).or_else(of_house).cloned()
    }

    /// Returns the moment it stands at: that of the last step, or of the last event where none was taken yet.
    fn now(&self) -> Timestamp {
        self.live.now.max(self.at)
    }

    /// Returns the blockers of `ticket` that are not complete, existing or not.
    pub fn open_blockers<'a>(&'a self, ticket: &'a Ticket) -> impl Iterator<Item = &'a TicketKey> {
        ticket.blocked_by.iter().filter(|key| {
            !self.tickets.get(key).is_some_and(|blocker| {
                matches!(blocker.progress.status, Status::Complete { needs_attention: false, .. })
            })
        })
    }

    /// Returns the earliest moment at which something is due, if anything is.
    pub fn next_due(&self) -> Option<Timestamp> {
        let accounts = self.accounts.values().filter_map(|hold| hold.until);
        let budgets = self
            .walks()
            .filter_map(|ticket| self.out_of_budget_at(ticket))
            .chain(self.window_opens_at())
            .chain(self.hours_change_at());
        let looks =
            self.walks().filter_map(|ticket| self.looked_after_at(ticket).or_else(|| self.unanswered_at(ticket)));
        self.walks()
            .filter_map(|ticket| on_time::due_at(self.mode, ticket))
            .chain(accounts)
            .chain(looks)
            .chain(budgets)
            .min()
    }

    /// Returns a ticket id that is free in `plan`: `T-1`, `T-2` …
    pub fn free_ticket_id(&self, plan: &PlanId) -> Option<TicketId> {
        let own = self.tickets.keys().filter(|key| key.plan == *plan);
        let taken: BTreeSet<String> = own.map(|key| key.ticket.as_str().to_ascii_uppercase()).collect();
        (1..=u32::MAX).map(|n| format!("T-{n}")).find(|id| !taken.contains(id)).and_then(|id| TicketId::new(id).ok())
    }
}
