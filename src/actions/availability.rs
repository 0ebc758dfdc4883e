//! Whether an action can do anything now, and why not. Keys, hints, help and palette all ask here.

use std::fmt;

use super::catalogue::Action;
use crate::domain::agent_run::AgentTurn;
use crate::domain::fleet::Fleet;
use crate::domain::mode::Mode;
use crate::domain::permission::PermissionRule;
use crate::domain::session::Ask;
use crate::domain::ticket::{Progress, Status, Ticket};
use crate::domain::zone::{Zone, placement};

/// Why an action would do nothing now: half a sentence that follows its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why(pub &'static str);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Returns whether `action` can do anything now; `ticket` is the selected one.
pub fn available(action: Action, fleet: &Fleet, ticket: Option<&Ticket>) -> Result<(), Why> {
    match action {
        Action::Approve
        | Action::AllowAlways
        | Action::Reject
        | Action::Reply
        | Action::Tell
        | Action::Interrupt
        | Action::Land
        | Action::Attach
        | Action::Peek
        | Action::Detail
        | Action::CopyPath
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
        | Action::ResumePlan
        | Action::ToggleZoneCollapse => {
            let ticket = ticket.ok_or(Why("no ticket is selected"))?;
            on_ticket(action, fleet, ticket)
        }
        Action::StopAll => unless(matches!(fleet.mode, Mode::Stopped { .. }), "everything is stopped already"),
        Action::StopAllNow => {
            let stopped = matches!(fleet.mode, Mode::Stopped { .. }) && fleet.at_work() == 0;
            unless(stopped, "everything is stopped already")
        }
        Action::RunAllNow => unless(fleet.policy.rules.night.is_none(), NO_NIGHT),
        Action::FreezeAll => unless(fleet.mode.is_frozen(), "everything is frozen already"),
        Action::ResumeAll => unless(fleet.mode.is_working(), "nothing is stopped or frozen"),
        Action::NextNeedingYou => {
            let any = fleet.tickets.values().any(|ticket| placement(fleet, ticket).zone.needs_person());
            unless(!any, "nothing needs you")
        }
        Action::Problems => {
            unless(fleet.live.problems.is_empty() && fleet.live.stalled.is_none(), "no file has a defect")
        }
        Action::Leave
        | Action::Zoom
        | Action::ScrollUp
        | Action::ScrollDown
        | Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::Top
        | Action::Bottom
        | Action::Previous
        | Action::Next
        | Action::Filter
        | Action::Palette
        | Action::Help
        | Action::Accept
        | Action::Yes
        | Action::NewLine
        | Action::Suggest
        | Action::Close
        | Action::Back
        | Action::StartEngine
        | Action::Quit => Ok(()),
    }
}

/// Returns what a person can do about a ticket now: answer it, look into it, steer it.
pub fn possible(fleet: &Fleet, ticket: &Ticket) -> Vec<Action> {
    let offered = [
        Action::Approve,
        Action::AllowAlways,
        Action::Reject,
        Action::Reply,
        Action::Tell,
        Action::Interrupt,
        Action::Land,
        Action::Retry,
        Action::Skip,
        Action::Attach,
        Action::TakeOver,
        Action::HandBack,
        Action::TogglePause,
        Action::Stop,
        Action::RunNow,
        Action::PausePlan,
        Action::ResumePlan,
    ];
    // Where it is about landing, that is the word for it.
    let is_landing = available(Action::Land, fleet, Some(ticket)).is_ok();
    let means_it = |action: &Action| !(is_landing && *action == Action::Approve);
    let can = |action: &Action| available(*action, fleet, Some(ticket)).is_ok();
    offered.into_iter().filter(can).filter(means_it).collect()
}

