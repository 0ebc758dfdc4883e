//! Carries out effects, each in a task of its own that ends in one report. A task that panics is a report too.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Arrival;
use super::clock::Clock;
use super::frozen::Frozen;
use super::pointed::pointed;
use super::talk::{Leaving, watched};
use crate::domain::agent_report::AgentReport;
use crate::domain::effect::{Effect, Ready, Report, SessionEnd, Signs, WorkOrder};
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::plan::Plan;
use crate::domain::session::{Answer, Outcome, StoppedBy};
use crate::domain::ticket::{Checkout, Failure, FailureClass, Ticket};
use crate::domain::workflow::{Capture, PhaseKind};
use crate::faults;
use crate::slots::launcher::Launcher;
use crate::slots::runtime::{Exit, Observed, Runtime};
use crate::slots::workspace::{Removal, Workspace, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError};

/// Bytes of stdout kept by a capture.
const CAPTURE_CAP: usize = 64 << 10;

/// How long an answer that could not be given waits before it is tried again.
const ANSWER_AGAIN: Duration = Duration::from_secs(1);

/// Pauses between attempts to read a capture: the phase is done, and running it again would be dear.
const CAPTURE_PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

/// Lines of output kept as evidence of a failure.
const EVIDENCE_LINES: usize = 40;

/// Everything the engine needs from outside.
#[derive(Clone)]
pub struct Slots {
    /// Composes launches.
    pub launcher: Arc<dyn Launcher>,
    /// Runs sessions.
    pub runtime: Arc<dyn Runtime>,
    /// Makes workspaces.
    pub workspace: Arc<dyn Workspace>,
    /// Says what time it is.
    pub clock: Arc<dyn Clock>,
    /// How long a session that is told to end may take before it is killed.
    pub stop_grace: Duration,
}

/// Starts tasks and sends their reports to the engine.
pub(super) struct Executor {
    slots: Slots,
    reports: mpsc::Sender<Arrival>,
    told: Told,
    tasks: JoinSet<()>,
}

/// What sessions were told, known before any effect that follows.
#[derive(Debug, Clone, Default)]
struct Told {
    stops: Stops,
    frozen: Frozen,
    leaving: Leaving,
}

impl Told {
    fn note(&self, effect: &Effect) {
        match effect {
            // What is to end is not begun.
            Effect::StopSession { session, by } => {
                self.stops.sessions().insert(session.clone(), *by);
            }
            Effect::FreezeSession { session, frozen } => self.frozen.wish(session, *frozen),
            Effect::LeaveSession { session } => self.leaving.wish(session),
            Effect::KeepSession { session } => self.leaving.forget(session),
            _ => {}
        }
    }

    fn forget(&self, session: &SessionId) {
        self.stops.sessions().remove(session);
        self.frozen.forget(session);
        self.leaving.forget(session);
    }
}

/// Sessions that were told to end and whose end was not seen yet.
#[derive(Debug, Clone, Default)]
struct Stops(Arc<Mutex<HashMap<SessionId, StoppedBy>>>);

