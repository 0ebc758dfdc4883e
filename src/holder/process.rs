//! The life of a holder: detach, take the lock, start the program, record it to its end, leave the exit record.

use std::fs;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, wait};
use rustix::rand::{GetRandomFlags, getrandom};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::files::{HolderRecord, ProcessRecord, SessionDir, now};
use super::proc::boot;
use super::protocol::{PROTOCOL_VERSION, ToClient};
use super::recorder::Recorder;
use super::serve::{Session, Terminal, accept};
use super::socket;
use super::spawn::{Spawned, pty_size, spawn};
use super::tree::Tree;
use crate::faults;
use crate::slots::runtime::{Exit, Launch};

/// What a holder writes to its stdout, once, when the session is started or was started before.
pub(crate) const READY: u8 = b'R';

/// The kernel hands out at most some 4 KiB of a terminal at once, so bigger reads gain nothing.
const CHUNK: usize = 16 * 1024;
/// Frames of input that wait for the program to read; then the viewer that sends more has to wait.
const INPUT_QUEUE: usize = 8;
const STACK: usize = 256 * 1024;
/// How long the terminal must be silent, after the program ended, to believe that nothing more comes.
const QUIET: Duration = Duration::from_millis(250);
/// How long output is still recorded after the program ended, where something it left behind goes on printing.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// Holds the session described in `dir` until its program ends. Leaves at once if it is, or was, held already.
pub fn hold(dir: &Path) -> color_eyre::Result<()> {
    let dir = SessionDir::new(std::path::absolute(dir)?);
    let outcome = detach().and_then(|()| hold_detached(&dir));
    if let Err(error) = &outcome {
        say(format!("the holder of `{}` failed: {error}", dir.path().display()).as_bytes());
    }
    Ok(outcome?)
}

fn hold_detached(dir: &SessionDir) -> io::Result<()> {
    let lock = dir.take_lock()?;
    if lock.is_none() || dir.was_started() {
        say(&[READY]);
        return Ok(());
    }
    faults::point("holder.locked")?;
    let launch = dir.launch()?;
    let outcome = run(dir, &launch);
    drop(lock);
    outcome
}

/// Becomes independent of whoever started this process.
fn detach() -> io::Result<()> {
    // Fails only for the leader of a process group, which no starter of ours makes it.
    let _ = rustix::process::setsid();
    rustix::process::chdir("/")?;
    // What the session's processes leave behind is handed to the holder, so that none of it gets lost.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // A holder leaves only after its program: the record of how that ended must not be lost.
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(())
}

/// Tells the starter something; it may be gone, which is fine.
fn say(bytes: &[u8]) {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Starts a thread with the small stack that suffices here.
pub(super) fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(run).map(drop)
}

fn run(dir: &SessionDir, launch: &Launch) -> io::Result<()> {
    let (listener, socket) = socket::listen(dir.path())?;
    let _socket = RemoveOnDrop(socket.clone());
    let _fifo = RemoveOnDrop(dir.fifo());
    let recorder = Recorder::open(dir, launch.separate_stdout)?;
    let own = ProcessRecord::of(std::process::id()).ok_or(io::ErrorKind::NotFound)?;
    let mut record = HolderRecord {
        version: PROTOCOL_VERSION,
        holder: own,
        child: None,
        socket,
        started_at: now(),
        mark: new_mark()?,
        boot: boot(),
    };
    // Written before the start, so that a start which was cut off is never repeated.
    dir.write_holder(&record)?;
    faults::point("holder.recorded")?;
    let spawned = match spawn(dir, launch, &record.mark) {
        Ok(spawned) => spawned,
        Err(problem) => {
            let exit = Exit { code: None, signal: None, spawn_error: Some(problem), ended_at: now() };
            dir.write_exit(&exit)?;
            say(&[READY]);
            return Ok(());
        }
    };
    faults::point("holder.started")?;
    record.child = ProcessRecord::of(spawned.pid);
    dir.write_holder(&record)?;
    // Whoever froze the session did not see the program if it came after the look.
    if dir.is_frozen() {
        Tree::of(&record).freeze();
    }
    let ended = watch(recorder, listener, spawned, launch)?;
    dir.write_exit(&ended.record)?;
    ended.session.clients.tell(ToClient::Exited);
    Ok(())
}

