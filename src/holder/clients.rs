//! The viewers of a session, as the holder sees them: places to send hints to, none of which it ever waits for.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::protocol::{Hello, ToClient};

/// Most viewers at the same time; more are turned away.
const MAX_CLIENTS: usize = 32;

/// Everyone who watches the session now.
#[derive(Default)]
pub(super) struct Clients {
    list: Mutex<Vec<Arc<UnixStream>>>,
}

impl Clients {
    /// Greets a viewer and adds it; returns whether there was room. Nothing is sent to it before `hello`.
    pub(super) fn join(&self, stream: &Arc<UnixStream>, hello: Hello) -> bool {
        let mut list = self.list();
        if list.len() >= MAX_CLIENTS || !offer(stream, &ToClient::Hello(hello).encode()) {
            return false;
        }
        list.push(Arc::clone(stream));
        true
    }

    pub(super) fn leave(&self, stream: &Arc<UnixStream>) {
        self.list().retain(|other| !Arc::ptr_eq(other, stream));
    }

    /// Sends a hint to everyone. A viewer that does not read loses it, which does no harm: the hints it has not read
    /// yet make it read the recording to its end, and the end of the session also closes its connection.
    pub(super) fn tell(&self, hint: ToClient) {
        let bytes = hint.encode();
        self.list().retain(|stream| offer(stream, &bytes));
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<UnixStream>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends without waiting; returns whether the connection is still of use (a frame sent in part would break it).
fn offer(stream: &UnixStream, bytes: &[u8]) -> bool {
    match send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(sent) => sent == bytes.len(),
        Err(Errno::AGAIN | Errno::INTR) => true,
        Err(_) => false,
    }
}
