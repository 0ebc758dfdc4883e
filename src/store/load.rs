//! Loading: snapshots, then newer events, then what people wrote since. A bad file is reported and stops nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::files::read_regular;
use super::journal::{JournalContent, read_journal};
use super::plan_file::PlanFile;
use super::ticket_file::{TicketFile, brief_digest, json_problem};
use super::{Layout, StoreError, Touched};
use crate::domain::command::Command;
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{Fleet, Input, Outbox, Policy};
use crate::domain::ids::{PlanId, TicketId, TicketKey};
use crate::domain::problem::Problem;
use crate::domain::ticket::Ticket;
use crate::domain::workflow::Workflow;

/// What a state directory holds.
#[derive(Debug)]
pub struct Loaded {
    /// Everything the journal says.
    pub fleet: Fleet,
    /// What people wrote into files since, to be carried out first.
    pub wanted: Vec<Command>,
    /// Where the journal's last whole record ends, in bytes.
    pub journal_end: u64,
    /// What the journal says and no snapshot includes.
    pub stale: Touched,
    /// Defective files.
    pub problems: Vec<Problem>,
    /// Those of them that are the engine's own: no edit of a plan makes them go away.
    pub damage: Vec<Problem>,
}

/// Up to where the snapshots include the journal.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkpoint {
    /// The last event every snapshot includes.
    pub(super) seq: u64,
    /// Where the journal continues after it, in bytes.
    pub(super) offset: u64,
}

/// Reads a state directory without the lock: what is there now, files people edited included. Changes nothing.
pub fn read(state: &Path) -> Result<Loaded, StoreError> {
    let mut loaded = load(&Layout::new(state))?;
    loaded.fleet.policy = Policy { dispatch: false, ..Policy::default() };
    let now = crate::domain::time::Timestamp(jiff::Timestamp::now().as_millisecond());
    for command in std::mem::take(&mut loaded.wanted) {
        loaded.fleet.step(now, Input::Command(command), &mut Outbox::default());
    }
    Ok(loaded)
}

/// Loads a state directory.
pub(super) fn load(layout: &Layout) -> Result<Loaded, StoreError> {
    // Read first: who loads while an engine writes must not find a checkpoint that is newer than the snapshots it read.
    let checkpoint = read_checkpoint(layout);
    let scan = scan(layout);
    let suspects = scan.suspects();
    let mut damage = Vec::new();
    let workflows = read_workflows(layout, &mut damage);
    let whole = suspects.is_empty() && scan.has_workflows(&workflows);
    let checkpoint = if whole { checkpoint } else { Checkpoint::default() };
    let journal = read_from(layout, checkpoint)?;
    damage.extend(journal.problems.iter().cloned());

    let mut fleet = Fleet { workflows, ..Fleet::default() };
    fleet.seq = checkpoint.seq;
    let included = scan.insert_snapshots(&mut fleet, &suspects);
    let mut stale = Touched::default();
    for recorded in &journal.events {
        if included.has(recorded) {
            fleet.seq = recorded.seq;
        } else {
            stale.add(std::slice::from_ref(recorded));
            fleet.apply(recorded);
        }
    }
    let mut wanted = scan.wanted();
    let problems: Vec<Problem> = scan.problems.into_iter().chain(damage.iter().cloned()).collect();
    wanted.push(Command::SetProblems { problems: problems.clone() });
    Ok(Loaded { fleet, wanted, journal_end: journal.end, stale, problems, damage })
}

/// Reads the journal from the checkpoint on, or all of it where the checkpoint does not fit.
fn read_from(layout: &Layout, checkpoint: Checkpoint) -> Result<JournalContent, StoreError> {
    let content = read_journal(&layout.journal(), checkpoint.offset)?;
    let fits = content.events.first().is_none_or(|first| first.seq == checkpoint.seq.saturating_add(1));
    if checkpoint.offset == 0 || (fits && content.problems.is_empty()) {
        return Ok(content);
    }
    read_journal(&layout.journal(), 0)
}

fn read_checkpoint(layout: &Layout) -> Checkpoint {
    let text = read_regular(&layout.checkpoint()).unwrap_or_default();
    let checkpoint: Checkpoint = serde_json::from_str(&text).unwrap_or_default();
    let length = fs::metadata(layout.journal()).map(|meta| meta.len()).unwrap_or_default();
    if checkpoint.offset <= length { checkpoint } else { Checkpoint::default() }
}

