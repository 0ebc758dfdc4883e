//! The bus between the engine and everyone who watches or steers it. Small facts only; terminal bytes never travel here.
//!
//! The fleet snapshot is the truth, events are hints: who lags behind reads the snapshot and carries on.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::domain::command::{Command, Rejection};
use crate::domain::event::Recorded;
use crate::domain::fleet::Fleet;

/// Commands that may wait for the engine before a sender is told that it is busy.
const COMMANDS: usize = 256;

/// Event batches a slow watcher may lag behind before it has to read the snapshot.
const BATCHES: usize = 1024;

/// A command on its way to the engine, with the way back.
#[derive(Debug)]
pub struct Request {
    /// The wish.
    pub command: Command,
    /// Told once the command is on disk, or refused.
    pub reply: oneshot::Sender<Result<(), Rejection>>,
}

/// Events of one engine turn, and whether something changed that no event tells.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What happened, in order; may be empty.
    pub events: Vec<Recorded>,
    /// Whether activities or problems changed.
    pub live_changed: bool,
}

/// What a screen, a verb or a socket holds: it can watch and it can ask.
#[derive(Debug, Clone)]
pub struct Link {
    commands: mpsc::Sender<Request>,
    fleet: watch::Receiver<Arc<Fleet>>,
    batches: broadcast::Sender<Arc<Batch>>,
}

impl Link {
    /// Returns the newest snapshot.
    pub fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.borrow())
    }

    /// Returns a receiver that wakes when the snapshot changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Fleet>> {
        self.fleet.clone()
    }

    /// Returns a receiver of everything that happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.batches.subscribe()
    }

    /// Sends a command and waits until it is on disk or refused.
    pub async fn command(&self, command: Command) -> Result<(), Rejection> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Request { command, reply }).await.is_err() {
            return Err(engine_gone());
        }
        answer.await.unwrap_or_else(|_| Err(engine_gone()))
    }

    /// Sends a command without waiting; the answer comes through the receiver.
    pub fn send(&self, command: Command) -> Result<oneshot::Receiver<Result<(), Rejection>>, Rejection> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Request { command, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Rejection::new("the engine is busy").hint("try again in a moment"),
            mpsc::error::TrySendError::Closed(_) => engine_gone(),
        })?;
        Ok(answer)
    }

    /// Returns whether the engine behind it is still there.
    pub fn is_alive(&self) -> bool {
        !self.commands.is_closed()
    }
}

fn engine_gone() -> Rejection {
    Rejection::new("the engine has stopped").hint("start it again with `aotui` or `aotui run`")
}

/// The engine's end of the bus.
#[derive(Debug)]
pub struct EngineEnd {
    /// Commands to carry out.
    pub commands: mpsc::Receiver<Request>,
    /// Where facts go.
    pub publisher: Publisher,
}

/// Tells everyone on the bus what is true.
#[derive(Debug)]
pub struct Publisher {
    fleet: watch::Sender<Arc<Fleet>>,
    batches: broadcast::Sender<Arc<Batch>>,
}

impl Publisher {
    /// Publishes what one turn gave: the snapshot first, so that who is told of an event finds it there.
    pub fn publish(&self, fleet: Arc<Fleet>, batch: Batch) {
        self.fleet.send_replace(fleet);
        let _nobody_listens = self.batches.send(Arc::new(batch));
    }
}

/// Makes a bus that starts with `fleet` as its snapshot.
pub fn bus(fleet: Arc<Fleet>) -> (EngineEnd, Link) {
    let (commands, engine_commands) = mpsc::channel(COMMANDS);
    let (snapshot, watch) = watch::channel(fleet);
    let (batches, _) = broadcast::channel(BATCHES);
    let publisher = Publisher { fleet: snapshot, batches: batches.clone() };
    let engine = EngineEnd { commands: engine_commands, publisher };
    (engine, Link { commands, fleet: watch, batches })
}
