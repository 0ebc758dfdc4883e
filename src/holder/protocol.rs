//! What a holder and its viewers say to each other: small frames of a type, a length and a payload.
//!
//! The bytes of the terminal do not travel here: viewers read them from the recording, a holder only says that it grew.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::session::StoppedBy;
use crate::slots::runtime::Exit;

/// Version of the protocol; holders outlive upgrades, so both sides say theirs first.
pub const PROTOCOL_VERSION: u16 = 1;

/// Longest payload accepted, in bytes.
const MAX_PAYLOAD: usize = 1024 * 1024;
const HEADER: usize = 5;

/// Says why the other side is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ProtocolError {
    #[error("a frame of {0} bytes is longer than allowed")]
    TooLong(usize),
    #[error("frame type {0} is unknown, or its payload has the wrong length")]
    Unknown(u8),
    #[error(
        "the session's holder speaks protocol {0}, this aotui {PROTOCOL_VERSION}: attach with the aotui that started it"
    )]
    Version(u16),
}

impl From<ProtocolError> for std::io::Error {
    fn from(error: ProtocolError) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

/// What a viewer tells a holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToHolder {
    /// The first frame of every connection.
    Hello { version: u16 },
    /// Bytes to type into the program.
    Input(Vec<u8>),
    /// A new size of the terminal.
    Resize { cols: u16, rows: u16 },
    /// The session shall end. A holder that does not know this yet closes the connection.
    Stop(StopOrder),
}

/// How a session shall end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopOrder {
    /// Who wants it.
    pub(crate) by: StoppedBy,
    /// How long it may take until its processes are killed, in milliseconds.
    pub(crate) grace_millis: u64,
}

/// What a holder tells its viewers. All but the first are hints; a viewer that does not read misses some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToClient {
    /// The answer to a viewer's hello.
    Hello(Hello),
    /// The recording has at least this many bytes now.
    Grew(u64),
    /// The terminal got a new size when the recording had `at` bytes.
    Resized { at: u64, cols: u16, rows: u16 },
    /// The session is over. The record is on the disk, or will be when there is space; an older holder does not tell it.
    Exited(Option<Exit>),
}

/// How things stand when a viewer connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: u16,
    pub(crate) pid: u32,
    pub(crate) cols: u16,
    pub(crate) rows: u16,
    pub(crate) total: u64,
}

impl ToHolder {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello { version } => frame(b'h', &[&version.to_le_bytes()]),
            Self::Input(bytes) => frame(b'i', &[bytes]),
            Self::Resize { cols, rows } => frame(b'r', &[&cols.to_le_bytes(), &rows.to_le_bytes()]),
            Self::Stop(order) => frame(b's', &[&serde_json::to_vec(order).unwrap_or_default()]),
        }
    }

    pub(crate) fn decode(kind: u8, payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut fields = Fields(payload);
        let decoded = match kind {
            b'h' => fields.u16().map(|version| Self::Hello { version }),
            b'i' => Some(Self::Input(payload.to_vec())),
            b'r' => fields.u16().zip(fields.u16()).map(|(cols, rows)| Self::Resize { cols, rows }),
            b's' => serde_json::from_slice(payload).ok().map(Self::Stop),
            _ => None,
        };
        decoded.ok_or(ProtocolError::Unknown(kind))
    }
}

impl ToClient {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => frame(
                b'H',
                &[
                    &hello.version.to_le_bytes(),
                    &hello.pid.to_le_bytes(),
                    &hello.cols.to_le_bytes(),
                    &hello.rows.to_le_bytes(),
                    &hello.total.to_le_bytes(),
                ],
            ),
            Self::Grew(total) => frame(b'G', &[&total.to_le_bytes()]),
            Self::Resized { at, cols, rows } => {
                frame(b'R', &[&at.to_le_bytes(), &cols.to_le_bytes(), &rows.to_le_bytes()])
            }
            Self::Exited(exit) => {
                frame(b'E', &[&exit.as_ref().and_then(|exit| serde_json::to_vec(exit).ok()).unwrap_or_default()])
            }
        }
    }

    pub(crate) fn decode(kind: u8, payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut fields = Fields(payload);
        let decoded = match kind {
            b'H' => return Hello::decode(payload).map(Self::Hello),
            b'G' => fields.u64().map(Self::Grew),
            b'R' => fields.resized(),
            b'E' => Some(Self::Exited(serde_json::from_slice(payload).ok())),
            _ => None,
        };
        decoded.ok_or(ProtocolError::Unknown(kind))
    }
}

