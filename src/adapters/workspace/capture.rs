//! Everything that is in a checkout and on no ref, as trees and commits of the repository.
//!
//! Owns looking and recording: what is staged, what is not, what is not even tracked (ignored files left out), and the
//! commits that only this checkout knows (a detached HEAD, an unfinished rebase, its own log). The checkout and its
//! index stay as they are; git works on a copy of the index.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::ObjectId;

use super::git::{GitCall, GitError, Place};
use super::prepare::CHECKOUT_LIMIT;
use super::remove::rescue_ref;
use super::repository::Checkout;
use super::{GitWorkspace, clean, look};
use crate::domain::ids::TicketKey;

/// The most that untracked files may weigh to be recorded, in bytes.
const MAX_UNTRACKED: u64 = 512 * 1024 * 1024;
/// The most commits that only one checkout knows.
const MAX_LOOSE: usize = 500;
/// Room for listings of large repositories, in bytes.
const LISTING: usize = 512 * 1024 * 1024;
/// How many file names are shown of those that are in the way.
const NAMES_SHOWN: usize = 3;
/// Files of a checkout's git directory that name commits: what an unfinished operation will need.
const HEADS: [&str; 14] = [
    "ORIG_HEAD",
    "MERGE_HEAD",
    "MERGE_AUTOSTASH",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "rebase-merge/orig-head",
    "rebase-merge/onto",
    "rebase-merge/stopped-sha",
    "rebase-merge/autostash",
    "rebase-apply/orig-head",
    "rebase-apply/onto",
    "rebase-apply/autostash",
    "sequencer/head",
];

/// What a checkout holds. Two looks at the same content are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Captured {
    /// What is checked out; `None` before the first commit.
    pub(super) head: Option<ObjectId>,
    /// The tree of its files, where they are not those of `head`.
    pub(super) files: Option<ObjectId>,
    /// The tree of what is staged, where it is neither that of `head` nor `files`.
    pub(super) staged: Option<ObjectId>,
    /// Commits that no ref reaches, newest first.
    pub(super) loose: Vec<ObjectId>,
}

/// One line of `git ls-files -v --stage -z`.
struct Tracked<'a> {
    tag: u8,
    mode: &'a [u8],
    path: &'a [u8],
}

impl GitWorkspace {
    /// Records what is in a checkout whose files are at `files` now, or says why that cannot be done.
    pub(super) async fn capture(
        &self,
        ticket: &TicketKey,
        common_dir: &Path,
        there: &Checkout,
        files: &Path,
    ) -> Result<Captured, GitError> {
        let place = Place::checkout(&there.git_dir, files);
        let loose = self.loose_commits(ticket, common_dir, there).await?;
        let head_tree = match there.head {
            Some(head) => Some(self.id(&place, &GitCall::read(["rev-parse", &format!("{head}^{{tree}}")])).await?),
            None => None,
        };
        let listing = self.git.bytes(&place, &GitCall::read(["ls-files", "-v", "--stage", "-z"]).room(LISTING)).await?;
        refuse_nested(&listing, files)?;
        let hidden = hidden(&listing, files);
        let status = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"];
        let status = GitCall::read(status.into_iter().chain(["--ignore-submodules=none"])).room(LISTING);
        if hidden.is_empty() && head_tree.is_some() && self.git.bytes(&place, &status).await?.is_empty() {
            return Ok(Captured { head: there.head, files: None, staged: None, loose });
        }
        let copy = Copy::of(&there.git_dir)?;
        let staged = self.git.run(&place, &copy.on(GitCall::write(["write-tree"]))).await?;
        // A conflict has no tree; both sides are in commits, and the files are recorded as they are.
        let staged = staged.status.success().then(|| id_in(&staged.stdout)).flatten();
        let tree = self.tree_of_files(&place, &copy, &hidden).await?;
        let differs = |tree: &ObjectId| Some(*tree) != head_tree;
        Ok(Captured {
            head: there.head,
            files: Some(tree).filter(differs),
            staged: staged.filter(|staged| differs(staged) && *staged != tree),
            loose,
        })
    }

    /// Returns the tree of all files of a checkout as they are now, ignored ones left out.
    pub(super) async fn tree_now(&self, there: &Checkout) -> Result<ObjectId, GitError> {
        let place = Place::checkout(&there.git_dir, &there.path);
        let listing = self.git.bytes(&place, &GitCall::read(["ls-files", "-v", "--stage", "-z"]).room(LISTING)).await?;
        refuse_nested(&listing, &there.path)?;
        let copy = Copy::of(&there.git_dir)?;
        self.tree_of_files(&place, &copy, &hidden(&listing, &there.path)).await
    }

