//! Answers to requests: `answers/<request>.json` in the session's directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher};

use super::{ReportError, read_small, temporary_in};
use crate::domain::ids::RequestId;
use crate::domain::session::Answer;
use crate::faults;

/// Longest time between two looks, where the file system does not tell of changes.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Leaves a person's answer for the agent. May be repeated.
pub fn answer(session_dir: &Path, request: &RequestId, answer: &Answer) -> Result<(), ReportError> {
    let path = path_of(session_dir, request);
    let directory = directory_in(session_dir)?;
    faults::point("answer.write").map_err(ReportError::io(&directory))?;
    temporary_in(&directory, answer)?.persist(&path).map_err(|error| ReportError::Io { path, source: error.error })?;
    Ok(())
}

/// Returns the answer where there is one by now.
pub fn read_answer(session_dir: &Path, request: &RequestId) -> Option<Answer> {
    let bytes = read_small(&path_of(session_dir, request)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Waits for the answer; `None` as `deadline` means as long as it takes. Returns `None` when the deadline passed.
pub fn wait_answer(
    session_dir: &Path,
    request: &RequestId,
    deadline: Option<Duration>,
) -> Result<Option<Answer>, ReportError> {
    let directory = directory_in(session_dir)?;
    let (changed, changes) = mpsc::sync_channel(1);
    let watcher = notify::recommended_watcher(move |_| {
        // A full channel already says "look again".
        let _ = changed.try_send(());
    })
    .and_then(|mut watcher| watcher.watch(&directory, RecursiveMode::NonRecursive).map(|()| watcher));
    let started = Instant::now();
    loop {
        if let Some(answer) = read_answer(session_dir, request) {
            return Ok(Some(answer));
        }
        let left = deadline.map_or(LOOK_AGAIN, |deadline| deadline.saturating_sub(started.elapsed()));
        if left.is_zero() {
            return Ok(None);
        }
        let patience = left.min(LOOK_AGAIN);
        if watcher.is_err() {
            std::thread::sleep(patience);
        } else {
            let _ = changes.recv_timeout(patience);
        }
    }
}

fn path_of(session_dir: &Path, request: &RequestId) -> PathBuf {
    session_dir.join("answers").join(format!("{request}.json"))
}

/// Makes the directory of the answers where it is not there yet, for its owner alone.
pub(super) fn directory_in(session_dir: &Path) -> Result<PathBuf, ReportError> {
    use std::os::unix::fs::DirBuilderExt;
    let directory = session_dir.join("answers");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(ReportError::io(&directory))?;
    Ok(directory)
}
