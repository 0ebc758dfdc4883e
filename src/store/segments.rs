//! The files of the journal: the one that is written, older ones that were full, and what stood before each of them.
//!
//! An older segment is named by the first event it holds. Its base says how everything stood before that event, so that
//! segments older than that can go: what they led to is in the base.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::files::{create_private_dir, read_bounded, replace, sync_dir};
use super::seal::{seal, unseal};
use super::{Layout, StoreError};
use crate::domain::fleet::{Fleet, Live, Policy};

/// Longest line that is read, in bytes.
pub(super) const MAX_LINE: u64 = 64 << 20;

/// Largest base that is read, in bytes.
const MAX_BASE: u64 = 1 << 30;

/// A file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The first event it holds; `None` where it is empty or that cannot be read.
    pub(super) start: Option<u64>,
    pub(super) path: PathBuf,
}

/// Lists the files of the journal, oldest first; the last is the one that is written, there or not.
pub(super) fn list(layout: &Layout) -> Vec<Segment> {
    let mut segments: Vec<Segment> =
        named(layout, ".jsonl").into_iter().map(|(start, path)| Segment { start: Some(start), path }).collect();
    let path = layout.journal();
    segments.push(Segment { start: first_seq(&path), path });
    segments
}

/// Lists the files below `journal/` that are a number and this ending, by number.
fn named(layout: &Layout, ending: &str) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(layout.journal_history()).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_suffix(ending)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    found
}

fn first_seq(path: &std::path::Path) -> Option<u64> {
    #[derive(Deserialize)]
    struct First {
        seq: u64,
    }
    let mut line = Vec::new();
    BufReader::new(File::open(path).ok()?).take(MAX_LINE).read_until(b'\n', &mut line).ok()?;
    serde_json::from_str::<First>(&unseal(&line)?).ok().map(|first| first.seq)
}

/// How everything stood before a segment.
#[derive(Serialize, Deserialize)]
struct Base {
    fleet: Fleet,
}

/// Writes how everything stands as the base of the segment that comes next, and returns the first event it will hold.
pub(super) fn write_base(layout: &Layout, fleet: &Fleet) -> Result<u64, StoreError> {
    let dir = layout.journal_history();
    create_private_dir(&dir).map_err(StoreError::io("create", &dir))?;
    let start = fleet.seq.saturating_add(1);
    let path = base_path(layout, start);
    let fleet = Fleet { live: Live::default(), policy: Policy::default(), ..fleet.clone() };
    let json = serde_json::to_vec(&Base { fleet }).map_err(|error| StoreError::Journal(error.to_string()))?;
    replace(&path, &seal(json)).map_err(StoreError::io("write", &path))?;
    sync_dir(&dir).map_err(StoreError::io("sync", &dir))?;
    Ok(start)
}

fn base_path(layout: &Layout, start: u64) -> PathBuf {
    layout.journal_history().join(format!("{start:012}.base.json"))
}

/// Returns where a full segment goes.
pub(super) fn closed_path(layout: &Layout, start: u64) -> PathBuf {
    layout.journal_history().join(format!("{start:012}.jsonl"))
}

/// Returns the newest base that is whole and the damaged ones that are newer. Without any it is the empty fleet that
/// every state begins with.
pub(super) fn newest_base(layout: &Layout) -> (Fleet, Vec<PathBuf>) {
    let mut damaged = Vec::new();
    for (start, path) in named(layout, ".base.json").into_iter().rev() {
        match read_base(&path) {
            Some(fleet) if fleet.seq.saturating_add(1) == start => return (fleet, damaged),
            _ => damaged.push(path),
        }
    }
    (Fleet::default(), damaged)
}

/// Returns where the newest base belongs, damaged or not: older files hold nothing from there on. 0 without any.
pub(super) fn newest_start(layout: &Layout) -> u64 {
    named(layout, ".base.json").last().map_or(0, |(start, _)| *start)
}

/// Returns how everything stood before the oldest event that is kept; `None` where its base is damaged or gone.
pub(super) fn oldest_base(layout: &Layout) -> Option<Fleet> {
    match list(layout).first()?.start {
        None | Some(1) => Some(Fleet::default()),
        Some(start) => read_base(&base_path(layout, start)),
    }
}

fn read_base(path: &std::path::Path) -> Option<Fleet> {
    let text = read_bounded(path, MAX_BASE).ok()?;
    serde_json::from_str::<Base>(&unseal(&text)?).ok().map(|base| base.fleet)
}

/// Removes the oldest segments until all of them take at most so many bytes. The newest full one stays, and with it a
/// second base to fall back on.
pub(super) fn prune(layout: &Layout, most: u64) {
    let mut segments = named(layout, ".jsonl");
    let mut files: Vec<(u64, PathBuf)> = named(layout, ".base.json").into_iter().chain(segments.clone()).collect();
    let size = |(_, path): &(u64, PathBuf)| fs::metadata(path).map(|meta| meta.len()).unwrap_or_default();
    while segments.len() > 1 && files.iter().map(size).sum::<u64>() > most {
        segments.remove(0);
        let oldest_kept = segments.first().map_or(0, |(start, _)| *start);
        files.retain(|(start, path)| {
            if *start < oldest_kept {
                remove(path);
            }
            *start >= oldest_kept
        });
    }
}

fn remove(path: &std::path::Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!("an old part of the journal, {}, cannot be removed: {error}", path.display());
    }
}
