//! The directory of one session: what lies in it, and how it is written so that no reader sees half a file.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use super::record::{HolderRecord, ProcessRecord};
use crate::domain::time::Timestamp;
use crate::faults;
use crate::slots::runtime::{Exit, Launch};

/// How long a holder that finds the lock taken waits for the other one to say that it runs.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(2);

/// The part of a recording that was not kept, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Where it begins.
    pub from: u64,
    /// Where the recording goes on.
    pub to: u64,
}

/// The file that says which part of the recording was not kept.
const GAP: &str = "gap.json";

/// The file that whoever is attached has locked.
const ATTACHED: &str = "attached";

/// The file that says that the agent was given its first prompt.
const PROMPTED: &str = "prompted";

/// The directory of one session.
#[derive(Debug, Clone)]
pub struct SessionDir(PathBuf);

impl SessionDir {
    /// Names a session's directory; nothing is created.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the directory, for the user alone.
    pub fn create(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }

    /// Returns the path of the recording: the bytes the terminal got, in order. Its middle may be dropped (zeros): read
    /// it by [`Recording`](super::recording::Recording).
    pub fn output(&self) -> PathBuf {
        self.0.join("output.raw")
    }

    /// Returns the path of the recording's sidecar: a line `MILLIS TOTAL` per chunk, `MILLIS r COLSxROWS` per resize,
    /// `MILLIS g FROM-TO` when the bytes from FROM to TO were dropped. Its own middle may be dropped too (zeros).
    pub fn times(&self) -> PathBuf {
        self.0.join("output.times")
    }

    /// Returns which part of the recording was not kept; `None` if all of it was.
    pub fn left_out(&self) -> io::Result<Option<Gap>> {
        read_json(&self.0.join(GAP))
    }

    pub(super) fn note_left_out(&self, gap: Gap) -> io::Result<()> {
        self.write_json(GAP, &gap)
    }

    pub(super) fn forget_left_out(&self) -> io::Result<()> {
        fs::remove_file(self.0.join(GAP))
    }

    /// Returns the path of what the program wrote to a separate stdout.
    pub fn stdout(&self) -> PathBuf {
        self.0.join("stdout.raw")
    }

    pub(super) fn fifo(&self) -> PathBuf {
        self.0.join("stdout.fifo")
    }

    fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Reads what to start.
    pub fn launch(&self) -> io::Result<Launch> {
        read_json(&self.0.join("launch.json"))?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Writes what to start.
    pub fn write_launch(&self, launch: &Launch) -> io::Result<()> {
        self.write_json("launch.json", launch)
    }

    /// Takes back what to start where nobody has begun with it: a holder that comes late starts nothing then.
    pub fn withdraw_launch(&self) -> io::Result<()> {
        if self.was_started() {
            return Ok(());
        }
        match fs::remove_file(self.0.join("launch.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads who holds the session; `None` if nobody ever did.
    pub fn holder(&self) -> io::Result<Option<HolderRecord>> {
        read_json(&self.0.join("holder.json"))
    }

    pub(super) fn write_holder(&self, record: &HolderRecord) -> io::Result<()> {
        self.write_json("holder.json", record)
    }

    /// Reads how the session ended; `None` if there is no such record.
    pub fn exit(&self) -> io::Result<Option<Exit>> {
        read_json(&self.0.join("exit.json"))
    }

    /// Writes how the session ended, and returns when the record is on the disk.
    pub(super) fn write_exit(&self, exit: &Exit) -> io::Result<()> {
        faults::point("exit.write")?;
        let temporary = self.write_temporary("exit.json", exit)?;
        File::open(&temporary)?.sync_all()?;
        faults::point("exit.rename")?;
        fs::rename(&temporary, self.0.join("exit.json"))?;
        faults::point("exit.renamed")?;
        File::open(&self.0)?.sync_all()
    }

    /// Notes that the session shall stand still; where it does not run yet, it shall not begin.
    pub fn note_frozen(&self) -> io::Result<()> {
        self.create()?;
        open_append(&self.frozen_file()).map(drop)
    }

    /// Notes that the session may go on.
    pub fn forget_frozen(&self) -> io::Result<()> {
        match fs::remove_file(self.frozen_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen_file().exists()
    }

    /// Shows that a person is attached to the session, for as long as the file is open.
    pub fn attach(&self) -> io::Result<File> {
        let file = open_append(&self.0.join(ATTACHED))?;
        file.lock_shared()?;
        Ok(file)
    }

    /// Returns whether a person is attached to the session now.
    pub fn is_attached(&self) -> bool {
        let Ok(file) = File::open(self.0.join(ATTACHED)) else {
            return false;
        };
        matches!(file.try_lock(), Err(TryLockError::WouldBlock))
    }

    /// Notes that the session's agent is given its first prompt.
    pub fn note_prompted(&self) -> io::Result<()> {
        open_append(&self.0.join(PROMPTED)).map(drop)
    }

    /// Returns whether that was noted.
    pub fn was_prompted(&self) -> bool {
        self.0.join(PROMPTED).exists()
    }

    fn frozen_file(&self) -> PathBuf {
        self.0.join("frozen")
    }

    /// Returns whether a holder started here at some time.
    pub fn was_started(&self) -> bool {
        ["holder.json", "exit.json"].iter().any(|name| self.0.join(name).exists())
    }

    /// Returns whether a holder lives now. Its lock proves it, no process id is believed.
    pub fn is_held(&self) -> bool {
        let Ok(file) = File::open(self.lock_file()) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Takes the lock of the holder, for as long as the file lives; `None` if another holder has it.
    pub(super) fn take_lock(&self) -> io::Result<Option<File>> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(self.lock_file())?;
        let deadline = SystemTime::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::Error(error)) => return Err(error),
                // A look with `is_held` takes the lock for a moment, so one refusal proves nothing.
                Err(TryLockError::WouldBlock) if !self.was_started() && SystemTime::now() < deadline => {
                    std::thread::sleep(LOCK_RETRY);
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
            }
        }
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let temporary = self.write_temporary(name, value)?;
        fs::rename(&temporary, self.0.join(name))
    }

    fn write_temporary<T: Serialize>(&self, name: &str, value: &T) -> io::Result<PathBuf> {
        let temporary = self.0.join(format!(".{name}.{}", std::process::id()));
        let mut bytes = serde_json::to_vec_pretty(value)?;
        bytes.push(b'\n');
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&bytes)?;
        Ok(temporary)
    }
}

/// Returns the time now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Opens a file of the session to append to, creating it for the user alone.
pub(super) fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn records_read_back_and_are_for_the_user_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SessionDir::new(temp.path().join("a/b"));
        dir.create().unwrap();
        assert!(dir.exit().unwrap().is_none() && !dir.was_started());
        let exit = Exit { code: Some(3), ..Exit::at(now()) };
        dir.write_exit(&exit).unwrap();
        assert_eq!(dir.exit().unwrap(), Some(exit));
        assert!(dir.was_started());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(dir.path()), 0o700);
        assert_eq!(mode(&dir.path().join("exit.json")), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_lock_proves_that_a_holder_lives() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SessionDir::new(temp.path());
        assert!(!dir.is_held());
        let lock = dir.take_lock().unwrap();
        assert!(lock.is_some() && dir.is_held());
        drop(lock);
        assert!(!dir.is_held());
    }
}
