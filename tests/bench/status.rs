//! How long `aotui status` takes on many tickets, beside a process that does nothing.
//!
//! `cargo bench --bench status`, or `-- ROUNDS` after it.

mod figures;
mod place;

use std::fs;

use figures::{Figures, rounds};
use place::{AOTUI, Outcome, Place, finish, tickets};
use serde_json::Value;

const TICKETS: usize = 1000;
const ROWS: usize = 30;
const FLOOR: &str = "floor: git --version";

fn main() -> Outcome<()> {
    let fresh = fleet()?;
    let old = fleet()?;
    remember(&old)?;
    let mut figures = Figures::default();
    for _ in 0..rounds(25) {
        figures.time(FLOOR, || finish(fresh.program("git").arg("--version")))?;
        figures.time("aotui --version", || finish(fresh.program(AOTUI).arg("--version")))?;
        figures.time("status", || finish(fresh.program(AOTUI).arg("status")))?;
        figures.time("status --json", || finish(fresh.program(AOTUI).args(["status", "--json"])))?;
        figures.time("status, 30 rows of history each", || finish(old.program(AOTUI).arg("status")))?;
        figures
            .time("status --json, 30 rows of history each", || finish(old.program(AOTUI).args(["status", "--json"])))?;
    }
    figures.print(&format!("{TICKETS} tickets, no engine at work"), FLOOR);
    Ok(())
}

/// Makes many tickets that aotui has taken up and that wait in a held plan.
fn fleet() -> Outcome<Place> {
    let place = Place::new(&tickets(TICKETS), 1, ":")?;
    finish(place.program(AOTUI).args(["pause-plan", "repo"]))?;
    Ok(place)
}

/// Gives every ticket the history that one real ticket of many phases has.
fn remember(place: &Place) -> Outcome<()> {
    let walked = Place::new(&tickets(1), ROWS, ":")?;
    finish(walked.program(AOTUI).args(["run", "--until-done"]))?;
    let walked: Value = serde_json::from_slice(&fs::read(walked.plan().join("tickets/T-1.json"))?)?;
    let history = &walked["state"]["progress"]["history"];
    if history.as_array().map(Vec::len) != Some(ROWS) {
        return Err(format!("a ticket of {ROWS} phases has another history: {history}").into());
    }
    for (id, _) in tickets(TICKETS) {
        let path = place.plan().join(format!("tickets/{id}.json"));
        let mut ticket: Value = serde_json::from_slice(&fs::read(&path)?)?;
        ticket["state"]["progress"]["history"] = history.clone();
        // With a checksum that does not fit, it would be taken for damage and restored.
        ticket["state"].as_object_mut().ok_or("no state")?.remove("check");
        fs::write(&path, serde_json::to_vec_pretty(&ticket)?)?;
    }
    Ok(())
}
