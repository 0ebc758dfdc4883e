//! One turn: step, journal, publish, answer; the effects are handed out last.
//!
//! What cannot be recorded did not happen: the fleet goes back to what is on disk, nothing starts, commands are refused,
//! and reports wait for the disk.

use std::sync::{Arc, Mutex, PoisonError};

use super::clock::Clock;
use super::{Pending, share};
use crate::bus::{Batch, Publisher};
use crate::domain::command::{Command, Rejection};
use crate::domain::effect::Effect;
use crate::domain::event::Recorded;
use crate::domain::fleet::{Fleet, Input, Outbox, Step};
use crate::domain::time::Timestamp;
use crate::store::{Job, Journal, Lock, Snapshots, Store, StoreError, Touched};

/// The truth and what every turn writes to.
pub(super) struct Turns {
    fleet: Fleet,
    /// What is on disk, and what everyone was told.
    published: Arc<Fleet>,
    /// Reports, and the recovery, that wait for the disk.
    held: Vec<Pending>,
    journal: Arc<Mutex<Journal>>,
    /// What is out of date on disk since before this engine; goes with the first snapshots.
    stale: Touched,
    snapshots: Snapshots,
    publisher: Publisher,
    clock: Arc<dyn Clock>,
    _lock: Lock,
}

/// What stepping the fleet gave.
#[derive(Default)]
struct Stepped {
    steps: Vec<Step>,
    effects: Vec<Effect>,
    /// One for each input.
    answers: Vec<Result<(), Rejection>>,
    live_changed: bool,
}

impl Turns {
    pub(super) fn new(
        store: Store,
        snapshots: Snapshots,
        fleet: Fleet,
        publisher: Publisher,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (journal, stale, lock) = store.into_parts();
        let published = share(&fleet);
        let journal = Arc::new(Mutex::new(journal));
        Self { fleet, published, held: Vec::new(), journal, stale, snapshots, publisher, clock, _lock: lock }
    }

    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Returns whether nothing can be recorded at the moment.
    pub(super) fn is_stalled(&self) -> bool {
        self.fleet.live.stalled.is_some()
    }

    /// Returns the moment it is now.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.read().at
    }

    /// Takes a turn and returns what has to be done now that its events are on disk. Where they cannot be put there,
    /// the turn is to be taken again before long, with nothing or with what came meanwhile.
    pub(super) async fn take(&mut self, pending: Vec<Pending>) -> Vec<Effect> {
        let reading = self.clock.read();
        let at = reading.at;
        let mut all = std::mem::take(&mut self.held);
        all.extend(pending);
        // Before anything else: what is due depends on it.
        if self.fleet.jump(&reading).is_some() {
            all.insert(0, Pending::new(Input::Clock(reading)));
        }
        if self.fleet.next_due().is_some_and(|due| due <= at) || (all.is_empty() && self.is_stalled()) {
            all.push(Pending::new(Input::Due));
        }
        if all.is_empty() {
            return Vec::new();
        }
        let mut stepped = Stepped::default();
        let inputs: Vec<Input> = all.iter().map(|item| item.input.clone()).collect();
        for input in inputs {
            let mut out = Outbox::default();
            let policy = self.fleet.policy.clone();
            self.fleet.step(at, input.clone(), &mut out);
            stepped.add(Step { input, policy, events: std::mem::take(&mut out.events) }, out);
        }
        match self.persist(std::mem::take(&mut stepped.steps)).await {
            Ok(steps) => {
                let goes_on = self.fleet.live.stalled.take().is_some();
                if goes_on {
                    tracing::info!("events can be recorded again: work goes on");
                }
                self.publish(steps, stepped.live_changed || goes_on);
                settle(all, stepped.answers);
                stepped.effects
            }
            Err(error) => self.stall(all, &error),
        }
    }

    /// Puts the events on disk in a thread that may block, and gives them back.
    async fn persist(&mut self, steps: Vec<Step>) -> Result<Vec<Step>, StoreError> {
        let nothing_new = steps.iter().all(|step| step.events.is_empty());
        if nothing_new && !self.is_stalled() {
            return Ok(steps);
        }
        let (journal, before, after) = (Arc::clone(&self.journal), Arc::clone(&self.published), share(&self.fleet));
        let written = tokio::task::spawn_blocking(move || {
            // A panic in the middle of writing leaves a journal that has to be mended, as an error does.
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.mend(&before)?;
            if nothing_new {
                journal.probe()?;
            }
            journal.append(&steps)?;
            journal.rotate_if_full(&after);
            Ok(steps)
        });
        written.await.unwrap_or_else(|error| Err(StoreError::Journal(format!("writing the journal failed: {error}"))))
    }

    /// Goes back to what is on disk. Reports wait; a command is refused unless it needs nothing recorded.
    fn stall(&mut self, pending: Vec<Pending>, error: &StoreError) -> Vec<Effect> {
        let why = error.to_string();
        let was = self.published.live.stalled.as_ref();
        if was != Some(&why) {
            tracing::error!("nothing new starts, and sessions go on: {why}");
        }
        let mut live_changed = was != Some(&why);
        self.fleet = Fleet::clone(&self.published);
        self.fleet.live.stalled = Some(why.clone());
        let mut effects = Vec::new();
        for item in pending {
            match item {
                Pending { input: Input::Command(command), reply, .. } => {
                    let answer = match self.without_record(command) {
                        Some(mut out) => {
                            live_changed |= out.live_changed;
                            effects.append(&mut out.effects);
                            out.rejection.map_or(Ok(()), Err)
                        }
                        None => Err(Rejection::new(format!("this cannot be recorded: {why}"))
                            .hint("sessions go on; try again once that is settled")),
                    };
                    if let Some(reply) = reply {
                        let _asker_gone = reply.send(answer);
                    }
                }
                // What the clock says is read anew at the next try.
                Pending { input: Input::Due | Input::Clock(_), .. } => {}
                item @ Pending { input: Input::Report(_) | Input::Recover { .. }, .. } => self.held.push(item),
            }
        }
        self.publish(Vec::new(), live_changed);
        effects
    }

    /// Carries out a command if that gives no events; `None` where it would.
    fn without_record(&mut self, command: Command) -> Option<Outbox> {
        let mut fleet = self.fleet.clone();
        fleet.policy.dispatch = false;
        let mut out = Outbox::default();
        fleet.step(self.now(), Input::Command(command), &mut out);
        if !out.events.is_empty() {
            return None;
        }
        fleet.policy = std::mem::take(&mut self.fleet.policy);
        self.fleet = fleet;
        Some(out)
    }

    fn publish(&mut self, steps: Vec<Step>, live_changed: bool) {
        let events: Vec<Recorded> = steps.into_iter().flat_map(|step| step.events).collect();
        if events.is_empty() && !live_changed && self.stale.is_empty() {
            return;
        }
        self.published = share(&self.fleet);
        let mut touched = std::mem::take(&mut self.stale);
        touched.add(&events);
        if !touched.is_empty() {
            let journal_end = self.journal.lock().unwrap_or_else(PoisonError::into_inner).end();
            self.snapshots.submit(Job { fleet: Arc::clone(&self.published), touched, journal_end });
        }
        self.publisher.publish(Arc::clone(&self.published), Batch { events, live_changed });
    }
}

