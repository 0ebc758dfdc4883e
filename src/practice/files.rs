//! Reading and writing inside the workspace, and nowhere else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::player::Halt;

/// Replaces the content of a file, making its directories.
pub(super) fn write(root: &Path, path: &str, text: &str) -> Result<(), Halt> {
    let target = inside(root, path)?;
    let made = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&target, text));
    made.map_err(|error| Halt::Failed(format!("cannot write {path}: {error}")))
}

/// Removes a file.
pub(super) fn remove(root: &Path, path: &str) -> Result<(), Halt> {
    fs::remove_file(inside(root, path)?).map_err(|error| Halt::Failed(format!("cannot remove {path}: {error}")))
}

/// Adds to the end of a file, making it where it is not there.
pub(super) fn append(root: &Path, path: &str, text: &str) -> Result<(), Halt> {
    let mut whole = read(root, path)?.unwrap_or_default();
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push('\n');
    }
    whole.push_str(text);
    write(root, path, &whole)
}

/// Returns a file's text; `None` where there is no such file.
pub(super) fn read(root: &Path, path: &str) -> Result<Option<String>, Halt> {
    match fs::read(inside(root, path)?) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Halt::Failed(format!("cannot read {path}: {error}"))),
    }
}

/// Returns where `path` is below `root`; refuses every path that leads out of it or into `.git`.
fn inside(root: &Path, path: &str) -> Result<PathBuf, Halt> {
    let refuse = |why: &str| Halt::Unplayable(format!("the path `{path}` is not allowed: {why}"));
    let mut target = root.to_path_buf();
    let mut parts = 0;
    for component in Path::new(path).components() {
        let Component::Normal(name) = component else {
            return Err(refuse("it must be relative and stay inside the workspace"));
        };
        if name.eq_ignore_ascii_case(".git") {
            return Err(refuse("it is git's own"));
        }
        target.push(name);
        parts += 1;
        if fs::symlink_metadata(&target).is_ok_and(|found| found.is_symlink()) {
            return Err(refuse("it leads over a symbolic link"));
        }
    }
    if parts == 0 {
        return Err(refuse("it is empty"));
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_story_cannot_write_outside_its_workspace() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), root.path().join("out")).unwrap();
        symlink(outside.path().join("f"), root.path().join("file")).unwrap();
        for path in ["../x", "/tmp/x", "a/../../x", "out/x", "file", ".git/config", "a/.GIT/x", "", "."] {
            assert!(matches!(write(root.path(), path, "x"), Err(Halt::Unplayable(_))), "{path} was written");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn appending_starts_on_a_line_of_its_own() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "a/b.txt", "one").unwrap();
        append(root.path(), "a/b.txt", "two\n").unwrap();
        assert_eq!(read(root.path(), "a/b.txt").unwrap().unwrap(), "one\ntwo\n");
        assert_eq!(read(root.path(), "none").unwrap(), None);
    }
}
