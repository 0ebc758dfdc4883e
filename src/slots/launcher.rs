//! The launcher slot: turns "this ticket, this phase" into a program with arguments, environment and prompt.

use super::runtime::Launch;
use super::{SlotError, SlotFuture};
use crate::domain::ids::{AgentName, SessionId};
use crate::domain::plan::Plan;
use crate::domain::ticket::Ticket;
use crate::domain::workflow::Phase;

/// One attempt of a phase that is about to run. `ticket.progress` is as it stands with this attempt counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrder {
    /// The session it will run in.
    pub session: SessionId,
    /// The plan.
    pub plan: Plan,
    /// The ticket; its workspace is there.
    pub ticket: Ticket,
    /// The phase.
    pub phase: Phase,
    /// The agent, for agent phases.
    pub agent: Option<AgentName>,
}

/// Composes launches and texts from templates, prompts, scripts and agent records.
pub trait Launcher: Send + Sync {
    /// Returns what to start. Writes the prompt file into the session's directory; may be repeated.
    fn compose(&self, order: WorkOrder) -> SlotFuture<'_, Result<Launch, SlotError>>;

    /// Returns the rendered question of an approval phase. May be repeated.
    fn question(&self, order: WorkOrder) -> SlotFuture<'_, Result<String, SlotError>>;

    /// Runs a capture's shell text in the ticket's workspace and returns its trimmed stdout. May be repeated.
    fn capture(&self, order: WorkOrder, script: String) -> SlotFuture<'_, Result<String, SlotError>>;
}
