//! Landing: merging a ticket's branch into its base on this machine, without a forge.
//!
//! Owns the local merge: computed without any checkout, recorded as a commit with two parents, and put on the base
//! branch by compare-and-swap. Where the base is checked out, that checkout is fast-forwarded by git itself, which
//! refuses to overwrite work. Landings in one repository take turns, across processes too, by a lock on a file in its
//! git directory (see [`super::turns`]). May be repeated: what has landed is found to have.

use std::path::{Path, PathBuf};

use gix::ObjectId;

use super::git::{Git, GitCall, GitError, Place, failed};
use super::prepare::CHECKOUT_LIMIT;
use super::repository::{Checkout, CheckoutState, Repository, check_branch_name};
use super::{look, point, turns};
use crate::adapters::process::Output;
use crate::slots::SlotError;

/// How often a landing starts over after the base moved under it.
const ATTEMPTS: u32 = 10;
/// How many conflicting paths a message names.
const PATHS_SHOWN: usize = 10;

/// What to land and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandRequest {
    /// The repository (any checkout of it, or a bare one).
    pub repo: PathBuf,
    /// The branch to land.
    pub branch: String,
    /// The branch to land it on.
    pub base: String,
    /// The message of the merge commit; where it is blank, one like git's own is made.
    pub message: String,
}

/// How a landing went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// The base branch has a new merge commit.
    Merged {
        /// The merge commit (full hexadecimal object id).
        commit: String,
        /// The checkout of the base branch that was brought along; `None` where the base is not checked out.
        checkout: Option<PathBuf>,
    },
    /// The base branch had everything already.
    AlreadyThere {
        /// The tip of the base branch (full hexadecimal object id).
        commit: String,
    },
}

/// Why a branch did not land. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// The branch is where its base is or was.
    #[error("`{branch}` has no commits that `{base}` does not have: commit the work to `{branch}` first")]
    NothingToLand {
        /// The branch that was to land.
        branch: String,
        /// The base it was to land on.
        base: String,
    },
    /// Branch and base changed the same places.
    #[error(
        "`{branch}` conflicts with `{base}` in {}: merge or rebase `{branch}` onto `{base}` in its worktree, then land again",
        listed(paths)
    )]
    Conflict {
        /// The branch that was to land.
        branch: String,
        /// The base it was to land on.
        base: String,
        /// The files in conflict.
        paths: Vec<String>,
    },
    /// The base branch is checked out and that checkout could not follow.
    #[error("the base branch is checked out at {}, which cannot follow: {words}; commit or stash what is there, then land again", path.display())]
    CheckoutInTheWay {
        /// The checkout.
        path: PathBuf,
        /// Why it cannot follow, mostly in git's words.
        words: String,
    },
    /// The base branch is checked out where the repository itself sets filters.
    #[error(
        "the base branch is checked out at {}, whose repository sets filters ({}) that aotui does not run: set them in your \
         global git config, or run `git merge {branch}` there yourself, then land again",
        path.display(),
        filters.join(", ")
    )]
    Filters {
        /// The checkout.
        path: PathBuf,
        /// The filters' names.
        filters: Vec<String>,
        /// The branch that was to land.
        branch: String,
    },
    /// There is no such branch.
    #[error("there is no branch `{branch}` in {}: correct its name", repo.display())]
    NoSuchBranch {
        /// The branch that was looked for.
        branch: String,
        /// Where.
        repo: PathBuf,
    },
    /// Others kept landing, or moved the base, all the time.
    #[error("could not get a turn to land on `{base}`: {why}; land again")]
    Busy {
        /// The base branch.
        base: String,
        /// What was in the way.
        why: String,
    },
    /// The repository could not be read.
    #[error(transparent)]
    Repository(#[from] SlotError),
    /// Git failed.
    #[error("{0}")]
    Git(String),
}

impl From<GitError> for LandError {
    fn from(error: GitError) -> Self {
        Self::Git(error.to_string())
    }
}

/// Merges `request.branch` into `request.base`.
pub async fn land(request: LandRequest) -> Result<Landed, LandError> {
    land_with(&Git::new(), request).await
}

