//! Talks to viewers: one thread per connection, none of which the session waits for.

use std::io::{self, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portable_pty::MasterPty;
use rustix::net::sockopt::socket_peercred;

use super::clients::Clients;
use super::ending::Happening;
use super::process::thread;
use super::protocol::{Frames, Hello, PROTOCOL_VERSION, ToClient, ToHolder};
use super::recorder::Recorder;
use super::spawn::pty_size;

/// What the threads of a holder share.
pub(super) struct Session {
    pub(super) recorder: Recorder,
    pub(super) clients: Clients,
    pub(super) terminal: Mutex<Terminal>,
    pub(super) pid: u32,
    pub(super) happenings: Sender<Happening>,
}

/// The terminal and its size.
pub(super) struct Terminal {
    pub(super) master: Box<dyn MasterPty + Send>,
    pub(super) cols: u16,
    pub(super) rows: u16,
}

impl Session {
    /// Greets a viewer and lets it in; returns whether there was room. No resize comes in between.
    fn greet(&self, stream: &Arc<UnixStream>) -> bool {
        let terminal = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        let hello = Hello {
            version: PROTOCOL_VERSION,
            pid: self.pid,
            cols: terminal.cols,
            rows: terminal.rows,
            total: self.recorder.total(),
        };
        self.clients.join(stream, hello)
    }

    fn resize(&self, cols: u16, rows: u16) {
        let size = pty_size(cols, rows);
        let mut terminal = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        if (terminal.cols, terminal.rows) == (size.cols, size.rows) {
            return;
        }
        // Noted first, so that what the program prints for the new size comes after it.
        let at = self.recorder.resized(size.cols, size.rows);
        if terminal.master.resize(size).is_ok() {
            (terminal.cols, terminal.rows) = (size.cols, size.rows);
            self.clients.tell(&ToClient::Resized { at, cols: size.cols, rows: size.rows });
        }
    }
}

/// Lets viewers in, for ever.
pub(super) fn accept(listener: &UnixListener, session: &Arc<Session>, input: &SyncSender<Vec<u8>>) {
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Out of descriptors, most likely; it may pass.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if !is_own_user(&stream) {
            continue;
        }
        let (session, input) = (Arc::clone(session), input.clone());
        // A viewer that gets no thread is turned away by the closing of its connection.
        let _ = thread("viewer", move || {
            let stream = Arc::new(stream);
            let _ = serve(&stream, &session, &input);
            session.clients.leave(&stream);
        });
    }
}

fn is_own_user(stream: &UnixStream) -> bool {
    socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::getuid())
}

/// Serves one viewer until it leaves or says something that is not understood.
fn serve(stream: &Arc<UnixStream>, session: &Session, input: &SyncSender<Vec<u8>>) -> io::Result<()> {
    let mut frames = Frames::default();
    let mut buffer = [0; 8 * 1024];
    let mut greeted = false;
    loop {
        while let Some((kind, payload)) = frames.next()? {
            match ToHolder::decode(kind, &payload)? {
                ToHolder::Hello { version } if !greeted => {
                    greeted = session.greet(stream);
                    // A viewer of another version got our hello, so it can say which aotui to use.
                    if !greeted || version != PROTOCOL_VERSION {
                        return Ok(());
                    }
                }
                ToHolder::Input(bytes) if greeted => {
                    // Waits while the program does not read: only this viewer is held up.
                    input.send(bytes).map_err(io::Error::other)?;
                }
                ToHolder::Stop(order) if greeted => {
                    session.happenings.send(Happening::Stop(order)).map_err(io::Error::other)?;
                }
                ToHolder::Resize { cols, rows } if greeted => session.resize(cols, rows),
                _ => return Ok(()),
            }
        }
        let n = match (&**stream).read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if n == 0 {
            return Ok(());
        }
        frames.push(buffer.get(..n).unwrap_or_default());
    }
}
