//! Consent: which repositories' own files may be used. What a repository brings can run programs, so a person has to
//! agree once, and again whenever it changes. Never follows a symbolic link.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::yaml;
use crate::domain::problem::Problem;

/// Directory of a repository's own workflows, prompts and scripts.
pub const REPO_DIR: &str = ".aotui";

/// A repository's own defaults.
pub const REPO_FILE: &str = "aotui.yaml";

/// Most files a repository may bring.
const MAX_FILES: usize = 1000;

/// Most directories below one another.
const MAX_DEPTH: usize = 8;

/// Whether a repository's own files may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It brings none.
    Nothing,
    /// A person agreed to exactly these.
    Given,
    /// Nobody was asked yet.
    Missing,
    /// They are not what a person agreed to.
    Changed,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TrustFile {
    version: u32,
    repositories: BTreeMap<String, String>,
}

/// What people agreed to, kept in `trust.json` of the state directory.
#[derive(Debug, Clone)]
pub struct Consent {
    file: PathBuf,
}

impl Consent {
    /// Returns what is kept in `state_dir`.
    pub fn new(state_dir: &Path) -> Self {
        Self { file: state_dir.join("trust.json") }
    }

    /// Returns whether the repository's own files may be used as they are now.
    pub fn trust(&self, repo: &Path) -> Result<Trust, Problem> {
        let Some(now) = digest(repo)? else { return Ok(Trust::Nothing) };
        let known = self.read()?;
        Ok(match known.repositories.get(&key(repo)?) {
            Some(agreed) if *agreed == now => Trust::Given,
            Some(_) => Trust::Changed,
            None => Trust::Missing,
        })
    }

    /// Returns whether a person agreed to the repository's own files as they are now.
    pub fn is_trusted(&self, repo: &Path) -> bool {
        matches!(self.trust(repo), Ok(Trust::Given))
    }

    /// Agrees to the repository's own files as they are now and returns their digest; `None` where it brings none.
    pub fn give(&self, repo: &Path) -> Result<Option<String>, Problem> {
        let Some(now) = digest(repo)? else { return Ok(None) };
        let mut known = self.read()?;
        known.version = 1;
        known.repositories.insert(key(repo)?, now.clone());
        self.write(&known)?;
        Ok(Some(now))
    }

    /// Takes the agreement back; returns whether there was one.
    pub fn revoke(&self, repo: &Path) -> Result<bool, Problem> {
        let mut known = self.read()?;
        let was = known.repositories.remove(&key(repo)?).is_some();
        if was {
            self.write(&known)?;
        }
        Ok(was)
    }

    fn label(&self) -> String {
        self.file.display().to_string()
    }

    fn read(&self) -> Result<TrustFile, Problem> {
        match std::fs::symlink_metadata(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(TrustFile::default()),
            _ => {}
        }
        let text = yaml::read(&self.file, &self.label(), false)?;
        let known: TrustFile = serde_json::from_str(&text).map_err(|error| {
            let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Problem::in_file(self.label(), error.to_string())
                .at(place(error.line()), place(error.column()))
                .hint("repair it, or remove it and run `aotui trust` for your repositories again")
        })?;
        if known.version > 1 {
            return Err(Problem::in_file(self.label(), "it was written by a newer aotui").hint("update aotui"));
        }
        Ok(known)
    }

    fn write(&self, known: &TrustFile) -> Result<(), Problem> {
        let cannot = |error: &dyn std::fmt::Display| {
            Problem::in_file(self.label(), format!("the file cannot be written: {error}"))
        };
        let dir = self.file.parent().unwrap_or(Path::new("."));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| cannot(&error))?;
        let text = serde_json::to_string_pretty(known).map_err(|error| cannot(&error))?;
        // A temporary file is made with mode 0600.
        let mut new = tempfile::NamedTempFile::new_in(dir).map_err(|error| cannot(&error))?;
        new.write_all(text.as_bytes()).and_then(|()| new.write_all(b"\n")).map_err(|error| cannot(&error))?;
        new.as_file().sync_all().map_err(|error| cannot(&error))?;
        new.persist(&self.file).map_err(|error| cannot(&error))?;
        Ok(())
    }
}

/// Returns the name a repository is kept under: its real, absolute path.
fn key(repo: &Path) -> Result<String, Problem> {
    let cannot = |why: String| Problem::in_file(repo.display().to_string(), why);
    let real = repo.canonicalize().map_err(|error| cannot(format!("the repository cannot be found: {error}")))?;
    let text = real.to_str().map(str::to_owned);
    text.ok_or_else(|| cannot("the path of the repository is not UTF-8 text".to_owned()))
}

