//! The launcher slot: turns "this ticket, this phase" into a program with arguments, environment and prompt.

use super::runtime::Launch;
use super::{SlotError, SlotFuture};
pub use crate::domain::effect::WorkOrder;

/// Composes launches and texts from templates, prompts, scripts and agent records.
pub trait Launcher: Send + Sync {
    /// Returns what to start. Writes the prompt file into the session's directory; may be repeated.
    fn compose(&self, order: WorkOrder) -> SlotFuture<'_, Result<Launch, SlotError>>;

    /// Returns the rendered question of an approval phase. May be repeated.
    fn question(&self, order: WorkOrder) -> SlotFuture<'_, Result<String, SlotError>>;

    /// Runs a capture's shell text in the ticket's workspace and returns its trimmed stdout. May be repeated.
    fn capture(&self, order: WorkOrder, script: String) -> SlotFuture<'_, Result<String, SlotError>>;
}
