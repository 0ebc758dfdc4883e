//! Every durable step, one after the other: it is passed a first, a second, a third time, and each time the program is
//! killed there, finds the disk full or broken, or panics; then it goes on without the fault. As SQLite's tests do it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::chance::Chance;
use super::check::{Known, broken};
use super::field::{Field, Pace, waits};

/// What can happen at a step, in the words of `aotui::faults`.
const FAULTS: [&str; 4] = ["kill", "full", "broken", "panic"];

/// Cases that run at the same time.
const AT_ONCE: usize = 3;

/// How long one case may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long one verb may take.
const STEP: Duration = Duration::from_secs(30);

/// A fault at one pass of a point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    point: String,
    fault: &'static str,
    /// Which pass; `None` means the first one after what was wished for before has happened.
    pass: Option<u64>,
}

impl Wish {
    fn line(&self) -> String {
        let pass = self.pass.map_or("next".to_owned(), |pass| pass.to_string());
        format!("{} {} {pass} {pass}\n", self.point, self.fault)
    }
}

fn lines(wishes: &[Wish]) -> String {
    wishes.iter().map(Wish::line).collect()
}

/// How one case went.
struct Went {
    /// Whether the points were passed as often as the wishes say.
    reached: bool,
    wrong: Vec<String>,
}

/// Tries every fault at the first `passes` passes of every point, or of those whose name begins with `only`.
pub(super) fn each(passes: u64, only: &str) {
    let mut points = points();
    points.retain(|(point, _)| point.starts_with(only));
    let cases = points.iter().flat_map(|(point, times)| {
        (1..=passes.min(*times))
            .flat_map(move |pass| FAULTS.map(|fault| vec![Wish { point: point.clone(), fault, pass: Some(pass) }]))
    });
    try_all(cases.collect());
}

/// Tries some faults at some passes of some points.
pub(super) fn some(mut chance: Chance, count: u64) {
    let points = points();
    let cases = (0..count).map(|_| {
        let fault = FAULTS[chance.below(4) as usize];
        vec![wish(&points, &mut chance, fault)]
    });
    try_all(cases.collect());
}

/// Kills at one point, and again at the next pass of another, while what the first kill left is taken up.
pub(super) fn pairs(mut chance: Chance, count: u64) {
    let points = points();
    let mut kill = || wish(&points, &mut chance, "kill");
    try_all((0..count).map(|_| vec![kill(), Wish { pass: None, ..kill() }]).collect());
}

fn wish(points: &[(String, u64)], chance: &mut Chance, fault: &'static str) -> Wish {
    let (point, times) = &points[chance.below(points.len() as u64) as usize];
    Wish { point: point.clone(), fault, pass: Some(1 + chance.below(*times)) }
}

/// Returns every point that an undisturbed run passes, and how often.
fn points() -> Vec<(String, u64)> {
    let field = undisturbed();
    let mut points = std::collections::BTreeMap::new();
    for entry in fs::read_dir(faults(&field)).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if let Some((point, _)) = name.rsplit_once('.') {
            *points.entry(point.to_owned()).or_default() += 1;
        }
    }
    assert!(points.len() > 20, "the points are gone: {points:?}");
    points.into_iter().collect()
}

/// Returns a field after a run without any fault.
pub(super) fn undisturbed() -> Field {
    let field = field();
    let wrong = live(&field, &mut []);
    assert!(wrong.is_empty(), "without any fault:\n{}", wrong.join("\n"));
    field
}

