//! The library: finds workflows, prompts and scripts by name. Repository before user before bundled.
//!
//! A file that a repository brings without consent is never used, and never silently replaced by another of its name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::agents::AgentRecord;
use super::bundled;
use super::consent::{Consent, REPO_DIR, Trust, is_executable};
use super::fields::meant;
use super::roles::{self, Role};
use super::settings::{Loaded, Settings};
use super::workflow_file::{self, Surroundings};
use super::yaml;
use crate::domain::budget::Prices;
use crate::domain::ids::{AgentName, RoleName};
use crate::domain::problem::Problem;
use crate::domain::workflow::Workflow;

/// How deep workflows may call each other.
const MOST_CALLS: usize = 8;

/// Where something of the library comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The repository's `.aotui` directory.
    Repository,
    /// The user's directories.
    User,
    /// The program itself.
    Bundled,
}

/// One workflow of the library.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// The workflow with its warnings, or every defect of its file.
    pub result: Result<Loaded<Workflow>, Vec<Problem>>,
}

/// A text of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// What the user calls the file.
    pub(crate) label: String,
    /// Its content.
    pub(crate) text: String,
}

/// A script of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// A file of the repository's or the user's.
    File(PathBuf),
    /// A text for `sh` that comes with the program.
    Text(&'static str),
}

/// Finds workflows, prompts and scripts.
#[derive(Debug, Clone)]
pub struct Library {
    workflow_dir: PathBuf,
    prompt_dir: PathBuf,
    script_dir: PathBuf,
    poll_interval: u64,
    agents: BTreeMap<AgentName, AgentRecord>,
    default_agent: AgentName,
    prices: Prices,
    consent: Consent,
    path: Vec<PathBuf>,
}

/// A workflow file that was found but not read further than its name.
struct Found {
    name: String,
    source: Source,
    label: String,
    text: Result<String, Problem>,
}

impl Library {
    /// Returns the library of these settings; `path` is the user's `PATH`.
    pub fn new(settings: &Settings, path: &str) -> Self {
        Self {
            workflow_dir: settings.workflow_dir.clone(),
            prompt_dir: settings.prompt_dir.clone(),
            script_dir: settings.script_dir.clone(),
            poll_interval: settings.poll_interval,
            agents: settings.agents.clone(),
            default_agent: settings.default_agent.clone(),
            prices: settings.house_rules.prices.clone(),
            consent: Consent::new(&settings.state_dir),
            path: std::env::split_paths(path).filter(|dir| dir.is_absolute()).collect(),
        }
    }

    /// Returns the workflow called `name` for work on `repo`.
    pub fn workflow(&self, repo: Option<&Path>, name: &str) -> Result<Workflow, Vec<Problem>> {
        self.checked(repo, name).map(|loaded| loaded.value)
    }

    /// Returns the workflow called `name` for work on `repo`, with its warnings.
    pub fn checked(&self, repo: Option<&Path>, name: &str) -> Result<Loaded<Workflow>, Vec<Problem>> {
        let all = self.found(repo);
        let Some(found) = all.iter().find(|found| found.name == name) else {
            let mut places: Vec<String> =
                repo.iter().map(|repo| shown(&repo.join(REPO_DIR).join("workflows"))).collect();
            places.push(shown(&self.workflow_dir));
            let names: BTreeSet<&str> = all.iter().map(|found| found.name.as_str()).collect();
            let message = format!("there is no workflow `{name}` in {} or among the bundled ones", places.join(", "));
            return Err(vec![Problem::in_file(name, message).hint(meant(name, names))]);
        };
        self.read(repo, found, Vec::new())
    }

    /// Reads the workflow in `file`, as if the library had it.
    pub fn check(&self, repo: Option<&Path>, file: &Path) -> Result<Loaded<Workflow>, Vec<Problem>> {
        let label = shown(file);
        let text = yaml::read(file, &label, true).map_err(|problem| vec![problem])?;
        let name = workflow_file::name_of(&text, stem(&label));
        workflow_file::parse(&label, &text, &View { library: self, repo, calls: vec![name] })
    }

    /// Returns every workflow for work on `repo`, first those that win. A broken file hides no other.
    pub fn workflows(&self, repo: Option<&Path>) -> Vec<Listed> {
        let mut seen: BTreeSet<(Source, String)> = BTreeSet::new();
        let all = self.found(repo);
        let listed = all.iter().map(|found| {
            let result = if seen.insert((found.source, found.name.clone())) {
                self.read(repo, found, Vec::new())
            } else {
                let message = format!("another file beside it is called `{}` too, and is used", found.name);
                Err(vec![Problem::in_file(&found.label, message).hint("rename one of them")])
            };
            Listed { name: found.name.clone(), source: found.source, result }
        });
        listed.collect()
    }

