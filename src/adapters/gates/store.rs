//! The store of artifacts: each content once, by its hash, below a directory of the ticket.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::domain::gate::Made;
use crate::domain::leaves::{Artifact, Offered};

/// Largest artifact, in bytes: it is to be read by an agent.
pub(crate) const MAX_ARTIFACT: u64 = 4 * 1024 * 1024;

/// Takes the file `name` that a phase left in `dir` into the store; says what is wrong where it cannot be taken.
pub(super) fn take(dir: &Path, store: &Path, name: &str) -> io::Result<Result<Made, String>> {
    let path = dir.join(name);
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(Err("it is not there".to_owned())),
        Err(rustix::io::Errno::LOOP) => return Ok(Err("it is a symbolic link".to_owned())),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Ok(Err("it is no file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_ARTIFACT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_ARTIFACT {
        return Ok(Err(format!("it is larger than {} MiB, which nobody would read", MAX_ARTIFACT / 1024 / 1024)));
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Err("it is empty".to_owned()));
    }
    keep(store, name, &bytes).map(Ok)
}

/// Puts a content into the store.
pub(super) fn keep(store: &Path, name: &str, bytes: &[u8]) -> io::Result<Made> {
    let hash = blake3::hash(bytes).to_hex().to_string();
    let kept = store.join(&hash);
    if !kept.exists() {
        private_dir(store)?;
        let mut new = tempfile::NamedTempFile::new_in(store)?;
        new.write_all(bytes)?;
        new.as_file().sync_all()?;
        new.persist(&kept)?;
    }
    Ok(Made { name: name.to_owned(), hash, bytes: bytes.len() as u64 })
}

/// Returns the content of an artifact, if it is still what was taken.
pub fn content(store: &Path, artifact: &Artifact) -> io::Result<Vec<u8>> {
    let bytes = fs::read(store.join(&artifact.hash))?;
    if blake3::hash(&bytes).to_hex().as_str() != artifact.hash {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not what was kept: somebody changed it"));
    }
    Ok(bytes)
}

/// Lays the newest versions of the files that a phase reads into its directory; those that nobody left yet are not there, nor
/// are those that there is no room for.
pub(crate) fn lay_out(dir: &Path, store: &Path, reads: &[String], offered: &Offered) -> io::Result<()> {
    private_dir(dir)?;
    for (artifact, fits) in offered.read(reads) {
        if !fits {
            // An older version, which did fit, would be taken for the newest.
            clear(dir, &[artifact.name.as_str()])?;
            continue;
        }
        let mut new = tempfile::NamedTempFile::new_in(dir)?;
        new.write_all(&content(store, artifact)?)?;
        new.persist(dir.join(&artifact.name))?;
    }
    Ok(())
}

/// Removes what an earlier visit of the phase left in its directory.
pub(super) fn clear(dir: &Path, names: &[&str]) -> io::Result<()> {
    private_dir(dir)?;
    for name in names {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the directory of a ticket's artifacts.
pub fn store_of(artifacts_dir: &Path, plan: &str, ticket: &str) -> PathBuf {
    artifacts_dir.join(format!("{plan}~{ticket}"))
}

fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_for_its_size_does_not_leave_an_older_version_behind() {
        let root = tempfile::tempdir().unwrap();
        let (dir, store) = (root.path().join("work"), root.path().join("store"));
        let made = keep(&store, "a.md", b"old").unwrap();
        let artifact = |version: u32, bytes: u64| {
            let json = serde_json::json!({"name": made.name, "version": version, "hash": made.hash, "bytes": bytes,
                "phase": "x", "attempt": 1, "at": crate::domain::time::Timestamp(0)});
            serde_json::from_value::<Artifact>(json).unwrap()
        };
        let mut offered = Offered { artifacts: vec![artifact(1, 3)], ..Offered::default() };
        let reads = ["a.md".to_owned()];
        lay_out(&dir, &store, &reads, &offered).unwrap();
        assert_eq!(fs::read_to_string(dir.join("a.md")).unwrap(), "old");
        offered.artifacts.push(artifact(2, crate::domain::leaves::MAX_READ + 1));
        lay_out(&dir, &store, &reads, &offered).unwrap();
        assert!(!dir.join("a.md").exists());
    }

    #[test]
    fn only_a_file_with_something_in_it_is_taken_and_once() {
        let root = tempfile::tempdir().unwrap();
        let (dir, store) = (root.path().join("work"), root.path().join("store"));
        fs::create_dir(&dir).unwrap();
        let said = |name: &str| take(&dir, &store, name).unwrap().unwrap_err();
        assert_eq!(said("none"), "it is not there");
        fs::write(dir.join("empty"), " \n").unwrap();
        assert_eq!(said("empty"), "it is empty");
        std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
        assert_eq!(said("link"), "it is a symbolic link");
        fs::write(dir.join("big"), vec![b'x'; MAX_ARTIFACT as usize + 1]).unwrap();
        assert!(said("big").contains("larger than 4 MiB"));
        fs::write(dir.join("spec.md"), "do it").unwrap();
        let made = take(&dir, &store, "spec.md").unwrap().unwrap();
        assert_eq!(take(&dir, &store, "spec.md").unwrap().unwrap(), made);
        assert_eq!(fs::read_dir(&store).unwrap().count(), 1);
    }
}
