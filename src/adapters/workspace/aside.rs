//! Moving a worktree aside before it is deleted, so that nothing opens a file in it by its name any more while it is
//! looked at for the last time.
//!
//! Owns what a kill in between leaves: as long as git still knows the worktree it is put back, and once git does not,
//! everything in it is on a ref and the deletion is finished. Deleting never follows a symbolic link: the standard
//! library opens each directory by its parent's descriptor without following (`openat`, `O_NOFOLLOW`, `unlinkat`), and
//! the way to the worktree itself is one of real directories. It would enter mounted file systems, so the caller makes
//! sure that there are none.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::repository::real;

/// What the name of a worktree that is about to go ends with; it begins with a dot.
const LEAVING: &str = ".leaving";

/// Returns where the worktree at `path` goes before it is deleted.
pub(super) fn place(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(LEAVING);
    path.with_file_name(name)
}

/// Returns which worktree is aside at `path`; `None` where that is no such place.
pub(super) fn origin(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(LEAVING)?;
    (!name.is_empty()).then(|| path.with_file_name(name))
}

/// Renames a directory unless something is at the other place.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// Puts back the worktree of `path`, or finishes its deletion, where an earlier removal was killed. Something else in
/// that place is left alone.
pub(super) fn settle(path: &Path, common_dir: &Path) -> io::Result<()> {
    let aside = place(path);
    match registration(&aside, common_dir) {
        Some(known) if is_for(&known, path) => rename(&aside, path),
        // Git forgets a worktree file by file; without this one it does not know it any more.
        Some(unknown) if !unknown.join("gitdir").exists() => delete(&aside),
        Some(_) => Ok(()),
        None => {
            // Goes only where it is empty: then only the last step of a deletion was left.
            let _not_ours = fs::remove_dir(&aside);
            Ok(())
        }
    }
}

/// Deletes a worktree that git does not know any more. What says that it was one goes last.
pub(super) fn delete(aside: &Path) -> io::Result<()> {
    for entry in fs::read_dir(aside)? {
        let entry = entry?;
        if entry.file_name() == ".git" {
            continue;
        }
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    fs::remove_file(aside.join(".git"))?;
    fs::remove_dir(aside)
}

/// Returns the registration in the repository that the worktree at `path` points to, there or not.
pub(super) fn registration(path: &Path, common_dir: &Path) -> Option<PathBuf> {
    link_target(path).filter(|target| target.parent() == Some(&common_dir.join("worktrees")))
}

/// Returns the git directory of the repository that the worktree at `path` says it is of.
pub(super) fn repository(path: &Path) -> Option<PathBuf> {
    let worktrees = link_target(path)?.parent()?.to_path_buf();
    worktrees.parent().filter(|_| worktrees.ends_with("worktrees")).map(Path::to_path_buf)
}

fn link_target(path: &Path) -> Option<PathBuf> {
    let link = path.join(".git");
    if !link.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() < 8192) {
        return None;
    }
    let text = fs::read_to_string(&link).ok()?;
    Some(real(&path.join(text.strip_prefix("gitdir:")?.trim())))
}

/// Says whether a registration is that of the worktree at `path`.
pub(super) fn is_for(registration: &Path, path: &Path) -> bool {
    let back = fs::read_to_string(registration.join("gitdir")).unwrap_or_default();
    !back.trim().is_empty() && real(&registration.join(back.trim())) == path.join(".git")
}
