//! What a repository says about itself: branches, checkouts, history. Read with gix, which runs no program.
//!
//! Owns opening and naming things in a repository: every ref leaves here as an object id. Must never write.

use std::fs;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::bstr::ByteSlice;

use crate::slots::{ErrorClass, SlotError};

/// An open repository. Not kept: opened anew for each look, in a thread that may block.
pub(super) struct Repository {
    repo: gix::Repository,
    asked: PathBuf,
}

/// One place where a branch can be checked out.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    /// Its files; real path where they exist.
    pub(super) path: PathBuf,
    /// Its own git directory.
    pub(super) git_dir: PathBuf,
    /// The branch that is checked out, or that an unfinished rebase will go back to; `None` when detached.
    pub(super) branch: Option<String>,
    /// The commit that is checked out; `None` before the first one.
    pub(super) head: Option<ObjectId>,
    /// The operation a person or agent is in the middle of, in words.
    pub(super) unfinished: Option<&'static str>,
    /// Why it is locked; `None` when it is not.
    pub(super) locked: Option<String>,
    /// Whether the files are there and belong to this repository.
    pub(super) state: CheckoutState,
    /// Whether it is the repository's main checkout.
    pub(super) main: bool,
}

/// What is found where a checkout should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckoutState {
    /// A working tree that points back to its git directory.
    Whole,
    /// Nothing, or an empty directory.
    Gone,
    /// Something that does not point back.
    Foreign,
}

impl Repository {
    /// Opens the repository at exactly `path`; a repository further up does not count.
    pub(super) fn open(path: &Path) -> Result<Self, SlotError> {
        let wrong = |why: String| SlotError::new(ErrorClass::Misconfigured, why);
        if !path.is_dir() {
            let why = format!("{} is not a directory; a ticket's repository must be one", path.display());
            return Err(SlotError::new(ErrorClass::NotFound, why));
        }
        if !path.join(".git").exists() && !path.join("HEAD").exists() {
            return Err(wrong(format!("{} is not a git repository; run `git init` there", path.display())));
        }
        let open = |checked| gix::open::Options::default().bail_if_untrusted(checked).open(path);
        // The check of the owner also refuses every worktree whose directory is gone, so it is made here, once.
        let open = open(true)
            .and_then(|_| open(false))
            .map_err(|error| wrong(format!("{} cannot be read as a git repository: {error}", path.display())))?;
        Ok(Self { repo: open.to_thread_local(), asked: path.to_owned() })
    }

    /// Returns the git directory that all checkouts share, as a real path.
    pub(super) fn common_dir(&self) -> Result<PathBuf, SlotError> {
        fs::canonicalize(self.repo.common_dir()).map_err(|error| self.broken("its git directory", &error))
    }

    /// Returns the commit of a branch, or `None` where there is no such branch.
    pub(super) fn branch(&self, name: &str) -> Result<Option<ObjectId>, SlotError> {
        self.commit(&format!("refs/heads/{name}"))
    }

    /// Returns the commit that branch `name` of `origin` had when it was last fetched.
    pub(super) fn origin_branch(&self, name: &str) -> Result<Option<ObjectId>, SlotError> {
        self.commit(&format!("refs/remotes/origin/{name}"))
    }

    /// Returns the commit a full ref name leads to, or `None` where there is no such ref.
    pub(super) fn commit(&self, full_name: &str) -> Result<Option<ObjectId>, SlotError> {
        let found = self.repo.try_find_reference(full_name).map_err(|error| self.broken(full_name, &error))?;
        let Some(mut reference) = found else { return Ok(None) };
        let commit = reference.peel_to_commit().map_err(|error| self.broken(full_name, &error))?;
        Ok(Some(commit.id))
    }

