//! The viewer's end of a holder's socket.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::files::SessionDir;
use super::protocol::{Frames, PROTOCOL_VERSION, StopOrder, ToClient, ToHolder};
use crate::domain::session::StoppedBy;
use crate::slots::runtime::Exit;

/// Longest piece of input sent in one frame, in bytes.
const INPUT_CHUNK: usize = 16 * 1024;

/// What a holder says about its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// The recording grew to at least this many bytes.
    Grew(u64),
    /// The terminal has a new size from this byte of the recording on.
    Resized { at: u64, cols: u16, rows: u16 },
    /// The session is over. `None` from a holder that leaves it to the record to say how.
    Exited(Option<Exit>),
}

/// A connection to the holder of a session.
#[derive(Debug)]
pub struct Client {
    /// Width of the terminal when the connection was made, in cells.
    pub cols: u16,
    /// Height of the terminal when the connection was made, in cells.
    pub rows: u16,
    /// Length of the recording when the connection was made, in bytes.
    pub total: u64,
    /// What the holder says.
    pub hints: Hints,
    /// What the holder is told.
    pub sender: Sender,
}

impl Client {
    /// Connects to the holder of the session in `dir`.
    pub async fn connect(dir: &SessionDir) -> io::Result<Self> {
        let record = dir.holder()?.ok_or(io::ErrorKind::NotFound)?;
        let stream = UnixStream::connect(&record.socket).await?;
        let (read, write) = stream.into_split();
        let mut sender = Sender { write };
        sender.send(&ToHolder::Hello { version: PROTOCOL_VERSION }).await?;
        let mut hints = Hints { read, frames: Frames::default() };
        match hints.frame().await? {
            Some(ToClient::Hello(hello)) => {
                Ok(Self { cols: hello.cols, rows: hello.rows, total: hello.total, hints, sender })
            }
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the holder did not greet")),
            None => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }
}

/// The hints of a holder.
#[derive(Debug)]
pub struct Hints {
    read: OwnedReadHalf,
    frames: Frames,
}

impl Hints {
    /// Waits for the next hint; `None` when the holder is gone. Cancel-safe.
    pub async fn next(&mut self) -> io::Result<Option<Hint>> {
        loop {
            match self.frame().await? {
                None => return Ok(None),
                Some(ToClient::Grew(total)) => return Ok(Some(Hint::Grew(total))),
                Some(ToClient::Resized { at, cols, rows }) => return Ok(Some(Hint::Resized { at, cols, rows })),
                Some(ToClient::Exited(exit)) => return Ok(Some(Hint::Exited(exit))),
                Some(ToClient::Hello(_)) => {}
            }
        }
    }

    async fn frame(&mut self) -> io::Result<Option<ToClient>> {
        loop {
            if let Some((kind, payload)) = self.frames.next()? {
                return Ok(Some(ToClient::decode(kind, &payload)?));
            }
            let mut buffer = [0; 1024];
            let n = self.read.read(&mut buffer).await?;
            if n == 0 {
                return Ok(None);
            }
            self.frames.push(buffer.get(..n).unwrap_or_default());
        }
    }
}

/// The way to type into a session and to size its terminal.
#[derive(Debug)]
pub struct Sender {
    write: OwnedWriteHalf,
}

impl Sender {
    /// Types bytes into the program; waits while it does not read.
    pub async fn input(&mut self, bytes: &[u8]) -> io::Result<()> {
        for chunk in bytes.chunks(INPUT_CHUNK) {
            self.send(&ToHolder::Input(chunk.to_vec())).await?;
        }
        Ok(())
    }

    /// Gives the terminal a new size, in cells.
    pub async fn resize(&mut self, cols: u16, rows: u16) -> io::Result<()> {
        self.send(&ToHolder::Resize { cols, rows }).await
    }

    /// Tells the holder to end the session, which it goes on with whatever becomes of this connection.
    pub async fn stop(&mut self, by: StoppedBy, grace: Duration) -> io::Result<()> {
        let grace_millis = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
        self.send(&ToHolder::Stop(StopOrder { by, grace_millis })).await
    }

    async fn send(&mut self, frame: &ToHolder) -> io::Result<()> {
        self.write.write_all(&frame.encode()).await
    }
}
