//! Where the engine has its time from. The fleet is told; only here a clock is read.

use rustix::time::{ClockId, clock_gettime};

use crate::domain::clock::Reading;
use crate::domain::time::Timestamp;

/// Names the start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// All clocks of a machine.
pub trait Clock: Send + Sync {
    /// Returns what they say now.
    fn read(&self) -> Reading;
}

/// The clocks of this machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    boot: String,
}

impl SystemClock {
    /// Returns the clocks of this machine since its last start.
    pub fn new() -> Self {
        Self { boot: std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        Reading {
            at: now(),
            elapsed: millis(ClockId::Boottime),
            awake: millis(ClockId::Monotonic),
            boot: self.boot.clone(),
        }
    }
}

fn millis(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds.saturating_mul(1000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000_000)
}

/// Returns the moment it is now.
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_was_awake_all_the_time_shows_no_jump() {
        let clock = SystemClock::new();
        let before = clock.read();
        std::thread::yield_now();
        let after = clock.read();
        assert!(after.awake >= before.awake && after.elapsed >= after.awake.min(before.elapsed));
        assert_eq!((after.jump_since(&before, before.at), before.boot.is_empty()), (None, false));
    }
}
