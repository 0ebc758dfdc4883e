//! `config.yaml`: what a person sets once. Every key is optional, and the file may be absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::agents::{self, AgentRecord};
use super::fields::{At, Fields, Report, meant, scalar};
use super::paths::Places;
use super::yaml::{self, Node, Value};
use crate::domain::ids::AgentName;
use crate::domain::problem::Problem;

/// Something read from a file, with the defects that did not spoil it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded<T> {
    /// What was read.
    pub value: T,
    /// What a person should still look at.
    pub warnings: Vec<Problem>,
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The agent of tickets, plans and phases that name none.
    pub default_agent: AgentName,
    /// How each agent is started.
    pub agents: BTreeMap<AgentName, AgentRecord>,
    /// Most sessions at a time.
    pub max_concurrency: u32,
    /// Seconds between two checks of a poll phase that names none.
    pub poll_interval: u64,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// Where the user's workflows are.
    pub workflow_dir: PathBuf,
    /// Where the user's prompts are.
    pub prompt_dir: PathBuf,
    /// Where the user's scripts are.
    pub script_dir: PathBuf,
    /// Where logs go.
    pub log_dir: PathBuf,
    /// Where worktrees of plans that name no place are made.
    pub worktree_root: PathBuf,
    /// Name of the theme; `None` means the default one.
    pub theme: Option<String>,
    /// Chords per action, as written.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The chord that leaves an attached terminal, as written.
    pub leave_chord: String,
    /// Seconds a session that is told to end has before it is killed.
    pub stop_grace: u64,
}

/// Keys of the system whose files we read too, which mean nothing here.
const IGNORED: [(&str, &str); 3] = [
    ("ghCommand", "scripts call `gh` themselves"),
    ("skillsDir", "there is no planner that reads skills"),
    ("mcpServers", "configure them in the agent itself"),
];

impl Settings {
    /// Returns what is in force without a file; `exe` is this program.
    pub fn defaults(places: &Places, exe: &Path) -> Self {
        Self {
            default_agent: agents::default_name(),
            agents: agents::bundled(exe),
            max_concurrency: 3,
            poll_interval: 10,
            state_dir: places.state_dir.clone(),
            workflow_dir: places.config_dir.join("workflows"),
            prompt_dir: places.config_dir.join("prompts"),
            script_dir: places.config_dir.join("scripts"),
            log_dir: places.state_dir.join("logs"),
            worktree_root: places.state_dir.join("worktrees"),
            theme: None,
            keys: BTreeMap::new(),
            leave_chord: "ctrl-\\".to_owned(),
            stop_grace: 8,
        }
    }

    /// Reads the settings file; without one the defaults hold. `exe` is this program.
    pub fn load(places: &Places, exe: &Path) -> Result<Loaded<Self>, Vec<Problem>> {
        let label = places.config_file.display().to_string();
        match std::fs::symlink_metadata(&places.config_file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !places.named => {
                return Ok(Loaded { value: Self::defaults(places, exe), warnings: Vec::new() });
            }
            _ => {}
        }
        let text = yaml::read(&places.config_file, &label, true).map_err(|problem| vec![problem])?;
        Self::parse(&label, &text, places, exe)
    }

    /// Reads the content of the settings file the user calls `label`.
    pub fn parse(label: &str, text: &str, places: &Places, exe: &Path) -> Result<Loaded<Self>, Vec<Problem>> {
        let node = yaml::parse(label, text).map_err(|problem| vec![problem])?;
        let mut settings = Self::defaults(places, exe);
        let mut report = Report::new(label);
        if node.value != Value::Null {
            settings.apply(&node, places, &mut report);
        }
        if report.errors.is_empty() {
            return Ok(Loaded { value: settings, warnings: report.warnings });
        }
        report.errors.append(&mut report.warnings);
        Err(report.errors)
    }

