//! The viewers of a session, as the holder sees them: places to send hints to, none of which it ever waits for.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::protocol::{Hello, ToClient};
use crate::slots::runtime::Exit;

/// Most viewers at the same time; more are turned away.
const MAX_CLIENTS: usize = 32;

/// Everyone who watches the session now.
#[derive(Default)]
pub(super) struct Clients {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    list: Vec<Arc<UnixStream>>,
    /// What everyone is told who comes after the end.
    end: Option<Vec<u8>>,
}

impl Clients {
    /// Greets a viewer and adds it; returns whether there was room. Nothing is sent to it before `hello`.
    pub(super) fn join(&self, stream: &Arc<UnixStream>, hello: Hello) -> bool {
        let mut inner = self.inner();
        let mut hello = ToClient::Hello(hello).encode();
        hello.extend_from_slice(inner.end.as_deref().unwrap_or_default());
        if inner.list.len() >= MAX_CLIENTS || offer(stream, &hello) != Offer::Taken {
            return false;
        }
        inner.list.push(Arc::clone(stream));
        true
    }

    pub(super) fn leave(&self, stream: &Arc<UnixStream>) {
        self.inner().list.retain(|other| !Arc::ptr_eq(other, stream));
    }

    /// Sends a hint to everyone. A viewer that does not read loses it, which does no harm: the hints it has not read
    /// yet make it read the recording to its end.
    pub(super) fn tell(&self, hint: &ToClient) {
        let bytes = hint.encode();
        self.inner().list.retain(|stream| offer(stream, &bytes) != Offer::Broken);
    }

    /// Tells everyone, and everyone who comes later, how the session ended.
    pub(super) fn end(&self, exit: &Exit) {
        let bytes = ToClient::Exited(Some(exit.clone())).encode();
        let mut inner = self.inner();
        inner.list.retain(|stream| {
            let is_taken = offer(stream, &bytes) == Offer::Taken;
            if !is_taken {
                // It asks again when it notices.
                let _ = stream.shutdown(Shutdown::Both);
            }
            is_taken
        });
        inner.end = Some(bytes);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(PartialEq, Eq)]
enum Offer {
    Taken,
    /// It does not read; nothing of the frame was sent.
    Refused,
    /// The connection is of no use any more, for example because a frame was sent in part.
    Broken,
}

/// Sends without waiting.
fn offer(stream: &UnixStream, bytes: &[u8]) -> Offer {
    match send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) if sent == bytes.len() => Offer::Taken,
        Err(Errno::AGAIN | Errno::INTR) => Offer::Refused,
        Ok(_) | Err(_) => Offer::Broken,
    }
}
