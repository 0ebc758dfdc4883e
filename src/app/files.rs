//! Takes over what people and planners write into the files of plans while an engine runs.

use std::path::PathBuf;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::bus::Link;
use crate::domain::command::Command;
use crate::domain::problem::Problem;
use crate::faults;
use crate::store::{self, Layout};

/// How long writing several files may take to be taken as one change.
const SETTLE: Duration = Duration::from_millis(100);

/// Changes that may wait; more than that are one anyway.
const CHANGES: usize = 256;

/// Watches the plans for as long as it is polled. `lasting` are defects of other files, which stay listed.
pub(super) async fn watch(layout: Layout, lasting: Vec<Problem>, link: Link) {
    let (changed, mut changes) = mpsc::channel::<PathBuf>(CHANGES);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in event.paths {
            // A full channel already says "look again".
            let _full = changed.try_send(path);
        }
    });
    let watched = watcher.and_then(|mut watcher| {
        watcher.watch(&layout.plans(), RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    let _watcher = match watched {
        Ok(watcher) => watcher,
        Err(error) => return tracing::error!("the files of plans cannot be watched: {error}"),
    };
    // What was written between loading and watching told nobody, so the first look needs no reason.
    let mut defective = true;
    let mut paths = Vec::new();
    loop {
        let layout = layout.clone();
        let looked = tokio::task::spawn_blocking(move || {
            // While something is defective every change may have mended it.
            let look = defective || paths.iter().any(|path: &PathBuf| store::is_edited(&layout, path));
            look.then(|| store::changed_files(&layout))
        });
        if let Ok(Some((commands, mut problems))) = looked.await {
            defective = !problems.is_empty();
            problems.extend(lasting.iter().cloned());
            take_over(&link, commands, problems).await;
        }
        let Some(first) = changes.recv().await else { return };
        tokio::time::sleep(SETTLE).await;
        paths = vec![first];
        while let Ok(path) = changes.try_recv() {
            paths.push(path);
        }
        paths.sort();
        paths.dedup();
    }
}

/// Has the engine take over what the files say. What it refuses is a problem to be shown.
async fn take_over(link: &Link, commands: Vec<Command>, mut problems: Vec<Problem>) {
    for command in commands {
        // Only a death or a panic says anything here: nothing is written.
        let _no_step = faults::point("import.take");
        let name = match &command {
            Command::PutTicket { brief, .. } => brief.key.to_string(),
            Command::PutPlan { plan } => plan.id.to_string(),
            _ => String::new(),
        };
        if let Err(rejection) = link.command(command).await {
            let problem = Problem::in_file(name, rejection.message);
            problems.push(Problem { hint: rejection.hint, ..problem });
        }
    }
    if let Err(error) = link.command(Command::SetProblems { problems }).await {
        tracing::warn!("defects of files cannot be shown: {error}");
    }
}