    /// Records all files that are not ignored as a tree.
    async fn tree_of_files(&self, place: &Place, copy: &Copy, hidden: &[u8]) -> Result<ObjectId, GitError> {
        let others = copy.on(GitCall::read(["ls-files", "--others", "--exclude-standard", "-z"]).room(LISTING));
        let others = self.git.bytes(place, &others).await?;
        refuse_heavy(&others, place.files())?;
        if !hidden.is_empty() {
            for flag in ["--no-assume-unchanged", "--no-skip-worktree"] {
                let unhide = GitCall::write(["update-index", flag, "-z", "--stdin"]).stdin(hidden);
                self.git.text(place, &copy.on(unhide)).await?;
            }
        }
        let add = copy.on(GitCall::write(["add", "--all", "--sparse", "--", "."]).limit(CHECKOUT_LIMIT));
        self.git.text(place, &add).await?;
        let list = copy.on(GitCall::read(["ls-files", "-v", "--stage", "-z"]).room(LISTING));
        refuse_nested(&self.git.bytes(place, &list).await?, place.files())?;
        self.id(place, &copy.on(GitCall::write(["write-tree"]))).await
    }

    /// Returns the commits that this checkout names and that no ref of the repository reaches, the ticket's own rescue
    /// refs left out: what is on one shall be on the next too.
    pub(super) async fn loose_commits(
        &self,
        ticket: &TicketKey,
        common_dir: &Path,
        there: &Checkout,
    ) -> Result<Vec<ObjectId>, GitError> {
        let (git_dir, head) = (there.git_dir.clone(), there.head);
        let named = look(move || Ok(named_commits(&git_dir))).await.map_err(|error| refused(error.message))?;
        let named: Vec<String> = named.into_iter().filter(|id| Some(*id) != head).map(|id| id.to_string()).collect();
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let head = head.map(|head| format!("^{head}"));
        let input: String = named.iter().chain(&head).map(|line| format!("{line}\n")).collect();
        let own = rescue_ref(ticket, 1);
        let own = [format!("--exclude={own}"), format!("--exclude={own}@*"), "--glob=refs/aotui".to_owned()];
        let words = ["rev-list", "--ignore-missing", "--parents", "--stdin", "--not"];
        let kept = ["--branches", "--tags", "--remotes", "--glob=refs/stash"];
        let args = words.into_iter().chain(kept).chain(own.iter().map(String::as_str));
        let list = GitCall::read(args).stdin(input).room(LISTING);
        let listing = self.git.text(&Place::repository(common_dir), &list).await?;
        let tips = tips(&listing);
        if tips.len() > MAX_LOOSE {
            return Err(refused(format!("it knows {} lines of commits that are on no ref", tips.len())));
        }
        Ok(tips)
    }

    async fn id(&self, place: &Place, call: &GitCall) -> Result<ObjectId, GitError> {
        let text = self.git.text(place, call).await?;
        id_in(text.as_bytes()).ok_or_else(|| refused(format!("git said `{}` instead of an object", clean(text))))
    }
}

/// A copy of a checkout's index, removed when dropped.
struct Copy {
    dir: tempfile::TempDir,
}

impl Copy {
    fn of(git_dir: &Path) -> Result<Self, GitError> {
        let cannot = |error: std::io::Error| refused(format!("its index cannot be copied: {error}"));
        let dir = tempfile::tempdir().map_err(cannot)?;
        match fs::copy(git_dir.join("index"), dir.path().join("index")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot(error)),
            _ => Ok(Self { dir }),
        }
    }

    fn on(&self, call: GitCall) -> GitCall {
        call.env("GIT_INDEX_FILE", self.dir.path().join("index"))
    }
}

fn refused(message: String) -> GitError {
    GitError::Failed { message, contended: false }
}

fn id_in(text: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(text.trim_ascii()).ok()
}

