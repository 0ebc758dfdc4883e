//! What agents say while they work, what they ask, and what follows the end of a turn. An agent with a screen of its own
//! does not end by itself: its turn does, and then it is told more or has to leave.

use super::step::Turn;
use crate::domain::activity::{Activity, Doing, Sighting, Source};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::{AgentEnd, AgentTurn};
use crate::domain::effect::Effect;
use crate::domain::event::TicketEvent;
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::session::{Ask, Request};
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Progress, Status, Ticket};

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
            (Some(AgentTurn::Began), _) => Told::Unfinished,
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

impl Turn<'_> {
    pub(super) fn on_agent(&mut self, session: &SessionId, report: AgentReport) {
        let key = &session.ticket;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        // What runs while the gates look is code under test, which has no say.
        if ticket.progress.status.session() != Some(session) || self.looks(key) {
            return;
        }
        match report {
            AgentReport::Progress { text } => {
                self.on_sighting(session, Sighting::new(Doing::Working, Source::Report).text(text));
            }
            AgentReport::Activity { sighting } => self.on_sighting(session, sighting),
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

    fn on_turn_began(&mut self, session: &SessionId) {
        let key = &session.ticket;
        let turn = self.fleet.ticket(key).and_then(|ticket| ticket.progress.turn.clone());
        if turn != Some(AgentTurn::Began) {
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
        if known || !matches!(progress.status, Status::Running { .. }) {
            return;
        }
        self.note(key, TicketEvent::TurnEnded { end });
        if !goes_on {
            self.turn_over(session);
        }
    }

    /// Decides what follows the end of a turn: whatever may still have to be done in the same conversation comes before
    /// the agent leaves.
    fn turn_over(&mut self, session: &SessionId) {
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
        let Err(why) = result else { return };
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
            Some(AgentTurn::Began) | None => {}
        }
    }

    fn on_ask(&mut self, session: &SessionId, request: RequestId, ask: Ask) {
        let key = &session.ticket;
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let progress = &ticket.progress;
        let open = progress.requests.iter().any(|known| known.id == request);
        let answered = progress.answered.iter().any(|(known, _)| *known == request);
        if !open && !answered && progress.requests.len() < MAX_REQUESTS {
            let asked = Request { id: request.clone(), ask, asked_at: self.now };
            self.note(key, TicketEvent::Asked { request: asked });
            self.want(Effect::WatchAsker { session: session.clone(), request });
        }
    }
}
