//! Whose turn it is to change a repository's worktrees or to land in it.
//!
//! Owns the locks: within this process a queue, between processes the lock on a file in the git directory that all
//! checkouts share, which the kernel frees when its holder dies.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep};

use super::base::Fetches;
use super::who;
use crate::slots::{ErrorClass, SlotError};

/// The file whose holder makes or removes a worktree.
const WORKTREES: &str = "aotui-worktrees.lock";
/// The file whose holder lands a branch.
const LANDING: &str = "aotui-land.lock";
/// How long one process waits for the others.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it looks whether it is its turn.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What callers of this process that work on one repository share.
#[derive(Debug, Default)]
pub(super) struct Turns {
    queue: Arc<tokio::sync::Mutex<()>>,
    pub(super) fetches: Fetches,
}

/// The right to make and remove worktrees of one repository, until it is dropped and every program that was started
/// [holding](super::git::GitCall::holding) it is over: what a killed engine began is done before the next one looks.
#[derive(Debug)]
pub(super) struct Turn {
    lock: Arc<OwnedFd>,
    _place: OwnedMutexGuard<()>,
}

impl Turn {
    /// Returns the open file that the lock is on.
    pub(super) fn lock(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.lock)
    }
}

impl Turns {
    /// Waits until nobody else, here or in another process, makes or removes worktrees of the repository.
    pub(super) async fn take(&self, common_dir: &Path) -> Result<Turn, SlotError> {
        let place = Arc::clone(&self.queue).lock_owned().await;
        Ok(Turn { lock: Arc::new(wait_for(common_dir.join(WORKTREES)).await?), _place: place })
    }
}

/// Waits until no other landing in the repository is under way; the turn ends when the result is dropped.
pub(super) async fn landing(common_dir: &Path) -> Result<OwnedFd, SlotError> {
    wait_for(common_dir.join(LANDING)).await
}

async fn wait_for(path: PathBuf) -> Result<OwnedFd, SlotError> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        SlotError::new(ErrorClass::Misconfigured, format!("cannot {what} {}: {error}", path.display()))
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default());
    let file = OwnedFd::from(options.open(&path).map_err(|error| cannot("open", &error))?);
    let patience = Instant::now() + PATIENCE;
    while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != Errno::WOULDBLOCK && error != Errno::INTR {
            return Err(cannot("lock", &error));
        }
        if Instant::now() > patience {
            let holder = who::opener(&path).unwrap_or_else(|| "another aotui".to_owned());
            let words = format!("{holder} holds {} all the time", path.display());
            return Err(SlotError::new(ErrorClass::Transient, words));
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(file)
}
