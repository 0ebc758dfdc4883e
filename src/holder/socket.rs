//! Where the sockets of holders are: a directory that belongs to the user alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Longest path a socket may have on every system we know, in bytes.
const MAX_PATH: usize = 100;

/// Opens the socket of the session in `session_dir`. Only its holder, who has the lock, may call this.
pub(super) fn listen(session_dir: &Path) -> io::Result<(UnixListener, PathBuf)> {
    let path = path_for(session_dir, std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok((listener, path))
}

fn path_for(session_dir: &Path, runtime_dir: Option<PathBuf>) -> io::Result<PathBuf> {
    let hash = blake3::hash(session_dir.as_os_str().as_bytes()).to_hex();
    let name = format!("{}.sock", hash.get(..16).unwrap_or_default());
    let own = runtime_dir.filter(|dir| dir.is_absolute()).map(|dir| dir.join("aotui"));
    if let Some(dir) = own
        && dir.join(&name).as_os_str().len() <= MAX_PATH
        && private_dir(&dir).is_ok()
    {
        return Ok(dir.join(name));
    }
    let dir = PathBuf::from(format!("/tmp/aotui-{}", rustix::process::getuid().as_raw()));
    private_dir(&dir)?;
    Ok(dir.join(name))
}

/// Makes sure that `dir` is a real directory of this user that nobody else can enter.
fn private_dir(dir: &Path) -> io::Result<()> {
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
    use super::*;

    #[test]
    fn a_runtime_directory_that_others_could_use_is_not_used() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("aotui");
        let session = Path::new("/state/sessions/a~b~1");
        assert!(path_for(session, Some(temp.path().into())).unwrap().starts_with(&dir));
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        assert!(private_dir(&dir).is_err());
        assert!(!path_for(session, Some(temp.path().into())).unwrap().starts_with(&dir));
        fs::remove_dir(&dir).unwrap();
        std::os::unix::fs::symlink(temp.path(), &dir).unwrap();
        assert!(private_dir(&dir).is_err());
    }

    #[test]
    fn a_long_runtime_directory_still_gives_a_short_socket() {
        let temp = tempfile::tempdir().unwrap();
        let long = temp.path().join("x".repeat(90));
        fs::create_dir(&long).unwrap();
        let path = path_for(Path::new("/s"), Some(long)).unwrap();
        assert!(path.as_os_str().len() <= MAX_PATH, "{}", path.display());
    }
}
