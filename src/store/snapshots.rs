//! Writing snapshots, behind the engine's back: they may lag, the journal may not.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::files::{create_private_dir, read_regular, replace, sync_dir};
use super::load::Checkpoint;
use super::plan_file::PlanFile;
use super::ticket_file::{State, TicketFile, brief_digest};
use super::{Layout, StoreError, Touched};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, TicketKey};
use crate::domain::plan::PlanEntry;
use crate::faults;

/// How long changes are gathered before they are written, so that a busy ticket is not written at every step.
const GATHER: Duration = Duration::from_millis(300);

/// What has to be written.
#[derive(Debug)]
pub struct Job {
    /// The state to write.
    pub fleet: Arc<Fleet>,
    /// Which parts of it are out of date on disk.
    pub touched: Touched,
    /// Where the journal ends that this state includes, in bytes.
    pub journal_end: u64,
}

/// The snapshot writer: a thread of its own. Dropping it writes what is left and waits for it.
#[derive(Debug)]
pub struct Snapshots {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Snapshots {
    /// Starts the writer.
    pub fn start(layout: Layout) -> Result<Self, StoreError> {
        let (jobs, todo) = channel();
        let thread = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || run(&layout, &todo))
            .map_err(StoreError::io("start the snapshot writer for", Path::new("the state directory")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Wants a state written soon.
    pub fn submit(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            let _writer_gone = jobs.send(job);
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn run(layout: &Layout, todo: &Receiver<Job>) {
    let mut left = Touched::default();
    while let Ok(mut job) = todo.recv() {
        job.touched.merge(std::mem::take(&mut left));
        let write_at = Instant::now() + GATHER;
        let over = loop {
            match todo.recv_timeout(write_at.saturating_duration_since(Instant::now())) {
                Ok(next) => {
                    let before = std::mem::replace(&mut job, next);
                    job.touched.merge(before.touched);
                }
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if !write(layout, &job) {
            left = job.touched;
        }
        if over {
            return;
        }
    }
}

/// Writes everything a job names, then the checkpoint, and says whether all of it is on disk. What cannot be written is
/// logged and left to the journal: then the checkpoint stays where it is.
pub(super) fn write(layout: &Layout, job: &Job) -> bool {
    let complete = try_write(layout, job);
    match &complete {
        Ok(true) => {}
        Ok(false) => tracing::warn!("some snapshots wait for damaged or edited files; the journal has it all"),
        Err(error) => tracing::error!("snapshots: {error}"),
    }
    matches!(complete, Ok(true))
}

fn try_write(layout: &Layout, job: &Job) -> Result<bool, StoreError> {
    let mut complete = true;
    let mut dirs = BTreeSet::new();
    for digest in &job.touched.workflows {
        write_workflow(layout, &job.fleet, digest)?;
        dirs.insert(layout.workflows());
    }
    for key in &job.touched.tickets {
        complete &= write_ticket(layout, &job.fleet, key)?;
        dirs.insert(layout.tickets(&key.plan));
    }
    for plan in &job.touched.plans {
        complete &= write_plan(layout, &job.fleet, plan)?;
        dirs.insert(layout.plan(plan));
        dirs.insert(layout.plans());
    }
    for dir in dirs {
        sync_dir(&dir).map_err(StoreError::io("sync", &dir))?;
    }
    if complete {
        let checkpoint = Checkpoint { seq: job.fleet.seq, offset: job.journal_end };
        faults::point("checkpoint").map_err(StoreError::io("write", &layout.checkpoint()))?;
        put_json(&layout.checkpoint(), &checkpoint)?;
        sync_dir(layout.root()).map_err(StoreError::io("sync", layout.root()))?;
    }
    Ok(complete)
}

fn write_workflow(layout: &Layout, fleet: &Fleet, digest: &str) -> Result<(), StoreError> {
    match fleet.workflows.get(digest) {
        Some(workflow) => put_json(&layout.workflows().join(format!("{digest}.json")), workflow.as_ref()),
        None => Ok(()),
    }
}

/// Writes a ticket's file unless a person's edit is in it that has not been taken over yet. Says whether it is up to date.
fn write_ticket(layout: &Layout, fleet: &Fleet, key: &TicketKey) -> Result<bool, StoreError> {
    let Some(ticket) = fleet.ticket(key) else { return Ok(true) };
    let dir = layout.tickets(&key.plan);
    create_private_dir(&dir).map_err(StoreError::io("create", &dir))?;
    let path = layout.ticket_file(key);
    let old = match read_regular(&path) {
        Ok(text) => match TicketFile::parse("", &text, &key.plan, key.ticket.as_str()) {
            Ok(old) => Some(old),
            Err(_) => return Ok(false),
        },
        Err(_) => None,
    };
    let known = brief_digest(&ticket.brief);
    let edited = old.as_ref().is_some_and(|old| {
        let on_disk = brief_digest(&old.brief(&key.plan));
        on_disk != known && old.state.as_ref().is_none_or(|state| state.brief != on_disk)
    });
    if edited {
        return Ok(false);
    }
    let state = State { seq: fleet.seq, brief: known, progress: ticket.progress.clone() };
    put_json(&path, &TicketFile::compose(&ticket.brief, state, old))?;
    Ok(true)
}

/// Writes a plan's file unless a person's edit is in it that has not been taken over yet. Says whether it is up to date.
/// Entries of tickets whose files are still to come stay in it.
fn write_plan(layout: &Layout, fleet: &Fleet, id: &PlanId) -> Result<bool, StoreError> {
    let Some(plan) = fleet.plans.get(id) else { return Ok(true) };
    let dir = layout.tickets(id);
    create_private_dir(&dir).map_err(StoreError::io("create", &dir))?;
    let path = layout.plan_file(id);
    let old = match read_regular(&path) {
        Ok(text) => match PlanFile::parse("", &text, id.as_str()) {
            Ok(old) => Some(old),
            Err(_) => return Ok(false),
        },
        Err(_) => None,
    };
    let known = fleet.tickets_of(id).into_iter().map(|ticket| PlanEntry {
        ticket_id: ticket.brief.key.ticket.clone(),
        order: ticket.order,
        blocked_by: ticket.blocked_by.iter().map(|key| key.ticket.clone()).collect(),
    });
    let mut entries: Vec<PlanEntry> = known.collect();
    if let Some(old) = &old {
        if old.is_edited() && !old.says(plan, &entries) {
            return Ok(false);
        }
        let is_known =
            |entry: &PlanEntry| fleet.tickets.contains_key(&TicketKey::new(id.clone(), entry.ticket_id.clone()));
        entries.extend(old.tickets.iter().filter(|entry| !is_known(entry)).cloned());
    }
    put_json(&path, &PlanFile::compose(plan, entries, fleet.seq, old))?;
    Ok(true)
}

fn put_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| StoreError::Journal(error.to_string()))?;
    text.push(b'\n');
    replace(path, &text).map_err(StoreError::io("write", path))
}
