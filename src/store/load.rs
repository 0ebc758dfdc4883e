//! Loading: snapshots, then newer events, then what people wrote since. A bad file is reported and stops nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::read_regular;
use super::history::{JournalContent, Position, read_after, read_from};
use super::scan::{Damage, Subject, read_workflows, scan};
use super::seal::unseal;
use super::{Layout, StoreError, Touched, segments};
use crate::domain::account::Hold;
use crate::domain::clock::Reading;
use crate::domain::command::Command;
use crate::domain::fleet::{Fleet, Input, Outbox, Policy};
use crate::domain::ids::PlanId;
use crate::domain::mode::Mode;
use crate::domain::problem::Problem;
use crate::domain::time::Timestamp;

/// What a state directory holds.
#[derive(Debug)]
pub struct Loaded {
    /// Everything the journal says.
    pub fleet: Fleet,
    /// What people wrote into files since, to be carried out first.
    pub wanted: Vec<Command>,
    /// Where the last whole record of the journal's open file ends, in bytes.
    pub journal_end: u64,
    /// What the journal says and no snapshot includes.
    pub stale: Touched,
    /// Defective files.
    pub problems: Vec<Problem>,
    /// Those of them that are the engine's own: no edit of a plan makes them go away.
    pub damage: Vec<Problem>,
    /// Damaged files whose content is known from the journal all the same.
    pub(super) restored: Vec<Damage>,
    /// Whether the journal cannot be read again to the same end.
    pub(super) hurt: bool,
    /// Whether the journal's end is not a whole record.
    pub(super) torn: bool,
    /// Why this state is not for this aotui to write.
    pub(super) newer: Option<String>,
}

/// Up to where the snapshots include the journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkpoint {
    /// The last event every snapshot includes.
    pub(super) seq: u64,
    /// First event of the file in which the journal continues after it.
    pub(super) segment: u64,
    /// Where in that file, in bytes.
    pub(super) offset: u64,
    /// The plans there were.
    pub(super) plans: BTreeSet<PlanId>,
    /// What concerns all tickets at once.
    #[serde(flatten)]
    pub(super) whole: Whole,
}

/// What concerns all tickets at once, of which no ticket or plan has a snapshot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Whole {
    mode: Mode,
    clock: Option<Reading>,
    at: Timestamp,
    mode_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    night_over: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    works_until: Option<Timestamp>,
    accounts: BTreeMap<String, Hold>,
}

impl Whole {
    /// Returns what `fleet` says.
    pub(super) fn of(fleet: &Fleet) -> Self {
        Self {
            mode: fleet.mode,
            clock: fleet.clock.clone(),
            at: fleet.at,
            mode_since: fleet.mode_since,
            night_over: fleet.night_over,
            works_until: fleet.works_until,
            accounts: fleet.accounts.clone(),
        }
    }
}

/// Reads a state directory without the lock: what is there now, files people edited included. Changes nothing.
pub fn read(state: &Path) -> Result<Loaded, StoreError> {
    let mut loaded = load(&Layout::new(state))?;
    let later = |damage: Damage| damage.problem.hint("the journal has it, and the next engine restores it");
    let restored: Vec<Problem> = std::mem::take(&mut loaded.restored).into_iter().map(later).collect();
    loaded.report(restored);
    loaded.report(loaded.newer.iter().map(|why| Problem::in_file(state.display().to_string(), why)).collect());
    loaded.fleet.policy = Policy { dispatch: false, ..Policy::default() };
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    for command in std::mem::take(&mut loaded.wanted) {
        loaded.fleet.step(now, Input::Command(command), &mut Outbox::default());
    }
    Ok(loaded)
}

impl Loaded {
    /// Adds problems with files of the engine's own.
    pub(super) fn report(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems.iter().cloned());
        self.damage.extend(problems);
    }
}

