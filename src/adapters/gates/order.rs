//! The files between the engine and a session that looks: what to look at, and what was found.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::gate::{Before, CheckReport, Gate, Verdict};

/// Name of the file that says what to look at.
const ORDER_FILE: &str = "check.json";
/// Name of the file that says what was found.
const REPORT_FILE: &str = "checks.json";
/// Largest file read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Everything that has to be known to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckOrder {
    /// The user's repository.
    pub repo: PathBuf,
    /// The ticket's checkout.
    pub worktree: PathBuf,
    /// The commit the ticket started from.
    pub base_commit: String,
    /// The gates of the phase.
    pub gates: Vec<Gate>,
    /// The branch the ticket lands on.
    pub base_branch: String,
    /// How the worktree stood before the phase; `None` asks for just that.
    pub before: Option<Before>,
    /// How it stood before an earlier visit of the phase that failed, and what that left.
    pub kept: Option<Before>,
    /// The verdict of the agent, where it gave one.
    pub verdict: Option<Verdict>,
    /// How many things the agent learned.
    pub learned: u32,
    /// The directory in which the phase leaves its artifacts; `None` where it leaves none.
    pub artifacts: Option<PathBuf>,
    /// The directory in which artifacts are kept.
    pub store: PathBuf,
    /// Tests whose results are to be kept before anything is changed; empty in all looks but a ticket's first.
    #[serde(default)]
    pub begin: Vec<Gate>,
    /// The file that has those results; `None` where nobody kept them.
    #[serde(default)]
    pub baseline: Option<PathBuf>,
}

impl CheckOrder {
    /// Reads an order.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&read_bounded(path)?)?)
    }
}

/// Writes an order into the session's directory, which is there, and returns its path.
pub(crate) fn write_order(session_dir: &Path, order: &CheckOrder) -> io::Result<PathBuf> {
    let path = session_dir.join(ORDER_FILE);
    write_whole(session_dir, &path, order)?;
    Ok(path)
}

/// Writes what was found; the file is there whole or not at all, and on disk.
pub(super) fn write_report(session_dir: &Path, report: &CheckReport) -> io::Result<()> {
    write_whole(session_dir, &session_dir.join(REPORT_FILE), report)
}

/// Returns what the session that looked found; `None` where it left nothing.
pub fn read_report(session_dir: &Path) -> Option<CheckReport> {
    serde_json::from_slice(&read_bounded(&session_dir.join(REPORT_FILE)).ok()?).ok()
}

fn write_whole(dir: &Path, path: &Path, content: &impl Serialize) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    serde_json::to_writer(file.as_file_mut(), content)?;
    file.as_file_mut().write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
