//! Pausing the processes of sessions and letting them go on. Effects are carried out side by side, so what was wished
//! for last is kept here, and it is what counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::ids::SessionId;
use crate::slots::runtime::Runtime;

/// Pauses between attempts to make a session stand still that moves too fast.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// What is wished for each session of which something was wished.
#[derive(Debug, Clone, Default)]
pub(super) struct Frozen(Arc<Mutex<HashMap<SessionId, Wish>>>);

#[derive(Debug, Clone, Default)]
struct Wish {
    frozen: bool,
    /// Held while it is carried out.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Frozen {
    fn wishes(&self) -> MutexGuard<'_, HashMap<SessionId, Wish>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a wish. Called in the order of the wishes.
    pub(super) fn wish(&self, session: &SessionId, frozen: bool) {
        self.wishes().entry(session.clone()).or_default().frozen = frozen;
    }

    /// Forgets a session that is over.
    pub(super) fn forget(&self, session: &SessionId) {
        self.wishes().remove(session);
    }

    /// Makes a session as it is wished for last.
    pub(super) async fn carry_out(&self, runtime: &dyn Runtime, session: &SessionId) {
        let known = || self.wishes().get(session).cloned();
        let Some(wish) = known() else { return };
        let _turn = wish.turn.lock().await;
        let mut pauses = PAUSES.iter();
        while let Some(wish) = known() {
            let done = match wish.frozen {
                true => runtime.freeze(session.clone()).await,
                false => runtime.thaw(session.clone()).await,
            };
            match (done, pauses.next()) {
                (Ok(()), _) => return,
                (Err(_), Some(pause)) => tokio::time::sleep(*pause).await,
                (Err(error), None) => return tracing::error!("{error}"),
            }
        }
    }
}
