//! What is left over in a repository: worktrees of tickets that are done, branches that have landed, rescue refs.
//!
//! Owns the verdict whether each may go, and the deletion. A verdict is only for a person to read: the deletion finds
//! its own, when everybody else has to wait.

use std::path::Path;

use gix::ObjectId;

use super::aside;
use super::base;
use super::capture::Captured;
use super::git::{GitCall, Place};
use super::landed::Whereabouts;
use super::remove::{find, reason_to_keep};
use super::repository::{CheckoutState, Repository};
use super::turns::Turn;
use super::{GitWorkspace, LOCKED_BY_US, clean, look};
use crate::domain::time::Timestamp;
use crate::slots::workspace::{Removal, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError};

/// Whether something may be deleted, and why or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is lost by it.
    Safe(String),
    /// Something could be.
    Kept(String),
}

/// A branch or rescue ref of aotui.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRef {
    /// Its full name.
    pub name: String,
    /// When its commit was made; `None` where that is not known.
    pub at: Option<Timestamp>,
}

impl GitWorkspace {
    /// Says what would become of a worktree; `None` where there is none.
    pub async fn fate_of_worktree(&self, request: &WorkspaceRequest) -> Result<Option<Fate>, SlotError> {
        let Some(there) = find(request).await? else { return Ok(None) };
        if there.state == CheckoutState::Gone {
            return Ok(Some(Fate::Safe("its directory is gone; git still has it on its list".to_owned())));
        }
        if let Some(why) = reason_to_keep(&there, &there.path).await? {
            return Ok(Some(Fate::Kept(why)));
        }
        let words = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"];
        let tree = Place::checkout(&there.git_dir, &there.path);
        let status = match self.git.bytes(&tree, &GitCall::read(words)).await {
            Ok(status) => status.split(|byte| *byte == 0).filter(|line| !line.is_empty()).count(),
            Err(error) => return Ok(Some(Fate::Kept(format!("git cannot tell what is in it: {error}")))),
        };
        Ok(Some(Fate::Safe(match status {
            0 => "its work is committed; the commit goes on a rescue ref first".to_owned(),
            1 => "one file is not committed; it goes on a rescue ref first".to_owned(),
            n => format!("{n} files are not committed; they go on a rescue ref first"),
        })))
    }

    /// Removes a worktree as [`Workspace::remove`](crate::slots::workspace::Workspace::remove) does, if `still` says,
    /// when everybody else has to wait, that it shall go.
    pub async fn remove_if(
        &self,
        request: WorkspaceRequest,
        still: impl FnOnce() -> Result<(), String>,
    ) -> Result<Removal, SlotError> {
        self.remove_checkout(request, still).await
    }

