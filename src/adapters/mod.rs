//! The implementations of the slots.

pub mod runtime;
