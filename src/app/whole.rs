//! Stopping, freezing and resuming everything: through the engine that runs, or by hand where none does.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::house::House;
use super::{block_on, compose, steering};
use crate::cli::verbs::whole::{Rest, ToSessions, begin, said};
use crate::cli::{Failure, Steering, WholeVerb};
use crate::domain::fleet::Fleet;
use crate::domain::session::StoppedBy;
use crate::slots::runtime::Runtime;

/// How much longer than the grace of a session its end may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Does it and returns what to say.
pub(super) fn everything(house: &House, verb: WholeVerb) -> Result<String, Failure> {
    let mut steering = steering::open(house)?;
    let before = steering.fleet().mode;
    let rest = begin(&mut *steering, verb)?;
    let has_engine = steering.has_engine();
    if !has_engine {
        by_hand(house, &rest)?;
    }
    let fleet = match verb {
        WholeVerb::Stop { now: true } if has_engine => wait_until_stopped(house)?,
        _ => after(house, &*steering)?,
    };
    Ok(match verb {
        // Their ends are on disk; the next engine takes them in.
        WholeVerb::Stop { now: true } if !has_engine => said(verb, before, &Fleet::default(), has_engine),
        _ => said(verb, before, &fleet, has_engine),
    })
}

/// Returns how everything stands now.
fn after(house: &House, steering: &dyn Steering) -> Result<Fleet, Failure> {
    if steering.has_engine() { Ok((*steering::look(house)?.0).clone()) } else { Ok(steering.fleet().clone()) }
}

/// Does to the sessions what an engine would; nobody else may have the state meanwhile.
fn by_hand(house: &House, rest: &Rest) -> Result<(), Failure> {
    let Some(what) = rest.what else { return Ok(()) };
    let runtime = compose::runtime(house);
    let grace = Duration::from_secs(house.settings.stop_grace);
    let done = block_on(async {
        let each = rest.sessions.iter().map(async |session| match what {
            ToSessions::Freeze => runtime.freeze(session.clone()).await,
            ToSessions::Thaw => runtime.thaw(session.clone()).await,
            ToSessions::End => runtime.stop(session.clone(), StoppedBy::Shutdown, grace).await,
        });
        Ok(join_all(each).await)
    })?;
    match done.into_iter().find_map(Result::err) {
        Some(error) => Err(Failure::error(error.to_string())),
        None => Ok(()),
    }
}

/// Waits until no session is left; an engine that has stopped may have ended before it could be asked.
fn wait_until_stopped(house: &House) -> Result<Fleet, Failure> {
    let deadline = Instant::now() + Duration::from_secs(house.settings.stop_grace) + PATIENCE;
    loop {
        let (fleet, _) = steering::look(house)?;
        if fleet.at_work() == 0 {
            return Ok((*fleet).clone());
        }
        if Instant::now() >= deadline {
            return Err(Failure::error(format!("{} still at work; nothing new starts", fleet.at_work()))
                .hint("`aotui status` names them, the log says why"));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}
