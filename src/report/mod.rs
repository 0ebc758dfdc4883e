//! How an agent inside a session and aotui outside talk: small files, written whole under a temporary name and renamed.
//!
//! Reports go into a spool directory that outlives both sides, so they count even while no engine runs; answers go
//! into the session's own directory. Uses the domain only, and runs in the agent's process or a hook's as well as in
//! the engine's. It must never act on what a report says.

mod answers;
mod presence;
mod reporter;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::domain::agent_report::AgentReport;
use crate::domain::ids::SessionId;
use crate::domain::time::Timestamp;
use crate::faults;

pub use answers::{answer, read_answer, wait_answer};
pub use presence::{forget, listen};
pub use reporter::{Asking, Reporter};

/// How the name of a report begins while it is being written.
pub const UNFINISHED: &str = ".tmp-";

/// Largest file accepted, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The content of one report file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportFile {
    /// The session that speaks.
    pub session: SessionId,
    /// When it said so, by its own clock.
    pub at: Timestamp,
    /// What it says.
    pub report: AgentReport,
}

/// A report or an answer that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was to be read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not a report.
    #[error("{}: not a report: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The environment is not that of a session.
    #[error("{name} is {why}: `aotui report` works only inside a session that aotui started")]
    NotInSession {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl ReportError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// Spools a report and returns the file it is in. Files of one session sort by name in the order they were sent.
pub fn send(spool: &Path, session: &SessionId, report: AgentReport) -> Result<PathBuf, ReportError> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let file = ReportFile { session: session.clone(), at: now(), report: report.cleaned() };
    let mut temporary = temporary_in(spool, &file)?;
    let mut nanos = since_epoch.as_nanos();
    faults::point("report.rename").map_err(ReportError::io(spool))?;
    loop {
        let path = spool.join(format!("{session}.{nanos}-{}.json", std::process::id()));
        match temporary.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => temporary = taken.file,
            Err(other) => return Err(ReportError::Io { path, source: other.error }),
        }
        nanos += 1;
    }
}

/// Returns the moment it is now.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Returns whether reports of a session wait in the spool.
pub fn has_reports(spool: &Path, session: &SessionId) -> bool {
    let start = format!("{session}.");
    let entries = std::fs::read_dir(spool).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| {
        let name = name.to_string_lossy();
        name.starts_with(&start) && name.ends_with(".json")
    })
}

/// Reads a spooled report. The texts of what it returns are plain and bounded.
pub fn read(path: &Path) -> Result<ReportFile, ReportError> {
    let invalid = |why: String| ReportError::Invalid { path: path.to_path_buf(), why };
    let bytes = read_small(path).map_err(ReportError::io(path))?;
    let mut file: ReportFile = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    let named = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !named.starts_with(&format!("{}.", file.session)) {
        return Err(invalid(format!("it speaks for session {}, its name for another", file.session)));
    }
    file.report = file.report.cleaned();
    Ok(file)
}

/// Writes `content` as JSON to a file without a final name in `directory`; only its owner may read it.
fn temporary_in(directory: &Path, content: &impl Serialize) -> Result<tempfile::NamedTempFile, ReportError> {
    let write = || {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory)?;
        let mut bytes = serde_json::to_vec(content)?;
        bytes.push(b'\n');
        faults::write_all("report.write", file.as_file_mut(), &bytes)?;
        Ok(file)
    };
    write().map_err(ReportError::io(directory))
}

/// Reads a regular file of bounded size; follows no link and never waits for a writer.
fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
