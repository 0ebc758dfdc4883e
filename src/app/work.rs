//! `aotui run`: an engine without a screen, and the signals that end one.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::house::{House, Instead};
use super::{block_on, compose, logging};
use crate::cli::verbs::add::known_agent;
use crate::cli::verbs::run::{Scope, watch};
use crate::cli::{Exit, Failure, RunArgs, output};
use crate::domain::command::{Command, TicketAction};
use crate::domain::ids::TicketKey;
use crate::domain::problem::Problem;
use crate::store;

/// Works until the scope is done, nothing goes on, or a signal comes.
pub(super) fn run(mut house: House, args: &RunArgs) -> Result<Exit, Failure> {
    let agent = args.agent.as_deref().map(|agent| known_agent(&house.settings, agent)).transpose()?;
    house.say_instead(Instead { concurrency: args.concurrency, agent });
    let house = &house;
    let layout = house.layout();
    layout.create()?;
    logging::start(&house.settings.log_dir);
    let loaded = store::read(&house.settings.state_dir)?;
    let plans_dir = layout.plans().display().to_string();
    let scope = Scope::of(args, &loaded.fleet, &loaded.problems, &plans_dir)?;
    print_problems(loaded.problems.iter().chain(&house.warnings));
    block_on(async {
        let leave = leave_signals()?;
        let running = compose::start(house, scope.only.clone()).await?;
        if args.resume {
            running.link.command(Command::ResumeAll).await?;
        }
        let fleet = running.link.fleet();
        if args.now {
            for command in now(scope.only.as_deref()) {
                running.link.command(command).await?;
            }
        } else if let (Some(night), Some(hours)) = (&fleet.policy.rules.night, fleet.hours()) {
            let why = hours.why(night.start);
            if !why.is_empty() && fleet.works_until < Some(hours.begins) {
                output::note(&format!("{why}; `aotui run-now`, or `run --now`, lets it work by day"));
            }
        }
        if let Some(why) = running.link.fleet().mode.why() {
            output::note(&format!("{why}; `aotui resume` lets it go on"));
        }
        let watched = watch(&running.link, &scope, leave).await;
        running.end().await?;
        watched
    })
}

/// Returns what lets these tickets, or everything, work until the next night.
fn now(only: Option<&[TicketKey]>) -> Vec<Command> {
    let about = |key: &TicketKey| Command::Ticket { key: key.clone(), action: TicketAction::WorkNow };
    only.map_or_else(|| vec![Command::WorkNow], |keys| keys.iter().map(about).collect())
}

fn print_problems<'a>(problems: impl Iterator<Item = &'a Problem>) {
    for problem in problems {
        output::note(&format!("warning: {}", output::plain(&problem.to_string())));
    }
}

/// Listens for signals that end the program and returns what waits for the first of them, SIGINT or SIGTERM, which
/// means to leave in order. A second one leaves at once: everything that matters is on disk. SIGHUP means that the
/// terminal is gone, and work goes on without it.
pub(super) fn leave_signals() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::error(format!("cannot listen for signals: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let first = CancellationToken::new();
    let leave = first.clone().cancelled_owned();
    // A task of its own: who is stuck, writing to a terminal that was stopped, cannot be asked to leave otherwise.
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {
                    tracing::warn!("the terminal is gone; work goes on without it");
                    continue;
                }
            }
            if first.is_cancelled() {
                std::process::exit(Exit::Error.code().into());
            }
            first.cancel();
        }
    });
    Ok(leave)
}
