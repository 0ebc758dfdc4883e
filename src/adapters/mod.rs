//! The implementations of the slots.
//! The outside world behind the slots.
//! The outside world: every adapter implements a slot and is the only code that speaks to its tool.
pub mod process;
pub mod runtime;
pub mod spool;
pub mod workspace;
