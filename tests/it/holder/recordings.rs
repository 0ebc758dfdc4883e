//! Recordings of sessions that print too much, or more than the disk takes.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;

use aotui::adapters::runtime::HolderRuntime;
use aotui::holder::recording::{Piece, Recording};
use aotui::slots::runtime::{Launch, Observed, Runtime};
use aotui::terminal::PaneState;

use super::{Place, eventually, runtime_in, session, shown, within};

const LIMIT: u64 = 300_000;

fn limited(place: &Place, n: u32, script: &str) -> Launch {
    Launch { recording_limit: LIMIT, ..place.launch(n, &["sh", "-c", script]) }
}

#[tokio::test]
async fn a_flood_stays_within_its_limit_and_its_viewer_follows_to_the_end() {
    let place = Place::new();
    let flood =
        "echo first; read go; i=0; while [ $i -lt 30 ]; do head -c 200000 /dev/zero | tr '\\0' x; i=$((i+1)); done";
    place.runtime.start(limited(&place, 1, &format!("{flood}; echo; echo last; read end"))).await.unwrap();
    let pane = place.pane(1);
    eventually("the pane is live", || pane.state() == PaneState::Live && shown(&pane).contains("first")).await;
    assert!(pane.input("\r"));
    eventually("the pane shows the end", || shown(&pane).contains("last")).await;
    let late = place.pane(1);
    eventually("a late pane shows it too", || shown(&late).contains("last")).await;
    assert!(place.runtime.tail(session(1), 1).await.contains("last"));
    assert!(pane.input("\r"));
    assert_eq!(place.exit_of(1).await.lost_bytes, 0);

    let room = fs::metadata(place.dir(1).output()).unwrap().blocks() * 512;
    assert!(room <= LIMIT + 16 * 1024, "{room}");
    assert!(fs::metadata(place.dir(1).times()).unwrap().blocks() * 512 <= LIMIT / 2);
    let recording = Recording::open(&place.dir(1)).unwrap();
    assert!(recording.total().unwrap() > 6_000_000);
    let mut head = [0; 5];
    assert_eq!(recording.read_at(&mut head, 0).unwrap(), Piece::Bytes(5));
    assert_eq!(&head, b"first");
}

#[tokio::test]
async fn without_room_for_its_record_the_end_of_a_session_is_still_known_and_recorded_later() {
    let place = Place::new();
    let faults = place.temp.path().join("faults");
    fs::create_dir(&faults).unwrap();
    fs::write(faults.join("wish"), "exit.write full 1 1000000\n").unwrap();
    let script = format!("AOTUI_FAULTS={} exec \"$0\" hold \"$1\"", faults.display());
    let command = ["sh", "-c", &script, env!("CARGO_BIN_EXE_aotui")].map(OsString::from).to_vec();
    let crowded = HolderRuntime::new(place.temp.path().join("sessions"), command);
    crowded.start(place.launch(1, &["sh", "-c", "echo done; exit 6"])).await.unwrap();
    let pane = place.pane(1);
    for engine in [crowded, runtime_in(place.temp.path())] {
        let Observed::Exited(exit) = within(engine.wait(session(1))).await else { panic!("it did not exit") };
        assert_eq!(exit.code, Some(6));
    }
    eventually("the pane knows it too", || pane.ended().is_some_and(|exit| exit.code == Some(6))).await;
    assert!(place.dir(1).exit().unwrap().is_none() && place.dir(1).is_held());

    fs::write(faults.join("wish"), "").unwrap();
    eventually("the holder leaves", || !place.dir(1).is_held()).await;
    assert_eq!(place.dir(1).exit().unwrap().unwrap().code, Some(6));
}
