//! The session's terminal and the file that keeps the agent's own lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::order::STREAM_FILE;

/// Most bytes kept of the agent's own lines.
const MAX_KEPT: u64 = 64 * 1024 * 1024;

/// Where everything is written.
pub(super) struct Console {
    lines: Option<File>,
    left: u64,
}

impl Console {
    /// Opens the file `stream.jsonl` in the session's directory.
    pub(super) fn open(session_dir: &Path) -> Self {
        let path = session_dir.join(STREAM_FILE);
        // A transcript without its source is better than none.
        let lines = OpenOptions::new().create(true).append(true).mode(0o600).open(path).ok();
        Self { lines, left: MAX_KEPT }
    }

    /// Keeps a line as the agent wrote it; once the file is full, no more.
    pub(super) fn keep(&mut self, line: &str) {
        let size = line.len() as u64 + 1;
        if let (Some(file), Some(left)) = (&mut self.lines, self.left.checked_sub(size)) {
            self.left = left;
            if file.write_all(format!("{line}\n").as_bytes()).is_err() {
                self.lines = None;
            }
        }
    }

    /// Prints text that is plain but for our own styles.
    pub(super) fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        // Nobody may look; the agent works on.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
