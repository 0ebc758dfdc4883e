//! Whether everything works, is stopped or is frozen: what a person said to all tickets at once.

use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// What holds for all tickets at once. Kept by the journal, so it outlives the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Mode {
    /// Phases start as soon as they may.
    #[default]
    Working,
    /// Nothing new starts; what runs finishes its phase.
    Stopped {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing new starts, and the processes of the sessions that run are paused.
    Frozen {
        /// Since when.
        since: Timestamp,
    },
}

impl Mode {
    /// Returns whether phases may start.
    pub fn is_working(self) -> bool {
        self == Mode::Working
    }

    /// Returns whether sessions are paused.
    pub fn is_frozen(self) -> bool {
        matches!(self, Mode::Frozen { .. })
    }

    /// Returns since when nothing new starts; `None` where phases may start.
    pub fn since(self) -> Option<Timestamp> {
        match self {
            Mode::Working => None,
            Mode::Stopped { since } | Mode::Frozen { since } => Some(since),
        }
    }

    /// Returns the same mode with its beginning moved by so many milliseconds.
    #[must_use]
    pub fn moved(self, millis: i64) -> Self {
        match self {
            Mode::Working => Mode::Working,
            Mode::Stopped { since } => Mode::Stopped { since: since.plus_millis(millis) },
            Mode::Frozen { since } => Mode::Frozen { since: since.plus_millis(millis) },
        }
    }

    /// Says that nothing starts, as half a sentence; `None` where phases may start.
    pub fn why(self) -> Option<&'static str> {
        match self {
            Mode::Working => None,
            Mode::Stopped { .. } => Some("everything is stopped"),
            Mode::Frozen { .. } => Some("everything is frozen"),
        }
    }
}
