//! Branches of tickets that are done, and rescue refs, in the repositories of all plans and tickets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Found, Ground, Target, is_done};
use crate::adapters::workspace::{Fate as GitFate, OwnRef};
use crate::cli::verbs::gc::{Fate, Kind, Leftover};
use crate::domain::ids::TicketKey;
use crate::domain::ticket::Ticket;
use crate::engine::now;
use crate::slots::workspace::{Removal, WorkspaceRequest};

/// Where git keeps branches.
const BRANCHES: &str = "refs/heads/";
/// Where aotui keeps what was in worktrees that are gone.
const RESCUES: &str = "refs/aotui/rescue/";

/// Finds them.
pub(super) async fn find(ground: &Ground<'_>, unseen: &mut Vec<String>) -> Vec<Found> {
    let mut found = Vec::new();
    for repo in ground.repositories() {
        let refs = match ground.git.own_refs(&repo).await {
            Ok(refs) => refs,
            Err(error) => {
                unseen.push(error.message);
                continue;
            }
        };
        for own in refs {
            let judged = match own.name.strip_prefix(BRANCHES) {
                Some(branch) => ground.branch(&repo, branch).await,
                None => Some(ground.rescue(&repo, &own.name).await),
            };
            let Some((fate, target)) = judged else { continue };
            found.push(Found { leftover: leftover(&repo, own, fate), target });
        }
    }
    found
}

/// Deletes a branch, if its ticket is still done, and says where its work is.
pub(super) async fn delete_branch(ground: &Ground<'_>, request: &WorkspaceRequest) -> Result<String, String> {
    let still = || ground.still_done(&request.ticket);
    outcome(ground.git.delete_branch(request, still).await.map_err(|error| error.message)?)
}

/// Deletes a rescue ref and says where its work is.
pub(super) async fn delete_rescue(
    ground: &Ground<'_>,
    repo: &Path,
    base: Option<&str>,
    name: &str,
) -> Result<String, String> {
    outcome(ground.git.delete_rescue(repo, base, name).await.map_err(|error| error.message)?)
}

fn outcome(removal: Removal) -> Result<String, String> {
    match removal {
        Removal::Removed { kept_ref } => Ok(format!("its work is on {kept_ref}")),
        Removal::Kept { why } => Err(why),
    }
}

impl Ground<'_> {
    fn repositories(&self) -> BTreeSet<PathBuf> {
        let of_plans = self.fleet.plans.values().filter_map(|plan| plan.repo.as_ref());
        let of_tickets = self.fleet.tickets.values().filter_map(|ticket| ticket.brief.repo.as_ref());
        let all = of_plans.chain(of_tickets).map(PathBuf::from);
        all.map(|repo| repo.canonicalize().unwrap_or(repo)).collect()
    }

    /// Judges a branch; `None` where its ticket is not done.
    async fn branch(&self, repo: &Path, branch: &str) -> Option<(GitFate, Target)> {
        let of_repo = |request: &WorkspaceRequest| {
            let own = request.repo.canonicalize().unwrap_or_else(|_| request.repo.clone());
            own == repo && request.branch == branch
        };
        let ticket = self.fleet.tickets.values().find(|ticket| self.branch_of(ticket).is_some_and(|own| of_repo(&own)));
        let Some(ticket) = ticket else {
            return Some((GitFate::Kept("no ticket of this state has it".to_owned()), Target::None));
        };
        if !is_done(ticket) {
            return None;
        }
        let request = self.branch_of(ticket)?;
        let fate = self.git.fate_of_branch(&request).await;
        Some((fate.unwrap_or_else(|error| GitFate::Kept(error.message)), Target::Branch(request)))
    }

    async fn rescue(&self, repo: &Path, name: &str) -> (GitFate, Target) {
        let key = name.strip_prefix(RESCUES).and_then(|key| key.split('@').next()?.parse::<TicketKey>().ok());
        let ticket = key.and_then(|key| self.fleet.ticket(&key));
        let base = ticket.and_then(|ticket| self.branch_of(ticket)?.base);
        let fate = self.git.fate_of_rescue(repo, base.as_deref(), name).await;
        let target = Target::Rescue { repo: repo.to_path_buf(), base, name: name.to_owned() };
        (fate.unwrap_or_else(|error| GitFate::Kept(error.message)), target)
    }

    /// Returns the branch of a ticket as a request, whether or not it has a worktree.
    fn branch_of(&self, ticket: &Ticket) -> Option<WorkspaceRequest> {
        self.workspace_of(ticket).or_else(|| {
            let (brief, key) = (&ticket.brief, &ticket.brief.key);
            let plan = self.fleet.plans.get(&key.plan)?;
            Some(WorkspaceRequest {
                ticket: key.clone(),
                repo: PathBuf::from(brief.repo.as_ref().or(plan.repo.as_ref())?),
                path: PathBuf::new(),
                branch: brief.branch.clone().unwrap_or_else(|| format!("aotui/{}/{}", key.plan, key.ticket)),
                base: plan.base.clone(),
            })
        })
    }
}

fn leftover(repo: &Path, own: OwnRef, fate: GitFate) -> Leftover {
    let kind = if own.name.starts_with(BRANCHES) { Kind::Branch } else { Kind::Rescue };
    let (fate, why) = match fate {
        GitFate::Safe(why) => (Fate::Safe, why),
        GitFate::Kept(why) => (Fate::Kept, why),
    };
    let age_seconds = own.at.map(|at| now().millis_since(at) / 1000);
    Leftover { kind, name: own.name, repo: Some(repo.display().to_string()), bytes: None, age_seconds, fate, why }
}
