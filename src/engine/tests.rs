//! Stories of effects that cross: the world is slow, and people are quick.

mod time;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};

use super::executor::Executor;
use super::{Arrival, Slots, SystemClock};
use crate::domain::agent_run::AgentEnd;
use crate::domain::effect::{Effect, Report, SessionEnd, Signs, WorkOrder};
use crate::domain::gate::CheckReport;
use crate::domain::ids::{RequestId, SessionId, WorkflowName};
use crate::domain::permission::PermissionRule;
use crate::domain::plan::Plan;
use crate::domain::session::{Answer, StoppedBy};
use crate::domain::ticket::{Checkout, FailureClass, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;
use crate::slots::launcher::Launcher;
use crate::slots::runtime::{Exit, Launch, Observed, Runtime, Tell};
use crate::slots::workspace::{Removal, Workspace, WorkspaceReady, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError, SlotFuture};

const PATIENCE: Duration = Duration::from_secs(20);

/// A world with one session, which starts when it is allowed to and ends when it is stopped.
struct World {
    /// What is said of it before anybody starts it here.
    found: Observed,
    starting: watch::Sender<bool>,
    may_start: Semaphore,
    running: watch::Sender<Option<bool>>,
    stops: watch::Sender<usize>,
    /// The exit code of a session that ends by itself.
    code: Mutex<Option<i32>>,
    asked: Mutex<Vec<WorkspaceRequest>>,
}

impl World {
    fn new() -> Arc<Self> {
        Self::with(Observed::Running)
    }

    fn with(found: Observed) -> Arc<Self> {
        Arc::new(Self {
            found,
            starting: watch::Sender::new(false),
            may_start: Semaphore::new(0),
            running: watch::Sender::new(None),
            stops: watch::Sender::new(0),
            code: Mutex::default(),
            asked: Mutex::default(),
        })
    }

    /// Lets the session exit.
    fn end(&self, code: i32) {
        *self.code.lock().unwrap() = Some(code);
        self.running.send_replace(Some(false));
    }

    fn slots(self: &Arc<Self>) -> Slots {
        let (launcher, runtime, workspace) = (self.clone(), self.clone(), self.clone());
        Slots { launcher, runtime, workspace, clock: Arc::new(SystemClock::new()), stop_grace: Duration::ZERO }
    }
}

impl Launcher for World {
    fn workflow(&self, _: Plan, _: Arc<Ticket>) -> SlotFuture<'_, Result<Workflow, SlotError>> {
        let name = WorkflowName::new("w").unwrap();
        let workflow = Workflow { name, description: String::new(), digest: "d".into(), phases: Vec::new() };
        Box::pin(async { Ok(workflow) })
    }

    fn workspace(&self, _: &Plan, ticket: &Ticket) -> Result<WorkspaceRequest, SlotError> {
        let (repo, path) = (PathBuf::from("/repo"), PathBuf::from("/edited/since"));
        Ok(WorkspaceRequest { ticket: ticket.brief.key.clone(), repo, path, branch: "edited".into(), base: None })
    }

    fn compose(&self, order: WorkOrder) -> SlotFuture<'_, Result<Launch, SlotError>> {
        let launch = Launch {
            session: order.session,
            argv: vec!["agent".into()],
            cwd: "/".into(),
            env: Vec::new(),
            cols: 80,
            rows: 24,
            separate_stdout: false,
            recording_limit: 64 << 20,
        };
        Box::pin(async { Ok(launch) })
    }

    fn keep_rule(&self, _: PermissionRule) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn question(&self, _: WorkOrder) -> SlotFuture<'_, Result<String, SlotError>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn list(&self, _: WorkOrder) -> SlotFuture<'_, Result<Vec<String>, SlotError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn capture(&self, _: WorkOrder, _: String) -> SlotFuture<'_, Result<String, SlotError>> {
        Box::pin(async { Ok(String::new()) })
    }
}