/// Returns the digest of everything the repository brings; `None` where that is nothing.
pub fn digest(repo: &Path) -> Result<Option<String>, Problem> {
    let mut files = Vec::new();
    for name in [REPO_FILE, REPO_DIR] {
        collect(&repo.join(name), name, 0, &mut files)?;
    }
    if files.is_empty() {
        return Ok(None);
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for (label, path) in &files {
        let text = yaml::read(path, label, false)?;
        // Lengths keep names and contents apart.
        for part in [label.as_str(), text.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&[u8::from(is_executable(path))]);
    }
    Ok(Some(hasher.finalize().to_hex().to_string()))
}

/// Returns whether anyone may execute the file.
pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

fn collect(path: &Path, label: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) -> Result<(), Problem> {
    let refuse = |why: &str| Err(Problem::in_file(label, why).hint("remove it; the repository's files are not used"));
    let kind = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta.file_type(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return refuse(&format!("it cannot be read: {error}")),
    };
    if kind.is_symlink() {
        return refuse("it is a symbolic link");
    }
    if kind.is_file() {
        if files.len() == MAX_FILES {
            return refuse("there are more than 1000 files");
        }
        files.push((label.to_owned(), path.to_path_buf()));
        return Ok(());
    }
    if !kind.is_dir() {
        return refuse("it is neither a file nor a directory");
    }
    if depth == MAX_DEPTH {
        return refuse("directories are nested too deeply");
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return refuse(&format!("it cannot be read: {error}")),
    };
    for entry in entries {
        let Ok(entry) = entry else { return refuse("it cannot be read") };
        let name = entry.file_name();
        let Some(name) = name.to_str() else { return refuse("a file name in it is not UTF-8 text") };
        collect(&entry.path(), &format!("{label}/{name}"), depth + 1, files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn repo() -> (tempfile::TempDir, PathBuf, Consent) {
        let dir = tempfile::tempdir().unwrap();
        let repo = dir.path().join("repo");
        fs::create_dir_all(repo.join(".aotui/scripts")).unwrap();
        let consent = Consent::new(&dir.path().join("state"));
        (dir, repo, consent)
    }

    #[test]
    fn consent_holds_for_exactly_what_was_seen() {
        let (_dir, repo, consent) = repo();
        assert_eq!(consent.trust(&repo).unwrap(), Trust::Nothing);
        assert_eq!(consent.give(&repo).unwrap(), None);
        let script = repo.join(".aotui/scripts/x.sh");
        fs::write(&script, "echo 1").unwrap();
        assert_eq!(consent.trust(&repo).unwrap(), Trust::Missing);
        consent.give(&repo).unwrap();
        assert!(consent.is_trusted(&repo));
        fs::write(&script, "echo 2").unwrap();
        assert_eq!(consent.trust(&repo).unwrap(), Trust::Changed);
        consent.give(&repo).unwrap();
        fs::write(repo.join("aotui.yaml"), "agent: x").unwrap();
        assert_eq!(consent.trust(&repo).unwrap(), Trust::Changed);
        consent.give(&repo).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(!consent.is_trusted(&repo));
        assert!(consent.revoke(&repo).unwrap());
        assert_eq!(consent.trust(&repo).unwrap(), Trust::Missing);
    }

    #[test]
    fn links_pipes_and_files_that_are_too_large_are_never_trusted() {
        let (_dir, repo, consent) = repo();
        symlink("/etc/passwd", repo.join(".aotui/scripts/x.sh")).unwrap();
        let problem = consent.give(&repo).unwrap_err().to_string();
        assert!(problem.starts_with(".aotui/scripts/x.sh: it is a symbolic link"), "{problem}");
        fs::remove_file(repo.join(".aotui/scripts/x.sh")).unwrap();
        fs::write(repo.join(".aotui/big.md"), "x".repeat(2 * 1024 * 1024)).unwrap();
        assert!(consent.give(&repo).unwrap_err().message.contains("larger than 1 MiB"));
        fs::remove_dir_all(repo.join(".aotui")).unwrap();
        symlink("/etc", repo.join(".aotui")).unwrap();
        assert!(consent.trust(&repo).is_err());
    }

    #[test]
    fn the_trust_file_is_private_and_a_broken_one_trusts_nobody() {
        let (_dir, repo, consent) = repo();
        fs::write(repo.join(".aotui/scripts/x.sh"), "echo 1").unwrap();
        consent.give(&repo).unwrap();
        assert_eq!(fs::metadata(&consent.file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&consent.file, "{\n\"version\": oops").unwrap();
        assert!(!consent.is_trusted(&repo));
        assert_eq!(consent.trust(&repo).unwrap_err().line, Some(2));
    }
}
