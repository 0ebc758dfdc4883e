//! Checks the graph of a workflow: where edges lead, what can be reached, and whether it ends.

use std::collections::{BTreeMap, BTreeSet};

use super::phases::Draft;
use crate::config::fields::{Report, meant};
use crate::config::yaml::Mark;

/// Reports every defect of the graph.
pub(crate) fn graph(drafts: &[Draft], report: &mut Report) {
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut places: BTreeMap<&str, Mark> = BTreeMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        let Some(id) = &draft.id else { continue };
        let name = id.value.as_str();
        if let Some(first) = places.get(name) {
            let message = format!("there are two phases called `{name}`, the first in line {}", first.line);
            report.error(id.at, message, "rename one of them");
            continue;
        }
        ids.insert(name, n);
        places.insert(name, id.at);
    }
    let mut dangling = false;
    for draft in drafts {
        let usual = [("onSuccess", &draft.on_success), ("onFailure", &draft.on_failure)];
        let usual = usual.into_iter().filter_map(|(key, edge)| Some((key, edge.as_ref()?)));
        for (key, edge) in usual.chain(draft.on_verdict.iter().map(|(verdict, edge)| (verdict.as_str(), edge))) {
            let Some(edge) = Some(edge).filter(|edge| !ids.contains_key(edge.value.as_str())) else { continue };
            dangling = true;
            let hint = meant(&edge.value, ids.keys().copied());
            report.error(edge.at, format!("`{key}` leads to `{}`, which is no phase", edge.value), hint);
        }
    }
    // What cannot be reached is only known where every edge and every phase is.
    let complete = !dangling && drafts.iter().all(|draft| draft.id.is_some());
    if complete {
        reach(drafts, &ids, report);
    }
}

fn reach(drafts: &[Draft], ids: &BTreeMap<&str, usize>, report: &mut Report) {
    let mut reached = BTreeSet::from([0]);
    let mut open = vec![0];
    while let Some(draft) = open.pop().and_then(|n| drafts.get(n)) {
        let usual = [&draft.on_success, &draft.on_failure].into_iter().flatten();
        for edge in usual.chain(draft.on_verdict.iter().map(|(_, edge)| edge)) {
            if let Some(n) = ids.get(edge.value.as_str()).copied().filter(|n| reached.insert(*n)) {
                open.push(n);
            }
        }
    }
    for (n, draft) in drafts.iter().enumerate() {
        let Some(id) = draft.id.as_ref().filter(|_| !reached.contains(&n)) else { continue };
        if ids.get(id.value.as_str()) == Some(&n) {
            let hint = "lead an edge to it or remove it";
            report.warn(id.at, format!("no edge leads to phase `{}`", id.value), hint);
        }
    }
    let ends = |draft: &Draft| draft.terminal || draft.phase.is_none() || draft.on_success.is_none();
    if !reached.iter().filter_map(|n| drafts.get(*n)).any(ends) {
        let at = drafts.first().map_or(Mark { line: 1, column: 1 }, |draft| draft.at);
        report.error(at, "no ticket can ever complete: no terminal phase can be reached", "lead an edge to one");
    }
}
