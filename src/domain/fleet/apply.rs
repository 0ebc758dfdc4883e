//! The only place where state changes: an event is applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Fleet;
use crate::domain::agent_run::AgentTurn;
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::gate::Step;
use crate::domain::ids::{AgentName, PhaseId, SessionId, TicketKey, WalkName};
use crate::domain::session::Outcome;
use crate::domain::ticket::{AfterStop, Brief, HistoryEntry, Progress, Status, Ticket, UnderWay, Used};
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;
use crate::domain::walks::{Origin, Walks, path};

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
            Event::ModeChanged { mode } => {
                self.mode = *mode;
                self.mode_since = Some(recorded.at);
            }
            Event::NightOver { over, .. } => self.night_over = Some(*over),
            Event::NightLifted { until } => self.works_until = Some(*until),
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
            Event::Ticket { key, what: TicketEvent::WalkBegun { walk, item } } => self.begin_walk(key, walk, *item),
            Event::Ticket { key, what } => {
                if let Some(ticket) = self.ticket_mut(key) {
                    apply_to(&mut ticket.progress, recorded.at, what);
                    self.count_session(key, what);
                    self.forget_old_activity(key);
                }
            }
        }
    }

    fn ticket_mut(&mut self, key: &TicketKey) -> Option<&mut Ticket> {
        let root = self.tickets.get_mut(&key.root())?;
        key.walk
            .iter()
            .try_fold(Arc::make_mut(root), |above, walk| above.progress.walks.open.get_mut(walk).map(Arc::make_mut))
    }

    /// Adds a walk below `key`: in the same checkout, with what is known above it.
    fn begin_walk(&mut self, key: &TicketKey, walk: &WalkName, number: Option<u32>) {
        let below = key.below(walk.clone());
        let root = self.tickets.get(&key.root());
        let sessions = root.and_then(|root| root.progress.walks.sessions.get(&path(&below)).copied());
        let Some(above) = self.ticket_mut(key) else { return };
        let progress = &above.progress;
        let list = progress.phase.as_ref().and_then(|phase| progress.walks.lists.get(phase));
        let at = number.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
        let item = at.and_then(|at| list?.get(at)).map(|item| item.text.clone());
        // A list within a list is about its own item alone.
        let from = progress.walks.from.as_deref().filter(|_| number.is_none());
        let context = progress.known().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let from =
            Origin { item: item.or_else(|| from?.item.clone()), number: number.or_else(|| from?.number), context };
        let begun = Progress {
            paused: progress.paused,
            workspace: progress.workspace.clone(),
            feedback: progress.feedback.clone(),
            sessions: sessions.unwrap_or_default(),
            walks: Walks { from: Some(Box::new(from)), ..Walks::default() },
            ..Progress::default()
        };
        let brief = Brief { key: below, ..above.brief.clone() };
        let ticket = Ticket { brief, order: above.order, blocked_by: Vec::new(), progress: begun };
        above.progress.walks.open.insert(walk.clone(), Arc::new(ticket));
    }

    /// Keeps in its ticket how many sessions a walk had, so that its name can come again and its sessions cannot.
    fn count_session(&mut self, key: &TicketKey, what: &TicketEvent) {
        if let (true, TicketEvent::SessionIntended { session, .. }) = (key.is_walk(), what)
            && let Some(root) = self.tickets.get_mut(&key.root())
        {
            Arc::make_mut(root).progress.walks.sessions.insert(path(key), session.n);
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
        let (mut activity, mut looks) = (std::mem::take(&mut self.live.activity), std::mem::take(&mut self.live.looks));
        let lasts = |session: &SessionId| match session.ticket == *key {
            true => Some(session) == running.as_ref(),
            // With what is above them, walks are gone.
            false => !session.ticket.is_walk() || self.ticket(&session.ticket).is_some(),
        };
        activity.retain(|session, _| lasts(session));
        looks.retain(|session, _| lasts(session));
        (self.live.activity, self.live.looks) = (activity, looks);
    }
}

