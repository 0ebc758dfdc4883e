//! The launcher: composes programs, arguments, environment and prompts from the library and the agent records.
//!
//! No value of a ticket ever becomes code: it reaches programs as an argument, a variable or a file.

mod argv;
mod attribution;
mod captured;
mod environment;
mod faces;
mod list;
mod rulebook;

pub(crate) use argv::fresh_conversation;

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use self::environment::Who;
use crate::adapters::gates::{self, CheckOrder};
use crate::config::agents::{AgentRecord, PromptVia};
use crate::config::library::Library;
use crate::config::settings::Settings;
use crate::config::template;
use crate::domain::gate::{BASELINE, Step};
use crate::domain::leaves::{Artifact, MAX_READ};
use crate::domain::permission::PermissionRule;
use crate::domain::plan::Plan;
use crate::domain::problem::Problem;
use crate::domain::ticket::Ticket;
use crate::domain::workflow::{Capture, PhaseKind, Prompt, Workflow};
use crate::slots::launcher::{Launcher, WorkOrder};
use crate::slots::runtime::Launch;
use crate::slots::workspace::WorkspaceRequest;
use crate::slots::{ErrorClass, SlotError, SlotFuture};

/// What an agent reads before its task when a person hands its conversation back.
const HANDED_BACK: &str = "A person took this conversation over in its own terminal and has handed it back to you. What \
    they said and decided there holds. Look at how the worktree stands now, then go on until your task is done. It was:";

/// Most mebibytes of files that a phase is given to read.
const MOST: u64 = MAX_READ / 1024 / 1024;

/// Where a launcher puts and finds things.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Directory of the sessions' directories.
    pub sessions_dir: PathBuf,
    /// Directory that reports of agents go to.
    pub spool_dir: PathBuf,
    /// This program.
    pub exe: PathBuf,
    /// Terminal size of new sessions, columns and rows.
    pub size: (u16, u16),
    /// The user's environment.
    pub env: BTreeMap<String, String>,
    /// The file rules are added to; `None` means none is.
    pub settings_file: Option<PathBuf>,
}

impl Desk {
    /// Returns a desk with terminals of 120 by 40 cells.
    pub fn new(sessions_dir: PathBuf, spool_dir: PathBuf, exe: PathBuf, env: BTreeMap<String, String>) -> Self {
        Self { sessions_dir, spool_dir, exe, size: (120, 40), env, settings_file: None }
    }

    /// Returns the directory of the artifacts of the order's ticket.
    fn store(&self, order: &WorkOrder) -> PathBuf {
        let key = &order.ticket.brief.key;
        gates::store_of(&self.sessions_dir.with_file_name("artifacts"), key.plan.as_str(), key.ticket.as_str())
    }

    /// Returns the directory in which the order's phase finds and leaves artifacts; `None` where it has none.
    fn artifacts(&self, order: &WorkOrder) -> Option<PathBuf> {
        if order.phase.artifacts.is_empty() {
            return None;
        }
        let key = &order.ticket.brief.key;
        let walk: String = key.walk.iter().map(|walk| format!("{walk}~")).collect();
        Some(self.store(order).join("work").join(format!("{walk}{}", order.phase.id)))
    }
}

/// Composes launches from the library.
pub struct LibraryLauncher {
    bench: RwLock<Arc<Bench>>,
}

/// What composing needs; shared with the threads that do it.
struct Bench {
    library: Library,
    settings: Settings,
    desk: Desk,
}

impl LibraryLauncher {
    /// Returns a launcher for this library, these settings and this desk.
    pub fn new(library: Library, settings: Settings, desk: Desk) -> Self {
        Self { bench: RwLock::new(Arc::new(Bench { library, settings, desk })) }
    }

    /// Composes by another library and other settings from now on.
    pub fn adopt(&self, library: Library, settings: Settings) {
        let desk = self.bench().desk.clone();
        *self.bench.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Bench { library, settings, desk });
    }

    fn bench(&self) -> Arc<Bench> {
        Arc::clone(&self.bench.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs something that reads and writes files on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Bench) -> Result<T, SlotError> + Send + 'static,
    ) -> Result<T, SlotError> {
        let bench = self.bench();
        match tokio::task::spawn_blocking(move || work(&bench)).await {
            Ok(result) => result,
            Err(error) => Err(SlotError::new(ErrorClass::Bug, format!("composing a session failed: {error}"))),
        }
    }
}

