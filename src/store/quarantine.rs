//! Damaged files are put aside, not thrown away: `NAME.corrupt-TIME` beside where they were, a few of each name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Damaged files of one name that are kept.
const KEPT: usize = 5;

/// Renames a damaged file and returns what it is called now.
pub(super) fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = free_name(path);
    fs::rename(path, &aside)?;
    forget_oldest(path);
    Ok(aside)
}

/// Keeps a damaged part of a file and returns what it is called.
pub(super) fn keep_part(path: &Path, part: &[u8]) -> io::Result<PathBuf> {
    let aside = free_name(path);
    super::files::replace(&aside, part)?;
    forget_oldest(path);
    Ok(aside)
}

fn free_name(path: &Path) -> PathBuf {
    loop {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ").to_string();
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".corrupt-{time}"));
        if !Path::new(&name).exists() {
            return name.into();
        }
    }
}

fn forget_oldest(path: &Path) {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return };
    let start = format!("{}.corrupt-", name.to_string_lossy());
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut kept: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&start))
        .map(|entry| entry.path())
        .collect();
    kept.sort();
    for old in kept.iter().rev().skip(KEPT) {
        if let Err(error) = fs::remove_file(old) {
            tracing::warn!("{} cannot be removed: {error}", old.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damaged_file_is_kept_under_a_name_of_its_own_and_only_the_newest_few() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("A.json");
        let aside: Vec<PathBuf> = (0..8)
            .map(|n| {
                fs::write(&path, format!("{n}")).unwrap();
                put_aside(&path).unwrap()
            })
            .collect();
        assert!(!path.exists());
        let there: Vec<String> = aside.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
        assert_eq!(there, ["3", "4", "5", "6", "7"]);
    }
}
