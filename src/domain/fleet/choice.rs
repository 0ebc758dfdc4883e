//! Which agent works on a phase, and with which model: the first one whose account is not held back for long, and a
//! stronger model after each start that came to nothing.

use super::Fleet;
use crate::domain::gate::Step;
use crate::domain::ids::AgentName;
use crate::domain::session::Outcome;
use crate::domain::ticket::{Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Phase, PhaseKind};

/// For how long an account may be held back until another agent works instead, in seconds.
const SOON: u64 = 600;

impl Fleet {
    /// Returns the agent that is at work on `phase` of `ticket`, or would be; `None` means the configured default.
    pub fn agent_of(&self, ticket: &Ticket, phase: &Phase) -> Option<AgentName> {
        let PhaseKind::Agent { .. } = phase.kind else { return self.agent_for(ticket, None) };
        let progress = &ticket.progress;
        match (&progress.status, &progress.proof.step) {
            (_, Some(Step::Check { work })) => return work.agent.clone(),
            (Status::Running { agent, .. } | Status::Stopping { agent, .. }, None) => return agent.clone(),
            _ => {}
        }
        // What a person took over or handed back is one conversation of one agent.
        let last = progress.own_history().next_back();
        if let Some(last) = last.filter(|last| last.outcome == Outcome::HandedOver || progress.person_since.is_some()) {
            return last.agent.clone();
        }
        self.first_free(&self.candidates(ticket, phase))
    }

    /// Returns the model that is to work on `phase` of `ticket`; `None` leaves that to the agent's settings.
    pub fn model_of(&self, ticket: &Ticket, phase: &Phase) -> Option<String> {
        let PhaseKind::Agent { model, stronger, .. } = &phase.kind else { return None };
        // Names of models mean something to the agent they were written for, and to no other.
        let first = self.candidates(ticket, phase).into_iter().next()?;
        if self.agent_of(ticket, phase) != first {
            return None;
        }
        let models: Vec<&String> = model.iter().chain(stronger).collect();
        models.get(ticket.progress.fresh_starts()).or(models.last()).map(|model| (*model).clone())
    }

    /// Lists the agents that may work on a phase, the one that should first.
    fn candidates(&self, ticket: &Ticket, phase: &Phase) -> Vec<Option<AgentName>> {
        let PhaseKind::Agent { agent, instead, .. } = &phase.kind else { return Vec::new() };
        let first = self.agent_for(ticket, agent.as_ref());
        let others = if instead.is_empty() { &self.policy.rules.instead } else { instead };
        let others = others.iter().map(|name| Some(name.clone())).filter(|name| *name != first).collect::<Vec<_>>();
        std::iter::once(first).chain(others).collect()
    }

    /// Returns the first agent whose account is free, or will be soon; where there is none, the one that is free first.
    fn first_free(&self, candidates: &[Option<AgentName>]) -> Option<AgentName> {
        let soon = self.now().plus_seconds(SOON);
        let never = Timestamp(i64::MAX);
        let free_at = |agent: &Option<AgentName>| match self.accounts.get(self.policy.rules.account(agent.as_ref())) {
            Some(hold) => hold.until.unwrap_or(never),
            None => Timestamp(i64::MIN),
        };
        let first = candidates.iter().find(|agent| free_at(agent) <= soon);
        first.or_else(|| candidates.iter().min_by_key(|agent| free_at(agent))).cloned().flatten()
    }
}
