//! What agents' programs call while they work on a screen of their own: hooks and notifications become reports, and a
//! person's answer becomes the hook's.
//!
//! It runs inside the session, as a child of the agent, and speaks to the engine by files alone, so it counts even while
//! no engine runs. What it is given is hostile: what it does not understand does nothing, and it never fails the agent.

mod claude;
mod codex;
mod files;
mod run;
mod transcript;

pub use claude::settings as claude_settings;
pub use files::{FaceOrder, Heard, TranscriptOrder};
pub use run::hook;