impl Runtime for World {
    fn start(&self, _: Launch) -> SlotFuture<'_, Result<(), SlotError>> {
        self.starting.send_replace(true);
        Box::pin(async {
            let Ok(permit) = self.may_start.acquire().await else {
                return Err(SlotError::new(ErrorClass::Transient, "fork failed"));
            };
            permit.forget();
            self.running.send_replace(Some(true));
            Ok(())
        })
    }

    fn observe(&self, _: SessionId) -> SlotFuture<'_, Observed> {
        Box::pin(async { self.found.clone() })
    }

    fn wait(&self, _: SessionId) -> SlotFuture<'_, Observed> {
        Box::pin(async {
            self.running.subscribe().wait_for(|running| *running == Some(false)).await.unwrap();
            let code = self.code.lock().unwrap().take();
            let exit = Exit { code, signal: code.is_none().then_some(2), ..Exit::at(Timestamp(0)) };
            Observed::Exited(exit)
        })
    }

    fn stop(&self, _: SessionId, _: StoppedBy, _: Duration) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async {
            self.running.send_if_modified(|running| {
                let was_running = *running == Some(true);
                *running = running.map(|_| false);
                was_running
            });
            self.stops.send_modify(|stops| *stops += 1);
            Ok(())
        })
    }

    fn freeze(&self, _: SessionId) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn thaw(&self, _: SessionId) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn answer(&self, _: SessionId, _: RequestId, _: Answer) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn watch(&self, _: SessionId, _: Tell) -> SlotFuture<'_, ()> {
        Box::pin(async {})
    }

    fn leave(&self, session: SessionId, grace: Duration) -> SlotFuture<'_, Result<(), SlotError>> {
        self.stop(session, StoppedBy::TurnOver, grace)
    }

    fn interrupt(&self, _: SessionId) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn prompt(&self, _: SessionId, _: String) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn agent_end(&self, _: SessionId) -> SlotFuture<'_, Option<AgentEnd>> {
        Box::pin(async { None })
    }

    fn reports_taken(&self, _: SessionId) -> SlotFuture<'_, ()> {
        Box::pin(async {})
    }

    fn checked(&self, _: SessionId) -> SlotFuture<'_, Option<CheckReport>> {
        Box::pin(async { None })
    }

    fn signs(&self, _: SessionId) -> SlotFuture<'_, Signs> {
        Box::pin(async { Signs::default() })
    }

    fn asker_gone(&self, _: SessionId, _: RequestId) -> SlotFuture<'_, bool> {
        Box::pin(async { false })
    }

    fn stdout(&self, _: SessionId, _: usize) -> SlotFuture<'_, Result<String, SlotError>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn tail(&self, _: SessionId, _: usize) -> SlotFuture<'_, String> {
        Box::pin(async { String::new() })
    }
}

impl Workspace for World {
    fn prepare(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<WorkspaceReady, SlotError>> {
        self.asked.lock().unwrap().push(request.clone());
        let WorkspaceRequest { path, branch, .. } = request;
        let (base_branch, base_commit) = ("main".into(), "0".repeat(40));
        Box::pin(async { Ok(WorkspaceReady { path, branch, base_branch, base_commit, adopted: false }) })
    }

    fn free(&self, _: WorkspaceRequest) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async { Ok(()) })
    }

    fn last_change(&self, _: WorkspaceRequest) -> SlotFuture<'_, Result<Option<Timestamp>, SlotError>> {
        Box::pin(async { Ok(None) })
    }

    fn remove(&self, request: WorkspaceRequest) -> SlotFuture<'_, Result<Removal, SlotError>> {
        self.asked.lock().unwrap().push(request);
        Box::pin(async { Ok(Removal::Removed { kept_ref: "refs/heads/b".into() }) })
    }
}

fn order(worktree: &str) -> WorkOrder {
    let checkout = Checkout {
        path: worktree.into(),
        branch: "b".into(),
        base_branch: "main".into(),
        base_commit: "0".repeat(40),
        removed: false,
    };
    let mut ticket: Ticket = serde_json::from_value(serde_json::json!({
        "brief": { "key": "p/A", "title": "A" }, "order": 0, "blockedBy": [], "progress": { "status": { "is": "queued" } }
    }))
    .unwrap();
    ticket.progress.workspace = Some(checkout);
    let phase = serde_json::from_value(serde_json::json!({
        "id": "build", "kind": { "type": "script", "run": { "run": "shell", "script": "true" } },
        "onSuccess": null, "onFailure": null, "retry": { "attempts": 1, "backoffSeconds": 0 },
        "timeoutSeconds": null, "maxVisits": 1, "capture": BTreeMap::<String, String>::new()
    }))
    .unwrap();
    let plan = serde_json::from_value(serde_json::json!({ "id": "p", "name": "p" })).unwrap();
    let session = SessionId::new(ticket.brief.key.clone(), 1);
    let (captures, offered) = (Default::default(), Default::default());
    WorkOrder { session, plan, ticket: Arc::new(ticket), phase, agent: None, captures, offered, begin: Vec::new() }
}

