//! How much something takes on disk, and since when nothing happened to it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes per block as file systems count them.
const BLOCK: u64 = 512;

/// Returns what a file or directory with all that is in it takes, in bytes. Links are not followed.
pub(super) fn bytes(path: &Path) -> u64 {
    let Ok(found) = fs::symlink_metadata(path) else { return 0 };
    let own = found.blocks().saturating_mul(BLOCK);
    if !found.is_dir() {
        return own;
    }
    let mut sum = own;
    let mut dirs = vec![path.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            sum = sum.saturating_add(found.blocks().saturating_mul(BLOCK));
            if found.is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    sum
}

/// Returns how many seconds ago a file, or what is right in a directory, was changed last; `None` where that cannot be
/// known.
pub(super) fn age(path: &Path) -> Option<u64> {
    let changed = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
    let within = fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| changed(&entry.path()));
    let last = within.chain(changed(path)).max()?;
    Some(last.elapsed().unwrap_or_default().as_secs())
}
