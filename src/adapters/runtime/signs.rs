//! What a session shows of its life, without disturbing it: when it last wrote something, and whether it computes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use crate::domain::effect::Signs;
use crate::domain::time::Timestamp;
use crate::driver::{RESULTS_FILE, STREAM_FILE};
use crate::holder::files::SessionDir;
use crate::holder::tree::Tree;

/// How long its processes are watched.
pub(super) const WATCHED: Duration = Duration::from_secs(2);

/// The part of one processor's time that tells work from waiting. A spinner takes less.
const BUSY: f64 = 0.2;

/// Processor time that each process of a session has taken, in clock ticks.
pub(super) type Ticks = BTreeMap<(u32, u64), u64>;

/// Returns when the session last wrote something, and when a tool of its agent last ended.
pub(super) fn written(dir: &SessionDir) -> Signs {
    let own = |name: &str| changed(&dir.path().join(name));
    let life = [changed(&dir.output()), own(STREAM_FILE), own("answers"), own(RESULTS_FILE)];
    Signs { life: life.into_iter().flatten().max(), result: own(RESULTS_FILE), busy: false }
}

fn changed(path: &Path) -> Option<Timestamp> {
    let since = fs::symlink_metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}

/// Returns what the processes of a session have taken so far.
pub(super) fn ticks(dir: &SessionDir) -> Ticks {
    let Ok(Some(record)) = dir.holder() else { return Ticks::new() };
    let members = Tree::of(&record).members();
    members.iter().map(|member| ((member.process.pid, member.process.start_time), member.ticks)).collect()
}

/// Returns whether processes computed in the time between two looks.
pub(super) fn busy(before: &Ticks, after: &Ticks) -> bool {
    let taken: u64 = after.iter().map(|(id, ticks)| ticks.saturating_sub(before.get(id).copied().unwrap_or(0))).sum();
    let second = rustix::param::clock_ticks_per_second();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred ticks")]
    let part = taken as f64 / (second.max(1) as f64 * WATCHED.as_secs_f64());
    part >= BUSY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spinner_is_no_work_and_a_compiler_is_even_where_its_processes_come_and_go() {
        let before: Ticks = [((1, 1), 1000), ((2, 2), 50)].into();
        assert!(!busy(&before, &[((1, 1), 1004), ((2, 2), 58)].into()));
        assert!(busy(&before, &[((1, 1), 1001), ((7, 9), 180)].into()));
        assert!(!busy(&before, &Ticks::new()));
    }
}
