//! The two ways to the state: through the engine that runs, or under the lock where none does.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::house::House;
use crate::cli::{Exit, Failure, Steering};
use crate::domain::command::Command;
use crate::domain::fleet::{Fleet, Input, Outbox};
use crate::domain::rules::Rules;
use crate::engine::{self, now};
use crate::ipc::{Caller, IpcError};
use crate::store::{self, Store, StoreError};

/// How long a verb waits for another one that holds the lock, or for an engine that is about to listen.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Opens the state for a verb that changes something.
pub(super) fn open(house: &House) -> Result<Box<dyn Steering>, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match call(&house.socket()?) {
            Ok(Some((caller, fleet))) => return Ok(Box::new(Remote { caller, fleet })),
            // An engine that is about to leave or to die.
            Err(IpcError::Io(_)) if Instant::now() < deadline => {}
            Err(error) => return Err(connection(&error)),
            Ok(None) => {}
        }
        match Store::open(&house.settings.state_dir) {
            Ok((store, loaded)) => return Ok(Box::new(Local::new(store, loaded, house.settings.rules()))),
            Err(StoreError::Locked { .. }) if Instant::now() < deadline => std::thread::sleep(LOOK_AGAIN),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns how everything stands and the process id of the engine that runs, changing nothing.
pub(super) fn look(house: &House) -> Result<(Arc<Fleet>, Option<u32>), Failure> {
    let holder = store::holder(&house.layout());
    if holder.is_some() {
        match call(&house.socket()?) {
            Ok(Some((_, fleet))) => return Ok((fleet, holder.and_then(|holder| holder.pid))),
            // An engine that is about to listen, to leave or to die: what is on disk is true anyway.
            Ok(None) | Err(IpcError::Io(_)) => {}
            Err(error) => return Err(connection(&error)),
        }
    }
    let mut loaded = store::read(&house.settings.state_dir)?;
    loaded.fleet.live.problems = loaded.problems;
    loaded.fleet.policy.rules = Arc::new(house.settings.rules());
    loaded.fleet.live.problems.extend(house.warnings.iter().cloned());
    Ok((Arc::new(loaded.fleet), None))
}

/// Connects to the engine that listens at `socket` and asks it how everything stands; `None` where none does.
fn call(socket: &Path) -> Result<Option<(Caller, Arc<Fleet>)>, IpcError> {
    let Some(mut caller) = Caller::connect(socket)? else { return Ok(None) };
    let fleet = caller.snapshot()?;
    Ok(Some((caller, fleet)))
}

/// Waits until no other call adds a ticket; others may when the returned file is closed. Without it two calls could
/// choose the same free id.
pub(super) fn one_at_a_time(house: &House) -> Result<File, Failure> {
    let layout = house.layout();
    layout.create()?;
    let path = layout.root().join("add.lock");
    let cannot = |error: std::io::Error| Failure::error(format!("cannot lock {}: {error}", path.display()));
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(cannot)?;
    file.lock().map_err(cannot)?;
    Ok(file)
}

/// Says that the engine cannot be talked to.
pub(super) fn connection(error: &IpcError) -> Failure {
    match error {
        IpcError::Version { .. } | IpcError::Stranger { .. } | IpcError::Refused(_) => {
            Failure::new(Exit::Refused, error.to_string())
        }
        IpcError::Garbled(_) | IpcError::Io(_) => Failure::error(error.to_string()),
    }
}

struct Remote {
    caller: Caller,
    fleet: Arc<Fleet>,
}

impl Steering for Remote {
    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn has_engine(&self) -> bool {
        true
    }

    fn command(&mut self, commands: Vec<Command>) -> Result<(), Failure> {
        for command in commands {
            self.caller.command(command).map_err(|error| connection(&error))??;
        }
        Ok(())
    }
}

struct Local {
    store: Store,
    /// What the store holds; taken when something is changed.
    loaded: Option<store::Loaded>,
    /// The same with what people wrote into files since.
    fleet: Fleet,
}

impl Local {
    fn new(store: Store, loaded: store::Loaded, rules: Rules) -> Self {
        let mut fleet = loaded.fleet.clone();
        fleet.policy = engine::read_only(rules);
        for command in loaded.wanted.iter().cloned() {
            fleet.step(now(), Input::Command(command), &mut Outbox::default());
        }
        Self { store, loaded: Some(loaded), fleet }
    }
}

impl Steering for Local {
    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn has_engine(&self) -> bool {
        false
    }

    fn command(&mut self, commands: Vec<Command>) -> Result<(), Failure> {
        let Some(loaded) = self.loaded.take() else {
            return Err(Failure::error("the state was changed already; this is a defect of aotui"));
        };
        match engine::act(&mut self.store, loaded, self.fleet.policy.clone(), commands) {
            Ok(fleet) => {
                self.fleet = fleet;
                Ok(())
            }
            Err(engine::ActError::Store(error)) => Err(error.into()),
            Err(engine::ActError::Rejected(rejection)) => Err(rejection.into()),
        }
    }
}
