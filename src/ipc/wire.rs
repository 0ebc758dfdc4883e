//! What travels on the control socket: JSON lines, bounded in length.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::domain::command::{Command, Rejection};
use crate::domain::event::Recorded;
use crate::domain::fleet::{Fleet, Live};
use crate::domain::plain::plain_line;

/// Version of the protocol.
pub const PROTOCOL: u32 = 1;

/// Longest refusal that is printed, in characters.
const MAX_SAID: usize = 500;

/// Longest line an engine accepts, in bytes: a whole backlog comes in one, so that all of it is taken in or none.
pub(super) const MAX_TO_ENGINE: usize = 32 * 1024 * 1024;

/// Longest line a watcher accepts, in bytes: snapshots of large fleets are long.
pub(super) const MAX_TO_WATCHER: usize = 256 * 1024 * 1024;

/// A conversation that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// The two sides are of different versions.
    #[error(
        "the running engine is aotui {theirs} with control protocol {their_protocol}, this is aotui {ours} with \
         protocol {our_protocol}: end that engine, its sessions go on, and start it again with this version",
        ours = env!("CARGO_PKG_VERSION"),
        our_protocol = PROTOCOL
    )]
    Version {
        /// Version of the engine.
        theirs: String,
        /// Version of its protocol.
        their_protocol: u32,
    },
    /// Another user is at the other end.
    #[error("the control socket is user {theirs}'s, and you are user {ours}")]
    Stranger {
        /// User id of the other side.
        theirs: u32,
        /// Our own.
        ours: u32,
    },
    /// The engine said why it does not talk to us.
    #[error("the running engine refused the connection: {0}")]
    Refused(String),
    /// The line could not be understood.
    #[error(
        "the control socket sent something that this aotui does not understand, so its other end is of another build \
         ({0}): use the same for both"
    )]
    Garbled(String),
    /// The connection broke.
    #[error("the connection to the running engine broke: {0}")]
    Io(#[from] io::Error),
}

impl IpcError {
    /// Returns that the engine refused, and why, made harmless.
    pub(super) fn refused(why: &str) -> Self {
        Self::Refused(plain_line(why, MAX_SAID))
    }
}

/// The first line of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) aotui: String,
    pub(super) protocol: u32,
}

impl Hello {
    pub(super) fn own() -> Self {
        Self { aotui: env!("CARGO_PKG_VERSION").to_owned(), protocol: PROTOCOL }
    }

    /// Returns whether the other side means the same by what it says: what travels is as the domain's types are, so
    /// another version may mean something else even where it can be read.
    pub(super) fn is_ours(&self) -> bool {
        *self == Self::own()
    }

    /// Returns the other side's version as it may be printed.
    pub(super) fn version(&self) -> String {
        plain_line(&self.aotui, 40)
    }
}

/// What a watcher says after its hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ToEngine {
    /// Wants a snapshot now and everything that happens from then on.
    Subscribe,
    /// Wants this done; answered by a reply with the same number.
    Command { id: u64, command: Box<Command> },
}

/// What an engine says after its hello.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum ToWatcher {
    /// How everything stands; replaces all that was said before.
    Snapshot(Arc<Fleet>),
    /// What happened since, and the live facts where they changed.
    Events { events: Vec<Recorded>, live: Option<Live> },
    /// The answer to a command; without a rejection it is on disk.
    Reply { id: u64, rejection: Option<Rejection> },
    /// Why the connection is closed now.
    Refused(String),
}

/// Returns the message as one line.
pub(super) fn encode(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Understands a line.
pub(super) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, IpcError> {
    serde_json::from_slice(line).map_err(|error| IpcError::Garbled(error.to_string()))
}

/// Understands the first line of an engine.
pub(super) fn check_engine_hello(line: &[u8]) -> Result<(), IpcError> {
    if let Ok(ToWatcher::Refused(why)) = serde_json::from_slice(line) {
        return Err(IpcError::refused(&why));
    }
    let hello: Hello = decode(line)?;
    if hello.is_ours() {
        return Ok(());
    }
    Err(IpcError::Version { theirs: hello.version(), their_protocol: hello.protocol })
}

/// Refuses the other end of a connection if it is another user's.
pub(super) fn check_peer(stream: impl AsFd) -> Result<(), IpcError> {
    let ours = rustix::process::getuid().as_raw();
    let theirs = rustix::net::sockopt::socket_peercred(stream).map_err(io::Error::from)?.uid.as_raw();
    if theirs == ours { Ok(()) } else { Err(IpcError::Stranger { theirs, ours }) }
}

/// Lines of bounded length from a stream.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    max: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, max: usize) -> Self {
        Self { reader, line: Vec::new(), max }
    }

    /// Returns the next line without its end; `None` when the other side is gone. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, IpcError> {
        loop {
            let chunk = self.reader.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(None);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let piece = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            if self.line.len() + piece.len() > self.max {
                return Err(IpcError::Garbled(format!("a line is longer than {} bytes", self.max)));
            }
            self.line.extend_from_slice(piece);
            let used = piece.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}