fn read_workflows(layout: &Layout, problems: &mut Vec<Problem>) -> BTreeMap<String, Arc<Workflow>> {
    let mut workflows = BTreeMap::new();
    for path in json_files(&layout.workflows()) {
        let name = path.display().to_string();
        let parsed = read_regular(&path)
            .map_err(|error| unreadable(&name, &error))
            .and_then(|text| serde_json::from_str::<Workflow>(&text).map_err(|error| json_problem(&name, &error)));
        match parsed {
            Ok(workflow) => {
                workflows.insert(workflow.digest.clone(), Arc::new(workflow));
            }
            Err(problem) => problems.push(problem),
        }
    }
    workflows
}

/// A ticket's order and its blockers.
type Place = (i64, Vec<TicketKey>);

/// All plan and ticket files, parsed as far as they can be.
#[derive(Default)]
struct Scan {
    plans: BTreeMap<PlanId, PlanFile>,
    tickets: BTreeMap<TicketKey, TicketFile>,
    broken: BTreeSet<TicketKey>,
    broken_plan: bool,
    problems: Vec<Problem>,
}

fn scan(layout: &Layout) -> Scan {
    let mut scan = Scan::default();
    let mut dirs: Vec<_> = fs::read_dir(layout.plans()).into_iter().flatten().flatten().collect();
    dirs.sort_by_key(fs::DirEntry::file_name);
    for dir in dirs {
        let name = dir.file_name().to_string_lossy().into_owned();
        match PlanId::new(name.clone()) {
            Ok(plan) => scan.plan(layout, &plan),
            Err(error) if !name.starts_with('.') => {
                scan.problems.push(Problem::in_file(dir.path().display().to_string(), error.to_string()));
            }
            Err(_) => {}
        }
    }
    scan
}

impl Scan {
    fn plan(&mut self, layout: &Layout, plan: &PlanId) {
        let path = layout.plan_file(plan);
        let name = path.display().to_string();
        let read = read_regular(&path).map_err(|error| unreadable(&name, &error));
        match read.and_then(|text| Ok((PlanFile::parse(&name, &text, plan.as_str())?, text))) {
            Ok((file, text)) => {
                self.problems.extend(file.problems(&name, &text));
                self.plans.insert(plan.clone(), file);
            }
            Err(problem) => {
                self.problems.push(problem);
                self.broken_plan = true;
            }
        }
        for path in json_files(&layout.tickets(plan)) {
            self.ticket(plan, &path);
        }
    }

    fn ticket(&mut self, plan: &PlanId, path: &Path) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = path.display().to_string();
        let id = match TicketId::new(stem.clone()) {
            Ok(id) => id,
            Err(error) => return self.problems.push(Problem::in_file(name, error.to_string())),
        };
        let key = TicketKey::new(plan.clone(), id);
        let read = read_regular(path).map_err(|error| unreadable(&name, &error));
        match read.and_then(|text| TicketFile::parse(&name, &text, plan, &stem)) {
            Ok(file) => {
                self.tickets.insert(key, file);
            }
            Err(problem) => {
                self.problems.push(problem);
                self.broken.insert(key);
            }
        }
    }

    /// Lists the tickets whose snapshot cannot be used as it is: damaged, edited, or gone though the engine's plan file
    /// lists them. The whole journal is read for them.
    fn suspects(&self) -> BTreeSet<TicketKey> {
        let edited = self.tickets.iter().filter(|(key, file)| file.state.is_some() && is_brief_edited(file, &key.plan));
        let mut suspects: BTreeSet<TicketKey> = edited.map(|(key, _)| key.clone()).collect();
        suspects.extend(self.broken.iter().cloned());
        for (plan, file) in self.plans.iter().filter(|(_, file)| file.seq.is_some()) {
            let listed = file.tickets.iter().map(|entry| TicketKey::new(plan.clone(), entry.ticket_id.clone()));
            suspects.extend(listed.filter(|key| !self.tickets.contains_key(key)));
        }
        if self.broken_plan {
            suspects.extend(self.tickets.keys().cloned());
        }
        suspects
    }

    /// Returns whether every workflow version that a ticket walks is there.
    fn has_workflows(&self, known: &BTreeMap<String, Arc<Workflow>>) -> bool {
        let walked = self.tickets.values().filter_map(|file| file.state.as_ref()?.progress.workflow_digest.as_ref());
        walked.into_iter().all(|digest| known.contains_key(digest))
    }

    /// Puts usable snapshots into the fleet and says what they include.
    fn insert_snapshots(&self, fleet: &mut Fleet, suspects: &BTreeSet<TicketKey>) -> Included {
        let mut included = Included::default();
        for (id, file) in &self.plans {
            if let Some(seq) = file.seq {
                fleet.plans.insert(id.clone(), file.plan());
                included.plans.insert(id.clone(), seq);
            }
        }
        let places = self.places();
        for (key, file) in self.tickets.iter().filter(|(key, _)| !suspects.contains(key)) {
            let (Some(state), Some((order, blocked_by))) = (&file.state, places.get(key).cloned()) else { continue };
            let ticket = Ticket { brief: file.brief(&key.plan), order, blocked_by, progress: state.progress.clone() };
            fleet.tickets.insert(key.clone(), Arc::new(ticket));
            included.tickets.insert(key.clone(), state.seq);
        }
        included
    }

    /// Returns the order and the blockers of every ticket whose plan can be read; one that its plan does not list comes
    /// last.
    fn places(&self) -> BTreeMap<TicketKey, Place> {
        let mut places = BTreeMap::new();
        for (plan, file) in &self.plans {
            let key = |id: &TicketId| TicketKey::new(plan.clone(), id.clone());
            for entry in &file.tickets {
                let blocked_by = entry.blocked_by.iter().map(key).collect();
                places.entry(key(&entry.ticket_id)).or_insert((entry.order, blocked_by));
            }
        }
        for key in self.tickets.keys() {
            if let Some(file) = self.plans.get(&key.plan) {
                places.entry(key.clone()).or_insert_with(|| (file.after_all(), Vec::new()));
            }
        }
        places
    }

    /// Lists what people wrote into the files, to be compared with what the journal knows. Files that are as the engine
    /// wrote them say nothing: they may be older than the journal.
    fn wanted(&self) -> Vec<Command> {
        let edited: BTreeSet<&PlanId> =
            self.plans.iter().filter(|(_, file)| file.is_edited()).map(|(plan, _)| plan).collect();
        let plans = self.plans.iter().filter(|(plan, _)| edited.contains(plan));
        let plans = plans.map(|(_, file)| Command::PutPlan { plan: file.plan() });
        let places = self.places();
        let tickets = self.tickets.iter().filter_map(|(key, file)| {
            let is_edited = edited.contains(&key.plan) || is_brief_edited(file, &key.plan);
            let (order, blocked_by) = places.get(key).filter(|_| is_edited)?.clone();
            Some(Command::PutTicket { brief: file.brief(&key.plan), order, blocked_by })
        });
        plans.chain(tickets).collect()
    }
}

