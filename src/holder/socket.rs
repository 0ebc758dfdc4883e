//! The socket of one holder.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::runtime_dir::socket_path;

/// Opens the socket of the session in `session_dir`. Only its holder, who has the lock, may call this.
pub(super) fn listen(session_dir: &Path) -> io::Result<(UnixListener, PathBuf)> {
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let path = socket_path(session_dir, "sock", runtime_dir.as_deref())?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok((listener, path))
}