/// Applies a fact to the progress of its ticket.
fn apply_to(progress: &mut Progress, at: Timestamp, what: &TicketEvent) {
    match what {
        TicketEvent::TakenOver { progress: taken } => *progress = Progress::clone(taken),
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
        TicketEvent::Proof { what } => progress.apply_proof(at, what),
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
        TicketEvent::ApprovalAsked { message } => ask(progress, at, message),
        TicketEvent::FeedbackLeft { text } => progress.feedback = Some(text.clone()).filter(|text| !text.is_empty()),
        TicketEvent::Failed { failure } => {
            progress.under_way = None;
            progress.status = Status::Failed { failure: failure.clone(), since: at };
        }
        TicketEvent::Completed { needs_attention } => {
            progress.status = Status::Complete { needs_attention: *needs_attention, at };
        }
        TicketEvent::Retried { .. }
        | TicketEvent::Skipped { .. }
        | TicketEvent::SteppedIn
        | TicketEvent::SteppedOut
        | TicketEvent::WorksNow { .. }
        | TicketEvent::Paused
        | TicketEvent::Resumed => apply_wish(progress, at, what),
        TicketEvent::StopRequested { then } => begin_stop(progress, then),
        TicketEvent::Asked { .. }
        | TicketEvent::Answered { .. }
        | TicketEvent::Withdrawn { .. }
        | TicketEvent::ConversationNamed { .. }
        | TicketEvent::Turn { .. }
        | TicketEvent::TurnEnded { .. }
        | TicketEvent::Used { .. }
        | TicketEvent::AgentEnded { .. }
        | TicketEvent::TaskReported { .. } => apply_said(progress, what),
        TicketEvent::Divided { .. }
        | TicketEvent::Listed { .. }
        | TicketEvent::WalkBegun { .. }
        | TicketEvent::WalkLeft { .. }
        | TicketEvent::RecallRequested { .. } => apply_below(progress, at, what),
        TicketEvent::WorkspaceRemoved { .. } => {
            progress.workspace.iter_mut().for_each(|checkout| checkout.removed = true);
        }
        TicketEvent::WorkspaceKept { .. } => {}
    }
}

/// Applies what a person wants of it that its phase does not say.
fn apply_wish(progress: &mut Progress, at: Timestamp, what: &TicketEvent) {
    match what {
        TicketEvent::Retried { phase } => retry(progress, at, phase.as_ref()),
        TicketEvent::Skipped { to } => {
            progress.walks.lists.remove(to);
            progress.visits.insert(to.clone(), 1);
            enter(progress, at, to);
        }
        TicketEvent::SteppedIn => progress.person_since = Some(at),
        TicketEvent::SteppedOut => progress.person_since = None,
        TicketEvent::WorksNow { until } => progress.works_until = Some(*until),
        TicketEvent::Paused => progress.paused = true,
        TicketEvent::Resumed => progress.paused = false,
        _ => {}
    }
}

/// Has a phase run again, or what is about to run.
fn retry(progress: &mut Progress, at: Timestamp, phase: Option<&PhaseId>) {
    progress.granted_at = Some(at);
    match phase {
        Some(phase) if progress.workflow_digest.is_some() => {
            progress.visits.insert(phase.clone(), 1);
            enter(progress, at, phase);
        }
        // Another runner brought it so far: it has no workspace yet.
        Some(phase) => {
            progress.begins_at = Some(phase.clone());
            progress.status = Status::Queued;
        }
        None => progress.status = Status::Queued,
    }
}

/// Waits for a person's decision, for as long as it already does.
fn ask(progress: &mut Progress, at: Timestamp, message: &str) {
    let since = match &progress.status {
        Status::Approval { since, .. } => *since,
        _ => at,
    };
    progress.status = Status::Approval { message: message.to_owned(), since };
}

/// Applies what its agent said, or was told.
fn apply_said(progress: &mut Progress, what: &TicketEvent) {
    match what {
        TicketEvent::Asked { request } => progress.requests.push(request.clone()),
        TicketEvent::Answered { request, answer, .. } => {
            progress.requests.retain(|known| known.id != *request);
            progress.answered.push((request.clone(), answer.clone()));
        }
        TicketEvent::Withdrawn { request } => progress.requests.retain(|known| known.id != *request),
        TicketEvent::ConversationNamed { id } => progress.note_conversation(agent_of(progress), id),
        TicketEvent::Turn { turn } => progress.turn = Some(turn.clone()),
        TicketEvent::TurnEnded { end } => {
            // What it is still to be told begins another turn.
            if !matches!(progress.turn, Some(AgentTurn::Prompted { .. })) {
                progress.turn = Some(AgentTurn::Ended);
            }
            progress.note_agent_end(agent_of(progress), end);
        }
        TicketEvent::Used { end } => progress.note_agent_end(agent_of(progress), end),
        TicketEvent::AgentEnded { end } => {
            // What its program left behind says how it was at its end.
            progress.turn.iter_mut().for_each(|turn| *turn = AgentTurn::Ended);
            progress.note_agent_end(agent_of(progress), end);
        }
        TicketEvent::TaskReported { text, done } => progress.note_task(text, *done),
        _ => {}
    }
}