/// Which events the snapshots include.
#[derive(Default)]
struct Included {
    plans: BTreeMap<PlanId, u64>,
    tickets: BTreeMap<TicketKey, u64>,
}

impl Included {
    fn has(&self, recorded: &Recorded) -> bool {
        let seq = match &recorded.event {
            Event::PlanPut { plan } => self.plans.get(&plan.id),
            Event::PlanPaused { plan } | Event::PlanResumed { plan } => self.plans.get(plan),
            // Order and blockers are in the plan's file, which may be older than the ticket's.
            Event::TicketPut { brief, .. } => {
                self.tickets.get(&brief.key).zip(self.plans.get(&brief.key.plan)).map(|(ticket, plan)| ticket.min(plan))
            }
            Event::Ticket { key, .. } => self.tickets.get(key),
            Event::WorkflowLoaded { .. } => None,
        };
        seq.is_some_and(|seq| recorded.seq <= *seq)
    }
}

/// Reads again the files of a plan that changed while an engine runs, and says what follows from them: commands that
/// take over what was added or edited, and the problems of all files as they are now.
pub fn changed_files(layout: &Layout) -> (Vec<Command>, Vec<Problem>) {
    let scan = scan(layout);
    (scan.wanted(), scan.problems)
}

/// Returns whether a file below the plans may say something else than the engine last wrote there. Cheap: an engine's
/// own writes have to be told from a person's for every one of them.
pub fn is_edited(layout: &Layout, path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
    if path.is_dir() {
        // What was written into a new directory before it was watched tells nobody.
        return !hidden;
    }
    if hidden || path.extension().is_none_or(|extension| extension != "json") {
        return false;
    }
    let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { return true };
    let plan = path.ancestors().find(|above| above.parent() == Some(&layout.plans()));
    let plan = plan.and_then(Path::file_name).and_then(|name| PlanId::new(name.to_string_lossy()).ok());
    let (Some(plan), Ok(text)) = (plan, read_regular(path)) else { return true };
    if path == layout.plan_file(&plan) {
        return PlanFile::parse("", &text, plan.as_str()).map_or(true, |file| file.is_edited());
    }
    TicketFile::parse("", &text, &plan, stem).map_or(true, |file| is_brief_edited(&file, &plan))
}

/// Returns whether a person changed the brief since the engine wrote it, or no engine did.
fn is_brief_edited(file: &TicketFile, plan: &PlanId) -> bool {
    file.state.as_ref().is_none_or(|state| state.brief != brief_digest(&file.brief(plan)))
}

fn json_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|extension| extension == "json")
    });
    paths.sort();
    paths
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let message = if missing { "does not exist".to_owned() } else { format!("cannot be read: {error}") };
    Problem::in_file(name, message)
}