impl Stepped {
    fn add(&mut self, step: Step, out: Outbox) {
        self.steps.push(step);
        self.effects.extend(out.effects);
        self.answers.push(out.rejection.map_or(Ok(()), Err));
        self.live_changed |= out.live_changed;
    }
}

/// Tells everyone who waits that it is on disk, or refused.
fn settle(pending: Vec<Pending>, answers: Vec<Result<(), Rejection>>) {
    let (replies, settled): (Vec<_>, Vec<_>) =
        pending.into_iter().zip(answers).map(|(item, answer)| ((item.reply, answer), item.settled)).unzip();
    for (reply, answer) in replies {
        if let Some(reply) = reply {
            let _asker_gone = reply.send(answer);
        }
    }
    for settled in settled.into_iter().flatten() {
        settled();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::bus;
    use crate::domain::command::TicketAction;
    use crate::domain::problem::Problem;
    use crate::engine::SystemClock;

    fn command(command: Command) -> Pending {
        Pending::new(Input::Command(command))
    }

    fn put(n: usize) -> Pending {
        let brief = serde_json::json!({ "key": format!("p/T-{n}"), "title": "Make it better" });
        let brief = serde_json::from_value(brief).unwrap();
        command(Command::PutTicket { brief, order: 0, blocked_by: Vec::new() })
    }

    #[tokio::test]
    async fn a_turn_waits_for_the_disk_once_however_much_came_and_never_without_an_event() {
        let state = tempfile::tempdir().unwrap();
        let (store, mut loaded) = Store::open(state.path()).unwrap();
        loaded.fleet.policy.dispatch = false;
        let snapshots = Snapshots::start(store.layout.clone()).unwrap();
        let (end, _link) = bus(Arc::new(loaded.fleet.clone()));
        let mut turns = Turns::new(store, snapshots, loaded.fleet, end.publisher, Arc::new(SystemClock::new()));
        let syncs = |turns: &Turns| turns.journal.lock().unwrap().syncs();

        let plan = serde_json::from_value(serde_json::json!({ "id": "p", "name": "p" })).unwrap();
        let mut all = vec![command(Command::PutPlan { plan })];
        all.extend((0..200).map(put));
        turns.take(all).await;
        assert_eq!((turns.fleet().tickets.len(), syncs(&turns)), (200, 1));

        for _ in 0..10 {
            let key = "p/T-1".parse().unwrap();
            turns.take(vec![command(Command::Ticket { key, action: TicketAction::Pause })]).await;
            let problems = vec![Problem::in_file("plan.json", "live facts are not recorded")];
            turns.take(vec![command(Command::SetProblems { problems })]).await;
        }
        assert_eq!(syncs(&turns), 2, "what changes nothing is not recorded");
    }
}
