//! The journal: one checksummed JSON line per step, appended, fsynced, never rewritten.
//!
//! A line holds everything one step gave, so that a step is on disk as a whole or not at all. The checksum is the CRC-32
//! (IEEE) of the line's bytes before `,"crc":`.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{Input, Policy, Step};
use crate::domain::problem::Problem;
use crate::domain::time::Timestamp;
use crate::faults;

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 64 << 20;

/// Where the checksum starts.
const CRC_FIELD: &str = ",\"crc\":\"";

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

/// One line as it is loaded: why things happened does not matter then.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    seq: u64,
    at: Timestamp,
    events: Vec<Event>,
}

/// The journal, open for appending.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    next_seq: u64,
    end: u64,
    /// What the last line says about scheduling; `None` before the first.
    policy: Option<Policy>,
}

impl Journal {
    /// Opens the journal at `end`, cutting off what a crash left behind it.
    pub(super) fn open(path: &Path, seq: u64, end: u64) -> Result<Self, StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(StoreError::io("open", path))?;
        let length = file.metadata().map_err(StoreError::io("read", path))?.len();
        if length > end {
            let cut = faults::point("journal.cut").and_then(|()| file.set_len(end));
            cut.map_err(StoreError::io("truncate", path))?;
            file.sync_data().map_err(StoreError::io("sync", path))?;
        }
        file.seek(SeekFrom::Start(end)).map_err(StoreError::io("seek in", path))?;
        Ok(Self { file, path: path.to_path_buf(), next_seq: seq.saturating_add(1), end, policy: None })
    }

    /// Appends the steps in which something happened, one line each, and waits until they are on disk: one fsync for all
    /// of them. After an error the journal has to be opened again: what reached the disk is not known.
    pub fn append(&mut self, steps: &[Step]) -> Result<(), StoreError> {
        let mut text = Vec::new();
        for step in steps {
            let Some(first) = step.events.first() else { continue };
            if first.seq != self.next_seq {
                let message = format!("journal gap: expected event {}, got {}", self.next_seq, first.seq);
                return Err(StoreError::Journal(message));
            }
            self.next_seq = self.next_seq.saturating_add(step.events.len() as u64);
            let is_new = self.policy.as_ref() != Some(&step.policy);
            write_line(&mut text, first, step, is_new)?;
            if is_new {
                self.policy = Some(step.policy.clone());
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        faults::write_all("journal.append", &mut self.file, &text).map_err(StoreError::io("append to", &self.path))?;
        let synced = faults::point("journal.sync").and_then(|()| self.file.sync_data());
        synced.and_then(|()| faults::point("journal.synced")).map_err(StoreError::io("sync", &self.path))?;
        self.end = self.end.saturating_add(text.len() as u64);
        Ok(())
    }

    /// Returns the length of the journal, in bytes.
    pub fn end(&self) -> u64 {
        self.end
    }
}

fn write_line(text: &mut Vec<u8>, first: &Recorded, step: &Step, with_policy: bool) -> Result<(), StoreError> {
    let events: Vec<&Event> = step.events.iter().map(|recorded| &recorded.event).collect();
    let policy = with_policy.then_some(&step.policy);
    let line = LineOut { seq: first.seq, at: first.at, events, input: &step.input, policy };
    let mut json = serde_json::to_vec(&line).map_err(|error| StoreError::Journal(error.to_string()))?;
    json.pop();
    let crc = crc32fast::hash(&json);
    text.extend_from_slice(&json);
    text.extend_from_slice(format!("{CRC_FIELD}{crc:08x}\"}}\n").as_bytes());
    Ok(())
}

/// What reading a journal gave.
#[derive(Debug, Default)]
pub struct JournalContent {
    /// Events from the asked-for place on.
    pub events: Vec<Recorded>,
    /// Where the last whole line ends, in bytes.
    pub end: u64,
    /// The sequence of the last event; 0 when there is none.
    pub last_seq: u64,
    /// Lines that are broken in the middle, and a torn end.
    pub problems: Vec<Problem>,
}

/// Reads the journal from byte `from` on. A missing journal is an empty one.
pub fn read_journal(path: &Path, from: u64) -> Result<JournalContent, StoreError> {
    let mut content = JournalContent { end: from, ..JournalContent::default() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            content.end = 0;
            return Ok(content);
        }
        Err(error) => return Err(StoreError::io("open", path)(error)),
    };
    file.seek(SeekFrom::Start(from)).map_err(StoreError::io("read", path))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut at = from;
    let mut broken: Option<(u64, u64)> = None;
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        let mut limited = std::io::Read::take(&mut reader, MAX_LINE);
        let read = limited.read_until(b'\n', &mut line).map_err(StoreError::io("read", path))? as u64;
        if read == 0 {
            break;
        }
        number += 1;
        at += read;
        match parse_line(&line, path)? {
            Some(parsed) => {
                if let Some((number, start)) = broken.take() {
                    content.problems.push(broken_line(path, from, number, start));
                }
                content.last_seq = parsed.seq.saturating_add(parsed.events.len() as u64).saturating_sub(1);
                content.events.extend(numbered(parsed));
                content.end = at;
            }
            None => broken = broken.or(Some((number, at - read))),
        }
    }
    if let Some((_, start)) = broken {
        let message = format!("its last {} bytes are not a whole record and are left out", at - start);
        content.problems.push(Problem::in_file(path.display().to_string(), message));
    }
    Ok(content)
}

fn broken_line(path: &Path, from: u64, number: u64, start: u64) -> Problem {
    let problem = Problem::in_file(
        path.display().to_string(),
        format!("a damaged record at byte {start} is left out; what it said is lost"),
    );
    if from == 0 { problem.at(u32::try_from(number).unwrap_or(u32::MAX), 1) } else { problem }
}

/// Understands a line; `None` where it is damaged. One that is whole and still not understood stops everything: cut off
/// as if it were torn, what a newer aotui wrote would be lost.
fn parse_line(line: &[u8], path: &Path) -> Result<Option<Line>, StoreError> {
    let Some(body) = whole_body(line) else { return Ok(None) };
    serde_json::from_str(&format!("{body}}}")).map(Some).map_err(|error| {
        let path = path.display();
        let message = format!("{path} has a record that this aotui does not understand ({error}): use a newer aotui");
        StoreError::Journal(message)
    })
}

/// Returns what a line says, without its checksum, where that agrees.
pub(super) fn whole_body(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let cut = text.rfind(CRC_FIELD)?;
    let (body, crc) = text.split_at_checked(cut)?;
    let crc = crc.strip_prefix(CRC_FIELD)?.strip_suffix("\"}")?;
    (u32::from_str_radix(crc, 16).ok()? == crc32fast::hash(body.as_bytes())).then_some(body)
}

fn numbered(line: Line) -> impl Iterator<Item = Recorded> {
    let Line { seq, at, events } = line;
    (seq..).zip(events).map(move |(seq, event)| Recorded { seq, at, event })
}
