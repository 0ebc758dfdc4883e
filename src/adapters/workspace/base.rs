//! Which commit a ticket starts from: the base branch, as fresh as can be had.
//!
//! Owns fetching from `origin`, one fetch at a time per repository, its result shared by all who wait for it. A fetch
//! that fails (no network) never stops a ticket.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use gix::ObjectId;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::git::{Git, GitCall, Place, failed};
use super::repository::{Repository, check_branch_name};
use crate::slots::{ErrorClass, SlotError};

/// How long a fetch may hold up a ticket.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// The branch a ticket starts from and lands on, and its commit.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) branch: String,
    pub(super) commit: ObjectId,
}

/// When each base branch of one repository was last asked for at `origin`.
#[derive(Debug, Default)]
pub(super) struct Fetches(Mutex<HashMap<String, Instant>>);

impl Fetches {
    /// Brings what is known of `branch` at `origin` up to date, unless a fetch that began after this call did so.
    pub(super) async fn refresh(&self, git: &Git, common_dir: &Path, branch: &str) {
        let asked = Instant::now();
        let mut begun = self.0.lock().await;
        if begun.get(branch).is_some_and(|begun| *begun >= asked) {
            return;
        }
        begun.insert(branch.to_owned(), Instant::now());
        let refspec = format!("+refs/heads/{branch}:refs/remotes/origin/{branch}");
        let options = ["--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head"];
        let args = ["fetch"].into_iter().chain(options).chain(["--no-auto-gc", "--end-of-options", "origin", &refspec]);
        let call = GitCall::write(args).limit(FETCH_LIMIT);
        let why = match git.run(&Place::repository(common_dir), &call).await {
            Ok(output) if output.status.success() => return,
            Ok(output) => failed(&output).to_string(),
            Err(error) => error.to_string(),
        };
        let repository = common_dir.display();
        tracing::warn!(%repository, branch, why, "could not fetch the base branch; going on with what is here");
    }
}

/// Returns the name of the base branch: the one asked for, else the repository's default.
pub(super) fn name(repo: &Repository, asked: Option<&str>, shown: &Path) -> Result<String, SlotError> {
    if let Some(asked) = asked {
        check_branch_name(asked)?;
        return Ok(asked.to_owned());
    }
    repo.default_branch()?.ok_or_else(|| {
        let shown = shown.display();
        let words =
            format!("{shown} has no branch checked out and no default at `origin`: name one as `base` in plan.json");
        SlotError::new(ErrorClass::Misconfigured, words)
    })
}

/// Returns the commit to start from: the local branch, or `origin`'s where the local one is missing or only behind.
pub(super) fn commit(repo: &Repository, branch: &str, shown: &Path) -> Result<Base, SlotError> {
    let commit = match (repo.branch(branch)?, repo.origin_branch(branch)?) {
        (Some(local), Some(origin)) if repo.reaches(origin, local)? => origin,
        (Some(local), _) => local,
        (None, Some(origin)) => origin,
        (None, None) => return Err(missing(repo, branch, shown)?),
    };
    Ok(Base { branch: branch.to_owned(), commit })
}

fn missing(repo: &Repository, branch: &str, shown: &Path) -> Result<SlotError, SlotError> {
    let shown = shown.display();
    if !repo.has_commits()? {
        let words = format!("{shown} has no commits yet: make a first commit, then try again");
        return Ok(SlotError::new(ErrorClass::Misconfigured, words));
    }
    let words = format!("{shown} has no branch `{branch}`, neither here nor at `origin`: correct the base branch");
    Ok(SlotError::new(ErrorClass::NotFound, words))
}
