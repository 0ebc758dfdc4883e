//! The engine: one task that owns the truth, feeds the pure fleet and has its effects carried out.
//!
//! A turn is: take what arrived, step the fleet for each, put the events on disk with one fsync, publish, answer who
//! asked, and only then start the effects. What the disk does not take did not happen: nothing starts until it does.
//! Nothing here decides anything; that is `domain::fleet`. There is no tick: the engine sleeps until something arrives or
//! the fleet's next deadline.

mod act;
mod clock;
mod executor;
mod frozen;
mod pointed;
mod talk;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use act::{ActError, act, read_only};
pub use clock::{Clock, SystemClock, now};
use executor::Executor;
pub use executor::Slots;
use turn::Turns;

use crate::bus::{EngineEnd, Request};
use crate::domain::command::Command;
use crate::domain::effect::Report;
use crate::domain::fleet::{Fleet, Input};
use crate::store::{Snapshots, Store, StoreError};

/// Reports that may wait for the engine before their senders wait.
const REPORTS: usize = 1024;

/// Inputs handled in one turn, so that a flood cannot keep a command from its answer.
const BATCH: usize = 256;

/// Longest sleep while something is due: it is measured in time the machine is awake, and moments are on the wall clock,
/// so after a nap of the machine, or when the clock was set, a deadline is noticed this much later at the most.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long nothing can be recorded until it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// A report on its way to the engine.
pub struct Arrival {
    /// What came back.
    pub report: Report,
    /// Called once the report's consequences are on disk.
    pub settled: Option<Box<dyn FnOnce() + Send>>,
}

impl From<Report> for Arrival {
    fn from(report: Report) -> Self {
        Self { report, settled: None }
    }
}

/// The engine, ready to run.
pub struct Engine {
    turns: Turns,
    executor: Executor,
    commands: mpsc::Receiver<Request>,
    reports: mpsc::Receiver<Arrival>,
    wanted: Vec<Command>,
}

impl Engine {
    /// Makes an engine of an opened store. `wanted` is what people wrote into files while no engine ran. Also returns
    /// the way by which reports reach it.
    pub fn new(
        store: Store,
        fleet: Fleet,
        wanted: Vec<Command>,
        bus: EngineEnd,
        slots: Slots,
    ) -> Result<(Self, mpsc::Sender<Arrival>), StoreError> {
        let (sender, reports) = mpsc::channel(REPORTS);
        let snapshots = Snapshots::start(store.layout.clone())?;
        let EngineEnd { commands, publisher } = bus;
        let turns = Turns::new(store, snapshots, fleet, publisher, Arc::clone(&slots.clock));
        let executor = Executor::new(slots, sender.clone());
        Ok((Self { turns, executor, commands, reports, wanted }, sender))
    }

    /// Runs until cancelled. Sessions go on; snapshots are on disk when it returns.
    pub async fn run(mut self, cancel: CancellationToken) {
        self.work(cancel).await;
        self.executor.shutdown().await;
    }

    async fn work(&mut self, cancel: CancellationToken) {
        let wanted = std::mem::take(&mut self.wanted);
        self.turn(vec![Pending::new(Input::Recover { wanted })]).await;
        loop {
            let sleep = self.sleep();
            // While nothing can be recorded, what comes back from the world waits where it is.
            let stalled = self.turns.is_stalled();
            let mut pending = Vec::new();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                Some(request) = self.commands.recv() => pending.push(request.into()),
                Some(arrival) = self.reports.recv(), if !stalled => pending.push(arrival.into()),
                () = sleep => {}
            }
            while pending.len() < BATCH {
                if let Ok(request) = self.commands.try_recv() {
                    pending.push(request.into());
                } else if !stalled && let Ok(arrival) = self.reports.try_recv() {
                    pending.push(arrival.into());
                } else {
                    break;
                }
            }
            self.turn(pending).await;
        }
    }

    async fn turn(&mut self, pending: Vec<Pending>) {
        for effect in self.turns.take(pending).await {
            self.executor.start(effect);
        }
    }

    /// Sleeps until something may be due; for ever where nothing is.
    fn sleep(&self) -> impl Future<Output = ()> + use<> {
        let due = self.turns.fleet().next_due();
        let until = match due {
            _ if self.turns.is_stalled() => Some(TRY_AGAIN),
            due => due.map(|due| Duration::from_millis(due.millis_since(self.turns.now())).min(LONGEST_SLEEP)),
        };
        async move {
            match until {
                Some(until) => tokio::time::sleep(until).await,
                None => std::future::pending().await,
            }
        }
    }
}

/// An input with everyone who waits for it to be settled.
pub(super) struct Pending {
    input: Input,
    reply: Option<tokio::sync::oneshot::Sender<Result<(), crate::domain::command::Rejection>>>,
    settled: Option<Box<dyn FnOnce() + Send>>,
}

impl Pending {
    fn new(input: Input) -> Self {
        Self { input, reply: None, settled: None }
    }
}

impl From<Request> for Pending {
    fn from(request: Request) -> Self {
        Self { input: Input::Command(request.command), reply: Some(request.reply), settled: None }
    }
}

impl From<Arrival> for Pending {
    fn from(arrival: Arrival) -> Self {
        Self { input: Input::Report(arrival.report), reply: None, settled: arrival.settled }
    }
}

/// Shares a fleet without copying its tickets.
fn share(fleet: &Fleet) -> Arc<Fleet> {
    Arc::new(fleet.clone())
}
