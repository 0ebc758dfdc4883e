//! Agent records: how each agent program is started, as data. Never starts one.

mod about;
mod headless;
mod shown;
mod terminal;

use std::collections::BTreeMap;
use std::path::Path;

use super::fields::{At, Fields, Report, meant, one_of, scalar};
use super::yaml::{self, Node};
use super::{house_rules, template};
use crate::domain::agent_run::Face;
use crate::domain::budget::Prices;
use crate::domain::ids::AgentName;
use crate::domain::permission::PermissionRule;
use crate::domain::rules::{AgentRules, Faces, TakesUp};

pub use about::{About, Login, Trust};
pub use headless::{Headless, Protocol};
pub use shown::as_yaml;
pub use terminal::{FirstPrompt, Hooks, Terminal};

/// Variables an agent record may use besides those of every template.
pub const RECORD_VARIABLES: [&str; 10] = [
    "prompt",
    "promptFile",
    "model",
    "maxTurns",
    "conversation",
    "hooksFile",
    "hookCommand",
    "drafts",
    "skills",
    "desk",
];

/// The faces by their names.
pub(super) const FACES: [(&str, Face); 2] = [("terminal", Face::Terminal), ("headless", Face::Headless)];

/// How the prompt reaches the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptVia {
    /// As an argument: where an argument mentions it, else as the last one.
    #[default]
    Argument,
    /// On its standard input.
    Stdin,
    /// In the file `$AOTUI_PROMPT_FILE`, which an argument may name.
    File,
}

/// How an agent program is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentRecord {
    /// The program.
    pub command: String,
    /// Its arguments; each is a template and becomes exactly one argument.
    pub args: Vec<String>,
    /// How the prompt reaches it.
    pub prompt_via: PromptVia,
    /// Variables added to its environment, templates in which `${NAME}` is a variable of the user's environment.
    pub env: BTreeMap<String, String>,
    /// The model where the phase names none.
    pub model: Option<String>,
    /// The option that names the model; `None` means the arguments do, or it cannot be chosen.
    pub model_arg: Option<String>,
    /// The option that lists the tools it may use; `None` means it has none.
    pub allowed_tools_arg: Option<String>,
    /// The tools it may use where the phase lists none.
    pub allowed_tools: Vec<String>,
    /// The option that limits its turns; `None` means it has none.
    pub max_turns_arg: Option<String>,
    /// What is known about its program, for a person.
    pub about: About,
    /// What it leaves in its worktree.
    pub leaves: Leaves,
    /// How it works without a terminal of its own; `None` means it always has one.
    pub headless: Option<Headless>,
    /// The account it works on; `None` means that of its program.
    pub account: Option<String>,
    /// What it may do without asking a person, or never.
    pub permissions: Vec<PermissionRule>,
    /// How it works on a screen of its own; `None` where nothing is known of that.
    pub terminal: Option<Terminal>,
    /// How it meets people where neither phase nor ticket says; `None` means headless where it can.
    pub face: Option<Face>,
}

/// What an agent leaves in its worktree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaves {
    /// Whether it cannot commit: then its work is committed for it.
    pub uncommitted: bool,
    /// Patterns of files of its own that git shall not see.
    pub excludes: Vec<String>,
}

impl AgentRecord {
    /// Returns how it meets people where neither phase nor ticket says.
    pub fn usual_face(&self) -> Face {
        let can = if self.headless.is_some() { Face::Headless } else { Face::Terminal };
        self.face.unwrap_or(can)
    }

    /// Says whose tokens have no price where it works with `model`; `None` where money is counted, as far as can be told.
    pub(super) fn unpriced(&self, name: &str, model: Option<&str>, prices: &Prices) -> Option<String> {
        let headless = self.headless.as_ref().filter(|headless| !headless.tells_cost())?;
        match model.or(self.model.as_deref()) {
            Some(model) if prices.of(Some(model)).is_some() => None,
            Some(model) => Some(format!("model `{model}` of agent `{name}`")),
            None if headless.tells_model() => None,
            None => Some(format!("the model of agent `{name}`, which nobody names,")),
        }
    }

    /// Returns what decisions about it go by.
    pub fn rules(&self) -> AgentRules {
        let program = || self.command.rsplit('/').next().unwrap_or_default().to_owned();
        let account = self.account.clone().unwrap_or_else(program);
        let takes_up = |args: &Option<Vec<String>>| match args {
            Some(_) => TakesUp::Conversations,
            None => TakesUp::Never,
        };
        // By protocol it takes up what it is asked to, whatever its arguments are.
        let headless = self.headless.as_ref().map(|headless| match headless.protocol {
            Protocol::Acp => TakesUp::Conversations,
            _ => takes_up(&headless.resume_args),
        });
        let terminal = self.terminal.as_ref().map(|terminal| takes_up(&terminal.resume_args));
        let faces = Faces { preferred: self.face, headless, terminal };
        AgentRules { account, model: self.model.clone(), permissions: self.permissions.clone(), faces }
    }
}

