//! The files of plans and tickets, read as far as they can be read, and what follows from them.
//!
//! A defect is one of two kinds. What a person can have written stays where it is until they correct it; the last good
//! version stays in force. What only a machine can have done to a file (cut short, not text, a wrong checksum) is
//! damage: the journal has what was there. Reads, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Layout;
use super::files::read_regular;
use super::plan_file::PlanFile;
use super::seal::unseal;
use super::ticket_file::{TicketFile, brief_digest, json_problem};
use crate::domain::command::Command;
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, TicketId, TicketKey};
use crate::domain::problem::Problem;
use crate::domain::ticket::Ticket;
use crate::domain::workflow::Workflow;

/// A ticket's order and its blockers.
type Place = (i64, Vec<TicketKey>);

/// What a file is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Plan(PlanId),
    Ticket(TicketKey),
    /// Something the engine keeps for itself.
    Own,
}

/// A file that is damaged.
#[derive(Debug, Clone)]
pub(super) struct Damage {
    pub(super) path: PathBuf,
    pub(super) subject: Subject,
    pub(super) problem: Problem,
}

/// What is wrong with a file.
pub(super) enum Defect {
    /// A person can have written it.
    Written(Problem),
    /// Only a machine can have done it.
    Damaged(Problem),
}

impl From<Problem> for Defect {
    fn from(problem: Problem) -> Self {
        Self::Written(problem)
    }
}

/// All plan and ticket files, parsed as far as they can be.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) plans: BTreeMap<PlanId, PlanFile>,
    pub(super) tickets: BTreeMap<TicketKey, TicketFile>,
    broken: BTreeSet<TicketKey>,
    broken_plan: bool,
    pub(super) problems: Vec<Problem>,
    pub(super) damage: Vec<Damage>,
}

