//! Repairing what is half there: what a kill between any two steps of making a worktree leaves, and what agents do to
//! the links between a worktree and its repository.
//!
//! Owns the proofs. A registration is taken back only where git had not begun to write files and nobody is at it; a link
//! is made again only where both sides are known to belong together; nothing that holds anyone's work is deleted.
//! Whatever is not proven is left as it is for [`super::prepare`] to refuse with one message.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::capture::logged;
use super::contention::LEFTOVER;
use super::git::{GitCall, Place};
use super::prepare::NO_COMMIT;
use super::remove::settle;
use super::repository::{Checkout, CheckoutState, Repository, real};
use super::{BEING_MADE, GitWorkspace, LOCKED_BY_US, aside, look, who};
use crate::slots::workspace::WorkspaceRequest;
use crate::slots::{ErrorClass, SlotError};

/// How long a git that an earlier engine started may take to finish what it makes.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it looks whether that git is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What has to be done by git after the links are right.
#[derive(Debug, Default)]
struct Left {
    /// The commit the ticket's branch has to be made at again.
    branch_at: Option<String>,
}

impl GitWorkspace {
    /// Repairs what can be proven about the worktree of `request`. Called while nobody else makes or removes one.
    pub(super) async fn mend(&self, request: &WorkspaceRequest, common_dir: &Path) -> Result<(), SlotError> {
        self.until_alone(request, common_dir).await?;
        settle(request, common_dir).await?;
        let (asked, common) = (request.clone(), common_dir.to_owned());
        let left = look(move || links(&asked, &common)).await?;
        if let Some(commit) = left.branch_at {
            let branch = format!("refs/heads/{}", request.branch);
            let note = "aotui: the branch was gone, its worktree was not";
            let create = GitCall::write(["update-ref", "--create-reflog", "-m", note, &branch, &commit, NO_COMMIT]);
            self.git.text(&Place::repository(common_dir), &create).await?;
        }
        Ok(())
    }

    /// Waits for a git that works in the ticket's place although the aotui that started it is gone.
    async fn until_alone(&self, request: &WorkspaceRequest, common_dir: &Path) -> Result<(), SlotError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let path = real(&request.path);
            let (common_dir, ours) = (common_dir.to_owned(), lock_of(request));
            // Once it has our lock its git is done, and an agent's own may run in it.
            let git = look(move || Ok(if has_lock(&common_dir, &path, &ours) { None } else { who::git_at(&path) }));
            let Some(git) = git.await? else { return Ok(()) };
            if Instant::now() > patience {
                let words = format!("{git} is still making {}: wait for it, or end it", request.path.display());
                return Err(SlotError::new(ErrorClass::Transient, words));
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

/// Returns the reason of the lock that a ticket's worktree has.
fn lock_of(request: &WorkspaceRequest) -> String {
    format!("{LOCKED_BY_US}{}", request.ticket)
}

/// Says whether a worktree at `path` is registered with this lock.
fn has_lock(common_dir: &Path, path: &Path, reason: &str) -> bool {
    registrations(common_dir, path).iter().any(|registration| lock_reason(registration).as_deref() == Some(reason))
}

/// Makes the links between the place and the repository whole, and says what is left to be done by git.
fn links(request: &WorkspaceRequest, common_dir: &Path) -> Result<Left, SlotError> {
    let path = real(&request.path);
    let failed = |error: io::Error| {
        SlotError::new(ErrorClass::Misconfigured, format!("{} cannot be repaired: {error}", path.display()))
    };
    for registration in registrations(common_dir, &path) {
        if is_being_made(&registration) && !registration.join("index").exists() && holds_only_a_link(&path) {
            take_back(&registration, &path).map_err(failed)?;
        }
    }
    let repo = Repository::open(&request.repo)?;
    if let Some(gone) = aside::registration(&path, common_dir).filter(|registration| !registration.exists()) {
        let elsewhere = repo.checkouts()?.iter().any(|other| other.branch.as_ref() == Some(&request.branch));
        if repo.branch(&request.branch)?.is_some() && !elsewhere {
            register(request, &gone, &path, common_dir).map_err(failed)?;
        }
    }
    let ours = lock_of(request);
    for there in repo.checkouts()?.into_iter().filter(|there| there.path == path && !there.main) {
        if there.state == CheckoutState::Foreign && there.locked.as_ref() == Some(&ours) {
            link(&path, &there.git_dir).map_err(failed)?;
        }
        if there.locked.as_ref() == Some(&ours) || is_being_made(&there.git_dir) {
            unlock_index(&there.git_dir, &path).map_err(failed)?;
        }
        if there.branch.as_ref() == Some(&request.branch) && repo.branch(&request.branch)?.is_none() {
            return Ok(Left { branch_at: last_known(&repo, &there)? });
        }
    }
    Ok(Left::default())
}

/// Returns the registrations of the repository that say they are for `path`, whole or not.
fn registrations(common_dir: &Path, path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(common_dir.join("worktrees")).into_iter().flatten().flatten();
    let all = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path());
    let pointed = aside::registration(path, common_dir);
    all.filter(|registration| aside::is_for(registration, path) || Some(registration) == pointed.as_ref()).collect()
}

fn lock_reason(registration: &Path) -> Option<String> {
    fs::read_to_string(registration.join("locked")).ok().map(|reason| reason.trim().to_owned())
}

fn is_being_made(registration: &Path) -> bool {
    lock_reason(registration).as_deref() == Some(BEING_MADE)
}

/// Says whether nothing is at `path`, or an empty directory, or one with nothing but the link of a worktree.
fn holds_only_a_link(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(entries) => entries
            .flatten()
            .all(|entry| entry.file_name() == ".git" && entry.file_type().is_ok_and(|kind| kind.is_file())),
        Err(_) => path.symlink_metadata().is_err(),
    }
}