    /// Lists the branches and rescue refs of aotui in a repository.
    pub async fn own_refs(&self, repo: &Path) -> Result<Vec<OwnRef>, SlotError> {
        let common_dir = common_dir(repo).await?;
        let words = ["for-each-ref", "--format=%(refname) %(committerdate:unix)"];
        let list = GitCall::read(words.into_iter().chain(["refs/heads/aotui", "refs/aotui/rescue"]));
        let text = self.git.text(&Place::repository(&common_dir), &list).await?;
        let refs = text.lines().map(|line| {
            let (name, seconds) = line.split_once(' ').unwrap_or((line, ""));
            let at = seconds.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1000)).map(Timestamp);
            OwnRef { name: name.to_owned(), at }
        });
        Ok(refs.collect())
    }

    /// Says what would become of a ticket's branch.
    pub async fn fate_of_branch(&self, request: &WorkspaceRequest) -> Result<Fate, SlotError> {
        let common_dir = common_dir(&request.repo).await?;
        Ok(self.branch(request, &common_dir).await?.1)
    }

    /// Deletes a ticket's branch if all its work is elsewhere; what only it reaches goes on a rescue ref first.
    pub async fn delete_branch(
        &self,
        request: &WorkspaceRequest,
        still: impl FnOnce() -> Result<(), String>,
    ) -> Result<Removal, SlotError> {
        let (common_dir, _turn) = self.turn(&request.repo).await?;
        if let Err(why) = still() {
            return Ok(Removal::Kept { why });
        }
        let (tip, fate) = self.branch(request, &common_dir).await?;
        let (tip, kept_ref) = match (tip, fate) {
            (Some((tip, Some(base))), Fate::Safe(_)) => (tip, format!("refs/heads/{base}")),
            (Some((tip, None)), Fate::Safe(_)) => {
                let held = Captured { head: Some(tip), files: None, staged: None, loose: Vec::new() };
                (tip, self.rescue(request, &common_dir, &held).await?)
            }
            (_, Fate::Safe(why) | Fate::Kept(why)) => return Ok(Removal::Kept { why }),
        };
        self.delete_ref(&common_dir, &format!("refs/heads/{}", request.branch), tip).await?;
        Ok(Removal::Removed { kept_ref })
    }

    /// Returns a branch's tip with the base that reaches it, where one does, and what would become of the branch.
    async fn branch(
        &self,
        request: &WorkspaceRequest,
        common_dir: &Path,
    ) -> Result<(Option<(ObjectId, Option<String>)>, Fate), SlotError> {
        let asked = request.clone();
        let seen = look(move || {
            let repo = Repository::open(&asked.repo)?;
            let Some(tip) = repo.branch(&asked.branch)? else { return Ok(Err("it is gone".to_owned())) };
            let mut checkouts = repo.checkouts()?.into_iter();
            if let Some(there) = checkouts.find(|there| there.branch.as_ref() == Some(&asked.branch)) {
                return Ok(Err(format!("it is checked out at {}", there.path.display())));
            }
            let name = base::name(&repo, asked.base.as_deref(), &asked.repo)?;
            if name == asked.branch {
                return Ok(Err("it is the base branch itself".to_owned()));
            }
            Ok(Ok((tip, base::commit(&repo, &name, &asked.repo)?)))
        });
        let (tip, base) = match seen.await? {
            Ok(seen) => seen,
            Err(why) => return Ok((None, Fate::Kept(why))),
        };
        let name = clean(&base.branch);
        Ok(match self.whereabouts(common_dir, base.commit, tip).await? {
            Whereabouts::Reached => (Some((tip, Some(base.branch))), Fate::Safe(format!("{name} has all its commits"))),
            Whereabouts::SameChange(commit) => {
                let short: String = commit.chars().take(10).collect();
                (Some((tip, None)), Fate::Safe(format!("{name} has the same change as {short}")))
            }
            Whereabouts::NothingNew => {
                (Some((tip, None)), Fate::Safe(format!("merging it into {name} would change nothing")))
            }
            Whereabouts::Here => (None, Fate::Kept(format!("its work is not on {name}"))),
        })
    }

    /// Says what would become of a rescue ref; `base` is the branch the work may have landed on.
    pub async fn fate_of_rescue(&self, repo: &Path, base: Option<&str>, name: &str) -> Result<Fate, SlotError> {
        let common_dir = common_dir(repo).await?;
        Ok(self.rescue_ref(repo, &common_dir, base, name).await?.1)
    }

    /// Deletes a rescue ref if all that it holds is elsewhere.
    pub async fn delete_rescue(&self, repo: &Path, base: Option<&str>, name: &str) -> Result<Removal, SlotError> {
        let (common_dir, _turn) = self.turn(repo).await?;
        match self.rescue_ref(repo, &common_dir, base, name).await? {
            (Some((tip, kept_ref)), Fate::Safe(_)) => {
                self.delete_ref(&common_dir, name, tip).await?;
                Ok(Removal::Removed { kept_ref })
            }
            (_, Fate::Safe(why) | Fate::Kept(why)) => Ok(Removal::Kept { why }),
        }
    }

    /// Returns a rescue ref's commit with the ref that has its work, and what would become of the rescue ref.
    async fn rescue_ref(
        &self,
        repo: &Path,
        common_dir: &Path,
        base: Option<&str>,
        name: &str,
    ) -> Result<(Option<(ObjectId, String)>, Fate), SlotError> {
        let (at, full) = (repo.to_owned(), name.to_owned());
        let Some(tip) = look(move || Repository::open(&at)?.commit(&full)).await? else {
            return Ok((None, Fate::Kept("it is gone".to_owned())));
        };
        let contains = format!("--contains={tip}");
        let words = ["for-each-ref", "--format=%(refname)", &contains];
        let list = GitCall::read(words.into_iter().chain(["refs/heads", "refs/tags", "refs/remotes"]));
        let reached = self.git.text(&Place::repository(common_dir), &list).await?;
        // A ticket's own branch may go next; the one it landed on stays.
        let lasting = reached.lines().find(|name| !name.starts_with("refs/heads/aotui/"));
        if let Some(reached) = lasting.or_else(|| reached.lines().next()) {
            let why = format!("{} reaches all its commits", clean(reached));
            return Ok((Some((tip, reached.to_owned())), Fate::Safe(why)));
        }
        let (at, asked) = (repo.to_owned(), base.map(str::to_owned));
        let base = look(move || {
            let repo = Repository::open(&at)?;
            base::commit(&repo, &base::name(&repo, asked.as_deref(), &at)?, &at)
        });
        let Ok(base) = base.await else { return Ok((None, Fate::Kept("no branch has its work".to_owned()))) };
        Ok(match self.whereabouts(common_dir, base.commit, tip).await? {
            Whereabouts::SameChange(commit) => {
                let short: String = commit.chars().take(10).collect();
                let why = format!("{} has the same change as {short}", clean(&base.branch));
                (Some((tip, format!("refs/heads/{}", base.branch))), Fate::Safe(why))
            }
            _ => (None, Fate::Kept("no branch has its work".to_owned())),
        })
    }

    async fn turn(&self, repo: &Path) -> Result<(std::path::PathBuf, Turn), SlotError> {
        let common_dir = common_dir(repo).await?;
        let turn = self.turns(&common_dir).take(&common_dir).await?;
        Ok((common_dir, turn))
    }

    async fn delete_ref(&self, common_dir: &Path, name: &str, tip: ObjectId) -> Result<(), SlotError> {
        let delete = GitCall::write(["update-ref", "-d", name, &tip.to_string()]);
        self.git.text(&Place::repository(common_dir), &delete).await?;
        Ok(())
    }
}

