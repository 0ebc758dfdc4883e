//! When work in a checkout last left a trace: a commit, or a file that is not as it was committed.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::git::{GitCall, Place};
use super::repository::{Repository, real};
use super::{GitWorkspace, look};
use crate::domain::time::Timestamp;
use crate::slots::SlotError;
use crate::slots::workspace::WorkspaceRequest;

/// Most files looked at.
const MOST: usize = 10_000;

impl GitWorkspace {
    /// Returns when something last changed that git would keep; `None` where nothing did, or there is no checkout.
    pub(super) async fn last_change(&self, request: WorkspaceRequest) -> Result<Option<Timestamp>, SlotError> {
        let found = look(move || {
            let path = real(&request.path);
            let checkouts = Repository::open(&request.repo)?.checkouts()?;
            Ok(checkouts.into_iter().find(|there| real(&there.path) == path))
        });
        let Some(there) = found.await? else { return Ok(None) };
        let words = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"];
        let place = Place::checkout(&there.git_dir, &there.path);
        let status = self.git.bytes(&place, &GitCall::read(words)).await?;
        look(move || {
            let files = status.split(|byte| *byte == 0).filter_map(|line| line.get(3..)).take(MOST);
            let files = files.filter_map(|name| changed(&there.path.join(OsStr::from_bytes(name))));
            Ok(files.chain(changed(&there.git_dir.join("logs/HEAD"))).max())
        })
        .await
    }
}

fn changed(path: &Path) -> Option<Timestamp> {
    let since = fs::symlink_metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
}
