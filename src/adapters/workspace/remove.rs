//! Removing a ticket's worktree without losing anything.
//!
//! Owns the rule what may go: only a clean worktree of this repository with its own branch checked out, that no
//! process works in and nobody else locked. Its tip is put on a rescue ref first, and the rule is checked again right
//! before git removes it (without force, so that git checks too).

use std::fs;
use std::path::{Path, PathBuf};

use gix::ObjectId;

use super::git::{GitCall, Place};
use super::prepare::{CHECKOUT_LIMIT, NO_COMMIT};
use super::repository::{Checkout, CheckoutState, Repository, real};
use super::{BEING_MADE, GitWorkspace, LOCKED_BY_US, look, point};
use crate::slots::workspace::{Removal, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError};

/// How many file names are shown of those that would be lost.
const NAMES_SHOWN: usize = 3;

impl GitWorkspace {
    pub(super) async fn remove_checkout(&self, request: WorkspaceRequest) -> Result<Removal, SlotError> {
        let repo = request.repo.clone();
        let common_dir = look(move || Repository::open(&repo)?.common_dir()).await?;
        let turns = self.turns(&common_dir);
        let _turn = turns.writing.lock().await;
        let Some(there) = find(&request).await? else { return absent(request).await };
        if let Some(why) = self.reason_to_keep(&request, &there).await? {
            return Ok(Removal::Kept { why });
        }
        let kept_ref = self.rescue(&request, &common_dir, &there).await?;
        let Some(now) = find(&request).await? else { return absent(request).await };
        if now.head != there.head {
            return Ok(Removal::Kept { why: format!("new commits arrived in {}", request.path.display()) });
        }
        if let Some(why) = self.reason_to_keep(&request, &now).await? {
            return Ok(Removal::Kept { why });
        }
        match self.unregister(&common_dir, &now).await {
            Ok(()) if now.path.exists() => {
                Ok(Removal::Kept { why: format!("git left something in {}", request.path.display()) })
            }
            Ok(()) => Ok(Removal::Removed { kept_ref }),
            Err(error) => {
                self.lock(&Place::repository(&common_dir), &request, &now.path).await?;
                Ok(Removal::Kept { why: error.message })
            }
        }
    }

    /// Forgets a registration whose directory is gone, after its commit was put on a rescue ref.
    pub(super) async fn forget(
        &self,
        request: &WorkspaceRequest,
        common_dir: &Path,
        gone: &Checkout,
    ) -> Result<(), SlotError> {
        if let Some(why) = foreign_lock(gone) {
            return Err(SlotError::new(ErrorClass::Conflict, format!("{}: {why}", request.path.display())));
        }
        self.rescue(request, common_dir, gone).await?;
        self.unregister(common_dir, gone).await
    }

    async fn unregister(&self, common_dir: &Path, checkout: &Checkout) -> Result<(), SlotError> {
        let repository = Place::repository(common_dir);
        if checkout.locked.is_some() {
            self.unlock(&repository, &checkout.path).await?;
        }
        point("worktree.remove")?;
        let words = ["worktree", "remove", "--"].map(AsRef::as_ref).into_iter();
        let mut remove = GitCall::write(words.chain([checkout.path.as_os_str()])).limit(CHECKOUT_LIMIT);
        if checkout.state == CheckoutState::Whole {
            remove = remove.enters(Place::checkout(&checkout.git_dir, &checkout.path));
        }
        self.git.text(&repository, &remove).await?;
        point("worktree.removed")
    }

    /// Puts the checked-out commit on the ticket's rescue ref and returns the ref's name. A rescue ref of other work
    /// stays; the next free one is taken.
    async fn rescue(
        &self,
        request: &WorkspaceRequest,
        common_dir: &Path,
        there: &Checkout,
    ) -> Result<String, SlotError> {
        let Some(tip) = there.head else { return Ok(format!("refs/heads/{}", request.branch)) };
        let asked = request.clone();
        let (name, old) = look(move || free_rescue_ref(&asked, tip)).await?;
        let (new, old) = (tip.to_string(), old.map_or(NO_COMMIT.to_owned(), |old| old.to_string()));
        let update = ["update-ref", "-m", "aotui: before its worktree goes", &name, &new, &old];
        point("rescue.ref")?;
        self.git.text(&Place::repository(common_dir), &GitCall::write(update)).await?;
        Ok(name)
    }

