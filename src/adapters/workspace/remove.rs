//! Removing a ticket's worktree without losing anything.
//!
//! Owns the rule what may go: a worktree of this repository that no process is in, that nobody else locked and nothing
//! else is mounted or nested in. Everything in it is put on a rescue ref first. Then it is moved aside and looked at
//! again under a name nobody uses; only what is found to be on the ref in every part is deleted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gix::ObjectId;
use tokio::time::{Instant, sleep};

use super::capture::Captured;
use super::git::{GitCall, GitError, Place};
use super::prepare::{CHECKOUT_LIMIT, NO_COMMIT};
use super::repository::{Checkout, CheckoutState, Repository, real};
use super::turns::Turn;
use super::{BEING_MADE, GitWorkspace, LOCKED_BY_US, aside, clean, look, point, who};
use crate::domain::ids::TicketKey;
use crate::slots::workspace::{Removal, WorkspaceRequest};
use crate::slots::{ErrorClass, SlotError};

/// How long a process may take to leave a worktree that shall go.
const LEAVING: Duration = Duration::from_secs(2);
/// How often it looks whether it has left.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The tree without any file, in which git keeps it without being asked.
const NO_FILES: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

impl GitWorkspace {
    /// Removes a worktree if nothing can be lost and `still` says, when everybody else has to wait, that it shall go.
    pub(super) async fn remove_checkout(
        &self,
        request: WorkspaceRequest,
        still: impl FnOnce() -> Result<(), String>,
    ) -> Result<Removal, SlotError> {
        let repo = request.repo.clone();
        let common_dir = look(move || Repository::open(&repo)?.common_dir()).await?;
        let turns = self.turns(&common_dir);
        let turn = turns.take(&common_dir).await?;
        if let Err(why) = still() {
            return Ok(Removal::Kept { why });
        }
        settle(&request, &common_dir).await?;
        let Some(there) = find(&request).await? else { return absent(request).await };
        until_left(&there.path).await?;
        if let Some(why) = reason_to_keep(&there, &there.path).await? {
            return Ok(Removal::Kept { why });
        }
        if there.state == CheckoutState::Gone {
            let kept_ref = self.forget(&turn, &request, &common_dir, &there).await?;
            return Ok(Removal::Removed { kept_ref });
        }
        let held = match self.capture(&request.ticket, &common_dir, &there, &there.path).await {
            Ok(held) => held,
            Err(error) => return Ok(Removal::Kept { why: unrecorded(&there.path, &error) }),
        };
        let kept_ref = self.rescue(&request, &common_dir, &held).await?;
        point("worktree.aside")?;
        let place = aside::place(&there.path);
        if let Err(error) = aside::rename(&there.path, &place) {
            let path = there.path.display();
            return Ok(Removal::Kept { why: format!("{path} cannot be moved to {}: {error}", place.display()) });
        }
        let going = Going { turn: &turn, common_dir: &common_dir, request: &request, there: &there, place: &place };
        let kept = match self.last_look(&going, &held).await {
            Ok(()) => None,
            Err(why) => Some(going.put_back(why)?),
        };
        match kept {
            Some(why) => Ok(Removal::Kept { why }),
            None => delete(place, kept_ref).await,
        }
    }

    /// Makes sure that what is going is on the ref in every part, and has git forget it; says why it has to stay.
    async fn last_look(&self, going: &Going<'_>, held: &Captured) -> Result<(), String> {
        let said = |error: SlotError| error.message;
        let path = going.there.path.display();
        let now = find(going.request).await.map_err(said)?.ok_or_else(|| format!("git forgot {path}"))?;
        if let Some(why) = reason_to_keep(&now, going.place).await.map_err(said)? {
            return Err(why);
        }
        let found = self.capture(&going.request.ticket, going.common_dir, &now, going.place).await;
        if found.map_err(|error| unrecorded(going.place, &error))? != *held {
            return Err(format!("something changed in {path} while it was being removed"));
        }
        let Err(error) = self.unregister(going.turn, going.common_dir, &now).await else { return Ok(()) };
        // A git that failed may have forgotten it before: put back, the files would belong to no repository.
        let known = find(going.request).await.map_err(said)?.is_some();
        if known { Err(said(error)) } else { Ok(()) }
    }

    /// Forgets a registration whose directory is gone, after its commits were put on a rescue ref, and returns that.
    pub(super) async fn forget(
        &self,
        turn: &Turn,
        request: &WorkspaceRequest,
        common_dir: &Path,
        gone: &Checkout,
    ) -> Result<String, SlotError> {
        if let Some(why) = foreign_lock(gone) {
            return Err(SlotError::new(ErrorClass::Conflict, format!("{}: {why}", request.path.display())));
        }
        let loose = self.loose_commits(&request.ticket, common_dir, gone).await?;
        let held = Captured { head: gone.head, files: None, staged: None, loose };
        let kept_ref = self.rescue(request, common_dir, &held).await?;
        self.unregister(turn, common_dir, gone).await?;
        Ok(kept_ref)
    }

