//! Writing the journal: one checksummed JSON line per step, appended, fsynced, never rewritten.
//!
//! A line holds everything one step gave, so that a step is on disk as a whole or not at all. A file that is full is put
//! aside, and the next one begins with a base: how everything stood. After an error nothing is believed of the file
//! until it was opened and read again.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::Serialize;

use super::files::sync_dir;
use super::history::{Position, read_journal};
use super::seal::seal;
use super::segments;
use super::{Layout, StoreError};
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{Fleet, Input, Policy, Step};
use crate::domain::time::Timestamp;
use crate::faults;

/// Most bytes of all full files together, unless the settings say otherwise.
const KEEP: u64 = 64 << 20;

/// Parts of what is kept that one file may take.
const FILES: u64 = 8;

/// Room for what comes next that is asked for after the disk was full, in bytes.
const ROOM: u64 = 64 << 10;

/// One line as it is written: one step. The sequences of its events count up from `seq`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineOut<'a> {
    seq: u64,
    at: Timestamp,
    events: Vec<&'a Event>,
    /// What the step reacted to, so that it can be decided again.
    input: &'a Input,
    /// How the fleet scheduled; left out where it is as on the line before.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a Policy>,
}

/// The journal, open for appending.
#[derive(Debug)]
pub struct Journal {
    layout: Layout,
    file: File,
    /// The first event of the open file.
    start: u64,
    next_seq: u64,
    /// Where the last line ends that is known to be on disk.
    end: u64,
    keep: u64,
    /// Full when it is longer than this.
    full: u64,
    /// Whether the file is what this says of it.
    sound: bool,
    syncs: u64,
    /// What the last line says about scheduling; `None` before the first of a file.
    policy: Option<Policy>,
}

impl Journal {
    /// Opens the journal at the end of its last whole line, cutting off what a crash left behind it. `seq` is the last
    /// event there is.
    pub(super) fn open(layout: &Layout, seq: u64, end: u64) -> Result<Self, StoreError> {
        let next_seq = seq.saturating_add(1);
        let files = segments::list(layout);
        let start = files.last().and_then(|file| file.start).unwrap_or(next_seq);
        let path = layout.journal();
        let file = open_file(&path).map_err(StoreError::io("open", &path))?;
        let layout = layout.clone();
        let mut journal =
            Self { layout, file, start, next_seq, end, keep: 0, full: 0, sound: true, syncs: 0, policy: None };
        journal.keep(KEEP);
        if journal.length()? > end {
            journal.cut()?;
        }
        journal.file.seek(SeekFrom::Start(end)).map_err(StoreError::io("seek in", &path))?;
        Ok(journal)
    }

    /// Sets how many bytes of full files are kept.
    pub fn keep(&mut self, bytes: u64) {
        self.keep = bytes;
        self.full = bytes / FILES;
    }

