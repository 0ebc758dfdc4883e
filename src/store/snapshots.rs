//! Writing snapshots, behind the engine's back: they may lag, the journal may not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::files::{create_private_dir, read_regular, replace, sync_dir};
use super::history::Position;
use super::load::{Checkpoint, FORMAT, Format, Whole};
use super::plan_file::PlanFile;
use super::seal::{seal, unseal};
use super::ticket_file::{State, TicketFile, brief_digest};
use super::{Layout, StoreError, Touched};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, TicketKey};
use crate::domain::plan::PlanEntry;
use crate::domain::ticket::{Status, Ticket};
use crate::faults;

/// How long changes are gathered before they are written, so that a busy ticket is not written at every step.
const GATHER: Duration = Duration::from_millis(300);

/// How long after a failure it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What has to be written.
#[derive(Debug)]
pub struct Job {
    /// The state to write.
    pub fleet: Arc<Fleet>,
    /// Which parts of it are out of date on disk.
    pub touched: Touched,
    /// Where the journal ends that this state includes.
    pub journal_end: Position,
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
    // What could not be written, with the newest state there is.
    let mut left: Option<Job> = None;
    let mut told = None;
    loop {
        let next = match &left {
            Some(_) => todo.recv_timeout(TRY_AGAIN),
            None => todo.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let (mut job, mut over) = match (next, left.take()) {
            (Ok(job), left) => (newer(job, left), false),
            (Err(RecvTimeoutError::Timeout), Some(left)) => (left, false),
            (Err(RecvTimeoutError::Disconnected), Some(left)) => (left, true),
            (Err(_), None) => return,
        };
        let write_at = Instant::now() + GATHER;
        while !over {
            match todo.recv_timeout(write_at.saturating_duration_since(Instant::now())) {
                Ok(next) => job = newer(next, Some(job)),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => over = true,
            }
        }
        let Written { left: touched, why } = write(layout, &job);
        if why.is_some() && why != told {
            tracing::warn!("some snapshots wait, and the journal has it all: {}", why.as_deref().unwrap_or_default());
        }
        told = why;
        left = (!touched.is_empty()).then_some(Job { touched, ..job });
        if over {
            return;
        }
    }
}

/// Returns a job that also writes what an older one did not.
fn newer(mut job: Job, older: Option<Job>) -> Job {
    job.touched.merge(older.map(|older| older.touched).unwrap_or_default());
    job
}

/// What came of writing.
pub(super) struct Written {
    /// What is still out of date on disk.
    pub(super) left: Touched,
    /// Why; `None` where nothing is.
    pub(super) why: Option<String>,
}

/// Writes everything a job names, then the checkpoint if all of it is on disk. What cannot be written is left to the
/// journal: then the checkpoint stays where it is.
pub(super) fn write(layout: &Layout, job: &Job) -> Written {
    let mut writing = Writing { layout, fleet: &job.fleet, left: Touched::default(), why: None, dirs: BTreeSet::new() };
    for digest in &job.touched.workflows {
        if !writing.done(write_workflow(layout, &job.fleet, digest), layout.workflows()) {
            writing.left.workflows.insert(digest.clone());
        }
    }
    for key in &job.touched.tickets {
        if !writing.done(write_ticket(layout, &job.fleet, key), layout.tickets(&key.plan)) {
            writing.left.tickets.insert(key.clone());
        }
    }
    for plan in &job.touched.plans {
        writing.dirs.insert(layout.plans());
        if !writing.done(write_plan(layout, &job.fleet, plan), layout.plan(plan)) {
            writing.left.plans.insert(plan.clone());
        }
    }
    if let Err(error) = writing.finish(job.journal_end) {
        return Written { left: job.touched.clone(), why: Some(error.to_string()) };
    }
    Written { left: writing.left, why: writing.why }
}

struct Writing<'a> {
    layout: &'a Layout,
    fleet: &'a Fleet,
    left: Touched,
    why: Option<String>,
    dirs: BTreeSet<PathBuf>,
}

impl Writing<'_> {
    /// Notes what came of writing one file in `dir`, and returns whether it is up to date.
    fn done(&mut self, written: Result<bool, StoreError>, dir: PathBuf) -> bool {
        match written {
            Ok(true) => {
                self.dirs.insert(dir);
                true
            }
            Ok(false) => {
                self.why.get_or_insert_with(|| format!("defective or edited files in {}", dir.display()));
                false
            }
            Err(error) => {
                self.why.get_or_insert(error.to_string());
                false
            }
        }
    }

    fn finish(&self, end: Position) -> Result<(), StoreError> {
        for dir in &self.dirs {
            sync_dir(dir).map_err(StoreError::io("sync", dir))?;
        }
        if !self.left.is_empty() {
            return Ok(());
        }
        let plans = self.fleet.plans.keys().cloned().collect();
        let whole = Whole::of(self.fleet);
        let checkpoint = Checkpoint { seq: self.fleet.seq, segment: end.segment, offset: end.offset, plans, whole };
        let path = self.layout.checkpoint();
        faults::point("checkpoint").map_err(StoreError::io("write", &path))?;
        put_sealed(&path, &checkpoint)?;
        sync_dir(self.layout.root()).map_err(StoreError::io("sync", self.layout.root()))
    }
}

/// Says which form the state has, where that is not said yet.
pub(super) fn write_format(layout: &Layout) -> Result<(), StoreError> {
    let path = layout.format();
    if read_regular(&path).is_ok_and(|text| unseal(text.as_bytes()).is_some()) {
        return Ok(());
    }
    put_sealed(&path, &Format { format: FORMAT })
}

fn write_workflow(layout: &Layout, fleet: &Fleet, digest: &str) -> Result<bool, StoreError> {
    if let Some(workflow) = fleet.workflows.get(digest) {
        put_sealed(&layout.workflows().join(format!("{digest}.json")), workflow.as_ref())?;
    }
    Ok(true)
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => return Ok(false),
    };
    let known = brief_digest(&ticket.brief);
    let edited = old.as_ref().is_some_and(|old| {
        let on_disk = brief_digest(&old.brief(&key.plan));
        on_disk != known && old.state.as_ref().is_none_or(|state| state.brief != on_disk)
    });
    if edited {
        return Ok(false);
    }
    let state = State::new(fleet.seq, &ticket.brief, &ticket.progress)
        .map_err(|error| StoreError::Journal(error.to_string()))?;
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
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(_) => return Ok(false),
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
    let tickets = fleet.tickets_of(id);
    let is_complete =
        |ticket: &&Arc<Ticket>| matches!(ticket.progress.status, Status::Complete { needs_attention: false, .. });
    let complete = !tickets.is_empty() && tickets.iter().all(is_complete);
    put_json(&path, &PlanFile::compose((plan, complete), entries, fleet.seq, old))?;
    Ok(true)
}

fn put_json<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let mut text = pretty(value)?;
    text.push(b'\n');
    replace(path, &text).map_err(StoreError::io("write", path))
}

fn put_sealed<T: serde::Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    replace(path, &seal(pretty(value)?)).map_err(StoreError::io("write", path))
}

fn pretty<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec_pretty(value).map_err(|error| StoreError::Journal(error.to_string()))
}
