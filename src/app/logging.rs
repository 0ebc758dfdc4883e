//! The log: what happened behind the screen, in a file of the state directory that never grows without end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::cli::output;

/// Largest log, in bytes. A full one is put aside in place of the one before it.
const MAX_LOG: u64 = 8 * 1024 * 1024;

/// Sends the log to `aotui.log` in `dir`, filtered by `AOTUI_LOG` or `RUST_LOG`. Without a place for it the program
/// goes on without a log, and says so.
pub(super) fn start(dir: &Path) {
    if let Err(error) = open(dir) {
        output::note(&format!("warning: no log is written to {}: {error}", dir.display()));
    }
}

fn open(dir: &Path) -> io::Result<()> {
    let log = Log::open(dir.join("aotui.log"), MAX_LOG)?;
    let filter = EnvFilter::try_from_env("AOTUI_LOG")
        .or_else(|_| EnvFilter::try_from_default_env())
        .unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        // What cannot be logged, on a full disk for one, must not be told to the terminal that the screen is on.
        .log_internal_errors(false)
        .with_writer(Mutex::new(log))
        .try_init()
        .map_err(io::Error::other)
}

/// A file that is put aside when it is full; other processes may write to it too.
struct Log {
    path: PathBuf,
    file: File,
    most: u64,
}

impl Log {
    fn open(path: PathBuf, most: u64) -> io::Result<Self> {
        let file = append_to(&path)?;
        Ok(Self { path, file, most })
    }

    fn make_room(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        if ours.len() <= self.most {
            return Ok(());
        }
        // Another process may have put it aside before.
        if fs::metadata(&self.path).is_ok_and(|there| there.ino() == ours.ino()) {
            fs::rename(&self.path, self.path.with_extension("log.old"))?;
        }
        self.file = append_to(&self.path)?;
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.make_room()?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_that_log_all_night_fill_two_files_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aotui.log");
        let mut logs = [Log::open(path.clone(), 1000).unwrap(), Log::open(path, 1000).unwrap()];
        for n in 0..1000 {
            writeln!(logs[n % 2], "line {n} of a long night").unwrap();
        }
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|file| file.metadata().unwrap().len() < 1100));
        assert!(fs::read_to_string(dir.path().join("aotui.log")).unwrap().ends_with("line 999 of a long night\n"));
    }
}
