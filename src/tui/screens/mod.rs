//! The screens. They know the model and never one another.

pub(super) mod fleet;
