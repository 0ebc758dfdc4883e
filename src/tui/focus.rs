//! Who has the keys when no overlay is open.

use crate::domain::ids::SessionId;

/// Who has the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Focus {
    /// The table.
    Table,
    /// The filter line of the table.
    Filter,
    /// A session's terminal. It stays with this session even when it ends, so that what is typed never turns into
    /// actions or reaches the next agent by surprise.
    Terminal(SessionId),
}
