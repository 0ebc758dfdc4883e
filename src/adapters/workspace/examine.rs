//! What is odd about a repository that tickets work in, and putting right what is proven to be ours.
//!
//! Looks and names; changes nothing but in [`Mend`], each of which proves its case again.

use std::fs;
use std::path::{Path, PathBuf};

use super::base;
use super::contention::{self, LEFTOVER};
use super::git::{GitCall, Place};
use super::repository::Repository;
use super::{GitWorkspace, LOCKED_BY_US, clean, look, who};
use crate::slots::SlotError;

/// Locks that all checkouts of a repository share, and that of its main checkout.
const SHARED_LOCKS: [&str; 6] =
    ["index.lock", "config.lock", "packed-refs.lock", "HEAD.lock", "shallow.lock", "refs/heads/main.lock"];

/// The git on PATH and who it takes the user for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitFacts {
    /// What `git version` says, or why it cannot be used.
    pub version: Result<String, String>,
    /// `user.name`, where it is set.
    pub name: Option<String>,
    /// `user.email`, where it is set.
    pub email: Option<String>,
}

/// Something odd about a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Whether tickets cannot work because of it.
    pub stops_work: bool,
    /// What it is.
    pub text: String,
    /// What to do about it.
    pub fix: String,
    /// How it is put right; `None` where only a person can.
    pub mend: Option<Mend>,
}

/// Something that can be put right without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// Has git forget worktrees whose directories are gone.
    Prune {
        /// The repository's git directory.
        common_dir: PathBuf,
    },
    /// Removes the lock that a killed git left on the index of a worktree of ours.
    Unlock {
        /// The worktree.
        path: PathBuf,
        /// Its git directory.
        git_dir: PathBuf,
    },
}

impl GitWorkspace {
    /// Says which git there is and who it takes the user for.
    pub async fn facts(&self) -> GitFacts {
        GitFacts {
            version: self.git.version().await.map_err(|error| error.to_string()),
            name: self.git.setting("user.name").await,
            email: self.git.setting("user.email").await,
        }
    }

    /// Looks at a repository whose tickets start from `base`; returns that branch's name and what is odd.
    pub async fn examine(&self, repo: &Path, base: Option<&str>) -> Result<(String, Vec<Remark>), SlotError> {
        let (at, asked) = (repo.to_owned(), base.map(str::to_owned));
        let (common_dir, name, mut remarks) = look(move || {
            let repo = Repository::open(&at)?;
            let name = base::name(&repo, asked.as_deref(), &at)?;
            base::commit(&repo, &name, &at)?;
            let common_dir = repo.common_dir()?;
            let remarks = locks(&repo, &common_dir)?;
            Ok((common_dir, name, remarks))
        })
        .await?;
        let place = Place::repository(&common_dir);
        let filters = self.git.filters_off(&place).await?;
        if !filters.is_empty() {
            remarks.push(Remark {
                stops_work: false,
                text: format!("its own config sets filters ({}), which aotui does not run", filters.join(", ")),
                fix: "set them in your global git config: agents can write the repository's".to_owned(),
                mend: None,
            });
        }
        for key in ["user.name", "user.email"] {
            let asked = self.git.run(&place, &GitCall::read(["config", "--get", key])).await?;
            if asked.stdout.trim_ascii().is_empty() {
                remarks.push(Remark {
                    stops_work: false,
                    text: format!("{key} is not set: commits of agents and scripts fail there"),
                    fix: format!("run `git config --global {key} …`"),
                    mend: None,
                });
            }
        }
        let prune = GitCall::read(["worktree", "prune", "--dry-run", "--verbose"]);
        let prunable = self.git.run(&place, &prune).await?;
        let count =
            String::from_utf8_lossy(&prunable.stderr).lines().filter(|line| line.contains("worktrees/")).count();
        if count > 0 {
            remarks.push(Remark {
                stops_work: false,
                text: format!("git lists {count} worktrees whose directories are gone"),
                fix: format!("run `git -C {} worktree prune`", clean(repo.display().to_string())),
                mend: Some(Mend::Prune { common_dir }),
            });
        }
        Ok((name, remarks))
    }

    /// Puts something right, if it is still so.
    pub async fn put_right(&self, mend: &Mend) -> Result<(), SlotError> {
        match mend {
            Mend::Prune { common_dir } => {
                let _turn = self.turns(common_dir).take(common_dir).await?;
                self.git.text(&Place::repository(common_dir), &GitCall::write(["worktree", "prune"])).await?;
                Ok(())
            }
            Mend::Unlock { path, git_dir } => {
                let (path, git_dir) = (path.clone(), git_dir.clone());
                look(move || {
                    super::mend::unlock_index(&git_dir, &path).map_err(|error| {
                        let words = format!("the lock of {} cannot be removed: {error}", path.display());
                        SlotError::new(crate::slots::ErrorClass::Misconfigured, words)
                    })
                })
                .await
            }
        }
    }
}

/// Finds locks that seem to be left over.
fn locks(repo: &Repository, common_dir: &Path) -> Result<Vec<Remark>, SlotError> {
    let mut remarks = Vec::new();
    for lock in SHARED_LOCKS.map(|name| common_dir.join(name)).into_iter().filter(|lock| is_left_over(lock)) {
        let text = contention::holder(&lock);
        let fix = format!("if no git is at work there, run `rm {}`", clean(lock.display().to_string()));
        remarks.push(Remark { stops_work: true, text, fix, mend: None });
    }
    for there in repo.checkouts()?.into_iter().filter(|there| !there.main) {
        let lock = there.git_dir.join("index.lock");
        if !is_left_over(&lock) {
            continue;
        }
        let ours = there.locked.as_ref().is_some_and(|reason| reason.starts_with(LOCKED_BY_US));
        let alone = who::inside(&there.path).or_else(|| who::git_at(&there.path)).is_none();
        remarks.push(Remark {
            stops_work: true,
            text: contention::holder(&lock),
            fix: format!("if no git is at work there, run `rm {}`", clean(lock.display().to_string())),
            mend: (ours && alone).then_some(Mend::Unlock { path: there.path, git_dir: there.git_dir }),
        });
    }
    Ok(remarks)
}

fn is_left_over(lock: &Path) -> bool {
    let since = fs::symlink_metadata(lock).and_then(|found| found.modified());
    since.is_ok_and(|since| since.elapsed().is_ok_and(|age| age > LEFTOVER)) && who::opener(lock).is_none()
}
