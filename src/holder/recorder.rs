//! Appends what the terminal got to the recording, within the session's limit. It never reads what it writes, and never
//! holds the program up: what the disk does not take is lost, and the recording says how much.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bounded::Bounded;
use super::files::{SessionDir, open_append};
use super::spawn::pty_size;
use crate::slots::runtime::Launch;

/// Most bytes of a separate stdout that are kept; the recording has more of them.
const STDOUT_KEPT: usize = 1024 * 1024;
/// Which part of the recording's limit its sidecar may take.
const TIMES_SHARE: u64 = 8;

/// The open recording of a session.
pub(super) struct Recorder {
    dir: SessionDir,
    started: Instant,
    files: Mutex<Files>,
}

struct Files {
    output: Bounded,
    times: Bounded,
    stdout: Option<Stdout>,
    /// The size of the terminal, in cells.
    size: (u16, u16),
    /// Bytes that could not be written and that the recording does not mention yet.
    untold: u64,
    /// All bytes that could not be written.
    lost: u64,
}

/// A separate stdout: its beginning, complete whatever the disk does, because decisions are made from it.
struct Stdout {
    file: File,
    /// What still may be kept.
    left: usize,
    /// What the disk did not take yet.
    owed: Vec<u8>,
}

impl Recorder {
    pub(super) fn open(dir: &SessionDir, launch: &Launch) -> io::Result<Self> {
        let stdout = if launch.separate_stdout {
            Some(Stdout { file: open_append(&dir.stdout())?, left: STDOUT_KEPT, owed: Vec::new() })
        } else {
            None
        };
        let size = pty_size(launch.cols, launch.rows);
        let files = Files {
            output: Bounded::open(&dir.output(), launch.recording_limit)?,
            times: Bounded::open(&dir.times(), launch.recording_limit / TIMES_SHARE)?,
            stdout,
            size: (size.cols, size.rows),
            untold: 0,
            lost: 0,
        };
        Ok(Self { dir: dir.clone(), started: Instant::now(), files: Mutex::new(files) })
    }

    /// Appends bytes of the terminal and returns how long the recording is now.
    pub(super) fn output(&self, bytes: &[u8]) -> u64 {
        let mut files = self.files();
        self.append(&mut files, bytes);
        files.output.total
    }

    /// Appends bytes of a separate stdout, to its own file and, as a terminal would show them, to the recording.
    pub(super) fn stdout(&self, bytes: &[u8]) -> u64 {
        let mut files = self.files();
        if let Some(stdout) = &mut files.stdout {
            stdout.keep(bytes);
        }
        let mut shown = Vec::with_capacity(bytes.len() + bytes.len() / 32);
        for byte in bytes {
            if *byte == b'\n' {
                shown.push(b'\r');
            }
            shown.push(*byte);
        }
        self.append(&mut files, &shown);
        files.output.total
    }

    /// Adds words of aotui's own, on a line of their own. `text` may hold a stranger's words.
    pub(super) fn note(&self, text: &str) {
        let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        self.output(format!("\r\n[aotui: {text}]\r\n").as_bytes());
    }

    /// Notes a new size and returns how long the recording was then.
    pub(super) fn resized(&self, cols: u16, rows: u16) -> u64 {
        let mut files = self.files();
        files.size = (cols, rows);
        self.note_size(&mut files);
        files.output.total
    }

    pub(super) fn total(&self) -> u64 {
        self.files().output.total
    }

    /// Returns how many bytes the disk did not take.
    pub(super) fn lost(&self) -> u64 {
        self.files().lost
    }

    /// Brings to the disk what it did not take before: what is owed of a separate stdout, and how much was lost.
    pub(super) fn settle(&self) -> io::Result<()> {
        let mut files = self.files();
        self.append(&mut files, &[]);
        files.stdout.as_mut().map_or(Ok(()), Stdout::sync)
    }

    /// Appends to the recording and to its sidecar.
    fn append(&self, files: &mut Files, bytes: &[u8]) {
        if files.untold > 0 {
            let note = format!("\r\n[aotui: {} bytes of output could not be written]\r\n", files.untold);
            if files.output.append(note.as_bytes()) == note.len() {
                files.untold = 0;
            }
        }
        let lost = (bytes.len() - files.output.append(bytes)) as u64;
        files.untold += lost;
        files.lost += lost;
        let total = files.output.total;
        self.note_time(files, &total.to_string());
        self.stay_within_limits(files);
    }

    fn note_size(&self, files: &mut Files) {
        let (cols, rows) = files.size;
        self.note_time(files, &format!("r {cols}x{rows}"));
    }

    /// Adds a line to the sidecar. One that cannot be written costs exact replay, never the session.
    fn note_time(&self, files: &mut Files, what: &str) {
        files.times.append(format!("{} {what}\n", self.started.elapsed().as_millis()).as_bytes());
    }

