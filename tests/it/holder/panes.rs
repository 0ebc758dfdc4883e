//! What a viewer of a session lives through.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use aotui::domain::session::StoppedBy;
use aotui::holder::files::HolderRecord;
use aotui::slots::runtime::{Observed, Runtime};
use aotui::terminal::PaneState;

use super::{Place, eventually, kill, session, shown, within};

#[tokio::test]
async fn a_killed_holder_is_seen_at_once_and_what_it_recorded_is_still_shown() {
    let place = Place::new();
    place.start(1, "echo started; read line").await;
    place.until_output(1, "started").await;
    let pane = place.pane(1);
    eventually("the pane is live", || pane.state() == PaneState::Live).await;
    let waiting = place.runtime.wait(session(1));
    kill(place.holder(1).holder.pid);
    assert_eq!(within(waiting).await, Observed::Vanished);
    eventually("the pane says so", || pane.state() == PaneState::Vanished).await;
    assert!(shown(&pane).starts_with("started"));
    place.start(1, "echo again").await;
    assert_eq!(place.runtime.observe(session(1)).await, Observed::Vanished);
    place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(1)).await.unwrap();
}

#[tokio::test]
async fn what_is_typed_in_a_pane_reaches_the_program_and_its_answer_the_screen() {
    let place = Place::new();
    let pane = place.pane(1);
    assert_eq!(pane.state(), PaneState::Waiting);
    assert!(pane.input("early\r"));
    place.start(1, "read a; echo first:$a; read b; echo second:$b").await;
    eventually("the early input was used", || shown(&pane).contains("first:early")).await;
    assert!(pane.take_dirty());
    assert!(pane.input("later\r"));
    eventually("the screen shows the answer", || shown(&pane).contains("second:later")).await;
    eventually("the pane knows the end", || pane.ended().is_some_and(|exit| exit.code == Some(0))).await;

    let replay = place.pane(1);
    eventually("a later viewer sees the same", || replay.ended().is_some() && shown(&replay) == shown(&pane)).await;
    let tail = place.runtime.tail(session(1), 1).await;
    assert_eq!(tail, "second:later");
}

#[tokio::test]
async fn a_new_size_reaches_the_program_and_a_later_viewer() {
    let place = Place::new();
    place.start(1, "trap 'stty size' WINCH; stty size; echo ready; while :; do sleep 0.05; done").await;
    place.until_output(1, "24 80").await;
    place.until_output(1, "ready").await;
    let pane = place.pane(1);
    eventually("the pane is live", || pane.state() == PaneState::Live).await;
    for cols in 81..=100 {
        pane.resize(cols, 30);
    }
    place.until_output(1, "30 100").await;
    eventually("the pane has the size", || pane.with_screen(|screen| screen.size()) == (100, 30)).await;
    assert_eq!(place.output(1).matches("30 ").count(), 1, "only the last size counts");
    drop(pane);
    assert_eq!(place.runtime.observe(session(1)).await, Observed::Running);
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(1))).await.unwrap();
    let replay = place.pane(1);
    eventually("the recording has it too", || replay.ended().is_some()).await;
    assert_eq!(replay.with_screen(|screen| screen.size()), (100, 30));
}

#[tokio::test]
async fn one_view_answers_what_the_program_asks_its_terminal() {
    let place = Place::new();
    let (watcher, guest) = (place.pane(1), place.pane(1));
    watcher.answer_queries();
    let script = "stty raw -echo; printf 'ab\\033[6n'; head -c 6 | od -An -c; head -c 1; echo end";
    place.start(1, script).await;
    place.until_output(1, "033   [   1   ;   3   R").await;
    eventually("the guest sees it", || shown(&guest).contains("033")).await;
    assert!(watcher.input("!"));
    place.until_output(1, "!end").await;
}

#[tokio::test]
async fn a_program_that_does_not_read_stops_neither_its_output_nor_the_pane() {
    let place = Place::new();
    place.start(1, "stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.02; done; head -c 3000000 | wc -c").await;
    place.until_output(1, "ready").await;
    let pane = place.pane(1);
    for _ in 0..3 {
        assert!(pane.input(vec![b'x'; 1_000_000]));
    }
    assert!(!pane.input(vec![b'x'; 20_000_000]), "there is a limit to what waits");
    fs::write(place.temp.path().join("go"), "").unwrap();
    place.until_output(1, "3000000").await;
}

#[tokio::test]
async fn the_session_of_a_holder_from_another_version_can_still_be_watched() {
    let place = Place::new();
    place.start(1, "echo old; read line").await;
    place.until_output(1, "old").await;
    let stranger = UnixListener::bind(place.temp.path().join("s")).unwrap();
    let record = HolderRecord { socket: place.temp.path().join("s"), ..place.holder(1) };
    fs::write(place.dir(1).path().join("holder.json"), serde_json::to_vec(&record).unwrap()).unwrap();
    std::thread::spawn(move || {
        for stream in stranger.incoming() {
            let _ = stream.and_then(|mut stream| stream.write_all(&[b'H', 2, 0, 0, 0, 9, 0]));
        }
    });
    let pane = place.pane(1);
    let says_why = |state| matches!(state, PaneState::Unreachable(why) if why.contains("protocol 9"));
    eventually("the pane says why", || says_why(pane.state())).await;
    eventually("the recording is shown", || shown(&pane).contains("old")).await;
    place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(1)).await.unwrap();
    eventually("the end is seen", || pane.ended().is_some()).await;
}
