//! Worktrees of tickets that are done, and worktrees in our own place that no ticket knows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Found, Ground, Target, disk, is_done};
use crate::adapters::workspace::{self, Fate as GitFate, Stray};
use crate::cli::verbs::gc::{Fate, Kind, Leftover};
use crate::domain::ticket::Ticket;
use crate::slots::workspace::{Removal, WorkspaceRequest};

/// Finds them.
pub(super) async fn find(ground: &Ground<'_>, unseen: &mut Vec<String>) -> Vec<Found> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for ticket in ground.fleet.tickets.values() {
        let Some(request) = ground.workspace_of(ticket) else { continue };
        known.insert(real(&request.path));
        if !is_done(ticket) {
            continue;
        }
        match ground.git.fate_of_worktree(&request).await {
            Ok(Some(fate)) => found.push(judged(request, fate)),
            Ok(None) => {}
            Err(error) => unseen.push(error.message),
        }
    }
    for path in strays(&ground.house.layout().worktrees(), &known) {
        let kept = |why: String| Found { leftover: leftover(&path, Fate::Kept, why), target: Target::None };
        let one = match workspace::stray(&path).await {
            Err(error) => kept(error.message),
            Ok(Stray::Leaving) => continue,
            Ok(Stray::Rest) => {
                let why = "what a removal that was killed left; all its work is on a rescue ref".to_owned();
                Found { leftover: leftover(&path, Fate::Safe, why), target: Target::Rest(path) }
            }
            Ok(Stray::Worktree(request))
                if ground.fleet.ticket(&request.ticket).is_some_and(|ticket| !is_done(ticket)) =>
            {
                kept(format!("ticket {} is not done", request.ticket))
            }
            Ok(Stray::Worktree(request)) => match ground.git.fate_of_worktree(&request).await {
                Ok(Some(fate)) => judged(request, fate),
                Ok(None) => continue,
                Err(error) => kept(error.message),
            },
        };
        found.push(one);
    }
    found
}

/// Removes a worktree, if its ticket is still done, and says where its work is.
pub(super) async fn delete(ground: &Ground<'_>, request: &WorkspaceRequest) -> Result<String, String> {
    let still = || ground.still_done(&request.ticket);
    match ground.git.remove_if(request.clone(), still).await.map_err(|error| error.message)? {
        Removal::Removed { kept_ref } => Ok(format!("its work is on {kept_ref}")),
        Removal::Kept { why } => Err(why),
    }
}

/// Finishes a removal that was killed.
pub(super) async fn finish(ground: &Ground<'_>, rest: &Path) -> Result<(), String> {
    ground.git.finish(rest).await.map_err(|error| error.message)
}

impl Ground<'_> {
    /// Returns a ticket's worktree as a request; `None` where it has none.
    pub(super) fn workspace_of(&self, ticket: &Ticket) -> Option<WorkspaceRequest> {
        let plan = self.fleet.plans.get(&ticket.brief.key.plan)?;
        let checkout = ticket.progress.workspace.as_ref()?;
        let repo = ticket.brief.repo.as_ref().or(plan.repo.as_ref())?;
        Some(WorkspaceRequest {
            ticket: ticket.brief.key.clone(),
            repo: PathBuf::from(repo),
            path: PathBuf::from(&checkout.path),
            branch: checkout.branch.clone(),
            base: Some(checkout.base_branch.clone()),
        })
    }
}

fn judged(request: WorkspaceRequest, fate: GitFate) -> Found {
    match fate {
        GitFate::Safe(why) => {
            let leftover = leftover(&request.path, Fate::Safe, why);
            Found { leftover, target: Target::Worktree(request) }
        }
        GitFate::Kept(why) => Found { leftover: leftover(&request.path, Fate::Kept, why), target: Target::None },
    }
}

fn leftover(path: &Path, fate: Fate, why: String) -> Leftover {
    Leftover {
        kind: Kind::Worktree,
        name: path.display().to_string(),
        repo: None,
        bytes: Some(disk::bytes(path)),
        age_seconds: disk::age(path),
        fate,
        why,
    }
}

/// Returns what is where worktrees are made by default (`PLAN/TICKET`) and belongs to no ticket.
fn strays(root: &Path, known: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let within = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let root = real(root);
    let mut found: Vec<PathBuf> = within(&root).flat_map(|plan| within(&plan).collect::<Vec<_>>()).collect();
    found.retain(|path| !known.contains(path) && !known.iter().any(|own| own.starts_with(path)));
    found.sort();
    found
}

fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(real), _, _) => real,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_path_buf(),
    }
}
