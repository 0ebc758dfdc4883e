//! `aotui demo`: the sandbox in a home of its own, on the screen or played to its end without one.

use std::path::{Path, PathBuf};

use super::house::House;
use super::{block_on, compose, logging, play, screen, work};
use crate::bus::Link;
use crate::cli::{DemoArgs, Exit, Failure, output};
use crate::demo::{self, DemoPlan};
use crate::domain::command::Command;
use crate::domain::ids::TicketKey;
use crate::domain::session::StoppedBy;
use crate::runtime_dir;
use crate::slots::runtime::Runtime;
use crate::store;
use crate::tui;

/// The sandbox that is played to its end without a screen, and the one that is shown.
const SANDBOXES: [&str; 2] = ["headless", "sandbox"];

/// Opens the demo, or plays it.
pub(super) fn demo(args: DemoArgs) -> Result<Exit, Failure> {
    if !args.headless {
        screen::needs_terminal()?;
    }
    let named = args.dir.is_some();
    let root = place(args.dir, args.headless)?;
    // What is played to its end is played from its beginning.
    if args.reset || args.headless {
        reset(&root)?;
    }
    let failed = |error: color_eyre::Report| Failure::error(format!("{error:#}"));
    let sandbox = demo::prepare(&root).map_err(failed)?;
    let mut house = House::at(&sandbox.root.join("home"))?;
    house.settings.max_concurrency = demo::CONCURRENCY;
    house.layout().create()?;
    logging::start(&house.settings.log_dir);
    if args.headless {
        output::note(&format!(
            "playing {} tickets in {}, for less than a minute",
            sandbox.briefs.len(),
            sandbox.root.display()
        ));
        house.env.insert("AOTUI_PRACTICE_SPEED".to_owned(), demo::HEADLESS_SPEED.to_string());
        return block_on(play_to_the_end(&house, &sandbox));
    }
    let shown = show(&house, &sandbox);
    // Said at the end too: the screen hides what was said before it.
    output::note(&afresh(&sandbox, named));
    shown.map_err(|failure| failure.hint(afresh(&sandbox, named)))
}

/// Says how to start over.
fn afresh(sandbox: &DemoPlan, named: bool) -> String {
    let root = sandbox.root.display();
    let dir = if named { format!(" --dir {root}") } else { String::new() };
    format!("the demo stays in {root} as you left it; `aotui demo --reset{dir}` starts it afresh")
}

fn show(house: &House, sandbox: &DemoPlan) -> Result<Exit, Failure> {
    if store::holder(&house.layout()).is_some() {
        return screen::open(house, None);
    }
    tui::install_panic_hook();
    block_on(async {
        let running = compose::start(house, None).await?;
        fill(&running.link, sandbox).await?;
        screen::own(house, running, None).await
    })
}

async fn play_to_the_end(house: &House, sandbox: &DemoPlan) -> Result<Exit, Failure> {
    let stop = work::leave_signals()?;
    let running = compose::start(house, None).await?;
    fill(&running.link, sandbox).await?;
    let played = play::play(&running.link, sandbox, stop).await;
    running.end().await?;
    played
}

/// Returns where the sandbox is: the directory that was named, or one for temporary files that is the user's alone.
/// What a person left on the screen and what is played without one are kept apart.
fn place(dir: Option<PathBuf>, headless: bool) -> Result<PathBuf, Failure> {
    if let Some(dir) = dir {
        return Ok(dir);
    }
    let own = own_place();
    runtime_dir::private_dir(&own)
        .map_err(|error| Failure::error(format!("there is no place for the demo: {error}")))?;
    let [played, shown] = SANDBOXES;
    Ok(own.join(if headless { played } else { shown }))
}

fn own_place() -> PathBuf {
    std::env::temp_dir().join(format!("aotui-demo-{}", rustix::process::getuid().as_raw()))
}

/// Returns where sandboxes are unless another place is named, there or not.
pub(super) fn usual_places() -> [PathBuf; 2] {
    SANDBOXES.map(|name| own_place().join(name))
}

/// Removes what an earlier demo left, its sessions first.
fn reset(root: &Path) -> Result<(), Failure> {
    let Ok(root) = root.canonicalize() else { return Ok(()) };
    let house = House::at(&root.join("home"))?;
    if let Some(holder) = store::holder(&house.layout()) {
        return Err(Failure::new(Exit::Refused, format!("the demo is open in {holder}")).hint("leave it first"));
    }
    let fleet = store::read(&house.settings.state_dir).map(|loaded| loaded.fleet).unwrap_or_default();
    block_on(async {
        let runtime = compose::runtime(&house);
        for session in fleet.walks().filter_map(|ticket| ticket.progress.status.session()) {
            runtime
                .stop(session.clone(), StoppedBy::Person, std::time::Duration::from_secs(1))
                .await
                .map_err(|error| Failure::error(error.to_string()))?;
        }
        Ok(())
    })?;
    demo::reset(&root).map_err(|error| Failure::error(format!("{error:#}")))
}

/// Gives the engine the demo's plan; what it has already is left as it is.
async fn fill(link: &Link, sandbox: &DemoPlan) -> Result<(), Failure> {
    let plan = sandbox.plan.clone();
    let entries = plan.tickets.clone();
    link.command(Command::PutPlan { plan }).await?;
    for (entry, brief) in entries.into_iter().zip(&sandbox.briefs) {
        let in_plan = |id| TicketKey::new(sandbox.plan.id.clone(), id);
        let blocked_by = entry.blocked_by.into_iter().map(in_plan).collect();
        link.command(Command::PutTicket { brief: brief.clone(), order: entry.order, blocked_by }).await?;
    }
    Ok(())
}