    /// Appends the steps in which something happened, one line each, and waits until they are on disk: one fsync for all
    /// of them. After an error nothing of it counts as written, and the journal has to be [mended](Self::mend).
    pub fn append(&mut self, steps: &[Step]) -> Result<(), StoreError> {
        let mut text = Vec::new();
        let mut next_seq = self.next_seq;
        let mut policy = self.policy.as_ref();
        for step in steps {
            let Some(first) = step.events.first() else { continue };
            if first.seq != next_seq {
                let message = format!("journal gap: expected event {next_seq}, got {}", first.seq);
                return Err(StoreError::Journal(message));
            }
            next_seq = next_seq.saturating_add(step.events.len() as u64);
            write_line(&mut text, first, step, policy != Some(&step.policy))?;
            policy = Some(&step.policy);
        }
        let policy = policy.cloned();
        if text.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.sound, false) {
            return Err(StoreError::Journal("the journal is not mended after an error".to_owned()));
        }
        if let Err(error) = self.write(&text) {
            // The next start must not find what nobody was told of, so it goes at once if it can.
            let _done_again_by_mend = faults::point("journal.undo").and_then(|()| self.file.set_len(self.end));
            return Err(error);
        }
        self.end = self.end.saturating_add(text.len() as u64);
        self.next_seq = next_seq;
        self.policy = policy;
        self.sound = true;
        Ok(())
    }

    fn write(&mut self, text: &[u8]) -> Result<(), StoreError> {
        let path = self.layout.journal();
        faults::write_all("journal.append", &mut self.file, text).map_err(StoreError::io("append to", &path))?;
        self.syncs += 1;
        let synced = faults::point("journal.sync").and_then(|()| self.file.sync_data());
        synced.and_then(|()| faults::point("journal.synced")).map_err(StoreError::io("sync", &path))
    }

    /// Cuts off everything behind the last line that is known to be on disk.
    fn cut(&self) -> Result<(), StoreError> {
        let path = self.layout.journal();
        let cut = faults::point("journal.cut").and_then(|()| self.file.set_len(self.end));
        cut.map_err(StoreError::io("truncate", &path))?;
        self.file.sync_all().map_err(StoreError::io("sync", &path))
    }

    /// Makes the journal fit to be appended to again after an error; `fleet` is what it said until then. A sync that
    /// failed is not repeated on the same descriptor, which may have forgotten what it could not write: the file is
    /// opened again, cut back and read. Where it does not say what it should, a new one begins with what `fleet` says.
    pub fn mend(&mut self, fleet: &Fleet) -> Result<(), StoreError> {
        if self.sound {
            return Ok(());
        }
        let path = self.layout.journal();
        self.file = open_file(&path).map_err(StoreError::io("open", &path))?;
        if self.length()? > self.end {
            self.cut()?;
        } else {
            self.file.sync_all().map_err(StoreError::io("sync", &path))?;
        }
        // What is read next shall come from the disk.
        let _only_a_wish = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        let content = read_journal(&path, 0)?;
        let whole = content.problems.is_empty() && content.torn.is_none() && content.end == self.end;
        if whole && (content.last_seq.saturating_add(1) == self.next_seq || self.end == 0) {
            self.file.seek(SeekFrom::Start(self.end)).map_err(StoreError::io("seek in", &path))?;
            self.sound = true;
            return Ok(());
        }
        tracing::error!("{} is damaged behind byte {}; a new one begins", path.display(), content.end);
        self.rotate(fleet)
    }

    /// Makes sure that the disk has room for what comes next.
    pub fn probe(&self) -> Result<(), StoreError> {
        use rustix::fs::FallocateFlags;
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.end, ROOM) {
            // Not every file system can promise room; the next append finds out.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(StoreError::io("make room behind", &self.layout.journal())(error.into())),
        }
    }

    /// Puts the file aside if it is full. Without success it grows a little more before this is tried again.
    pub fn rotate_if_full(&mut self, fleet: &Fleet) {
        if !self.sound || self.end <= self.full {
            return;
        }
        match self.rotate(fleet) {
            Ok(()) => self.full = self.keep / FILES,
            Err(error) => {
                tracing::warn!("the journal is not put aside yet: {error}");
                self.full = self.end.saturating_add(self.keep / FILES / 8);
            }
        }
    }

    /// Puts the file aside and begins a new one with how everything stands. A crash in between leaves a base too many,
    /// which is as true as any, or no file, which is an empty one.
    pub(super) fn rotate(&mut self, fleet: &Fleet) -> Result<(), StoreError> {
        let path = self.layout.journal();
        let start = segments::write_base(&self.layout, fleet)?;
        let closed = segments::closed_path(&self.layout, self.start);
        faults::point("journal.rotate").map_err(StoreError::io("put aside", &path))?;
        if self.length()? > 0 {
            if closed.exists() {
                return Err(StoreError::Journal(format!("{} is there already", closed.display())));
            }
            fs::rename(&path, &closed).map_err(StoreError::io("put aside", &path))?;
        }
        self.sound = false;
        self.policy = None;
        (self.start, self.next_seq, self.end) = (start, start, 0);
        faults::point("journal.rotated").map_err(StoreError::io("open", &path))?;
        self.file = open_file(&path).map_err(StoreError::io("open", &path))?;
        for dir in [self.layout.root().to_path_buf(), self.layout.journal_history()] {
            sync_dir(&dir).map_err(StoreError::io("sync", &dir))?;
        }
        self.sound = true;
        segments::prune(&self.layout, self.keep);
        Ok(())
    }

    fn length(&self) -> Result<u64, StoreError> {
        let read = self.file.metadata().map_err(StoreError::io("read", &self.layout.journal()))?;
        Ok(read.len())
    }

    /// Returns where it ends.
    pub fn end(&self) -> Position {
        Position { segment: self.start, offset: self.end }
    }

    /// Returns how many times it waited for the disk to have what was appended.
    pub fn syncs(&self) -> u64 {
        self.syncs
    }
}

fn open_file(path: &PathBuf) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn write_line(text: &mut Vec<u8>, first: &Recorded, step: &Step, with_policy: bool) -> Result<(), StoreError> {
    let events: Vec<&Event> = step.events.iter().map(|recorded| &recorded.event).collect();
    let policy = with_policy.then_some(&step.policy);
    let line = LineOut { seq: first.seq, at: first.at, events, input: &step.input, policy };
    let json = serde_json::to_vec(&line).map_err(|error| StoreError::Journal(error.to_string()))?;
    text.extend(seal(json));
    Ok(())
}