    /// Returns the branch that tickets start from when nothing else is said: the one `origin` calls its default, else
    /// the one checked out here.
    pub(super) fn default_branch(&self) -> Result<Option<String>, SlotError> {
        let origin = self.repo.try_find_reference("refs/remotes/origin/HEAD");
        let origin = origin.map_err(|error| self.broken("refs/remotes/origin/HEAD", &error))?;
        let target = origin.and_then(|head| Some(head.target().try_name()?.as_bstr().to_string()));
        if let Some(name) = target.as_deref().and_then(|name| name.strip_prefix("refs/remotes/origin/")) {
            return Ok(Some(name.to_owned()));
        }
        Ok(branch_of(&self.repo))
    }

    /// Says whether there is a remote named `origin`.
    pub(super) fn has_origin(&self) -> bool {
        self.repo.config_snapshot().string("remote.origin.url").is_some()
    }

    /// Says whether there is any branch with a commit.
    pub(super) fn has_commits(&self) -> Result<bool, SlotError> {
        Ok(!self.names_under("refs/heads/")?.is_empty() || !self.names_under("refs/remotes/")?.is_empty())
    }

    /// Returns a branch that cannot exist beside `name`, because one would be a directory of the other.
    pub(super) fn clash(&self, name: &str) -> Result<Option<String>, SlotError> {
        for (at, _) in name.match_indices('/') {
            if self.branch(&name[..at])?.is_some() {
                return Ok(Some(name[..at].to_owned()));
            }
        }
        let below = self.names_under(&format!("refs/heads/{name}/"))?;
        Ok(below.first().map(|full| full.trim_start_matches("refs/heads/").to_owned()))
    }

    /// Returns the best common ancestor of two commits, or `None` where they share no history.
    pub(super) fn merge_base(&self, one: ObjectId, two: ObjectId) -> Result<Option<ObjectId>, SlotError> {
        let bases = self.repo.merge_bases_many(one, &[two]).map_err(|error| self.broken("its history", &error))?;
        Ok(bases.first().map(|id| id.detach()))
    }

    /// Says whether `old` is reachable from `new`; a commit reaches itself.
    pub(super) fn reaches(&self, new: ObjectId, old: ObjectId) -> Result<bool, SlotError> {
        Ok(self.merge_base(new, old)? == Some(old))
    }

