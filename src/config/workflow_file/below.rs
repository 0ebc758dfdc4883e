//! Reads phases that walk other phases: branches, lists, and calls of other workflows.

use std::path::{Component, Path};
use std::sync::Arc;

use super::phases::{Draft, done_or_failed, read, read_inner};
use super::{Surroundings, checks};
use crate::config::fields::{At, Fields, Report, meant};
use crate::config::yaml::{Node, Value};
use crate::domain::ids::{BranchName, PhaseId, WorkflowName};
use crate::domain::workflow::{Branch, Items, Join, Phase, PhaseKind, Workflow};

/// Most items that may be under way at the same time.
const MOST_AT_ONCE: u32 = 100;

/// The names of the ends that a single phase gets, so that a person can send a walk to them.
pub(super) const ENDS: [&str; 2] = ["done", "failed"];

/// Reads the branches of a parallel phase and how they are joined.
pub(super) fn parallel(
    fields: &mut Fields<'_>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<PhaseKind> {
    let fail_fast = fields.flag("failFast", report).unwrap_or(false);
    let join = fields.text("join", report);
    let Some(list) = fields.get("branches") else {
        report.error(
            fields.at,
            format!("{} has no `branches`", fields.what),
            "add a list of branches with a name each",
        );
        return None;
    };
    let items: &[Node] = match &list.value {
        Value::List(items) if !items.is_empty() => items,
        _ => {
            report.error(list.at, "`branches` should be a list with at least one branch", "");
            return None;
        }
    };
    let mut branches: Vec<Branch> = Vec::new();
    let mut whole = true;
    for (n, item) in items.iter().enumerate() {
        let Some((branch, at)) = branch(item, n + 1, around, draft, report) else {
            whole = false;
            continue;
        };
        if branches.iter().any(|known| known.name == branch.name) {
            report.error(at, format!("there are two branches called `{}`", branch.name), "rename one of them");
        }
        branches.push(branch);
    }
    let join = joined(join, items.len(), report)?;
    whole.then_some(PhaseKind::Parallel { branches, join, fail_fast })
}

fn joined(join: Option<At<String>>, branches: usize, report: &mut Report) -> Option<Join> {
    let Some(join) = join else { return Some(Join::All) };
    match (join.value.as_str(), join.value.parse::<u32>()) {
        ("all", _) => Some(Join::All),
        ("any", _) => Some(Join::Any),
        (_, Ok(n)) if n >= 1 && n as usize <= branches => Some(Join::Atleast { n }),
        (_, Ok(n)) => {
            report.error(
                join.at,
                format!("{n} of {branches} branches cannot succeed"),
                "a number from 1 to all of them",
            );
            None
        }
        (other, Err(_)) => {
            let hint = "`all`, `any`, or how many branches have to succeed";
            report.error(join.at, format!("branches cannot be joined by `{other}`"), hint);
            None
        }
    }
}

