//! What agents say while they work, what they ask, and what follows the end of a turn. An agent with a screen of its own
//! does not end by itself: its turn does, and then it is told more or has to leave.

use super::Fleet;
use super::step::Turn;
use super::watch::in_words;
use crate::domain::activity::{Activity, Doing, Sighting, Source};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::{AgentEnd, AgentTurn};
use crate::domain::effect::Effect;
use crate::domain::event::TicketEvent;
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::limit::LimitWindow;
use crate::domain::permission::{Decision, PermissionRule, judge};
use crate::domain::session::{Answer, Ask, Request};
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Progress, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Unattended;

/// Requests one session may have open, so that a mad agent cannot fill the state.
const MAX_REQUESTS: usize = 32;

/// What the agent of a session told of how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Told {
    /// Nothing: its exit code has to do.
    #[default]
    Nothing,
    /// It is done.
    Done,
    /// It failed.
    Failed(FailureClass, String),
    /// It took a prompt that it did not finish.
    Unfinished,
}

impl Progress {
    pub(super) fn told(&self) -> Told {
        match (&self.turn, &self.agent_end) {
            (Some(AgentTurn::Began | AgentTurn::Interrupted), _) => Told::Unfinished,
            (_, Some(AgentEnd { failure: Some((class, words)), .. })) => Told::Failed(*class, words.clone()),
            (Some(AgentTurn::Ended), _) => Told::Done,
            (Some(AgentTurn::Prompted { .. }), _) => Told::Unfinished,
            (None, _) => Told::Nothing,
        }
    }
}

/// Says that an agent left amid its work.
pub(super) fn unfinished(tail: String) -> Failure {
    let message = "left before the end of its turn".to_owned();
    Failure { class: FailureClass::Crashed, message, evidence: tail }
}

impl Fleet {
    /// Returns the rule that decides about what the agent of a ticket asks; `None` where a person is asked without one.
    pub fn judge(&self, ticket: &Ticket, ask: &Ask) -> Option<&PermissionRule> {
        let rules = &self.policy.rules;
        let phase = self.phase_of(ticket);
        let agent = phase.map_or_else(|| self.agent_for(ticket, None), |phase| self.agent_of(ticket, phase));
        let of_agent = agent.and_then(|agent| rules.agents.get(&agent)).map(|rules| rules.permissions.as_slice());
        let of_phase = phase.map(|phase| phase.asking.permissions.as_slice());
        let all = rules.permissions.iter().chain(of_agent.into_iter().chain(of_phase).flatten());
        judge(all, ask, ticket.progress.workspace.as_ref().map(|checkout| checkout.path.as_str()))
    }

    /// Returns whether a ticket's agent is seen at work on a screen of its own.
    pub fn works_on_screen(&self, ticket: &Ticket) -> bool {
        let Status::Running { session, .. } = &ticket.progress.status else { return false };
        let Some(seen) = self.live.activity.get(session).map(|activity| &activity.sighting) else { return false };
        let works = matches!(seen.doing, Doing::Working | Doing::Limited { .. });
        let on_screen = matches!(seen.source, Source::Screen | Source::Title | Source::Transcript | Source::Hook);
        works && on_screen && matches!(ticket.progress.turn, None | Some(AgentTurn::Began))
    }

    /// Returns when a person's silence is an answer; `None` where nothing is asked or the request waits on.
    pub(super) fn unanswered_at(&self, ticket: &Ticket) -> Option<Timestamp> {
        let Status::Running { .. } = ticket.progress.status else { return None };
        let progress = &ticket.progress;
        let is_there = progress.person_since.is_some();
        let request = progress.requests.first().filter(|_| !is_there && !self.mode.is_frozen())?;
        let asking = &self.phase_of(ticket)?.asking;
        let seconds = asking.unattended_seconds.filter(|_| asking.unattended != Unattended::Wait)?;
        Some(self.counts_from(request.asked_at).plus_seconds(seconds))
    }
}

