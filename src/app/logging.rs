//! The log: what happened behind the screen, in a file of the state directory.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::cli::output;

/// Largest log that is continued, in bytes; a larger one is put aside first.
const MAX_LOG: u64 = 8 * 1024 * 1024;

/// Sends the log to `aotui.log` in `dir`, filtered by `AOTUI_LOG` or `RUST_LOG`. Without a place for it the program
/// goes on without a log, and says so.
pub(super) fn start(dir: &Path) {
    if let Err(error) = open(dir) {
        output::note(&format!("warning: no log is written to {}: {error}", dir.display()));
    }
}

fn open(dir: &Path) -> io::Result<()> {
    let path = dir.join("aotui.log");
    if std::fs::metadata(&path).is_ok_and(|found| found.len() > MAX_LOG) {
        std::fs::rename(&path, dir.join("aotui.log.old"))?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
    let filter = EnvFilter::try_from_env("AOTUI_LOG")
        .or_else(|_| EnvFilter::try_from_default_env())
        .unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init()
        .map_err(io::Error::other)
}
