//! The files in a session's directory by which the engine, the hooks and whoever watches the screen know of each other.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::agent::{FaceRules, StreamRules, TextRule};
use crate::domain::agent_run::AgentTurn;
use crate::domain::usage::Usage;

/// Largest file read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// How the agent of a session works on its screen (`face.json`), written before the session starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaceOrder {
    /// How its title and its screen tell what it does.
    pub shows: FaceRules,
    /// What is typed to have it leave.
    pub quit: Vec<String>,
    /// What is typed to have it break off its work.
    #[serde(default)]
    pub interrupt: Vec<String>,
    /// The message under which its work is committed for it at the end of a turn; `None` means it commits itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether its program calls hooks.
    pub hooks: bool,
    /// Whether its first prompt is to be pasted; else it has it as an argument.
    #[serde(default)]
    pub paste: bool,
    /// Its first prompt as it was given, trimmed, as a hash.
    pub prompt: String,
    /// What its errors mean, before the rules every agent has.
    #[serde(default)]
    pub errors: Vec<TextRule>,
    /// The file that its program keeps of the conversation; `None` where nobody knows of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<TranscriptOrder>,
}

/// Where an agent's program keeps its conversation, and how that is read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TranscriptOrder {
    /// Where the file may be: paths in which `*` stands for any text within a name and `{conversation}` for its name.
    pub files: Vec<String>,
    /// The conversation the session begins with; `None` where its program names it itself.
    pub conversation: Option<String>,
    /// How long its file was when the session began, in bytes.
    pub from: u64,
    /// How its lines are read.
    pub rules: StreamRules,
}

/// What was heard of a session by hooks (`hook.json`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Heard {
    /// How far its agent is; `None` before its first prompt.
    pub turn: Option<AgentTurn>,
    /// How many prompts it took.
    pub prompts: u32,
    /// The conversation that is its own.
    pub conversation: Option<String>,
    /// What that used up before the session.
    pub before: Usage,
}

impl FaceOrder {
    /// The file's name.
    pub const FILE: &str = "face.json";

    /// Reads the order of a session; `None` where its agent has none.
    pub fn read(session_dir: &Path) -> Option<Self> {
        read(&session_dir.join(Self::FILE))
    }

    /// Returns the hash of a prompt.
    pub fn digest(prompt: &str) -> String {
        blake3::hash(prompt.trim().as_bytes()).to_hex().to_string()
    }
}

impl Heard {
    const FILE: &str = "hook.json";

    /// Reads what was heard so far; `None` where no hook was ever called.
    pub fn read(session_dir: &Path) -> Option<Self> {
        read(&session_dir.join(Self::FILE))
    }

    pub(super) fn write(&self, session_dir: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(session_dir)?;
        serde_json::to_writer(file.as_file_mut(), self)?;
        file.as_file_mut().write_all(b"\n")?;
        file.persist(session_dir.join(Self::FILE))?;
        Ok(())
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
