//! What the screen reacts to.

use std::sync::Arc;

use super::input::{KeyPress, Mouse};
use super::model::Role;
use crate::domain::command::Rejection;
use crate::domain::fleet::Fleet;

/// Something happened.
#[derive(Debug, Clone)]
pub(super) enum Msg {
    /// A key was pressed.
    Key(KeyPress),
    /// Text was pasted.
    Paste(String),
    /// The mouse was used.
    Mouse(Mouse),
    /// The terminal has a new size: columns, rows.
    Resize(u16, u16),
    /// There is a new snapshot.
    Fleet(Arc<Fleet>),
    /// There will be no more snapshots.
    EngineGone,
    /// There is an engine again.
    EngineBack {
        /// How everything stands now.
        fleet: Arc<Fleet>,
        /// Whose engine it is.
        who: Role,
    },
    /// There is an engine that cannot be shown, or none could be started.
    NoEngine(Rejection),
    /// The engine answered a command.
    Answered {
        /// What was wished, for the notice: `approved PAY-1`.
        what: String,
        /// Whether it was accepted.
        result: Result<(), Rejection>,
    },
}
