//! Where sockets are: in a directory that belongs to the user alone, under names short enough for every system.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Longest path a socket may have on every system we know, in bytes.
const MAX_PATH: usize = 100;

/// Returns the path of the socket that belongs to `owner`, an absolute path of a session or a state, and makes sure that
/// its directory is there. `runtime_dir` is `$XDG_RUNTIME_DIR`; without a usable one it is `/tmp/aotui-<uid>`.
pub fn socket_path(owner: &Path, extension: &str, runtime_dir: Option<&Path>) -> io::Result<PathBuf> {
    let hash = blake3::hash(owner.as_os_str().as_bytes()).to_hex();
    let name = format!("{}.{extension}", hash.get(..16).unwrap_or_default());
    if let Some(dir) = preferred(runtime_dir)
        && dir.join(&name).as_os_str().len() <= MAX_PATH
        && private_dir(&dir).is_ok()
    {
        return Ok(dir.join(name));
    }
    let dir = fallback();
    private_dir(&dir)?;
    Ok(dir.join(name))
}

/// Returns the directories in which sockets of this user can be, there or not.
pub fn places(runtime_dir: Option<&Path>) -> Vec<PathBuf> {
    preferred(runtime_dir).into_iter().chain([fallback()]).collect()
}

fn preferred(runtime_dir: Option<&Path>) -> Option<PathBuf> {
    runtime_dir.filter(|dir| dir.is_absolute()).map(|dir| dir.join("aotui"))
}

fn fallback() -> PathBuf {
    PathBuf::from(format!("/tmp/aotui-{}", rustix::process::getuid().as_raw()))
}

/// Makes sure that `dir` is a real directory of this user that nobody else can enter.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(dir)?;
    let own = metadata.uid() == rustix::process::getuid().as_raw();
    if metadata.is_dir() && own && metadata.mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!("`{}` is not a directory for this user alone (mode 0700): remove it", dir.display())))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn path_for(owner: &str, runtime_dir: &Path) -> PathBuf {
        socket_path(Path::new(owner), "sock", Some(runtime_dir)).unwrap()
    }

    #[test]
    fn a_runtime_directory_that_others_could_use_is_not_used() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("aotui");
        assert!(path_for("/state/sessions/a~b~1", temp.path()).starts_with(&dir));
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        assert!(private_dir(&dir).is_err());
        assert!(!path_for("/state/sessions/a~b~1", temp.path()).starts_with(&dir));
        fs::remove_dir(&dir).unwrap();
        std::os::unix::fs::symlink(temp.path(), &dir).unwrap();
        assert!(private_dir(&dir).is_err());
    }

    #[test]
    fn every_owner_has_its_own_socket_in_a_private_place() {
        let temp = tempfile::tempdir().unwrap();
        let (one, two) = (path_for("/state/one", temp.path()), path_for("/state/two", temp.path()));
        assert_ne!(one, two);
        assert_eq!(one, path_for("/state/one", temp.path()));
        assert_eq!(one.parent(), Some(temp.path().join("aotui").as_path()));
        assert_eq!(fs::metadata(temp.path().join("aotui")).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_long_runtime_directory_still_gives_a_short_socket() {
        let temp = tempfile::tempdir().unwrap();
        let long = temp.path().join("x".repeat(90));
        fs::create_dir(&long).unwrap();
        let path = path_for("/s", &long);
        assert!(path.as_os_str().len() <= MAX_PATH, "{}", path.display());
    }
}
