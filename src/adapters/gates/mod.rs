//! Checks gates: looks at a ticket's worktree before a phase begins, and says of its finished work what each gate found.
//!
//! It runs inside a session of its own, as the program the holder starts, so it is recorded, seen in the pane, ended as a
//! whole and found again like any other. It speaks to the engine by one file, `checks.json`, written whole at the end. It
//! never decides what the findings mean, and nothing of a repository runs but the commands of the gates themselves.

mod baseline;
mod check;
mod fake;
mod find;
mod judge;
mod lines;
mod order;
mod program;
mod results;
mod store;

pub use check::check;
pub(crate) use order::write_order;
pub use order::{CheckOrder, read_report};
pub(crate) use store::lay_out;
pub use store::{content, store_of};
