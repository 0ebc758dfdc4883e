//! The outside world behind the slots: each adapter is the only code that speaks to its tool.
//! The outside world: every adapter implements a slot and is the only code that speaks to its tool.
pub mod gates;
pub mod launcher;
pub mod process;
pub mod runtime;
pub mod spool;
pub mod transcripts;
pub mod workspace;