impl Launcher for LibraryLauncher {
    fn workflow(&self, plan: Plan, ticket: Arc<Ticket>) -> SlotFuture<'_, Result<Workflow, SlotError>> {
        Box::pin(self.blocking(move |bench| {
            let wanted = ticket.brief.workflow.as_ref().or(plan.workflow.as_ref());
            let name = wanted.map_or(template::DEFAULT_WORKFLOW, |name| name.as_str());
            let repo = repo(&plan, &ticket);
            bench.library.workflow(repo.as_deref(), name).map_err(|problems| told(&problems))
        }))
    }

    fn workspace(&self, plan: &Plan, ticket: &Ticket) -> Result<WorkspaceRequest, SlotError> {
        self.bench().workspace(plan, ticket)
    }

    fn compose(&self, order: WorkOrder) -> SlotFuture<'_, Result<Launch, SlotError>> {
        Box::pin(self.blocking(move |bench| bench.compose(&order)))
    }

    fn keep_rule(&self, rule: PermissionRule) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(self.blocking(move |bench| {
            let path = bench.desk.settings_file.as_ref().ok_or_else(|| misconfigured("there is no settings file"))?;
            rulebook::add(path, &rule)
        }))
    }

    fn question(&self, order: WorkOrder) -> SlotFuture<'_, Result<String, SlotError>> {
        Box::pin(self.blocking(move |bench| bench.question(&order)))
    }

    fn list(&self, order: WorkOrder) -> SlotFuture<'_, Result<Vec<String>, SlotError>> {
        Box::pin(self.blocking(move |_| list::read(&order)))
    }

    fn capture(&self, order: WorkOrder, script: String) -> SlotFuture<'_, Result<String, SlotError>> {
        Box::pin(async move {
            let cwd = worktree(&order)?;
            let env = environment::of(&order, &self.bench().desk, Who::Script);
            captured::run(&script, &cwd, env).await
        })
    }
}

/// Returns the error for something the user has to change.
fn misconfigured(what: impl std::fmt::Display) -> SlotError {
    SlotError::new(ErrorClass::Misconfigured, what.to_string())
}

fn told(problems: &[Problem]) -> SlotError {
    misconfigured(problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))
}

fn failed(problem: &Problem) -> SlotError {
    misconfigured(problem)
}

/// Returns the ticket's checkout.
fn worktree(order: &WorkOrder) -> Result<PathBuf, SlotError> {
    let checkout = order.ticket.progress.workspace.as_ref().filter(|checkout| !checkout.removed);
    let path = checkout.map(|checkout| PathBuf::from(&checkout.path));
    path.ok_or_else(|| {
        let key = &order.ticket.brief.key;
        SlotError::new(ErrorClass::NotFound, format!("ticket {key} has no worktree; retry it to have one made"))
    })
}

/// Returns the repository the ticket works on.
fn repo(plan: &Plan, ticket: &Ticket) -> Option<PathBuf> {
    ticket.brief.repo.as_ref().or(plan.repo.as_ref()).map(PathBuf::from)
}

/// Returns an absolute path that a plan or ticket names.
fn absolute(what: &str, path: &str) -> Result<PathBuf, SlotError> {
    let wrong = || misconfigured(format!("the {what} `{path}` is not an absolute path; make it one"));
    Some(PathBuf::from(path)).filter(|path| path.is_absolute()).ok_or_else(wrong)
}

impl Bench {
    fn workspace(&self, plan: &Plan, ticket: &Ticket) -> Result<WorkspaceRequest, SlotError> {
        let (brief, key) = (&ticket.brief, &ticket.brief.key);
        let repo = repo(plan, ticket).ok_or_else(|| {
            misconfigured(format!("neither ticket {key} nor its plan names a repository; add `repo` to one of them"))
        })?;
        let repo = absolute("repository", &repo.to_string_lossy())?;
        let path = match (&brief.worktree, &plan.worktree_root) {
            (Some(own), _) => absolute("worktree", own)?,
            (None, Some(root)) => absolute("worktree root", root)?.join(key.ticket.as_str()),
            (None, None) => self.settings.worktree_root.join(key.plan.as_str()).join(key.ticket.as_str()),
        };
        let branch = brief.branch.clone().unwrap_or_else(|| format!("aotui/{}/{}", key.plan, key.ticket));
        Ok(WorkspaceRequest { ticket: key.root(), repo, path, branch, base: plan.base.clone() })
    }

