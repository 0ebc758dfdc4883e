//! The workflows and prompts that come with the program. To add one, add a row.

/// File name and content of every bundled workflow.
pub(super) const WORKFLOWS: &[(&str, &str)] = &[("minimal.yaml", include_str!("../../workflows/minimal.yaml"))];

/// File name and content of every bundled prompt.
pub(super) const PROMPTS: &[(&str, &str)] = &[];
