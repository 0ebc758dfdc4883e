//! Reading what is on disk to check it, not to work with it: what each step reacted to, and what snapshots claim.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::files::read_regular;
use super::seal::unseal;
use super::ticket_file::TicketFile;
use super::{Layout, StoreError, segments};
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{Input, Policy, Told};
use crate::domain::ids::{PlanId, TicketId, TicketKey};
use crate::domain::ticket::Progress;
use crate::domain::time::Timestamp;

/// One line with everything it says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    seq: u64,
    at: Timestamp,
    events: Vec<Event>,
    /// Not understood where another aotui wrote it: then it is as if it did not say.
    input: Option<serde_json::Value>,
    policy: Option<Policy>,
}

/// Reads the steps of one journal file. What is damaged is left out; [`super::read_journal`] says where.
pub fn read_steps(path: &Path) -> Result<Vec<Told>, StoreError> {
    let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
    Ok(bytes.split_inclusive(|byte| *byte == b'\n').filter_map(step).collect())
}

/// Reads the steps of all files of the journal that are kept, oldest first.
pub fn all_steps(layout: &Layout) -> Result<Vec<Told>, StoreError> {
    let mut steps = Vec::new();
    for file in segments::list(layout).iter().filter(|file| file.path.exists()) {
        steps.extend(read_steps(&file.path)?);
    }
    Ok(steps)
}

fn step(line: &[u8]) -> Option<Told> {
    let Line { seq, at, events, input, policy } = serde_json::from_str(&unseal(line)?).ok()?;
    let input = input.and_then(|input| serde_json::from_value::<Input>(input).ok());
    let events: Vec<Recorded> = (seq..).zip(events).map(|(seq, event)| Recorded { seq, at, event }).collect();
    Some(Told { at, input, policy, events }).filter(|told| !told.events.is_empty())
}

/// What a ticket's file says of its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event it includes.
    pub seq: u64,
    /// The ticket.
    pub key: TicketKey,
    /// How far it got.
    pub progress: Progress,
}

/// Reads what the tickets' files say of their progress; files that cannot be read, or that no engine wrote yet, are left
/// out.
pub fn snapshots(layout: &Layout) -> Vec<Snapshot> {
    let plans = names(&layout.plans()).into_iter().filter_map(|name| PlanId::new(name).ok());
    plans.flat_map(|plan| tickets(layout, &plan)).collect()
}

fn tickets(layout: &Layout, plan: &PlanId) -> Vec<Snapshot> {
    let names = names(&layout.tickets(plan));
    let ids = names.iter().filter_map(|name| TicketId::new(name.strip_suffix(".json")?).ok());
    let keys = ids.map(|id| TicketKey::new(plan.clone(), id));
    keys.filter_map(|key| {
        let text = read_regular(&layout.ticket_file(&key)).ok()?;
        let state = TicketFile::parse("", &text, plan, key.ticket.as_str()).ok()?.state?;
        Some(Snapshot { seq: state.seq, key, progress: state.claimed()? })
    })
    .collect()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