fn on_ticket(action: Action, fleet: &Fleet, ticket: &Ticket) -> Result<(), Why> {
    let progress = &ticket.progress;
    let status = &progress.status;
    match action {
        Action::Approve => approve(ticket),
        Action::AllowAlways => {
            let ask = progress.requests.first().map(|request| &request.ask);
            unless(!matches!(ask, Some(Ask::Permission { .. })), "its agent does not ask for permission")?;
            unless(ask.and_then(PermissionRule::allowing).is_none(), "no rule can allow this alone")
        }
        Action::Reject => unless(
            progress.requests.is_empty() && !matches!(status, Status::Approval { .. }),
            "it does not wait for a decision",
        ),
        Action::Reply => unless(!asks_question(ticket), "its agent asks no question"),
        Action::Tell => tell(progress),
        Action::Interrupt => {
            unless(!fleet.works_on_screen(ticket), "its agent is not seen at work on a screen of its own")
        }
        Action::Land => unless(placement(fleet, ticket).zone != Zone::Merge, "it does not wait to be landed"),
        Action::Attach => unless(progress.sessions == 0, "it has no session yet"),
        Action::Peek => {
            let asks = !progress.requests.is_empty() || matches!(status, Status::Approval { .. });
            unless(!asks, "it asks for nothing")
        }
        Action::CopyPath => match &progress.workspace {
            None => Err(Why("it has no workspace yet")),
            Some(checkout) => unless(checkout.removed, "its workspace was removed"),
        },
        Action::Retry if fleet.account_hold(ticket).is_some() || fleet.rests(ticket).is_some() => Ok(()),
        Action::Retry => retry(status),
        Action::Skip => skip(fleet, ticket),
        Action::TakeOver => fleet.obstacle_to_step_in(ticket).map_or(Ok(()), |why| Err(Why(why))),
        Action::HandBack => fleet.obstacle_to_step_out(ticket).map_or(Ok(()), |why| Err(Why(why))),
        Action::TogglePause => unless(is_complete(status), "it is done"),
        Action::Pause => {
            unless(is_complete(status), "it is done")?;
            unless(progress.paused, "it is paused already")
        }
        Action::Resume => unless(!progress.paused, "it is not paused"),
        Action::Stop => {
            let runs = matches!(status, Status::Running { .. } | Status::Stopping { .. } | Status::Joining { .. });
            unless(!runs, "nothing of it runs")
        }
        Action::RunNow => {
            unless(fleet.policy.rules.night.is_none(), NO_NIGHT)?;
            unless(is_complete(status), "it is done")
        }
        Action::PausePlan => unless(plan_paused(fleet, ticket), "its plan is paused already"),
        Action::ResumePlan => unless(!plan_paused(fleet, ticket), "its plan is not paused"),
        _ => Ok(()),
    }
}

fn approve(ticket: &Ticket) -> Result<(), Why> {
    match ticket.progress.requests.first().map(|request| &request.ask) {
        Some(Ask::Permission { .. }) => Ok(()),
        Some(Ask::Question { .. }) => Err(Why("its agent asks a question: reply to it")),
        None => unless(!matches!(ticket.progress.status, Status::Approval { .. }), "it does not wait for a decision"),
    }
}

fn tell(progress: &Progress) -> Result<(), Why> {
    unless(!matches!(progress.status, Status::Running { .. }), "nothing of it runs")?;
    match progress.turn {
        Some(AgentTurn::Began | AgentTurn::Ended | AgentTurn::Interrupted) => Ok(()),
        Some(AgentTurn::Prompted { .. }) => Err(Why("its agent is being told more")),
        None => Err(Why("its agent does not tell when it can be talked to: attach to it")),
    }
}

fn retry(status: &Status) -> Result<(), Why> {
    match status {
        Status::Running { .. }
        | Status::Joining { .. }
        | Status::Polling { .. }
        | Status::Backoff { .. }
        | Status::Failed { .. }
        | Status::Complete { needs_attention: true, .. } => Ok(()),
        Status::Approval { .. } => Err(Why("it waits for a decision")),
        Status::Stopping { .. } => Err(Why("it is being stopped")),
        Status::Queued | Status::Preparing => Err(Why("it is about to run anyway")),
        Status::Complete { needs_attention: false, .. } => Err(Why("it is done")),
    }
}

fn skip(fleet: &Fleet, ticket: &Ticket) -> Result<(), Why> {
    unless(fleet.workflow_of(ticket).is_none(), "it has not started")?;
    unless(matches!(ticket.progress.status, Status::Stopping { .. }), "it is being stopped")?;
    let removed = ticket.progress.workspace.as_ref().is_some_and(|checkout| checkout.removed);
    unless(removed, "it is done and its workspace was removed")
}

fn asks_question(ticket: &Ticket) -> bool {
    matches!(ticket.progress.requests.first().map(|request| &request.ask), Some(Ask::Question { .. }))
}

fn is_complete(status: &Status) -> bool {
    matches!(status, Status::Complete { .. })
}

fn plan_paused(fleet: &Fleet, ticket: &Ticket) -> bool {
    fleet.plans.get(&ticket.brief.key.plan).is_some_and(|plan| plan.paused)
}

/// Why nobody has to let anything work by day.
const NO_NIGHT: &str = "work starts at any time: the settings have no `night`";

fn unless(obstacle: bool, why: &'static str) -> Result<(), Why> {
    if obstacle { Err(Why(why)) } else { Ok(()) }
}
