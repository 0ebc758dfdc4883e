//! One turn: step, journal, publish, answer; the effects are handed out last.

use std::sync::Arc;

use super::{Pending, now, share};
use crate::bus::{Batch, Publisher};
use crate::domain::command::Rejection;
use crate::domain::effect::Effect;
use crate::domain::event::Recorded;
use crate::domain::fleet::{Fleet, Outbox, Step};
use crate::store::{Job, Journal, Lock, Snapshots, Store, StoreError, Touched};

/// The truth and what every turn writes to.
pub(super) struct Turns {
    fleet: Fleet,
    /// Taken out while the disk works on it in another thread.
    journal: Option<Journal>,
    /// What is out of date on disk since before this engine; goes with the first snapshots.
    stale: Touched,
    snapshots: Snapshots,
    publisher: Publisher,
    _lock: Lock,
}

type Reply = (tokio::sync::oneshot::Sender<Result<(), Rejection>>, Result<(), Rejection>);

impl Turns {
    pub(super) fn new(store: Store, snapshots: Snapshots, fleet: Fleet, publisher: Publisher) -> Self {
        let (journal, stale, lock) = store.into_parts();
        Self { fleet, journal: Some(journal), stale, snapshots, publisher, _lock: lock }
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Takes a turn and returns what has to be done now that its events are on disk.
    pub(super) async fn take(&mut self, pending: Vec<Pending>) -> Result<Vec<Effect>, StoreError> {
        let at = now();
        let mut steps = Vec::new();
        let mut effects = Vec::new();
        let mut replies: Vec<Reply> = Vec::new();
        let mut settled = Vec::new();
        let mut live_changed = false;
        for item in pending {
            let mut out = Outbox::default();
            let (input, policy) = (item.input.clone(), self.fleet.policy.clone());
            self.fleet.step(at, item.input, &mut out);
            if let Some(reply) = item.reply {
                replies.push((reply, out.rejection.map_or(Ok(()), Err)));
            }
            settled.extend(item.settled);
            live_changed |= out.live_changed;
            effects.extend(out.effects);
            steps.push(Step { input, policy, events: out.events });
        }
        let steps = self.persist(steps).await?;
        self.publish(steps, live_changed);
        for (reply, answer) in replies {
            let _asker_gone = reply.send(answer);
        }
        for settled in settled {
            settled();
        }
        Ok(effects)
    }

    /// Puts the events on disk in a thread that may block, and gives them back.
    async fn persist(&mut self, steps: Vec<Step>) -> Result<Vec<Step>, StoreError> {
        if steps.iter().all(|step| step.events.is_empty()) {
            return Ok(steps);
        }
        let Some(mut journal) = self.journal.take() else {
            return Err(StoreError::Journal("the journal is not open after an earlier error".to_owned()));
        };
        let written = tokio::task::spawn_blocking(move || {
            let result = journal.append(&steps);
            (journal, steps, result)
        });
        let (journal, steps, result) =
            written.await.map_err(|error| StoreError::Journal(format!("writing the journal failed: {error}")))?;
        result?;
        self.journal = Some(journal);
        Ok(steps)
    }

    fn publish(&mut self, steps: Vec<Step>, live_changed: bool) {
        let events: Vec<Recorded> = steps.into_iter().flat_map(|step| step.events).collect();
        if events.is_empty() && !live_changed {
            return;
        }
        let fleet = share(&self.fleet);
        let mut touched = std::mem::take(&mut self.stale);
        touched.add(&events);
        if !touched.is_empty() {
            let journal_end = self.journal.as_ref().map(Journal::end).unwrap_or_default();
            self.snapshots.submit(Job { fleet: Arc::clone(&fleet), touched, journal_end });
        }
        self.publisher.publish(fleet, Batch { events, live_changed });
    }
}
