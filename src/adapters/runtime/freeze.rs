//! Makes the processes of a session stand still, and lets them go on.

use std::io;

use crate::domain::ids::SessionId;
use crate::holder::files::SessionDir;
use crate::holder::tree::Tree;
use crate::slots::{ErrorClass, SlotError};

/// Freezes all processes of the session; one that was not started yet is not started before it is let go.
pub(super) fn freeze(dir: &SessionDir, session: &SessionId) -> Result<(), SlotError> {
    // Noted first: a holder looks at the note before it starts the program, and once more after that.
    let noted = dir.note_frozen();
    let record = dir.holder().map_err(|error| cannot("frozen", session, &error))?;
    let Some(record) = record.filter(|record| record.child.is_some()) else {
        return noted.map_err(|error| cannot("frozen", session, &error));
    };
    match Tree::of(&record).freeze().first() {
        None => Ok(()),
        Some(moving) => {
            let (name, pid) = (&moving.name, moving.process.pid);
            let message = format!("session {session} is not frozen: its process {name:?} ({pid}) does not stand still");
            Err(SlotError::new(ErrorClass::Transient, message))
        }
    }
}

/// Lets all processes of the session go on.
pub(super) fn thaw(dir: &SessionDir, session: &SessionId) -> Result<(), SlotError> {
    dir.forget_frozen().map_err(|error| cannot("let go on", session, &error))?;
    let record = dir.holder().map_err(|error| cannot("let go on", session, &error))?;
    if let Some(record) = record {
        Tree::of(&record).thaw();
    }
    Ok(())
}

fn cannot(what: &str, session: &SessionId, error: &io::Error) -> SlotError {
    SlotError::new(ErrorClass::Transient, format!("session {session} cannot be {what}: {error}"))
}
