//! Which processes are at work in a place, as far as `/proc` tells: those of other users show less, other systems
//! show nothing. Only ever used to keep something or to name someone, never to choose whom to signal.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Returns a process that works in `dir`: its working directory, its root or a file it has open is there.
pub(super) fn inside(dir: &Path) -> Option<String> {
    let lives = |process: &Path| {
        let places = [process.join("cwd"), process.join("root")];
        places.iter().any(|link| leads_into(link, dir)) || opened(process).any(|file| file.starts_with(dir))
    };
    processes().find(|process| lives(process)).map(|process| named(&process))
}

/// Returns a process that has `file` open.
pub(super) fn opener(file: &Path) -> Option<String> {
    processes().find(|process| opened(process).any(|open| open == file)).map(|process| named(&process))
}

/// Returns a git that works on `path`: it was told so by an argument or a variable, or is in it.
pub(super) fn git_at(path: &Path) -> Option<String> {
    let is_git = |process: &PathBuf| fs::read(process.join("comm")).is_ok_and(|name| name.starts_with(b"git"));
    let works_there = |process: &PathBuf| {
        let told = ["cmdline", "environ"].iter().filter_map(|file| fs::read(process.join(file)).ok());
        leads_into(&process.join("cwd"), path) || told.into_iter().any(|words| names(&words, path))
    };
    processes().filter(is_git).find(works_there).map(|process| named(&process))
}

/// Returns where the file systems below `dir` are mounted, itself included.
pub(super) fn mount_inside(dir: &Path) -> Option<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").ok()?;
    let points = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(unescaped).find(|point| point.starts_with(dir))
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().as_bytes().iter().all(u8::is_ascii_digit)).map(|entry| entry.path())
}

fn opened(process: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok())
}

fn leads_into(link: &Path, dir: &Path) -> bool {
    fs::read_link(link).is_ok_and(|target| target.starts_with(dir))
}

/// Says whether one of `words`, which end with zero bytes, is `path`, is below it, or sets a variable to it.
fn names(words: &[u8], path: &Path) -> bool {
    words.split(|byte| *byte == 0).any(|word| {
        let value = word.iter().position(|byte| *byte == b'=').map_or(word, |at| &word[at + 1..]);
        [word, value].iter().any(|word| Path::new(std::ffi::OsStr::from_bytes(word)).starts_with(path))
    })
}

/// Returns a process as a person knows it: `process 7 (git commit -m x)`.
fn named(process: &Path) -> String {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    let line = if words.is_empty() {
        fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned()
    } else {
        words.join(" ")
    };
    let pid = process.file_name().map(PathBuf::from).unwrap_or_default();
    format!("process {} ({})", pid.display(), super::clean(line))
}

/// Undoes the escapes of `/proc/self/mountinfo`: `\040` is a space.
fn unescaped(point: &[u8]) -> PathBuf {
    let mut path = Vec::new();
    let mut rest = point;
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                path.push(byte);
                rest = &after[3..];
            }
            None => {
                path.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(std::ffi::OsStr::from_bytes(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_among_arguments_and_variables_but_not_as_the_beginning_of_a_name() {
        let path = Path::new("/w/T-1");
        assert!(names(b"git\0worktree\0add\0/w/T-1\0b\0", path));
        assert!(names(b"HOME=/h\0GIT_WORK_TREE=/w/T-1\0", path));
        assert!(names(b"git\0add\0/w/T-1/src/a\0", path));
        assert!(!names(b"git\0worktree\0add\0/w/T-11\0", path));
    }

    #[test]
    fn mount_points_are_read_with_their_escapes() {
        assert_eq!(unescaped(br"/a\040b\134c"), Path::new(r"/a b\c"));
        assert_eq!(mount_inside(Path::new("/proc")), Some(PathBuf::from("/proc")));
        assert_eq!(mount_inside(tempfile::tempdir().unwrap().path()), None);
    }
}
