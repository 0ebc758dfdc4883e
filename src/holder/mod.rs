//! The holder: the small process that owns one session's terminal.
//!
//! It starts the session's program on a PTY, records every byte it prints, passes typed bytes and sizes to it, and
//! leaves an exit record behind. It lives in its own session, so the engine and the screen may die at any moment
//! without the program noticing. It ends what the program leaves behind, and the program where it is told to. It never looks into the bytes it records, never waits for a viewer, and never
//! starts a second program for the same directory.

mod bounded;
pub mod client;
mod clients;
mod ending;
pub mod files;
pub(crate) mod ladder;
mod proc;
mod process;
mod program;
mod protocol;
mod pump;
mod record;
mod recorder;
pub mod recording;
mod serve;
mod socket;
mod spawn;
pub(crate) mod tree;

pub use proc::start_time;
pub(crate) use process::READY;
pub use process::hold;
pub use protocol::PROTOCOL_VERSION;
