//! What it costs to schedule: many tickets of phases that do nothing, beside the same work without aotui.
//!
//! `cargo bench --bench scheduling`, or `-- ROUNDS` after it.

mod figures;
mod place;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};

use aotui::domain::time::Timestamp;
use aotui::holder::files::SessionDir;
use figures::{Figures, rounds};
use place::{AOTUI, Outcome, Place, finish, tickets};

const TICKETS: usize = 20;
const HAND_OVERS: usize = 50;
const CHAIN: usize = 5;

/// Prints when it ran, in nanoseconds.
const STAMP: &str = "date +%s%N";

fn main() -> Outcome<()> {
    let (mut many, mut chain, mut gaps) = <(Figures, Figures, Figures)>::default();
    for round in 0..rounds(7) {
        eprintln!("round {}", round + 1);
        let walls = many_tickets(&mut many)?;
        shares(&mut many, &walls);
        chained(&mut chain)?;
        hand_over(&mut gaps)?;
    }
    many.print(&format!("{TICKETS} tickets x 3 phases `:`, concurrency 3"), WORKTREES);
    chain.print(&format!("a chain of {CHAIN} tickets x 1 phase `:`, each blocked by the one before"), CHAIN_FLOOR);
    gaps.print(&format!("hand-over, one ticket x {HAND_OVERS} phases"), SPAWN_GAP);
    Ok(())
}

const RUN_3: &str = "aotui run, 3 phases each";
const RUN_1: &str = "aotui run, 1 phase each";
const WORKTREES: &str = "floor: 20 git worktree add + remove in a row";
const SHELLS: &str = "floor: 60 sh -c : by xargs -P3";
const SYNCS: &str = "floor: 60 appends with fdatasync";
const PER_PHASE: &str = "one more phase, start to end: (3 - 1 phases) / 40";
const OVERHEAD: &str = "overhead: run of 3 phases - worktree floor";
const SCHEDULING: &str = "60 phases without workspaces: (3 - 1 phases) x 1.5";
const WORKSPACES: &str = "20 workspaces made and removed: the rest of the run";

/// Times of one round, in milliseconds.
struct Walls {
    three: f64,
    one: f64,
    worktrees: f64,
}

fn many_tickets(figures: &mut Figures) -> Outcome<Walls> {
    let three = Place::new(&tickets(TICKETS), 3, ":")?;
    let one = Place::new(&tickets(TICKETS), 1, ":")?;
    let run = |place: &Place| finish(place.program(AOTUI).args(["run", "--until-done"]));
    let walls = Walls {
        three: figures.time(RUN_3, || run(&three))?,
        one: figures.time(RUN_1, || run(&one))?,
        worktrees: figures.time(WORKTREES, || (0..TICKETS).try_for_each(|n| worktree(&three, n, None)))?,
    };
    figures.time(SHELLS, || {
        let mut xargs = three.program("xargs").args(["-P3", "-I{}", "sh", "-c", ":"]).stdin(Stdio::piped()).spawn()?;
        let mut lines = xargs.stdin.take().ok_or("no stdin")?;
        lines.write_all("x\n".repeat(TICKETS * 3).as_bytes())?;
        drop(lines);
        xargs.wait()?;
        Ok(())
    })?;
    figures.time(SYNCS, || {
        let mut file = OpenOptions::new().create(true).append(true).open(three.path("appended"))?;
        for _ in 0..TICKETS * 3 {
            file.write_all(&[b'x'; 300])?;
            file.sync_data()?;
        }
        Ok(())
    })?;
    Ok(walls)
}

/// Splits a run: three phases and one cost the same workspaces, so the difference is forty phases.
fn shares(figures: &mut Figures, walls: &Walls) {
    let phases = (walls.three - walls.one) * 1.5;
    figures.add(OVERHEAD, walls.three - walls.worktrees);
    figures.add(PER_PHASE, phases / 60.0);
    figures.add(SCHEDULING, phases);
    figures.add(WORKSPACES, walls.three - phases);
}

/// Makes a worktree with a branch, runs something in it, and removes it.
fn worktree(place: &Place, n: usize, run: Option<&str>) -> Outcome<()> {
    let path = place.path(&format!("floor/{n}"));
    let branch = format!("floor-{n}");
    let add = ["worktree", "add", "--quiet", "-b", &branch];
    finish(place.program("git").args(add).arg(&path))?;
    if let Some(run) = run {
        finish(place.program("sh").args(["-c", run]).current_dir(&path))?;
    }
    finish(place.program("git").args(["worktree", "remove"]).arg(&path))
}

const CHAIN_FLOOR: &str = "floor: 5 times worktree add, sh -c :, remove";

fn chained(figures: &mut Figures) -> Outcome<()> {
    let mut tickets = tickets(CHAIN);
    for (n, (_, blocked_by)) in tickets.iter_mut().enumerate().skip(1) {
        blocked_by.push(format!("T-{n}"));
    }
    let place = Place::new(&tickets, 1, ":")?;
    figures.time("aotui run", || finish(place.program(AOTUI).args(["run", "--until-done"])))?;
    figures.time(CHAIN_FLOOR, || (0..CHAIN).try_for_each(|n| worktree(&place, n, Some(":"))))?;
    Ok(())
}

const SPAWN_GAP: &str = "floor: `date` to `date` of sh after sh";

/// Takes the time from one phase to the next as the phases' own programs see it, and as the sessions' records say.
fn hand_over(figures: &mut Figures) -> Outcome<()> {
    let place = Place::new(&tickets(1), HAND_OVERS, STAMP)?;
    finish(place.program(AOTUI).args(["run", "--until-done"]))?;
    let (mut stamps, mut records) = (Vec::new(), Vec::new());
    for n in 1..=HAND_OVERS {
        let dir = SessionDir::new(place.path(&format!("aotui/state/sessions/repo~T-1~{n}")));
        stamps.push(stamp(fs::read(dir.output())?)?);
        let (holder, exit) = (dir.holder()?.ok_or("no holder record")?, dir.exit()?.ok_or("no exit record")?);
        records.push((holder.started_at, exit.ended_at));
    }
    add_gaps(figures, "`date` to `date` of phase after phase", &stamps);
    for pair in records.windows(2) {
        let Timestamp(ended) = pair[0].1;
        let Timestamp(started) = pair[1].0;
        figures.add("exit record to next holder's start (whole ms)", (started - ended) as f64);
    }
    let sh = |_| Command::new("sh").args(["-c", STAMP]).output();
    let floor: Result<Vec<_>, _> = (0..HAND_OVERS).map(sh).collect();
    let floor: Outcome<Vec<_>> = floor?.into_iter().map(|output| stamp(output.stdout)).collect();
    add_gaps(figures, SPAWN_GAP, &floor?);
    Ok(())
}

/// Reads what [`STAMP`] printed, in nanoseconds.
fn stamp(output: Vec<u8>) -> Outcome<u64> {
    Ok(String::from_utf8(output)?.trim().parse()?)
}

fn add_gaps(figures: &mut Figures, name: &'static str, stamps: &[u64]) {
    for pair in stamps.windows(2) {
        figures.add(name, (pair[1] - pair[0]) as f64 / 1e6);
    }
}
