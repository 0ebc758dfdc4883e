//! `config.yaml`: what a person sets once. Every key is optional, and the file may be absent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::agents::{self, AgentRecord};
use super::fields::{At, Fields, Report, meant, scalar};
use super::house_rules;
use super::night;
use super::paths::Places;
use super::triage::{self, TriageRule};
use super::yaml::{self, Node, Value};
use crate::domain::ids::AgentName;
use crate::domain::permission::PermissionRule;
use crate::domain::problem::Problem;
use crate::domain::rules::Rules;

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
    /// How much of the past is kept, and for how long.
    pub recordings: Recordings,
    /// Whether commits made in agents' sessions say what made them.
    pub attribution: bool,
    /// What decisions about agents go by, besides what their records say.
    pub house_rules: Rules,
    /// Which workflow and agent new work gets that names none.
    pub triage: Vec<TriageRule>,
}

/// How recordings of sessions and the journal are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recordings {
    /// About how much room one may take, in megabytes of a million bytes.
    pub megabytes: u32,
    /// Days for which they are kept after the session's end; then `aotui gc` may delete them.
    pub days: u32,
    /// Megabytes of older parts of the journal that are kept.
    pub journal_megabytes: u32,
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
            stop_grace: 4,
            attribution: true,
            recordings: Recordings { megabytes: 64, days: 14, journal_megabytes: 64 },
            house_rules: Rules {
                stall_seconds: Some(1200),
                progress_seconds: Some(2700),
                prices: house_rules::bundled_prices(),
                ..Rules::default()
            },
            triage: Vec::new(),
        }
    }

    /// Reads the settings file; without one the defaults hold. `exe` is this program.
    pub fn load(places: &Places, exe: &Path) -> Result<Loaded<Self>, Vec<Problem>> {
        let (value, report) = Self::read(places, exe);
        finished(value, report)
    }

    /// Reads what can be read of the settings file, for what only shows something: defective settings are at their
    /// defaults. Comes with everything that is wrong with it. `exe` is this program.
    pub fn salvage(places: &Places, exe: &Path) -> (Self, Vec<Problem>) {
        let (value, report) = Self::read(places, exe);
        (value, report.errors.into_iter().chain(report.warnings).collect())
    }

    fn read(places: &Places, exe: &Path) -> (Self, Report) {
        let label = places.config_file.display().to_string();
        if let Err(error) = std::fs::symlink_metadata(&places.config_file)
            && error.kind() == std::io::ErrorKind::NotFound
            && !places.named
        {
            return (Self::defaults(places, exe), Report::new(label));
        }
        match yaml::read(&places.config_file, &label, true) {
            Ok(text) => Self::take_apart(&label, &text, places, exe),
            Err(problem) => {
                let mut report = Report::new(label);
                report.errors.push(problem);
                (Self::defaults(places, exe), report)
            }
        }
    }

    /// Reads the content of the settings file the user calls `label`.
    pub fn parse(label: &str, text: &str, places: &Places, exe: &Path) -> Result<Loaded<Self>, Vec<Problem>> {
        let (value, report) = Self::take_apart(label, text, places, exe);
        finished(value, report)
    }

    fn take_apart(label: &str, text: &str, places: &Places, exe: &Path) -> (Self, Report) {
        let mut settings = Self::defaults(places, exe);
        let mut report = Report::new(label);
        match yaml::parse(label, text) {
            Ok(node) if node.value == Value::Null => {}
            Ok(node) => settings.apply(&node, places, &mut report),
            Err(problem) => report.errors.push(problem),
        }
        (settings, report)
    }

    /// Returns the `edited` settings as far as they can count while aotui runs, and the keys that count only later.
    pub fn adopt(&self, edited: Self) -> (Self, Vec<&'static str>) {
        let later = [
            ("stateDir", self.state_dir != edited.state_dir),
            ("logDir", self.log_dir != edited.log_dir && self.state_dir == edited.state_dir),
            ("stopGraceSeconds", self.stop_grace != edited.stop_grace),
            ("theme", self.theme != edited.theme),
            ("keys", self.keys != edited.keys),
            ("leaveChord", self.leave_chord != edited.leave_chord),
        ];
        let moved = self.state_dir != edited.state_dir;
        let settings = Self {
            state_dir: self.state_dir.clone(),
            log_dir: self.log_dir.clone(),
            worktree_root: if moved { self.worktree_root.clone() } else { edited.worktree_root },
            stop_grace: self.stop_grace,
            theme: self.theme.clone(),
            keys: self.keys.clone(),
            leave_chord: self.leave_chord.clone(),
            ..edited
        };
        (settings, later.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect())
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
        let megabytes = fields.number("recordingMegabytes", 1, 1_000_000, report);
        self.recordings.megabytes = megabytes.unwrap_or(self.recordings.megabytes);
        let journal = fields.number("journalMegabytes", 1, 1_000_000, report);
        self.recordings.journal_megabytes = journal.unwrap_or(self.recordings.journal_megabytes);
        let days = fields.number("keepDays", 0, 36_500, report);
        self.recordings.days = days.unwrap_or(self.recordings.days);
        self.apply_house_rules(&mut fields, report);
        self.attribution = fields.flag("attribution", report).unwrap_or(self.attribution);
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
        if let Some(node) = fields.get("triage") {
            self.triage = triage::rules(node, report);
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

    fn apply_house_rules(&mut self, fields: &mut Fields<'_>, report: &mut Report) {
        let rules = &mut self.house_rules;
        // 0 means as long as it likes.
        let seconds = |number: u32| (number > 0).then(|| u64::from(number));
        if let Some(stall) = fields.number("stallSeconds", 0, DAY, report) {
            rules.stall_seconds = seconds(stall);
        }
        if let Some(progress) = fields.number("progressSeconds", 0, DAY, report) {
            rules.progress_seconds = seconds(progress);
        }
        if let Some(node) = fields.get("permissions") {
            rules.permissions = house_rules::permissions(node, "the settings", report);
        }
        if let Some(node) = fields.get("budget") {
            rules.budget = house_rules::window(node, report);
        }
        if let Some(limit) = fields.number("wipLimit", 0, 1_000_000, report) {
            rules.wip_limit = (limit > 0).then_some(limit);
        }
        if let Some(names) = fields.texts("instead", report) {
            rules.instead = instead(names, &self.agents, report);
        }
        if let Some(node) = fields.get("night") {
            rules.night = night::read(node, report);
        }
        if let Some(node) = fields.get("caps") {
            rules.caps = house_rules::caps(node, report);
        }
        if let Some(node) = fields.get("prices") {
            let own = house_rules::prices(node, report);
            rules.prices.0.splice(0..0, own.0);
        }
    }

    /// Returns what decisions about agents go by.
    pub fn rules(&self) -> Rules {
        let agents = self.agents.iter().map(|(name, record)| (name.clone(), record.rules()));
        let default_agent = Some(self.default_agent.clone());
        Rules { default_agent, agents: agents.collect(), ..self.house_rules.clone() }
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

    /// Returns whether `text`, the content of a settings file, is sound and has this rule among its `permissions`.
    pub fn has_rule(text: &str, rule: &PermissionRule) -> bool {
        let mut report = Report::new("");
        let Ok(node) = yaml::parse("", text) else { return false };
        let list = node.get("permissions").filter(|list| list.value != Value::Null);
        let rules = list.map(|list| house_rules::permissions(list, "the settings", &mut report));
        report.errors.is_empty() && rules.is_some_and(|rules| rules.contains(rule))
    }

    /// Returns the settings file that a person starts with: every key, explained, at its default.
    pub fn init_file() -> String {
        include_str!("init.yaml").to_owned()
    }
}

/// Refuses settings with defects.
fn finished(value: Settings, mut report: Report) -> Result<Loaded<Settings>, Vec<Problem>> {
    if report.errors.is_empty() {
        return Ok(Loaded { value, warnings: report.warnings });
    }
    report.errors.append(&mut report.warnings);
    Err(report.errors)
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

/// Reads the agents that work instead of one whose account is held back.
fn instead(names: Vec<At<String>>, known: &BTreeMap<AgentName, AgentRecord>, report: &mut Report) -> Vec<AgentName> {
    let mut agents = Vec::new();
    for At { value, at } in names {
        match known.keys().find(|name| name.as_str() == value) {
            Some(name) => agents.push(name.clone()),
            None => {
                let hint = meant(&value, known.keys().map(AgentName::as_str));
                report.error(at, format!("`instead` names `{value}`, which is not an agent"), hint);
            }
        }
    }
    agents
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