    fn apply(&mut self, node: &Node, places: &Places, report: &mut Report) {
        let Some(mut fields) = Fields::of(node, "the settings", report) else { return };
        self.apply_agents(&mut fields, report);
        let most = fields.number("maxConcurrency", 1, 1000, report);
        self.max_concurrency = most.unwrap_or(self.max_concurrency);
        let interval = fields.number("pollInterval", 1, DAY, report);
        self.poll_interval = interval.map_or(self.poll_interval, u64::from);
        let grace = fields.number("stopGraceSeconds", 0, DAY, report);
        self.stop_grace = grace.map_or(self.stop_grace, u64::from);
        if let Some(path) = directory(&mut fields, "stateDir", places, report) {
            self.log_dir = path.join("logs");
            self.worktree_root = path.join("worktrees");
            self.state_dir = path;
        }
        let others: [(&'static str, &mut PathBuf); 5] = [
            ("logDir", &mut self.log_dir),
            ("worktreeRoot", &mut self.worktree_root),
            ("workflowDir", &mut self.workflow_dir),
            ("promptDir", &mut self.prompt_dir),
            ("scriptDir", &mut self.script_dir),
        ];
        for (key, place) in others {
            if let Some(path) = directory(&mut fields, key, places, report) {
                *place = path;
            }
        }
        self.theme = fields.text("theme", report).map(|text| text.value);
        if let Some(chord) = fields.text("leaveChord", report) {
            self.leave_chord = chord.value;
        }
        for (action, value) in fields.entries("keys", report) {
            match chords(value) {
                Some(chords) => drop(self.keys.insert(action.value, chords)),
                None => report.error(
                    value.at,
                    format!("the keys of `{}` should be a text or a list of texts, not {}", action.value, value.kind()),
                    "write a chord such as `ctrl-r`, or a list of chords",
                ),
            }
        }
        for (key, hint) in fields.unknown() {
            match IGNORED.iter().find(|(ignored, _)| *ignored == key.value) {
                Some((_, why)) => report.warn(key.at, format!("`{}` is ignored: {why}", key.value), ""),
                None => report.warn(key.at, format!("unknown key `{}` is ignored", key.value), hint),
            }
        }
    }

    fn apply_agents(&mut self, fields: &mut Fields<'_>, report: &mut Report) {
        for (key, node) in fields.entries("agents", report) {
            match AgentName::new(key.value.clone()) {
                Ok(name) => {
                    let known = self.agents.get(&name).cloned().unwrap_or_default();
                    if let Some(record) = agents::parse(&key.value, known, node, report) {
                        self.agents.insert(name, record);
                    }
                }
                Err(bad) => report.error(key.at, bad.to_string(), ""),
            }
        }
        let Some(At { value, at }) = fields.text("defaultAgent", report) else { return };
        match self.agents.keys().find(|name| name.as_str() == value) {
            Some(name) => self.default_agent = name.clone(),
            None => {
                let hint = meant(&value, self.agents.keys().map(AgentName::as_str));
                report.error(at, format!("`defaultAgent` names `{value}`, which is not an agent"), hint);
            }
        }
    }

    /// Returns the settings file that a person starts with: every key, explained, at its default.
    pub fn init_file() -> String {
        include_str!("init.yaml").to_owned()
    }
}

/// Most seconds of any setting.
const DAY: u32 = 86_400;

fn directory(fields: &mut Fields<'_>, key: &'static str, places: &Places, report: &mut Report) -> Option<PathBuf> {
    let text = fields.text(key, report)?;
    if text.value.trim().is_empty() {
        report.error(text.at, format!("`{key}` is empty"), "name a directory or remove the key");
        return None;
    }
    let path = places.resolve(&text.value);
    if let Err(error) = &path {
        report.error(text.at, format!("`{key}` cannot be resolved: {error}"), "");
    }
    path.ok()
}

fn chords(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| scalar(item).map(|text| text.value)).collect(),
        _ => scalar(node).map(|text| vec![text.value]),
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
