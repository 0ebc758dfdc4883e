//! A verb's side of the control socket: one question after the other, without a runtime.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::client::nobody_listens;
use super::wire::{
    Hello, IpcError, MAX_TO_WATCHER, ToEngine, ToWatcher, check_engine_hello, check_peer, decode, encode,
};
use crate::domain::command::{Command, Rejection};
use crate::domain::fleet::Fleet;

/// How long a verb waits for an engine that does not answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a running engine.
#[derive(Debug)]
pub struct Caller {
    stream: BufReader<UnixStream>,
    next_id: u64,
}

impl Caller {
    /// Connects to the engine that listens at `path`; `None` where none does.
    pub fn connect(path: &Path) -> Result<Option<Self>, IpcError> {
        let stream = match UnixStream::connect(path) {
            Ok(stream) => stream,
            Err(error) if nobody_listens(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        check_peer(&stream)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut caller = Self { stream: BufReader::new(stream), next_id: 1 };
        // An engine that is full says so and closes: what it says counts, not that it did not listen.
        let greeted = caller.say(&encode(&Hello::own()));
        check_engine_hello(&caller.hear()?)?;
        greeted?;
        Ok(Some(caller))
    }

    /// Returns how everything stands now. Events that follow are not read.
    pub fn snapshot(&mut self) -> Result<Arc<Fleet>, IpcError> {
        self.say(&encode(&ToEngine::Subscribe))?;
        loop {
            match decode(&self.hear()?)? {
                ToWatcher::Snapshot(fleet) => return Ok(fleet),
                ToWatcher::Refused(why) => return Err(IpcError::refused(&why)),
                ToWatcher::Events { .. } | ToWatcher::Reply { .. } => {}
            }
        }
    }

    /// Has a command carried out: returns once it is on disk, or why it was refused.
    pub fn command(&mut self, command: Command) -> Result<Result<(), Rejection>, IpcError> {
        let own = self.next_id;
        self.next_id += 1;
        self.say(&encode(&ToEngine::Command { id: own, command: Box::new(command) }))?;
        loop {
            match decode(&self.hear()?)? {
                ToWatcher::Reply { id, rejection } if id == own => return Ok(rejection.map_or(Ok(()), Err)),
                ToWatcher::Refused(why) => return Err(IpcError::refused(&why)),
                ToWatcher::Snapshot(_) | ToWatcher::Events { .. } | ToWatcher::Reply { .. } => {}
            }
        }
    }

    fn say(&mut self, line: &[u8]) -> Result<(), IpcError> {
        Ok(self.stream.get_mut().write_all(line)?)
    }

    fn hear(&mut self) -> Result<Vec<u8>, IpcError> {
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_TO_WATCHER).unwrap_or(u64::MAX);
        self.stream.by_ref().take(limit).read_until(b'\n', &mut line).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::Error::other(format!("no answer within {} s", PATIENCE.as_secs())),
            _ => error,
        })?;
        if line.pop() != Some(b'\n') {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(line)
    }
}
