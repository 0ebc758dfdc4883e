//! The checker: knows nothing of how the run went but what is on disk, and says every rule that is broken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use aotui::domain::event::{Event, Recorded, TicketEvent};
use aotui::domain::fleet::Fleet;
use aotui::domain::session::Outcome;
use aotui::domain::ticket::Progress;
use aotui::store;
use serde_json::Value;

use super::field::{Field, ITEMS, LINES, Pace};
use super::witness::Witness;

/// How long processes may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// What is known of a run besides what is on disk.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Sessions whose holder was killed; `None` where that is not known, or where more than kills went wrong.
    pub(super) killed: Option<BTreeSet<String>>,
}

/// Returns what is wrong after a run that came to its end; empty means that every invariant holds.
pub(super) fn broken(field: &Field, known: &Known) -> Vec<String> {
    let mut wrong = Vec::new();
    let witness = Witness::read(&field.home.path("witness"));
    let told = journal(field, &mut wrong);
    ends(field, &told, &mut wrong);
    sessions(&told, &witness, known, &mut wrong);
    items(field, &told, &mut wrong);
    recordings(field, &witness, known, &mut wrong);
    repository(field, &mut wrong);
    processes(field, &mut wrong);
    wrong
}

/// What the journal tells.
#[derive(Default)]
struct Told {
    fleet: Fleet,
    intended: BTreeSet<String>,
    /// How each session ended; a look of a poll that found nothing has no entry.
    outcomes: BTreeMap<String, Outcome>,
    /// How often each phase of each ticket and walk succeeded. None of the workflows here goes back.
    successes: BTreeMap<String, u32>,
}

/// Replays the journal event by event: nothing runs again after its success was recorded, nothing ends twice.
fn journal(field: &Field, wrong: &mut Vec<String>) -> Told {
    let content = store::read_journal(&field.home.state().join("journal.jsonl"), 0).unwrap();
    wrong.extend(content.problems.iter().map(|problem| format!("the journal is damaged: {problem}")));
    let mut told = Told::default();
    for recorded in &content.events {
        if recorded.seq != told.fleet.seq + 1 {
            wrong.push(format!("event {} follows event {}", recorded.seq, told.fleet.seq));
        }
        event(&mut told, recorded, wrong);
        told.fleet.apply(recorded);
    }
    told
}

fn event(told: &mut Told, recorded: &Recorded, wrong: &mut Vec<String>) {
    let Event::Ticket { key, what } = &recorded.event else { return };
    let Some(progress) = told.fleet.ticket(key).map(|ticket| &ticket.progress) else {
        return wrong.push(format!("{key} does not exist, but {what:?}"));
    };
    match what {
        TicketEvent::SessionIntended { session, .. } => {
            if let Some(open) = progress.status.session() {
                wrong.push(format!("{session} is begun while {open} is open"));
            }
            if done_before(progress) {
                wrong.push(format!("{session} runs {:?} again after its success was recorded", progress.phase));
            }
            if !told.intended.insert(session.to_string()) {
                wrong.push(format!("{session} is intended twice"));
            }
        }
        TicketEvent::AttemptEnded { outcome, .. } => {
            if done_before(progress) {
                wrong.push(format!("{key}: {:?} ended again after its success was recorded", progress.phase));
            }
            if *outcome == Outcome::Success
                && let Some(phase) = &progress.phase
            {
                *told.successes.entry(format!("{} {phase}", key.name())).or_default() += 1;
            }
            let session = progress.status.session().map(ToString::to_string);
            if let Some(session) = session
                && told.outcomes.insert(session.clone(), outcome.clone()).is_some()
            {
                wrong.push(format!("the end of {session} is recorded twice"));
            }
        }
        _ => {}
    }
}

/// Returns whether this visit of the phase had its success already.
fn done_before(progress: &Progress) -> bool {
    let Some(phase) = &progress.phase else { return false };
    let visit = progress.visits.get(phase).copied().unwrap_or_default();
    progress
        .own_history()
        .any(|entry| entry.phase == *phase && entry.visit == visit && entry.outcome == Outcome::Success)
}

/// No ticket is lost or stuck, and the snapshots are what the journal says.
fn ends(field: &Field, told: &Told, wrong: &mut Vec<String>) {
    let loaded = store::read(&field.home.state()).unwrap();
    wrong.extend(loaded.problems.iter().map(|problem| format!("a file is defective: {problem}")));
    if loaded.fleet.tickets != told.fleet.tickets || loaded.fleet.plans != told.fleet.plans {
        wrong.push("loading gives another fleet than replaying the journal".to_owned());
    }
    if loaded.fleet.workflows != told.fleet.workflows {
        wrong.push("loading gives other workflows than replaying the journal".to_owned());
    }
    if !field.is_over(&told.fleet) {
        for ticket in told.fleet.tickets.values() {
            wrong.push(format!("{}: {:?}", ticket.brief.key, ticket.progress.status));
        }
        wrong.push(format!("of {} tickets {} are known", field.tickets.len(), told.fleet.tickets.len()));
    }
    for ticket in told.fleet.tickets.values() {
        let id = &ticket.brief.key.ticket;
        let text = fs::read(field.home.state().join(format!("plans/repo/tickets/{id}.json"))).unwrap_or_default();
        let file: Value = serde_json::from_slice(&text).unwrap_or_default();
        let snapshot = serde_json::from_value::<Progress>(file["state"]["progress"].clone());
        if snapshot.ok().as_ref() != Some(&ticket.progress) {
            wrong.push(format!("the snapshot of {id} is not what the journal says"));
        }
    }
}

