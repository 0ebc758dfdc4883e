//! The only place where state changes: an event is applied.

use std::sync::Arc;

use super::Fleet;
use crate::domain::agent_run::AgentTurn;
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::ids::{AgentName, TicketKey};
use crate::domain::session::Outcome;
use crate::domain::ticket::{AfterStop, Brief, HistoryEntry, Progress, Status, Ticket, UnderWay};
use crate::domain::time::Timestamp;

impl Fleet {
    /// Applies a fact. Events about tickets that do not exist change nothing.
    pub fn apply(&mut self, recorded: &Recorded) {
        self.seq = recorded.seq;
        self.at = recorded.at;
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
            Event::ModeChanged { mode } => self.mode = *mode,
            Event::AccountHeld { account, hold } => drop(self.accounts.insert(account.clone(), hold.clone())),
            Event::AccountTried { account, until } => {
                if let Some(hold) = self.accounts.get_mut(account) {
                    hold.trying = true;
                    hold.until = Some(*until);
                }
            }
            Event::AccountReleased { account } => drop(self.accounts.remove(account)),
            Event::ClockRead { reading } => self.clock = Some(reading.clone()),
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
        TicketEvent::Started => {
            progress.under_way.get_or_insert(UnderWay { since: at, postponed: 0 });
            progress.status = Status::Preparing;
        }
        TicketEvent::Prepared { digest, checkout } => {
            progress.under_way = None;
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
            progress.under_way.get_or_insert(UnderWay { since: at, postponed: 0 });
            progress.status =
                Status::Running { session: session.clone(), since: at, deadline: *deadline, agent: agent.clone() };
        }
        TicketEvent::AttemptEnded { outcome, captures } => end_attempt(progress, at, outcome, captures),
        TicketEvent::PollPending { next, deadline } => {
            progress.status = Status::Polling { next: *next, deadline: *deadline };
            progress.under_way.iter_mut().for_each(|under_way| under_way.postponed = 0);
            forget_session(progress);
        }
        TicketEvent::Postponed { until, failure } => {
            progress.status = Status::Backoff { until: *until, because: Some(failure.message.clone()) };
            progress.under_way.iter_mut().for_each(|under_way| under_way.postponed += 1);
            forget_session(progress);
        }
        TicketEvent::TimeShifted { timeouts, moments } => shift(progress, *timeouts, *moments),
        TicketEvent::WaitOver => progress.status = Status::Queued,
        TicketEvent::Spared => progress.attempt = progress.attempt.saturating_sub(1),
        TicketEvent::BackedOff { until, because } => {
            progress.status = Status::Backoff { until: *until, because: because.clone() };
        }
        TicketEvent::ApprovalAsked { message } => {
            let since = match &progress.status {
                Status::Approval { since, .. } => *since,
                _ => at,
            };
            progress.status = Status::Approval { message: message.clone(), since };
        }
        TicketEvent::FeedbackLeft { text } => progress.feedback = Some(text.clone()).filter(|text| !text.is_empty()),
        TicketEvent::Failed { failure } => {
            progress.under_way = None;
            progress.status = Status::Failed { failure: failure.clone(), since: at };
        }
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
        TicketEvent::StopRequested { then } => begin_stop(progress, then),
        TicketEvent::Asked { .. }
        | TicketEvent::Answered { .. }
        | TicketEvent::Withdrawn { .. }
        | TicketEvent::ConversationNamed { .. }
        | TicketEvent::Turn { .. }
        | TicketEvent::TurnEnded { .. }
        | TicketEvent::AgentEnded { .. } => apply_to_agent(progress, what),
        TicketEvent::WorkspaceRemoved { .. } => {
            if let Some(checkout) = &mut progress.workspace {
                checkout.removed = true;
            }
        }
        TicketEvent::WorkspaceKept { .. } => {}
    }
}

/// Applies what its agent asked, was answered or told.
fn apply_to_agent(progress: &mut Progress, what: &TicketEvent) {
    match what {
        TicketEvent::Asked { request } => progress.requests.push(request.clone()),
        TicketEvent::Answered { request, answer } => {
            progress.requests.retain(|known| known.id != *request);
            progress.answered.push((request.clone(), answer.clone()));
        }
        TicketEvent::Withdrawn { request } => progress.requests.retain(|known| known.id != *request),
        TicketEvent::ConversationNamed { id } => progress.note_conversation(agent_of(progress), id),
        TicketEvent::Turn { turn } => progress.turn = Some(turn.clone()),
        TicketEvent::TurnEnded { end } => {
            progress.turn = Some(AgentTurn::Ended);
            progress.note_agent_end(agent_of(progress), end);
        }
        TicketEvent::AgentEnded { end } => {
            // What its program left behind says how it was at its end.
            progress.turn.iter_mut().for_each(|turn| *turn = AgentTurn::Ended);
            progress.note_agent_end(agent_of(progress), end);
        }
        _ => {}
    }
}

/// Puts the ticket at the start of a phase.
fn enter(progress: &mut Progress, at: Timestamp, phase: &crate::domain::ids::PhaseId) {
    progress.phase = Some(phase.clone());
    progress.phase_since = Some(at);
    progress.attempt = 0;
    progress.under_way = None;
    progress.status = Status::Queued;
    forget_session(progress);
}

/// Waits for the end of the session that runs.
fn begin_stop(progress: &mut Progress, then: &AfterStop) {
    if let Status::Running { session, since, agent, .. } = &progress.status {
        let (session, since, agent) = (session.clone(), *since, agent.clone());
        progress.status = Status::Stopping { session, since, agent, then: then.clone() };
    }
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
            started_at: started_at.min(at),
            ended_at: at,
        });
    }
    if matches!(outcome, Outcome::Interrupted | Outcome::Stopped) {
        progress.attempt = progress.attempt.saturating_sub(1);
    }
    progress.under_way = None;
    progress.context.extend(captures.clone());
    progress.status = Status::Queued;
    forget_session(progress);
}

/// Returns the agent at work.
fn agent_of(progress: &Progress) -> Option<AgentName> {
    match &progress.status {
        Status::Running { agent, .. } | Status::Stopping { agent, .. } => agent.clone(),
        _ => None,
    }
}

/// Moves every moment of what is not over.
fn shift(progress: &mut Progress, timeouts: i64, moments: i64) {
    let moved = |moment: &mut Timestamp| *moment = moment.plus_millis(moments);
    let extended = |moment: &mut Timestamp| *moment = moment.plus_millis(timeouts);
    match &mut progress.status {
        Status::Running { since, deadline, .. } => {
            moved(since);
            deadline.iter_mut().for_each(extended);
        }
        Status::Polling { next, deadline } => {
            moved(next);
            deadline.iter_mut().for_each(extended);
        }
        Status::Backoff { until, .. } => moved(until),
        Status::Stopping { since, .. } | Status::Approval { since, .. } | Status::Failed { since, .. } => moved(since),
        Status::Queued | Status::Preparing | Status::Complete { .. } => {}
    }
    progress.under_way.iter_mut().for_each(|under_way| extended(&mut under_way.since));
    progress.phase_since.iter_mut().for_each(moved);
    progress.requests.iter_mut().for_each(|request| moved(&mut request.asked_at));
}

/// Forgets what was between the ticket and a session that is over.
fn forget_session(progress: &mut Progress) {
    progress.requests.clear();
    progress.answered.clear();
    (progress.turn, progress.agent_end) = (None, None);
}
