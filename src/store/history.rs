//! Reading the journal: one file of it, or all that is kept, across the files it is spread over.
//!
//! A damaged record costs nothing but itself: what follows is read, and what is missing is said. Changes nothing.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use super::seal::unseal;
use super::segments::{self, MAX_LINE, Segment};
use super::{Layout, StoreError};
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::Fleet;
use crate::domain::problem::Problem;
use crate::domain::time::Timestamp;

/// How often the journal is listed again because it was rotated while it was read.
const LOOKS: usize = 5;

/// What reading a journal gave.
#[derive(Debug, Default)]
pub struct JournalContent {
    /// Events from the asked-for place on.
    pub events: Vec<Recorded>,
    /// Where the last whole line of the last file ends, in bytes.
    pub end: u64,
    /// The sequence of the last event; 0 when there is none.
    pub last_seq: u64,
    /// Records that are damaged or missing.
    pub problems: Vec<Problem>,
    /// Says that the end is not a whole record, as a crash leaves it.
    pub torn: Option<Problem>,
    /// Says that there is a record which only a newer aotui understands; `None` where all are understood. What comes
    /// after it is left out.
    pub newer: Option<String>,
}

/// Everything the kept journal says.
#[derive(Debug)]
pub struct History {
    /// How everything stood before the first event; `None` where that is not known any more.
    pub before: Option<Fleet>,
    /// What was read.
    pub content: JournalContent,
}

/// One line as it is loaded: why things happened does not matter then.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    seq: u64,
    at: Timestamp,
    events: Vec<Event>,
}

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The first event of the file, which names it.
    pub segment: u64,
    /// Where in the file, in bytes.
    pub offset: u64,
}

/// Reads all of the journal that is kept, oldest first. Needs no lock.
pub fn history(layout: &Layout) -> Result<History, StoreError> {
    let before = segments::oldest_base(layout);
    let content = read_across(layout, |_| Some((0, 0)))?;
    Ok(History { before, content })
}

/// Reads the events after `seq`, whichever file they are in.
pub(super) fn read_after(layout: &Layout, seq: u64) -> Result<JournalContent, StoreError> {
    let next = seq.saturating_add(1);
    let mut content = read_across(layout, |files| {
        let last = files.len().saturating_sub(1);
        if files.get(last).is_some_and(|file| file.start.is_none()) && segments::newest_start(layout) <= next {
            return Some((last, 0));
        }
        let holds = |file: &Segment| file.start.is_some_and(|start| start <= next);
        Some((files.iter().rposition(holds).unwrap_or_default(), 0))
    })?;
    content.events.retain(|recorded| recorded.seq > seq);
    if let Some(first) = content.events.first()
        && first.seq > next
        && content.problems.is_empty()
    {
        content.problems.push(missing(&layout.journal(), seq, first.seq));
    }
    Ok(content)
}

/// Reads from a place on; `None` where the journal has no such place.
pub(super) fn read_from(layout: &Layout, position: Position) -> Result<Option<JournalContent>, StoreError> {
    let mut found = false;
    let content = read_across(layout, |files| {
        let holds = |file: &Segment| file.start.is_none_or(|start| start == position.segment);
        let at = files.iter().position(holds).map(|n| (n, position.offset));
        found = at.is_some();
        at
    })?;
    Ok(Some(content).filter(|_| found))
}

/// Reads the files of the journal from the one and the byte that `choose` names.
fn read_across(
    layout: &Layout,
    mut choose: impl FnMut(&[Segment]) -> Option<(usize, u64)>,
) -> Result<JournalContent, StoreError> {
    let mut files = segments::list(layout);
    for _ in 0..LOOKS {
        let mut content = JournalContent::default();
        let Some((first, offset)) = choose(&files) else { return Ok(content) };
        for (n, file) in files.iter().enumerate().skip(first) {
            let part = read_journal(&file.path, if n == first { offset } else { 0 })?;
            join(&mut content, part, file);
        }
        let now = segments::list(layout);
        if now.iter().map(|file| &file.path).eq(files.iter().map(|file| &file.path)) {
            return Ok(content);
        }
        files = now;
    }
    Err(StoreError::Journal(format!("{} is being written too fast to be read", layout.journal().display())))
}

/// Appends what a file says to what the files before it said.
fn join(content: &mut JournalContent, part: JournalContent, file: &Segment) {
    if content.newer.is_some() {
        return;
    }
    let expected = content.last_seq.saturating_add(1);
    if content.last_seq > 0
        && let Some(first) = part.events.first().filter(|first| first.seq > expected)
        && part.problems.is_empty()
    {
        content.problems.push(missing(&file.path, content.last_seq, first.seq));
    }
    let known = content.last_seq;
    content.events.extend(part.events.into_iter().filter(|recorded| recorded.seq > known));
    content.last_seq = known.max(part.last_seq);
    content.end = part.end;
    content.problems.extend(content.torn.take());
    content.problems.extend(part.problems);
    content.torn = part.torn;
    content.newer = part.newer;
}

