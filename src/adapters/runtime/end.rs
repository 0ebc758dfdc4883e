//! Ends the processes of a session, and only those.
//!
//! A session's program leads a session of its own (in the sense of the operating system). Whatever it started belongs
//! to that session unless it left it on purpose. Each process is signalled through a descriptor of it (a pidfd), so
//! that one which takes over its number is never hit.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep, timeout_at};

use super::{RETRY, wait_ended};
use crate::domain::ids::SessionId;
use crate::holder::files::{ProcessRecord, SessionDir};
use crate::holder::{session_of, start_time};
use crate::slots::{ErrorClass, SlotError};

/// How long the processes may take to go after they were killed, and the holder to leave after them.
const LAST: Duration = Duration::from_secs(5);

/// Signals of growing strength, and which part of the grace (of three) each has.
const STAGES: [(Signal, u32); 2] = [(Signal::INT, 1), (Signal::TERM, 2)];

/// Ends all processes of the session within about `grace` and waits until its record is complete.
pub(super) async fn end(dir: &SessionDir, session: &SessionId, grace: Duration) -> Result<(), SlotError> {
    let started = Instant::now();
    let Some(child) = started_child(dir, started + LAST).await else {
        return Ok(());
    };
    let mut left = members(child);
    for (signal, thirds) in STAGES {
        signal_all(&left, signal);
        left = wait_gone(child, left, started + grace * thirds / 3).await;
    }
    let deadline = (started + grace).max(Instant::now()) + LAST;
    while !left.is_empty() && Instant::now() < deadline {
        signal_all(&left, Signal::KILL);
        left = wait_gone(child, left, deadline).await;
    }
    if !left.is_empty() {
        let message = format!("session {session} does not end: process {} did not go when killed", child.pid);
        return Err(SlotError::new(ErrorClass::Transient, message));
    }
    let record = timeout_at(deadline, wait_ended(dir)).await;
    record.map(drop).map_err(|_| {
        let message = format!("the processes of session {session} are gone, but its holder does not leave");
        SlotError::new(ErrorClass::Transient, message)
    })
}

/// Returns the session's program; `None` if none was started. Waits while a holder is about to start it.
async fn started_child(dir: &SessionDir, deadline: Instant) -> Option<ProcessRecord> {
    loop {
        // Asked first: a holder that leaves has written what there is to write.
        let held = dir.is_held();
        let child = dir.holder().ok().flatten().and_then(|record| record.child);
        if child.is_some() || !held || Instant::now() >= deadline {
            return child;
        }
        sleep(RETRY).await;
    }
}

/// One process of the session, by a descriptor that can never mean another one.
struct Member(OwnedFd);

/// Returns the living processes of the session that `child` leads or led.
fn members(child: ProcessRecord) -> Vec<Member> {
    // A process that has the leader's number now but started at another time leads a session that is not ours.
    if start_time(child.pid).is_some() && !child.is_same() {
        return Vec::new();
    }
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| member(pid, child))
        .collect()
}

fn member(pid: u32, child: ProcessRecord) -> Option<Member> {
    if session_of(pid)? != child.pid {
        return None;
    }
    let fd = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
    // Asked again now that the descriptor holds the process: the number may have changed hands before.
    let still = session_of(pid)? == child.pid && start_time(pid)? >= child.start_time;
    still.then_some(Member(fd))
}

fn signal_all(members: &[Member], signal: Signal) {
    for member in members {
        // One that is gone already is what is wanted.
        let _ = pidfd_send_signal(&member.0, signal);
    }
}

/// Waits until `deadline` for the members, and those they started meanwhile, to go; returns who is left.
async fn wait_gone(child: ProcessRecord, mut members: Vec<Member>, deadline: Instant) -> Vec<Member> {
    while !members.is_empty() && Instant::now() < deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = tokio::task::spawn_blocking(move || wait_for_one(&members, left)).await;
        if waited.is_err() {
            sleep(RETRY).await;
        }
        members = self::members(child);
    }
    members
}

/// Blocks until one of the members is gone, or for `limit`.
fn wait_for_one(members: &[Member], limit: Duration) {
    // A process descriptor becomes readable when its process ends.
    let mut fds: Vec<_> = members.iter().map(|member| PollFd::new(&member.0, PollFlags::IN)).collect();
    let limit =
        Timespec { tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX), tv_nsec: limit.subsec_nanos().into() };
    // Cut short by a signal or failed: the caller looks again either way.
    let _ = poll(&mut fds, Some(&limit));
}