/// The records of this program besides the practice agent, as files.
const BUNDLED: [(&str, &str); 8] = [
    ("aider", include_str!("../../../assets/agents/aider.yaml")),
    (DEFAULT, include_str!("../../../assets/agents/claude.yaml")),
    ("codex", include_str!("../../../assets/agents/codex.yaml")),
    ("gemini", include_str!("../../../assets/agents/gemini.yaml")),
    ("gemini-acp", include_str!("../../../assets/agents/gemini-acp.yaml")),
    ("opencode", include_str!("../../../assets/agents/opencode.yaml")),
    ("opencode-acp", include_str!("../../../assets/agents/opencode-acp.yaml")),
    ("pi", include_str!("../../../assets/agents/pi.yaml")),
];

/// Returns the bundled records as files: name and text.
#[cfg(test)]
pub(crate) fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUNDLED.into_iter()
}

/// Returns the records every installation has; `exe` is this program, which is also the practice agent.
pub fn bundled(exe: &Path) -> BTreeMap<AgentName, AgentRecord> {
    let practice = AgentRecord {
        command: exe.to_string_lossy().into_owned(),
        args: ["practice-agent", "{{ promptFile }}"].map(str::to_owned).into(),
        prompt_via: PromptVia::File,
        account: Some("practice".to_owned()),
        about: About {
            may: Some("plays what a ticket's text tells it, and costs nothing".to_owned()),
            ..About::default()
        },
        env: [("AOTUI_PRACTICE_SPEED".to_owned(), "${AOTUI_PRACTICE_SPEED}".to_owned())].into(),
        ..AgentRecord::default()
    };
    let files = BUNDLED.into_iter().filter_map(|(name, text)| {
        let mut report = Report::new(name);
        let node = yaml::parse(name, text).ok()?;
        Some((constant(name), parse(name, AgentRecord::default(), &node, &mut report)?))
    });
    files.chain([(constant("practice"), practice)]).collect()
}

/// Name of the agent that works where nobody names one.
const DEFAULT: &str = "claude";

/// Returns the name of the agent that works where nobody names one.
pub(crate) fn default_name() -> AgentName {
    constant(DEFAULT)
}

#[expect(clippy::expect_used, reason = "names in this file are constants, and a test uses every one")]
fn constant(name: &'static str) -> AgentName {
    AgentName::new(name).expect("a valid agent name")
}

/// Reads one record; reports defects. One that names no program is laid over `record`, whose values stay where it says
/// nothing; one that does stands alone.
pub(crate) fn parse(name: &str, mut record: AgentRecord, node: &Node, report: &mut Report) -> Option<AgentRecord> {
    let mut fields = Fields::of(node, format!("agent `{name}`"), report)?;
    let command = fields.text("command", report);
    let older = fields.texts("defaultArgs", report);
    if let Some(command) = command {
        let known = older.as_ref().and_then(|_| of_command(&command.value));
        record = known.unwrap_or_else(|| AgentRecord { command: command.value, ..AgentRecord::default() });
    }
    let args = fields.texts("args", report);
    if args.is_some() && older.is_some() {
        report.error(fields.at, format!("agent `{name}` has both `args` and `defaultArgs`"), "keep one of them");
    }
    if let Some(args) = templates(args, report) {
        record.args = args;
    }
    if let Some(args) = older {
        add_older(&mut record, args, report);
    }
    if let Some(via) = prompt_via(&mut fields, report) {
        record.prompt_via = via;
    }
    let mut set = |key, to: &mut Option<String>| {
        if let Some(text) = fields.text(key, report) {
            *to = Some(text.value);
        }
    };
    set("model", &mut record.model);
    set("modelArg", &mut record.model_arg);
    set("allowedToolsArg", &mut record.allowed_tools_arg);
    set("maxTurnsArg", &mut record.max_turns_arg);
    set("account", &mut record.account);
    let mut set = |key, to: &mut Vec<String>| {
        if let Some(texts) = fields.texts(key, report) {
            *to = plain(texts);
        }
    };
    set("allowedTools", &mut record.allowed_tools);
    set("excludes", &mut record.leaves.excludes);
    about::parse(&mut record.about, &mut fields, report);
    if let Some(commits) = fields.flag("commits", report) {
        record.leaves.uncommitted = !commits;
    }
    for (key, value) in fields.entries("env", report) {
        let Some(text) = scalar(value) else {
            report.error(value.at, format!("variable `{}` should be a text, not {}", key.value, value.kind()), "");
            continue;
        };
        if !is_variable(&key.value) || key.value.starts_with("AOTUI_") {
            report.error(key.at, format!("`{}` is not usable as the name of a variable", key.value), VARIABLE_RULE);
        }
        check_template(&with_environment(&text.value), text.at, report);
        record.env.insert(key.value, text.value);
    }
    if let Some(node) = fields.get("permissions") {
        record.permissions = house_rules::permissions(node, &fields.what.clone(), report);
    }
    if let Some(node) = fields.get("headless") {
        record.headless = headless::parse(name, record.headless.take().unwrap_or_default(), node, report);
    }
    if let Some(node) = fields.get("terminal") {
        record.terminal = terminal::parse(name, record.terminal.take().unwrap_or_default(), node, report);
    }
    if let Some(face) = one_of(&mut fields, "face", &FACES, report) {
        record.face = Some(face);
    }
    for (key, hint) in fields.unknown() {
        report.warn(key.at, format!("unknown key `{}` in {} is ignored", key.value, fields.what), hint);
    }
    if record.command.trim().is_empty() {
        report.error(fields.at, format!("agent `{name}` has no `command`"), "name the program to run");
    }
    Some(record)
}