/// Undoes what git did before it wrote the first file. The registration goes last: it says that this may be undone.
fn take_back(registration: &Path, path: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(fs::remove_file(path.join(".git")))?;
    gone(fs::remove_dir(path))?;
    fs::remove_dir_all(registration)
}

/// Registers a worktree again under the name it knows itself by. It appears at once or not at all.
fn register(request: &WorkspaceRequest, name: &Path, path: &Path, common_dir: &Path) -> io::Result<()> {
    let draft = tempfile::Builder::new().prefix("aotui-worktree-").tempdir_in(common_dir)?;
    let files = [
        ("HEAD", format!("ref: refs/heads/{}\n", request.branch)),
        ("commondir", "../..\n".to_owned()),
        ("gitdir", format!("{}\n", path.join(".git").display())),
        ("locked", format!("{}\n", lock_of(request))),
    ];
    for (file, text) in files {
        fs::write(draft.path().join(file), text)?;
    }
    let worktrees = name.parent().unwrap_or(common_dir);
    match DirBuilder::new().mode(0o777).create(worktrees) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    aside::rename(&draft.keep(), name)
}

/// Writes the link from a worktree to its registration, where nothing is in its place.
fn link(path: &Path, git_dir: &Path) -> io::Result<()> {
    if path.join(".git").symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path.join(".git"))?;
    file.write_all(format!("gitdir: {}\n", git_dir.display()).as_bytes())
}

/// Removes the lock on the index of a worktree of ours that no process is in and that is old, or older than anyone's
/// work there: whoever held it was killed.
pub(super) fn unlock_index(git_dir: &Path, path: &Path) -> io::Result<()> {
    let lock = git_dir.join("index.lock");
    let Ok(found) = lock.symlink_metadata() else { return Ok(()) };
    let age = found.modified().ok().and_then(|since| since.elapsed().ok()).unwrap_or_default();
    if age > LEFTOVER || is_being_made(git_dir) { remove_lock(&lock, path) } else { Ok(()) }
}

/// Frees the worktree of `request` of the locks of a git that was killed together with the session before.
pub(super) fn free(request: &WorkspaceRequest) -> Result<(), SlotError> {
    let repo = Repository::open(&request.repo)?;
    let (path, ours) = (real(&request.path), lock_of(request));
    let mut checkouts = repo.checkouts()?.into_iter();
    let there = checkouts.find(|there| there.path == path && there.locked.as_ref() == Some(&ours));
    let Some(there) = there else { return Ok(()) };
    let branch = repo.common_dir()?.join(format!("refs/heads/{}.lock", request.branch));
    for lock in [there.git_dir.join("index.lock"), there.git_dir.join("HEAD.lock"), branch] {
        remove_lock(&lock, &path).map_err(|error| {
            let words = format!("{} cannot be removed: {error}", lock.display());
            SlotError::new(ErrorClass::Misconfigured, words)
        })?;
    }
    Ok(())
}

/// Removes a lock of git's unless a process is in the worktree or has it open.
fn remove_lock(lock: &Path, path: &Path) -> io::Result<()> {
    let user = || who::inside(path).or_else(|| who::git_at(path)).or_else(|| who::opener(lock));
    if lock.symlink_metadata().is_err() || user().is_some() {
        return Ok(());
    }
    tracing::warn!(lock = %lock.display(), "removed the lock that a git left when it was killed");
    match fs::remove_file(lock) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the last commit that was checked out in a worktree, from its own log.
fn last_known(repo: &Repository, there: &Checkout) -> Result<Option<String>, SlotError> {
    let Some([_, last]) = logged(&there.git_dir).pop() else { return Ok(None) };
    Ok(repo.has_commit(&last).then_some(last))
}
