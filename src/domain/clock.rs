//! What the machine's clocks say, and what that means for moments and deadlines in the state.
//!
//! Stored moments are wall-clock, so that people can read them and they mean the same after a restart. A wall clock
//! runs on while the machine sleeps and is set now and then; beside it stand two clocks that are never set. From the
//! three together follows by how much stored moments have to be moved so that a nap or a correction times nothing out.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// How far the wall clock may run from the others before it counts as set, in milliseconds. A clock that is only
/// disciplined stays within this for hours.
const STEP: i64 = 2000;

/// How long the machine has to have slept for it to count, in milliseconds.
const NAP: i64 = 1000;

/// All clocks of the machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// The wall clock.
    pub at: Timestamp,
    /// Milliseconds since the machine was started, sleep included.
    pub elapsed: u64,
    /// Milliseconds since the machine was started, sleep left out.
    pub awake: u64,
    /// Names the start of the machine from which the other two count.
    pub boot: String,
}

/// What happened to the clocks between two readings, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jump {
    /// How long nothing could work: the machine slept or was off.
    pub asleep: i64,
    /// By how much the wall clock was set; negative where it was set back.
    pub stepped: i64,
}

impl Reading {
    /// Returns what happened since `anchor`, the last moment written down being `last`; `None` where the clocks just
    /// ran.
    pub fn jump_since(&self, anchor: &Reading, last: Timestamp) -> Option<Jump> {
        if self.boot != anchor.boot || self.elapsed < anchor.elapsed {
            // The clocks that count from the start began anew; only the wall clock tells for how long it was off.
            let away = self.at.0.saturating_sub(last.0);
            return Some(Jump { asleep: away.max(0), stepped: if away < -STEP { away } else { 0 } });
        }
        let between = |now: u64, then: u64| i64::try_from(now.saturating_sub(then)).unwrap_or(i64::MAX);
        let elapsed = between(self.elapsed, anchor.elapsed);
        let asleep = elapsed.saturating_sub(between(self.awake, anchor.awake));
        let stepped = self.at.0.saturating_sub(anchor.at.0).saturating_sub(elapsed);
        let jump = Jump {
            asleep: if asleep > NAP { asleep } else { 0 },
            stepped: if stepped.abs() > STEP { stepped } else { 0 },
        };
        (jump != Jump::default()).then_some(jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn reading(at: i64, elapsed: u64, awake: u64) -> Reading {
        Reading { at: Timestamp(at), elapsed, awake, boot: "b".into() }
    }

    fn jump(from: &Reading, to: &Reading) -> Option<Jump> {
        to.jump_since(from, from.at)
    }

    #[test]
    fn clocks_that_just_run_are_no_jump_even_where_they_drift_a_little() {
        let start = reading(DAY, 5000, 4000);
        assert_eq!(jump(&start, &reading(DAY + 60_000, 65_000, 64_000)), None);
        assert_eq!(jump(&start, &reading(DAY + 61_500, 65_000, 63_500)), None);
    }

    #[test]
    fn a_nap_and_a_set_clock_are_told_apart() {
        let start = reading(DAY, 5000, 4000);
        let slept = reading(DAY + 28_800_000, 28_805_000, 4000);
        assert_eq!(jump(&start, &slept), Some(Jump { asleep: 28_800_000, stepped: 0 }));
        assert_eq!(jump(&start, &reading(2 * DAY, 5000, 4000)), Some(Jump { asleep: 0, stepped: DAY }));
        assert_eq!(jump(&start, &reading(1000, 6000, 5000)), Some(Jump { asleep: 0, stepped: -DAY }));
    }

    #[test]
    fn after_another_start_of_the_machine_it_was_off_since_the_last_moment_written_down() {
        let start = reading(DAY, 5000, 4000);
        let next = Reading { boot: "c".into(), ..reading(3 * DAY, 10, 10) };
        assert_eq!(next.jump_since(&start, Timestamp(2 * DAY)), Some(Jump { asleep: DAY, stepped: 0 }));
        let back = Reading { boot: "c".into(), ..reading(0, 10, 10) };
        assert_eq!(back.jump_since(&start, Timestamp(DAY)), Some(Jump { asleep: 0, stepped: -DAY }));
    }
}
