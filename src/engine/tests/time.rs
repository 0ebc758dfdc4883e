//! Stories of an engine whose machine sleeps and whose clock is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{World, order};
use crate::bus::{Link, bus};
use crate::domain::clock::Reading;
use crate::domain::fleet::Fleet;
use crate::domain::ids::WorkflowName;
use crate::domain::ticket::Status;
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Phase, PhaseKind, Run, Workflow};
use crate::engine::{Clock, Engine};
use crate::store::Store;

const HOUR: i64 = 3_600_000;

/// Clocks that run with the paused time of the test, on a machine that can sleep and be set.
struct Machine {
    started: Instant,
    asleep: AtomicI64,
    stepped: AtomicI64,
}

impl Clock for Machine {
    fn read(&self) -> Reading {
        let awake = i64::try_from(self.started.elapsed().as_millis()).unwrap();
        let elapsed = awake + self.asleep.load(Ordering::SeqCst);
        let at = Timestamp(1_700_000_000_000 + elapsed + self.stepped.load(Ordering::SeqCst));
        Reading { at, elapsed: elapsed as u64, awake: awake as u64, boot: "b".into() }
    }
}

/// An engine at work on one ticket in one phase.
struct Scene {
    _state: tempfile::TempDir,
    world: Arc<World>,
    machine: Arc<Machine>,
    link: Link,
}

impl Scene {
    async fn begin(kind: PhaseKind, timeout: u64) -> Self {
        let state = tempfile::tempdir().unwrap();
        let order = order("/");
        let phase = Phase { kind, timeout_seconds: Some(timeout), ..order.phase.clone() };
        let mut fleet = Fleet::default();
        fleet.plans.insert(order.plan.id.clone(), order.plan.clone());
        let mut ticket = (*order.ticket).clone();
        ticket.progress.phase = Some(phase.id.clone());
        ticket.progress.workflow_digest = Some("d".into());
        fleet.tickets.insert(ticket.brief.key.clone(), Arc::new(ticket));
        let name = WorkflowName::new("w").unwrap();
        let workflow = Workflow { name, description: String::new(), digest: "d".into(), phases: vec![phase] };
        fleet.workflows.insert("d".into(), Arc::new(workflow));

        let world = World::new();
        world.may_start.add_permits(100);
        let machine = Machine { started: Instant::now(), asleep: AtomicI64::new(0), stepped: AtomicI64::new(0) };
        let machine = Arc::new(machine);
        let mut slots = world.slots();
        slots.clock = machine.clone();
        let (end, link) = bus(Arc::new(fleet.clone()));
        let (store, _) = Store::open(state.path()).unwrap();
        let (engine, _reports) = Engine::new(store, fleet, Vec::new(), end, slots).unwrap();
        tokio::spawn(engine.run(CancellationToken::new()));
        let scene = Self { _state: state, world, machine, link };
        scene.until(|status| matches!(status, Status::Running { .. })).await;
        scene
    }

    fn status(&self) -> Status {
        self.link.fleet().tickets.values().next().unwrap().progress.status.clone()
    }

    async fn until(&self, is_so: impl Fn(&Status) -> bool) {
        let mut fleets = self.link.watch();
        let found = fleets.wait_for(|fleet| fleet.tickets.values().all(|ticket| is_so(&ticket.progress.status)));
        let _fleet = tokio::time::timeout(Duration::from_secs(3600), found).await.unwrap().unwrap();
    }
}

fn script() -> PhaseKind {
    PhaseKind::Script { run: Run::Shell { script: "true".into() } }
}

#[tokio::test(start_paused = true)]
async fn a_night_of_sleep_or_a_set_clock_ends_no_session_before_its_time() {
    for (asleep, stepped) in [(8 * HOUR, 0), (0, 24 * HOUR), (0, -24 * HOUR)] {
        let scene = Scene::begin(script(), 600).await;
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_secs(60)).await;
        scene.machine.asleep.store(asleep, Ordering::SeqCst);
        scene.machine.stepped.store(stepped, Ordering::SeqCst);
        scene.until(|status| !matches!(status, Status::Running { .. })).await;
        let worked = begun.elapsed().as_secs();
        assert!((598..=662).contains(&worked), "it was ended after {worked} s");
        assert!(*scene.world.stops.borrow() > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_poll_looks_again_on_time_when_the_clock_is_set_back_and_soon_after_sleep() {
    for (asleep, stepped) in [(8 * HOUR, 0), (0, -24 * HOUR)] {
        let poll = PhaseKind::Poll { run: Run::Shell { script: "true".into() }, interval_seconds: 300 };
        let scene = Scene::begin(poll, 86_400).await;
        scene.world.end(1);
        scene.until(|status| matches!(status, Status::Polling { .. })).await;
        let looked = Instant::now();
        scene.machine.asleep.store(asleep, Ordering::SeqCst);
        scene.machine.stepped.store(stepped, Ordering::SeqCst);
        scene.until(|status| matches!(status, Status::Running { .. })).await;
        let waited = looked.elapsed().as_secs();
        let (least, most) = if asleep > 0 { (0, 61) } else { (298, 362) };
        assert!((least..=most).contains(&waited), "it looked again after {waited} s");
        assert!(matches!(scene.status(), Status::Running { .. }));
    }
}
