//! The screen: on an engine of its own, or as a monitor of the one that runs.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::behind::Behind;
use super::house::House;
use super::steering::connection;
use super::{block_on, compose, logging};
use crate::bus::Link;
use crate::cli::{Exit, Failure, find_ticket, output};
use crate::domain::ids::TicketKey;
use crate::ipc::{self, IpcError};
use crate::store;
use crate::tui::{self, TuiOptions};

/// How long an engine that has the lock may take until it listens.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Most bytes of a theme file.
const MAX_THEME: u64 = 256 * 1024;

/// Opens the table, or the terminal of one ticket, and returns when the person leaves.
pub(super) fn open(house: &House, attach: Option<&str>) -> Result<Exit, Failure> {
    needs_terminal()?;
    house.layout().create()?;
    logging::start(&house.settings.log_dir);
    tui::install_panic_hook();
    block_on(async {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ipc::connect(&house.socket()?).await {
                Ok(Some(link)) => return watch(house, link, attach).await,
                Ok(None) => {}
                // An engine that is about to leave or to die.
                Err(IpcError::Io(_)) if Instant::now() < deadline => {}
                Err(error) => return Err(connection(&error)),
            }
            if attach.is_some() && store::holder(&house.layout()).is_none() {
                return attach_alone(house, attach).await;
            }
            match compose::start(house, None).await {
                Ok(running) => return own(house, running, attach).await,
                Err(failure) if failure.exit() == Exit::Refused && Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(failure) => return Err(failure),
            }
        }
    })
}

/// Refuses where there is no terminal to draw on.
pub(super) fn needs_terminal() -> Result<(), Failure> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("the screen needs a terminal")
        .hint("`aotui run` works without one, `aotui status` prints the table"))
}

/// Shows an engine of this process; ends it when the person leaves.
pub(super) async fn own(house: &House, running: compose::Running, attach: Option<&str>) -> Result<Exit, Failure> {
    let link = running.link.clone();
    show(house, link, Behind::new(house, Some(running)), attach).await
}

/// Shows the engine of another process, or, with the link of none, how everything stood.
async fn watch(house: &House, link: Link, attach: Option<&str>) -> Result<Exit, Failure> {
    show(house, link, Behind::new(house, None), attach).await
}

/// Shows a session while no engine is at work and starts none: to look at one ticket must not start others.
async fn attach_alone(house: &House, attach: Option<&str>) -> Result<Exit, Failure> {
    let loaded = store::read(&house.settings.state_dir)?;
    let (_engine, link) = crate::bus::bus(std::sync::Arc::new(loaded.fleet));
    watch(house, link, attach).await
}

async fn show(house: &House, link: Link, behind: Behind, attach: Option<&str>) -> Result<Exit, Failure> {
    let shown = draw(house, link, &behind, attach).await;
    behind.end().await?;
    shown
}

async fn draw(house: &House, link: Link, behind: &Behind, attach: Option<&str>) -> Result<Exit, Failure> {
    let attach = attach.map(|typed| session_of(&link, typed)).transpose()?;
    let settings = &house.settings;
    let options = TuiOptions {
        sessions_dir: house.layout().sessions(),
        theme: settings.theme.clone().unwrap_or_default(),
        user_themes: themes(&house.places.config_dir.join("themes")),
        key_overrides: settings.keys.clone(),
        leave_chord: settings.leave_chord.clone(),
        who: behind.role().await,
        plan: None,
        attach,
    };
    // A panic in the screen becomes a report, and the engine still ends in order. Not a task of its own: drawing waits
    // for the terminal, and a task that waits so holds up whatever its thread was to run next, the engine included.
    match AssertUnwindSafe(tui::run(link, options, Box::new(behind.clone()))).catch_unwind().await {
        Ok(Ok(quit)) => {
            if !quit.farewell.is_empty() {
                output::note(&quit.farewell);
            }
            Ok(Exit::Done)
        }
        Ok(Err(error)) => Err(Failure::error(format!("the terminal cannot be used: {error}"))),
        Err(_told_by_the_hook) => Err(Failure::error("the screen ended because of a defect")
            .hint("agents that run go on; report this with the log")),
    }
}

fn session_of(link: &Link, typed: &str) -> Result<TicketKey, Failure> {
    let ticket = find_ticket(&link.fleet(), typed)?;
    let key = ticket.brief.key.clone();
    if ticket.progress.sessions == 0 {
        return Err(Failure::usage(format!("`{key}` has no session yet")).hint("`aotui status` says what it waits for"));
    }
    Ok(key)
}

/// Reads the user's own themes; one that cannot be read is not offered.
fn themes(dir: &Path) -> BTreeMap<String, String> {
    let mut themes = BTreeMap::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let small = entry.metadata().is_ok_and(|found| found.is_file() && found.len() <= MAX_THEME);
        let name = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        if let (true, Some(name)) = (small && path.extension().is_some_and(|extension| extension == "toml"), name)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            themes.insert(name, text);
        }
    }
    themes
}
