//! Kills by chance: the engine with and without a screen, and holders, while tickets walk and a person answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::chance::Chance;
use super::check::{Known, broken};
use super::field::{Field, Pace};
use crate::harness::App;

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) kills: u64,
    /// At least so many tickets: more come while there are kills left.
    pub(super) tickets: u64,
    /// Sessions at the same time.
    pub(super) at_once: u64,
    /// What tickets walk, and how fast.
    pub(super) pace: Pace,
}

/// How long everything may take once nothing is killed any more.
const TO_THE_END: Duration = Duration::from_secs(300);

/// How often holders of one ticket are killed: five in a row are a failure by rule.
const HOLDERS_OF_ONE: u32 = 3;

/// Longest time an engine is left alone, in milliseconds.
const LIFE: u64 = 700;

/// What was killed.
#[derive(Debug, Default)]
struct Kills {
    engines: u64,
    screens: u64,
    sessions: BTreeSet<String>,
    of_ticket: BTreeMap<String, u32>,
}

impl Kills {
    fn count(&self) -> u64 {
        self.engines + self.screens + self.sessions.len() as u64
    }
}

/// An engine at work.
enum Engine {
    Alone(Child),
    Screen(Box<App>),
}

impl Engine {
    fn start(field: &Field, chance: &mut Chance) -> Self {
        if chance.below(4) == 0 {
            return Self::Screen(Box::new(App::start(&field.home, &field.repo, &[], (100, 30))));
        }
        let mut run = field.home.command(&field.repo, &["run"]);
        Self::Alone(run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn kill(self, kills: &mut Kills) {
        match self {
            Self::Alone(mut child) => {
                child.kill().unwrap();
                child.wait().unwrap();
                kills.engines += 1;
            }
            Self::Screen(mut app) => {
                app.kill();
                kills.screens += 1;
            }
        }
    }
}

/// Runs, kills, and checks.
pub(super) fn run(mut chance: Chance, size: Size) {
    let started = Instant::now();
    let mut field = Field::new(size.pace, size.at_once);
    field.add(size.tickets);
    let mut kills = Kills::default();
    torture(&mut field, &mut chance, size, &mut kills);
    let killing = started.elapsed();
    finish(&field);
    let known = Known { killed: Some(kills.sessions.clone()) };
    let wrong = broken(&field, &known);
    println!(
        "{} kills ({} engines, {} screens, {} holders) over {} tickets in {:.0} s, done after {:.0} s",
        kills.count(),
        kills.engines,
        kills.screens,
        kills.sessions.len(),
        field.tickets.len(),
        killing.as_secs_f32(),
        started.elapsed().as_secs_f32(),
    );
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), log_of(&field));
}

/// Kills until there were enough, with a person at work beside.
fn torture(field: &mut Field, chance: &mut Chance, size: Size, kills: &mut Kills) {
    while kills.count() < size.kills {
        let fleet = field.fleet();
        let open = fleet.tickets.values().filter(|ticket| !is_complete(ticket)).count() as u64;
        if open < size.at_once {
            field.add(size.at_once);
        }
        let engine = Engine::start(field, chance);
        let life = chance.millis(LIFE);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    field.answer();
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            std::thread::sleep(life);
            if chance.below(4) == 0 {
                kill_holder(field, chance, kills);
                std::thread::sleep(chance.millis(LIFE));
            }
            engine.kill(kills);
            over.store(true, Ordering::Relaxed);
        });
    }
}

fn is_complete(ticket: &aotui::domain::ticket::Ticket) -> bool {
    matches!(ticket.progress.status, aotui::domain::ticket::Status::Complete { .. })
}

/// Kills one holder, at whatever it does.
fn kill_holder(field: &Field, chance: &mut Chance, kills: &mut Kills) {
    let mut holders = holders(field);
    holders.retain(|(session, _)| {
        kills.of_ticket.get(ticket_of(session)).copied().unwrap_or_default() < HOLDERS_OF_ONE
            && !kills.sessions.contains(session)
    });
    let Some((session, pid)) = chance.one_of(holders) else { return };
    if kill_process(pid, Signal::KILL).is_ok() {
        *kills.of_ticket.entry(ticket_of(&session).to_owned()).or_default() += 1;
        kills.sessions.insert(session);
    }
}

fn ticket_of(session: &str) -> &str {
    session.rsplit_once('~').map_or(session, |(ticket, _)| ticket)
}

/// Finds the holders of this field by their command line.
fn holders(field: &Field) -> Vec<(String, Pid)> {
    let sessions = field.sessions().display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = command_line(pid);
        let words: Vec<&str> = line.split('\0').collect();
        // What a holder is about to turn into its program still has its command line.
        if parent_of(pid).is_some_and(|parent| command_line(parent) == line) {
            continue;
        }
        if let [_, "hold", dir, ..] = words.as_slice()
            && let Some(session) = dir.strip_prefix(&format!("{sessions}/"))
            && let Some(pid) = Pid::from_raw(pid)
        {
            found.push((session.to_owned(), pid));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn command_line(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Lets an engine bring everything to its end.
fn finish(field: &Field) {
    let deadline = Instant::now() + TO_THE_END;
    while !field.is_over(&field.fleet()) {
        assert!(Instant::now() < deadline, "it does not come to its end:\n{}\n{}", status(field), log_of(field));
        let run = field.home.command(&field.repo, &["run", "--until-done"]).output().unwrap();
        assert_ne!(run.status.code(), Some(3), "a ticket failed:\n{}\n{}", status(field), log_of(field));
        field.answer();
    }
    // Snapshots may lag behind the journal until an engine ends in order.
    field.home.ok(&field.repo, &["run", "--until-done"]);
}

/// Returns what a person would see, and why worktrees are still there.
fn status(field: &Field) -> String {
    let journal = fs::read_to_string(field.home.state().join("journal.jsonl")).unwrap_or_default();
    let kept: BTreeSet<&str> =
        journal.lines().filter_map(|line| line.split_once("workspaceKept")).map(|(_, why)| why).collect();
    let kept: Vec<&str> = kept.into_iter().take(20).collect();
    format!("{}\n{}", field.home.aotui(&field.repo, &["status"]).stdout, kept.join("\n"))
}

fn log_of(field: &Field) -> String {
    let logs = fs::read_dir(field.home.state().join("logs")).into_iter().flatten().flatten();
    let texts: Vec<String> = logs.map(|entry| fs::read_to_string(entry.path()).unwrap_or_default()).collect();
    let lines: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
