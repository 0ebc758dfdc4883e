//! What goes on between a session's agent and its terminal while it runs: what is seen there becomes reports, and an agent
//! whose turn is over leaves unless somebody tells it more first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Arrival;
use crate::domain::effect::{Report, SessionEnd};
use crate::domain::ids::SessionId;
use crate::slots::runtime::Runtime;

/// Waits for the end of a session and reports what is seen of it until then.
pub(super) async fn watched(
    runtime: &dyn Runtime,
    session: &SessionId,
    reports: &mpsc::Sender<Arrival>,
    run: impl Future<Output = SessionEnd>,
) -> SessionEnd {
    let (seen, mut sights) = mpsc::unbounded_channel();
    let tell = Box::new(move |report| {
        // Nobody listens any more once the session is over.
        let _ = seen.send(report);
    });
    let mut run = pin!(run);
    let mut watch = pin!(runtime.watch(session.clone(), tell));
    let mut watching = true;
    loop {
        tokio::select! {
            end = &mut run => return end,
            () = &mut watch, if watching => watching = false,
            Some(report) = sights.recv() => {
                let report = Report::Agent { session: session.clone(), report };
                let _engine_gone = reports.send(report.into()).await;
            }
        }
    }
}

/// Sessions whose agents shall leave.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving(Arc<Mutex<HashMap<SessionId, CancellationToken>>>);

impl Leaving {
    fn wishes(&self) -> MutexGuard<'_, HashMap<SessionId, CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a session's agent shall leave. Called in the order of the wishes.
    pub(super) fn wish(&self, session: &SessionId) {
        if let Some(before) = self.wishes().insert(session.clone(), CancellationToken::new()) {
            before.cancel();
        }
    }

    /// Takes the wish back, or forgets a session that is over.
    pub(super) fn forget(&self, session: &SessionId) {
        if let Some(wish) = self.wishes().remove(session) {
            wish.cancel();
        }
    }

    /// Has the agent leave unless that was taken back.
    pub(super) async fn carry_out(&self, runtime: &dyn Runtime, session: &SessionId, grace: Duration) {
        let Some(wish) = self.wishes().get(session).cloned() else { return };
        tokio::select! {
            biased;
            () = wish.cancelled() => {}
            left = runtime.leave(session.clone(), grace) => {
                if let Err(error) = left {
                    tracing::error!("the agent of session {session} does not leave: {error}");
                }
            }
        }
    }
}