impl Hello {
    /// Reads the version before anything else, so that another version is named and not just called broken.
    fn decode(payload: &[u8]) -> Result<Self, ProtocolError> {
        let mut fields = Fields(payload);
        let version = fields.u16().ok_or(ProtocolError::Unknown(b'H'))?;
        if version != PROTOCOL_VERSION {
            return Err(ProtocolError::Version(version));
        }
        let mut rest = || {
            let (pid, cols, rows, total) = (fields.u32()?, fields.u16()?, fields.u16()?, fields.u64()?);
            Some(Self { version, pid, cols, rows, total })
        };
        rest().ok_or(ProtocolError::Unknown(b'H'))
    }
}

/// Cuts a stream of bytes into frames, however the bytes arrive.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pending: Vec<u8>,
}

impl Frames {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// Returns the type and payload of the next whole frame; `None` if more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<(u8, Vec<u8>)>, ProtocolError> {
        let Some((header, rest)) = self.pending.split_at_checked(HEADER) else {
            return Ok(None);
        };
        let mut fields = Fields(header);
        let (Some(kind), Some(length)) = (fields.u8(), fields.u32()) else {
            return Ok(None);
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_PAYLOAD {
            return Err(ProtocolError::TooLong(length));
        }
        let Some(payload) = rest.get(..length).map(<[u8]>::to_vec) else {
            return Ok(None);
        };
        self.pending.drain(..HEADER + length);
        Ok(Some((kind, payload)))
    }
}

fn frame(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

/// Takes little-endian numbers off the front of a payload.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn resized(&mut self) -> Option<ToClient> {
        let (at, cols, rows) = (self.u64()?, self.u16()?, self.u16()?);
        Some(ToClient::Resized { at, cols, rows })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::Timestamp;

    fn hello() -> Hello {
        Hello { version: PROTOCOL_VERSION, pid: 7, cols: 80, rows: 24, total: 9 }
    }

    #[test]
    fn every_frame_reads_back_however_it_is_cut() {
        let to_holder = [
            ToHolder::Hello { version: 3 },
            ToHolder::Input(b"ls\r".to_vec()),
            ToHolder::Input(Vec::new()),
            ToHolder::Resize { cols: 200, rows: 50 },
            ToHolder::Stop(StopOrder { by: StoppedBy::Person, grace_millis: 8000 }),
        ];
        let to_client = [
            ToClient::Hello(hello()),
            ToClient::Grew(u64::MAX),
            ToClient::Resized { at: 5, cols: 1, rows: 2 },
            ToClient::Exited(None),
            ToClient::Exited(Some(Exit { signal: Some(9), ..Exit::at(Timestamp(5)) })),
        ];
        let mut stream: Vec<u8> = to_holder.iter().flat_map(ToHolder::encode).collect();
        stream.extend(to_client.iter().flat_map(ToClient::encode));
        let mut frames = Frames::default();
        let mut read = Vec::new();
        for byte in stream {
            frames.push(&[byte]);
            read.extend(frames.next().unwrap());
        }
        let (first, second) = read.split_at(to_holder.len());
        for (frame, (kind, payload)) in to_holder.iter().zip(first) {
            assert_eq!(ToHolder::decode(*kind, payload).as_ref(), Ok(frame));
        }
        for (frame, (kind, payload)) in to_client.iter().zip(second) {
            assert_eq!(ToClient::decode(*kind, payload).as_ref(), Ok(frame));
        }
    }

    #[test]
    fn a_holder_of_another_version_is_named() {
        let payload = 9u16.to_le_bytes();
        assert_eq!(ToClient::decode(b'H', &payload), Err(ProtocolError::Version(9)));
    }

    #[test]
    fn a_frame_that_claims_to_be_huge_is_refused_before_it_is_read() {
        let mut frames = Frames::default();
        frames.push(&[b'i', 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(frames.next(), Err(ProtocolError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::default();
            frames.push(&bytes);
            while let Ok(Some((kind, payload))) = frames.next() {
                let _ = ToHolder::decode(kind, &payload);
                let _ = ToClient::decode(kind, &payload);
            }
        }
    }
}