/// Does what [`land`] does with a given git.
pub(super) async fn land_with(git: &Git, request: LandRequest) -> Result<Landed, LandError> {
    check_branch_name(&request.branch)?;
    check_branch_name(&request.base)?;
    let repo = request.repo.clone();
    let common_dir = look(move || Repository::open(&repo)?.common_dir()).await?;
    let _turn = turns::landing(&common_dir).await?;
    let landing = Landing { git, at: Place::repository(&common_dir), request };
    for _ in 0..ATTEMPTS {
        if let Some(landed) = landing.attempt().await? {
            return Ok(landed);
        }
    }
    let Landing { request, .. } = landing;
    Err(LandError::Busy { base: request.base, why: "it moved during every attempt".to_owned() })
}

/// One landing whose turn it is.
struct Landing<'a> {
    git: &'a Git,
    at: Place,
    request: LandRequest,
}

/// The two ends to be merged, and where the base is checked out.
struct Ends {
    base: ObjectId,
    base_tree: ObjectId,
    branch: ObjectId,
    checkouts: Vec<Checkout>,
}

impl Landing<'_> {
    /// Tries once; `None` when the base moved meanwhile.
    async fn attempt(&self) -> Result<Option<Landed>, LandError> {
        let request = self.request.clone();
        let Some(ends) = look(move || Ok(ends(&request))).await?? else {
            let commit = self.tip(&self.request.base).await?.map(|tip| tip.to_string()).unwrap_or_default();
            return Ok(Some(Landed::AlreadyThere { commit }));
        };
        let tree = self.merge(&ends).await?;
        if tree == ends.base_tree {
            return Ok(Some(Landed::AlreadyThere { commit: ends.base.to_string() }));
        }
        self.check_checkouts(&ends).await?;
        point("land.commit")?;
        let commit = self.commit(&ends, tree).await?;
        point("land.move")?;
        match ends.checkouts.first() {
            Some(checkout) => self.follow(&ends, checkout, commit).await,
            None => self.swap(&ends, commit).await,
        }
    }

    /// Merges the two ends and returns the tree, without any checkout.
    async fn merge(&self, ends: &Ends) -> Result<ObjectId, LandError> {
        let (base, branch) = (ends.base.to_string(), ends.branch.to_string());
        let args = ["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", &base, &branch];
        let output = self.git.run(&self.at, &GitCall::write(args)).await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut fields = text.split('\0').filter(|field| !field.is_empty());
        // A bad argument ends with 1 just as a conflict does; only a conflict prints a tree first.
        let tree = fields.next().and_then(|field| ObjectId::from_hex(field.as_bytes()).ok());
        match (output.status.code(), tree) {
            (Some(0), Some(tree)) => Ok(tree),
            (Some(1), Some(_)) => {
                let LandRequest { branch, base, .. } = self.request.clone();
                Err(LandError::Conflict { branch, base, paths: fields.map(shown).collect() })
            }
            _ => Err(failed(&output).into()),
        }
    }

    /// Refuses where a checkout of the base could not follow for a reason known beforehand.
    async fn check_checkouts(&self, ends: &Ends) -> Result<(), LandError> {
        let Some(first) = ends.checkouts.first() else { return Ok(()) };
        let in_the_way = |path: &Path, words: String| Err(LandError::CheckoutInTheWay { path: path.to_owned(), words });
        if let Some(second) = ends.checkouts.get(1) {
            return in_the_way(&second.path, format!("it is checked out at {} too", first.path.display()));
        }
        if let Some(unfinished) = first.unfinished {
            return in_the_way(&first.path, format!("{unfinished} is unfinished there"));
        }
        let filters = self.git.filters_off(&Place::checkout(&first.git_dir, &first.path)).await?;
        if !filters.is_empty() {
            let (path, branch) = (first.path.clone(), self.request.branch.clone());
            return Err(LandError::Filters { path, filters, branch });
        }
        Ok(())
    }

    /// Records the merge and returns its commit, which no ref reaches yet.
    async fn commit(&self, ends: &Ends, tree: ObjectId) -> Result<ObjectId, LandError> {
        let name = self.config("user.name").await?.unwrap_or_else(|| "aotui".to_owned());
        let email = self.config("user.email").await?.unwrap_or_else(|| "aotui@localhost".to_owned());
        let LandRequest { branch, base, message, .. } = &self.request;
        let message = match message.trim() {
            "" => format!("Merge branch '{branch}' into {base}\n"),
            message => format!("{}\n", message.replace('\0', "")),
        };
        let [tree, first, second] = [tree, ends.base, ends.branch].map(|id| id.to_string());
        let mut call = GitCall::write(["commit-tree", &tree, "-p", &first, "-p", &second, "-F", "-"]).stdin(message);
        for who in ["AUTHOR", "COMMITTER"] {
            call = call.env(&format!("GIT_{who}_NAME"), &name).env(&format!("GIT_{who}_EMAIL"), &email);
        }
        let commit = self.git.text(&self.at, &call).await?;
        ObjectId::from_hex(commit.as_bytes()).map_err(|_| LandError::Git(format!("git commit-tree said `{commit}`")))
    }

    /// Moves the base branch, which is checked out nowhere.
    async fn swap(&self, ends: &Ends, commit: ObjectId) -> Result<Option<Landed>, LandError> {
        let name = format!("refs/heads/{}", self.request.base);
        let note = format!("aotui: land {}", self.request.branch);
        let (new, old) = (commit.to_string(), ends.base.to_string());
        let output = self.git.run(&self.at, &GitCall::write(["update-ref", "-m", &note, &name, &new, &old])).await?;
        point("land.moved")?;
        if output.status.success() {
            return Ok(Some(Landed::Merged { commit: new, checkout: None }));
        }
        self.lost(ends, || failed(&output).into()).await
    }

    /// Fast-forwards the checkout of the base branch, and with it the branch.
    async fn follow(&self, ends: &Ends, there: &Checkout, commit: ObjectId) -> Result<Option<Landed>, LandError> {
        let new = commit.to_string();
        let place = Place::checkout(&there.git_dir, &there.path);
        let args = ["merge", "--ff-only", "--no-squash", "--no-stat", "--quiet", &new];
        let output = self.git.run(&place, &GitCall::write(args).limit(CHECKOUT_LIMIT)).await?;
        point("land.moved")?;
        if output.status.success() && self.tip(&self.request.base).await? == Some(commit) {
            return Ok(Some(Landed::Merged { commit: new, checkout: Some(there.path.clone()) }));
        }
        let in_the_way = || LandError::CheckoutInTheWay { path: there.path.clone(), words: words_of(&output) };
        self.lost(ends, in_the_way).await
    }

    /// Tells a lost race, after which to start over, from a real failure.
    async fn lost(&self, ends: &Ends, failure: impl FnOnce() -> LandError) -> Result<Option<Landed>, LandError> {
        if self.tip(&self.request.base).await? == Some(ends.base) { Err(failure()) } else { Ok(None) }
    }

    async fn tip(&self, branch: &str) -> Result<Option<ObjectId>, LandError> {
        let (repo, branch) = (self.request.repo.clone(), branch.to_owned());
        Ok(look(move || Repository::open(&repo)?.branch(&branch)).await?)
    }

    async fn config(&self, key: &str) -> Result<Option<String>, LandError> {
        let output = self.git.run(&self.at, &GitCall::read(["config", "--get", key])).await?;
        let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(if output.status.success() && !value.is_empty() { Some(value) } else { None })
    }
}

