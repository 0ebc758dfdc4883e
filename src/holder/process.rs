//! The life of a holder: detach, take the lock, start the program, record it to its end, leave the exit record.

use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::clients::Clients;
use super::ending::{Ending, reap};
use super::files::{HolderRecord, ProcessRecord, SessionDir, now};
use super::ladder;
use super::proc::boot;
use super::protocol::PROTOCOL_VERSION;
use super::pump::{drain, read_stdout, read_terminal, write_terminal};
use super::recorder::Recorder;
use super::serve::{Session, Terminal, accept};
use super::socket;
use super::spawn::{NotSpawned, Spawned, pty_size, spawn};
use super::tree::Tree;
use crate::faults;
use crate::slots::runtime::{Exit, Launch};

/// What a holder writes to its stdout, once, when the session is started or was started before.
pub(crate) const READY: u8 = b'R';

/// Frames of input that wait for the program to read; then the viewer that sends more has to wait.
const INPUT_QUEUE: usize = 8;
const STACK: usize = 256 * 1024;
/// How often a session that was frozen before it started is looked at.
const THAW_LOOK: Duration = Duration::from_millis(100);
/// How often something is tried again that a full disk refused.
const TRY_AGAIN: Duration = Duration::from_millis(500);

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
    // Whatever was handed down by accident: whoever waits for its end would wait as long as the session lasts.
    portable_pty::unix::close_random_fds();
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
    let recorder = Recorder::open(dir, launch)?;
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
    // Written before the start, so that a start which was cut off is never repeated, and its processes are found.
    dir.write_holder(&record)?;
    faults::point("holder.recorded")?;
    wait_while_frozen(dir);
    let spawned = match spawn(dir, launch, &record.mark) {
        Ok(spawned) => spawned,
        Err(NotSpawned { why, may_start_later }) => {
            dir.write_exit(&Exit { spawn_error: Some(why), may_start_later, ..Exit::at(now()) })?;
            say(&[READY]);
            return Ok(());
        }
    };
    record.child = ProcessRecord::of(spawned.pid);
    let mut held = Held { dir, record, is_recorded: false };
    let watched = held.watch(recorder, listener, spawned, launch);
    if watched.is_err() {
        // Nobody would record what it prints or how it ends: it must not work on.
        ladder::end(&held.tree(), &[], std::thread::sleep);
    }
    watched
}

/// Waits with a session that shall not run for now; its starter has nothing to wait for.
fn wait_while_frozen(dir: &SessionDir) {
    if dir.is_frozen() {
        say(&[READY]);
    }
    while dir.is_frozen() {
        std::thread::sleep(THAW_LOOK);
    }
}

/// Returns a text that no other session ever had.
fn new_mark() -> io::Result<String> {
    let mut random = [0_u8; 16];
    getrandom(&mut random, GetRandomFlags::empty())?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A session whose program runs.
struct Held<'a> {
    dir: &'a SessionDir,
    record: HolderRecord,
    /// Whether the record on the disk names the program.
    is_recorded: bool,
}

impl Held<'_> {
    fn tree(&self) -> Tree {
        Tree::of(&self.record)
    }

    /// Records which process the program is, and returns whether that is done: a full disk may refuse it for now.
    fn settle(&mut self) -> bool {
        if self.is_recorded || self.dir.write_holder(&self.record).is_err() {
            return self.is_recorded;
        }
        self.is_recorded = true;
        // Whoever froze the session just before this did not see the program.
        if self.dir.is_frozen() {
            self.tree().freeze();
        }
        true
    }

    /// Records and serves the session until it is over, everything it printed is recorded and its end is on the disk.
    fn watch(
        &mut self,
        recorder: Recorder,
        listener: UnixListener,
        spawned: Spawned,
        launch: &Launch,
    ) -> io::Result<()> {
        faults::point("holder.started")?;
        self.settle();
        let Spawned { master, slave, pid, stdout } = spawned;
        let reader = master.try_clone_reader().map_err(io::Error::other)?;
        let writer = master.take_writer().map_err(io::Error::other)?;
        let size = pty_size(launch.cols, launch.rows);
        recorder.resized(size.cols, size.rows);
        let terminal = Mutex::new(Terminal { master, cols: size.cols, rows: size.rows });
        let (happenings, happened) = channel();
        let reaping = happenings.clone();
        let session = Arc::new(Session { recorder, clients: Clients::default(), terminal, pid, happenings });

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
        thread("reaper", move || reap(pid, &reaping))?;
        faults::point("holder.ready")?;
        say(&[READY]);

        let mut exit = Ending::new(self.tree(), happened).wait(|| self.settle());
        drop(slave);
        drain(&session, &finished, readers);
        exit.lost_bytes = session.recorder.lost();
        self.leave(&exit, &session);
        Ok(())
    }

    /// Leaves the exit record, and waits for space where there is none: meanwhile whoever asks is told the end.
    fn leave(&self, exit: &Exit, session: &Session) {
        if let Some(note) = left_behind(exit) {
            session.recorder.note(&note);
        }
        let mut is_told = false;
        loop {
            let printed = session.recorder.settle();
            // What was printed comes before the end: decisions are made from it.
            let is_complete = printed.is_ok();
            match printed.and_then(|()| self.dir.write_exit(exit)) {
                Ok(()) => break,
                // Nobody can look for a record in a directory that was taken away.
                Err(_) if !self.dir.path().exists() => break,
                Err(_) => {}
            }
            if is_complete && !is_told {
                session.clients.end(exit);
                is_told = true;
            }
            std::thread::sleep(TRY_AGAIN);
        }
        if !is_told {
            session.clients.end(exit);
        }
    }
}

/// Says which processes the program left behind; `None` if there were none.
fn left_behind(exit: &Exit) -> Option<String> {
    let names: Vec<_> = exit.left_behind.iter().map(|left| format!("{} ({})", left.name, left.pid)).collect();
    (!names.is_empty()).then(|| format!("ended what was left behind: {}", names.join(", ")))
}

struct RemoveOnDrop(PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
