//! Sees to it that nothing of a session is left: its holder ends it, and where there is none, or none that does its
//! work, this process does.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{RETRY, RETRY_LIMIT, bug, ended, wait_ended};
use crate::domain::ids::SessionId;
use crate::domain::session::StoppedBy;
use crate::holder::client::{Client, Hint};
use crate::holder::files::{HolderRecord, SessionDir};
use crate::holder::ladder::{self, LAST, Outcome, Rung, polite};
use crate::holder::tree::Tree;
use crate::slots::runtime::Observed;
use crate::slots::{ErrorClass, SlotError};

/// How long a holder that lives may fail to take an order until its work is done for it.
const DEAF: Duration = Duration::from_secs(2);
/// What a killed holder left has lost its terminal already: it is not given long.
const ORPHANS: [Rung; 1] = [(Signal::TERM, Duration::from_secs(1))];
/// How often orphans that the kernel does not let go of are tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Ends all processes of the session within about `grace` and waits until its record is complete.
pub(super) async fn end(
    dir: &SessionDir,
    session: &SessionId,
    by: StoppedBy,
    grace: Duration,
) -> Result<(), SlotError> {
    // A holder that waits with a frozen session takes orders only when it goes on.
    let _ = dir.forget_frozen();
    loop {
        match ended(dir) {
            Some(Observed::Exited(_)) => return Ok(()),
            Some(_) if bury(dir) => return end_orphans(dir, session).await,
            // A holder came at the last moment.
            Some(_) => {}
            None if told_to_end(dir, by, grace).await => return Ok(()),
            None => return end_without_holder(dir, session, grace).await,
        }
    }
}

/// Makes sure that a session which vanished stays gone: nothing of it is left when this returns true, and no holder
/// that comes late starts it. False means that such a holder came just before.
pub(super) async fn vanished(dir: &SessionDir, session: &SessionId) -> bool {
    if !bury(dir) {
        return false;
    }
    // Another attempt must not begin beside what is left of this one, however long that takes to go.
    while let Err(error) = end_orphans(dir, session).await {
        tracing::warn!("{}", error.message);
        sleep(TRY_AGAIN).await;
    }
    true
}

/// Keeps a holder that has not begun yet from ever starting the program; false if there is one that has begun.
fn bury(dir: &SessionDir) -> bool {
    // A holder takes its lock before it reads what to start. So either it finds nothing, or its lock is seen here.
    if let Err(error) = dir.withdraw_launch() {
        tracing::warn!("a late holder in `{}` cannot be kept from starting: {error}", dir.path().display());
    }
    !dir.is_held()
}

/// Has the holder end the session; false if it does not do so in time.
async fn told_to_end(dir: &SessionDir, by: StoppedBy, grace: Duration) -> bool {
    let deadline = Instant::now() + DEAF;
    let mut pause = RETRY;
    loop {
        // Once it took the order it is not asked again: whatever becomes of this process, it goes through with it.
        if let Ok(Ok(client)) = timeout_at(deadline, Client::connect(dir)).await {
            return timeout(grace + LAST, ordered(dir, client, by, grace)).await.unwrap_or(false);
        }
        if ended(dir).is_some() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(pause).await;
        pause = (pause * 2).min(RETRY_LIMIT);
    }
}

/// Gives the order and waits for the end; false if the holder closed the connection and lives on.
async fn ordered(dir: &SessionDir, mut client: Client, by: StoppedBy, grace: Duration) -> bool {
    if client.sender.stop(by, grace).await.is_err() {
        return ended(dir).is_some();
    }
    while let Ok(Some(hint)) = client.hints.next().await {
        if matches!(hint, Hint::Exited(_)) {
            return true;
        }
    }
    // It leaves: its lock goes right after the connection. One that does not know the order stays.
    timeout(DEAF, wait_ended(dir)).await.is_ok()
}

/// Ends a session whose holder lives but does nothing; the holder goes last, if it has to.
async fn end_without_holder(dir: &SessionDir, session: &SessionId, grace: Duration) -> Result<(), SlotError> {
    tracing::warn!("the holder of session {session} does not answer: the session is ended without it");
    let Some(record) = dir.holder().ok().flatten() else {
        let message = format!("session {session} does not end: its holder neither starts it nor leaves");
        return Err(SlotError::new(ErrorClass::Transient, message));
    };
    all_gone(&record, session, polite(grace).to_vec()).await?;
    if timeout(LAST, wait_ended(dir)).await.is_ok() {
        return Ok(());
    }
    // Nothing is left to hold, so nothing is lost with it but the record of an end that we brought about.
    record.holder.signal(Signal::KILL);
    timeout(LAST, wait_ended(dir)).await.map(drop).map_err(|_| {
        let message = format!("the processes of session {session} are gone, but its holder does not leave");
        SlotError::new(ErrorClass::Transient, message)
    })
}

/// Ends what a killed holder left.
async fn end_orphans(dir: &SessionDir, session: &SessionId) -> Result<(), SlotError> {
    match dir.holder() {
        Ok(Some(record)) => all_gone(&record, session, ORPHANS.to_vec()).await,
        Ok(None) => Ok(()),
        Err(error) => {
            // What cannot be read names no process that could be proven to be ours.
            tracing::warn!("what is left of session {session} cannot be looked for: {error}");
            Ok(())
        }
    }
}

/// Ends all processes of the session from here.
async fn all_gone(record: &HolderRecord, session: &SessionId, rungs: Vec<Rung>) -> Result<(), SlotError> {
    let tree = Tree::of(record);
    let work = move || ladder::end(&tree, &rungs, std::thread::sleep);
    let Outcome { left, .. } = tokio::task::spawn_blocking(work).await.map_err(|error| bug(&error.to_string()))?;
    let Some(member) = left.first() else { return Ok(()) };
    let (name, pid) = (&member.name, member.process.pid);
    let message = format!("session {session} does not end: its process {name:?} ({pid}) did not go when killed");
    Err(SlotError::new(ErrorClass::Transient, message))
}