/// Reads the files of all plans.
pub(super) fn scan(layout: &Layout) -> Scan {
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
        let read = read_text(&path).and_then(|text| Ok((PlanFile::parse(&name, &text, plan.as_str())?, text)));
        match read {
            Ok((file, text)) => {
                self.problems.extend(file.problems(&name, &text));
                self.plans.insert(plan.clone(), file);
            }
            Err(defect) => {
                self.defect(path, Subject::Plan(plan.clone()), defect);
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
        match read_text(path).and_then(|text| TicketFile::parse(&name, &text, plan, &stem)) {
            Ok(file) => {
                if file.state.as_ref().is_some_and(|state| state.progress().is_none()) {
                    let message = "`state` is not as aotui wrote it";
                    let defect = Defect::Damaged(Problem::in_file(name, message));
                    self.defect(path.to_path_buf(), Subject::Ticket(key.clone()), defect);
                }
                self.tickets.insert(key, file);
            }
            Err(defect) => {
                self.defect(path.to_path_buf(), Subject::Ticket(key.clone()), defect);
                self.broken.insert(key);
            }
        }
    }

    fn defect(&mut self, path: PathBuf, subject: Subject, defect: Defect) {
        match defect {
            Defect::Written(problem) => self.problems.push(problem),
            Defect::Damaged(problem) => self.damage.push(Damage { path, subject, problem }),
        }
    }

    /// Returns all that is wrong, damage last.
    pub(super) fn all_problems(self) -> Vec<Problem> {
        self.problems.into_iter().chain(self.damage.into_iter().map(|damage| damage.problem)).collect()
    }

    /// Lists the tickets whose snapshot cannot be used as it is: damaged, edited, without what an engine wrote, or gone
    /// though the engine's plan file lists them. The journal is read from its newest base on for them.
    pub(super) fn suspects(&self) -> BTreeSet<TicketKey> {
        let is_suspect = |(key, file): &(&TicketKey, &TicketFile)| match &file.state {
            Some(state) => is_brief_edited(file, &key.plan) || state.progress().is_none(),
            None => true,
        };
        let mut suspects: BTreeSet<TicketKey> =
            self.tickets.iter().filter(is_suspect).map(|(key, _)| key.clone()).collect();
        suspects.extend(self.broken.iter().cloned());
        for (plan, file) in self.plans.iter().filter(|(_, file)| file.seq.is_some()) {
            let listed = file.tickets.iter().map(|entry| TicketKey::new(plan.clone(), entry.ticket_id.clone()));
            suspects.extend(listed.filter(|key| !self.tickets.contains_key(key)));
        }
        suspects
    }

    /// Returns whether these plans are all there and as an engine wrote them.
    pub(super) fn has_plans(&self, known: &BTreeSet<PlanId>) -> bool {
        !self.broken_plan
            && self.plans.values().all(|file| !file.is_edited())
            && known.iter().all(|plan| self.plans.contains_key(plan))
    }

    /// Returns whether every workflow version that a ticket walks is there.
    pub(super) fn has_workflows(&self, known: &BTreeMap<String, Arc<Workflow>>) -> bool {
        let walked = self.tickets.values().filter_map(|file| file.state.as_ref()?.progress()?.workflow_digest.as_ref());
        walked.into_iter().all(|digest| known.contains_key(digest))
    }

    /// Returns the last event that any of the files includes.
    pub(super) fn last_seq(&self) -> u64 {
        let plans = self.plans.values().filter(|file| !file.is_edited()).filter_map(|file| file.seq);
        let whole =
            |file: &TicketFile| file.state.as_ref().filter(|state| state.progress().is_some()).map(|state| state.seq);
        plans.chain(self.tickets.values().filter_map(whole)).max().unwrap_or_default()
    }

    /// Puts usable snapshots that include event `from` into the fleet and says what they include.
    pub(super) fn insert_snapshots(&self, fleet: &mut Fleet, suspects: &BTreeSet<TicketKey>, from: u64) -> Included {
        let mut included = Included::default();
        for (id, file) in self.plans.iter().filter(|(_, file)| !file.is_edited()) {
            if let Some(seq) = file.seq.filter(|seq| *seq >= from) {
                fleet.plans.insert(id.clone(), file.plan());
                included.plans.insert(id.clone(), seq);
            }
        }
        let places = self.places();
        for (key, file) in self.tickets.iter().filter(|(key, _)| !suspects.contains(key)) {
            let Some(state) = file.state.as_ref().filter(|state| state.seq >= from) else { continue };
            let (Some(progress), Some((order, blocked_by))) = (state.progress(), places.get(key).cloned()) else {
                continue;
            };
            let ticket = Ticket { brief: file.brief(&key.plan), order, blocked_by, progress: progress.clone() };
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
    pub(super) fn wanted(&self) -> Vec<Command> {
        let edited: BTreeSet<&PlanId> =
            self.plans.iter().filter(|(_, file)| file.is_edited()).map(|(plan, _)| plan).collect();
        let plans = self.plans.iter().filter(|(plan, _)| edited.contains(plan));
        let plans = plans.map(|(_, file)| Command::PutPlan { plan: file.plan() });
        let places = self.places();
        let tickets = self.tickets.iter().filter_map(|(key, file)| {
            let is_edited = edited.contains(&key.plan) || is_brief_edited(file, &key.plan);
            let (order, blocked_by) = places.get(key).filter(|_| is_edited)?.clone();
            let put = Command::PutTicket { brief: file.brief(&key.plan), order, blocked_by };
            let progress = file.elsewhere().ok().flatten().map(Box::new);
            Some([Some(put), progress.map(|progress| Command::TakeOver { key: key.clone(), progress })])
        });
        plans.chain(tickets.flatten().flatten()).collect()
    }
}

/// Which events the snapshots include.
#[derive(Default)]
pub(super) struct Included {
    pub(super) plans: BTreeMap<PlanId, u64>,
    pub(super) tickets: BTreeMap<TicketKey, u64>,
}

impl Included {
    pub(super) fn has(&self, recorded: &Recorded) -> bool {
        let seq = match &recorded.event {
            Event::PlanPut { plan } => self.plans.get(&plan.id),
            Event::PlanPaused { plan } | Event::PlanResumed { plan } => self.plans.get(plan),
            // Order and blockers are in the plan's file, which may be older than the ticket's.
            Event::TicketPut { brief, .. } => {
                self.tickets.get(&brief.key).zip(self.plans.get(&brief.key.plan)).map(|(ticket, plan)| ticket.min(plan))
            }
            Event::Ticket { key, .. } => self.tickets.get(&key.root()),
            Event::WorkflowLoaded { .. }
            | Event::ModeChanged { .. }
            | Event::ClockRead { .. }
            | Event::NightOver { .. }
            | Event::NightLifted { .. }
            | Event::AccountHeld { .. }
            | Event::AccountTried { .. }
            | Event::AccountReleased { .. } => None,
        };
        seq.is_some_and(|seq| recorded.seq <= *seq)
    }
}

/// Reads again the files of a plan that changed while an engine runs, and says what follows from them: commands that
/// take over what was added or edited, and the problems of all files as they are now.
pub fn changed_files(layout: &Layout) -> (Vec<Command>, Vec<Problem>) {
    let scan = scan(layout);
    (scan.wanted(), scan.all_problems())
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

/// Reads the workflow versions that tickets walk. A damaged one is left out.
pub(super) fn read_workflows(layout: &Layout) -> (BTreeMap<String, Arc<Workflow>>, Vec<Damage>) {
    let mut workflows = BTreeMap::new();
    let mut damage = Vec::new();
    for path in json_files(&layout.workflows()) {
        let name = path.display().to_string();
        let parsed = read_text(&path).and_then(|text| {
            let whole = unseal(text.as_bytes()).ok_or_else(|| checksum(&name))?;
            serde_json::from_str::<Workflow>(&whole).map_err(|error| Defect::Damaged(json_problem(&name, &error)))
        });
        match parsed {
            Ok(workflow) => drop(workflows.insert(workflow.digest.clone(), Arc::new(workflow))),
            Err(Defect::Written(problem) | Defect::Damaged(problem)) => {
                damage.push(Damage { path, subject: Subject::Own, problem });
            }
        }
    }
    (workflows, damage)
}

/// Says that a file is not what its checksum says.
pub(super) fn checksum(name: &str) -> Defect {
    Defect::Damaged(Problem::in_file(name, "its checksum does not fit its content"))
}

fn read_text(path: &Path) -> Result<String, Defect> {
    let name = path.display().to_string();
    read_regular(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Defect::Written(Problem::in_file(name, "does not exist")),
        io::ErrorKind::InvalidData => Defect::Damaged(Problem::in_file(name, error.to_string())),
        _ => Defect::Written(Problem::in_file(name, format!("cannot be read: {error}"))),
    })
}
