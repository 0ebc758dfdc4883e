//! `aotui run`: an engine without a screen.

use tokio::signal::unix::{SignalKind, signal};

use super::house::House;
use super::{block_on, compose, logging};
use crate::cli::verbs::run::{Scope, watch};
use crate::cli::{Exit, Failure, RunArgs, output};
use crate::domain::problem::Problem;
use crate::store;

/// Works until the scope is done, nothing goes on, or a signal comes.
pub(super) fn run(house: &House, args: &RunArgs) -> Result<Exit, Failure> {
    let layout = house.layout();
    layout.create()?;
    logging::start(&house.settings.log_dir);
    let loaded = store::read(&house.settings.state_dir)?;
    let plans_dir = layout.plans().display().to_string();
    let scope = Scope::of(args, &loaded.fleet, &loaded.problems, &plans_dir)?;
    print_problems(loaded.problems.iter().chain(&house.warnings));
    block_on(async {
        let stop = stop_signal()?;
        let running = compose::start(house, scope.only.clone()).await?;
        let watched = watch(&running.link, &scope, stop).await;
        running.end().await?;
        watched
    })
}

fn print_problems<'a>(problems: impl Iterator<Item = &'a Problem>) {
    for problem in problems {
        output::note(&format!("warning: {}", output::plain(&problem.to_string())));
    }
}

/// Waits for the first SIGINT, SIGTERM or SIGHUP.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::error(format!("cannot listen for signals: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
