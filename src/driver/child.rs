//! The agent's process: its lines come out of one channel, whatever stream they were on.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::agent::Exit;

/// Longest line taken, in bytes; what is longer is cut there.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// How long the last lines of a process that ended may be on their way.
const LATE: Duration = Duration::from_millis(300);

/// Something that arrived.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A line of the agent's standard output.
    Out(String),
    /// A line of the agent's standard error.
    Error(String),
    /// A line that a person typed into the session.
    Typed(String),
    /// The agent's standard output is closed.
    Closed,
}

/// The agent's process.
pub(super) struct Agent {
    child: Child,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) arrivals: Receiver<Arrival>,
}

impl Agent {
    /// Starts the agent; `typed` says whether lines typed into the session are taken.
    pub(super) fn start(argv: &[String], stdin: bool, typed: bool) -> io::Result<Self> {
        let (program, args) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(if stdin { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, arrivals) = channel();
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, sender.clone(), Arrival::Out, Some(Arrival::Closed));
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, sender.clone(), Arrival::Error, None);
        }
        if typed {
            forward(io::stdin(), sender, Arrival::Typed, None);
        }
        Ok(Self { stdin: child.stdin.take(), child, arrivals })
    }

    /// Returns what arrives after the process ended. Whatever it started may keep its streams open, so this does not last.
    pub(super) fn late(&self) -> Vec<Arrival> {
        let until = Instant::now() + LATE;
        let next = || self.arrivals.recv_timeout(until.saturating_duration_since(Instant::now())).ok();
        std::iter::from_fn(next).collect()
    }

    /// Returns how the process ended, once it has.
    pub(super) fn exit(&mut self) -> io::Result<Option<Exit>> {
        Ok(self.child.try_wait()?.map(|status| Exit { code: status.code(), signal: status.signal() }))
    }

    /// Asks the process to end, and what it started: some programs start themselves again and leave the rest to that.
    pub(super) fn terminate(&self) {
        if rustix::process::getpgrp() == rustix::process::getpid() {
            // The group is this driver's own; what is told to itself it takes for a wish to end the agent.
            let _gone_already = rustix::process::kill_current_process_group(rustix::process::Signal::TERM);
            return;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It is our own child and not waited for yet, so the number is still its.
            let _gone_already = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

/// Sends every line of `from`, in a thread that ends with it.
fn forward(
    from: impl Read + Send + 'static,
    to: Sender<Arrival>,
    kind: fn(String) -> Arrival,
    at_end: Option<Arrival>,
) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while let Ok(1..) = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                line.pop();
            }
            if to.send(kind(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
            line.clear();
        }
        // Whoever listened may be gone already.
        let _ = at_end.map(|end| to.send(end));
    });
}