    /// Has git forget a worktree whose directory is gone. The lock goes with the registration, never before it.
    async fn unregister(&self, turn: &Turn, common_dir: &Path, gone: &Checkout) -> Result<(), SlotError> {
        point("worktree.remove")?;
        let words = ["worktree", "remove", "--force", "--force", "--"].map(AsRef::as_ref).into_iter();
        let remove = GitCall::write(words.chain([gone.path.as_os_str()])).limit(CHECKOUT_LIMIT).holding(turn);
        self.git.text(&Place::repository(common_dir), &remove).await?;
        point("worktree.removed")
    }

    /// Puts what a checkout holds on the ticket's rescue ref and returns the ref's name. A rescue ref of other work
    /// stays; the next free one is taken.
    pub(super) async fn rescue(
        &self,
        request: &WorkspaceRequest,
        common_dir: &Path,
        held: &Captured,
    ) -> Result<String, SlotError> {
        let at = Place::repository(common_dir);
        let tip = match (held.head, held.files, held.staged, held.loose.as_slice()) {
            (None, None, None, []) => return Ok(format!("refs/heads/{}", request.branch)),
            (Some(head), None, None, []) => head,
            _ => self.record(&at, request, held).await?,
        };
        let asked = request.clone();
        let (name, old) = look(move || free_rescue_ref(&asked, tip)).await?;
        let (new, old) = (tip.to_string(), old.map_or(NO_COMMIT.to_owned(), |old| old.to_string()));
        point("rescue.ref")?;
        let update = ["update-ref", "-m", "aotui: before its worktree goes", &name, &new, &old];
        self.git.text(&at, &GitCall::write(update)).await?;
        Ok(name)
    }

    /// Records what is on no ref as a commit: its tree is the files, its parents are where they were, what was staged
    /// and what only this checkout knew.
    async fn record(&self, at: &Place, request: &WorkspaceRequest, held: &Captured) -> Result<ObjectId, SlotError> {
        let mut born = Born { tree: NO_FILES.to_owned(), date: "@0 +0000".to_owned() };
        if let Some(head) = held.head {
            let show = ["log", "-1", "--format=%T @%ct +0000", &head.to_string()].map(str::to_owned);
            let said = self.git.text(at, &GitCall::read(show)).await?;
            let bug = || SlotError::new(ErrorClass::Bug, format!("git log said `{}`", clean(&said)));
            let (tree, date) = said.split_once(' ').ok_or_else(bug)?;
            born = Born { tree: tree.to_owned(), date: date.to_owned() };
        }
        let mut parents: Vec<ObjectId> = held.head.into_iter().collect();
        if let Some(staged) = held.staged {
            let note = format!("aotui: what was staged in the worktree of {}\n", request.ticket);
            let index = Born { tree: staged.to_string(), date: born.date.clone() };
            parents.push(self.commit(at, &index, &parents, note).await?);
        }
        parents.extend(&held.loose);
        born.tree = held.files.map_or(born.tree, |files| files.to_string());
        let note = format!("aotui: what the worktree of {} held on no ref\n", request.ticket);
        self.commit(at, &born, &parents, note).await
    }

    async fn commit(&self, at: &Place, born: &Born, parents: &[ObjectId], note: String) -> Result<ObjectId, SlotError> {
        let parents = parents.iter().flat_map(|parent| ["-p".to_owned(), parent.to_string()]);
        let args = ["commit-tree".to_owned(), born.tree.clone()].into_iter().chain(parents);
        let mut call = GitCall::write(args.chain(["-F".to_owned(), "-".to_owned()])).stdin(note);
        for who in ["AUTHOR", "COMMITTER"] {
            call = call.env(&format!("GIT_{who}_NAME"), "aotui").env(&format!("GIT_{who}_EMAIL"), "aotui@localhost");
            call = call.env(&format!("GIT_{who}_DATE"), &born.date);
        }
        let said = self.git.text(at, &call).await?;
        let bug = |_| SlotError::new(ErrorClass::Bug, format!("git commit-tree said `{}`", clean(&said)));
        ObjectId::from_hex(said.as_bytes()).map_err(bug)
    }
}

/// The tree of a commit, and a date that is the same each time, so that recording the same twice gives one commit.
struct Born {
    tree: String,
    date: String,
}

/// A worktree that was moved aside.
struct Going<'a> {
    turn: &'a Turn,
    common_dir: &'a Path,
    request: &'a WorkspaceRequest,
    there: &'a Checkout,
    place: &'a Path,
}

impl Going<'_> {
    /// Puts the worktree back to where it was and returns why it stays.
    fn put_back(&self, why: String) -> Result<String, SlotError> {
        aside::rename(self.place, &self.there.path).map_err(|error| {
            let (place, path) = (self.place.display(), self.there.path.display());
            let words = format!("{why}; it is at {place} and cannot be put back to {path}: {error}");
            SlotError::new(ErrorClass::Conflict, words)
        })?;
        Ok(why)
    }
}

