//! Templates: what prompts, arguments and questions may say, and turning them into text.
//!
//! Strict: printing what is not there is an error. Values are data: nothing in them is ever rendered again.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::fields::meant;
use crate::domain::effect::WorkOrder;
use crate::domain::problem::Problem;
use crate::domain::walks::Task;

/// Every variable of every template, besides the captures of the workflow.
pub const NAMES: [&str; 28] = [
    "ticketId",
    "planId",
    "title",
    "description",
    "acceptanceCriteria",
    "acceptance_criteria_list",
    "linearUrl",
    "link",
    "repo",
    "branch",
    "worktree",
    "base",
    "baseCommit",
    "workflow",
    "phase",
    "currentPhase",
    "visit",
    "attempt",
    "feedback",
    "artifacts",
    "learnings",
    "agent",
    "session",
    "item",
    "itemNumber",
    "part",
    "tasks",
    "context",
];

/// The workflow of tickets and plans that name none.
pub const DEFAULT_WORKFLOW: &str = "standard";

/// Most instructions one rendering may take.
const FUEL: u64 = 200_000;

/// Longest text a rendering may produce, in bytes.
const MAX_RENDERED: usize = 4 * 1024 * 1024;

/// Returns whether every template knows `name`.
pub fn is_name(name: &str) -> bool {
    NAMES.contains(&name)
}

/// A defect of a template, placed within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Defect {
    /// What is wrong.
    pub(crate) message: String,
    /// The variable nobody knows, where that is the defect.
    pub(crate) name: Option<String>,
    /// Line within the template, from 1.
    pub(crate) line: usize,
    /// Column, from 1.
    pub(crate) column: usize,
}

/// Finds what is wrong with a template without rendering it. `known` is asked for variables and for `context.KEY`.
pub(crate) fn defects(name: &str, source: &str, known: &dyn Fn(&str) -> bool) -> Vec<Defect> {
    let env = environment(|_| None);
    let template = match env.template_from_named_str(name, source) {
        Ok(template) => template,
        Err(error) => {
            let line = error.line().unwrap_or(1);
            return vec![Defect { message: words(&error), name: None, line, column: 1 }];
        }
    };
    let mut found = Vec::new();
    for path in template.undeclared_variables(true) {
        let Some(variable) = unknown(&path, source, known) else { continue };
        if env.globals().any(|(global, _)| global == variable) {
            continue;
        }
        let place = places(source, &variable).into_iter().next();
        let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
        found.push(Defect { message: format!("unknown variable `{variable}`"), name: Some(variable), line, column });
    }
    found.sort_by_key(|defect| (defect.line, defect.column));
    found.dedup();
    found
}

/// Returns the part of a dotted path that nobody knows. A key of `context` that the template itself asks about
/// (`default`, `is defined`, `{% if %}`) may be missing: the same prompt serves several workflows.
fn unknown(path: &str, source: &str, known: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or_default();
    if !known(first) {
        return Some(first.to_owned());
    }
    let key = parts.next().filter(|_| first == "context")?;
    let dotted = format!("context.{key}");
    let asked = || places(source, &dotted).iter().any(|place| place.asked);
    (!known(&dotted) && !asked()).then_some(dotted)
}

/// Where a template mentions a variable.
struct Place {
    line: usize,
    column: usize,
    /// Whether a missing value is provided for there.
    asked: bool,
}

/// Finds every mention of `name` inside the tags of a template.
fn places(source: &str, name: &str) -> Vec<Place> {
    let mut found = Vec::new();
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    for (at, _) in source.match_indices(name) {
        let (before, after) = (source.get(..at).unwrap_or_default(), source.get(at + name.len()..).unwrap_or_default());
        let longer = after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if before.ends_with(part_of_word) || longer {
            continue;
        }
        let opening = ["{{", "{%"].iter().filter_map(|tag| before.rfind(tag)).max();
        let closing = ["}}", "%}"].iter().filter_map(|tag| before.rfind(tag)).max();
        let Some(opening) = opening.filter(|opening| closing.is_none_or(|closing| closing < *opening)) else {
            continue;
        };
        let tag = before.get(opening + 2..).unwrap_or_default().trim_start_matches(['-', '+', ' ']);
        let next = after.trim_start();
        let default = next.strip_prefix('|').map(str::trim_start).is_some_and(|f| f.starts_with("default"));
        let asked = default || next.starts_with("is ") || tag.starts_with("if ") || tag.starts_with("elif ");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        found.push(Place {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            asked,
        });
    }
    found
}