    /// Reads a workflow that the workflows in `calls` call, one the other.
    fn read(
        &self,
        repo: Option<&Path>,
        found: &Found,
        mut calls: Vec<String>,
    ) -> Result<Loaded<Workflow>, Vec<Problem>> {
        if found.source == Source::Repository {
            self.allowed(repo).map_err(|problem| vec![problem])?;
        }
        let text = found.text.as_ref().map_err(|problem| vec![problem.clone()])?;
        calls.push(found.name.clone());
        workflow_file::parse(&found.label, text, &View { library: self, repo, calls })
    }

    /// Finds every workflow file, in the order in which they win.
    fn found(&self, repo: Option<&Path>) -> Vec<Found> {
        let mut all = Vec::new();
        if let Some(repo) = repo {
            found_in(&repo.join(REPO_DIR).join("workflows"), Source::Repository, &mut all);
        }
        found_in(&self.workflow_dir, Source::User, &mut all);
        for (file, text) in bundled::WORKFLOWS {
            let name = workflow_file::name_of(text, stem(file));
            let (label, text) = (format!("bundled workflows/{file}"), Ok((*text).to_owned()));
            all.push(Found { name, source: Source::Bundled, label, text });
        }
        all
    }

    /// Refuses where a person has not agreed to what the repository brings.
    fn allowed(&self, repo: Option<&Path>) -> Result<(), Problem> {
        let Some(repo) = repo else { return Ok(()) };
        let why = match self.consent.trust(repo)? {
            Trust::Nothing | Trust::Given => return Ok(()),
            Trust::Missing => "the repository brings files that can run programs, and nobody agreed to them yet",
            Trust::Changed => "the repository's files that can run programs are not those that were agreed to",
        };
        let hint = format!("look at them, then run `aotui trust {}`", repo.display());
        Err(Problem::in_file(shown(&repo.join(REPO_DIR)), why).hint(hint))
    }

    /// Returns the prompt called `name`; `None` means there is none.
    pub(crate) fn prompt(&self, repo: Option<&Path>, name: &str) -> Option<Result<Text, Problem>> {
        match self.file(repo, "prompts", &self.prompt_dir, name) {
            Some(Ok((path, follow))) => {
                let label = shown(&path);
                return Some(yaml::read(&path, &label, follow).map(|text| Text { label, text }));
            }
            Some(Err(problem)) => return Some(Err(problem)),
            None => {}
        }
        let (file, text) = bundled::PROMPTS.iter().find(|(file, _)| *file == name)?;
        Some(Ok(Text { label: format!("bundled prompts/{file}"), text: (*text).to_owned() }))
    }

    /// Returns the role called `name`, and what its file is called; `None` means there is none.
    pub(crate) fn role(&self, repo: Option<&Path>, name: &RoleName) -> Option<Result<(String, Role), Vec<Problem>>> {
        let found = self.prompt(repo, &roles::file_of(name))?;
        Some(found.map_err(|problem| vec![problem]).and_then(|Text { label, text }| {
            let agents: Vec<String> = self.agents.keys().map(ToString::to_string).collect();
            let role = roles::read(name, &label, &text, &agents)?;
            Ok((label, role))
        }))
    }

    /// Renders the prompt called `name` for work on `repo` with these variables.
    pub fn rendered(&self, repo: Option<&Path>, name: &str, variables: &serde_json::Value) -> Result<String, Problem> {
        let missing = || Err(Problem::in_file(name, "there is no such prompt"));
        let prompt = self.prompt(repo, name).unwrap_or_else(missing)?;
        super::template::rendered(&prompt.label, &prompt.text, variables)
    }

    /// Returns path and content of what planning agents can read about this program.
    pub fn skills() -> &'static [(&'static str, &'static str)] {
        bundled::SKILLS
    }

    /// Returns whether a program is there: an absolute path that can be executed, or a name that is on the user's `PATH`.
    pub fn has_program(&self, name: &str) -> bool {
        let is_program = |path: PathBuf| path.is_file() && is_executable(&path);
        if name.contains('/') {
            return is_program(PathBuf::from(name));
        }
        self.path.iter().any(|dir| is_program(dir.join(name)))
    }

    /// Returns the script called `name`; `None` means there is none.
    pub(crate) fn script(&self, repo: Option<&Path>, name: &str) -> Option<Result<Script, Problem>> {
        let file = || self.file(repo, "scripts", &self.script_dir, name);
        match (!bundled::RESERVED.contains(&name)).then(file).flatten() {
            Some(found) => Some(found.map(|(path, _)| Script::File(path))),
            None => bundled::SCRIPTS.iter().find(|(known, _)| *known == name).map(|(_, text)| Ok(Script::Text(text))),
        }
    }

    /// Finds a file of the repository or the user, and whether links may be followed to it.
    fn file(
        &self,
        repo: Option<&Path>,
        kind: &str,
        user: &Path,
        name: &str,
    ) -> Option<Result<(PathBuf, bool), Problem>> {
        let last = name.strip_prefix(roles::DIR).filter(|_| kind == "prompts").unwrap_or(name);
        let plain = !last.is_empty() && !last.starts_with('.') && !last.contains(['/', '\\', '\0']);
        if !plain {
            return None;
        }
        let own = repo.map(|repo| repo.join(REPO_DIR).join(kind).join(name));
        if let Some(path) = own.filter(|path| path.symlink_metadata().is_ok()) {
            return Some(self.allowed(repo).map(|()| (path, false)));
        }
        let path = user.join(name);
        path.is_file().then_some(Ok((path, true)))
    }
}

