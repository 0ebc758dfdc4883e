//! Drives an agent that works without a terminal of its own: feeds it its prompt, prints a readable transcript of what it
//! says, passes on what it asks, and leaves a record of how it ended.
//!
//! It runs inside the session, as the program the holder starts, so it outlives the engine as the agent does. It speaks to
//! the engine by files alone: reports in the spool, answers and `outcome.json` in the session's directory. It decides
//! nothing about the ticket.

mod acp;
mod bounds;
mod child;
mod claude;
mod console;
mod drive;
mod leftovers;
mod order;
mod talk;

pub use claude::say as claude_message;
pub use drive::drive;
pub use leftovers::commit as commit_leftovers;
pub use order::{DriveOrder, OUTCOME_FILE, RESULTS_FILE, STREAM_FILE, note_result, read_outcome, write_outcome};