/// Applies what concerns walks below it.
fn apply_below(progress: &mut Progress, at: Timestamp, what: &TicketEvent) {
    match what {
        TicketEvent::Divided { deadline, listed } => {
            progress.attempt += 1;
            progress.under_way = Some(UnderWay { since: at, postponed: 0 });
            progress.status = Status::Joining { since: at, deadline: *deadline, listed: *listed, then: None };
        }
        TicketEvent::Listed { items } => {
            if let (Some(phase), Status::Joining { listed, .. }) = (progress.phase.clone(), &mut progress.status) {
                *listed = true;
                progress.take_list(&phase, items);
            }
        }
        TicketEvent::WalkLeft { walk } => progress.take_in(walk),
        TicketEvent::RecallRequested { then } => {
            if let Status::Joining { then: wanted, .. } = &mut progress.status {
                *wanted = Some(then.clone());
            }
        }
        // A walk begins where the whole fleet is at hand.
        _ => {}
    }
}

/// Puts the ticket at the start of a phase.
fn enter(progress: &mut Progress, at: Timestamp, phase: &PhaseId) {
    progress.phase = Some(phase.clone());
    progress.phase_since = Some(at);
    progress.attempt = 0;
    progress.under_way = None;
    progress.person_since = None;
    progress.proof.forget_visit();
    progress.status = Status::Queued;
    forget_session(progress);
}

/// Returns the session of the attempt under way, when it started, and the agent in it.
pub(super) fn at_work(progress: &Progress, at: Timestamp) -> (Option<SessionId>, Timestamp, Option<AgentName>) {
    if let Some(Step::Check { work }) = &progress.proof.step {
        return (Some(work.session.clone()), work.since, work.agent.clone());
    }
    match &progress.status {
        Status::Joining { since, .. } => (None, *since, None),
        Status::Running { session, since, agent, .. } | Status::Stopping { session, since, agent, .. } => {
            (Some(session.clone()), *since, agent.clone())
        }
        _ => (None, progress.phase_since.unwrap_or(at), None),
    }
}

/// Waits for the end of the session that runs.
fn begin_stop(progress: &mut Progress, then: &AfterStop) {
    if let Status::Running { session, since, agent, .. } = &progress.status {
        let (session, since, agent) = (session.clone(), *since, agent.clone());
        progress.status = Status::Stopping { session, since, agent, then: then.clone() };
    } else if let Status::Stopping { then: wanted, .. } = &mut progress.status {
        *wanted = then.clone();
    }
}

/// Writes the attempt into the history and leaves the ticket between two attempts.
fn end_attempt(progress: &mut Progress, at: Timestamp, outcome: &Outcome, captures: &BTreeMap<String, String>) {
    let open: Vec<WalkName> = progress.walks.open.keys().cloned().collect();
    open.iter().for_each(|walk| progress.take_in(walk));
    let (session, started_at, agent) = at_work(progress, at);
    let gates = std::mem::take(&mut progress.proof.results);
    let end = progress.agent_end.as_ref().filter(|end| end.usage != Usage::default());
    let used = end.map(|end| Used { model: end.model.clone(), usage: end.usage });
    progress.proof.step = None;
    progress.proof.lost = 0;
    if let Some(phase) = progress.phase.clone() {
        let visit = progress.visits.get(&phase).copied().unwrap_or_default();
        let attempt = progress.attempt;
        let outcome = outcome.clone();
        progress.proof.note_end(&phase, outcome == Outcome::Success);
        progress.history.push(HistoryEntry {
            phase,
            visit,
            attempt,
            session,
            agent,
            walk: Vec::new(),
            outcome,
            started_at: started_at.min(at),
            ended_at: at,
            used,
            gates,
        });
    }
    if let (Outcome::Success, Some(phase)) = (outcome, &progress.phase) {
        progress.walks.lists.remove(phase);
    }
    if outcome.is_void() {
        progress.attempt = progress.attempt.saturating_sub(1);
    } else {
        progress.person_since = None;
    }
    progress.under_way = None;
    progress.context.extend(captures.clone());
    progress.status = Status::Queued;
    forget_session(progress);
}

/// Returns the agent at work.
pub(super) fn agent_of(progress: &Progress) -> Option<AgentName> {
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
        Status::Joining { since, deadline, .. } => {
            moved(since);
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
pub(super) fn forget_session(progress: &mut Progress) {
    progress.requests.clear();
    progress.answered.clear();
    (progress.turn, progress.agent_end) = (None, None);
}