/// The library as a workflow for one repository sees it.
struct View<'a> {
    library: &'a Library,
    repo: Option<&'a Path>,
    /// The workflows that led to the one that is read, itself last.
    calls: Vec<String>,
}

impl Surroundings for View<'_> {
    fn prompt(&self, name: &str) -> Option<Result<(String, String), Problem>> {
        let found = self.library.prompt(self.repo, name)?;
        Some(found.map(|text| (text.label, text.text)))
    }

    fn prompt_names(&self) -> Vec<String> {
        let own = self.repo.map(|repo| repo.join(REPO_DIR).join("prompts"));
        let dirs = own.iter().chain([&self.library.prompt_dir]);
        let files = dirs.flat_map(|dir| {
            let roles = names_in(&dir.join(roles::DIR)).into_iter().map(|file| format!("{}{file}", roles::DIR));
            names_in(dir).into_iter().filter(|file| !roles::DIR.starts_with(file.as_str())).chain(roles)
        });
        files.chain(bundled::PROMPTS.iter().map(|(file, _)| (*file).to_owned())).collect()
    }

    fn agent_names(&self) -> Vec<String> {
        self.library.agents.keys().map(ToString::to_string).collect()
    }

    fn unpriced(&self, agent: Option<&str>, model: Option<&str>) -> Option<String> {
        let default = self.library.default_agent.as_str();
        let name = agent.unwrap_or(default);
        let (_, record) = self.library.agents.iter().find(|(known, _)| known.as_str() == name)?;
        record.unpriced(name, model, &self.library.prices)
    }

    fn has_command(&self, name: &str) -> Option<Result<(), Problem>> {
        if let Some(script) = self.library.script(self.repo, name) {
            return Some(script.map(|_| ()));
        }
        self.library.has_program(name).then_some(Ok(()))
    }

    fn workflow(&self, name: &str) -> Option<Result<Workflow, Vec<Problem>>> {
        let all = self.library.found(self.repo);
        let found = all.iter().find(|found| found.name == name)?;
        let refuse = |message: String, hint: &str| {
            let problem = Problem::in_file(&found.label, message);
            Some(Err(vec![problem.hint(hint)]))
        };
        if let Some(at) = self.calls.iter().position(|call| call == name) {
            let circle: Vec<&str> = self.calls.iter().skip(at).map(String::as_str).chain([name]).collect();
            return refuse(
                format!("workflow `{name}` calls itself: {}", circle.join(" → ")),
                "remove one of the calls",
            );
        }
        if self.calls.len() >= MOST_CALLS {
            let way = self.calls.join(" → ");
            return refuse(format!("workflows call each other {MOST_CALLS} deep: {way} → {name}"), "call it directly");
        }
        Some(self.library.read(self.repo, found, self.calls.clone()).map(|loaded| loaded.value))
    }

    fn workflow_names(&self) -> Vec<String> {
        self.library.found(self.repo).into_iter().map(|found| found.name).collect()
    }

    fn poll_interval(&self) -> u64 {
        self.library.poll_interval
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// Returns the names of the files in a directory in order; none where there is no such directory.
fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn found_in(dir: &Path, source: Source, all: &mut Vec<Found>) {
    for file in names_in(dir) {
        if file.starts_with('.') || !(file.ends_with(".yaml") || file.ends_with(".yml")) {
            continue;
        }
        let path = dir.join(&file);
        let label = shown(&path);
        let text = yaml::read(&path, &label, source != Source::Repository);
        let name =
            text.as_ref().map_or_else(|_| stem(&file).to_owned(), |text| workflow_file::name_of(text, stem(&file)));
        all.push(Found { name, source, label, text });
    }
}

#[cfg(test)]
#[path = "library_tests.rs"]
mod tests;
