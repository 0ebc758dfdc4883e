//! Brings what agents report from the spool directory to whoever listens, in order, each exactly once as far as the
//! listener is concerned: a report is deleted only when the listener says it is settled.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use rustix::io::Errno;
use tokio::sync::Notify;

use crate::domain::effect::Report;
use crate::faults;
use crate::report::{self, ReportError};

/// How long a system that is short of something is left alone.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long nobody takes to write a report.
const UNFINISHED_FOR: Duration = Duration::from_secs(600);

/// Says that a report's consequences are on disk, so that its file may go.
pub type Settled = Box<dyn FnOnce() + Send>;

/// Watches `spool` for as long as it is polled, and hands every report to `deliver`, waiting for it each time.
pub async fn watch<F, D>(spool: PathBuf, mut deliver: F) -> notify::Result<()>
where
    F: FnMut(Report, Settled) -> D,
    D: Future<Output = ()>,
{
    let changed = Arc::new(Notify::new());
    let notify = Arc::clone(&changed);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Looking is an event too: taking it for a change would look again for ever.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            notify.notify_one();
        }
    })?;
    watcher.watch(&spool, RecursiveMode::NonRecursive)?;
    forget_unfinished(&spool);
    let under_way: Arc<Mutex<HashSet<PathBuf>>> = Arc::default();
    loop {
        let (paths, mut short) = match waiting(&spool) {
            Ok(paths) => (paths, false),
            Err(error) => (Vec::new(), is_shortage(&error)),
        };
        for path in paths {
            if !lock(&under_way).insert(path.clone()) {
                continue;
            }
            let taken = faults::point("spool.take").map_err(|source| ReportError::Io { path: path.clone(), source });
            match taken.and_then(|()| report::read(&path)) {
                Ok(file) => {
                    let under_way = Arc::clone(&under_way);
                    let settled = Box::new(move || {
                        let _gone_already = faults::point("spool.settle").and_then(|()| std::fs::remove_file(&path));
                        lock(&under_way).remove(&path);
                    });
                    deliver(Report::Agent { session: file.session, report: file.report }, settled).await;
                }
                // Nothing is wrong with the report: it waits until the system has room again.
                Err(ReportError::Io { source, .. }) if is_shortage(&source) => {
                    short = true;
                    lock(&under_way).remove(&path);
                }
                Err(error) => {
                    tracing::warn!("a report is left out: {error}");
                    let _gone_already = std::fs::remove_file(&path);
                    lock(&under_way).remove(&path);
                }
            }
        }
        if short {
            let _nothing_new = tokio::time::timeout(LOOK_AGAIN, changed.notified()).await;
        } else {
            changed.notified().await;
        }
    }
}

/// Returns whether an error is the system's and not the file's, so that it may pass.
fn is_shortage(error: &io::Error) -> bool {
    let passing = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO];
    Errno::from_io_error(error).is_some_and(|errno| passing.contains(&errno))
}

fn lock(paths: &Mutex<HashSet<PathBuf>>) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
    paths.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what those left who were killed while they wrote a report; whoever still writes one does so in a moment.
fn forget_unfinished(spool: &Path) {
    for entry in std::fs::read_dir(spool).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(report::UNFINISHED);
        let age =
            entry.metadata().and_then(|meta| meta.modified()).map(|written| written.elapsed().unwrap_or_default());
        if unfinished && age.is_ok_and(|age| age > UNFINISHED_FOR) {
            let _gone_already = std::fs::remove_file(entry.path());
        }
    }
}

/// Lists the reports that are there, oldest first within a session.
fn waiting(spool: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(spool)?.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|extension| extension == "json")
    });
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_reporter_left_goes_and_what_is_being_written_stays() {
        let spool = tempfile::tempdir().unwrap();
        let [old, new, report] = [".tmp-old", ".tmp-new", "p~A~1.7-1.json"].map(|name| spool.path().join(name));
        for path in [&old, &new, &report] {
            std::fs::write(path, "{").unwrap();
        }
        let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        for path in [&old, &report] {
            std::fs::File::options().write(true).open(path).unwrap().set_modified(an_hour_ago).unwrap();
        }
        forget_unfinished(spool.path());
        assert_eq!([old.exists(), new.exists(), report.exists()], [false, true, true]);
    }

    #[test]
    fn only_a_shortage_keeps_a_report_that_cannot_be_read() {
        assert!(is_shortage(&Errno::MFILE.into()));
        assert!(!is_shortage(&waiting(Path::new("/nowhere/at/all")).unwrap_err()));
    }
}