fn branch(
    node: &Node,
    n: usize,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<(Branch, crate::config::yaml::Mark)> {
    let mut fields = Fields::of(node, format!("branch {n}"), report)?;
    let name = fields.text("name", report);
    let Some(name) = name else {
        report.error(fields.at, format!("branch {n} has no `name`"), "its walk is called by it");
        return None;
    };
    fields.what = format!("branch `{}`", name.value);
    let checked = match BranchName::new(name.value.clone()) {
        Ok(checked) => checked,
        Err(bad) => {
            report.error(name.at, bad.to_string(), "");
            return None;
        }
    };
    let workflow = body(&mut fields, &name, around, draft, report)?;
    Some((Branch { name: checked, workflow }, name.at))
}

/// Reads what a branch walks: another workflow, phases of its own, or the one phase it is.
fn body(
    fields: &mut Fields<'_>,
    name: &At<String>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<Arc<Workflow>> {
    let (called, list) = (fields.text("workflow", report), fields.get("phases"));
    match (called, list) {
        (Some(called), None) => {
            fields.refuse_unknown(report);
            call(&called, around, report)
        }
        (None, Some(list)) => {
            fields.refuse_unknown(report);
            phases(list, name, around, draft, report)
        }
        (None, None) => single(fields, name, around, draft, report),
        (Some(called), Some(_)) => {
            report.error(called.at, format!("{} has `workflow` and `phases`", fields.what), "keep one of them");
            None
        }
    }
}

/// Reads what is done for every item of a list.
pub(super) fn foreach(
    fields: &mut Fields<'_>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<PhaseKind> {
    let concurrency = fields.number("concurrency", 1, MOST_AT_ONCE, report).unwrap_or(1);
    let over = over(fields, report);
    let name = draft.id.as_ref().map(|id| At { value: id.value.to_string(), at: id.at });
    let name = name.unwrap_or(At { value: "item".to_owned(), at: fields.at });
    let (called, list, single_phase) = (fields.text("workflow", report), fields.get("phases"), fields.get("do"));
    let body = match (called, list, single_phase) {
        (Some(called), None, None) => call(&called, around, report),
        (None, Some(list), None) => phases(list, &name, around, draft, report),
        (None, None, Some(node)) => {
            let mut inner = Fields::of(node, format!("`do` of {}", fields.what), report)?;
            single(&mut inner, &name, around, draft, report)
        }
        _ => {
            let hint = "give one of `do` (a phase), `phases` (a list of them) and `workflow` (a name)";
            report.error(fields.at, format!("{} should have one thing to do for each item", fields.what), hint);
            None
        }
    };
    Some(PhaseKind::Foreach { over: over?, body: body?, concurrency })
}

fn over(fields: &mut Fields<'_>, report: &mut Report) -> Option<Items> {
    let hint = "`tasks`, `{capture: KEY}` or `{file: PATH}`, the last two with a JSON `pointer` where it is needed";
    let Some(node) = fields.get("over") else {
        report.error(fields.at, format!("{} has no `over`", fields.what), hint);
        return None;
    };
    if let Value::Text(text) = &node.value {
        if text == "tasks" {
            return Some(Items::Tasks);
        }
        report.error(node.at, format!("there is no list `{text}`"), hint);
        return None;
    }
    let mut list = Fields::of(node, format!("`over` of {}", fields.what), report)?;
    let (capture, file) = (list.text("capture", report), list.text("file", report));
    let pointer = list.text("pointer", report);
    list.refuse_unknown(report);
    if let Some(pointer) = pointer.as_ref().filter(|pointer| !pointer.value.starts_with('/')) {
        report.error(pointer.at, "a JSON pointer begins with `/`", "for example `/tasks`");
        return None;
    }
    let pointer = pointer.map(|pointer| pointer.value);
    match (capture, file) {
        (Some(key), None) => Some(Items::Capture { key: key.value, pointer }),
        (None, Some(file)) => {
            let below = Path::new(&file.value).components().all(|part| matches!(part, Component::Normal(_)));
            if file.value.is_empty() || !below {
                report.error(file.at, format!("`{}` is not a path below the worktree", file.value), "");
                return None;
            }
            Some(Items::File { path: file.value, pointer })
        }
        _ => {
            report.error(node.at, format!("`over` of {} should name one list", fields.what), hint);
            None
        }
    }
}

/// Finds the workflow that is called.
pub(super) fn call(name: &At<String>, around: &dyn Surroundings, report: &mut Report) -> Option<Arc<Workflow>> {
    match around.workflow(&name.value) {
        Some(Ok(workflow)) => begins(workflow.phases.first(), name, report).then(|| Arc::new(workflow)),
        Some(Err(problems)) => {
            report.error(name.at, format!("workflow `{}` cannot be called as it is", name.value), "");
            report.errors.extend(problems);
            None
        }
        None => {
            let names = around.workflow_names();
            let hint = meant(&name.value, names.iter().map(String::as_str));
            report.error(name.at, format!("there is no workflow `{}`", name.value), hint);
            None
        }
    }
}

fn phases(
    list: &Node,
    name: &At<String>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<Arc<Workflow>> {
    let Value::List(items) = &list.value else {
        report.error(list.at, "`phases` should be a list of phases", "");
        return None;
    };
    let drafts = read(items, around, report);
    if drafts.is_empty() {
        report.error(list.at, "`phases` should be a list with at least one phase", "");
        return None;
    }
    checks::graph(&drafts, report);
    let phases: Option<Vec<Phase>> = drafts.iter().map(|inner| inner.phase.clone()).collect();
    draft.inner.extend(drafts);
    let phases = phases?;
    begins(phases.first(), name, report).then(|| inner(name, phases))?
}

/// Reads a single phase and gives it a good and a bad end.
fn single(
    fields: &mut Fields<'_>,
    name: &At<String>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<Arc<Workflow>> {
    if ENDS.contains(&name.value.as_str()) {
        report.error(name.at, format!("`{}` is the name of an end", name.value), "choose another name");
        return None;
    }
    let id = PhaseId::new(name.value.clone()).ok().map(|value| At { value, at: name.at });
    let read = read_inner(fields, id, around, report);
    let phase = read.phase.clone();
    for (verdict, to) in read.on_verdict.iter().filter(|(_, to)| !ENDS.contains(&to.value.as_str())) {
        let message = format!("verdict `{verdict}` of {} leads to `{}`, which is no end of it", fields.what, to.value);
        report.error(to.at, message, "a phase that stands alone ends in `done` or `failed`");
    }
    draft.inner.push(read);
    let phase = phase?;
    begins(Some(&phase), name, report).then(|| inner(name, done_or_failed(phase)))?
}

/// Makes sure that a walk has something to do.
fn begins(first: Option<&Phase>, name: &At<String>, report: &mut Report) -> bool {
    let ends = first.is_none_or(|first| matches!(first.kind, PhaseKind::Terminal { .. }));
    if ends {
        report.error(name.at, format!("`{}` ends before it begins: its first phase is terminal", name.value), "");
    }
    !ends
}

fn inner(name: &At<String>, phases: Vec<Phase>) -> Option<Arc<Workflow>> {
    let text = serde_json::to_vec(&phases).unwrap_or_default();
    let digest = blake3::hash(&text).to_hex().chars().take(16).collect();
    let name = WorkflowName::new(name.value.clone()).ok()?;
    Some(Arc::new(Workflow { name, description: String::new(), digest, phases }))
}
