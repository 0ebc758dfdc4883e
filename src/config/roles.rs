//! Roles: who an agent is, whatever it is given to do. `prompts/roles/NAME.md` is a template that comes before the prompt of
//! each phase with that role; between two lines `---` at its beginning it may say who works in such phases, and with what.
//!
//! Never decides where a file comes from: that is the library's.

use super::bundled;
use super::fields::{At, Fields, Report, meant};
use super::yaml::{self, Value};
use crate::domain::ids::{AgentName, RoleName};
use crate::domain::problem::Problem;

/// The directory of roles, among the prompts.
pub(super) const DIR: &str = "roles/";

/// Who an agent is.
#[derive(Debug)]
pub(crate) struct Role {
    /// Who works in its phases where they do not say it themselves.
    pub(super) worker: Worker,
    text: String,
}

/// Who works in a phase, and with what; empty where nothing is said.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// The agent, and those that stand in for it.
    pub(super) agents: Vec<At<AgentName>>,
    /// The model, and the ones of later fresh starts.
    pub(super) models: Vec<String>,
    /// The tools it may use; `None` means as its record says.
    pub(super) allowed_tools: Option<Vec<String>>,
    /// Most turns it may take; `None` means as many as it likes.
    pub(super) max_turns: Option<u32>,
}

impl Role {
    /// Returns the template, on the lines it has in its file.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Worker {
    /// Reads what a phase or a role says of it.
    pub(super) fn read(fields: &mut Fields<'_>, report: &mut Report) -> Self {
        let mut agents = Vec::new();
        for At { value, at } in fields.one_or_more("agent", report) {
            match AgentName::new(value) {
                Ok(value) => agents.push(At { value, at }),
                Err(bad) => report.error(at, bad.to_string(), ""),
            }
        }
        let texts = |list: Vec<At<String>>| list.into_iter().map(|text| text.value).collect();
        Self {
            agents,
            models: texts(fields.one_or_more("model", report)),
            allowed_tools: fields.texts("allowedTools", report).map(texts),
            max_turns: fields.number("maxTurns", 1, 100_000, report),
        }
    }

    /// Returns this, completed by what the role says; models mean something to the agents they are named with alone.
    pub(super) fn or(self, role: Self) -> Self {
        let named = !self.agents.is_empty();
        Self {
            models: if named || !self.models.is_empty() { self.models } else { role.models },
            agents: if named { self.agents } else { role.agents },
            allowed_tools: self.allowed_tools.or(role.allowed_tools),
            max_turns: self.max_turns.or(role.max_turns),
        }
    }
}

/// Returns the name of a role's file among the prompts.
pub(super) fn file_of(name: &RoleName) -> String {
    format!("{DIR}{name}.md")
}

/// Returns the role that the file of this name among the prompts is of; `None` where it is of none.
pub(super) fn name_in(file: &str) -> Option<&str> {
    file.strip_prefix(DIR)?.strip_suffix(".md")
}

/// Reads a role's file; one without a text of its own has that of the bundled role. `agents` are those of the settings.
pub(super) fn read(name: &RoleName, label: &str, text: &str, agents: &[String]) -> Result<Role, Vec<Problem>> {
    let (head, body) = divided(text);
    let mut report = Report::new(label);
    let mut worker = Worker::default();
    match yaml::parse(label, head) {
        Ok(node) if node.value == Value::Null => {}
        Ok(node) => {
            if let Some(mut fields) = Fields::of(&node, format!("role `{name}`"), &mut report) {
                worker = Worker::read(&mut fields, &mut report);
                fields.refuse_unknown(&mut report);
            }
        }
        Err(problem) => report.errors.push(problem),
    }
    for agent in worker.agents.iter().filter(|agent| !agents.iter().any(|known| known == agent.value.as_str())) {
        let hint = meant(agent.value.as_str(), agents.iter().map(String::as_str));
        report.error(agent.at, format!("there is no agent `{}` in the settings", agent.value), hint);
    }
    if !report.errors.is_empty() {
        return Err(report.errors);
    }
    let bundled =
        || bundled::PROMPTS.iter().find(|(file, _)| *file == file_of(name)).map(|(_, text)| (*text).to_owned());
    let text = if body.trim().is_empty() { bundled().unwrap_or(body) } else { body };
    Ok(Role { worker, text })
}

/// Returns what stands between two lines `---` at the beginning of a file, and its text, both on the lines they have in it.
fn divided(text: &str) -> (&str, String) {
    let mut end = 0;
    for (n, line) in text.split_inclusive('\n').enumerate() {
        match (n, line.trim_end() == "---") {
            (0, false) => break,
            (0, true) | (_, false) => end += line.len(),
            (_, true) => {
                let rest = text.get(end + line.len()..).unwrap_or_default();
                return (text.get(..end).unwrap_or_default(), "\n".repeat(n + 1) + rest);
            }
        }
    }
    ("", text.to_owned())
}