    fn compose(&self, order: &WorkOrder) -> Result<Launch, SlotError> {
        let cwd = worktree(order)?;
        let looks = order.ticket.progress.proof.step.is_some();
        if let Some(dir) = self.desk.artifacts(order).filter(|_| !looks) {
            let (store, reads) = (self.desk.store(order), &order.phase.artifacts.reads);
            gates::lay_out(&dir, &store, reads, &order.offered).map_err(|error| {
                misconfigured(format!("the artifacts in {} cannot be laid out: {error}", dir.display()))
            })?;
        }
        let (argv, env) = match &order.phase.kind {
            _ if looks => (self.looking(order, &cwd)?, environment::of(order, &self.desk, Who::Gates)),
            PhaseKind::Script { run } | PhaseKind::Poll { run, .. } => {
                let argv = argv::of_run(self, order, run, &cwd)?;
                (argv, environment::of(order, &self.desk, Who::Script))
            }
            PhaseKind::Agent { prompt, .. } => self.agent(order, prompt)?,
            PhaseKind::Approval(_)
            | PhaseKind::Parallel { .. }
            | PhaseKind::Foreach { .. }
            | PhaseKind::Workflow { .. }
            | PhaseKind::Terminal { .. } => {
                let message = format!("phase `{}` runs nothing", order.phase.id);
                return Err(SlotError::new(ErrorClass::Bug, message));
            }
        };
        Ok(Launch {
            session: order.session.clone(),
            argv: argv::checked(argv)?,
            cwd,
            env: env.into_iter().collect(),
            cols: self.desk.size.0,
            rows: self.desk.size.1,
            recording_limit: u64::from(self.settings.recordings.megabytes) * 1_000_000,
            separate_stdout: !looks && order.phase.capture.values().any(Capture::reads_stdout),
        })
    }

    /// Returns what looks at the worktree for the gates of the phase.
    fn looking(&self, order: &WorkOrder, cwd: &Path) -> Result<Vec<String>, SlotError> {
        let progress = &order.ticket.progress;
        let checkout = progress.workspace.as_ref();
        let looks_first = progress.proof.step == Some(Step::Look);
        let check = CheckOrder {
            repo: repo(&order.plan, &order.ticket).unwrap_or_default(),
            worktree: cwd.to_owned(),
            base_commit: checkout.map(|checkout| checkout.base_commit.clone()).unwrap_or_default(),
            gates: order.phase.gates.clone(),
            base_branch: checkout.map(|checkout| checkout.base_branch.clone()).unwrap_or_default(),
            before: progress.proof.before.clone().filter(|_| !looks_first),
            kept: progress.proof.kept.get(&order.phase.id).cloned(),
            verdict: progress.proof.verdict.clone(),
            learned: progress.proof.learned,
            artifacts: self.desk.artifacts(order),
            store: self.desk.store(order),
            begin: order.begin.clone(),
            baseline: order.offered.artifact(BASELINE).map(|kept| self.desk.store(order).join(&kept.hash)),
        };
        let dir = self.desk.sessions_dir.join(order.session.to_string());
        let written = make_private(&dir).and_then(|()| gates::write_order(&dir, &check));
        let path = written.map_err(|error| misconfigured(format!("{} cannot be written: {error}", dir.display())))?;
        Ok(vec![argv::text(&self.desk.exe)?, "check".to_owned(), argv::text(&path)?])
    }

    fn agent(&self, order: &WorkOrder, prompt: &Prompt) -> Result<(Vec<String>, BTreeMap<String, String>), SlotError> {
        let record = self.record(order)?;
        let face = faces::of(order, record);
        let goes_on = faces::resumes(order, face);
        let progress = &order.ticket.progress;
        let text = match progress.follow_up().filter(|_| goes_on) {
            Some(evidence) => evidence,
            None if goes_on && progress.was_handed_back() => {
                format!("{HANDED_BACK}\n\n{}", self.prompt(order, prompt)?)
            }
            None => self.prompt(order, prompt)?,
        };
        let file = self.write_prompt(order, &text)?;
        let mut env = environment::of(order, &self.desk, Who::Agent);
        env.insert("AOTUI_PROMPT_FILE".to_owned(), file.clone());
        let mut values = argv::Values::new(order, record, &self.desk.env, text, file);
        values.add(faces::variables(self, order, face)?);
        self.prepare_git(order, &values, &mut env)?;
        for (key, value) in &record.env {
            let value = values.render(&crate::config::agents::with_environment(value))?;
            env.insert(key.clone(), environment::clean(&value));
        }
        // A shell or a driver starts it, which would only say that it is not there.
        let by_shell = record.prompt_via == PromptVia::Stdin && !matches!(face, faces::Worn::Terminal(_));
        let started_by_us = by_shell || matches!(face, faces::Worn::Headless(_));
        if started_by_us && !self.library.has_program(&values.render(&record.command)?) {
            let name = order.agent.as_ref().unwrap_or(&self.settings.default_agent);
            return Err(misconfigured(format!(
                "agent `{name}` needs the program `{}`, which is not installed (install it, or choose another agent)",
                record.command
            )));
        }
        let argv = match face {
            faces::Worn::Headless(headless) => self.driven(order, headless, &values)?,
            faces::Worn::Terminal(terminal) => self.on_screen(order, terminal, &values, &env)?,
            faces::Worn::Plain => argv::of_agent(&values)?,
        };
        Ok((argv, env))
    }