/// Returns every commit that files of a checkout's git directory name.
fn named_commits(git_dir: &Path) -> Vec<ObjectId> {
    let mut found = Vec::new();
    let mut take = |text: &str| found.extend(text.split_ascii_whitespace().filter_map(|word| id_in(word.as_bytes())));
    for name in HEADS {
        take(&fs::read_to_string(git_dir.join(name)).unwrap_or_default());
    }
    for line in logged(git_dir) {
        line.iter().for_each(|id| take(id));
    }
    let mut dirs = vec![git_dir.join("refs")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => dirs.push(entry.path()),
                Ok(kind) if kind.is_file() => take(&fs::read_to_string(entry.path()).unwrap_or_default()),
                _ => {}
            }
        }
    }
    found.retain(|id| !id.is_null());
    found.sort();
    found.dedup();
    found
}

/// Returns the commits before and after each move of HEAD, oldest first.
pub(super) fn logged(git_dir: &Path) -> Vec<[String; 2]> {
    let log = fs::read(git_dir.join("logs/HEAD")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let pairs = log.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some([words.next()?.to_owned(), words.next()?.to_owned()])
    });
    pairs.collect()
}

/// Returns the commits of a `rev-list --parents` listing that are no other's parent, in its order.
fn tips(listing: &str) -> Vec<ObjectId> {
    let lines = || listing.lines().filter_map(|line| line.split_once(' ').or(Some((line, ""))));
    let parents: std::collections::HashSet<&str> = lines().flat_map(|(_, parents)| parents.split(' ')).collect();
    lines().filter(|(id, _)| !parents.contains(id)).filter_map(|(id, _)| id_in(id.as_bytes())).collect()
}

fn tracked(listing: &[u8]) -> impl Iterator<Item = Tracked<'_>> {
    listing.split(|byte| *byte == 0).filter_map(|line| {
        let tab = line.iter().position(|byte| *byte == b'\t')?;
        let mut words = line[..tab].split(|byte| *byte == b' ');
        Some(Tracked { tag: *words.next()?.first()?, mode: words.next()?, path: &line[tab + 1..] })
    })
}

/// Returns the tracked files that git was told not to look at and that are there, each ended by a zero byte.
fn hidden(listing: &[u8], files: &Path) -> Vec<u8> {
    let mut paths = Vec::new();
    for file in tracked(listing) {
        let skipped = file.tag == b'S' && place_of(files, file.path).symlink_metadata().is_ok();
        if file.tag.is_ascii_lowercase() || skipped {
            paths.extend_from_slice(file.path);
            paths.push(0);
        }
    }
    paths
}

/// Refuses where a repository of its own lies within: its commits are not this repository's.
fn refuse_nested(listing: &[u8], files: &Path) -> Result<(), GitError> {
    let links = tracked(listing).filter(|file| file.mode == b"160000");
    let nested = links.map(|file| place_of(files, file.path)).find(|path| path.join(".git").symlink_metadata().is_ok());
    match nested {
        Some(path) => Err(refused(format!("{} is a repository of its own", path.display()))),
        None => Ok(()),
    }
}

fn refuse_heavy(others: &[u8], files: &Path) -> Result<(), GitError> {
    let names = || others.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let sizes = names().filter_map(|name| place_of(files, name).symlink_metadata().ok());
    let bytes: u64 = sizes.map(|found| found.len()).sum();
    if bytes <= MAX_UNTRACKED {
        return Ok(());
    }
    let shown: Vec<String> = names().take(NAMES_SHOWN).map(|name| clean(String::from_utf8_lossy(name))).collect();
    let (mib, count) = (bytes / 1024 / 1024, names().count());
    Err(refused(format!(
        "{count} untracked files weigh {mib} MiB ({}, …): commit, ignore or remove them",
        shown.join(", ")
    )))
}

fn place_of(files: &Path, name: &[u8]) -> PathBuf {
    files.join(std::ffi::OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ends_of_lines_of_commits_are_tips() {
        let [a, b, c] = ["a", "b", "c"].map(|c| c.repeat(40));
        assert_eq!(tips(&format!("{a} {b}\n{b}\n{c} {b}\n")), [&a, &c].map(|id| id_in(id.as_bytes()).unwrap()));
        assert!(tips("").is_empty());
    }

    #[test]
    fn names_with_spaces_and_tabs_are_read_as_they_are() {
        let listing = b"H 100644 abc 0\ta b\tc\0h 160000 abc 0\tsub\0";
        let files: Vec<_> = tracked(listing).map(|file| (file.tag, file.mode, file.path)).collect();
        assert_eq!(files, [(b'H', &b"100644"[..], &b"a b\tc"[..]), (b'h', b"160000", b"sub")]);
    }
}