fn executor(world: &Arc<World>) -> (Executor, mpsc::Receiver<Arrival>) {
    let (sender, reports) = mpsc::channel(8);
    (Executor::new(world.slots(), sender), reports)
}

async fn next(reports: &mut mpsc::Receiver<Arrival>) -> Report {
    tokio::time::timeout(PATIENCE, reports.recv()).await.unwrap().unwrap().report
}

#[tokio::test]
async fn a_session_that_is_told_to_end_while_it_is_being_started_ends() {
    let world = World::new();
    let (mut executor, mut reports) = executor(&world);
    let order = order("/");
    let session = order.session.clone();
    executor.start(Effect::RunSession { order: Box::new(order), reattach: false });
    world.starting.subscribe().wait_for(|starting| *starting).await.unwrap();
    executor.start(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
    world.stops.subscribe().wait_for(|stops| *stops == 1).await.unwrap();
    world.may_start.add_permits(1);
    let Report::SessionEnded { session: ended, end } = next(&mut reports).await else { panic!("no end") };
    assert_eq!(ended, session);
    assert!(matches!(end, SessionEnd::Exited { signal: Some(2), .. }), "{end:?}");
}

#[tokio::test]
async fn what_an_engine_that_died_only_meant_to_start_is_started_by_the_next_unless_it_is_to_end() {
    for (found, told_to_end, starts) in
        [(Observed::Absent, false, true), (Observed::Running, false, false), (Observed::Absent, true, false)]
    {
        let world = World::with(found);
        world.running.send_replace(Some(true));
        let (mut executor, mut reports) = executor(&world);
        let order = order("/");
        let session = order.session.clone();
        world.may_start.add_permits(1);
        if told_to_end {
            executor.start(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
        }
        executor.start(Effect::RunSession { order: Box::new(order), reattach: true });
        if starts {
            world.starting.subscribe().wait_for(|starting| *starting).await.unwrap();
        }
        executor.start(Effect::StopSession { session, by: StoppedBy::Person });
        assert!(matches!(next(&mut reports).await, Report::SessionEnded { end: SessionEnd::Exited { .. }, .. }));
        assert_eq!(*world.starting.borrow(), starts);
    }
}

#[tokio::test]
async fn a_machine_that_is_short_of_something_is_not_taken_for_one_that_is_set_up_wrongly() {
    let world = World::new();
    let (mut executor, mut reports) = executor(&world);
    world.may_start.close();
    executor.start(Effect::RunSession { order: Box::new(order("/")), reattach: false });
    let Report::SessionEnded { end: SessionEnd::NotStarted { failure }, .. } = next(&mut reports).await else {
        panic!("started")
    };
    assert_eq!((failure.class, failure.message.as_str()), (FailureClass::Infra, "fork failed"));
}

#[tokio::test]
async fn nothing_is_started_once_the_engine_is_gone() {
    let world = World::new();
    let (mut executor, _reports) = executor(&world);
    executor.start(Effect::RunSession { order: Box::new(order("/")), reattach: false });
    executor.shutdown().await;
    world.may_start.add_permits(1);
    assert_eq!((*world.running.borrow(), world.may_start.available_permits()), (None, 1));
}

#[tokio::test]
async fn a_worktree_that_somebody_removed_is_made_again_and_the_one_it_has_is_the_one_that_goes() {
    let world = World::new();
    let (mut executor, mut reports) = executor(&world);
    world.may_start.add_permits(1);
    let order = order("/nowhere/at/all");
    let (plan, ticket) = (Box::new(order.plan.clone()), Arc::clone(&order.ticket));
    executor.start(Effect::RunSession { order: Box::new(order), reattach: false });
    world.running.subscribe().wait_for(|running| *running == Some(true)).await.unwrap();
    executor.start(Effect::RemoveWorkspace { plan, ticket });
    assert!(matches!(next(&mut reports).await, Report::WorkspaceGone { .. }));
    let asked = world.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    for request in asked.iter() {
        assert_eq!((request.path.to_str(), request.branch.as_str()), (Some("/nowhere/at/all"), "b"));
        assert_eq!(request.base.as_deref(), Some("main"));
    }
}
