//! What is behind a screen: an engine of this process, or of another, or for a while none.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::compose::{self, Running};
use super::house::House;
use super::steering::connection;
use crate::cli::Failure;
use crate::domain::command::Rejection;
use crate::ipc::{self, IpcError};
use crate::tui::{Engines, Joined, Role};

/// How often an engine is looked for while there is none.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The engines behind one screen.
#[derive(Clone)]
pub(super) struct Behind {
    house: House,
    own: Arc<Mutex<Own>>,
}

/// The engine of this process.
#[derive(Default)]
struct Own {
    running: Option<Running>,
    /// Why the last one ended by itself.
    ended: Option<Failure>,
}

impl Own {
    /// Ends the engine, if there is one, and keeps what it says of its end.
    async fn end(&mut self) {
        if let Some(running) = self.running.take() {
            self.ended = running.end().await.err();
        }
    }
}

impl Behind {
    /// Starts with an engine of this process, or with that of another.
    pub(super) fn new(house: &House, running: Option<Running>) -> Self {
        Self { house: house.clone(), own: Arc::new(Mutex::new(Own { running, ended: None })) }
    }

    /// Returns whose engine it is.
    pub(super) async fn role(&self) -> Role {
        if self.own.lock().await.running.is_some() { Role::Owner } else { Role::Client }
    }

    /// Ends the engine of this process, if there is one, one that is just being started included. Says why the last one
    /// ended by itself, if it did.
    pub(super) async fn end(&self) -> Result<(), Failure> {
        let mut own = self.own.lock().await;
        own.end().await;
        own.ended.take().map_or(Ok(()), Err)
    }

    /// Returns the way to an engine of another process; `None` where none is at work.
    async fn join(&self) -> Result<Option<Joined>, Failure> {
        match ipc::connect(&self.house.socket()?).await {
            Ok(link) => Ok(link.map(|link| Joined { link, who: Role::Client })),
            // One that is about to leave, or to listen.
            Err(IpcError::Io(_)) => Ok(None),
            Err(error) => Err(connection(&error)),
        }
    }

    async fn find_one(self) -> Result<Joined, Failure> {
        {
            let mut own = self.own.lock().await;
            let was_ours = own.running.is_some();
            own.end().await;
            if let Some(failure) = own.ended.clone().filter(|_| was_ours) {
                tracing::error!("{failure}");
                return Err(failure);
            }
        }
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if let Some(joined) = self.join().await? {
                return Ok(joined);
            }
        }
    }

    async fn start_one(self) -> Result<Joined, Failure> {
        let mut own = self.own.lock().await;
        own.end().await;
        if let Some(joined) = self.join().await? {
            return Ok(joined);
        }
        let running = compose::start(&self.house, None).await?;
        let link = running.link.clone();
        *own = Own { running: Some(running), ended: None };
        Ok(Joined { link, who: Role::Owner })
    }
}

impl Engines for Behind {
    fn find(&self) -> BoxFuture<'static, Result<Joined, Rejection>> {
        let find = self.clone().find_one();
        async move { find.await.map_err(|failure| failure.into()) }.boxed()
    }

    fn start(&self) -> BoxFuture<'static, Result<Joined, Rejection>> {
        let start = tokio::spawn(self.clone().start_one());
        let defect = |error| Rejection::new(format!("the engine could not be started because of a defect: {error}"));
        async move { start.await.map_err(defect)?.map_err(|failure| failure.into()) }.boxed()
    }
}
