//! The only place where state changes: an event is applied.

use std::sync::Arc;

use super::Fleet;
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::ids::{AgentName, TicketKey};
use crate::domain::session::Outcome;
use crate::domain::ticket::{Brief, HistoryEntry, Progress, Status, Ticket};
use crate::domain::time::Timestamp;

impl Fleet {
    /// Applies a fact. Events about tickets that do not exist change nothing.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        match &recorded.event {
            Event::PlanPut { plan } => {
                let mut plan = plan.clone();
                plan.tickets.clear();
                self.plans.insert(plan.id.clone(), plan);
            }
            Event::PlanPaused { plan } => self.set_plan_paused(plan, true),
            Event::PlanResumed { plan } => self.set_plan_paused(plan, false),
            Event::WorkflowLoaded { workflow } => {
                self.workflows.insert(workflow.digest.clone(), Arc::clone(workflow));
            }
            Event::TicketPut { brief, order, blocked_by } => self.put_ticket(brief, *order, blocked_by),
            Event::Ticket { key, what } => {
                if let Some(ticket) = self.tickets.get_mut(key) {
                    let progress = &mut Arc::make_mut(ticket).progress;
                    apply_to(progress, recorded.at, what);
                    self.forget_old_activity(key);
                }
            }
        }
    }

    fn set_plan_paused(&mut self, plan: &crate::domain::ids::PlanId, paused: bool) {
        if let Some(plan) = self.plans.get_mut(plan) {
            plan.paused = paused;
        }
    }

    fn put_ticket(&mut self, brief: &Brief, order: i64, blocked_by: &[TicketKey]) {
        let progress = self.tickets.get(&brief.key).map(|old| old.progress.clone()).unwrap_or_default();
        let ticket = Ticket { brief: brief.clone(), order, blocked_by: blocked_by.to_vec(), progress };
        self.tickets.insert(brief.key.clone(), Arc::new(ticket));
    }

    /// Drops what a session said once it is no longer the ticket's running one.
    fn forget_old_activity(&mut self, key: &TicketKey) {
        let running = self.tickets.get(key).and_then(|ticket| ticket.progress.status.session());
        let running = running.cloned();
        self.live.activity.retain(|session, _| session.ticket != *key || Some(session) == running.as_ref());
    }
}

/// Applies a fact to the progress of its ticket.
fn apply_to(progress: &mut Progress, at: Timestamp, what: &TicketEvent) {
    match what {
        TicketEvent::Started => progress.status = Status::Preparing,
        TicketEvent::Prepared { digest, checkout } => {
            progress.workflow_digest = Some(digest.clone());
            progress.workspace = Some(checkout.clone());
            progress.status = Status::Queued;
        }
        TicketEvent::PhaseEntered { phase } => {
            *progress.visits.entry(phase.clone()).or_default() += 1;
            enter(progress, at, phase);
        }
        TicketEvent::SessionIntended { session, agent, deadline, counts } => {
            progress.sessions = session.n;
            progress.attempt += u32::from(*counts);
            progress.attempt_since.get_or_insert(at);
            progress.status =
                Status::Running { session: session.clone(), since: at, deadline: *deadline, agent: agent.clone() };
        }
        TicketEvent::AttemptEnded { outcome, captures } => end_attempt(progress, at, outcome, captures),
        TicketEvent::PollPending { next, deadline } => {
            progress.status = Status::Polling { next: *next, deadline: *deadline };
            forget_requests(progress);
        }
        TicketEvent::WaitOver => progress.status = Status::Queued,
        TicketEvent::BackedOff { until } => progress.status = Status::Backoff { until: *until },
        TicketEvent::ApprovalAsked { message } => {
            let since = match &progress.status {
                Status::Approval { since, .. } => *since,
                _ => at,
            };
            progress.status = Status::Approval { message: message.clone(), since };
        }
        TicketEvent::FeedbackLeft { text } => progress.feedback = Some(text.clone()).filter(|text| !text.is_empty()),
        TicketEvent::Failed { failure } => progress.status = Status::Failed { failure: failure.clone(), since: at },
        TicketEvent::Completed { needs_attention } => {
            progress.status = Status::Complete { needs_attention: *needs_attention, at };
        }
        TicketEvent::Retried { phase: Some(phase) } => {
            progress.visits.insert(phase.clone(), 1);
            enter(progress, at, phase);
        }
        TicketEvent::Retried { phase: None } => progress.status = Status::Queued,
        TicketEvent::Skipped { to } => {
            progress.visits.insert(to.clone(), 1);
            enter(progress, at, to);
        }
        TicketEvent::Paused => progress.paused = true,
        TicketEvent::Resumed => progress.paused = false,
        TicketEvent::StopRequested { then } => {
            if let Status::Running { session, since, agent, .. } = &progress.status {
                let (session, since, agent) = (session.clone(), *since, agent.clone());
                progress.status = Status::Stopping { session, since, agent, then: then.clone() };
            }
        }
        TicketEvent::Asked { request } => progress.requests.push(request.clone()),
        TicketEvent::Answered { request, answer } => {
            progress.requests.retain(|known| known.id != *request);
            progress.answered.push((request.clone(), answer.clone()));
        }
        TicketEvent::Withdrawn { request } => progress.requests.retain(|known| known.id != *request),
        TicketEvent::ConversationNamed { id } => progress.note_conversation(agent_of(progress), id),
        TicketEvent::AgentEnded { end } => progress.note_agent_end(agent_of(progress), end),
        TicketEvent::WorkspaceRemoved { .. } => {
            if let Some(checkout) = &mut progress.workspace {
                checkout.removed = true;
            }
        }
        TicketEvent::WorkspaceKept { .. } => {}
    }
}

/// Puts the ticket at the start of a phase.
fn enter(progress: &mut Progress, at: Timestamp, phase: &crate::domain::ids::PhaseId) {
    progress.phase = Some(phase.clone());
    progress.phase_since = Some(at);
    progress.attempt = 0;
    progress.attempt_since = None;
    progress.status = Status::Queued;
    forget_requests(progress);
}

/// Writes the attempt into the history and leaves the ticket between two attempts.
fn end_attempt(
    progress: &mut Progress,
    at: Timestamp,
    outcome: &Outcome,
    captures: &std::collections::BTreeMap<String, String>,
) {
    let (session, started_at, agent) = match &progress.status {
        Status::Running { session, since, agent, .. } | Status::Stopping { session, since, agent, .. } => {
            (Some(session.clone()), *since, agent.clone())
        }
        _ => (None, progress.phase_since.unwrap_or(at), None),
    };
    if let Some(phase) = progress.phase.clone() {
        let visit = progress.visits.get(&phase).copied().unwrap_or_default();
        let attempt = progress.attempt;
        let outcome = outcome.clone();
        progress.history.push(HistoryEntry {
            phase,
            visit,
            attempt,
            session,
            agent,
            outcome,
            started_at,
            ended_at: at,
        });
    }
    if *outcome == Outcome::Interrupted {
        progress.attempt = progress.attempt.saturating_sub(1);
    }
    progress.attempt_since = None;
    progress.agent_end = None;
    progress.context.extend(captures.clone());
    progress.status = Status::Queued;
    forget_requests(progress);
}

/// Returns the agent at work.
fn agent_of(progress: &Progress) -> Option<AgentName> {
    match &progress.status {
        Status::Running { agent, .. } | Status::Stopping { agent, .. } => agent.clone(),
        _ => None,
    }
}

fn forget_requests(progress: &mut Progress) {
    progress.requests.clear();
    progress.answered.clear();
}
