//! Watches the session's processes to the end of the last one: the program's own end, and the end it is told to come to.
//!
//! A session is over when none of its processes is left. What the program leaves behind is ended; nobody else would.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, wait};

use super::files::now;
use super::ladder::{self, Outcome, Rung, polite};
use super::protocol::StopOrder;
use super::tree::{Member, Tree};
use crate::slots::runtime::{Exit, LeftBehind, Stopped};

/// How long the program's processes may take to go after it went, before they count as left behind.
const PATIENCE: Duration = Duration::from_millis(250);
/// What is left behind is told to end, not interrupted: nobody would notice that it goes on.
const LEFT_BEHIND: [Rung; 1] = [(Signal::TERM, Duration::from_secs(2))];
/// Most processes that the record names.
const MAX_NAMED: usize = 20;

/// Something the holder has to act on.
pub(super) enum Happening {
    /// The program ended.
    Ended(WaitStatus),
    /// No process of the session is left.
    AllGone,
    /// Someone wants the session to end.
    Stop(StopOrder),
}

/// Takes note of every process that ends: the program, and those whose parents went before them.
pub(super) fn reap(program: u32, happenings: &Sender<Happening>) {
    let program = i32::try_from(program).ok().and_then(Pid::from_raw);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if Some(pid) == program && (status.exited() || status.signaled()) => {
                let _ = happenings.send(Happening::Ended(status));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    let _ = happenings.send(Happening::AllGone);
}

/// The end of a session, as far as it has come.
pub(super) struct Ending {
    tree: Tree,
    happenings: Receiver<Happening>,
    /// What the program left for its parent; `None` while it runs.
    exit: Option<Exit>,
    all_gone: bool,
    stopped: Option<(Stopped, Duration)>,
}

impl Ending {
    pub(super) fn new(tree: Tree, happenings: Receiver<Happening>) -> Self {
        Self { tree, happenings, exit: None, all_gone: false, stopped: None }
    }

    /// Waits until the session is over, ending it when that is asked for. Meanwhile `settle` is tried every second until
    /// it says that there is nothing left to do.
    pub(super) fn wait(mut self, mut settle: impl FnMut() -> bool) -> Exit {
        let mut left_behind = Vec::new();
        while self.exit.is_none() && !self.all_gone {
            let limit = if settle() { Duration::MAX } else { Duration::from_secs(1) };
            self.await_one(limit);
            if let Some((_, grace)) = self.stopped
                && self.exit.is_none()
            {
                left_behind = self.go_down(&polite(grace)).killed;
            }
        }
        let found = self.leftovers();
        if !found.is_empty() {
            self.go_down(&LEFT_BEHIND);
            left_behind.extend(found);
        }
        let program = self.tree.leader();
        let left_behind = left_behind.iter().filter(|member| Some(member.process) != program);
        let mut exit = self.exit.unwrap_or_else(|| Exit::at(now()));
        exit.stopped = self.stopped.map(|(stopped, _)| stopped);
        exit.left_behind = left_behind.take(MAX_NAMED).map(named).collect();
        exit
    }

    /// Returns what is still there after the program, and after it had a moment to go.
    fn leftovers(&mut self) -> Vec<Member> {
        let until = Instant::now() + PATIENCE;
        while !self.all_gone && Instant::now() < until {
            self.await_one(until.saturating_duration_since(Instant::now()));
        }
        self.tree.members()
    }

    fn go_down(&mut self, rungs: &[Rung]) -> Outcome {
        let tree = self.tree.clone();
        ladder::end(&tree, rungs, |pause| self.await_one(pause))
    }

    /// Waits for the next happening, at most for `limit`.
    fn await_one(&mut self, limit: Duration) {
        match self.happenings.recv_timeout(limit) {
            Ok(Happening::Ended(status)) => {
                let exit = Exit { code: status.exit_status(), signal: status.terminating_signal(), ..Exit::at(now()) };
                self.exit = Some(Exit { core_dumped: dumped_core(status), ..exit });
            }
            Ok(Happening::AllGone) => self.all_gone = true,
            Ok(Happening::Stop(order)) => {
                let stopped = Stopped { by: order.by, at: now() };
                self.stopped.get_or_insert((stopped, Duration::from_millis(order.grace_millis)));
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody is left who could tell: pretending to wait would only turn in circles.
            Err(RecvTimeoutError::Disconnected) => self.all_gone = true,
        }
    }
}

fn dumped_core(status: WaitStatus) -> bool {
    const CORE: i32 = 0x80;
    status.signaled() && status.as_raw() & CORE != 0
}

fn named(member: &Member) -> LeftBehind {
    LeftBehind { pid: member.process.pid, name: member.name.clone() }
}