/// Returns the bundled record of the agent whose program is called exactly so.
fn of_command(command: &str) -> Option<AgentRecord> {
    let (name, text) = BUNDLED.into_iter().find(|(name, _)| *name == command)?;
    let node = yaml::parse(name, text).ok()?;
    parse(name, AgentRecord::default(), &node, &mut Report::new(name))
}

/// Adds `defaultArgs`, which `another-orchestrator` gives an agent after all others: of a program it knows after those
/// it is started with here too, else after the prompt.
fn add_older(record: &mut AgentRecord, args: Vec<At<String>>, report: &mut Report) {
    let mut args = args;
    if let (CODEX, Some(n)) = (record.command.as_str(), args.iter().position(|arg| arg.value == GONE)) {
        let message = format!("`{GONE}` is left out: {CODEX} does not know it any more");
        report.warn(args[n].at, message, "remove it and what follows it");
        args.drain(n..args.len().min(n + 2));
    }
    let Some(args) = templates(Some(args), report) else { return };
    if record.headless.is_none() && record.terminal.is_none() {
        record.args = std::iter::once("{{ prompt }}".to_owned()).chain(args).collect();
        return;
    }
    let headless = record.headless.iter_mut().flat_map(|face| [&mut face.args, &mut face.resume_args]);
    let terminal = record.terminal.iter_mut().flat_map(|face| [&mut face.args, &mut face.resume_args]);
    headless.chain(terminal).flatten().for_each(|face| face.extend(args.iter().cloned()));
}

/// An option that the default settings of `another-orchestrator` give this program, and that its versions of today refuse.
const GONE: &str = "--approval-mode";
const CODEX: &str = "codex";

/// Returns the values of a list of templates, each checked.
fn templates(texts: Option<Vec<At<String>>>, report: &mut Report) -> Option<Vec<String>> {
    let texts = texts?;
    for text in &texts {
        check_template(&text.value, text.at, report);
    }
    Some(plain(texts))
}

const VARIABLE_RULE: &str = "use letters, digits and `_`, do not start with a digit or with AOTUI_";

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn plain(texts: Vec<At<String>>) -> Vec<String> {
    texts.into_iter().map(|text| text.value).collect()
}

fn prompt_via(fields: &mut Fields<'_>, report: &mut Report) -> Option<PromptVia> {
    let text = fields.text("promptVia", report)?;
    match text.value.as_str() {
        "argument" => Some(PromptVia::Argument),
        "stdin" => Some(PromptVia::Stdin),
        "file" => Some(PromptVia::File),
        other => {
            let hint = meant(other, ["argument", "stdin", "file"]);
            report.error(text.at, format!("`promptVia` cannot be `{other}`"), hint);
            None
        }
    }
}

fn check_template(text: &str, at: super::yaml::Mark, report: &mut Report) {
    let known = |name: &str| RECORD_VARIABLES.contains(&name) || name == ENVIRONMENT || template::is_name(name);
    for defect in template::defects("agent", text, &known) {
        let hint = defect.name.as_deref().map_or_else(String::new, |name| {
            meant(name, RECORD_VARIABLES.iter().chain(template::NAMES.iter()).copied())
        });
        report.error(at, defect.message, hint);
    }
}

/// The variable that [`with_environment`] reads.
pub const ENVIRONMENT: &str = "userEnvironment";

/// Turns every `${NAME}` of a template into a look-up in the variable [`ENVIRONMENT`], so that a value is never expanded twice.
pub fn with_environment(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some((name, after)) = rest.get(start + 2..).and_then(|tail| tail.split_once('}')) else { break };
        out.push_str(rest.get(..start).unwrap_or_default());
        if is_variable(name) {
            out.push_str(&format!("{{{{ {ENVIRONMENT}['{name}'] | default('') }}}}"));
        } else {
            out.push_str(&format!("${{{name}}}"));
        }
        rest = after;
    }
    out + rest
}
