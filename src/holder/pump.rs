//! Moves bytes: from the terminal and a separate stdout to the recording, and what is typed to the terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::protocol::ToClient;
use super::serve::Session;

/// The kernel hands out at most some 4 KiB of a terminal at once, so bigger reads gain nothing.
const CHUNK: usize = 16 * 1024;
/// How long the terminal must be silent, after the program ended, to believe that nothing more comes.
const QUIET: Duration = Duration::from_millis(250);
/// How long output is still recorded after the program ended, where something keeps the terminal open.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Waits until all readers saw the end. Something left behind by the program may keep the terminal open for ever:
/// silence counts as the end too.
pub(super) fn drain(session: &Session, finished: &Receiver<()>, readers: usize) {
    let deadline = Instant::now() + DRAIN_LIMIT;
    let mut open = readers;
    let mut total = session.recorder.total();
    while open > 0 && Instant::now() < deadline {
        match finished.recv_timeout(QUIET) {
            Ok(()) => open -= 1,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let now = session.recorder.total();
                if now == total {
                    return;
                }
                total = now;
            }
        }
    }
}

/// Records what the terminal shows until it is closed.
pub(super) fn read_terminal(mut reader: Box<dyn Read + Send>, session: &Session, done: &Sender<()>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let total = session.recorder.output(buffer.get(..n).unwrap_or_default());
                session.clients.tell(&ToClient::Grew(total));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let _ = done.send(());
}

/// Records what a separate stdout gets until nobody writes to it any more.
pub(super) fn read_stdout(mut stdout: File, session: &Session, done: &Sender<()>) {
    let mut buffer = vec![0; CHUNK];
    // Waits for a writer too: until there was one, a FIFO reads as empty.
    while let Ok(_) | Err(Errno::INTR) = poll(&mut [PollFd::new(&stdout, PollFlags::IN)], None) {
        match stdout.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let total = session.recorder.stdout(buffer.get(..n).unwrap_or_default());
                session.clients.tell(&ToClient::Grew(total));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            _ => break,
        }
    }
    let _ = done.send(());
}

/// Types into the terminal.
pub(super) fn write_terminal(writer: Box<dyn Write + Send>, typed: &Receiver<Vec<u8>>) {
    // Dropping this writer would type a newline and Ctrl-D into the program.
    let mut writer = ManuallyDrop::new(writer);
    while let Ok(bytes) = typed.recv() {
        // A terminal that nobody reads any more takes no input; the end of the program is noticed elsewhere.
        let _ = writer.write_all(&bytes);
    }
}
