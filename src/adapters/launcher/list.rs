//! Reads the list that a phase works through from its file in the worktree, which an agent may have written.

use std::path::{Component, Path};

use super::{misconfigured, worktree};
use crate::config::yaml;
use crate::domain::workflow::{Items, PhaseKind, items_of};
use crate::slots::launcher::WorkOrder;
use crate::slots::{ErrorClass, SlotError};

/// Returns the items; what is not there, or is no list, is for the phase before to put right.
pub(super) fn read(order: &WorkOrder) -> Result<Vec<String>, SlotError> {
    let PhaseKind::Foreach { over: Items::File { path, pointer }, .. } = &order.phase.kind else {
        return Err(SlotError::new(ErrorClass::Bug, format!("phase `{}` reads no list", order.phase.id)));
    };
    if !is_below(path) {
        return Err(misconfigured(format!("the list `{path}` is not a path below the worktree")));
    }
    let root = worktree(order)?;
    let unusable = |why: String| SlotError::new(ErrorClass::NotFound, format!("the list {path}: {why}"));
    let real = |path: &Path| path.canonicalize().map_err(|error| unusable(error.to_string()));
    let (root, file) = (real(&root)?, real(&root.join(path))?);
    if !file.starts_with(&root) {
        return Err(unusable("it leads out of the worktree".to_owned()));
    }
    let text = yaml::read(&file, path, false).map_err(|problem| unusable(problem.message))?;
    items_of(&text, pointer.as_deref()).map_err(unusable)
}

/// Returns whether a path of a workflow file stays below the directory it is joined to.
fn is_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