impl Stops {
    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, StoppedBy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor {
    pub(super) fn new(slots: Slots, reports: mpsc::Sender<Arrival>) -> Self {
        Self { slots, reports, told: Told::default(), tasks: JoinSet::new() }
    }

    /// Starts carrying out an effect.
    pub(super) fn start(&mut self, effect: Effect) {
        while self.tasks.try_join_next().is_some() {}
        let (slots, told) = (self.slots.clone(), self.told.clone());
        told.note(&effect);
        let reports = self.reports.clone();
        let on_panic = panic_report(&effect);
        let begun = match &effect {
            Effect::RunSession { order, .. } => Some((order.session.clone(), slots.clone())),
            _ => None,
        };
        self.tasks.spawn(async move {
            let carried_out = async {
                // Only a death or a panic says anything here: what can fail has points of its own.
                let _no_step = faults::point("effect.begin");
                let report = carry_out(slots, told, &reports, effect).await;
                let _no_step = faults::point("effect.done");
                report
            };
            let report = match AssertUnwindSafe(carried_out).catch_unwind().await {
                Ok(report) => report,
                Err(_) => {
                    // What it may have begun must not work beside the next attempt.
                    if let Some((session, slots)) = begun {
                        let _told = slots.runtime.stop(session, StoppedBy::Shutdown, slots.stop_grace).await;
                    }
                    on_panic
                }
            };
            if let Some(report) = report {
                let _engine_gone = reports.send(report.into()).await;
            }
        });
    }

    /// Ends all tasks. Until then nobody else may have the state: a task could still start a session.
    pub(super) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// Says what a panic of the effect's task means for its ticket.
fn panic_report(effect: &Effect) -> Option<Report> {
    let failure = || Failure {
        class: FailureClass::Misconfigured,
        message: "a part of aotui failed; the log has the details".to_owned(),
        evidence: String::new(),
    };
    match effect {
        Effect::Prepare { ticket, .. } => {
            Some(Report::Prepared { key: ticket.brief.key.clone(), result: Err(failure()) })
        }
        Effect::RunSession { order, .. } => Some(Report::SessionEnded {
            session: order.session.clone(),
            end: SessionEnd::NotStarted { failure: failure() },
        }),
        Effect::Question { order } => Some(Report::Question {
            key: order.ticket.brief.key.clone(),
            phase: order.phase.id.clone(),
            result: Err(failure()),
        }),
        Effect::Prompt { session, .. } => {
            Some(Report::Prompted { session: session.clone(), result: Err(failure().message) })
        }
        Effect::ReadList { order } => Some(Report::Listed {
            key: order.ticket.brief.key.clone(),
            phase: order.phase.id.clone(),
            result: Err(failure()),
        }),
        Effect::RemoveWorkspace { ticket, .. } => {
            Some(Report::WorkspaceKept { key: ticket.brief.key.clone(), why: failure().message })
        }
        Effect::StopSession { .. }
        | Effect::FreezeSession { .. }
        | Effect::Look { .. }
        | Effect::KeepRule { .. }
        | Effect::DeliverAnswer { .. }
        | Effect::LeaveSession { .. }
        | Effect::KeepSession { .. }
        | Effect::Interrupt { .. }
        | Effect::WatchAsker { .. } => None,
    }
}

async fn carry_out(slots: Slots, told: Told, reports: &mpsc::Sender<Arrival>, effect: Effect) -> Option<Report> {
    match effect {
        Effect::Prepare { plan, ticket } => {
            let key = ticket.brief.key.clone();
            let result = prepare(&slots, &plan, &ticket).await.map_err(|error| failure_of(&error));
            Some(Report::Prepared { key, result })
        }
        Effect::RunSession { order, reattach } => {
            let session = order.session.clone();
            let run = run_session(&slots, &told.stops, *order, reattach);
            let end = watched(slots.runtime.as_ref(), &session, reports, run).await;
            told.forget(&session);
            if matches!(end, SessionEnd::Exited { .. }) {
                slots.runtime.reports_taken(session.clone()).await;
            }
            if let (SessionEnd::Exited { .. }, Some(end)) = (&end, slots.runtime.agent_end(session.clone()).await) {
                let report = Report::AgentEnded { session: session.clone(), end: Box::new(end) };
                let _engine_gone = reports.send(report.into()).await;
            }
            Some(Report::SessionEnded { session, end })
        }
        Effect::StopSession { session, by } => {
            stop(&slots, &session, by).await;
            None
        }
        Effect::FreezeSession { session, .. } => {
            told.frozen.carry_out(slots.runtime.as_ref(), &session).await;
            None
        }
        Effect::Look { order } => {
            let (session, signs) = (order.session.clone(), signs(&slots, &order).await);
            Some(Report::Looked { session, signs })
        }
        Effect::Question { order } => {
            let (key, phase) = (order.ticket.brief.key.clone(), order.phase.id.clone());
            let result = slots.launcher.question(*order).await.map_err(|error| failure_of(&error));
            Some(Report::Question { key, phase, result })
        }
        Effect::ReadList { order } => {
            let (key, phase) = (order.ticket.brief.key.clone(), order.phase.id.clone());
            // A list that is not there is for the phase before to write, unlike a workspace.
            let result = slots.launcher.list(*order).await.map_err(|error| match error.class {
                ErrorClass::NotFound => Failure { class: FailureClass::Walks, ..failure_of(&error) },
                _ => failure_of(&error),
            });
            Some(Report::Listed { key, phase, result })
        }
        Effect::KeepRule { rule } => {
            if let Err(error) = slots.launcher.keep_rule(rule.clone()).await {
                tracing::error!("the rule `{rule}` holds until aotui ends, but it is not in your settings: {error}");
            }
            None
        }
        Effect::DeliverAnswer { session, request, answer } => {
            deliver(&slots, session, request, answer).await;
            None
        }
        Effect::WatchAsker { session, request } => {
            let gone = slots.runtime.asker_gone(session.clone(), request.clone()).await;
            gone.then_some(Report::Agent { session, report: AgentReport::Withdraw { request } })
        }
        Effect::LeaveSession { session } => {
            told.leaving.carry_out(slots.runtime.as_ref(), &session, slots.stop_grace).await;
            None
        }
        Effect::KeepSession { .. } => None,
        Effect::Interrupt { session } => {
            let error = slots.runtime.interrupt(session.clone()).await.err()?;
            tracing::warn!("the agent of session {session} was not interrupted: {error}");
            Some(Report::Agent { session, report: AgentReport::TurnBegan })
        }
        Effect::Prompt { session, text } => {
            let result = slots.runtime.prompt(session.clone(), text).await.map_err(|error| error.message);
            Some(Report::Prompted { session, result })
        }
        Effect::RemoveWorkspace { plan, ticket } => remove_workspace(&slots, &plan, &ticket).await,
    }
}

/// Returns what is seen of a session and of its work.
async fn signs(slots: &Slots, order: &WorkOrder) -> Signs {
    let seen = slots.runtime.signs(order.session.clone()).await;
    let changed = match own_workspace(slots, &order.plan, &order.ticket) {
        Ok(request) => slots.workspace.last_change(request).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(changed) => Signs { result: seen.result.max(changed), ..seen },
        // Of whom it is not known whether anything came of it, it is not said that nothing did.
        Err(error) => {
            tracing::warn!("nobody can tell what session {} has changed: {error}", order.session);
            Signs { result: Some(slots.clock.read().at), ..seen }
        }
    }
}

/// Gives an agent its answer, trying again for as long as the agent waits for it.
async fn deliver(slots: &Slots, session: SessionId, request: RequestId, answer: Answer) {
    while let Err(error) = slots.runtime.answer(session.clone(), request.clone(), answer.clone()).await {
        tracing::error!("cannot give session {session} its answer: {error}");
        tokio::time::sleep(ANSWER_AGAIN).await;
        if slots.runtime.observe(session.clone()).await != Observed::Running {
            return;
        }
    }
}

async fn prepare(slots: &Slots, plan: &Plan, ticket: &Arc<Ticket>) -> Result<Ready, SlotError> {
    let workflow = slots.launcher.workflow(plan.clone(), Arc::clone(ticket)).await?;
    let request = slots.launcher.workspace(plan, ticket)?;
    let ready = slots.workspace.prepare(request).await?;
    let checkout = Checkout {
        path: ready.path.display().to_string(),
        branch: ready.branch,
        base_branch: ready.base_branch,
        base_commit: ready.base_commit,
        removed: false,
    };
    Ok(Ready::new(Arc::new(workflow), checkout))
}

async fn remove_workspace(slots: &Slots, plan: &Plan, ticket: &Ticket) -> Option<Report> {
    let key = ticket.brief.key.clone();
    let removal = match own_workspace(slots, plan, ticket) {
        Ok(request) => slots.workspace.remove(request).await,
        Err(error) => Err(error),
    };
    Some(match removal {
        Ok(Removal::Removed { kept_ref }) => Report::WorkspaceGone { key, kept_ref },
        Ok(Removal::Kept { why }) => Report::WorkspaceKept { key, why },
        Err(error) => Report::WorkspaceKept { key, why: error.message },
    })
}

/// Returns the workspace the ticket has, wherever a plan or brief that was edited since would put it.
fn own_workspace(slots: &Slots, plan: &Plan, ticket: &Ticket) -> Result<WorkspaceRequest, SlotError> {
    let mut request = slots.launcher.workspace(plan, ticket)?;
    if let Some(checkout) = &ticket.progress.workspace {
        request.path = PathBuf::from(&checkout.path);
        request.branch.clone_from(&checkout.branch);
        request.base = Some(checkout.base_branch.clone());
    }
    Ok(request)
}

/// Starts the session unless it was started before or is to end, waits for its end, and gathers what it left.
async fn run_session(slots: &Slots, stops: &Stops, order: WorkOrder, reattach: bool) -> SessionEnd {
    let session = order.session.clone();
    // An engine that died right after it wrote down that it would start the session may not have got to it.
    let absent = !reattach || slots.runtime.observe(session.clone()).await == Observed::Absent;
    let wanted = absent && !stops.sessions().contains_key(&session);
    if wanted && let Err(error) = start(slots, &order).await {
        return SessionEnd::NotStarted { failure: failure_of(&error) };
    }
    // A stop that came while it was being started found nothing to end.
    let stopped = stops.sessions().get(&session).copied();
    if let Some(by) = stopped {
        stop(slots, &session, by).await;
    }
    match slots.runtime.wait(session.clone()).await {
        Observed::Exited(exit) => exited(slots, order, exit).await,
        Observed::Vanished | Observed::Absent | Observed::Running => SessionEnd::Vanished,
    }
}

async fn stop(slots: &Slots, session: &SessionId, by: StoppedBy) {
    if let Err(error) = slots.runtime.stop(session.clone(), by, slots.stop_grace).await {
        tracing::error!("cannot stop session {session}: {error}");
    }
}

async fn start(slots: &Slots, order: &WorkOrder) -> Result<(), SlotError> {
    restore(slots, order).await?;
    let launch = slots.launcher.compose(order.clone()).await?;
    slots.runtime.start(launch).await
}

/// Makes the ticket's checkout fit for work again, for no retry could get on without it: from its branch where somebody
/// removed it, and without the locks of a git that was killed with the session before.
async fn restore(slots: &Slots, order: &WorkOrder) -> Result<(), SlotError> {
    let Some(checkout) = order.ticket.progress.workspace.as_ref().filter(|checkout| !checkout.removed) else {
        return Ok(());
    };
    // What cannot be looked at is not known to be gone.
    if tokio::fs::try_exists(&checkout.path).await.unwrap_or(true) {
        let before = order.ticket.progress.history.last();
        return match before.is_some_and(|entry| entry.outcome != Outcome::Success) {
            true => slots.workspace.free(own_workspace(slots, &order.plan, &order.ticket)?).await,
            false => Ok(()),
        };
    }
    tracing::warn!("the worktree {} of {} is gone and is made again", checkout.path, order.ticket.brief.key);
    let request = own_workspace(slots, &order.plan, &order.ticket)?;
    slots.workspace.prepare(request).await.map(drop)
}

async fn exited(slots: &Slots, order: WorkOrder, exit: Exit) -> SessionEnd {
    if let Some(message) = exit.spawn_error {
        let class = if exit.may_start_later { FailureClass::Infra } else { FailureClass::Misconfigured };
        return SessionEnd::NotStarted { failure: Failure { class, message, evidence: String::new() } };
    }
    let session = order.session.clone();
    // One that had to be made to leave after its turn has done what it should all the same.
    let left = exit.stopped.is_some_and(|stopped| stopped.by == StoppedBy::TurnOver);
    if exit.code != Some(0) && !left {
        let tail = slots.runtime.tail(session.clone(), EVIDENCE_LINES).await;
        // Who says no may have said why to a capture; that there is nothing to capture then is no news.
        let said_no = exit.code.is_some() && !matches!(order.phase.kind, PhaseKind::Poll { .. });
        let captured = if said_no { captures(slots, &order, &session, exit.code).await.ok() } else { None };
        let (code, signal, at) = (exit.code, exit.signal, exit.ended_at);
        return SessionEnd::Exited { code, signal, at, captures: captured.unwrap_or_default(), tail };
    }
    if order.ticket.progress.proof.step.is_some() {
        return match slots.runtime.checked(session.clone()).await {
            Some(report) => SessionEnd::Checked { report },
            None => {
                let tail = slots.runtime.tail(session, EVIDENCE_LINES).await;
                let (code, at) = (exit.code, exit.ended_at);
                SessionEnd::Exited { code, signal: None, at, captures: BTreeMap::new(), tail }
            }
        };
    }
    match captures(slots, &order, &session, exit.code).await {
        Ok(captures) => SessionEnd::Exited {
            code: exit.code,
            signal: exit.signal,
            at: exit.ended_at,
            captures,
            tail: String::new(),
        },
        Err(error) => SessionEnd::NotCaptured { failure: failure_of(&error) },
    }
}

async fn captures(
    slots: &Slots,
    order: &WorkOrder,
    session: &SessionId,
    code: Option<i32>,
) -> Result<BTreeMap<String, String>, SlotError> {
    let mut captured = BTreeMap::new();
    for (key, capture) in &order.phase.capture {
        let mut pauses = CAPTURE_PAUSES.iter();
        let text = loop {
            let text = match capture {
                Capture::Stdout => slots.runtime.stdout(session.clone(), CAPTURE_CAP).await,
                Capture::Json { pointer } => {
                    let printed = slots.runtime.stdout(session.clone(), CAPTURE_CAP).await;
                    let none = || misses(pointer);
                    printed.and_then(|printed| pointed(&printed, pointer).ok_or_else(none))
                }
                Capture::ExitCode => Ok(code.map(|code| code.to_string()).unwrap_or_default()),
                Capture::Command { script } => slots.launcher.capture(order.clone(), script.clone()).await,
            };
            match (&text, pauses.next()) {
                (Err(error), Some(pause)) if error.class == ErrorClass::Transient => tokio::time::sleep(*pause).await,
                _ => break text,
            }
        };
        let text = text.map_err(|error| SlotError::new(error.class, format!("capture `{key}`: {error}")))?;
        captured.insert(key.clone(), text.trim().to_owned());
    }
    Ok(captured)
}

fn misses(pointer: &str) -> SlotError {
    SlotError::new(ErrorClass::Misconfigured, format!("what it wrote to stdout has no JSON with `{pointer}`"))
}

fn failure_of(error: &SlotError) -> Failure {
    let class = match error.class {
        ErrorClass::Misconfigured | ErrorClass::Bug => FailureClass::Misconfigured,
        ErrorClass::Transient => FailureClass::Infra,
        ErrorClass::NotFound | ErrorClass::Conflict => FailureClass::Workspace,
    };
    Failure { class, message: error.message.clone(), evidence: String::new() }
}
