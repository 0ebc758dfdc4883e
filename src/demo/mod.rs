//! The demo: a sandbox repository with a little history, and a plan of tickets that between them show everything.
//!
//! Owns the directory it is given and nothing else: it makes it, marks it, and removes it only where the mark is in it.
//! The tickets are data (`assets/demo/plan.yaml`), played by the practice agent; the gates and merges are real.
//! Runs no ticket: that is the engine's work.

mod sandbox;
mod tickets;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Result, WrapErr, bail};

use crate::domain::plan::Plan;
use crate::domain::ticket::Brief;

pub use tickets::{DemoStory, Expectation};

/// How many tickets have to be able to run at once for all zones to show early: some wait for a person while they run.
pub const CONCURRENCY: u32 = 6;
/// How many times faster than life the practice agent plays where nobody watches (`AOTUI_PRACTICE_SPEED`).
pub const HEADLESS_SPEED: f64 = 4.0;

/// Name of the file that marks a directory as ours.
const MARK: &str = ".aotui-demo";
/// Its content.
const MARK_TEXT: &str = "This directory was made by `aotui demo`, which may remove it again.\n";

/// A sandbox and what is to be done in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoPlan {
    /// The sandbox, absolute.
    pub root: PathBuf,
    /// The plan; it names the repository in the sandbox.
    pub plan: Plan,
    /// Its tickets in the order of the plan.
    pub briefs: Vec<Brief>,
    /// What each ticket shows and what a person has to do for it, in the same order.
    pub stories: Vec<DemoStory>,
}

/// Makes the sandbox in `root`, or finds it there as it was left, and returns its plan. May be repeated.
pub fn prepare(root: &Path) -> Result<DemoPlan> {
    if !is_ours(root)? {
        claim(root)?;
    }
    let root = root.canonicalize().wrap_err_with(|| format!("cannot find the demo in {}", root.display()))?;
    let repo = root.join("repo");
    if !repo.exists() {
        sandbox::make(&root, &repo)?;
    }
    tickets::load(root, &repo)
}

/// Removes the sandbox in `root`; refuses a directory that `prepare` did not make. One that is not there is fine.
pub fn reset(root: &Path) -> Result<()> {
    match fs::symlink_metadata(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).wrap_err_with(|| format!("cannot look at {}", root.display())),
        Ok(_) => {}
    }
    if !is_ours(root)? {
        bail!("{} was not made by `aotui demo`, so it is not removed: name another directory", root.display());
    }
    fs::remove_dir_all(root).wrap_err_with(|| format!("cannot remove the demo in {}", root.display()))
}

/// Whether `root` itself, not what it links to, is a directory with our mark.
fn is_ours(root: &Path) -> Result<bool> {
    if !fs::symlink_metadata(root).is_ok_and(|found| found.is_dir()) {
        return Ok(false);
    }
    match fs::read_to_string(root.join(MARK)) {
        Ok(text) => Ok(text == MARK_TEXT),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(false),
        Err(error) => Err(error).wrap_err_with(|| format!("cannot read {}", root.join(MARK).display())),
    }
}

/// Makes `root` a directory with our mark, where it is not there or empty.
fn claim(root: &Path) -> Result<()> {
    let named = || format!("cannot make the demo in {}", root.display());
    fs::create_dir_all(root).wrap_err_with(named)?;
    if fs::read_dir(root).wrap_err_with(named)?.next().is_some() {
        bail!("{} is not empty and was not made by `aotui demo`: name another directory", root.display());
    }
    fs::write(root.join(MARK), MARK_TEXT).wrap_err_with(named)
}

#[cfg(test)]
mod tests;
