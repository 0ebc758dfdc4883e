//! The launcher slot: turns "this ticket, this phase" into a program with arguments, environment and prompt.

use std::sync::Arc;

use super::runtime::Launch;
use super::workspace::WorkspaceRequest;
use super::{SlotError, SlotFuture};
pub use crate::domain::effect::WorkOrder;
use crate::domain::permission::PermissionRule;
use crate::domain::plan::Plan;
use crate::domain::ticket::Ticket;
use crate::domain::workflow::Workflow;

/// Composes launches and texts from templates, prompts, scripts and agent records.
pub trait Launcher: Send + Sync {
    /// Returns the newest version of the workflow the ticket asks for, checked. May be repeated.
    fn workflow(&self, plan: Plan, ticket: Arc<Ticket>) -> SlotFuture<'_, Result<Workflow, SlotError>>;

    /// Returns where the ticket's workspace goes and what it starts from. Pure; the ticket names a repository.
    fn workspace(&self, plan: &Plan, ticket: &Ticket) -> Result<WorkspaceRequest, SlotError>;

    /// Returns what to start. Writes the prompt file into the session's directory; may be repeated.
    fn compose(&self, order: WorkOrder) -> SlotFuture<'_, Result<Launch, SlotError>>;

    /// Adds a rule to the user's settings.
    fn keep_rule(&self, rule: PermissionRule) -> SlotFuture<'_, Result<(), SlotError>>;

    /// Returns the rendered question of an approval phase. May be repeated.
    fn question(&self, order: WorkOrder) -> SlotFuture<'_, Result<String, SlotError>>;

    /// Reads the list of a phase from its file in the workspace. May be repeated.
    fn list(&self, order: WorkOrder) -> SlotFuture<'_, Result<Vec<String>, SlotError>>;

    /// Runs a capture's shell text in the ticket's workspace and returns its trimmed stdout. May be repeated.
    fn capture(&self, order: WorkOrder, script: String) -> SlotFuture<'_, Result<String, SlotError>>;
}
