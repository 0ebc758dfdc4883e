//! What the screen wants done.

use crossterm::event::{KeyEvent, MouseEvent};

use crate::domain::command::Command;

/// IO the model wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Sends a command to the engine.
    Send {
        /// The command.
        command: Box<Command>,
        /// What is said once it is accepted.
        what: String,
    },
    /// Types a key into the visible session.
    Type(KeyEvent),
    /// Pastes text into the visible session.
    Paste(String),
    /// Gives a mouse event to the visible session, if it wants such; columns and rows count from its corner.
    Mouse(MouseEvent),
    /// Turns the wheel over the visible session.
    Wheel {
        /// Lines up; negative is down.
        lines: isize,
        /// The event, if it may be given to the session; columns and rows count from its corner.
        forward: Option<MouseEvent>,
    },
    /// Puts text into the clipboard.
    Copy(String),
    /// Starts an engine in this process.
    StartEngine,
    /// Ends the program.
    Quit,
}
