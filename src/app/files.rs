//! Takes over what people and planners write into the files of plans, and into the settings file, while an engine runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::house::House;
use crate::adapters::launcher::LibraryLauncher;
use crate::bus::Link;
use crate::config::settings::Settings;
use crate::domain::command::Command;
use crate::domain::problem::Problem;
use crate::faults;
use crate::store;

/// How long writing several files may take to be taken as one change.
const SETTLE: Duration = Duration::from_millis(100);

/// Changes that may wait; more than that are one anyway.
const CHANGES: usize = 256;

/// What the files of a house are taken over into.
#[derive(Clone)]
pub(super) struct Files {
    /// The house as it is in force.
    pub(super) house: House,
    /// Defects of the engine's own files, which stay listed.
    pub(super) damage: Vec<Problem>,
    /// Composes sessions by the settings in force.
    pub(super) launcher: Arc<LibraryLauncher>,
    /// The engine.
    pub(super) link: Link,
}

impl Files {
    /// Watches for as long as it is polled.
    pub(super) async fn watch(mut self) {
        let (changed, mut changes) = mpsc::channel::<PathBuf>(CHANGES);
        let _watcher = match self.watcher(changed) {
            Ok(watcher) => watcher,
            Err(error) => return tracing::error!("the files of plans cannot be watched: {error}"),
        };
        // What was written between loading and watching told nobody, so the first look needs no reason.
        let (mut defective, mut resettled) = (true, true);
        let mut paths: Vec<PathBuf> = Vec::new();
        let settings = self.settings_files();
        loop {
            if resettled {
                self.settle().await;
            }
            let layout = self.house.layout();
            let looked = tokio::task::spawn_blocking(move || {
                // While something is defective every change may have mended it.
                let look = defective || resettled || paths.iter().any(|path| store::is_edited(&layout, path));
                let found = look.then(|| store::changed_files(&layout));
                // What is being written this very moment, by the engine too, is not defective: it is looked at again.
                found.map(|found| match found.1.is_empty() {
                    true => found,
                    false => {
                        std::thread::sleep(SETTLE);
                        store::changed_files(&layout)
                    }
                })
            });
            if let Ok(Some((commands, mut problems))) = looked.await {
                defective = !problems.is_empty();
                problems.extend(self.house.warnings.iter().chain(&self.damage).cloned());
                take_over(&self.link, commands, problems).await;
            }
            let Some(first) = changes.recv().await else { return };
            tokio::time::sleep(SETTLE).await;
            paths = vec![first];
            while let Ok(path) = changes.try_recv() {
                paths.push(path);
            }
            paths.sort();
            paths.dedup();
            resettled = paths.iter().any(|path| settings.contains(path));
        }
    }

    fn watcher(&self, changed: mpsc::Sender<PathBuf>) -> notify::Result<impl Watcher + use<>> {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if matches!(event.kind, EventKind::Access(_)) {
                return;
            }
            for path in event.paths {
                // A full channel already says "look again".
                let _full = changed.try_send(path);
            }
        })?;
        watcher.watch(&self.house.layout().plans(), RecursiveMode::Recursive)?;
        // Editors replace files, so the directories are watched: that of the file, and that of what it links to.
        for file in self.settings_files() {
            if let Some(dir) = file.parent().filter(|dir| dir.is_dir())
                && let Err(error) = watcher.watch(dir, RecursiveMode::NonRecursive)
            {
                tracing::warn!("the settings file cannot be watched: {error}");
            }
        }
        Ok(watcher)
    }

    /// Returns the names the settings file has.
    fn settings_files(&self) -> Vec<PathBuf> {
        let file = &self.house.places.config_file;
        std::iter::once(file.clone()).chain(file.canonicalize().ok().filter(|real| real != file)).collect()
    }

    /// Reads the settings file again. What it says counts from now on as far as it can; a missing or defective one
    /// changes nothing.
    async fn settle(&mut self) {
        let (places, exe) = (self.house.places.clone(), self.house.exe.clone());
        let read = move || places.config_file.exists().then(|| Settings::load(&places, &exe));
        let Ok(Some(read)) = tokio::task::spawn_blocking(read).await else { return };
        match read {
            Err(problems) => self.house.warnings = problems,
            Ok(loaded) => {
                let (settings, later) = self.house.settings.adopt(loaded.value);
                self.house.warnings = loaded.warnings;
                if !later.is_empty() {
                    let file = self.house.places.config_file.display().to_string();
                    let names: Vec<String> = later.iter().map(|name| format!("`{name}`")).collect();
                    let problem = Problem::in_file(file, format!("{} counts from the next start on", names.join(", ")));
                    self.house.warnings.push(problem.hint("end aotui and start it again; sessions go on meanwhile"));
                }
                self.house.settle(settings);
                let max = self.house.settings.max_concurrency;
                self.launcher.adopt(self.house.library(), self.house.settings.clone());
                let rules = Arc::new(self.house.settings.rules());
                for command in [Command::SetConcurrency { max }, Command::SetRules { rules }] {
                    if let Err(error) = self.link.command(command).await {
                        tracing::warn!("the engine does not take the new settings: {error}");
                    }
                }
            }
        }
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
