//! State on disk: the journal is the truth, snapshots are what people read and what makes loading fast.
//!
//! Owns everything below the state directory except sessions and worktrees. The journal is written and fsynced before
//! anything is done; a snapshot carries the journal sequence it includes; loading is snapshots plus newer events.
//! Only who holds the [`Lock`] writes; [`read`] needs no lock.
//!
//! ```text
//! STATE/engine.lock            held by the engine; names it
//! STATE/journal.jsonl          one line per step: {"seq":…,"at":…,"events":[…],"input":…,"crc":"…"}
//! STATE/checkpoint.json        up to where snapshots include the journal
//! STATE/plans/PLAN/plan.json   a plan and the order of its tickets
//! STATE/plans/PLAN/tickets/ID.json
//! STATE/workflows/DIGEST.json  workflow versions tickets walk
//! STATE/sessions/ STATE/spool/ STATE/worktrees/ STATE/logs/
//! ```

mod audit;
mod files;
mod journal;
mod json_keys;
mod layout;
mod load;
mod lock;
mod plan_file;
mod snapshots;
#[cfg(test)]
mod tests;
mod ticket_file;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub use audit::{Snapshot, read_steps, snapshots};
pub use journal::{Journal, read_journal};
pub use layout::Layout;
pub use load::{Loaded, changed_files, is_edited, read};
pub use lock::{Lock, LockHolder, holder};
pub use snapshots::{Job, Snapshots};

use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, TicketKey};

/// What can go wrong with the state directory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another engine works on it.
    #[error("{state} is in use by {holder}")]
    Locked {
        /// The state directory.
        state: String,
        /// Who holds it, as far as it said.
        holder: LockHolder,
    },
    /// The file system said no.
    #[error("{what}: {error}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The journal was written by a newer aotui or is not a journal.
    #[error("{0}")]
    Journal(String),
}

impl StoreError {
    fn io(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let what = format!("cannot {what} {}", path.display());
        move |error| Self::Io { what, error }
    }
}

/// An opened state directory: locked, loaded, ready to be written.
#[derive(Debug)]
pub struct Store {
    /// Where things are.
    pub layout: Layout,
    /// Where events go.
    pub journal: Journal,
    /// What an engine that died had no time to write. A checkpoint says that the snapshots have everything, so these
    /// come before the next one.
    stale: Touched,
    lock: Lock,
}

impl Store {
    /// Takes the lock and loads the state. The lock is held until the store is dropped.
    pub fn open(state: &Path) -> Result<(Self, Loaded), StoreError> {
        let layout = Layout::new(state);
        layout.create()?;
        let lock = Lock::take(&layout)?;
        let loaded = load::load(&layout)?;
        let journal = Journal::open(&layout.journal(), loaded.fleet.seq, loaded.journal_end)?;
        Ok((Self { layout, journal, stale: loaded.stale.clone(), lock }, loaded))
    }

    /// Takes the store apart; the lock has to be kept for as long as the journal is written. What is out of date on
    /// disk already belongs to the first [`Job`].
    pub fn into_parts(self) -> (Journal, Touched, Lock) {
        (self.journal, self.stale, self.lock)
    }

    /// Writes snapshots of what is touched and of what was out of date before, and the checkpoint; waits for the disk.
    pub fn snapshot_now(&mut self, fleet: &Arc<Fleet>, mut touched: Touched) {
        touched.merge(std::mem::take(&mut self.stale));
        let job = Job { fleet: Arc::clone(fleet), touched, journal_end: self.journal.end() };
        if !snapshots::write(&self.layout, &job) {
            self.stale = job.touched;
        }
    }
}

/// Plans, tickets and workflows whose snapshots are out of date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Tickets.
    pub tickets: BTreeSet<TicketKey>,
    /// Plans.
    pub plans: BTreeSet<PlanId>,
    /// Workflow digests.
    pub workflows: BTreeSet<String>,
}

impl Touched {
    /// Adds what the events touched.
    pub fn add(&mut self, events: &[Recorded]) {
        for recorded in events {
            match &recorded.event {
                Event::PlanPut { plan } => {
                    self.plans.insert(plan.id.clone());
                }
                Event::PlanPaused { plan } | Event::PlanResumed { plan } => {
                    self.plans.insert(plan.clone());
                }
                Event::WorkflowLoaded { workflow } => {
                    self.workflows.insert(workflow.digest.clone());
                }
                Event::TicketPut { brief, .. } => {
                    self.tickets.insert(brief.key.clone());
                    self.plans.insert(brief.key.plan.clone());
                }
                Event::Ticket { key, .. } => {
                    self.tickets.insert(key.clone());
                }
            }
        }
    }

    /// Takes over what another set names.
    pub fn merge(&mut self, other: Touched) {
        self.tickets.extend(other.tickets);
        self.plans.extend(other.plans);
        self.workflows.extend(other.workflows);
    }

    /// Returns whether nothing is out of date.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty() && self.plans.is_empty() && self.workflows.is_empty()
    }
}