/// Returns a text that no other session ever had.
fn new_mark() -> io::Result<String> {
    let mut random = [0_u8; 16];
    getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Ended {
    record: Exit,
    session: Arc<Session>,
}

/// Records and serves the program until it ended and everything it printed is recorded.
fn watch(recorder: Recorder, listener: UnixListener, spawned: Spawned, launch: &Launch) -> io::Result<Ended> {
    let Spawned { master, slave, pid, stdout } = spawned;
    let reader = master.try_clone_reader().map_err(io::Error::other)?;
    let writer = master.take_writer().map_err(io::Error::other)?;
    let size = pty_size(launch.cols, launch.rows);
    recorder.resized(size.cols, size.rows);
    let terminal = Mutex::new(Terminal { master, cols: size.cols, rows: size.rows });
    let session = Arc::new(Session { recorder, clients: super::clients::Clients::default(), terminal, pid });

    let (done, finished) = channel();
    let readers = 1 + usize::from(stdout.is_some());
    thread("output", {
        let (session, done) = (Arc::clone(&session), done.clone());
        move || read_terminal(reader, &session, &done)
    })?;
    if let Some(stdout) = stdout {
        let session = Arc::clone(&session);
        thread("stdout", move || read_stdout(stdout, &session, &done))?;
    }
    let (input, typed) = sync_channel(INPUT_QUEUE);
    thread("input", move || write_terminal(writer, &typed))?;
    thread("accept", {
        let session = Arc::clone(&session);
        move || accept(&listener, &session, &input)
    })?;
    faults::point("holder.ready")?;
    say(&[READY]);

    let (code, signal) = wait_for(pid)?;
    let ended_at = now();
    drop(slave);
    drain(&session, &finished, readers);
    session.recorder.sync_stdout()?;
    Ok(Ended { record: Exit { code, signal, spawn_error: None, ended_at }, session })
}

/// Waits for the program and returns its exit code or the signal that ended it.
fn wait_for(pid: u32) -> io::Result<(Option<i32>, Option<i32>)> {
    let leader = i32::try_from(pid).ok().and_then(Pid::from_raw);
    loop {
        // Others come to their end here too: those whose parents went before them.
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == leader && (status.exited() || status.signaled()) => {
                return Ok((status.exit_status(), status.terminating_signal()));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until all readers saw the end. Something left behind by the program may keep the terminal open for ever:
/// silence counts as the end too.
fn drain(session: &Session, finished: &Receiver<()>, readers: usize) {
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

fn read_terminal(mut reader: Box<dyn Read + Send>, session: &Session, done: &Sender<()>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let total = session.recorder.output(buffer.get(..n).unwrap_or_default());
                session.clients.tell(ToClient::Grew(total));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    let _ = done.send(());
}

fn read_stdout(mut stdout: fs::File, session: &Session, done: &Sender<()>) {
    let mut buffer = vec![0; CHUNK];
    // Waits for a writer too: until there was one, a FIFO reads as empty.
    while let Ok(_) | Err(Errno::INTR) = poll(&mut [PollFd::new(&stdout, PollFlags::IN)], None) {
        match stdout.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let total = session.recorder.stdout(buffer.get(..n).unwrap_or_default());
                session.clients.tell(ToClient::Grew(total));
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            _ => break,
        }
    }
    let _ = done.send(());
}

fn write_terminal(writer: Box<dyn Write + Send>, typed: &Receiver<Vec<u8>>) {
    // Dropping this writer would type a newline and Ctrl-D into the program.
    let mut writer = ManuallyDrop::new(writer);
    while let Ok(bytes) = typed.recv() {
        // A terminal that nobody reads any more takes no input; the end of the program is noticed elsewhere.
        let _ = writer.write_all(&bytes);
    }
}

struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
