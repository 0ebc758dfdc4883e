//! The runtime slot: starts, watches and ends sessions (one process with its terminal each).

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SlotError, SlotFuture};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::effect::Signs;
use crate::domain::gate::CheckReport;
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::session::{Answer, StoppedBy};
use crate::domain::time::Timestamp;

/// Everything needed to start one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Launch {
    /// The session to start; starting the same one twice starts one process.
    pub session: SessionId,
    /// Program and arguments; never goes through a shell.
    pub argv: Vec<String>,
    /// Working directory of the process.
    pub cwd: PathBuf,
    /// The whole environment of the process; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Terminal width in cells.
    pub cols: u16,
    /// Terminal height in cells.
    pub rows: u16,
    /// Whether stdout goes to a pipe and is kept apart, for phases that capture it.
    pub separate_stdout: bool,
    /// How much room the recording may take on the disk, in bytes, about; beyond it the middle is left out.
    #[serde(default = "default_recording_limit")]
    pub recording_limit: u64,
}

/// Returns the limit of a session that was started without one.
fn default_recording_limit() -> u64 {
    64_000_000
}

/// How a session ended. Written by the holder, atomically, before it leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// Exit code, where the program exited.
    pub code: Option<i32>,
    /// Signal number, where a signal ended it.
    pub signal: Option<i32>,
    /// Whether the signal made it leave a core dump.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub core_dumped: bool,
    /// Why the program could not be started at all (no such program, no such directory).
    pub spawn_error: Option<String>,
    /// Whether it may be started later: the machine was only short of something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_start_later: bool,
    /// Who had it ended; `None` where it came to its own end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// Processes that outlasted the program, or did not go when told to, and were ended by force or on request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<LeftBehind>,
    /// How many bytes of output the disk did not take; the recording says where.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_bytes: u64,
    /// When the program ended.
    pub ended_at: Timestamp,
}

impl Exit {
    /// Returns the record of an end of which nothing is known but when it was.
    pub fn at(ended_at: Timestamp) -> Self {
        Self {
            code: None,
            signal: None,
            core_dumped: false,
            spawn_error: None,
            may_start_later: false,
            stopped: None,
            left_behind: Vec::new(),
            lost_bytes: 0,
            ended_at,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Who had a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// Who.
    pub by: StoppedBy,
    /// When the holder was told.
    pub at: Timestamp,
}

/// A process that a session's program left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftBehind {
    /// Its process id.
    pub pid: u32,
    /// What it calls itself; text of a stranger.
    pub name: String,
}

/// What the world says about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Its holder is alive and so is its process.
    Running,
    /// It ended and left a record.
    Exited(Exit),
    /// It was started, but there is neither a holder nor an exit record: it went together with its holder.
    Vanished,
    /// It never started, as far as is known now: a holder may still be about to come up.
    Absent,
}

/// Takes what is seen of a session.
pub type Tell = Box<dyn Fn(AgentReport) + Send + Sync>;

/// Starts, watches and ends sessions.
pub trait Runtime: Send + Sync {
    /// Starts the session detached from this process. May be repeated: a session that was started before is left alone.
    fn start(&self, launch: Launch) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Returns what the world says now.
    fn observe(&self, session: SessionId) -> SlotFuture<'_, Observed>;

    /// Waits until the session is no longer running. Never returns [`Observed::Running`], and [`Observed::Vanished`] or
    /// [`Observed::Absent`] only when none of its processes is left and none can start any more. Cancel-safe, may be repeated.
    fn wait(&self, session: SessionId) -> SlotFuture<'_, Observed>;

    /// Ends every process of the session: INT, then TERM, then, after `grace`, KILL. Returns when none is left. It goes
    /// on even if this process dies meanwhile. May be repeated; a session that is gone already is a success, and one
    /// that is about to start never will.
    fn stop(&self, session: SessionId, by: StoppedBy, grace: Duration) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Stops every process of the session where it stands (SIGSTOP), for as long as it takes, also beyond the end of
    /// this process; one that is not running yet does not begin meanwhile. May be repeated.
    fn freeze(&self, session: SessionId) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Lets every process of the session go on. May be repeated; a session that is not frozen is a success.
    fn thaw(&self, session: SessionId) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Gives the agent in the session a person's answer. May be repeated; the first answer to a request stands.
    fn answer(&self, session: SessionId, request: RequestId, answer: Answer) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Says what the session's terminal shows of the agent in it, for as long as it is polled. Cancel-safe.
    fn watch(&self, session: SessionId, tell: Tell) -> SlotFuture<'_, ()>;

    /// Waits until nobody is attached to the session, and then has its agent leave in its own way; where it does not, ends
    /// it as [`Runtime::stop`] does. May be repeated; cancelling it before the agent was told to leave changes nothing.
    fn leave(&self, session: SessionId, grace: Duration) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Types a prompt into the terminal of the session's agent once it is at its prompt, and waits until the agent shows
    /// that it took it. Nothing is typed into anything else. Not to be repeated after a success.
    fn prompt(&self, session: SessionId, text: String) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Types what has the session's agent break off its work, if it is seen at work on its screen.
    fn interrupt(&self, session: SessionId) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Returns how the session's agent ended, where its driver left word of it.
    fn agent_end(&self, session: SessionId) -> SlotFuture<'_, Option<AgentEnd>>;

    /// Waits until everything that the session's agent reported is on record, for as long as that takes a moment: what it
    /// said before its end counts before its end.
    fn reports_taken(&self, session: SessionId) -> SlotFuture<'_, ()>;

    /// Returns what the session found that looked for the gates; `None` where it left no word.
    fn checked(&self, session: SessionId) -> SlotFuture<'_, Option<CheckReport>>;

    /// Looks for signs of life of the session, and for results of its agent's tools. Takes some seconds.
    fn signs(&self, session: SessionId) -> SlotFuture<'_, Signs>;

    /// Waits until the process that put a request is gone. Returns false where that cannot be known. Cancel-safe.
    fn asker_gone(&self, session: SessionId, request: RequestId) -> SlotFuture<'_, bool>;

    /// Returns what the process wrote to a separate stdout, at most `cap` bytes of it (the first ones), as text.
    fn stdout(&self, session: SessionId, cap: usize) -> SlotFuture<'_, Result<String, SlotError>>;

    /// Returns the last `lines` lines of output as plain text: no control characters, no escape sequences.
    fn tail(&self, session: SessionId, lines: usize) -> SlotFuture<'_, String>;
}
