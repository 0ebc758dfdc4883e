//! One engine per state directory: a lock the kernel frees when its holder dies.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

use serde::{Deserialize, Serialize};

use super::{Layout, StoreError};
use crate::domain::time::Timestamp;

/// Held for as long as this process may write the state. Close-on-exec, so that no child keeps it alive.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who holds a lock, as far as it said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LockHolder {
    /// Its process id; `None` where it did not get to say.
    pub pid: Option<u32>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, self.since) {
            (Some(pid), Some(since)) => write!(f, "another aotui (process {pid}, since {since})"),
            _ => f.write_str("another aotui"),
        }
    }
}

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(super) fn take(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.lock();
        let mut file = open(layout)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let state = layout.root().display().to_string();
                return Err(StoreError::Locked { state, holder: said_by_holder(layout) });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path)(error)),
        }
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        let holder = LockHolder { pid: Some(std::process::id()), since: Some(now) };
        let text = serde_json::to_vec(&holder).unwrap_or_default();
        let said = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&text));
        if let Err(error) = said {
            // The lock holds all the same; a full disk must not keep an engine from looking after what runs.
            tracing::warn!("{} does not name its holder: {error}", path.display());
        }
        Ok(Self { _file: file })
    }
}

/// Returns who holds the lock of a state directory; `None` when nobody does.
pub fn holder(layout: &Layout) -> Option<LockHolder> {
    let file = OpenOptions::new().read(true).open(layout.lock()).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(said_by_holder(layout)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn open(layout: &Layout) -> Result<File, StoreError> {
    let path = layout.lock();
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::io("open", &path))
}

fn said_by_holder(layout: &Layout) -> LockHolder {
    std::fs::read(layout.lock()).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
