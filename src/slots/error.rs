//! The one error of all slots: a class that policy can act on, and words for a person.

use std::io;

use rustix::io::Errno;

/// What kind of failure it was; policy goes by this, never by the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// May work when tried again.
    Transient,
    /// The thing asked about does not exist.
    NotFound,
    /// Someone else holds or changed it.
    Conflict,
    /// The user has to change a setting, a file or the environment.
    Misconfigured,
    /// A defect in aotui.
    Bug,
}

impl ErrorClass {
    /// Returns what an error of the system means: [`ErrorClass::Transient`] where it was short of processes, memory,
    /// descriptors or space, or something was busy; else the environment has to be changed.
    pub fn of(error: &io::Error) -> Self {
        let short = [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::DQUOT];
        let busy = [Errno::INTR, Errno::BUSY, Errno::TXTBSY];
        match Errno::from_io_error(error) {
            Some(errno) if short.contains(&errno) || busy.contains(&errno) => Self::Transient,
            _ => Self::Misconfigured,
        }
    }
}

/// A failed slot call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SlotError {
    /// What policy goes by.
    pub class: ErrorClass,
    /// What a person reads: what failed, where, and what to do about it.
    pub message: String,
}

impl SlotError {
    /// Returns an error of `class` with a message for a person.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_short_of_something_is_told_from_one_that_is_set_up_wrongly() {
        let class = |errno: Errno| ErrorClass::of(&errno.into());
        assert_eq!([Errno::AGAIN, Errno::MFILE, Errno::NOSPC].map(class), [ErrorClass::Transient; 3]);
        assert_eq!([Errno::NOENT, Errno::ACCESS, Errno::NOEXEC].map(class), [ErrorClass::Misconfigured; 3]);
    }
}
