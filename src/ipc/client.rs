//! A watcher's side of the control socket: a replica of the engine's bus.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use super::wire::{
    Hello, IpcError, Lines, MAX_TO_WATCHER, ToEngine, ToWatcher, check_engine_hello, check_peer, decode, encode,
};
use crate::bus::{Batch, EngineEnd, Link, Request, bus};
use crate::domain::command::Rejection;
use crate::domain::event::Recorded;
use crate::domain::fleet::{Fleet, Live};

/// Connects to the engine that listens at `path` and returns a link that follows and steers it as if it were in this
/// process; `None` where no engine listens. The link is dead once the engine is.
pub async fn connect(path: &Path) -> Result<Option<Link>, IpcError> {
    let stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if nobody_listens(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    check_peer(&stream)?;
    let (read, mut write) = stream.into_split();
    let mut lines = Lines::new(BufReader::new(read), MAX_TO_WATCHER);
    // An engine that is full says so and closes: what it says counts, not that it did not listen.
    let greeted = write.write_all(&encode(&Hello::own())).await;
    check_engine_hello(&next_line(&mut lines).await?)?;
    greeted?;
    write.write_all(&encode(&ToEngine::Subscribe)).await?;
    let fleet = match decode(&next_line(&mut lines).await?)? {
        ToWatcher::Snapshot(fleet) => fleet,
        ToWatcher::Refused(why) => return Err(IpcError::refused(&why)),
        other => return Err(IpcError::Garbled(format!("expected a snapshot, got {}", kind(&other)))),
    };
    let (engine, link) = bus(Arc::clone(&fleet));
    let replica = Replica { engine, write, fleet, waiting: HashMap::new(), next_id: 1 };
    tokio::spawn(async move {
        if let Err(error) = replica.follow(lines).await {
            tracing::warn!("{error}");
        }
    });
    Ok(Some(link))
}

/// Returns whether this is what connecting to no engine gives.
pub(super) fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

async fn next_line(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Result<Vec<u8>, IpcError> {
    lines.next().await?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

fn kind(message: &ToWatcher) -> &'static str {
    match message {
        ToWatcher::Snapshot(_) => "a snapshot",
        ToWatcher::Events { .. } => "events",
        ToWatcher::Reply { .. } => "a reply",
        ToWatcher::Refused(_) => "a refusal",
    }
}

/// Plays the engine for the link of this process.
struct Replica {
    engine: EngineEnd,
    write: OwnedWriteHalf,
    fleet: Arc<Fleet>,
    waiting: HashMap<u64, oneshot::Sender<Result<(), Rejection>>>,
    next_id: u64,
}

impl Replica {
    /// Follows the engine until it is gone or nobody holds the link any more.
    async fn follow(mut self, mut lines: Lines<BufReader<OwnedReadHalf>>) -> Result<(), IpcError> {
        loop {
            tokio::select! {
                line = lines.next() => match line? {
                    Some(line) => self.on_message(decode(&line)?).await?,
                    None => return Ok(()),
                },
                request = self.engine.commands.recv() => match request {
                    Some(request) => self.pass_on(request).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn pass_on(&mut self, request: Request) -> Result<(), IpcError> {
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.insert(id, request.reply);
        self.write.write_all(&encode(&ToEngine::Command { id, command: Box::new(request.command) })).await?;
        Ok(())
    }

    async fn on_message(&mut self, message: ToWatcher) -> Result<(), IpcError> {
        match message {
            ToWatcher::Snapshot(fleet) => {
                self.fleet = fleet;
                self.publish(Vec::new(), true);
            }
            ToWatcher::Events { events, live } => return self.on_events(events, live).await,
            ToWatcher::Reply { id, rejection } => {
                if let Some(reply) = self.waiting.remove(&id) {
                    let _asker_left = reply.send(rejection.map_or(Ok(()), Err));
                }
            }
            ToWatcher::Refused(why) => return Err(IpcError::refused(&why)),
        }
        Ok(())
    }

    async fn on_events(&mut self, events: Vec<Recorded>, live: Option<Live>) -> Result<(), IpcError> {
        let fleet = Arc::make_mut(&mut self.fleet);
        for event in &events {
            if event.seq != fleet.seq.saturating_add(1) {
                self.write.write_all(&encode(&ToEngine::Subscribe)).await?;
                return Ok(());
            }
            fleet.apply(event);
        }
        let live_changed = live.is_some();
        if let Some(live) = live {
            fleet.live = live;
        }
        self.publish(events, live_changed);
        Ok(())
    }

    fn publish(&self, events: Vec<Recorded>, live_changed: bool) {
        self.engine.publisher.publish(Arc::clone(&self.fleet), Batch { events, live_changed });
    }
}
