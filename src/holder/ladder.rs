//! Ends the processes of a session: asked politely, then less politely, then killed, until none is found.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::tree::{Member, Tree};

/// How long killed processes may take to go.
pub(crate) const LAST: Duration = Duration::from_secs(5);

/// How often it is looked who is left, at first and at most.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_LIMIT: Duration = Duration::from_millis(100);

/// A signal, and how long the processes have to obey it.
pub(crate) type Rung = (Signal, Duration);

/// What became of the processes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Those that did not go when asked, and were killed.
    pub(crate) killed: Vec<Member>,
    /// Those that are still there: the kernel does not let go of them.
    pub(crate) left: Vec<Member>,
}

/// Returns the rungs for processes that work: an interrupt, which agents save their work on, then a request to end.
pub(crate) fn polite(grace: Duration) -> [Rung; 2] {
    [(Signal::INT, grace / 3), (Signal::TERM, grace - grace / 3)]
}

/// Goes through the rungs and then kills. `wait` may take shorter than it is asked to.
pub(crate) fn end(tree: &Tree, rungs: &[Rung], mut wait: impl FnMut(Duration)) -> Outcome {
    for (signal, patience) in rungs {
        let until = Instant::now() + *patience;
        let mut left = tree.members();
        for member in &left {
            member.signal(*signal);
            // One that stands still takes the signal only when it goes on.
            member.signal(Signal::CONT);
        }
        let mut pause = LOOK;
        while !left.is_empty() && Instant::now() < until {
            wait(pause.min(until.saturating_duration_since(Instant::now())));
            pause = (pause * 2).min(LOOK_LIMIT);
            left = tree.members();
        }
        if left.is_empty() {
            return Outcome::default();
        }
    }
    kill(tree, wait)
}

/// Kills until nothing is found: whoever was killed may have started another process just before.
fn kill(tree: &Tree, mut wait: impl FnMut(Duration)) -> Outcome {
    let deadline = Instant::now() + LAST;
    let mut killed: Vec<Member> = Vec::new();
    loop {
        let left = tree.members();
        if left.is_empty() || Instant::now() >= deadline {
            return Outcome { killed, left };
        }
        // All are stopped before the first is killed, so that none can replace what it sees die.
        for signal in [Signal::STOP, Signal::KILL] {
            left.iter().for_each(|member| member.signal(signal));
        }
        let is_new = |member: &Member| killed.iter().all(|known| known.process != member.process);
        let new: Vec<Member> = left.into_iter().filter(is_new).collect();
        killed.extend(new);
        wait(LOOK);
    }
}
