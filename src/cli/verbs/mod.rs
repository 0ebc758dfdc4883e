//! The verbs: each reads what it needs, says what it did and returns why not.

pub mod add;
pub mod cost;
pub mod doctor;
pub mod events;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod gc;
pub mod import;
pub mod init;
pub mod leaves;
pub mod replay;
pub mod run;
pub mod sessions;
pub mod status;
pub mod steer;
pub mod whole;
pub mod workflow;