/// Renders a template. `include` finds the text of an included template; `None` means there is none.
pub(crate) fn render(
    name: &str,
    source: &str,
    variables: &Value,
    include: impl Fn(&str) -> Option<Result<String, Problem>> + Send + Sync + 'static,
) -> Result<String, Problem> {
    let env = environment(include);
    let rendered = env.template_from_named_str(name, source).and_then(|template| template.render(variables));
    let text = rendered.map_err(|error| problem(name, source, variables, &error))?;
    if text.len() > MAX_RENDERED {
        return Err(Problem::in_file(name, "the rendered text is larger than 4 MiB"));
    }
    Ok(text)
}

/// Renders a template that includes no other, with the values of a JSON object.
pub fn rendered(name: &str, source: &str, variables: &serde_json::Value) -> Result<String, Problem> {
    render(name, source, &of_json(variables.clone()), |_| None)
}

fn environment(
    include: impl Fn(&str) -> Option<Result<String, Problem>> + Send + Sync + 'static,
) -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(64);
    // `debug()` prints every variable, also those a prompt should not repeat.
    env.remove_global("debug");
    env.set_loader(move |name| {
        include(name).transpose().map_err(|problem| Error::new(ErrorKind::BadInclude, problem.to_string()))
    });
    env
}

/// Turns a rendering error into a problem with the nearest variable, where one is missing.
fn problem(name: &str, source: &str, variables: &Value, error: &Error) -> Problem {
    let file = error.name().unwrap_or(name);
    let line = error.line().unwrap_or(1);
    let has = |path: &str| {
        let (first, key) = path.split_once('.').map_or((path, None), |(first, key)| (first, Some(key)));
        let value = variables.get_attr(first).unwrap_or_default();
        let value = key.map_or(value.clone(), |key| value.get_attr(key).unwrap_or_default());
        !value.is_undefined()
    };
    let missing = (error.kind() == ErrorKind::UndefinedError && file == name)
        .then(|| defects(name, source, &has).into_iter().filter_map(|defect| defect.name.zip(Some(defect.line))))
        .and_then(|mut defects| defects.find(|(_, at)| *at == line));
    let (message, hint) = match missing {
        Some((variable, _)) => {
            let names: Vec<String> = variables.try_iter().into_iter().flatten().map(|key| key.to_string()).collect();
            let hint = meant(&variable, names.iter().map(String::as_str));
            (format!("`{variable}` has no value here"), hint)
        }
        None => (words(error), String::new()),
    };
    let problem = Problem::in_file(file, message).at(u32::try_from(line).unwrap_or(u32::MAX), 1);
    if hint.is_empty() { problem } else { problem.hint(hint) }
}

fn words(error: &Error) -> String {
    let kind = error.kind();
    match (kind, error.detail()) {
        (ErrorKind::OutOfFuel, _) => "the template runs for too long".to_owned(),
        (_, Some(detail)) => format!("{kind}: {detail}"),
        (_, None) => kind.to_string(),
    }
}

/// Returns what was learned that has to do with the ticket, as a list for a prompt.
fn learnings(order: &WorkOrder) -> String {
    let mut lines: Vec<String> =
        order.offered.learnings.iter().map(|learning| format!("- {}", learning.replace('\n', "\n  "))).collect();
    if order.offered.left_out > 0 {
        lines.push(format!("({} more fit and were left out for their length)", order.offered.left_out));
    }
    lines.join("\n")
}

