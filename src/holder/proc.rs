//! What `/proc` says about processes. With its id, the start time of a process proves that it is the one recorded.

use std::fs;

/// Returns the start time of `pid` in clock ticks since boot (field 22 of `/proc/PID/stat`); `None` if there is no
/// such process.
pub fn start_time(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.start_time)
}

/// One process as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    /// The name of its program, at most 15 bytes of it; text of a stranger.
    pub(super) name: String,
    /// The process that answers for it.
    pub(super) parent: u32,
    /// The session of the operating system it is in.
    pub(super) session: u32,
    /// When it started, in clock ticks since boot.
    pub(super) start_time: u64,
    /// Processor time it and children it waited for have taken, in clock ticks.
    pub(super) ticks: u64,
    /// Whether it was stopped by a signal or a debugger.
    pub(super) is_stopped: bool,
    /// Whether it waits in the kernel and takes no signal until that is over, for example for a child it shares its
    /// memory with.
    pub(super) is_blocked: bool,
    /// Whether it ended and only waits for its parent to notice.
    pub(super) is_over: bool,
}

impl Stat {
    /// Looks at a process; `None` if there is no such process.
    pub(super) fn of(pid: u32) -> Option<Self> {
        Self::parse(&String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name is in brackets and may hold anything, brackets and spaces included.
        let (head, rest) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        let (state, threads): (_, u32) = (*fields.first()?, fields.get(17)?.parse().ok()?);
        Some(Self {
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
            ticks: fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum(),
            is_stopped: matches!(state, "T" | "t"),
            is_blocked: state == "D",
            // A process whose first thread alone ended looks like a dead one, but works on.
            is_over: matches!(state, "Z" | "X") && threads <= 1,
        })
    }
}

/// Lists the ids of all processes there are.
pub(super) fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Returns whether the environment a process was started with has exactly this entry. Of another user's process, and
/// of one that hides itself, nothing is known.
pub(super) fn was_given(pid: u32, entry: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|given| given == entry.as_bytes())
}

/// Returns what names the time from this start of the machine to its next; empty if the kernel does not say.
pub(super) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_described_and_process_0_is_not() {
        let own = Stat::of(std::process::id()).unwrap();
        assert!(own.start_time > 0 && !own.is_stopped && !own.is_over);
        // In a container, what lies outside of it has the number 0: the session, or the parent of its first process.
        let number = |pid: rustix::process::Pid| pid.as_raw_nonzero().get().cast_unsigned();
        assert_eq!(own.parent, rustix::process::getppid().map_or(0, number));
        assert!(pids().contains(&std::process::id()));
        assert_eq!(start_time(0), None);
    }

    #[test]
    fn a_name_may_be_made_to_mislead() {
        let rest = "1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 2 0 99 0 0";
        let stat = Stat::parse(&format!("7 (a) Z 9 (b c)) T {rest}")).unwrap();
        assert_eq!((stat.name.as_str(), stat.parent, stat.start_time), ("a) Z 9 (b c)", 1, 99));
        assert!(stat.is_stopped && !stat.is_over);
        assert!(!Stat::parse(&format!("7 (half) Z {rest}")).unwrap().is_over, "its other thread works on");
        assert_eq!(Stat::parse("7 (short) S 1"), None);
    }
}
