//! A running engine with everything around it.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::files::Files;
use super::house::House;
use crate::adapters::launcher::{Desk, LibraryLauncher};
use crate::adapters::runtime::HolderRuntime;
use crate::adapters::spool::{self, Settled};
use crate::adapters::workspace::GitWorkspace;
use crate::bus::{Link, bus};
use crate::cli::Failure;
use crate::domain::command::Command;
use crate::domain::effect::Report;
use crate::domain::fleet::{Fleet, Policy};
use crate::domain::ids::TicketKey;
use crate::engine::{Arrival, Engine, Slots, SystemClock};
use crate::ipc::Server;
use crate::store::Store;

/// How long a part that was ended by a defect waits before it is begun again.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);

/// An engine at work in this process. Sessions outlive it.
pub(super) struct Running {
    /// The way to it.
    pub(super) link: Link,
    engine: JoinHandle<()>,
    around: JoinSet<()>,
    cancel: CancellationToken,
}

/// Starts an engine on the state of `house`, for these tickets alone where some are named.
pub(super) async fn start(house: &House, only: Option<Vec<TicketKey>>) -> Result<Running, Failure> {
    let (mut store, mut loaded) = Store::open(&house.settings.state_dir)?;
    store.journal.keep(u64::from(house.settings.recordings.journal_megabytes) << 20);
    let layout = store.layout.clone();
    loaded.fleet.policy = Policy {
        max_concurrency: house.settings.max_concurrency,
        dispatch: true,
        only,
        rules: Arc::new(house.settings.rules()),
    };
    let server = Server::bind(&house.socket()?).map_err(|error| Failure::error(error.to_string()))?;
    let (end, link) = bus(Arc::new(Fleet::clone(&loaded.fleet)));
    let launcher = Arc::new(launcher(house));
    let (engine, reports) = Engine::new(store, loaded.fleet, loaded.wanted, end, slots(house, Arc::clone(&launcher)))?;

    let cancel = CancellationToken::new();
    let engine = tokio::spawn({
        let (cancel, around) = (cancel.clone(), cancel.clone().drop_guard());
        async move {
            let _ends_with_it = around;
            engine.run(cancel).await
        }
    });
    let mut around = JoinSet::new();
    around.spawn(server.serve(link.clone(), cancel.clone()));
    around.spawn(keep_going("watching agents' reports", move || watch_reports(layout.spool(), reports.clone())));
    let files = Files { house: house.clone(), damage: loaded.damage, launcher, link: link.clone() };
    around.spawn(keep_going("watching files", move || files.clone().watch()));
    let running = Running { link, engine, around, cancel };

    // The answer comes after the engine's first turn, in which it took up what people wrote while none ran.
    let mut problems = loaded.problems;
    problems.extend(house.warnings.iter().cloned());
    match running.link.command(Command::SetProblems { problems }).await {
        Ok(()) => Ok(running),
        Err(_) => Err(running.end().await.err().unwrap_or_else(|| Failure::error("the engine did not start"))),
    }
}

/// Does a part of the work around an engine, and begins it again where a defect ended it: without it agents would wait
/// for answers that nobody is asked for.
async fn keep_going<F: Future<Output = ()>>(what: &str, mut part: impl FnMut() -> F) {
    while AssertUnwindSafe(part()).catch_unwind().await.is_err() {
        tracing::error!("{what} was ended by a defect and is begun again");
        tokio::time::sleep(BEGIN_AGAIN).await;
    }
}

async fn watch_reports(spool: PathBuf, reports: mpsc::Sender<Arrival>) {
    let deliver = |report: Report, settled: Settled| {
        let reports = reports.clone();
        async move {
            // Without an engine nobody listens; the report stays where it is for the next one.
            let _engine_gone = reports.send(Arrival { report, settled: Some(settled) }).await;
        }
    };
    if let Err(error) = spool::watch(spool, deliver).await {
        tracing::error!("agents' reports cannot be watched: {error}");
    }
}

fn launcher(house: &House) -> LibraryLauncher {
    let layout = house.layout();
    let settings_file = Some(house.places.config_file.clone());
    let desk = Desk::new(layout.sessions(), layout.spool(), house.exe.clone(), house.env.clone());
    let desk = Desk { settings_file, ..desk };
    LibraryLauncher::new(house.library(), house.settings.clone(), desk)
}

fn slots(house: &House, launcher: Arc<LibraryLauncher>) -> Slots {
    Slots {
        launcher,
        runtime: Arc::new(runtime(house)),
        workspace: Arc::new(GitWorkspace::new()),
        clock: Arc::new(SystemClock::new()),
        stop_grace: Duration::from_secs(house.settings.stop_grace),
    }
}

/// Returns what runs the sessions of this house.
pub(super) fn runtime(house: &House) -> HolderRuntime {
    let holder = vec![house.exe.clone().into_os_string(), "hold".into()];
    HolderRuntime::new(house.layout().sessions(), holder)
}

impl Running {
    /// Ends the engine: what it knows is on disk when this returns, and sessions go on.
    pub(super) async fn end(mut self) -> Result<(), Failure> {
        self.cancel.cancel();
        let ended = self.engine.await;
        self.around.shutdown().await;
        match ended {
            Ok(()) => Ok(()),
            Err(error) => Err(Failure::error(format!("the engine stopped because of a defect: {error}"))
                .hint("nothing is lost: start it again, and report this with its log")),
        }
    }
}