/// Returns the variables a template of this work order may use.
pub fn variables(order: &WorkOrder) -> BTreeMap<String, Value> {
    let (brief, progress) = (&order.ticket.brief, &order.ticket.progress);
    let text = |text: Option<&str>| Value::from(text.unwrap_or_default());
    // What no phase captured yet is empty: a prompt may be used before and after.
    let empty = order.captures.iter().map(|key| (key.as_str(), Value::from("")));
    let captured = progress.known().into_iter().map(|(key, value)| (key, Value::from(value)));
    let context: BTreeMap<&str, Value> = empty.chain(captured).collect();
    // Captures come first, so that no capture can stand in for what aotui says itself.
    let mut all: BTreeMap<String, Value> =
        context.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let from = progress.walks.from.as_deref();
    let checkout = progress.workspace.as_ref();
    let link = text(brief.link.as_deref());
    let criteria: Vec<String> = brief.acceptance_criteria.iter().map(|item| format!("- {item}")).collect();
    let workflow = brief.workflow.as_ref().or(order.plan.workflow.as_ref());
    let own = [
        ("ticketId", Value::from(brief.key.ticket.as_str())),
        ("planId", Value::from(brief.key.plan.as_str())),
        ("title", Value::from(&brief.title)),
        ("description", Value::from(&brief.description)),
        ("acceptanceCriteria", brief.acceptance_criteria.iter().map(Value::from).collect()),
        ("acceptance_criteria_list", Value::from(criteria.join("\n"))),
        ("linearUrl", link.clone()),
        ("link", link),
        ("repo", text(brief.repo.as_deref().or(order.plan.repo.as_deref()))),
        ("branch", text(checkout.map(|checkout| checkout.branch.as_str()))),
        ("worktree", text(checkout.map(|checkout| checkout.path.as_str()))),
        ("base", text(checkout.map(|checkout| checkout.base_branch.as_str()))),
        ("baseCommit", text(checkout.map(|checkout| checkout.base_commit.as_str()))),
        ("workflow", text(Some(workflow.map_or(DEFAULT_WORKFLOW, |name| name.as_str())))),
        ("phase", Value::from(order.phase.id.as_str())),
        ("currentPhase", Value::from(order.phase.id.as_str())),
        ("visit", Value::from(progress.visits.get(&order.phase.id).copied().unwrap_or(1))),
        ("attempt", Value::from(progress.attempt.max(1))),
        ("feedback", text(progress.feedback.as_deref())),
        ("artifacts", text(None)),
        ("learnings", Value::from(learnings(order))),
        ("agent", text(order.agent.as_ref().map(|agent| agent.as_str()))),
        ("session", Value::from(order.session.to_string())),
        ("item", item(from.and_then(|from| from.item.as_deref()))),
        ("itemNumber", from.and_then(|from| from.number).map_or_else(|| Value::from(""), Value::from)),
        ("part", text(brief.key.walk.last().and_then(|walk| walk.as_str().split_once('.')).map(|(_, part)| part))),
        ("tasks", progress.walks.tasks.iter().map(task).collect()),
        ("context", Value::from(context)),
    ];
    all.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    all
}

/// Returns an item of a list as templates see it: an object of JSON by its parts, anything else as text.
fn item(text: Option<&str>) -> Value {
    let text = text.unwrap_or_default();
    let parsed = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
    parsed.map_or_else(|| Value::from(text), of_json)
}

fn of_json(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, number) => Value::from(number.unwrap_or_default()),
        },
        Json::String(text) => Value::from(text),
        Json::Array(items) => items.into_iter().map(of_json).collect(),
        Json::Object(parts) => {
            Value::from(parts.into_iter().map(|(key, value)| (key, of_json(value))).collect::<BTreeMap<_, _>>())
        }
    }
}

fn task(task: &Task) -> Value {
    let parts = [("text", Value::from(&task.text)), ("done", Value::from(task.done))];
    Value::from(BTreeMap::from(parts))
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
