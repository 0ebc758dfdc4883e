//! Sessions that are made to stand still.

use std::fs;
use std::time::Duration;

use aotui::domain::session::StoppedBy;
use aotui::slots::runtime::{Observed, Runtime};

use super::{DETACH, Place, eventually, runtime_in, session, within};

/// Counts in a file, twenty times a second, and has a helper that left the session's own process group do the same.
const COUNTING: &str = "trap 'echo bye; exit 5' INT; \
    detach 'while :; do echo x >>helper; sleep 0.05; done'; \
    while :; do echo x >>leader; sleep 0.05; done";

fn counted(place: &Place, file: &str) -> u64 {
    fs::metadata(place.temp.path().join(file)).map_or(0, |metadata| metadata.len())
}

#[tokio::test]
async fn a_frozen_session_stands_still_until_another_engine_lets_it_go() {
    let place = Place::new();
    place.start(1, &format!("{DETACH}{COUNTING}")).await;
    eventually("both count", || counted(&place, "leader") > 0 && counted(&place, "helper") > 0).await;
    place.runtime.freeze(session(1)).await.unwrap();
    let still = (counted(&place, "leader"), counted(&place, "helper"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((counted(&place, "leader"), counted(&place, "helper")), still);
    assert_eq!(place.runtime.observe(session(1)).await, Observed::Running);

    let next = runtime_in(place.temp.path());
    next.freeze(session(1)).await.unwrap();
    next.thaw(session(1)).await.unwrap();
    eventually("both go on", || counted(&place, "leader") > still.0 && counted(&place, "helper") > still.1).await;
    within(next.stop(session(1), StoppedBy::Person, Duration::from_secs(3))).await.unwrap();
}

#[tokio::test]
async fn a_frozen_session_can_be_stopped_politely() {
    let place = Place::new();
    place.start(1, &format!("{DETACH}{COUNTING}")).await;
    eventually("it runs", || counted(&place, "leader") > 0).await;
    place.runtime.freeze(session(1)).await.unwrap();
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(9))).await.unwrap();
    assert_eq!(place.exit_of(1).await.code, Some(5));
}

#[tokio::test]
async fn a_session_that_was_frozen_before_it_started_waits_to_be_let_go() {
    let place = Place::new();
    place.runtime.freeze(session(1)).await.unwrap();
    place.start(1, "echo x >>leader").await;
    assert_eq!(place.runtime.observe(session(1)).await, Observed::Running);
    assert_eq!(counted(&place, "leader"), 0);
    place.runtime.thaw(session(1)).await.unwrap();
    assert_eq!(place.exit_of(1).await.code, Some(0));
    assert_eq!(counted(&place, "leader"), 2);
    place.runtime.freeze(session(3)).await.unwrap();
    place.start(3, "echo x >>third").await;
    within(place.runtime.stop(session(3), StoppedBy::Person, Duration::from_millis(300))).await.unwrap();
    assert!(matches!(place.runtime.observe(session(3)).await, Observed::Exited(_)));
    place.runtime.thaw(session(2)).await.unwrap();
}
