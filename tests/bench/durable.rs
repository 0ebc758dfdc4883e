//! What it costs that every change is on disk before anything follows from it: transitions a second of the real engine,
//! beside what the disk itself can do.
//!
//! `cargo bench --bench durable`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aotui::adapters::launcher::{Desk, LibraryLauncher};
use aotui::adapters::runtime::HolderRuntime;
use aotui::adapters::workspace::GitWorkspace;
use aotui::bus::{Link, bus};
use aotui::config::library::Library;
use aotui::config::paths::Places;
use aotui::config::settings::Settings;
use aotui::domain::command::{Command, TicketAction};
use aotui::domain::fleet::Policy;
use aotui::domain::ids::TicketKey;
use aotui::engine::{Engine, Slots, SystemClock};
use aotui::store::Store;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// What a measurement gives, or why there is none.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const TICKETS: usize = 1000;
const ROUNDS: usize = 3;
const ASKING: usize = 64;
const LASTS: Duration = Duration::from_secs(2);

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let temp = tempfile::tempdir()?;
    let (link, cancel) = engine(temp.path())?;
    let plan = serde_json::from_value(json!({ "id": "p", "name": "p" }))?;
    link.command(Command::PutPlan { plan }).await?;
    for n in 0..TICKETS {
        let brief = serde_json::from_value(json!({ "key": format!("p/T-{n}"), "title": "Make it better" }))?;
        link.command(Command::PutTicket { brief, order: 0, blocked_by: Vec::new() }).await?;
    }
    println!("\ndurable transitions, {TICKETS} tickets; each is a line of the journal");
    println!("  {:<44} {:>10} {:>10} {:>12}", "", "a second", "syncs/s", "a sync");
    for _ in 0..ROUNDS {
        let disk = syncs(&temp.path().join("appended"))?;
        print("floor: append 300 bytes, fdatasync", disk, disk);
        for (name, asking) in [("one after the other", 1), ("asked by 64 at the same time", ASKING)] {
            let (transitions, turns) = transitions(&link, asking).await?;
            print(name, transitions, turns);
        }
    }
    cancel.cancel();
    Ok(())
}

fn print(name: &str, transitions: f64, syncs: f64) {
    println!("  {name:<44} {transitions:>10.0} {syncs:>10.0} {:>12.1}", transitions / syncs);
}

/// Starts an engine that dispatches nothing on a state below `home`.
fn engine(home: &Path) -> Outcome<(Link, CancellationToken)> {
    let env: BTreeMap<String, String> = [("AOTUI_HOME".to_owned(), home.display().to_string())].into();
    let places = Places::find(None, home, |name| env.get(name).cloned())?;
    let settings = Settings::defaults(&places, Path::new("/nowhere/aotui"));
    let (store, mut loaded) = Store::open(&settings.state_dir)?;
    loaded.fleet.policy = Policy { dispatch: false, ..Policy::default() };
    let layout = store.layout.clone();
    let desk = Desk::new(layout.sessions(), layout.spool(), "/nowhere/aotui".into(), env);
    let slots = Slots {
        launcher: Arc::new(LibraryLauncher::new(Library::new(&settings, ""), settings, desk)),
        runtime: Arc::new(HolderRuntime::new(layout.sessions(), Vec::new())),
        workspace: Arc::new(GitWorkspace::new()),
        stop_grace: Duration::ZERO,
        clock: Arc::new(SystemClock::new()),
    };
    let (end, link) = bus(Arc::new(loaded.fleet.clone()));
    let (engine, _reports) = Engine::new(store, loaded.fleet, Vec::new(), end, slots)?;
    let cancel = CancellationToken::new();
    tokio::spawn(engine.run(cancel.clone()));
    Ok((link, cancel))
}

/// Returns how often a second the disk takes what is appended.
fn syncs(path: &Path) -> Outcome<f64> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < LASTS {
        file.write_all(&[b'x'; 300])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / started.elapsed().as_secs_f64())
}

/// Returns transitions a second, and turns of the engine that recorded something: each waits for the disk once.
async fn transitions(link: &Link, asking: usize) -> Outcome<(f64, f64)> {
    let mut batches = link.subscribe();
    let turns = tokio::spawn(async move {
        let mut turns = 0_u32;
        while let Ok(Ok(batch)) = tokio::time::timeout(LASTS / 4, batches.recv()).await {
            turns += u32::from(!batch.events.is_empty());
        }
        turns
    });
    let started = Instant::now();
    let askers: Vec<_> = (0..asking).map(|n| tokio::spawn(ask(link.clone(), n, started))).collect();
    let mut count = 0_u32;
    for asker in askers {
        count += asker.await??;
    }
    let took = started.elapsed().as_secs_f64();
    Ok((f64::from(count) / took, f64::from(turns.await?) / took))
}

/// Holds a ticket and lets it go on, again and again, and counts.
async fn ask(link: Link, n: usize, started: Instant) -> Result<u32, aotui::domain::command::Rejection> {
    let key: TicketKey = format!("p/T-{n}").parse().map_err(|_| aotui::domain::command::Rejection::new("no key"))?;
    let mut count = 0;
    while started.elapsed() < LASTS {
        let action = if count % 2 == 0 { TicketAction::Pause } else { TicketAction::Resume };
        link.command(Command::Ticket { key: key.clone(), action }).await?;
        count += 1;
    }
    // Left as it was found, so that the next round changes something too.
    if count % 2 == 1 {
        link.command(Command::Ticket { key, action: TicketAction::Resume }).await?;
    }
    Ok(count)
}