/// Loads a state directory.
pub(super) fn load(layout: &Layout) -> Result<Loaded, StoreError> {
    // Read first: who loads while an engine writes must not find a checkpoint that is newer than the snapshots it read.
    let checkpoint = read_checkpoint(layout);
    let scan = scan(layout);
    let suspects = scan.suspects();
    let (workflows, mut damage) = read_workflows(layout);
    let whole =
        |known: &Checkpoint| suspects.is_empty() && scan.has_plans(&known.plans) && scan.has_workflows(&workflows);
    let start = match checkpoint.filter(whole) {
        Some(checkpoint) => Start::at(layout, &checkpoint)?,
        None => None,
    };
    let Start { mut fleet, journal, snapshots_from, damaged_bases } = match start {
        Some(start) => start,
        None => Start::at_base(layout)?,
    };
    damage.extend(damaged_bases);

    fleet.workflows.extend(workflows.iter().map(|(digest, workflow)| (digest.clone(), workflow.clone())));
    let included = scan.insert_snapshots(&mut fleet, &suspects, snapshots_from);
    for recorded in &journal.events {
        if included.has(recorded) {
            fleet.seq = recorded.seq;
            fleet.at = recorded.at;
        } else {
            fleet.apply(recorded);
        }
    }
    let mut stale = Touched::default();
    stale.add(&journal.events.iter().filter(|recorded| !included.has(recorded)).cloned().collect::<Vec<_>>());
    stale.tickets.extend(fleet.tickets.keys().filter(|key| !included.tickets.contains_key(key)).cloned());
    stale.plans.extend(fleet.plans.keys().filter(|plan| !included.plans.contains_key(plan)).cloned());
    stale.workflows.extend(fleet.workflows.keys().filter(|digest| !workflows.contains_key(*digest)).cloned());

    let mut own = journal.problems;
    let lost = scan.last_seq();
    let hurt = !own.is_empty() || lost > fleet.seq;
    if lost > fleet.seq {
        let message = format!("it ends with event {}, but files of tickets include event {lost}", fleet.seq);
        own.push(Problem::in_file(layout.journal().display().to_string(), message));
        fleet.seq = lost;
    }
    own.extend(journal.torn.clone());
    let wanted = scan.wanted();
    damage.extend(scan.damage.iter().cloned());
    let (restored, gone): (Vec<Damage>, Vec<Damage>) = damage.into_iter().partition(|damage| match &damage.subject {
        Subject::Plan(plan) => fleet.plans.contains_key(plan),
        Subject::Ticket(key) => fleet.tickets.contains_key(key),
        Subject::Own => true,
    });
    let mut problems = scan.problems;
    problems.extend(gone.into_iter().map(|damage| damage.problem));
    let mut loaded = Loaded {
        fleet,
        wanted,
        journal_end: journal.end,
        stale,
        problems,
        damage: Vec::new(),
        restored,
        hurt,
        torn: journal.torn.is_some(),
        newer: journal.newer.or_else(|| newer_format(layout)),
    };
    loaded.report(own);
    Ok(loaded)
}

/// From where the journal is read, and what is known before.
struct Start {
    fleet: Fleet,
    journal: JournalContent,
    /// Snapshots that include less say nothing new.
    snapshots_from: u64,
    damaged_bases: Vec<Damage>,
}

impl Start {
    /// Begins where the snapshots include everything before; `None` where the journal does not agree.
    fn at(layout: &Layout, checkpoint: &Checkpoint) -> Result<Option<Self>, StoreError> {
        let position = Position { segment: checkpoint.segment, offset: checkpoint.offset };
        let Some(journal) = read_from(layout, position)? else { return Ok(None) };
        let fits = journal.events.first().is_none_or(|first| first.seq == checkpoint.seq.saturating_add(1));
        let Whole { mode, clock, at, mode_since, accounts, night_over, works_until } = checkpoint.whole.clone();
        let seq = checkpoint.seq;
        let fleet = Fleet { seq, mode, clock, at, mode_since, accounts, night_over, works_until, ..Fleet::default() };
        let start = Self { fleet, journal, snapshots_from: 0, damaged_bases: Vec::new() };
        Ok(Some(start).filter(|start| fits && start.journal.problems.is_empty()))
    }

    /// Begins with the newest base that is whole.
    fn at_base(layout: &Layout) -> Result<Self, StoreError> {
        let (fleet, damaged) = segments::newest_base(layout);
        let journal = read_after(layout, fleet.seq)?;
        let damaged_bases = damaged
            .into_iter()
            .map(|path| {
                let problem = Problem::in_file(path.display().to_string(), "it does not say how everything stood");
                Damage { path, subject: Subject::Own, problem }
            })
            .collect();
        Ok(Self { snapshots_from: fleet.seq, fleet, journal, damaged_bases })
    }
}

fn read_checkpoint(layout: &Layout) -> Option<Checkpoint> {
    let text = read_regular(&layout.checkpoint()).ok()?;
    serde_json::from_str(&unseal(text.as_bytes())?).ok()
}

/// The form of the state that this aotui writes.
pub(super) const FORMAT: u32 = 1;

/// What `format.json` says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Format {
    pub(super) format: u32,
}

/// Returns why the state is not for this aotui to write; `None` where it is.
fn newer_format(layout: &Layout) -> Option<String> {
    let text = read_regular(&layout.format()).ok()?;
    let said: Format = serde_json::from_str(&unseal(text.as_bytes())?).ok()?;
    let is_newer = said.format > FORMAT;
    is_newer.then(|| {
        format!(
            "the state was written by a newer aotui (form {}, this one knows {FORMAT}) and is only shown: use a newer \
             aotui",
            said.format
        )
    })
}
