//! The files between the engine and a driver: what to drive, and what came of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::agents::Headless;
use crate::domain::agent_run::AgentEnd;
use crate::domain::usage::Usage;

/// Name of the file in a session's directory that says how its agent ended.
pub const OUTCOME_FILE: &str = "outcome.json";

/// Name of the file in a session's directory that keeps its agent's own lines.
pub const STREAM_FILE: &str = "stream.jsonl";

/// Name of the file in a session's directory that changes whenever a tool of its agent ended.
pub const RESULTS_FILE: &str = "results";

/// Largest file read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Everything a driver needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriveOrder {
    /// What the agent is called.
    pub agent: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The file the prompt is in, where the agent gets it on its standard input or by its protocol; `None` means an
    /// argument has it.
    pub prompt: Option<PathBuf>,
    /// How the agent speaks.
    pub headless: Headless,
    /// The model it is asked for; `None` where it chooses itself.
    #[serde(default)]
    pub model: Option<String>,
    /// The conversation it takes up or was given; `None` where the agent names it.
    pub conversation: Option<String>,
    /// Whether it takes that conversation up, which may be gone.
    #[serde(default)]
    pub resumes: bool,
    /// What that conversation used up before.
    pub before: Usage,
    /// How many turns it may take; `None` where its program counts them itself, or nobody does.
    #[serde(default)]
    pub max_turns: Option<u32>,
    /// The message under which its work is committed for it; `None` means it commits itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl DriveOrder {
    /// Reads an order.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&read_bounded(path)?)?)
    }
}

/// Notes in a session's directory that a tool of its agent ended.
pub fn note_result(session_dir: &Path) {
    // Only when matters; nothing follows from a disk that is full.
    let _ = std::fs::write(session_dir.join(RESULTS_FILE), b"tool\n");
}

/// Writes how the agent ended; the file is there whole or not at all, and on disk.
pub fn write_outcome(session_dir: &Path, end: &AgentEnd) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(session_dir)?;
    serde_json::to_writer(file.as_file_mut(), end)?;
    file.as_file_mut().write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(session_dir.join(OUTCOME_FILE))?;
    Ok(())
}

/// Returns how the agent of a session ended; `None` where no driver left a word.
pub fn read_outcome(session_dir: &Path) -> Option<AgentEnd> {
    serde_json::from_slice(&read_bounded(&session_dir.join(OUTCOME_FILE)).ok()?).ok()
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