/// Resolves both ends; `None` where the branch was merged before.
fn ends(request: &LandRequest) -> Result<Option<Ends>, LandError> {
    let repo = Repository::open(&request.repo)?;
    let tip = |name: &str| {
        let missing = || LandError::NoSuchBranch { branch: name.to_owned(), repo: request.repo.clone() };
        repo.branch(name)?.ok_or_else(missing)
    };
    let (base, branch) = (tip(&request.base)?, tip(&request.branch)?);
    if repo.reaches(base, branch)? {
        // A landing makes the branch a second parent; a branch on the first parents never left the base.
        if repo.is_on_first_parents(base, branch)? {
            let LandRequest { branch, base, .. } = request.clone();
            return Err(LandError::NothingToLand { branch, base });
        }
        return Ok(None);
    }
    let mut checkouts = repo.checkouts()?;
    checkouts
        .retain(|checkout| checkout.branch.as_ref() == Some(&request.base) && checkout.state == CheckoutState::Whole);
    Ok(Some(Ends { base, base_tree: repo.tree(base)?, branch, checkouts }))
}

fn words_of(output: &Output) -> String {
    let words = output.stderr_text();
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

fn shown(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn listed(paths: &[String]) -> String {
    let more = paths.len().saturating_sub(PATHS_SHOWN);
    let named = paths[..paths.len() - more].join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}
