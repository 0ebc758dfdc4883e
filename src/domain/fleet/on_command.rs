//! What a person wishes, and why it may not be.

use super::step::Turn;
use crate::domain::agent_run::AgentTurn;
use crate::domain::command::{Command, Rejection, TicketAction};
use crate::domain::decision::{self, Matter, Seen};
use crate::domain::effect::Effect;
use crate::domain::event::{Event, TicketEvent};
use crate::domain::ids::{PhaseId, PlanId, RequestId, TicketKey};
use crate::domain::permission::PermissionRule;
use crate::domain::plan::Plan;
use crate::domain::problem::nearest;
use crate::domain::session::{Answer, Outcome, Request, StoppedBy};
use crate::domain::ticket::{AfterStop, Brief, Failure, FailureClass, HistoryEntry, Progress, Status, Ticket};
use crate::domain::workflow::{Approval, Asks, PhaseKind};

pub(super) type Done = Result<(), Rejection>;

impl Turn<'_> {
    pub(super) fn on_command(&mut self, command: Command) -> Done {
        match command {
            Command::Ticket { key, action } => self.on_ticket_action(&key, action),
            Command::PutPlan { plan } => self.put_plan(plan),
            Command::PutTicket { brief, order, blocked_by } => self.put_ticket(brief, order, blocked_by),
            Command::AddTickets { plans, tickets } => self.add_tickets(plans, tickets),
            Command::TakeOver { key, progress } => self.take_over(&key, progress),
            Command::PausePlan { plan } => self.pause_plan(&plan, true),
            Command::ResumePlan { plan } => self.pause_plan(&plan, false),
            Command::SetConcurrency { max } => {
                self.out.live_changed |= self.fleet.policy.max_concurrency != max;
                self.fleet.policy.max_concurrency = max;
                Ok(())
            }
            Command::SetRules { rules } => {
                self.out.live_changed |= self.fleet.policy.rules != rules;
                self.fleet.policy.rules = rules;
                Ok(())
            }
            Command::ChangeLearning { n, text } => self.change_learning(n, text),
            Command::ReleaseAccount { account } => self.release_held(account),
            Command::WorkNow => self.work_now(),
            Command::StopAll { now } => self.stop_all(now),
            Command::FreezeAll => self.freeze_all(),
            Command::ResumeAll => self.resume_all(),
            Command::SetProblems { problems } => {
                self.out.live_changed |= self.fleet.live.problems != problems;
                self.fleet.live.problems = problems;
                Ok(())
            }
        }
    }

    pub(super) fn put_plan(&mut self, mut plan: Plan) -> Done {
        plan.tickets.clear();
        if let Some(old) = self.fleet.plans.get(&plan.id) {
            plan.paused |= old.paused;
            if *old == plan {
                return Ok(());
            }
        }
        let is_twin = |known: &&PlanId| **known != plan.id && known.as_str().eq_ignore_ascii_case(plan.id.as_str());
        if let Some(twin) = self.fleet.plans.keys().find(is_twin) {
            return Err(Rejection::new(format!("plan `{}` differs from `{twin}` only by letter case", plan.id))
                .hint("give it another id"));
        }
        self.record(Event::PlanPut { plan });
        Ok(())
    }

    fn pause_plan(&mut self, plan: &PlanId, pause: bool) -> Done {
        let Some(known) = self.fleet.plans.get(plan) else {
            return Err(unknown_plan(self.fleet.plans.keys(), plan));
        };
        if known.paused != pause {
            let plan = plan.clone();
            self.record(if pause { Event::PlanPaused { plan } } else { Event::PlanResumed { plan } });
        }
        Ok(())
    }

    fn put_ticket(&mut self, brief: Brief, order: i64, blocked_by: Vec<TicketKey>) -> Done {
        let key = &brief.key;
        if !self.fleet.plans.contains_key(&key.plan) {
            return Err(unknown_plan(self.fleet.plans.keys(), &key.plan));
        }
        let twin = self.fleet.tickets.keys().find(|known| {
            *known != key && known.plan == key.plan && known.ticket.as_str().eq_ignore_ascii_case(key.ticket.as_str())
        });
        if let Some(twin) = twin {
            return Err(Rejection::new(format!("ticket `{key}` differs from `{twin}` only by letter case"))
                .hint("give it another id"));
        }
        if blocked_by.contains(key) {
            return Err(Rejection::new(format!("ticket `{key}` is blocked by itself")).hint("remove it from blockedBy"));
        }
        let same = self
            .fleet
            .ticket(key)
            .is_some_and(|old| old.brief == brief && old.order == order && old.blocked_by == blocked_by);
        if !same {
            self.record(Event::TicketPut { brief, order, blocked_by });
        }
        Ok(())
    }

    fn take_over(&mut self, key: &TicketKey, progress: Box<Progress>) -> Done {
        if self.fleet.ticket(key).is_some_and(|ticket| ticket.progress == Progress::default()) {
            self.note(key, TicketEvent::TakenOver { progress });
        }
        Ok(())
    }

    fn on_ticket_action(&mut self, key: &TicketKey, action: TicketAction) -> Done {
        let Some(ticket) = self.fleet.ticket(key).cloned() else {
            let known: Vec<String> = self.fleet.walks().map(|ticket| ticket.brief.key.to_string()).collect();
            let near = nearest(&key.to_string(), known.iter().map(String::as_str));
            let hint = near.map_or("`aotui status` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Rejection::new(format!("there is no ticket `{key}`")).hint(hint));
        };
        match action {
            TicketAction::Approve { seen, note } => self.approve(&ticket, &seen, note),
            TicketAction::ApproveAlways { request } => self.approve_always(&ticket, request),
            TicketAction::Reject { seen, note } => self.reject(&ticket, &seen, note),
            TicketAction::Reply { request, text } => self.reply(&ticket, request.as_ref(), text),
            TicketAction::Tell { text } => self.tell(&ticket, text),
            TicketAction::Interrupt => self.interrupt(&ticket),
            TicketAction::Retry { interrupt } => {
                self.retry(&ticket, interrupt)?;
                self.attended(key);
                Ok(())
            }
            TicketAction::Skip { to } => self.skip(&ticket, to),
            TicketAction::WorkNow => self.work_on_now(&ticket),
            TicketAction::Pause => self.pause(&ticket, true),
            TicketAction::Resume => self.pause(&ticket, false),
            TicketAction::Stop => self.stop(&ticket),
            TicketAction::TakeOver => self.step_in(&ticket),
            TicketAction::HandBack => self.step_out(&ticket),
        }
    }

    fn approve(&mut self, ticket: &Ticket, seen: &Seen, note: Option<String>) -> Done {
        let key = &ticket.brief.key;
        match decision::to_approve(ticket, seen)? {
            Matter::Request(request) => return self.answer(key, &request, Answer::Allow),
            Matter::Approval(_) => {}
        }
        let Some((_, phase)) = self.at_phase(key) else { return Err(no_phase(key)) };
        if let Some(text) = note.filter(|note| !note.trim().is_empty()) {
            self.note(key, TicketEvent::FeedbackLeft { text });
        }
        self.succeed(key, &phase, Default::default());
        // Who lands something does not mean tonight.
        if matches!(&phase.kind, PhaseKind::Approval(Approval { asks: Asks::Merge, .. })) {
            self.attended(key);
        }
        Ok(())
    }

    fn approve_always(&mut self, ticket: &Ticket, request: RequestId) -> Done {
        let key = &ticket.brief.key;
        let Matter::Request(request) = decision::to_approve(ticket, &Seen::request(request))? else {
            return Err(Rejection::new(format!("the agent of `{key}` asks nothing")));
        };
        let Some(rule) = PermissionRule::allowing(&request.ask) else {
            return Err(Rejection::new("no rule can allow this alone").hint("approve it this once"));
        };
        let rules = std::sync::Arc::make_mut(&mut self.fleet.policy.rules);
        if !rules.permissions.contains(&rule) {
            rules.permissions.push(rule.clone());
            self.want(Effect::KeepRule { rule });
        }
        self.answer(key, &request, Answer::Allow)
    }

    fn reject(&mut self, ticket: &Ticket, seen: &Seen, note: String) -> Done {
        let key = &ticket.brief.key;
        match decision::to_reject(ticket, seen)? {
            Matter::Request(request) => return self.answer(key, &request, Answer::Deny { message: note }),
            Matter::Approval(_) => {}
        }
        let Some((_, phase)) = self.at_phase(key) else { return Err(no_phase(key)) };
        let message = if note.trim().is_empty() { "rejected".to_owned() } else { format!("rejected: {}", note.trim()) };
        let failure = Failure { class: FailureClass::Rejected, message, evidence: String::new() };
        self.attempt_failed(key, &phase, failure);
        Ok(())
    }

    fn reply(&mut self, ticket: &Ticket, request: Option<&RequestId>, text: String) -> Done {
        let request = decision::to_reply(ticket, request)?;
        self.answer(&ticket.brief.key, &request, Answer::Reply { text })
    }

    fn answer(&mut self, key: &TicketKey, request: &Request, answer: Answer) -> Done {
        let Some(session) = self.fleet.ticket(key).and_then(|ticket| ticket.progress.status.session()).cloned() else {
            return Err(Rejection::new(format!("the agent of `{key}` is gone")));
        };
        let request = request.id.clone();
        self.give_answer(session, request, answer, None);
        Ok(())
    }

    fn tell(&mut self, ticket: &Ticket, text: String) -> Done {
        let key = &ticket.brief.key;
        let Status::Running { session, .. } = &ticket.progress.status else {
            return Err(Rejection::new(format!("no session of `{key}` runs")).hint("reject or retry it with a note"));
        };
        match &ticket.progress.turn {
            Some(AgentTurn::Began | AgentTurn::Ended | AgentTurn::Interrupted) if text.trim().is_empty() => {
                Err(Rejection::new("there is nothing to tell"))
            }
            Some(AgentTurn::Began | AgentTurn::Ended | AgentTurn::Interrupted) => {
                self.follow_up(session, text);
                Ok(())
            }
            Some(AgentTurn::Prompted { .. }) => Err(Rejection::new(format!("the agent of `{key}` is being told more"))
                .hint("try again when it has taken that")),
            None => Err(Rejection::new(format!("the agent of `{key}` does not tell when it can be talked to"))
                .hint("attach to its session and type")),
        }
    }

    fn interrupt(&mut self, ticket: &Ticket) -> Done {
        let key = &ticket.brief.key;
        let session = ticket.progress.status.session().filter(|_| self.fleet.works_on_screen(ticket));
        let Some(session) = session.cloned() else {
            return Err(Rejection::new(format!("the agent of `{key}` is not seen at work on a screen of its own"))
                .hint("attach to it, or stop it"));
        };
        self.note(key, TicketEvent::Turn { turn: AgentTurn::Interrupted });
        self.want(Effect::Interrupt { session });
        Ok(())
    }

    fn retry(&mut self, ticket: &Ticket, interrupt: bool) -> Done {
        let key = &ticket.brief.key;
        match &ticket.progress.status {
            Status::Running { .. } if !interrupt => Err(Rejection::new(format!("a session of `{key}` runs"))
                .hint("retrying would end it: ask for that, or wait for its end")),
            Status::Joining { .. } if !interrupt => Err(Rejection::new(format!("walks below `{key}` are under way"))
                .hint("retrying would end them: ask for that, or wait for their end")),
            Status::Joining { .. } => {
                self.recall(key, AfterStop::Retry);
                Ok(())
            }
            Status::Running { session, .. } => {
                self.note(key, TicketEvent::StopRequested { then: AfterStop::Retry });
                self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
                Ok(())
            }
            Status::Polling { .. } | Status::Backoff { .. } => {
                self.make_ready(key, ticket);
                Ok(())
            }
            Status::Failed { .. } => {
                // What a person put right is right for all others too.
                self.release_account(ticket);
                self.run_again(ticket, ticket.progress.phase.clone())
            }
            Status::Complete { needs_attention: true, .. } => {
                let failed = |entry: &&HistoryEntry| matches!(entry.outcome, Outcome::Failed { .. });
                let phase = ticket.progress.own_history().rev().find(failed).map(|entry| entry.phase.clone());
                self.run_again(ticket, phase)
            }
            Status::Approval { .. } => Err(Rejection::new(format!("`{key}` waits for a decision"))
                .hint("approve it, reject it, or skip to another phase")),
            Status::Stopping { .. } => {
                Err(Rejection::new(format!("`{key}` is being stopped")).hint("try again when it has ended"))
            }
            Status::Queued if self.fleet.account_hold(ticket).is_some() && self.release_account(ticket) => Ok(()),
            Status::Queued if self.fleet.rests(ticket).is_some() => Ok(()),
            Status::Queued | Status::Preparing => Err(Rejection::new(format!("`{key}` is about to run anyway"))),
            Status::Complete { .. } => {
                Err(Rejection::new(format!("`{key}` is done")).hint("skip to a phase to run it again"))
            }
        }
    }

    fn run_again(&mut self, ticket: &Ticket, phase: Option<PhaseId>) -> Done {
        let key = &ticket.brief.key;
        self.note(key, TicketEvent::Retried { phase });
        if let Some((_, phase)) = self.at_phase(key) {
            self.arrive(key, &phase);
        }
        Ok(())
    }

    fn skip(&mut self, ticket: &Ticket, to: PhaseId) -> Done {
        let key = &ticket.brief.key;
        let Some(workflow) = self.fleet.workflow_of(ticket) else {
            return Err(Rejection::new(format!("`{key}` has not started")).hint("wait for it, or edit its file"));
        };
        if workflow.phase(&to).is_none() {
            let names: Vec<&str> = workflow.phases.iter().map(|phase| phase.id.as_str()).collect();
            let hint = match nearest(to.as_str(), names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its phases are {}", names.join(", ")),
            };
            return Err(Rejection::new(format!("workflow `{}` has no phase `{to}`", workflow.name)).hint(hint));
        }
        if ticket.progress.workspace.as_ref().is_some_and(|checkout| checkout.removed) {
            return Err(Rejection::new(format!("`{key}` is done and its workspace is removed"))
                .hint("add a new ticket for further work"));
        }
        match &ticket.progress.status {
            Status::Running { session, .. } => {
                self.note(key, TicketEvent::StopRequested { then: AfterStop::Skip { to } });
                self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
            }
            Status::Stopping { .. } => {
                return Err(Rejection::new(format!("`{key}` is being stopped")).hint("try again when it has ended"));
            }
            Status::Joining { .. } => self.recall(key, AfterStop::Skip { to }),
            Status::Queued
            | Status::Preparing
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => {
                let left = TicketEvent::AttemptEnded { outcome: Outcome::Skipped, captures: Default::default() };
                self.note(key, left);
                self.skip_to(key, &to);
            }
        }
        Ok(())
    }

    /// Brings the ticket to the phase a person chose.
    pub(super) fn skip_to(&mut self, key: &TicketKey, to: &PhaseId) {
        self.note(key, TicketEvent::Skipped { to: to.clone() });
        if let Some((_, phase)) = self.at_phase(key) {
            self.arrive(key, &phase);
        }
    }

    fn pause(&mut self, ticket: &Ticket, pause: bool) -> Done {
        let key = &ticket.brief.key;
        if matches!(ticket.progress.status, Status::Complete { .. }) {
            return Err(Rejection::new(format!("`{key}` is done")));
        }
        let below = self.fleet.below(ticket).into_iter();
        let held = below.filter(|walk| walk.progress.paused != pause).map(|walk| walk.brief.key.clone());
        let own = (ticket.progress.paused != pause).then(|| key.clone());
        let changed: Vec<TicketKey> = own.into_iter().chain(held).collect();
        for key in changed {
            self.note(&key, if pause { TicketEvent::Paused } else { TicketEvent::Resumed });
        }
        Ok(())
    }

    fn stop(&mut self, ticket: &Ticket) -> Done {
        let key = &ticket.brief.key;
        match &ticket.progress.status {
            Status::Running { session, .. } => {
                self.note(key, TicketEvent::StopRequested { then: AfterStop::Hold });
                self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
                Ok(())
            }
            Status::Stopping { session, .. } => {
                self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
                Ok(())
            }
            Status::Joining { .. } => {
                self.recall(key, AfterStop::Hold);
                Ok(())
            }
            Status::Queued
            | Status::Preparing
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => {
                Err(Rejection::new(format!("nothing runs for `{key}`")).hint("pause holds a ticket that does not run"))
            }
        }
    }
}

/// Says that the workflow no longer has the phase a ticket is in.
fn no_phase(key: &TicketKey) -> Rejection {
    Rejection::new(format!("the workflow of `{key}` no longer has the phase it is in")).hint("skip to another phase")
}

pub(super) fn unknown_plan<'a>(known: impl Iterator<Item = &'a PlanId>, plan: &PlanId) -> Rejection {
    let names: Vec<&str> = known.map(PlanId::as_str).collect();
    let hint = match nearest(plan.as_str(), names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "`aotui init` makes one for the repository you are in".to_owned(),
        None => format!("plans here: {}", names.join(", ")),
    };
    Rejection::new(format!("there is no plan `{plan}`")).hint(hint)
}
