//! The one error of all slots: a class that policy can act on, and words for a person.

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
