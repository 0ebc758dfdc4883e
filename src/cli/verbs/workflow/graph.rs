//! A workflow drawn: as a column of phases in the terminal, or as Mermaid text.

use crate::cli::output::plain;
use crate::domain::ids::{AgentName, PhaseId, RoleName};
use crate::domain::workflow::{Asks, Items, Join, Phase, PhaseKind, Prompt, Run, Way, Workflow};

/// Draws the phases in the order of the file; edges name their phase, with the way to it.
pub(super) fn drawn(workflow: &Workflow) -> String {
    let mut lines = Vec::new();
    phases(workflow, &mut lines);
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn phases(workflow: &Workflow, lines: &mut Vec<String>) {
    let last = workflow.phases.len().saturating_sub(1);
    for (n, phase) in workflow.phases.iter().enumerate() {
        let corner = match n {
            _ if last == 0 => "─",
            0 => "┌",
            n if n == last => "└",
            _ => "├",
        };
        lines.push(format!("{corner} {}  {}", phase.id, what(phase)));
        let rule = if n == last { " " } else { "│" };
        for (name, below) in parts(phase) {
            if let Some(only) = single(below) {
                lines.push(format!("{rule}   {name}  {}", what(only)));
                continue;
            }
            lines.push(format!("{rule}   {name}"));
            let mut inner = Vec::new();
            phases(below, &mut inner);
            lines.extend(inner.iter().map(|line| format!("{rule}     {line}")));
        }
        if !matches!(phase.kind, PhaseKind::Terminal { .. }) {
            let ways = phase.ways();
            let ways = ways.iter().map(|(by, to)| way(workflow, n, *by, *to));
            lines.push(format!("{rule}   {}", ways.collect::<Vec<_>>().join("   ")));
        }
    }
}

/// Returns the phase of a workflow that has one alone, besides its ends.
fn single(workflow: &Workflow) -> Option<&Phase> {
    let [only, ends @ ..] = workflow.phases.as_slice() else { return None };
    let all_end = ends.iter().all(|end| matches!(end.kind, PhaseKind::Terminal { .. }));
    (all_end && !only.has_walks()).then_some(only)
}

/// Says where an edge leads: further on, back, or out.
fn way(workflow: &Workflow, from: usize, by: Way<'_>, to: Option<&PhaseId>) -> String {
    let (name, out) = match by {
        Way::Success => ("success".to_owned(), "complete"),
        Way::Verdict(verdict) => (format!("`{}`", plain(verdict)), "complete"),
        Way::Failure => ("failure".to_owned(), "left to you"),
    };
    let Some(to) = to else { return format!("{name} ■ {out}") };
    let arrow = match workflow.position(to) {
        Some(at) if at == from => "↺",
        Some(at) if at < from => "↑",
        _ => "↓",
    };
    format!("{name} {arrow} {to}")
}

/// Names what each walk below a phase walks.
fn parts(phase: &Phase) -> Vec<(String, &Workflow)> {
    match &phase.kind {
        PhaseKind::Parallel { branches, .. } => {
            branches.iter().map(|branch| (format!("∥ {}", branch.name), branch.workflow.as_ref())).collect()
        }
        PhaseKind::Foreach { body, .. } => vec![("↻ each item".to_owned(), body)],
        PhaseKind::Workflow { workflow } => vec![(format!("→ {}", workflow.name), workflow)],
        _ => Vec::new(),
    }
}

/// Says what a phase is, in a few words.
pub(super) fn what(phase: &Phase) -> String {
    let kind = phase.kind.name();
    let more = match &phase.kind {
        PhaseKind::Script { run } | PhaseKind::Poll { run, .. } => match run {
            Run::Command { command, .. } => plain(command),
            Run::Shell { script } => format!("`{}`", plain(script.lines().next().unwrap_or_default())),
            Run::Builtin { builtin } => format!("builtin {}", plain(builtin)),
        },
        PhaseKind::Agent { prompt, role, agent, .. } => {
            let prompt = match prompt {
                Prompt::Template { name } => plain(name),
                Prompt::Inline { .. } => "a prompt of its own".to_owned(),
            };
            let (agent, role) = (agent.as_ref().map(AgentName::as_str), role.as_ref().map(RoleName::as_str));
            agent.into_iter().chain(role).chain([prompt.as_str()]).collect::<Vec<_>>().join(", ")
        }
        PhaseKind::Approval(approval) => match approval.asks {
            Asks::Decision => "a decision",
            Asks::Review => "a review",
            Asks::Merge => "the go-ahead to land",
        }
        .to_owned(),
        PhaseKind::Parallel { branches, join, fail_fast } => {
            let needed = match join {
                Join::All => format!("all of {}", branches.len()),
                Join::Any => format!("one of {}", branches.len()),
                Join::Atleast { n } => format!("{n} of {}", branches.len()),
            };
            if *fail_fast { format!("{needed}, stops when it is lost") } else { needed }
        }
        PhaseKind::Foreach { over, concurrency, .. } => {
            let list = match over {
                Items::Capture { key, .. } => format!("over {}", plain(key)),
                Items::File { path, .. } => format!("over {}", plain(path)),
                Items::Tasks => "over reported tasks".to_owned(),
            };
            if *concurrency > 1 { format!("{list}, {concurrency} at a time") } else { list }
        }
        PhaseKind::Workflow { workflow } => workflow.name.to_string(),
        PhaseKind::Terminal { needs_attention: true } => "asks for your attention".to_owned(),
        PhaseKind::Terminal { needs_attention: false } => "complete".to_owned(),
    };
    format!("{kind}: {more}")
}

/// Returns the graph as Mermaid text.
pub(super) fn mermaid(workflow: &Workflow) -> String {
    let mut text = "flowchart TD\n".to_owned();
    nodes(workflow, "", 1, &mut text);
    text
}

fn nodes(workflow: &Workflow, prefix: &str, depth: usize, text: &mut String) {
    let pad = "  ".repeat(depth);
    let node = |id: &PhaseId| format!("{prefix}{id}").replace(['-', '.'], "_");
    for phase in &workflow.phases {
        let (id, label) = (node(&phase.id), label(&format!("{}<br>{}", phase.id, phase.kind.name())));
        match &phase.kind {
            PhaseKind::Terminal { .. } => text.push_str(&format!("{pad}{id}([{label}])\n")),
            PhaseKind::Approval(_) => text.push_str(&format!("{pad}{id}{{{{{label}}}}}\n")),
            _ if phase.has_walks() => {
                text.push_str(&format!("{pad}subgraph {id} [{label}]\n"));
                for (n, (name, below)) in parts(phase).into_iter().enumerate() {
                    let inner = format!("{id}_{n}");
                    text.push_str(&format!("{pad}  subgraph {inner} [{}]\n", self::label(&name)));
                    nodes(below, &format!("{inner}_"), depth + 2, text);
                    text.push_str(&format!("{pad}  end\n"));
                }
                text.push_str(&format!("{pad}end\n"));
            }
            _ => text.push_str(&format!("{pad}{id}[{label}]\n")),
        }
    }
    for phase in &workflow.phases {
        for (by, to) in phase.ways() {
            let edge = match by {
                Way::Success => "-->".to_owned(),
                Way::Verdict(verdict) => format!("-- {} -->", label(verdict)),
                Way::Failure => "-. failure .->".to_owned(),
            };
            if let Some(to) = to {
                text.push_str(&format!("{pad}{} {edge} {}\n", node(&phase.id), node(to)));
            }
        }
    }
}

fn label(text: &str) -> String {
    format!("\"{}\"", plain(text).replace('"', "'"))
}
