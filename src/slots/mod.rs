//! Contracts between the engine and the outside world.
//!
//! A slot is an object-safe trait in domain terms; adapters implement it, the engine calls it, tests fake it.
//! No provider type crosses a slot, and every method says whether it may be repeated.

mod error;
pub mod launcher;
pub mod runtime;
pub mod workspace;

use std::future::Future;
use std::pin::Pin;

pub use error::{ErrorClass, SlotError};

/// A boxed future, so that slots stay object-safe.
pub type SlotFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
