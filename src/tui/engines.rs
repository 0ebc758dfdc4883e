//! What the screen can do once its engine is gone: find another, or have one started in this process.

use futures_util::future::BoxFuture;

use super::model::Role;
use crate::bus::Link;
use crate::domain::command::Rejection;

/// A way to an engine.
#[derive(Debug)]
pub struct Joined {
    /// The way.
    pub link: Link,
    /// Whose engine it is.
    pub who: Role,
}

/// Finds engines for a screen that lost its own.
pub trait Engines: Send {
    /// Waits until an engine is at work again; an error says why this screen cannot show it. May be dropped and asked
    /// again.
    fn find(&self) -> BoxFuture<'static, Result<Joined, Rejection>>;

    /// Starts an engine in this process, or returns the one that another started meanwhile. Goes on when dropped.
    fn start(&self) -> BoxFuture<'static, Result<Joined, Rejection>>;
}
