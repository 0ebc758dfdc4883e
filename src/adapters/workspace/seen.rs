//! What the configuration of a repository was, and from which bytes: half of all git processes only list it.
//!
//! Owns the comparison. An agent can write the files at any time, so a listing counts only while every file it can have
//! come from has the same bytes. Must not be used where one of them includes others.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::OFlags;

use super::look;

/// The largest file that is compared, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// How many places are remembered.
const MAX_PLACES: usize = 512;

/// A git directory and its files.
type Key = (PathBuf, Option<PathBuf>);

/// What was listed, and from what.
type Listed = (Fingerprint, Arc<Vec<u8>>);

/// What was listed, by place.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<Key, Listed>>);

/// The files a configuration can come from and what they hold, as one hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    files: Vec<PathBuf>,
    /// `None` where a file cannot be compared.
    hash: Option<blake3::Hash>,
}

impl Seen {
    /// Returns what was listed in a place, unless a file it came from is not what it was.
    pub(super) async fn listing(&self, key: &Key) -> Option<Arc<Vec<u8>>> {
        let (then, listing) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key)?.clone();
        let files = then.files.clone();
        let hash = look(move || Ok(hash(&files))).await.ok().flatten()?;
        (then.hash == Some(hash)).then_some(listing)
    }

    /// Remembers a listing that was made after its files were looked at.
    pub(super) fn keep(&self, key: Key, fingerprint: Fingerprint, listing: Arc<Vec<u8>>) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= MAX_PLACES {
            places.clear();
        }
        places.insert(key, (fingerprint, listing));
    }
}

impl Fingerprint {
    /// Looks at the files that configure the git directory in the environment `env`.
    pub(super) async fn of(git_dir: &Path, env: &[(OsString, OsString)]) -> Self {
        let files = files(git_dir, env);
        let looked = files.clone();
        Self { hash: look(move || Ok(hash(&looked))).await.ok().flatten(), files }
    }
}

/// Returns the files git reads its configuration from, there or not, and the one that says where the others are.
fn files(git_dir: &Path, env: &[(OsString, OsString)]) -> Vec<PathBuf> {
    let pointer = git_dir.join("commondir");
    let common = fs::read_to_string(&pointer).map_or(git_dir.to_owned(), |to| git_dir.join(to.trim()));
    let mut files = vec![pointer, common.join("config"), git_dir.join("config.worktree"), "/etc/gitconfig".into()];
    for (name, value) in env {
        let value = Path::new(value);
        match name.to_str() {
            Some("GIT_CONFIG_GLOBAL" | "GIT_CONFIG_SYSTEM") => files.push(value.to_owned()),
            Some("HOME") => files.extend([value.join(".gitconfig"), value.join(".config/git/config")]),
            Some("XDG_CONFIG_HOME") => files.push(value.join("git/config")),
            _ => {}
        }
    }
    files
}

/// Returns one hash of all files, those that are missing included; `None` where one is no plain file of sensible size.
fn hash(files: &[PathBuf]) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    for path in files {
        // Nothing may keep this from returning, a pipe in the place of the file least of all.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let bytes = match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => read(file)?,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                hasher.update(b"-");
                continue;
            }
            Err(_) => return None,
        };
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Some(hasher.finalize())
}

fn read(file: File) -> Option<Vec<u8>> {
    if !file.metadata().is_ok_and(|found| found.is_file() && found.len() <= MAX_FILE) {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAX_FILE).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listing_counts_until_one_byte_of_its_files_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (seen, key) = (Seen::default(), (dir.path().to_owned(), None));
        let (config, own) = (dir.path().join("config"), dir.path().join("config.worktree"));
        fs::write(&config, "[a]\nb = 1\n").unwrap();
        for change in [(&config, "[a]\nb = 2\n"), (&own, "[c]\nd = 1\n")] {
            let before = Fingerprint::of(dir.path(), &[]).await;
            seen.keep(key.clone(), before, Arc::new(b"listing".to_vec()));
            assert!(seen.listing(&key).await.is_some());
            fs::write(change.0, change.1).unwrap();
            assert!(seen.listing(&key).await.is_none(), "{}", change.0.display());
        }
    }

    #[tokio::test]
    async fn what_is_no_plain_file_is_looked_at_by_git_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let (seen, key) = (Seen::default(), (dir.path().to_owned(), None));
        fs::create_dir(dir.path().join("config")).unwrap();
        let before = Fingerprint::of(dir.path(), &[]).await;
        seen.keep(key.clone(), before, Arc::new(Vec::new()));
        assert!(seen.listing(&key).await.is_none());
    }
}