async fn common_dir(repo: &Path) -> Result<std::path::PathBuf, SlotError> {
    let repo = repo.to_owned();
    look(move || Repository::open(&repo)?.common_dir()).await
}

/// What is found where worktrees are made, and no ticket knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stray {
    /// A worktree, as its repository knows it.
    Worktree(WorkspaceRequest),
    /// What a removal that was killed left, after everything was on a ref.
    Rest,
    /// A worktree in the middle of its removal; it is put back when that is repeated.
    Leaving,
}

/// Says what is at `path`; the error says why it is not ours.
pub async fn stray(path: &Path) -> Result<Stray, SlotError> {
    let path = path.to_owned();
    look(move || {
        let foreign = |why: &str| Err(SlotError::new(ErrorClass::Conflict, why));
        let Some(common_dir) = aside::repository(&path) else {
            return foreign("it is no worktree: look at it, and remove it yourself");
        };
        if let Some(origin) = aside::origin(&path) {
            return match aside::registration(&path, &common_dir) {
                Some(known) if aside::is_for(&known, &origin) => Ok(Stray::Leaving),
                Some(unknown) if !unknown.exists() => Ok(Stray::Rest),
                _ => foreign("it is not clear whose it is: look at it, and remove it yourself"),
            };
        }
        let repo = Repository::open(&common_dir)?;
        let Some(there) = repo.checkouts()?.into_iter().find(|there| there.path == path && !there.main) else {
            return foreign("no repository has it on its list: look at it, and remove it yourself");
        };
        let ticket = there.locked.as_deref().and_then(|reason| reason.strip_prefix(LOCKED_BY_US)?.parse().ok());
        let Some(ticket) = ticket else { return foreign("aotui did not make it") };
        let branch = there.branch.unwrap_or_default();
        Ok(Stray::Worktree(WorkspaceRequest { ticket, repo: common_dir, path, branch, base: None }))
    })
    .await
}

impl GitWorkspace {
    /// Finishes the removal whose rest is at `path`, or puts the worktree back where it was not sure.
    pub async fn finish(&self, path: &Path) -> Result<(), SlotError> {
        let unclear = || SlotError::new(ErrorClass::Conflict, format!("{} is no worktree any more", path.display()));
        let (origin, common_dir) = aside::origin(path).zip(aside::repository(path)).ok_or_else(unclear)?;
        let _turn = self.turns(&common_dir).take(&common_dir).await?;
        look(move || {
            aside::settle(&origin, &common_dir)
                .map_err(|error| SlotError::new(ErrorClass::Misconfigured, format!("{}: {error}", origin.display())))
        })
        .await
    }
}
