//! Which repository a directory is in.

use std::path::{Path, PathBuf};

use super::exit::Failure;

/// Returns the root of the repository that `dir` is in, links resolved; `None` where it is in none.
pub fn repository_of(dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().ok()?;
    let root = dir.ancestors().find(|dir| is_root(dir))?;
    Some(root.to_path_buf())
}

/// Returns the root of the repository that `dir` is in, or says what to do.
pub fn needed_repository(dir: &Path) -> Result<PathBuf, Failure> {
    repository_of(dir).ok_or_else(|| {
        Failure::usage(format!("`{}` is not in a git repository", dir.display()))
            .hint("change into one, or make one with `git init`")
    })
}

/// Whether a directory is a checkout's root or a bare repository.
fn is_root(dir: &Path) -> bool {
    let bare = || dir.join("HEAD").is_file() && dir.join("objects").is_dir() && dir.join("refs").is_dir();
    dir.join(".git").exists() || (dir.file_name().is_none_or(|name| name != ".git") && bare())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_found_from_anywhere_within() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("shop/.git")).unwrap();
        std::fs::create_dir_all(root.join("shop/src/deep")).unwrap();
        assert_eq!(repository_of(&root.join("shop/src/deep")), Some(root.join("shop")));
        assert_eq!(repository_of(&root.join("nowhere")), None);
        assert!(needed_repository(&root).unwrap_err().to_string().contains("is not in a git repository"));
    }
}