    /// Says what would be lost by removing a checkout; `None` where nothing would.
    async fn reason_to_keep(&self, request: &WorkspaceRequest, there: &Checkout) -> Result<Option<String>, SlotError> {
        let path = there.path.display();
        if there.main {
            return Ok(Some(format!("{path} is the repository's own checkout")));
        }
        if let Some(why) = foreign_lock(there) {
            return Ok(Some(why));
        }
        match there.state {
            CheckoutState::Gone => return Ok(None),
            CheckoutState::Foreign => return Ok(Some(format!("{path} is not a working tree of this repository"))),
            CheckoutState::Whole => {}
        }
        if let Some(unfinished) = there.unfinished {
            return Ok(Some(format!("{unfinished} is unfinished in {path}")));
        }
        match &there.branch {
            Some(branch) if *branch == request.branch => {}
            Some(branch) => return Ok(Some(format!("{path} has `{branch}` checked out, not `{}`", request.branch))),
            None => return Ok(Some(format!("HEAD is detached in {path}"))),
        }
        let words = ["status", "--porcelain=v1", "-z", "--no-renames"];
        let status = words.into_iter().chain(["--untracked-files=normal", "--ignore-submodules=dirty"]);
        let tree = Place::checkout(&there.git_dir, &there.path);
        match self.git.text(&tree, &GitCall::read(status)).await {
            Ok(status) if status.is_empty() => {}
            Ok(status) => return Ok(Some(format!("{path} has {}", uncommitted(&status)))),
            Err(error) => return Ok(Some(format!("git cannot tell whether {path} is clean: {error}"))),
        }
        let inside = there.path.clone();
        let user = look(move || Ok(process_inside(&inside))).await?;
        Ok(user.map(|user| format!("{user} works in {path}")))
    }
}

async fn find(request: &WorkspaceRequest) -> Result<Option<Checkout>, SlotError> {
    let (repo, path) = (request.repo.clone(), request.path.clone());
    look(move || {
        let path = real(&path);
        Ok(Repository::open(&repo)?.checkouts()?.into_iter().find(|checkout| checkout.path == path))
    })
    .await
}

/// Answers for a worktree that is not registered: it was removed before, or it is not ours to remove.
async fn absent(request: WorkspaceRequest) -> Result<Removal, SlotError> {
    look(move || {
        let path = request.path.display();
        if request.path.symlink_metadata().is_ok() {
            return Ok(Removal::Kept { why: format!("{path} is not a worktree of {}", request.repo.display()) });
        }
        let repo = Repository::open(&request.repo)?;
        let names = [rescue_ref(&request, 1), format!("refs/heads/{}", request.branch)];
        for name in names {
            if repo.commit(&name)?.is_some() {
                return Ok(Removal::Removed { kept_ref: name });
            }
        }
        Err(SlotError::new(ErrorClass::NotFound, format!("there is neither a worktree {path} nor a branch of it")))
    })
    .await
}

fn rescue_ref(request: &WorkspaceRequest, n: u32) -> String {
    let base = format!("refs/aotui/rescue/{}/{}", request.ticket.plan, request.ticket.ticket);
    // `@` is not allowed in ids, so this is never another ticket's ref.
    if n == 1 { base } else { format!("{base}@{n}") }
}

/// Returns the first rescue ref that can move to `tip` without losing what it holds, and what it holds now.
fn free_rescue_ref(request: &WorkspaceRequest, tip: ObjectId) -> Result<(String, Option<ObjectId>), SlotError> {
    let repo = Repository::open(&request.repo)?;
    for n in 1.. {
        let name = rescue_ref(request, n);
        match repo.commit(&name)? {
            Some(old) if !repo.reaches(tip, old)? => {}
            old => return Ok((name, old)),
        }
    }
    Err(SlotError::new(ErrorClass::Conflict, format!("every rescue ref of {} is taken", request.ticket)))
}

/// Says who locked a worktree, unless it was aotui.
fn foreign_lock(checkout: &Checkout) -> Option<String> {
    match checkout.locked.as_deref()? {
        ours if ours.starts_with(LOCKED_BY_US) => None,
        BEING_MADE if checkout.state == CheckoutState::Gone => None,
        BEING_MADE => Some("git is still making it".to_owned()),
        "" => Some("someone locked it".to_owned()),
        reason => Some(format!("someone locked it: {}", clean(reason))),
    }
}

/// Sums up what `git status --porcelain=v1 -z --no-renames` lists.
fn uncommitted(status: &str) -> String {
    let entries: Vec<&str> = status.split('\0').filter(|entry| !entry.is_empty()).collect();
    let untracked = entries.iter().filter(|entry| entry.starts_with("??")).count();
    let names: Vec<String> = entries.iter().filter_map(|entry| entry.get(3..)).take(NAMES_SHOWN).map(clean).collect();
    let more = if entries.len() > NAMES_SHOWN { ", …" } else { "" };
    let changed = entries.len() - untracked;
    format!("uncommitted work: {changed} changed, {untracked} untracked ({}{more})", names.join(", "))
}

fn clean(text: impl AsRef<str>) -> String {
    text.as_ref().chars().map(|c| if c.is_control() { '?' } else { c }).take(120).collect()
}

/// Returns a process that has its working directory in `dir`; `None` also where the system does not tell.
fn process_inside(dir: &Path) -> Option<String> {
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let found = processes.map(|entry| entry.path()).find(|path| lives_in(path, dir))?;
    let name = fs::read_to_string(found.join("comm")).unwrap_or_default();
    let pid = found.file_name().map(PathBuf::from).unwrap_or_default();
    Some(format!("process {} ({})", pid.display(), clean(name.trim())))
}

fn lives_in(process: &Path, dir: &Path) -> bool {
    fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
}
