//! Rules about what agents may do without asking a person, or never.

use serde::{Deserialize, Serialize};

/// A rule. It fits a request that everything it names fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionRule {
    /// What is decided.
    pub decision: Decision,
    /// The tool, with `*` for any text; `None` means every tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The command, with `*` for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The path, with `*` for a part of it and `**` for any number of parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What a rule decides. The order is that of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Yes, without asking.
    Allow,
    /// A person is asked.
    Ask,
    /// No, without asking.
    Deny,
}