/// What the scripts wrote down agrees with the journal.
fn sessions(told: &Told, witness: &Witness, known: &Known, wrong: &mut Vec<String>) {
    for (session, times) in &witness.begun {
        if *times > 1 {
            wrong.push(format!("{session} was started {times} times"));
        }
        if !told.intended.contains(session) {
            wrong.push(format!("{session} was started without an intent"));
        }
    }
    for session in &witness.overlapping {
        wrong.push(format!("{session} began while an earlier session of its ticket was alive"));
    }
    let Some(killed) = &known.killed else { return };
    for session in witness.over.keys().filter(|session| !killed.contains(*session)) {
        if told.outcomes.get(session) != Some(&Outcome::Success) {
            wrong.push(format!("{session} came to its end, but {:?}", told.outcomes.get(session)));
        }
    }
    for (session, outcome) in &told.outcomes {
        match outcome {
            Outcome::Success => {}
            Outcome::Interrupted if killed.contains(session) || !witness.begun.contains_key(session) => {}
            other => wrong.push(format!("{session} was not touched, but {other:?}")),
        }
    }
}

/// Every item of every list, and every branch, was done once, whatever was killed.
fn items(field: &Field, told: &Told, wrong: &mut Vec<String>) {
    for (what, times) in told.successes.iter().filter(|(_, times)| **times > 1) {
        wrong.push(format!("{what} succeeded {times} times"));
    }
    if field.pace != Pace::Dividing {
        return;
    }
    let files = field.home.git(&field.repo, &["ls-tree", "-r", "--name-only", "main"]);
    for id in &field.tickets {
        for n in 1..=ITEMS {
            for phase in ["make", "show"] {
                if !told.successes.contains_key(&format!("{id}/parts.{n} {phase}")) {
                    wrong.push(format!("{phase} of item {n} of {id} was skipped"));
                }
            }
            if !files.lines().any(|file| file == format!("parts/{id}.{n}")) {
                wrong.push(format!("item {n} of {id} is not on main"));
            }
        }
        for branch in ["left", "right"] {
            if !told.successes.contains_key(&format!("{id}/views.{branch} {branch}")) {
                wrong.push(format!("branch {branch} of {id} was skipped"));
            }
        }
    }
}

/// A recording has every line its script printed, in order; where its holder was killed, no line is missing between.
fn recordings(field: &Field, witness: &Witness, known: &Known, wrong: &mut Vec<String>) {
    for session in witness.begun.keys() {
        let output = fs::read(field.sessions().join(session).join("output.raw")).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let told: Vec<&str> = output.lines().filter(|line| line.starts_with("line ")).collect();
        let expected: Vec<String> = (1..=told.len()).map(|n| format!("line {n} of {session}")).collect();
        // The last line of a holder that was killed may be cut.
        let whole = told.len().saturating_sub(usize::from(!witness.over.contains_key(session)));
        if told.get(..whole) != Some(&expected.iter().map(String::as_str).collect::<Vec<_>>()[..whole]) {
            wrong.push(format!("the recording of {session} has a hole: {told:?}"));
        }
        let spared = known.killed.as_ref().is_some_and(|killed| !killed.contains(session));
        let printed = [0, LINES].contains(&told.len());
        if spared && witness.over.contains_key(session) && !printed {
            wrong.push(format!("the recording of {session} is not complete: {told:?}"));
        }
    }
}

/// Every ticket landed exactly once, nothing it made is lost, no worktree is left, the user's checkout is clean.
fn repository(field: &Field, wrong: &mut Vec<String>) {
    let git = |args: &[&str]| field.home.git(&field.repo, args);
    let landed = git(&["log", "--first-parent", "--format=%s", "main"]);
    for id in &field.tickets {
        let times = landed.lines().filter(|subject| subject.starts_with(&format!("{id}: "))).count();
        if times != 1 {
            wrong.push(format!("{id} landed {times} times"));
        }
    }
    let files = git(&["ls-tree", "-r", "--name-only", "main"]);
    let files: BTreeSet<&str> = files.lines().collect();
    let refs = git(&["for-each-ref", "--format=%(refname)"]);
    for id in &field.tickets {
        for made in [format!("cut/{id}.txt"), format!("shape/{id}.txt")] {
            if !files.contains(made.as_str()) {
                wrong.push(format!("{made} is not on main"));
            }
        }
        if !refs.lines().any(|name| name == format!("refs/heads/aotui/repo/{id}")) {
            wrong.push(format!("the branch of {id} is gone"));
        }
    }
    let worktrees = git(&["worktree", "list"]);
    if worktrees.lines().count() != 1 {
        wrong.push(format!("worktrees are left:\n{worktrees}"));
    }
    let left: Vec<_> = fs::read_dir(field.home.state().join("worktrees/repo"))
        .map(|found| found.flatten().map(|entry| entry.file_name()).collect())
        .unwrap_or_default();
    if !left.is_empty() {
        wrong.push(format!("directories of worktrees are left: {left:?}"));
    }
    let status = git(&["status", "--porcelain"]);
    if !status.is_empty() {
        wrong.push(format!("the user's checkout is not clean:\n{status}"));
    }
    git(&["fsck", "--no-dangling", "--no-progress"]);
}

/// Nothing of the run is alive.
fn processes(field: &Field, wrong: &mut Vec<String>) {
    let marker = field.home.path("").display().to_string();
    let deadline = Instant::now() + GONE;
    while !field.home.processes_naming(&marker).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    for pid in field.home.processes_naming(&marker) {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        wrong.push(format!("process {pid} is left: {}", line.replace('\0', " ")));
    }
}
