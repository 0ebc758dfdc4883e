//! Files that are either the old or the new content, never something between.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::faults;

/// Largest state file that is read, in bytes; more is not one of ours.
const MAX_FILE: u64 = 16 << 20;

/// Makes a directory and its parents for the user alone (0700).
pub(super) fn create_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Replaces the file's content atomically and durably. The directory is not synced: see [`sync_dir`].
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut temp = tempfile::Builder::new().prefix(".aotui-").tempfile_in(dir)?;
    faults::write_all("snapshot.write", &mut temp, content)?;
    faults::point("snapshot.sync")?;
    temp.as_file().sync_data()?;
    faults::point("snapshot.rename")?;
    temp.persist(path).map_err(|error| error.error)?;
    faults::point("snapshot.renamed")
}

/// Makes renames in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Reads a whole text file that must be a regular one of sensible size. A link or a pipe put in its place is refused.
pub(super) fn read_regular(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read_bounded(path, MAX_FILE)?).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "is not text"))
}

/// Reads a whole regular file of at most so many bytes.
pub(super) fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > most {
        let message = format!("is not a regular file of at most {} MiB", most >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default() + 1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
