//! The outside world behind the slots: each adapter is the only code that speaks to its tool.

pub mod process;
pub mod runtime;
pub mod spool;
pub mod workspace;
