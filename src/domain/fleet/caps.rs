//! Who has to wait although there is a free place: where an agent, an account or a repository has as much at work as it
//! may, and where so many tickets wait for a person that no more are begun.

use std::collections::BTreeMap;

use super::Fleet;
use crate::domain::ids::TicketKey;
use crate::domain::rules::{Cap, Capped};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::workflow::{Phase, PhaseKind};

/// How much is at work of what is capped: by the number of the cap, and the name that fits it.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<(usize, String), u32>);

/// What there is no place of for a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crowd {
    /// Whose places are taken: `agent claude`.
    pub whose: String,
    /// Tickets that have them.
    pub holders: Vec<TicketKey>,
    /// How many there are.
    pub most: u32,
}

impl Fleet {
    /// Says that so many tickets wait for a person that this one is not begun; `None` where nothing keeps it.
    pub fn waits_for_people(&self, ticket: &Ticket) -> Option<String> {
        let limit = self.policy.rules.wip_limit.filter(|_| is_new(ticket))?;
        let waiting = self.waiting_for_person();
        (waiting >= limit).then(|| match waiting {
            1 => "nothing new is begun while 1 ticket waits for you (`wipLimit` 1)".to_owned(),
            n => format!("nothing new is begun while {n} tickets wait for you (`wipLimit` {limit})"),
        })
    }

    /// Returns whether tickets that have not begun may begin, as far as those concerns that wait for a person.
    pub(super) fn may_begin(&self) -> bool {
        self.policy.rules.wip_limit.is_none_or(|limit| self.waiting_for_person() < limit)
    }

    /// Counts the tickets that wait for a person. Whoever puts one aside by pausing it takes it out.
    fn waiting_for_person(&self) -> u32 {
        let tickets = self.tickets.values().filter(|ticket| !ticket.progress.paused);
        let waiting = tickets.filter(|ticket| waits_for_person(ticket)).count();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// Returns what of a cap a ticket takes while it works, or would take if it began to.
    fn claims<'a>(&'a self, ticket: &'a Ticket) -> impl Iterator<Item = (usize, &'a Cap, String)> {
        let rules = &self.policy.rules;
        let phase = self.phase_of(ticket);
        let is_poll = phase.is_some_and(Phase::is_poll);
        let repo = || {
            let plan = self.plans.get(&ticket.brief.key.plan);
            ticket.brief.repo.clone().or_else(|| plan?.repo.clone())
        };
        let agent = phase.filter(|phase| self.runs_agent(ticket, phase));
        let name = move |what: Capped| match what {
            Capped::Repository => repo(),
            Capped::Agent => {
                let named = self.agent_of(ticket, agent?).or_else(|| rules.default_agent.clone());
                named.map(|name| name.to_string())
            }
            Capped::Account => Some(self.account_of(ticket, agent?)),
        };
        let mut seen = Vec::new();
        let caps = rules.caps.iter().enumerate().filter(move |_| !is_poll);
        caps.filter_map(move |(n, cap)| {
            let name = name(cap.of).filter(|name| cap.fits(name))?;
            // The first one of its kind that fits counts.
            if seen.contains(&cap.of) {
                return None;
            }
            seen.push(cap.of);
            Some((n, cap, name))
        })
    }

    /// Counts what is at work of everything that is capped.
    pub(super) fn taken(&self) -> Taken {
        let mut taken = Taken::default();
        if !self.policy.rules.caps.is_empty() {
            self.walks().filter(|ticket| ticket.progress.takes_place()).for_each(|ticket| taken.take(self, ticket));
        }
        taken
    }

    /// Returns what a ticket that could start finds no place of; `None` where no cap keeps it.
    pub fn crowd(&self, ticket: &Ticket) -> Option<Crowd> {
        if self.policy.rules.caps.is_empty() {
            return None;
        }
        let taken = self.taken();
        let (n, cap, name) = self.claims(ticket).find(|(n, cap, name)| taken.of(*n, name) >= cap.most)?;
        let has = |other: &&std::sync::Arc<Ticket>| {
            other.progress.takes_place() && self.claims(other).any(|(m, _, own)| m == n && own == name)
        };
        let holders = self.walks().filter(has).map(|other| other.brief.key.clone()).collect();
        Some(Crowd { whose: format!("{} {name}", cap.of.name()), holders, most: cap.most })
    }
}

impl Fleet {
    /// Returns whether what runs for the ticket, or would run next, is an agent. Looking and checking takes none.
    pub(super) fn runs_agent(&self, ticket: &Ticket, phase: &Phase) -> bool {
        let is_agent = matches!(phase.kind, PhaseKind::Agent { .. });
        is_agent && ticket.progress.proof.step.is_none() && !self.wants_look(ticket, phase)
    }
}

impl Crowd {
    /// Says what is waited for, as half a sentence.
    pub fn why(&self) -> String {
        format!("waits for a place of {}: {} of {} taken", self.whose, self.holders.len(), self.most)
    }
}

impl Taken {
    fn of(&self, n: usize, name: &str) -> u32 {
        self.0.get(&(n, name.to_owned())).copied().unwrap_or_default()
    }

    /// Returns whether no cap keeps the ticket from working.
    pub(super) fn has_room(&self, fleet: &Fleet, ticket: &Ticket) -> bool {
        fleet.claims(ticket).all(|(n, cap, name)| self.of(n, &name) < cap.most)
    }

    /// Counts the ticket as at work.
    pub(super) fn take(&mut self, fleet: &Fleet, ticket: &Ticket) {
        for (n, _, name) in fleet.claims(ticket) {
            *self.0.entry((n, name)).or_default() += 1;
        }
    }
}

/// Returns whether a ticket was not begun yet.
fn is_new(ticket: &Ticket) -> bool {
    ticket.progress.phase.is_none() && ticket.progress.status == Status::Queued
}

fn waits_for_person(ticket: &Ticket) -> bool {
    let progress = &ticket.progress;
    let own = match &progress.status {
        Status::Approval { .. } | Status::Failed { .. } => true,
        // A walk that ended badly concerns what is above it, which goes on by itself.
        Status::Complete { needs_attention, .. } => *needs_attention && !ticket.brief.key.is_walk(),
        _ => !progress.requests.is_empty(),
    };
    own || progress.walks.open.values().any(|walk| waits_for_person(walk))
}