fn missing(path: &Path, last: u64, next: u64) -> Problem {
    let message = format!("the events {} to {} are missing", last.saturating_add(1), next.saturating_sub(1));
    Problem::in_file(path.display().to_string(), message)
}

/// Reads one file of a journal from byte `from` on. A missing one is empty.
pub fn read_journal(path: &Path, from: u64) -> Result<JournalContent, StoreError> {
    let mut content = JournalContent { end: from, ..JournalContent::default() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && from == 0 => return Ok(content),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(too_short(path, from, 0)),
        Err(error) => return Err(StoreError::io("open", path)(error)),
    };
    let length = file.metadata().map_err(StoreError::io("read", path))?.len();
    if length < from {
        return Ok(too_short(path, from, length));
    }
    file.seek(SeekFrom::Start(from)).map_err(StoreError::io("read", path))?;
    let mut lines = Lines { reader: BufReader::with_capacity(1 << 16, file), at: from, number: 0 };
    let mut broken: Option<Broken> = None;
    while let Some((line, number, start)) = lines.next().map_err(StoreError::io("read", path))? {
        let (records, whole) = records_of(&line);
        if !whole {
            broken.get_or_insert(Broken { number: Some(number).filter(|_| from == 0), start });
        }
        for record in records {
            match serde_json::from_str::<Line>(&record) {
                Ok(parsed) => {
                    if let Some(broken) = broken.take() {
                        content.problems.push(broken.problem(path));
                    }
                    take(&mut content, parsed, path);
                    content.end = lines.at;
                }
                Err(error) => {
                    let path = path.display();
                    content.newer = Some(format!(
                        "{path} has a record that this aotui does not understand ({error}): use a newer aotui"
                    ));
                    return Ok(content);
                }
            }
        }
    }
    if let Some(broken) = broken {
        let message = format!("its last {} bytes are not a whole record and are left out", lines.at - broken.start);
        content.torn = Some(Problem::in_file(path.display().to_string(), message));
    }
    Ok(content)
}

fn too_short(path: &Path, from: u64, length: u64) -> JournalContent {
    let message = format!("it has {length} bytes, and {from} were written");
    let problem = Problem::in_file(path.display().to_string(), message);
    JournalContent { end: length, problems: vec![problem], ..JournalContent::default() }
}

/// Adds a record to what was read; one that repeats what is known says nothing new.
fn take(content: &mut JournalContent, line: Line, path: &Path) {
    let Line { seq, at, events } = line;
    let known = content.last_seq;
    if known > 0 && seq > known.saturating_add(1) && content.problems.is_empty() {
        content.problems.push(missing(path, known, seq));
    }
    for (seq, event) in (seq..).zip(events) {
        if seq > content.last_seq {
            content.events.push(Recorded { seq, at, event });
            content.last_seq = seq;
        }
    }
}

struct Lines {
    reader: BufReader<File>,
    /// Where the next line starts.
    at: u64,
    number: u64,
}

impl Lines {
    /// Returns the next line, its number from 1, and where it starts.
    fn next(&mut self) -> std::io::Result<Option<(Vec<u8>, u64, u64)>> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(MAX_LINE).read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let start = self.at;
        self.number += 1;
        self.at += read;
        Ok(Some((line, self.number, start)))
    }
}

/// Returns the whole records of a line, and whether that is all of it. A damaged newline makes one line of two records,
/// and a damaged byte in one of them must not cost the other.
fn records_of(line: &[u8]) -> (Vec<String>, bool) {
    if let Some(record) = unseal(line) {
        return (vec![record], true);
    }
    let begins = |at: &usize| line.get(*at..).is_some_and(|rest| rest.starts_with(b"{\"seq\":"));
    let starts: Vec<usize> = (0..line.len()).filter(begins).collect();
    let ends = starts.iter().skip(1).copied().chain([line.len()]);
    let pieces = starts.iter().zip(ends).filter_map(|(start, end)| line.get(*start..end));
    // Between two records of one line there is what the newline became.
    let found = pieces.filter_map(|piece| {
        let body = piece.split_last().map_or(piece, |(_, body)| body);
        unseal(&[body, b"\n"].concat())
    });
    (found.collect(), false)
}

/// A damaged record.
struct Broken {
    /// Its line; `None` where the file was not read from its beginning.
    number: Option<u64>,
    start: u64,
}

impl Broken {
    fn problem(&self, path: &Path) -> Problem {
        let message = format!("a damaged record at byte {} is left out", self.start);
        let problem = Problem::in_file(path.display().to_string(), message);
        match self.number {
            Some(number) => problem.at(u32::try_from(number).unwrap_or(u32::MAX), 1),
            None => problem,
        }
    }
}
