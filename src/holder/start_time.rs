//! When a process started: with its id, the proof that a process is the one that was recorded.

use std::fs;

/// Returns the start time of `pid` in clock ticks since boot (field 22 of `/proc/PID/stat`); `None` if there is no
/// such process.
pub fn start_time(pid: u32) -> Option<u64> {
    stat_fields(pid)?.get(START_TIME)?.parse().ok()
}

/// Returns the session a process belongs to; `None` if there is no such process, or it is a zombie.
pub(crate) fn session_of(pid: u32) -> Option<u32> {
    let fields = stat_fields(pid)?;
    if matches!(fields.get(STATE)?.as_str(), "Z" | "X") {
        return None;
    }
    fields.get(SESSION)?.parse().ok()
}

// Positions after the program name, which is in brackets and may hold anything, brackets and spaces included.
const STATE: usize = 0;
const SESSION: usize = 3;
const START_TIME: usize = 19;

fn stat_fields(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_start_time_and_a_session_and_process_0_has_none() {
        assert!(start_time(std::process::id()).unwrap() > 0);
        assert!(session_of(std::process::id()).is_some());
        assert_eq!(start_time(0), None);
    }
}
