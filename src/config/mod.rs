//! What people write down: settings, agent records, workflows, prompts and scripts, found, read, checked and frozen.
//!
//! Every defect is a [`crate::domain::problem::Problem`] with file, line and column. Never runs anything.

pub mod agents;
mod bundled;
pub mod consent;
pub mod edit;
pub(crate) mod fields;
pub mod house_rules;
pub(crate) mod json;
pub mod library;
mod night;
pub mod paths;
mod roles;
pub mod settings;
pub mod template;
pub mod triage;
pub(crate) mod workflow_file;
pub(crate) mod yaml;
