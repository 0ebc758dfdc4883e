//! Whether what a commit holds is on another branch already: by history, or as the same change in another commit.
//!
//! Squash and rebase merges leave no trace in the history, so the trees decide: what merges into the base without
//! changing it is there, and so is a change that a commit of the base makes too.

use std::path::{Path, PathBuf};

use gix::ObjectId;

use super::git::{GitCall, GitError, Place};
use super::repository::Repository;
use super::{GitWorkspace, look};
use crate::slots::SlotError;

/// How many commits of the base are compared.
const COMPARED: &str = "500";
/// Room for the patches that are compared, in bytes.
const PATCHES: usize = 64 * 1024 * 1024;

/// Where the work of a commit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// The base reaches the commit itself.
    Reached,
    /// A commit of the base makes the same change.
    SameChange(String),
    /// Merging it would change nothing.
    NothingNew,
    /// Only here.
    Here,
}

impl GitWorkspace {
    /// Finds the work of `tip` on `base`.
    pub(super) async fn whereabouts(
        &self,
        common_dir: &Path,
        base: ObjectId,
        tip: ObjectId,
    ) -> Result<Whereabouts, SlotError> {
        let repo: PathBuf = common_dir.to_owned();
        let (parted, base_tree) = look(move || {
            let repo = Repository::open(&repo)?;
            Ok((repo.merge_base(base, tip)?, repo.tree(base)?))
        })
        .await?;
        if parted == Some(tip) {
            return Ok(Whereabouts::Reached);
        }
        let Some(parted) = parted else { return Ok(Whereabouts::Here) };
        let at = Place::repository(common_dir);
        if let Some(commit) = self.same_change(&at, parted, base, tip).await? {
            return Ok(Whereabouts::SameChange(commit));
        }
        let (base, tip) = (base.to_string(), tip.to_string());
        let merge = GitCall::read(["merge-tree", "--write-tree", "--no-messages", "-z", &base, &tip]);
        let merged = self.git.run(&at, &merge).await?;
        let tree = merged.stdout.split(|byte| *byte == 0).next().and_then(|id| ObjectId::from_hex(id).ok());
        let nothing_new = merged.status.success() && tree == Some(base_tree);
        Ok(if nothing_new { Whereabouts::NothingNew } else { Whereabouts::Here })
    }

    /// Returns the commit of `base` since `parted` that makes all of the change from there to `tip`.
    async fn same_change(
        &self,
        at: &Place,
        parted: ObjectId,
        base: ObjectId,
        tip: ObjectId,
    ) -> Result<Option<String>, GitError> {
        let (from, to) = (parted.to_string(), tip.to_string());
        let Some(wanted) = self.patch_ids(at, &["diff-tree", "-p", &from, &to]).await?.pop() else { return Ok(None) };
        let range = format!("{parted}..{base}");
        let log = ["log", "-p", "--no-merges", "--max-count", COMPARED, "--format=commit %H", &range];
        let there = self.patch_ids(at, &log).await?;
        Ok(there.into_iter().find(|(patch, _)| *patch == wanted.0).map(|(_, commit)| commit))
    }

    /// Returns the patch ids and commits of what a command prints; none where it is too much to be compared.
    async fn patch_ids(&self, at: &Place, args: &[&str]) -> Result<Vec<(String, String)>, GitError> {
        let Ok(patches) = self.git.bytes(at, &GitCall::read(args).room(PATCHES)).await else { return Ok(Vec::new()) };
        let ids = self.git.text(at, &GitCall::read(["patch-id", "--stable"]).stdin(patches)).await?;
        let pairs = ids.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(patch, commit)| (patch.to_owned(), commit.trim().to_owned())).collect())
    }
}