    /// Says whether `commit` was ever the tip of the line that leads to `tip`: it is among its first parents.
    pub(super) fn is_on_first_parents(&self, tip: ObjectId, commit: ObjectId) -> Result<bool, SlotError> {
        let walk = self.repo.rev_walk([tip]).first_parent_only().all();
        for step in walk.map_err(|error| self.broken("its history", &error))? {
            if step.map_err(|error| self.broken("its history", &error))?.id == commit {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the tree of a commit.
    pub(super) fn tree(&self, commit: ObjectId) -> Result<ObjectId, SlotError> {
        let commit = self.repo.find_commit(commit).map_err(|error| self.broken("a commit", &error))?;
        Ok(commit.tree_id().map_err(|error| self.broken("a commit", &error))?.detach())
    }

    /// Says whether there is a commit of this full name.
    pub(super) fn has_commit(&self, id: &str) -> bool {
        ObjectId::from_hex(id.as_bytes()).is_ok_and(|id| self.repo.find_commit(id).is_ok())
    }

    /// Returns every checkout: the main one, if there is one, and the registered worktrees.
    pub(super) fn checkouts(&self) -> Result<Vec<Checkout>, SlotError> {
        let main = self.repo.main_repo().map_err(|error| self.broken("its main checkout", &error))?;
        let mut all = Vec::new();
        if let Some(path) = main.workdir() {
            let state = if path.is_dir() { CheckoutState::Whole } else { CheckoutState::Gone };
            all.push(checkout(&main, real(path), None, state, true));
        }
        for proxy in self.repo.worktrees().map_err(|error| self.broken("its worktrees", &error))? {
            let locked = proxy.is_locked().then(|| proxy.lock_reason().unwrap_or_default().to_string());
            let (Ok(path), git_dir) = (proxy.base(), proxy.git_dir().to_owned()) else { continue };
            let path = real(&path);
            let state = state_of(&path, &git_dir);
            // A broken worktree of someone else must not stop the others.
            if let Ok(repo) = proxy.into_repo_with_possibly_inaccessible_worktree() {
                all.push(checkout(&repo, path, locked, state, false));
            }
        }
        Ok(all)
    }

    fn names_under(&self, prefix: &str) -> Result<Vec<String>, SlotError> {
        let refs = self.repo.references().map_err(|error| self.broken("its refs", &error))?;
        // A prefix is refused where a part of it is a device name on Windows (`con`, `aux`), which git allows.
        let found = refs.prefixed(prefix).or_else(|_| refs.all()).map_err(|error| self.broken("its refs", &error))?;
        let names = found.filter_map(Result::ok).map(|name| name.name().as_bstr().to_string());
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    fn broken(&self, what: &str, error: &dyn std::fmt::Display) -> SlotError {
        let asked = self.asked.display();
        SlotError::new(ErrorClass::Misconfigured, format!("{asked}: {what} cannot be read: {error}; try `git fsck`"))
    }
}

/// Says why `name` cannot be a branch, by git's own rules.
pub(super) fn check_branch_name(name: &str) -> Result<(), SlotError> {
    let full = format!("refs/heads/{name}");
    let wrong = |why: String| {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        Err(SlotError::new(ErrorClass::Misconfigured, format!("`{shown}` cannot be a branch name: {why}")))
    };
    if name.starts_with('-') {
        return wrong("it starts with a dash".to_owned());
    }
    if name.is_empty() || name == "HEAD" {
        return wrong("git does not allow it".to_owned());
    }
    match gix::validate::reference::branch_name(full.as_bytes().as_bstr()) {
        Ok(_) => Ok(()),
        Err(error) => wrong(error.to_string()),
    }
}

/// Returns the real path where it exists, and otherwise the path with its deepest existing directory made real.
pub(super) fn real(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

fn checkout(
    repo: &gix::Repository,
    path: PathBuf,
    locked: Option<String>,
    state: CheckoutState,
    main: bool,
) -> Checkout {
    let git_dir = real(repo.git_dir());
    let branch = branch_of(repo).or_else(|| rebasing(&git_dir));
    let head = repo.head_id().ok().map(|id| id.detach());
    let unfinished = repo.state().as_ref().map(in_words);
    Checkout { path, git_dir, branch, head, unfinished, locked, state, main }
}

fn branch_of(repo: &gix::Repository) -> Option<String> {
    let name = repo.head_name().ok()??;
    Some(name.as_bstr().to_str().ok()?.strip_prefix("refs/heads/")?.to_owned())
}

/// Returns the branch an unfinished rebase will move.
fn rebasing(git_dir: &Path) -> Option<String> {
    let files = ["rebase-merge/head-name", "rebase-apply/head-name"];
    let name = files.iter().find_map(|file| fs::read_to_string(git_dir.join(file)).ok())?;
    Some(name.trim().strip_prefix("refs/heads/")?.to_owned())
}

fn state_of(path: &Path, git_dir: &Path) -> CheckoutState {
    if let Ok(link) = fs::read_to_string(path.join(".git")) {
        let target = link.strip_prefix("gitdir:").map(str::trim);
        let back = target.is_some_and(|target| real(&path.join(target)) == real(git_dir));
        return if back { CheckoutState::Whole } else { CheckoutState::Foreign };
    }
    let empty = fs::read_dir(path).map_or(!path.exists(), |mut entries| entries.next().is_none());
    if empty { CheckoutState::Gone } else { CheckoutState::Foreign }
}

fn in_words(state: &gix::state::InProgress) -> &'static str {
    use gix::state::InProgress as P;
    match state {
        P::ApplyMailbox => "applying patches",
        P::ApplyMailboxRebase | P::Rebase | P::RebaseInteractive => "a rebase",
        P::Bisect => "a bisect",
        P::CherryPick | P::CherryPickSequence => "a cherry-pick",
        P::Merge => "a merge",
        P::Revert | P::RevertSequence => "a revert",
    }
}
