//! The control socket of a running engine: how a second `aotui` watches and steers it.
//!
//! JSON lines over a Unix socket that only this user can open. Both sides first say which version they are. A watcher
//! gets a snapshot, then events; one that is too slow gets a fresh snapshot, and never slows the engine. It carries
//! what [`crate::bus`] carries and nothing else: no terminal bytes, no files, no secrets. It never decides anything.

mod caller;
mod client;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use caller::Caller;
pub use client::connect;
pub use server::{BindError, Server};
pub use wire::{IpcError, PROTOCOL};