/// Waits a moment for processes that are about to leave a worktree: a commit starts one that tidies up behind it.
async fn until_left(path: &Path) -> Result<(), SlotError> {
    let patience = Instant::now() + LEAVING;
    loop {
        let asked = path.to_owned();
        let user = look(move || Ok(who::inside(&asked))).await?;
        if user.is_none() || Instant::now() > patience {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn delete(place: PathBuf, kept_ref: String) -> Result<Removal, SlotError> {
    point("worktree.delete")?;
    let shown = place.display().to_string();
    let deleted = look(move || Ok(aside::delete(&place))).await?;
    Ok(match deleted {
        Ok(()) => Removal::Removed { kept_ref },
        Err(error) => Removal::Kept { why: format!("{shown} cannot be deleted: {error}; its work is on {kept_ref}") },
    })
}

/// Finishes or undoes what a removal that was killed left.
pub(super) async fn settle(request: &WorkspaceRequest, common_dir: &Path) -> Result<(), SlotError> {
    let (path, common_dir) = (real(&request.path), common_dir.to_owned());
    look(move || {
        aside::settle(&path, &common_dir).map_err(|error| {
            let (place, path) = (aside::place(&path), path.display());
            let words = format!("{} is what a removal of {path} left, and stays: {error}", place.display());
            SlotError::new(ErrorClass::Conflict, words)
        })
    })
    .await
}

pub(super) async fn find(request: &WorkspaceRequest) -> Result<Option<Checkout>, SlotError> {
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
        let names = [rescue_ref(&request.ticket, 1), format!("refs/heads/{}", request.branch)];
        for name in names {
            if repo.commit(&name)?.is_some() {
                return Ok(Removal::Removed { kept_ref: name });
            }
        }
        Err(SlotError::new(ErrorClass::NotFound, format!("there is neither a worktree {path} nor a branch of it")))
    })
    .await
}

/// Says what keeps a checkout whose files are at `files` now from going; `None` where nothing does.
pub(super) async fn reason_to_keep(there: &Checkout, files: &Path) -> Result<Option<String>, SlotError> {
    let path = there.path.display();
    if there.main {
        return Ok(Some(format!("{path} is the repository's own checkout")));
    }
    if let Some(why) = foreign_lock(there) {
        return Ok(Some(why));
    }
    match (there.state, files == there.path) {
        (CheckoutState::Gone, true) => return Ok(None),
        (CheckoutState::Foreign, true) => {
            return Ok(Some(format!("{path} is not a working tree of this repository")));
        }
        (CheckoutState::Whole, true) | (CheckoutState::Gone, false) => {}
        (CheckoutState::Whole | CheckoutState::Foreign, false) => {
            return Ok(Some(format!("something new came to {path}")));
        }
    }
    let files = files.to_owned();
    look(move || {
        if let Some(mount) = who::mount_inside(&files) {
            return Ok(Some(format!("a file system is mounted at {}", mount.display())));
        }
        Ok(who::inside(&files).map(|user| format!("{user} works in {}", files.display())))
    })
    .await
}

fn unrecorded(path: &Path, error: &GitError) -> String {
    format!("what is in {} cannot be put on a ref: {error}", path.display())
}

/// Returns the name of the ticket's `n`-th rescue ref, from 1.
pub(super) fn rescue_ref(ticket: &TicketKey, n: u32) -> String {
    let base = format!("refs/aotui/rescue/{}/{}", ticket.plan, ticket.ticket);
    // `@` is not allowed in ids, so this is never another ticket's ref.
    if n == 1 { base } else { format!("{base}@{n}") }
}

/// Returns the first rescue ref that can move to `tip` without losing what it holds, and what it holds now.
fn free_rescue_ref(request: &WorkspaceRequest, tip: ObjectId) -> Result<(String, Option<ObjectId>), SlotError> {
    let repo = Repository::open(&request.repo)?;
    for n in 1.. {
        let name = rescue_ref(&request.ticket, n);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_that_leaves_in_a_moment_is_waited_for_and_one_that_stays_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let open = std::fs::File::create(dir.path().join("file")).unwrap();
        let begun = Instant::now();
        let leaving = async {
            sleep(LEAVING / 4).await;
            drop(open);
        };
        let (left, ()) = tokio::join!(until_left(dir.path()), leaving);
        left.unwrap();
        assert!((LEAVING / 4..LEAVING).contains(&begun.elapsed()), "{:?}", begun.elapsed());

        let _stays = std::fs::File::open(dir.path().join("file")).unwrap();
        let begun = Instant::now();
        until_left(dir.path()).await.unwrap();
        assert!(begun.elapsed() >= LEAVING);
    }
}
