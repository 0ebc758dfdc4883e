//! Agent records: how each agent program is started, as data. Never starts one.

use std::collections::BTreeMap;
use std::path::Path;

use super::fields::{Fields, Report, meant, scalar};
use super::template;
use super::yaml::Node;
use crate::domain::ids::AgentName;

/// Variables an agent record may use besides those of every template.
pub const RECORD_VARIABLES: [&str; 4] = ["prompt", "promptFile", "model", "maxTurns"];

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
}

/// Returns the records every installation has; `exe` is this program, which is also the practice agent.
pub fn bundled(exe: &Path) -> BTreeMap<AgentName, AgentRecord> {
    let practice = AgentRecord {
        command: exe.to_string_lossy().into_owned(),
        args: owned(&["practice-agent", "{{ promptFile }}"]),
        prompt_via: PromptVia::File,
        env: [("AOTUI_PRACTICE_SPEED".to_owned(), "${AOTUI_PRACTICE_SPEED}".to_owned())].into(),
        ..AgentRecord::default()
    };
    // The prompt goes by stdin: arguments are visible to every user of the machine, and limited in size.
    let claude = AgentRecord {
        command: "claude".to_owned(),
        args: owned(&["-p", "--output-format", "text", "--permission-mode", "acceptEdits"]),
        prompt_via: PromptVia::Stdin,
        model_arg: Some("--model".to_owned()),
        allowed_tools_arg: Some("--allowedTools".to_owned()),
        allowed_tools: owned(&[
            "Bash(git add:*)",
            "Bash(git commit:*)",
            "Bash(git status:*)",
            "Bash(git diff:*)",
            "Bash(git log:*)",
            "Bash(aotui report:*)",
        ]),
        max_turns_arg: Some("--max-turns".to_owned()),
        ..AgentRecord::default()
    };
    [(constant("practice"), practice), (constant(DEFAULT), claude)].into()
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

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Reads one record of the settings file; reports its defects.
pub(crate) fn parse(name: &str, node: &Node, report: &mut Report) -> Option<AgentRecord> {
    let mut fields = Fields::of(node, format!("agent `{name}`"), report)?;
    let command = fields.text("command", report);
    let args = fields.texts("args", report);
    let seed_args = fields.texts("defaultArgs", report);
    if args.is_some() && seed_args.is_some() {
        report.error(fields.at, format!("agent `{name}` has both `args` and `defaultArgs`"), "keep one of them");
    }
    let args = args.or(seed_args).unwrap_or_default();
    let mut record = AgentRecord {
        args: args.iter().map(|arg| arg.value.clone()).collect(),
        prompt_via: prompt_via(&mut fields, report),
        model: fields.text("model", report).map(|text| text.value),
        model_arg: fields.text("modelArg", report).map(|text| text.value),
        allowed_tools_arg: fields.text("allowedToolsArg", report).map(|text| text.value),
        allowed_tools: plain(fields.texts("allowedTools", report)),
        max_turns_arg: fields.text("maxTurnsArg", report).map(|text| text.value),
        ..AgentRecord::default()
    };
    for arg in &args {
        check_template(&arg.value, arg.at, report);
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
    for (key, hint) in fields.unknown() {
        report.warn(key.at, format!("unknown key `{}` in {} is ignored", key.value, fields.what), hint);
    }
    match command.filter(|command| !command.value.trim().is_empty()) {
        Some(command) => record.command = command.value,
        None => report.error(fields.at, format!("agent `{name}` has no `command`"), "name the program to run"),
    }
    Some(record)
}

const VARIABLE_RULE: &str = "use letters, digits and `_`, do not start with a digit or with AOTUI_";

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn plain(texts: Option<Vec<super::fields::At<String>>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.value).collect()
}

fn prompt_via(fields: &mut Fields<'_>, report: &mut Report) -> PromptVia {
    let Some(text) = fields.text("promptVia", report) else { return PromptVia::default() };
    match text.value.as_str() {
        "argument" => PromptVia::Argument,
        "stdin" => PromptVia::Stdin,
        "file" => PromptVia::File,
        other => {
            let hint = meant(other, ["argument", "stdin", "file"]);
            report.error(text.at, format!("`promptVia` cannot be `{other}`"), hint);
            PromptVia::default()
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
