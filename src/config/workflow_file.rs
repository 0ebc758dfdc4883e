//! A workflow file: from YAML to a checked workflow, or to every defect of the file at once.

mod below;
mod care;
mod checks;
mod gates;
mod kinds;
mod phases;
mod retries;
mod texts;

use super::fields::{At, Fields, Report};
use super::settings::Loaded;
use super::yaml::{self, Node, Value};
use crate::domain::ids::WorkflowName;
use crate::domain::problem::Problem;
use crate::domain::workflow::Workflow;

/// What a workflow may refer to besides itself.
pub(crate) trait Surroundings {
    /// Returns label and text of the prompt called `name`; `None` means there is none.
    fn prompt(&self, name: &str) -> Option<Result<(String, String), Problem>>;

    /// Returns the names of all prompts, for suggestions.
    fn prompt_names(&self) -> Vec<String>;

    /// Returns the names of all agents.
    fn agent_names(&self) -> Vec<String>;

    /// Says whose tokens have no price where `agent` works with `model`, with `None` as configured; `None` where they have one.
    fn unpriced(&self, agent: Option<&str>, model: Option<&str>) -> Option<String>;

    /// Returns whether there is a script or a program of that name.
    fn has_command(&self, name: &str) -> Option<Result<(), Problem>>;

    /// Returns the workflow called `name`, checked; `None` means there is none.
    fn workflow(&self, name: &str) -> Option<Result<Workflow, Vec<Problem>>>;

    /// Returns the names of all workflows, for suggestions.
    fn workflow_names(&self) -> Vec<String>;

    /// Seconds between two checks of a poll phase that names none.
    fn poll_interval(&self) -> u64;
}

/// Returns the name a workflow file gives itself; `stem` is its file name without the ending, for files that give none.
pub(crate) fn name_of(text: &str, stem: &str) -> String {
    let node = yaml::parse("", text).ok();
    let name = node.as_ref().and_then(|node| node.get("name")).and_then(super::fields::scalar);
    name.map_or_else(|| stem.to_owned(), |name| name.value)
}

/// Reads `text`, the content of the workflow file the user calls `label`.
pub(crate) fn parse(label: &str, text: &str, around: &dyn Surroundings) -> Result<Loaded<Workflow>, Vec<Problem>> {
    let node = yaml::parse(label, text).map_err(|problem| vec![problem])?;
    let mut report = Report::new(label);
    let workflow = read(&node, text, around, &mut report);
    match workflow {
        Some(value) if report.errors.is_empty() => Ok(Loaded { value, warnings: report.warnings }),
        _ => {
            report.errors.sort_by_key(|problem| (problem.file != label, problem.line, problem.column));
            // What is wrong with a role is found in each phase that has it.
            report.errors.dedup();
            Err(report.errors)
        }
    }
}

fn read(node: &Node, text: &str, around: &dyn Surroundings, report: &mut Report) -> Option<Workflow> {
    let mut fields = Fields::of(node, "the workflow", report)?;
    let name = fields.text("name", report);
    let description = fields.text("description", report).map(|text| text.value).unwrap_or_default();
    fields.texts("tags", report);
    let list = fields.get("phases");
    fields.refuse_unknown(report);
    let name = checked_name(name, &fields, report);
    let drafts = match list.map(|node| (&node.value, node.at)) {
        Some((Value::List(items), _)) if !items.is_empty() => phases::read(items, around, report),
        Some((_, at)) => {
            report.error(at, "`phases` should be a list with at least one phase", "");
            return None;
        }
        None => {
            report.error(node.at, "the workflow has no `phases`", "add a list of phases; the first is the start");
            return None;
        }
    };
    checks::graph(&drafts, report);
    texts::check(&drafts, text, around, report);
    let phases = drafts.into_iter().map(|draft| draft.phase).collect::<Option<Vec<_>>>()?;
    let mut workflow = Workflow { name: name?, description, digest: String::new(), phases };
    if let Some(why) = workflow.too_large() {
        report.error(node.at, why, "divide it, or name things shorter");
    }
    workflow.digest = digest(text, &workflow);
    Some(workflow)
}

/// Returns what tells this version from others: of its own file, of those it calls, and of its roles.
fn digest(text: &str, workflow: &Workflow) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(text.as_bytes());
    for called in workflow.phases.iter().flat_map(crate::domain::workflow::Phase::workflows_below) {
        hash.update(called.digest.as_bytes());
    }
    for phase in workflow.phases.iter().filter(|phase| phase.role().is_some()) {
        hash.update(&serde_json::to_vec(phase).unwrap_or_default());
    }
    hash.finalize().to_hex().chars().take(16).collect()
}

fn checked_name(name: Option<At<String>>, fields: &Fields<'_>, report: &mut Report) -> Option<WorkflowName> {
    let Some(name) = name else {
        report.error(fields.at, "the workflow has no `name`", "tickets ask for a workflow by this name");
        return None;
    };
    let checked = WorkflowName::new(name.value);
    if let Err(bad) = &checked {
        report.error(name.at, bad.to_string(), "");
    }
    checked.ok()
}

#[cfg(test)]
mod tests;
