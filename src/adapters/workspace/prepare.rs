//! Making a ticket's worktree, or taking over the one that is there.
//!
//! Owns the decision what to do about what is found ([`plan`], pure) and the few git commands that do it. A failed
//! attempt leaves neither a branch nor a directory of its own behind.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;

use super::base::{self, Base};
use super::git::{GitCall, Place};
use super::repository::{Checkout, CheckoutState, Repository, check_branch_name, real};
use super::turns::Turn;
use super::{BEING_MADE, GitWorkspace, LOCKED_BY_US, look, point};
use crate::slots::workspace::{WorkspaceReady, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError};

/// How long git may take to write out all files of a checkout.
pub(super) const CHECKOUT_LIMIT: Duration = Duration::from_secs(1800);
/// The old value that tells git a ref must not exist yet.
pub(super) const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// What a repository says about one request.
struct Seen {
    common_dir: PathBuf,
    base: Base,
    /// The tip of the ticket's branch; `None` where it does not exist yet.
    tip: Option<ObjectId>,
    /// Where branch and base parted; `None` where there is no branch or no common history.
    parted: Option<ObjectId>,
    /// A branch that cannot exist beside the ticket's.
    clash: Option<String>,
    checkouts: Vec<Checkout>,
    /// Where the checkout shall be, as a real path.
    path: PathBuf,
    /// Whether nothing, or an empty directory, is there.
    free: bool,
}

/// What to do about it.
#[derive(Debug)]
enum Plan {
    /// Take over the checkout that is there.
    Adopt(Checkout),
    /// Make a checkout, after forgetting the registration of one whose directory is gone.
    Make { forget: Option<Checkout> },
}

impl GitWorkspace {
    pub(super) async fn prepare_checkout(&self, request: WorkspaceRequest) -> Result<WorkspaceReady, SlotError> {
        check_request(&request)?;
        let common_dir = self.freshen(&request).await?;
        let turns = self.turns(&common_dir);
        let turn = turns.take(&common_dir).await?;
        self.mend(&request, &common_dir).await?;
        let asked = request.clone();
        let seen = look(move || see(&asked)).await?;
        let adopted = match plan(&seen, &request)? {
            Plan::Adopt(checkout) => {
                self.take_over(&turn, &seen, &request, &checkout).await?;
                true
            }
            Plan::Make { forget } => {
                if let Some(gone) = forget {
                    self.forget(&turn, &request, &seen.common_dir, &gone).await?;
                }
                self.make(&turn, &seen, &request).await?;
                false
            }
        };
        Ok(WorkspaceReady {
            path: request.path,
            branch: request.branch,
            base_branch: seen.base.branch,
            base_commit: seen.parted.unwrap_or(seen.base.commit).to_string(),
            adopted,
        })
    }

    /// Brings the base branch up to date where a new branch will start from it; returns the repository's git directory.
    async fn freshen(&self, request: &WorkspaceRequest) -> Result<PathBuf, SlotError> {
        let asked = request.clone();
        let (common_dir, stale) = look(move || {
            let repo = Repository::open(&asked.repo)?;
            let starts = repo.branch(&asked.branch)?.is_none() && repo.has_origin();
            let stale = if starts { Some(base::name(&repo, asked.base.as_deref(), &asked.repo)?) } else { None };
            Ok((repo.common_dir()?, stale))
        })
        .await?;
        if let Some(branch) = stale {
            self.turns(&common_dir).fetches.refresh(&self.git, &common_dir, &branch).await;
        }
        Ok(common_dir)
    }

    async fn take_over(
        &self,
        turn: &Turn,
        seen: &Seen,
        request: &WorkspaceRequest,
        there: &Checkout,
    ) -> Result<(), SlotError> {
        let repository = Place::repository(&seen.common_dir);
        let tree = Place::checkout(&there.git_dir, &there.path);
        let half_made = there.locked.as_deref() == Some(BEING_MADE);
        if half_made {
            // Git was killed while it wrote the files; nobody has worked there, so they can be written again.
            let reset = GitCall::write(["reset", "--hard", "--quiet"]).limit(CHECKOUT_LIMIT).holding(turn);
            self.git.text(&tree, &reset).await?;
            self.unlock(&repository, &seen.path).await?;
        } else if !there.git_dir.join("index").exists() {
            // Its registration was made again: git has to learn which files are as they were.
            self.git
                .text(&tree, &GitCall::write(["reset", "--mixed", "--quiet"]).limit(CHECKOUT_LIMIT).holding(turn))
                .await?;
        }
        // Git was killed while it wrote the reason: such a lock would keep the worktree for ever.
        let half_locked = there.locked.as_deref() == Some("");
        if half_locked {
            self.unlock(&repository, &seen.path).await?;
        }
        if there.locked.is_some() && !half_made && !half_locked {
            return Ok(());
        }
        self.lock(&repository, request, &seen.path).await
    }

