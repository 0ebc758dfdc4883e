//! Who holds a session (`holder.json`): enough to reach the holder, and to know each process of the session by.

use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// One process, named so that another one with the same id is not mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessRecord {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot, as `/proc` shows it.
    pub start_time: u64,
}

impl ProcessRecord {
    /// Returns the record of a living process; `None` if there is no such process.
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start_time: super::start_time(pid)? })
    }

    /// Returns whether the process with this id is still the recorded one.
    pub fn is_same(&self) -> bool {
        super::start_time(self.pid) == Some(self.start_time)
    }

    /// Signals the process, unless it is gone: another one that has its number now is not touched.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return };
        // One that is gone already has nothing to be told.
        let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // Asked now that the descriptor holds a process: the number may have changed hands before.
        if self.is_same() {
            let _ = pidfd_send_signal(&held, signal);
        }
    }
}

/// Who holds a session and how to reach it (`holder.json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderRecord {
    /// Protocol the holder speaks on its socket.
    pub version: u16,
    /// The holder itself.
    pub holder: ProcessRecord,
    /// The session's program, leader of its own session and group; `None` before it was started.
    pub child: Option<ProcessRecord>,
    /// The socket viewers connect to.
    pub socket: PathBuf,
    /// When the holder started.
    pub started_at: Timestamp,
    /// What every process of the session has in its environment and no other process anywhere; empty means none has.
    #[serde(default)]
    pub mark: String,
    /// Names the start of the machine that the process ids belong to.
    #[serde(default)]
    pub boot: String,
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_with_another_start_time_is_not_the_recorded_one() {
        let own = ProcessRecord::of(std::process::id()).unwrap();
        assert!(own.is_same());
        assert!(!ProcessRecord { start_time: own.start_time + 1, ..own }.is_same());
    }

    #[test]
    fn a_process_that_has_the_number_of_a_recorded_one_is_not_signalled() {
        let mut stranger = Command::new("sh").args(["-c", "read line"]).stdin(Stdio::piped()).spawn().unwrap();
        let process = ProcessRecord::of(stranger.id()).unwrap();
        ProcessRecord { start_time: process.start_time - 1, ..process }.signal(Signal::KILL);
        assert!(stranger.try_wait().unwrap().is_none());
        process.signal(Signal::KILL);
        assert!(!stranger.wait().unwrap().success());
    }
}
