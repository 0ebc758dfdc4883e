//! State on disk: the journal is the truth, snapshots are what people read and what makes loading fast.
//!
//! Owns everything below the state directory except sessions and worktrees. The journal is written and fsynced before
//! anything is done; a snapshot carries the journal sequence it includes; loading is snapshots plus newer events.
//! Only who holds the [`Lock`] writes; [`read`] needs no lock.
//!
//! ```text
//! STATE/engine.lock            held by the engine; names it
//! STATE/format.json            which form all this has
//! STATE/journal.jsonl          one line per step: {"seq":…,"at":…,"events":[…],"input":…,"crc":"…"}
//! STATE/journal/N.jsonl        older parts of it, by the first event they hold
//! STATE/journal/N.base.json    how everything stood before event N
//! STATE/checkpoint.json        up to where snapshots include the journal
//! STATE/plans/PLAN/plan.json   a plan and the order of its tickets
//! STATE/plans/PLAN/tickets/ID.json
//! STATE/workflows/DIGEST.json  workflow versions tickets walk
//! STATE/sessions/ STATE/spool/ STATE/worktrees/ STATE/logs/
//! ```
//!
//! A damaged file is put aside as `NAME.corrupt-TIME` and written again from the journal; nothing is thrown away unread.

#[cfg(test)]
mod asked;
mod audit;
mod elsewhere;
mod files;
mod history;
mod journal;
mod json_keys;
mod layout;
mod load;
mod lock;
mod plan_file;
mod quarantine;
mod scan;
mod seal;
mod segments;
mod snapshots;
#[cfg(test)]
mod tests;
mod ticket_file;

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

#[cfg(test)]
pub(crate) use asked::{keys_of_files, problems_of_plan, problems_of_ticket};
pub use audit::{Snapshot, all_steps, read_steps, snapshots};
pub use history::{History, JournalContent, Position, history, read_journal};
pub use journal::Journal;
pub use layout::Layout;
pub use load::{Loaded, read};
pub use lock::{Lock, LockHolder, holder};
pub use scan::{changed_files, is_edited};
pub use snapshots::{Job, Snapshots};

use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, TicketKey};
use crate::domain::problem::Problem;

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
        let (plain, path) = (format!("cannot {what}"), path.display());
        let (what, full) = (format!("{plain} {path}"), format!("the disk with {path} is full: {plain} it"));
        move |error| Self::Io { what: if is_full(&error) { full } else { what }, error }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
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
    /// Takes the lock, loads the state and mends what is damaged. The lock is held until the store is dropped.
    pub fn open(state: &Path) -> Result<(Self, Loaded), StoreError> {
        let layout = Layout::new(state);
        layout.create()?;
        let lock = Lock::take(&layout)?;
        let mut loaded = load::load(&layout)?;
        if let Some(why) = loaded.newer.take() {
            return Err(StoreError::Journal(why));
        }
        let kept = keep_torn_end(&layout, &loaded);
        let mut journal = Journal::open(&layout, loaded.fleet.seq, loaded.journal_end)?;
        // A disk that is full must not keep an engine from looking after what runs: what cannot be mended now is found
        // and told again by the next start.
        let begun = if loaded.hurt { journal.rotate(&loaded.fleet) } else { Ok(()) };
        for error in [begun, snapshots::write_format(&layout), kept].into_iter().filter_map(Result::err) {
            tracing::warn!("{error}");
        }
        let restored = std::mem::take(&mut loaded.restored).into_iter().map(put_aside).collect();
        loaded.report(restored);
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
        self.stale = snapshots::write(&self.layout, &job).left;
        self.journal.rotate_if_full(fleet);
    }
}

/// Keeps what a crash left behind the last whole record, which is about to be cut off.
fn keep_torn_end(layout: &Layout, loaded: &Loaded) -> Result<(), StoreError> {
    let path = layout.journal();
    if !loaded.torn {
        return Ok(());
    }
    let mut end = Vec::new();
    let read = std::fs::File::open(&path).and_then(|mut file| {
        file.seek(SeekFrom::Start(loaded.journal_end))?;
        file.take(segments::MAX_LINE).read_to_end(&mut end)
    });
    read.and_then(|_| quarantine::keep_part(&path, &end))
        .map(drop)
        .map_err(StoreError::io("keep the torn end of", &path))
}

/// Puts a damaged file aside whose content the journal has, and says so.
fn put_aside(damage: scan::Damage) -> Problem {
    match quarantine::put_aside(&damage.path) {
        Ok(aside) => {
            let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
            damage.problem.hint(format!("restored from the journal; what was there is kept as {name}"))
        }
        Err(error) => damage.problem.hint(format!("the journal has it; the file cannot be put aside: {error}")),
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
    /// What concerns all tickets at once, which is in the checkpoint.
    pub whole: bool,
}

impl Touched {
    /// Adds what the events touched.
    pub fn add(&mut self, events: &[Recorded]) {
        use TicketEvent::{Completed, Retried, Skipped, TakenOver};
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
                Event::ModeChanged { .. }
                | Event::ClockRead { .. }
                | Event::NightOver { .. }
                | Event::NightLifted { .. }
                | Event::AccountHeld { .. }
                | Event::AccountTried { .. }
                | Event::AccountReleased { .. } => self.whole = true,
                // Walks are in the file of their ticket.
                Event::Ticket { key, what } => {
                    self.tickets.insert(key.root());
                    // With its last ticket a plan is complete, and no longer when one of them goes on.
                    if matches!(what, Completed { .. } | Retried { .. } | Skipped { .. } | TakenOver { .. }) {
                        self.plans.insert(key.plan.clone());
                    }
                }
            }
        }
    }

    /// Takes over what another set names.
    pub fn merge(&mut self, other: Touched) {
        self.tickets.extend(other.tickets);
        self.plans.extend(other.plans);
        self.workflows.extend(other.workflows);
        self.whole |= other.whole;
    }

    /// Returns whether nothing is out of date.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty() && self.plans.is_empty() && self.workflows.is_empty() && !self.whole
    }
}
