//! Appends what the terminal got to the recording. It never reads what it writes.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::files::{SessionDir, open_append};

/// Most bytes of a separate stdout that are kept; the recording has all of them.
const STDOUT_KEPT: usize = 1024 * 1024;

/// The open recording of a session.
pub(super) struct Recorder {
    started: Instant,
    files: Mutex<Files>,
}

struct Files {
    output: File,
    times: File,
    stdout: Option<File>,
    stdout_left: usize,
    total: u64,
    lost: u64,
}

impl Recorder {
    pub(super) fn open(dir: &SessionDir, separate_stdout: bool) -> io::Result<Self> {
        let output = open_append(&dir.output())?;
        let total = output.metadata()?.len();
        let stdout = if separate_stdout { Some(open_append(&dir.stdout())?) } else { None };
        let files =
            Files { output, times: open_append(&dir.times())?, stdout, stdout_left: STDOUT_KEPT, total, lost: 0 };
        Ok(Self { started: Instant::now(), files: Mutex::new(files) })
    }

    /// Appends bytes of the terminal and returns how long the recording is now.
    pub(super) fn output(&self, bytes: &[u8]) -> u64 {
        let mut files = self.files();
        files.append(self.started, bytes);
        files.total
    }

    /// Appends bytes of a separate stdout, to its own file and, as a terminal would show them, to the recording.
    pub(super) fn stdout(&self, bytes: &[u8]) -> u64 {
        let mut files = self.files();
        files.keep_stdout(bytes);
        let mut shown = Vec::with_capacity(bytes.len() + bytes.len() / 32);
        for byte in bytes {
            if *byte == b'\n' {
                shown.push(b'\r');
            }
            shown.push(*byte);
        }
        files.append(self.started, &shown);
        files.total
    }

    /// Adds words of aotui's own, on a line of their own. `text` may hold a stranger's words.
    pub(super) fn note(&self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        self.output(format!("\r\n[aotui: {text}]\r\n").as_bytes());
    }

    /// Notes a new size and returns how long the recording was then.
    pub(super) fn resized(&self, cols: u16, rows: u16) -> u64 {
        let mut files = self.files();
        let line = format!("{} r {cols}x{rows}\n", self.started.elapsed().as_millis());
        // A sidecar that cannot be written costs exact replay, never the session.
        let _ = files.times.write_all(line.as_bytes());
        files.total
    }

    pub(super) fn total(&self) -> u64 {
        self.files().total
    }

    /// Puts a separate stdout on the disk: decisions are made from it.
    pub(super) fn sync_stdout(&self) -> io::Result<()> {
        self.files().stdout.as_ref().map_or(Ok(()), File::sync_data)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    /// Appends to the recording. A full disk loses output, and the recording says how much; the program is not stopped.
    fn append(&mut self, started: Instant, bytes: &[u8]) {
        if self.lost > 0 {
            let note = format!("\r\n[aotui: {} bytes of output could not be written]\r\n", self.lost);
            if self.write(note.as_bytes()) == note.len() {
                self.lost = 0;
            }
        }
        let written = self.write(bytes);
        self.lost += (bytes.len() - written) as u64;
        let line = format!("{} {}\n", started.elapsed().as_millis(), self.total);
        let _ = self.times.write_all(line.as_bytes());
    }

    /// Writes to the recording and returns how many bytes it took.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.output.write(rest) {
                Ok(0) => break,
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.total += written as u64;
        written
    }

    fn keep_stdout(&mut self, bytes: &[u8]) {
        let kept = bytes.get(..self.stdout_left.min(bytes.len())).unwrap_or(bytes);
        if let Some(file) = &mut self.stdout
            && file.write_all(kept).is_ok()
        {
            self.stdout_left -= kept.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stdout_is_kept_as_it_is_and_shown_as_a_terminal_would() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SessionDir::new(temp.path());
        let recorder = Recorder::open(&dir, true).unwrap();
        assert_eq!(recorder.output(b"err\r\n"), 5);
        assert_eq!(recorder.resized(100, 30), 5);
        assert_eq!(recorder.stdout(b"a\nb\n"), 11);
        assert_eq!(std::fs::read(dir.stdout()).unwrap(), b"a\nb\n");
        assert_eq!(std::fs::read(dir.output()).unwrap(), b"err\r\na\r\nb\r\n");
        let times = std::fs::read_to_string(dir.times()).unwrap();
        let ends: Vec<_> = times.lines().filter_map(|line| line.split_once(' ')).map(|(_, rest)| rest).collect();
        assert_eq!(ends, ["5", "r 100x30", "11"]);
    }

    #[test]
    fn only_the_first_mebibyte_of_stdout_is_kept_apart() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SessionDir::new(temp.path());
        let recorder = Recorder::open(&dir, true).unwrap();
        for _ in 0..3 {
            recorder.stdout(&vec![b'x'; 500_000]);
        }
        assert_eq!(std::fs::metadata(dir.stdout()).unwrap().len(), STDOUT_KEPT as u64);
        assert_eq!(recorder.total(), 1_500_000);
    }
}
