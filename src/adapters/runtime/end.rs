//! Ends the processes of a session, and only those.
//!
//! Which ones those are, and that no other is ever hit, is the business of [`Tree`].

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout_at};

use super::{RETRY, wait_ended};
use crate::domain::ids::SessionId;
use crate::holder::files::{HolderRecord, SessionDir};
use crate::holder::tree::{Member, Tree};
use crate::slots::{ErrorClass, SlotError};

/// How long the processes may take to go after they were killed, and the holder to leave after them.
const LAST: Duration = Duration::from_secs(5);

/// Signals of growing strength, and which part of the grace (of three) each has.
const STAGES: [(Signal, u32); 2] = [(Signal::INT, 1), (Signal::TERM, 2)];

/// Ends all processes of the session within about `grace` and waits until its record is complete.
pub(super) async fn end(dir: &SessionDir, session: &SessionId, grace: Duration) -> Result<(), SlotError> {
    let started = Instant::now();
    let Some(record) = holder_of(dir, started + LAST).await else {
        return Ok(());
    };
    let tree = Tree::of(&record);
    let mut left = tree.members();
    for (signal, thirds) in STAGES {
        signal_all(&left, signal);
        left = wait_gone(&tree, left, started + grace * thirds / 3).await;
    }
    let deadline = (started + grace).max(Instant::now()) + LAST;
    while !left.is_empty() && Instant::now() < deadline {
        signal_all(&left, Signal::KILL);
        left = wait_gone(&tree, left, Instant::now() + RETRY).await;
    }
    if let Some(member) = left.first() {
        let (name, pid) = (&member.name, member.process.pid);
        let message = format!("session {session} does not end: its process {name:?} ({pid}) did not go when killed");
        return Err(SlotError::new(ErrorClass::Transient, message));
    }
    let record = timeout_at(deadline, wait_ended(dir)).await;
    record.map(drop).map_err(|_| {
        let message = format!("the processes of session {session} are gone, but its holder does not leave");
        SlotError::new(ErrorClass::Transient, message)
    })
}

/// Returns who holds the session; `None` if no program was started. Waits while a holder is about to start it.
async fn holder_of(dir: &SessionDir, deadline: Instant) -> Option<HolderRecord> {
    loop {
        // Asked first: a holder that leaves has written what there is to write.
        let held = dir.is_held();
        let record = dir.holder().ok().flatten();
        if record.as_ref().is_some_and(|record| record.child.is_some()) || !held || Instant::now() >= deadline {
            return record;
        }
        sleep(RETRY).await;
    }
}

fn signal_all(members: &[Member], signal: Signal) {
    for member in members {
        member.signal(signal);
        // One that was frozen takes no other signal than KILL before it goes on.
        member.signal(Signal::CONT);
    }
}

/// Waits until `deadline` for the members, and those they started meanwhile, to go; returns who is left.
async fn wait_gone(tree: &Tree, mut members: Vec<Member>, deadline: Instant) -> Vec<Member> {
    while !members.is_empty() && Instant::now() < deadline {
        sleep(RETRY).await;
        members = tree.members();
    }
    members
}