    fn stay_within_limits(&self, files: &mut Files) {
        // Noted first, so that nobody takes what is gone for what was printed. Without room for that nothing goes yet.
        if let Some(gap) = files.output.surplus()
            && self.dir.note_left_out(gap).is_ok()
        {
            if files.output.drop_middle(gap).is_ok() {
                self.note_time(files, &format!("g {}-{}", gap.from, gap.to));
            } else {
                // All of it is still there, and nothing will be added.
                let _ = self.dir.forget_left_out();
            }
        }
        if let Some(gap) = files.times.surplus()
            && files.times.drop_middle(gap).is_ok()
        {
            self.note_size(files);
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stdout {
    fn keep(&mut self, bytes: &[u8]) {
        let kept = bytes.get(..self.left.min(bytes.len())).unwrap_or(bytes);
        self.left -= kept.len();
        self.owed.extend_from_slice(kept);
        // Tried again with whatever comes next, and at the end.
        let _ = self.write();
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.owed.is_empty() {
            match self.file.write(&self.owed) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.owed.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.owed = Vec::new();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.write()?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::recording::{Piece, Recording};
    use super::*;

    const LIMIT: u64 = 256 * 1024;

    fn recorder(dir: &Path) -> (SessionDir, Recorder) {
        let launch = Launch {
            session: "p~t~1".parse().unwrap(),
            argv: Vec::new(),
            cwd: "/".into(),
            env: Vec::new(),
            cols: 80,
            rows: 24,
            separate_stdout: true,
            recording_limit: LIMIT,
        };
        let dir = SessionDir::new(dir);
        let recorder = Recorder::open(&dir, &launch).unwrap();
        (dir, recorder)
    }

    /// Has every file of the recording on a disk that is full, until the files are put back.
    fn fill_disk(recorder: &Recorder) -> [File; 3] {
        let full = || open_append(Path::new("/dev/full")).unwrap();
        let mut files = recorder.files();
        let output = std::mem::replace(&mut files.output.file, full());
        let times = std::mem::replace(&mut files.times.file, full());
        let stdout = std::mem::replace(&mut files.stdout.as_mut().unwrap().file, full());
        [output, times, stdout]
    }

    fn empty_disk(recorder: &Recorder, [output, times, stdout]: [File; 3]) {
        let mut files = recorder.files();
        files.output.file = output;
        files.times.file = times;
        files.stdout.as_mut().unwrap().file = stdout;
    }

    #[test]
    fn stdout_is_kept_as_it_is_and_shown_as_a_terminal_would() {
        let temp = tempfile::tempdir().unwrap();
        let (dir, recorder) = recorder(temp.path());
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
        let (dir, recorder) = recorder(temp.path());
        for _ in 0..3 {
            recorder.stdout(&vec![b'x'; 500_000]);
        }
        assert_eq!(std::fs::metadata(dir.stdout()).unwrap().len(), STDOUT_KEPT as u64);
        assert_eq!(recorder.total(), 1_500_000);
    }

    #[test]
    fn a_flood_takes_little_room_and_its_reader_is_told_what_is_missing() {
        let temp = tempfile::tempdir().unwrap();
        let (dir, recorder) = recorder(temp.path());
        recorder.resized(100, 30);
        for n in 0..200_000 {
            recorder.output(format!("line {n}\r\n").as_bytes());
        }
        use std::os::unix::fs::MetadataExt;
        let room = |path: &Path| std::fs::metadata(path).unwrap().blocks() * 512;
        assert!(room(&dir.output()) <= LIMIT + 8192 && room(&dir.times()) <= LIMIT / 4, "{}", room(&dir.times()));
        let recording = Recording::open(&dir).unwrap();
        let (mut at, mut missing, mut text, mut buffer) = (0, 0, Vec::new(), vec![0; 10_000]);
        loop {
            match recording.read_at(&mut buffer, at).unwrap() {
                Piece::Bytes(n) => {
                    text.extend_from_slice(&buffer[..n]);
                    at += n as u64;
                }
                Piece::LeftOut { to } => {
                    missing += to - at;
                    at = to;
                }
                Piece::End => break,
            }
        }
        assert_eq!(text.len() as u64 + missing, recorder.total());
        assert!(missing > 1_000_000 && text.starts_with(b"line 0\r\n") && text.ends_with(b"line 199999\r\n"));
        assert!(!text.contains(&0), "what was dropped is not shown as if it had been printed");
        let times = String::from_utf8_lossy(&std::fs::read(dir.times()).unwrap()).into_owned();
        assert!(times.trim_start_matches(char::is_control).contains(" g 65536-"));
        let end = &times[times.rfind('\0').unwrap()..];
        assert!(end.contains(" r 100x30\n"), "whoever reads only its end knows the size");
    }

    #[test]
    fn a_full_disk_loses_output_and_says_so_but_nothing_that_decisions_are_made_from() {
        let temp = tempfile::tempdir().unwrap();
        let (dir, recorder) = recorder(temp.path());
        recorder.stdout(b"before\n");
        let files = fill_disk(&recorder);
        recorder.stdout(b"meanwhile\n");
        assert!(recorder.settle().is_err());
        empty_disk(&recorder, files);
        recorder.settle().unwrap();
        recorder.stdout(b"after\n");
        assert_eq!(std::fs::read_to_string(dir.stdout()).unwrap(), "before\nmeanwhile\nafter\n");
        let output = std::fs::read_to_string(dir.output()).unwrap();
        assert_eq!(output, "before\r\n\r\n[aotui: 11 bytes of output could not be written]\r\nafter\r\n");
        assert_eq!(recorder.lost(), 11);
    }
}
