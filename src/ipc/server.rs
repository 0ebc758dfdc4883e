//! The engine's side of the control socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::wire::{Hello, IpcError, Lines, MAX_TO_ENGINE, PROTOCOL, ToEngine, ToWatcher, check_peer, decode, encode};
use crate::bus::{Batch, Link};

/// Connections served at the same time.
const MAX_CONNECTIONS: usize = 64;

/// Commands of one connection that may wait for the engine at the same time.
const MAX_PENDING: usize = 32;

/// How long a new connection may take to say who it is.
const HELLO_PATIENCE: Duration = Duration::from_secs(5);

/// Why the control socket cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another engine answers there.
    #[error("another engine answers on {}", .0.display())]
    Live(PathBuf),
    /// The file system said no.
    #[error("the control socket {} cannot be opened: {source}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// An open control socket. Dropping it removes the socket file.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

impl Server {
    /// Opens the socket at `path`, for this user alone. What a dead engine left there is replaced, a live one never.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let failed = |source| BindError::Io { path: path.to_path_buf(), source };
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(BindError::Live(path.to_path_buf())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        let inode = fs::symlink_metadata(path).map_err(failed)?.ino();
        Ok(Self { listener, path: path.to_path_buf(), inode })
    }

    /// Serves watchers of `link` until `cancel`.
    pub async fn serve(self, link: Link, cancel: CancellationToken) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let (link, place) = (link.clone(), Arc::clone(&places).try_acquire_owned());
                        connections.spawn(async move {
                            let full = place.is_err();
                            if let Err(error) = welcome(stream, link, full).await {
                                tracing::warn!("control socket: {error}");
                            }
                            drop(place);
                        });
                    }
                    Err(error) => {
                        tracing::warn!("control socket: {error}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("control socket {}: {error}", self.path.display());
        }
    }
}

/// Checks who connected and serves them.
async fn welcome(stream: UnixStream, link: Link, full: bool) -> Result<(), IpcError> {
    check_peer(&stream)?;
    let (read, mut write) = stream.into_split();
    if full {
        let why = format!("{MAX_CONNECTIONS} others are connected already");
        write.write_all(&encode(&ToWatcher::Refused(why))).await?;
        return Ok(());
    }
    write.write_all(&encode(&Hello::own())).await?;
    let mut lines = Lines::new(BufReader::new(read), MAX_TO_ENGINE);
    let hello = tokio::time::timeout(HELLO_PATIENCE, lines.next()).await;
    let refusal = match hello {
        Ok(Ok(Some(line))) => check_watcher_hello(&line),
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_late) => Some("no hello came".to_owned()),
    };
    if let Some(why) = refusal {
        write.write_all(&encode(&ToWatcher::Refused(why.clone()))).await?;
        return Err(IpcError::Refused(why));
    }
    Connection { link, write, watched: None }.serve(lines).await
}

/// Returns why a watcher is not understood, if so.
fn check_watcher_hello(line: &[u8]) -> Option<String> {
    match decode::<Hello>(line) {
        Ok(hello) if hello.is_ours() => None,
        Ok(hello) => Some(format!(
            "it is aotui {} with control protocol {}, the engine is aotui {} with protocol {PROTOCOL}: use the same \
             version for both",
            hello.version(),
            hello.protocol,
            env!("CARGO_PKG_VERSION"),
        )),
        Err(error) => Some(error.to_string()),
    }
}

/// What a connection has been told so far.
struct Watched {
    batches: broadcast::Receiver<Arc<Batch>>,
    seq: u64,
    live_changed: bool,
}

struct Connection {
    link: Link,
    write: OwnedWriteHalf,
    watched: Option<Watched>,
}

impl Connection {
    /// Serves until the watcher leaves. Events go before replies, so that who is answered has seen what happened.
    async fn serve<R: tokio::io::AsyncBufRead + Unpin>(mut self, mut lines: Lines<R>) -> Result<(), IpcError> {
        let mut pending = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                batch = next_batch(&mut self.watched) => self.pass_on(batch).await?,
                Some(reply) = pending.join_next() => {
                    if let Ok(reply) = reply {
                        self.write.write_all(&encode(&reply)).await?;
                    }
                }
                line = lines.next(), if pending.len() < MAX_PENDING => {
                    let message = match line.and_then(|line| line.map(|line| decode(&line)).transpose()) {
                        Ok(Some(message)) => message,
                        Ok(None) => return Ok(()),
                        Err(error) => {
                            self.write.write_all(&encode(&ToWatcher::Refused(error.to_string()))).await?;
                            return Err(error);
                        }
                    };
                    match message {
                        ToEngine::Subscribe => self.send_snapshot().await?,
                        ToEngine::Command { id, command } => {
                            let link = self.link.clone();
                            pending.spawn(async move {
                                ToWatcher::Reply { id, rejection: link.command(*command).await.err() }
                            });
                        }
                    }
                }
            }
        }
    }

    /// Tells how everything stands, and watches from there on.
    async fn send_snapshot(&mut self) -> Result<(), IpcError> {
        let batches = self.link.subscribe();
        let fleet = self.link.fleet();
        self.watched = Some(Watched { batches, seq: fleet.seq, live_changed: false });
        self.write.write_all(&encode(&ToWatcher::Snapshot(fleet))).await?;
        Ok(())
    }

    /// Tells what happened: this batch and all that wait behind it, in one message.
    async fn pass_on(&mut self, first: Result<Arc<Batch>, RecvError>) -> Result<(), IpcError> {
        let Some(watched) = &mut self.watched else { return Ok(()) };
        let mut events = Vec::new();
        let mut batch = match first {
            Ok(batch) => batch,
            Err(RecvError::Lagged(_)) => return self.send_snapshot().await,
            Err(RecvError::Closed) => return Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        };
        loop {
            watched.live_changed |= batch.live_changed;
            events.extend(batch.events.iter().filter(|event| event.seq > watched.seq).cloned());
            batch = match watched.batches.try_recv() {
                Ok(batch) => batch,
                Err(TryRecvError::Lagged(_)) => return self.send_snapshot().await,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
        }
        watched.seq = events.last().map_or(watched.seq, |event| event.seq);
        let fleet = self.link.fleet();
        // A newer snapshot means that another batch is on its way: the live facts go with that one.
        let live = (watched.live_changed && fleet.seq == watched.seq).then(|| fleet.live.clone());
        watched.live_changed &= live.is_none();
        if !events.is_empty() || live.is_some() {
            self.write.write_all(&encode(&ToWatcher::Events { events, live })).await?;
        }
        Ok(())
    }
}

/// Waits for the next batch; for ever where nobody watches.
async fn next_batch(watched: &mut Option<Watched>) -> Result<Arc<Batch>, RecvError> {
    match watched {
        Some(watched) => watched.batches.recv().await,
        None => std::future::pending().await,
    }
}