    fn record(&self, order: &WorkOrder) -> Result<&AgentRecord, SlotError> {
        let name = order.agent.as_ref().unwrap_or(&self.settings.default_agent);
        self.settings.agents.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.settings.agents.keys().map(|name| name.as_str()).collect();
            misconfigured(format!("there is no agent `{name}`; the settings have {}", known.join(", ")))
        })
    }

    /// Returns what the agent is told: who it is, and what it is to do.
    fn prompt(&self, order: &WorkOrder, prompt: &Prompt) -> Result<String, SlotError> {
        let task = self.task(order, prompt)?;
        let Some(name) = order.phase.role() else { return Ok(task) };
        let found = self.library.role(repo(&order.plan, &order.ticket).as_deref(), name);
        let found = found.ok_or_else(|| misconfigured(format!("there is no role `{name}` any more")))?;
        let (label, role) = found.map_err(|problems| told(&problems))?;
        Ok(format!("{}\n\n{task}", self.render(order, &label, role.text())?.trim()))
    }

    fn task(&self, order: &WorkOrder, prompt: &Prompt) -> Result<String, SlotError> {
        match prompt {
            Prompt::Inline { text } => self.render(order, &format!("prompt of phase {}", order.phase.id), text),
            Prompt::Template { name } => {
                let found = self.library.prompt(repo(&order.plan, &order.ticket).as_deref(), name);
                let found = found.ok_or_else(|| misconfigured(format!("there is no prompt file `{name}`")))?;
                let text = found.map_err(|problem| failed(&problem))?;
                self.render(order, &text.label, &text.text)
            }
        }
    }

    /// Renders a template that may include prompts of the library.
    fn render(&self, order: &WorkOrder, name: &str, source: &str) -> Result<String, SlotError> {
        let (library, repo) = (self.library.clone(), repo(&order.plan, &order.ticket));
        let include = move |name: &str| Some(library.prompt(repo.as_deref(), name)?.map(|text| text.text));
        let mut variables = template::variables(order);
        variables.insert("artifacts".to_owned(), self.artifact_names(order).into());
        let variables = variables.into();
        template::render(name, source, &variables, include).map_err(|problem| failed(&problem))
    }

    /// Names the files that the phase reads and has to leave, for a prompt: never what is in them.
    fn artifact_names(&self, order: &WorkOrder) -> String {
        let Some(dir) = self.desk.artifacts(order) else { return String::new() };
        let names = &order.phase.artifacts.reads;
        let reads = order.offered.read(names).map(|(Artifact { name, version, phase, bytes, .. }, fits)| {
            let what = format!("version {version}, by phase {phase}, {bytes} bytes");
            match fits {
                true => format!("- read {} ({what})", dir.join(name).display()),
                false => format!("- {name} ({what}) is left out: all files to read would be larger than {MOST} MiB"),
            }
        });
        let missing = names.iter().filter(|name| order.offered.artifact(name).is_none());
        let missing = missing.map(|name| format!("- {name} is not there: nobody left it yet"));
        let writes =
            order.phase.artifacts.writes.iter().map(|name| {
                format!("- write {} (or run `aotui report artifact {name} FILE`)", dir.join(name).display())
            });
        reads.chain(missing).chain(writes).collect::<Vec<_>>().join("\n")
    }

    fn question(&self, order: &WorkOrder) -> Result<String, SlotError> {
        if let PhaseKind::Approval(approval) = &order.phase.kind
            && let Some(message) = &approval.message
        {
            return self.render(order, &format!("message of phase {}", order.phase.id), message);
        }
        let before = order.ticket.progress.history.last().map(|entry| entry.phase.as_str());
        Ok(match before {
            Some(before) => format!("Is what phase {before} made good to go on?"),
            None => format!("May ticket {} go on?", order.ticket.brief.key),
        })
    }

    /// Writes the prompt into the session's directory, for the user alone, and returns its path.
    fn write_prompt(&self, order: &WorkOrder, text: &str) -> Result<String, SlotError> {
        let dir = self.desk.sessions_dir.join(order.session.to_string());
        let path = dir.join("prompt.md");
        write_private(&dir, &path, text)
            .map_err(|error| misconfigured(format!("{} cannot be written: {error}", path.display())))?;
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| misconfigured(format!("the path {} is not UTF-8 text", path.display())))
    }
}

fn make_private(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn write_private(dir: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    make_private(dir)?;
    // A temporary file is made with mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    new.write_all(text.as_bytes())?;
    new.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests;
