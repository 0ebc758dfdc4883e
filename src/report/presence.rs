//! Whether the process that asks still waits: it holds a named pipe open, `answers/<request>.asker` in the session's
//! directory, and the system closes it whatever way the process ends.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::domain::ids::RequestId;

/// Shows that this process waits for an answer, for as long as the file is open.
pub(super) fn show(session_dir: &Path, request: &RequestId) -> io::Result<File> {
    let path = path_of(session_dir, request);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // Opened for both, so that nobody has to listen yet.
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(&path, flags, Mode::empty())?))
}

/// Opens the pipe of a process that asks. Reading it ends when the process does; `None` where none was made.
pub fn listen(session_dir: &Path, request: &RequestId) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path_of(session_dir, request), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(file).filter(|file| file.metadata().is_ok_and(|meta| meta.file_type().is_fifo())))
}

/// Removes the pipe of a process that is gone.
pub fn forget(session_dir: &Path, request: &RequestId) {
    let _gone_already = fs::remove_file(path_of(session_dir, request));
}

fn path_of(session_dir: &Path, request: &RequestId) -> PathBuf {
    session_dir.join("answers").join(format!("{request}.asker"))
}
