//! Waiting for another git that holds a lock file, and naming it.
//!
//! Git never waits for its lock files and never removes another's, so this waits for it, longer each time. A lock is
//! never removed here: only its holder, or a person who was told which one it is, can know that it is not in use.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::who;
use crate::adapters::process::Output;

/// The first pause between two attempts.
const FIRST: Duration = Duration::from_millis(25);
/// The longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(2);
/// How long it waits before the log says for whom.
const QUIET: Duration = Duration::from_secs(5);
/// How old a lock that no process has open must be to be called a leftover.
pub(super) const LEFTOVER: Duration = Duration::from_secs(30);

/// One command's patience with locks.
pub(super) struct Wait {
    until: Instant,
    quiet_until: Option<Instant>,
    pause: Duration,
}

impl Wait {
    /// Returns a wait that gives up after `patience`.
    pub(super) fn new(patience: Duration) -> Self {
        let now = Instant::now();
        Self { until: now + patience, quiet_until: Some(now + QUIET), pause: FIRST }
    }

    /// Waits before the next attempt; returns false when there shall be none. `output` is the attempt that failed in `dir`.
    pub(super) async fn pause(&mut self, output: &Output, dir: &Path) -> bool {
        let now = Instant::now();
        if now >= self.until {
            return false;
        }
        if self.quiet_until.is_some_and(|until| now >= until) {
            self.quiet_until = None;
            let holder = wanted(&output.stderr_text(), dir).map(|lock| holder(&lock)).unwrap_or_default();
            tracing::warn!(command = output.line, holder, "waits for a lock of another git");
        }
        sleep(self.pause + self.pause.mul_f64(chance())).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

/// Returns a number between 0 and 1 that differs between those who wait for the same lock.
fn chance() -> f64 {
    let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    f64::from(nanos % 1000) / 1000.0
}

/// Returns the lock file that git, running in `dir`, says it could not make.
pub(super) fn wanted(stderr: &str, dir: &Path) -> Option<PathBuf> {
    let between = |before: &str, after: &str| {
        let (_, rest) = stderr.split_once(before)?;
        rest.split_once(after).map(|(name, _)| name.to_owned())
    };
    let lock = between("Unable to create '", "': File exists");
    let config = || between("could not lock config file ", ": File exists").map(|name| name + ".lock");
    lock.or_else(config).map(|name| dir.join(name))
}

/// Says who holds a lock file and since when, or that it seems to be left over and what to do about it.
pub(super) fn holder(lock: &Path) -> String {
    let shown = super::clean(lock.display().to_string());
    let Ok(found) = lock.symlink_metadata() else { return format!("{shown} is free again") };
    let age = found.modified().ok().and_then(|since| since.elapsed().ok()).unwrap_or_default();
    let seconds = age.as_secs();
    let repository = lock.ancestors().find(|dir| dir.file_name().is_some_and(|name| name == ".git"));
    let near = || repository.and_then(|git_dir| git_dir.parent()).and_then(who::git_at);
    match who::opener(lock).or_else(near) {
        Some(process) => format!("{process} holds {shown} for {seconds} s: wait for it, or end it"),
        None if age > LEFTOVER => format!(
            "{shown} is {seconds} s old and no process has it open: a git that was killed left it; \
             if none is at work there, remove it (`rm '{shown}'`)"
        ),
        None => format!("{shown} is {seconds} s old; who holds it cannot be seen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_found_in_what_git_says() {
        let dir = Path::new("/r");
        let said =
            "fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process seems to be running";
        assert_eq!(wanted(said, dir), Some("/r/.git/index.lock".into()));
        let said = "error: could not lock config file .git/config: File exists";
        assert_eq!(wanted(said, dir), Some("/r/.git/config.lock".into()));
        assert_eq!(wanted("fatal: not a git repository", dir), None);
    }

    #[test]
    fn a_holder_is_named_and_a_leftover_comes_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("index.lock");
        let file = std::fs::File::create(&lock).unwrap();
        let said = holder(&lock);
        assert!(said.contains(&format!("process {} (", std::process::id())), "{said}");
        file.set_modified(SystemTime::now() - Duration::from_secs(100)).unwrap();
        drop(file);
        let said = holder(&lock);
        assert!(said.contains("no process has it open") && said.contains("rm '"), "{said}");
        std::fs::remove_file(&lock).unwrap();
        assert!(holder(&lock).contains("is free again"));
    }
}