fn try_all(cases: Vec<Vec<Wish>>) {
    let started = Instant::now();
    let count = cases.len();
    let cases = Mutex::new(cases.into_iter());
    let (wrong, reached) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(wishes) = { cases.lock().unwrap().next() } {
                    let begun = Instant::now();
                    let went = case(&wishes);
                    println!("{:.1} s: {}", begun.elapsed().as_secs_f32(), lines(&wishes).trim().replace('\n', ", "));
                    if went.reached {
                        reached.lock().unwrap().insert(wishes.clone());
                    }
                    if !went.wrong.is_empty() {
                        println!("{wishes:?}:\n  {}", went.wrong.join("\n  "));
                        wrong.lock().unwrap().push(wishes);
                    }
                }
            });
        }
    });
    let (wrong, reached) = (wrong.into_inner().unwrap(), reached.into_inner().unwrap());
    let points: BTreeSet<&String> = reached.iter().flatten().map(|wish| &wish.point).collect();
    println!(
        "{count} cases, {} of them reached, at {} points, in {:.0} s",
        reached.len(),
        points.len(),
        started.elapsed().as_secs_f32()
    );
    assert!(wrong.is_empty(), "{} cases went wrong, the first: {:?}", wrong.len(), wrong[0]);
}

fn case(wishes: &[Wish]) -> Went {
    let field = field();
    let mut wishes = wishes.to_vec();
    let wrong = live(&field, &mut wishes);
    Went { reached: wishes.iter().all(|wish| happened(&field, wish)), wrong }
}

fn happened(field: &Field, wish: &Wish) -> bool {
    wish.pass.is_some_and(|pass| faults(field).join(format!("{}.{pass}", wish.point)).exists())
}

/// Writes down what is wished for by now.
fn ask(field: &Field, wishes: &mut [Wish]) {
    if let [first, second] = wishes
        && second.pass.is_none()
        && happened(field, first)
    {
        let passed = |n: &u64| faults(field).join(format!("{}.{n}", second.point)).exists();
        second.pass = (1..).find(|n| !passed(n));
    }
    let known: Vec<Wish> = wishes.iter().filter(|wish| wish.pass.is_some()).cloned().collect();
    fs::write(faults(field).join("wish"), lines(&known)).unwrap();
}

fn field() -> Field {
    let mut field = Field::new(Pace::Running, 2);
    fs::create_dir_all(faults(&field)).unwrap();
    field.add(2);
    field
}

fn faults(field: &Field) -> PathBuf {
    field.home.path("aotui/../faults")
}

/// Lives through a whole run with these wishes and returns what is wrong then.
fn live(field: &Field, wishes: &mut [Wish]) -> Vec<String> {
    // The death of an engine or a holder is no failure of a ticket: everything has to go on by itself. Other faults, and
    // the death of what a script runs, may leave it to a person.
    let forgiving = wishes.iter().any(|wish| wish.fault != "kill" || wish.point.starts_with("land."));
    let deadline = Instant::now() + PATIENCE;
    let mut said = Vec::new();
    while !field.is_over(&field.fleet()) {
        if Instant::now() > deadline {
            said.push(field.home.aotui(&field.repo, &["status"]).stdout);
            return vec![format!("it does not come to its end:\n{}", said.join("\n"))];
        }
        ask(field, wishes);
        said.push(step(field, &["run", "--until-done"]));
        for ticket in field.fleet().tickets.values() {
            let id = ticket.brief.key.ticket.as_str();
            if waits(ticket) {
                said.push(step(field, &["approve", id]));
            }
            if matches!(ticket.progress.status, aotui::domain::ticket::Status::Failed { .. }) {
                if !forgiving {
                    return vec![format!("a kill failed {id}: {:?}\n{}", ticket.progress.status, said.join("\n"))];
                }
                said.push(step(field, &["retry", id]));
            }
        }
    }
    // Snapshots may lag behind the journal until an engine ends in order.
    fs::write(faults(field).join("wish"), "").unwrap();
    said.push(step(field, &["run", "--until-done"]));
    let of_holder = |wish: &Wish| ["holder.", "exit."].iter().any(|start| wish.point.starts_with(start));
    let killed = if forgiving || wishes.iter().any(of_holder) { None } else { Some(BTreeSet::new()) };
    let mut wrong = broken(field, &Known { killed });
    if !wrong.is_empty() {
        wrong.extend(said);
    }
    wrong
}

/// Runs a verb that may meet the fault, and says how it went. One that takes too long is killed.
fn step(field: &Field, args: &[&str]) -> String {
    let mut command = field.home.command(&field.repo, args);
    let command = command.env("AOTUI_FAULTS", faults(field)).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > STEP {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    format!("{args:?}: {} {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}