    async fn make(&self, turn: &Turn, seen: &Seen, request: &WorkspaceRequest) -> Result<(), SlotError> {
        if let Some(parent) = seen.path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(|error| {
                let words = format!("{} cannot be made: {error}; choose another place", parent.display());
                SlotError::new(ErrorClass::Misconfigured, words)
            })?;
        }
        let repository = Place::repository(&seen.common_dir);
        let branch = format!("refs/heads/{}", request.branch);
        let start = seen.base.commit.to_string();
        if seen.tip.is_none() {
            let note = format!("aotui: start of {}", request.ticket);
            let create = ["update-ref", "--create-reflog", "-m", &note, &branch, &start, NO_COMMIT];
            point("branch.create")?;
            self.git.text(&repository, &GitCall::write(create)).await?;
        }
        point("worktree.add")?;
        let words = ["worktree", "add", "--quiet", "--"];
        let add = words.map(AsRef::as_ref).into_iter().chain([seen.path.as_os_str(), request.branch.as_ref()]);
        let added = self.git.text(&repository, &GitCall::write(add).limit(CHECKOUT_LIMIT).holding(turn)).await;
        if let (Err(_), None) = (&added, seen.tip) {
            let delete = GitCall::write(["update-ref", "-d", &branch, &start]);
            if let Err(error) = self.git.text(&repository, &delete).await {
                tracing::warn!(branch, %error, "a branch without a worktree was left behind");
            }
        }
        added?;
        point("worktree.added")?;
        self.lock(&repository, request, &seen.path).await
    }

    /// Locks a worktree, so that nobody's `git worktree prune` forgets it.
    pub(super) async fn lock(&self, at: &Place, request: &WorkspaceRequest, path: &Path) -> Result<(), SlotError> {
        let reason = format!("{LOCKED_BY_US}{}", request.ticket);
        let words = ["worktree", "lock", "--reason", &reason, "--"];
        self.git.text(at, &GitCall::write(words.map(AsRef::as_ref).into_iter().chain([path.as_os_str()]))).await?;
        Ok(())
    }

    pub(super) async fn unlock(&self, at: &Place, path: &Path) -> Result<(), SlotError> {
        let words = ["worktree", "unlock", "--"];
        self.git.text(at, &GitCall::write(words.map(AsRef::as_ref).into_iter().chain([path.as_os_str()]))).await?;
        Ok(())
    }
}

fn check_request(request: &WorkspaceRequest) -> Result<(), SlotError> {
    check_branch_name(&request.branch)?;
    if request.base.as_ref() == Some(&request.branch) {
        let words = format!("`{}` is both the ticket's branch and its base: give the ticket its own", request.branch);
        return Err(SlotError::new(ErrorClass::Misconfigured, words));
    }
    if !request.path.is_absolute() || request.path.file_name().is_none() {
        let words = format!("{} is not an absolute path for a workspace", request.path.display());
        return Err(SlotError::new(ErrorClass::Bug, words));
    }
    Ok(())
}

fn see(request: &WorkspaceRequest) -> Result<Seen, SlotError> {
    let repo = Repository::open(&request.repo)?;
    let base = base::name(&repo, request.base.as_deref(), &request.repo)?;
    let base = base::commit(&repo, &base, &request.repo)?;
    let tip = repo.branch(&request.branch)?;
    let parted = tip.map_or(Ok(None), |tip| repo.merge_base(tip, base.commit))?;
    let path = real(&request.path);
    let free = match path.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => path.symlink_metadata().is_err(),
    };
    Ok(Seen {
        common_dir: repo.common_dir()?,
        clash: repo.clash(&request.branch)?,
        checkouts: repo.checkouts()?,
        base,
        tip,
        parted,
        path,
        free,
    })
}

fn plan(seen: &Seen, request: &WorkspaceRequest) -> Result<Plan, SlotError> {
    let (path, branch) = (request.path.display(), &request.branch);
    let conflict = |words: String| Err(SlotError::new(ErrorClass::Conflict, words));
    if seen.base.branch == *branch {
        return conflict(format!("`{branch}` is the base branch itself: give the ticket a branch of its own"));
    }
    let has_branch = |checkout: &&Checkout| checkout.branch.as_deref() == Some(branch.as_str());
    if let Some(other) = seen.checkouts.iter().filter(has_branch).find(|checkout| checkout.path != seen.path) {
        let other_path = other.path.display();
        return conflict(match other.state {
            CheckoutState::Gone => format!(
                "branch `{branch}` is registered at {other_path}, which is gone: \
                 run `git worktree unlock {other_path}; git worktree prune`, then try again"
            ),
            _ => format!(
                "branch `{branch}` is checked out at {other_path}: switch that to another branch, then try again"
            ),
        });
    }
    let forget = match seen.checkouts.iter().find(|checkout| checkout.path == seen.path) {
        None if seen.free => None,
        None => return conflict(format!("{path} is in the way and not a worktree of this repository: move it")),
        Some(there) if there.main => return conflict(format!("{path} is the repository's own checkout")),
        Some(there) => match there.state {
            CheckoutState::Whole if has_branch(&there) => return Ok(Plan::Adopt(there.clone())),
            CheckoutState::Whole => {
                let has = there.branch.as_ref().map_or("no branch".to_owned(), |other| format!("`{other}`"));
                return conflict(format!(
                    "{path} has {has} checked out: run `git switch {branch}` there, then try again"
                ));
            }
            CheckoutState::Foreign => {
                return conflict(format!(
                    "{path} is registered as a worktree but holds something else: move that away, or try `git worktree repair`"
                ));
            }
            CheckoutState::Gone => Some(there.clone()),
        },
    };
    if let (None, Some(clash)) = (seen.tip, &seen.clash) {
        return conflict(format!("branch `{branch}` cannot exist beside branch `{clash}`: rename one of them"));
    }
    Ok(Plan::Make { forget })
}
