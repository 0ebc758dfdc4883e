//! How long an engine takes to be at work again after `kill -9`: many tickets, and live sessions that went on meanwhile.
//!
//! `cargo bench --bench restart`, or `-- ROUNDS` after it.

mod figures;
mod place;

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use figures::{Figures, Outcome, millis, rounds};
use place::{AOTUI, Place, finish, tickets};
use serde_json::Value;

const TICKETS: usize = 1000;
const LIVE: usize = 24;
const PATIENCE: Duration = Duration::from_secs(120);

const FLOOR: &str = "floor: cat of all tickets' files";
const STATUS: &str = "status --json, no engine: the files read";
const ANSWERS: &str = "kill -9, start, the control socket answers";
const RECONCILED: &str = "kill -9, start, all sessions reattached";

fn main() -> Outcome<()> {
    let place = Place::new(&tickets(TICKETS), 1, "sleep 3000")?;
    fs::write(place.path("aotui/config.yaml"), format!("maxConcurrency: {LIVE}\n"))?;
    let mut engine = Engine::start(&place)?;
    wait("all sessions run", || Ok(running(&place)? == LIVE))?;
    let sockets = engine.settled()?;
    let mut figures = Figures::default();
    for _ in 0..rounds(20) {
        engine.kill()?;
        let files = place.plan().join("tickets").display().to_string();
        figures.time(FLOOR, || finish(place.program("sh").args(["-c", &format!("cat {files}/*.json")])))?;
        figures.time(STATUS, || finish(place.program(AOTUI).args(["status", "--json"])))?;
        let started = Instant::now();
        engine = Engine::start(&place)?;
        wait("all sessions are reattached", || Ok(engine.sockets() >= sockets))?;
        figures.add(RECONCILED, millis(started.elapsed()));

        engine.kill()?;
        let started = Instant::now();
        engine = Engine::start(&place)?;
        wait("the engine answers", || Ok(status(&place)?["engine"].is_u64()))?;
        figures.add(ANSWERS, millis(started.elapsed()));
        wait("all sessions are reattached", || Ok(engine.sockets() >= sockets))?;
        if running(&place)? != LIVE {
            return Err("sessions were lost".into());
        }
    }
    end_sessions(&place)?;
    engine.kill()?;
    figures.print(&format!("{TICKETS} tickets, {LIVE} live sessions"), FLOOR);
    Ok(())
}

/// An engine without a screen.
struct Engine(Child);

impl Engine {
    fn start(place: &Place) -> Outcome<Self> {
        Ok(Self(place.program(AOTUI).arg("run").spawn()?))
    }

    fn kill(&mut self) -> Outcome<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Counts its open sockets: one for each session it is attached to, and a few of its own.
    fn sockets(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0.id())).into_iter().flatten().flatten();
        let is_socket = |path: std::path::PathBuf| path.display().to_string().starts_with("socket:");
        open.filter(|entry| fs::read_link(entry.path()).is_ok_and(is_socket)).count()
    }

    /// Returns how many sockets it has once their number stays the same.
    fn settled(&self) -> Outcome<usize> {
        let mut last = 0;
        wait("the engine is quiet", || {
            std::thread::sleep(Duration::from_millis(500));
            let now = self.sockets();
            Ok(std::mem::replace(&mut last, now) == now && now > LIVE)
        })?;
        Ok(last)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

fn wait(what: &str, mut met: impl FnMut() -> Outcome<bool>) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    while !met()? {
        if Instant::now() > deadline {
            return Err(format!("never: {what}").into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn status(place: &Place) -> Outcome<Value> {
    let mut command = place.program(AOTUI);
    let output = command.args(["status", "--json"]).stdout(std::process::Stdio::piped()).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn running(place: &Place) -> Outcome<usize> {
    let status = status(place)?;
    let tickets = status["plans"][0]["tickets"].as_array().ok_or("no tickets")?;
    Ok(tickets.iter().filter(|ticket| ticket["status"] == "running").count())
}

/// Has the engine end what runs.
fn end_sessions(place: &Place) -> Outcome<()> {
    let status = status(place)?;
    let tickets = status["plans"][0]["tickets"].as_array().ok_or("no tickets")?;
    // Held, so that no other starts in the place of one that ended.
    finish(place.program(AOTUI).args(["pause-plan", "repo"]))?;
    for ticket in tickets.iter().filter(|ticket| ticket["status"] == "running") {
        finish(place.program(AOTUI).args(["stop", ticket["id"].as_str().ok_or("no id")?]))?;
    }
    wait("all sessions end", || Ok(running(place)? == 0))
}