impl Turn<'_> {
    pub(super) fn on_agent(&mut self, session: &SessionId, report: AgentReport) {
        let key = &session.ticket;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        // What runs while the gates look is code under test, which has no say.
        if ticket.progress.status.session() != Some(session) || self.looks(key) {
            return;
        }
        match report {
            AgentReport::Verdict { verdict } => self.on_verdict(key, verdict),
            AgentReport::Learning { text } => self.on_learning(key, text),
            AgentReport::Progress { text } => {
                self.on_sighting(session, Sighting::new(Doing::Working, Source::Report).text(text));
            }
            AgentReport::Activity { sighting } => self.on_sighting(session, sighting),
            AgentReport::Used { end } => self.on_used(session, end),
            AgentReport::Limit { window } => self.on_limit(session, window),
            AgentReport::TurnBegan => self.on_turn_began(session),
            AgentReport::TurnEnded { end } => self.on_turn_ended(session, end),
            AgentReport::Ask { request, ask } => self.on_ask(session, request, ask),
            AgentReport::Conversation { id } => {
                let conversations = &ticket.progress.conversations;
                if !conversations
                    .last()
                    .is_some_and(|known| known.id == id && Some(&known.phase) == ticket.progress.phase.as_ref())
                {
                    self.note(key, TicketEvent::ConversationNamed { id });
                }
            }
            AgentReport::Task { text, done } => {
                let known = ticket.progress.walks.tasks.iter().find(|task| task.text == text);
                let says_more = known.map_or(!text.is_empty(), |task| done && !task.done);
                if says_more {
                    self.note(key, TicketEvent::TaskReported { text, done });
                }
            }
            AgentReport::Withdraw { request } => {
                if ticket.progress.requests.iter().any(|known| known.id == request) {
                    self.heard_of(session);
                    self.note(key, TicketEvent::Withdrawn { request });
                }
            }
        }
    }

    fn on_sighting(&mut self, session: &SessionId, sighting: Sighting) {
        let known = self.fleet.live.activity.get(session);
        if let Some(activity) = Activity::after(known, sighting, self.now) {
            self.fleet.live.activity.insert(session.clone(), activity);
            self.out.live_changed = true;
        }
    }

    fn on_limit(&mut self, session: &SessionId, window: LimitWindow) {
        let Some(ticket) = self.fleet.ticket(&session.ticket) else { return };
        let Some(phase) = self.fleet.phase_of(ticket) else { return };
        let account = self.fleet.account_of(ticket, phase);
        self.out.live_changed |= self.fleet.live.limits.note(&account, window, self.now);
    }

    fn on_used(&mut self, session: &SessionId, end: Box<AgentEnd>) {
        let key = &session.ticket;
        let known = self.fleet.ticket(key).and_then(|ticket| ticket.progress.agent_end.as_ref());
        // What comes late says less than what is known.
        let more = known.is_none_or(|known| known.usage != end.usage && known.usage.tokens() <= end.usage.tokens());
        if more {
            self.note(key, TicketEvent::Used { end });
            self.check_budgets(key);
        }
    }

    fn on_turn_began(&mut self, session: &SessionId) {
        let key = &session.ticket;
        let turn = self.fleet.ticket(key).and_then(|ticket| ticket.progress.turn.clone());
        if turn != Some(AgentTurn::Began) {
            self.asks_no_more(session);
            self.note(key, TicketEvent::Turn { turn: AgentTurn::Began });
            self.want(Effect::KeepSession { session: session.clone() });
        }
    }

    fn on_turn_ended(&mut self, session: &SessionId, end: Box<AgentEnd>) {
        let key = &session.ticket;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let progress = &ticket.progress;
        let goes_on = matches!(progress.turn, Some(AgentTurn::Prompted { .. }));
        let over = goes_on || progress.turn == Some(AgentTurn::Ended);
        let known = over && progress.agent_end.as_ref() == Some(&*end);
        // Who is being ended is not told more, and whatever it asked it asks no longer when it is told to end.
        // Whose turn ended as a person broke it off stays for that person.
        let broken_off = progress.turn == Some(AgentTurn::Interrupted);
        if known || broken_off || !matches!(progress.status, Status::Running { .. }) {
            return;
        }
        self.asks_no_more(session);
        self.note(key, TicketEvent::TurnEnded { end });
        if !goes_on {
            self.turn_over(session);
        }
    }

    /// Withdraws what was asked before a turn began or ended: it was answered in the agent's own terminal, or given up.
    fn asks_no_more(&mut self, session: &SessionId) {
        let key = &session.ticket;
        let requests = self.fleet.ticket(key).map(|ticket| ticket.progress.requests.clone()).unwrap_or_default();
        for Request { id: request, .. } in requests {
            self.note(key, TicketEvent::Withdrawn { request });
        }
    }

    /// Decides what follows the end of a turn: whatever may still have to be done in the same conversation comes before
    /// the agent leaves.
    fn turn_over(&mut self, session: &SessionId) {
        if self.fleet.ticket(&session.ticket).is_some_and(|ticket| ticket.progress.person_since.is_some()) {
            return;
        }
        self.want(Effect::LeaveSession { session: session.clone() });
    }

    /// Tells the agent of a session whose turn is over more.
    pub(super) fn follow_up(&mut self, session: &SessionId, text: String) {
        self.note(&session.ticket, TicketEvent::Turn { turn: AgentTurn::Prompted { text: text.clone() } });
        self.want(Effect::KeepSession { session: session.clone() });
        self.want(Effect::Prompt { session: session.clone(), text });
    }

    pub(super) fn on_prompted(&mut self, session: &SessionId, result: Result<(), String>) {
        let key = &session.ticket;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let waits = matches!(ticket.progress.turn, Some(AgentTurn::Prompted { .. }));
        let runs = matches!(&ticket.progress.status, Status::Running { session: running, .. } if running == session);
        let Err(why) = result else {
            // Not every program tells of the beginning of its turns.
            if waits && runs {
                self.note(key, TicketEvent::Turn { turn: AgentTurn::Began });
            }
            return;
        };
        if waits && runs {
            let message = format!("could not be told more: {why}");
            let failure = Failure { class: FailureClass::Unknown, message, evidence: String::new() };
            let then = AfterStop::Fail { failure };
            let by = then.by();
            self.note(key, TicketEvent::StopRequested { then });
            self.want(Effect::StopSession { session: session.clone(), by });
        }
    }

    /// Goes on with what was to follow a turn when an engine ended.
    pub(super) fn resume_turn(&mut self, session: &SessionId, ticket: &Ticket) {
        if !matches!(ticket.progress.status, Status::Running { .. }) {
            return;
        }
        match ticket.progress.turn.clone() {
            Some(AgentTurn::Ended) => self.turn_over(session),
            Some(AgentTurn::Prompted { text }) => self.want(Effect::Prompt { session: session.clone(), text }),
            Some(AgentTurn::Began | AgentTurn::Interrupted) | None => {}
        }
    }

    /// Gives an agent its answer: a person's, or that of the rule or policy it is `by`.
    pub(super) fn give_answer(&mut self, session: SessionId, request: RequestId, answer: Answer, by: Option<String>) {
        self.heard_of(&session);
        let said = TicketEvent::Answered { request: request.clone(), answer: answer.clone(), by };
        self.note(&session.ticket.clone(), said);
        self.want(Effect::DeliverAnswer { session, request, answer });
    }

    /// Does what is to be done about requests that nobody answered in time.
    pub(super) fn unanswered_due(&mut self) {
        let due = |ticket: &&std::sync::Arc<Ticket>| self.fleet.unanswered_at(ticket).is_some_and(|at| at <= self.now);
        for ticket in self.fleet.walks().filter(due).cloned().collect::<Vec<_>>() {
            self.unanswered(&ticket);
        }
    }

    fn unanswered(&mut self, ticket: &Ticket) {
        let Some(session) = ticket.progress.status.session().cloned() else { return };
        let Some(asking) = self.fleet.phase_of(ticket).map(|phase| phase.asking.clone()) else { return };
        let (Some(request), Some(seconds)) = (ticket.progress.requests.first(), asking.unattended_seconds) else {
            return;
        };
        let waited = in_words(seconds);
        match asking.unattended {
            Unattended::Wait => {}
            Unattended::Deny => {
                let message = format!(
                    "Nobody is there to answer (waited {waited}). Go on without it, or say at the end what you need."
                );
                self.give_answer(
                    session,
                    request.id.clone(),
                    Answer::Deny { message },
                    Some("unattended: deny".to_owned()),
                );
            }
            Unattended::Park => {
                let what = request.ask.in_short();
                let message = format!("{what}; nobody answered for {waited}");
                let failure = Failure { class: FailureClass::Unanswered, message, evidence: String::new() };
                self.end_session(&ticket.brief.key, session, failure);
            }
        }
    }

    fn on_ask(&mut self, session: &SessionId, request: RequestId, ask: Ask) {
        let key = &session.ticket;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let progress = &ticket.progress;
        let open = progress.requests.iter().any(|known| known.id == request);
        let answered = progress.answered.iter().any(|(known, _)| *known == request);
        if open || answered || progress.requests.len() >= MAX_REQUESTS {
            return;
        }
        let ticket = std::sync::Arc::clone(ticket);
        let rule = self.fleet.judge(&ticket, &ask).cloned();
        let asked = Request { id: request.clone(), ask, asked_at: self.now };
        self.note(key, TicketEvent::Asked { request: asked });
        let answer = match rule.as_ref().map(|rule| rule.decision) {
            Some(Decision::Allow) => Answer::Allow,
            Some(Decision::Deny) => Answer::Deny { message: "A rule of your user forbids this.".to_owned() },
            Some(Decision::Ask) | None => {
                return self.want(Effect::WatchAsker { session: session.clone(), request });
            }
        };
        let by = rule.map(|rule| rule.to_string());
        self.give_answer(session.clone(), request, answer, by);
    }
}
