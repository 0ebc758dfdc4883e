//! What each action does: moves, opens, or asks the engine.

use super::effect::Effect;
use super::focus::Focus;
use super::model::{Model, Notice, last_session};
use super::overlays::{Form, Overlay, PaletteChoice, Purpose};
use super::widgets::reader::Scroll;
use crate::actions::Action;
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::ids::TicketKey;
use crate::domain::permission::PermissionRule;
use crate::domain::session::{Ask, Request};
use crate::domain::ticket::Ticket;

/// Lines a page of terminal output moves besides its height.
const OVERLAP: isize = 2;

impl Model {
    /// Does an action, or says why it would do nothing.
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        // One key answers whatever is asked: a question is answered with words.
        let action = match action {
            Action::Approve if self.first_question().is_some() => Action::Reply,
            action => action,
        };
        if let Err(why) = self.available(action, self.ticket().map(AsRef::as_ref)) {
            self.notice = Some(Notice::info(format!("{}: {why}", action.spec().label)));
            return Vec::new();
        }
        let page = isize::try_from(self.areas().terminal.height).unwrap_or(0).saturating_sub(OVERLAP).max(1);
        match action {
            Action::Quit => return vec![Effect::Quit],
            Action::StartEngine => return self.start_engine(),
            Action::ScrollUp => return vec![Effect::Wheel { lines: page, forward: None }],
            Action::ScrollDown => return vec![Effect::Wheel { lines: -page, forward: None }],
            Action::Leave => return self.leave(),
            Action::Attach => self.attach(),
            Action::CopyPath => return self.copy_path(),
            Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::Top | Action::Bottom => {
                self.move_selection(action);
            }
            Action::NextNeedingYou => {
                self.table.select_next_needing_you();
            }
            Action::ToggleZoneCollapse => {
                self.table.toggle_fold();
                self.table.refresh(&self.fleet, self.setup.plan.as_ref());
            }
            Action::Zoom => self.zoomed = !self.zoomed,
            Action::Filter => self.focus = Focus::Filter,
            Action::Help => self.overlays.push(Overlay::Help(Scroll::default())),
            Action::Problems => self.overlays.push(Overlay::Problems(Scroll::default())),
            Action::Palette => self.overlays.push(Overlay::palette(self)),
            Action::Back => return self.back(),
            Action::Approve
            | Action::AllowAlways
            | Action::Reject
            | Action::Reply
            | Action::Tell
            | Action::Interrupt
            | Action::Land
            | Action::Peek
            | Action::Detail
            | Action::Retry
            | Action::Skip
            | Action::TakeOver
            | Action::HandBack
            | Action::TogglePause
            | Action::Pause
            | Action::Resume
            | Action::Stop
            | Action::RunNow
            | Action::PausePlan
            | Action::ResumePlan => return self.act_on_ticket(action),
            Action::StopAll | Action::StopAllNow | Action::FreezeAll => {
                return self.open(Overlay::ConfirmAll { action });
            }
            Action::ResumeAll | Action::RunAllNow => return to_all(action),
            Action::Previous
            | Action::Next
            | Action::Accept
            | Action::Yes
            | Action::NewLine
            | Action::Suggest
            | Action::Close => {}
        }
        Vec::new()
    }

    fn act_on_ticket(&mut self, action: Action) -> Vec<Effect> {
        let Some(ticket) = self.ticket().cloned() else { return Vec::new() };
        let key = ticket.brief.key.clone();
        let seen = self.seen(&ticket);
        let name = &key.ticket;
        match action {
            Action::Approve | Action::Land => {
                let what = if action == Action::Land { format!("landing {name}") } else { format!("approved {name}") };
                self.close_about(&key);
                send(&key, TicketAction::Approve { seen, note: None }, what)
            }
            Action::AllowAlways => {
                let request = self.first_request().cloned();
                match request.and_then(|request| Some((PermissionRule::allowing(&request.ask)?, request.id))) {
                    Some((rule, request)) => self.open(Overlay::ConfirmRule { ticket: key, request, rule }),
                    None => Vec::new(),
                }
            }
            Action::Reject => self.open(Overlay::Form(Box::new(Form::new(&ticket, Purpose::Reject(seen))))),
            Action::Reply => match seen.request {
                Some(request) => self.open(Overlay::Form(Box::new(Form::new(&ticket, Purpose::Reply(request))))),
                None => Vec::new(),
            },
            Action::Interrupt => send(&key, TicketAction::Interrupt, format!("{name} is interrupted")),
            Action::Tell => self.open(Overlay::Form(Box::new(Form::new(&ticket, Purpose::Tell)))),
            Action::Peek => self.open(Overlay::Request { ticket: key, seen, scroll: Scroll::default() }),
            Action::Detail => self.open(Overlay::Detail { ticket: key, scroll: Scroll::default() }),
            Action::Retry if ticket.progress.status.session().is_some() => self.confirm(&ticket, action),
            Action::Retry => send(&key, TicketAction::Retry { interrupt: false }, format!("{name} runs again")),
            Action::Skip => match Overlay::picker(self, &key) {
                Some(picker) => self.open(picker),
                None => Vec::new(),
            },
            Action::TakeOver => {
                self.attach();
                send(&key, TicketAction::TakeOver, format!("{name} is about to be yours"))
            }
            Action::HandBack => send(&key, TicketAction::HandBack, format!("{name} is its agent's again")),
            Action::TogglePause if ticket.progress.paused => self.act_on_ticket(Action::Resume),
            Action::TogglePause | Action::Pause => send(&key, TicketAction::Pause, format!("paused {name}")),
            Action::Resume => send(&key, TicketAction::Resume, format!("{name} goes on")),
            Action::Stop => self.confirm(&ticket, action),
            Action::RunNow => send(&key, TicketAction::WorkNow, format!("{name} works until the next night")),
            Action::PausePlan => vec![Effect::Send {
                what: format!("paused plan {}", key.plan),
                command: Box::new(Command::PausePlan { plan: key.plan }),
            }],
            Action::ResumePlan => vec![Effect::Send {
                what: format!("plan {} goes on", key.plan),
                command: Box::new(Command::ResumePlan { plan: key.plan }),
            }],
            _ => Vec::new(),
        }
    }

    /// Takes what the top overlay has: a choice, a text, a yes.
    pub(super) fn accept(&mut self) -> Vec<Effect> {
        let Some(overlay) = self.overlays.pop() else { return Vec::new() };
        match overlay {
            Overlay::Palette(chooser) => match chooser.chosen() {
                Some(PaletteChoice::Act(action)) => self.act(*action),
                Some(PaletteChoice::Select(key)) => {
                    self.table.filter.clear();
                    self.table.refresh(&self.fleet, self.setup.plan.as_ref());
                    self.table.select(key);
                    Vec::new()
                }
                None => Vec::new(),
            },
            Overlay::Picker { ticket, phases } => phases.chosen().map_or_else(Vec::new, |phase| {
                send(
                    &ticket,
                    TicketAction::Skip { to: phase.clone() },
                    format!("{} goes on with {phase}", ticket.ticket),
                )
            }),
            Overlay::Form(form) => self.accept_form(form),
            Overlay::Confirm { ticket, action: Action::Retry, .. } => {
                let what = format!("{} runs again when its session has ended", ticket.ticket);
                send(&ticket, TicketAction::Retry { interrupt: true }, what)
            }
            Overlay::ConfirmAll { action } => to_all(action),
            Overlay::ConfirmRule { ticket, request, .. } => {
                self.close_about(&ticket);
                let what = format!("approved {}, and the same from now on", ticket.ticket);
                send(&ticket, TicketAction::ApproveAlways { request }, what)
            }
            Overlay::Confirm { ticket, .. } => send(&ticket, TicketAction::Stop, format!("stopping {}", ticket.ticket)),
            Overlay::Help(_) | Overlay::Problems(_) | Overlay::Detail { .. } | Overlay::Request { .. } => Vec::new(),
        }
    }

    fn accept_form(&mut self, form: Box<Form>) -> Vec<Effect> {
        let (key, text) = (form.ticket.clone(), form.text());
        match form.purpose.clone() {
            Purpose::Reject(seen) => {
                self.close_about(&key);
                send(&key, TicketAction::Reject { seen, note: text }, format!("rejected {}", key.ticket))
            }
            Purpose::Reply(_) | Purpose::Tell if text.is_empty() => {
                self.notice = Some(Notice::info("write something first"));
                self.open(Overlay::Form(form))
            }
            Purpose::Tell => send(&key, TicketAction::Tell { text }, format!("{} is told more", key.ticket)),
            Purpose::Reply(request) => {
                self.close_about(&key);
                let request = Some(request);
                send(&key, TicketAction::Reply { request, text }, format!("answered {}", key.ticket))
            }
        }
    }

    /// Asks before a session is ended.
    fn confirm(&mut self, ticket: &Ticket, action: Action) -> Vec<Effect> {
        match ticket.progress.status.session().cloned() {
            Some(session) => self.open(Overlay::Confirm { ticket: ticket.brief.key.clone(), action, session }),
            None => Vec::new(),
        }
    }

    fn open(&mut self, overlay: Overlay) -> Vec<Effect> {
        self.overlays.push(overlay);
        Vec::new()
    }

    /// Closes the overlays that show what was just answered.
    fn close_about(&mut self, key: &TicketKey) {
        self.overlays.retain(|overlay| !matches!(overlay, Overlay::Request { ticket, .. } if ticket == key));
    }

    /// Returns what keys decide on: what the overlay shows, else what the table shows, which is the oldest.
    fn seen(&self, ticket: &Ticket) -> Seen {
        match self.overlays.last() {
            Some(Overlay::Request { seen, .. }) => seen.clone(),
            _ => Seen::of(ticket),
        }
    }

    /// Returns the request that keys answer.
    fn first_request(&self) -> Option<&Request> {
        let ticket = self.ticket()?;
        let id = self.seen(ticket).request?;
        ticket.progress.requests.iter().find(|request| request.id == id)
    }

    fn first_question(&self) -> Option<&Request> {
        self.first_request().filter(|request| matches!(request.ask, Ask::Question { .. }))
    }

    fn attach(&mut self) {
        let session = self.ticket().and_then(|ticket| last_session(ticket));
        if let Some(session) = session {
            self.table.select(&session.ticket);
            self.overlays.clear();
            self.focus = Focus::Terminal(session);
        }
    }

    fn leave(&mut self) -> Vec<Effect> {
        if self.setup.only.is_some() {
            return vec![Effect::Quit];
        }
        if let Focus::Terminal(session) = std::mem::replace(&mut self.focus, Focus::Table) {
            self.left = Some((session, self.now));
        }
        self.zoomed = false;
        Vec::new()
    }

    /// Undoes the last thing that narrowed the view.
    fn back(&mut self) -> Vec<Effect> {
        if self.setup.only.is_some() {
            return vec![Effect::Quit];
        }
        if self.zoomed {
            self.zoomed = false;
        } else if !self.table.filter.text().is_empty() {
            self.table.filter.clear();
            self.table.refresh(&self.fleet, self.setup.plan.as_ref());
        }
        Vec::new()
    }

    fn start_engine(&mut self) -> Vec<Effect> {
        if let Some(gone) = &mut self.gone {
            gone.starting = true;
        }
        vec![Effect::StartEngine]
    }

    fn copy_path(&mut self) -> Vec<Effect> {
        let path = self.ticket().and_then(|ticket| ticket.progress.workspace.as_ref()).map(|c| c.path.clone());
        path.map_or_else(Vec::new, |path| {
            self.notice = Some(Notice::info(format!("copied {path}")));
            vec![Effect::Copy(path)]
        })
    }

    fn move_selection(&mut self, action: Action) {
        let page = isize::try_from(self.areas().table.height / 2).unwrap_or(1).max(1);
        self.table.move_by(match action {
            Action::Up => -1,
            Action::Down => 1,
            Action::PageUp => -page,
            Action::PageDown => page,
            Action::Top => isize::MIN,
            _ => isize::MAX,
        });
    }
}

/// Does something about everything at once.
fn to_all(action: Action) -> Vec<Effect> {
    let (command, what) = match action {
        Action::StopAll => (Command::StopAll { now: false }, "nothing new starts"),
        Action::StopAllNow => (Command::StopAll { now: true }, "ending all sessions"),
        Action::FreezeAll => (Command::FreezeAll, "everything is frozen"),
        Action::RunAllNow => (Command::WorkNow, "everything works until the next night"),
        _ => (Command::ResumeAll, "everything goes on"),
    };
    vec![Effect::Send { command: Box::new(command), what: what.to_owned() }]
}

fn send(key: &TicketKey, action: TicketAction, what: String) -> Vec<Effect> {
    vec![Effect::Send { command: Box::new(Command::Ticket { key: key.clone(), action }), what }]
}
