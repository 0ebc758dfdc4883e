use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::bus::{Batch, EngineEnd, Link, bus};
use crate::domain::command::Command;
use crate::domain::fleet::{Fleet, Input, Outbox, Policy};
use crate::domain::ids::{PlanId, TicketKey};
use crate::domain::plan::Plan;
use crate::domain::problem::Problem;
use crate::domain::ticket::Brief;
use crate::domain::time::Timestamp;

const PATIENCE: Duration = Duration::from_secs(20);

/// An engine that steps the real fleet and keeps nothing on disk.
async fn engine(mut end: EngineEnd, mut fleet: Fleet) {
    while let Some(request) = end.commands.recv().await {
        let mut out = Outbox::default();
        fleet.step(Timestamp(1), Input::Command(request.command), &mut out);
        end.publisher.publish(Arc::new(fleet.clone()), Batch { events: out.events, live_changed: out.live_changed });
        let _asker_left = request.reply.send(out.rejection.map_or(Ok(()), Err));
    }
}

struct House {
    _temp: tempfile::TempDir,
    path: PathBuf,
    link: Link,
    cancel: CancellationToken,
}

impl House {
    async fn open() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("test.control");
        let policy = Policy { dispatch: false, ..Policy::default() };
        let fleet = Fleet { policy, ..Fleet::default() };
        let (end, link) = bus(Arc::new(fleet.clone()));
        tokio::spawn(engine(end, fleet));
        link.command(put_plan()).await.unwrap();
        let cancel = CancellationToken::new();
        tokio::spawn(Server::bind(&path).unwrap().serve(link.clone(), cancel.clone()));
        Self { _temp: temp, path, link, cancel }
    }
}

fn put_plan() -> Command {
    let plan = serde_json::from_value::<Plan>(serde_json::json!({ "id": "pay", "name": "Payments" })).unwrap();
    Command::PutPlan { plan }
}

fn put_ticket(id: &str) -> Command {
    let brief: Brief =
        serde_json::from_value(serde_json::json!({ "key": format!("pay/{id}"), "title": "x".repeat(2000) })).unwrap();
    Command::PutTicket { brief, order: 0, blocked_by: Vec::new() }
}

async fn wait_until(link: &Link, what: &str, met: impl Fn(&Fleet) -> bool) {
    let mut fleets = link.watch();
    let waited = tokio::time::timeout(PATIENCE, fleets.wait_for(|fleet| met(fleet))).await;
    assert!(matches!(waited, Ok(Ok(_))), "never: {what}");
}

fn has(fleet: &Fleet, id: &str) -> bool {
    fleet.tickets.contains_key(&format!("pay/{id}").parse::<TicketKey>().unwrap())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// The first line of a watcher of this build.
fn hello() -> Vec<u8> {
    format!("{{\"aotui\":\"{}\",\"protocol\":{PROTOCOL}}}\n", env!("CARGO_PKG_VERSION")).into_bytes()
}

/// Says `line` as the first line and returns what the engine says until it closes the connection.
fn talk(path: &Path, lines: &[&[u8]]) -> Vec<String> {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    for line in lines {
        stream.write_all(line).unwrap();
    }
    BufReader::new(stream).lines().map_while(Result::ok).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_viewers_see_the_same_and_what_one_does_the_other_sees() {
    let house = House::open().await;
    let one = connect(&house.path).await.unwrap().unwrap();
    let two = connect(&house.path).await.unwrap().unwrap();
    assert_eq!(one.fleet().plans.len(), 1);
    let mut batches = two.subscribe();
    one.command(put_ticket("A-1")).await.unwrap();
    assert!(has(&one.fleet(), "A-1"), "who is answered has seen what happened");
    wait_until(&two, "the other viewer sees the ticket", |fleet| has(fleet, "A-1")).await;
    let batch = tokio::time::timeout(PATIENCE, batches.recv()).await.unwrap().unwrap();
    assert_eq!(batch.events.len(), 1);
    assert_eq!(*one.fleet(), *house.link.fleet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_comes_back_with_its_hint() {
    let house = House::open().await;
    let viewer = connect(&house.path).await.unwrap().unwrap();
    let plan = PlanId::new("pays").unwrap();
    let refused = viewer.command(Command::PausePlan { plan }).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no plan `pays` (did you mean `pay`?)");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_facts_travel_though_no_event_tells_them() {
    let house = House::open().await;
    let viewer = connect(&house.path).await.unwrap().unwrap();
    let problems = vec![Problem::in_file("plan.json", "it is broken")];
    house.link.command(Command::SetProblems { problems: problems.clone() }).await.unwrap();
    wait_until(&viewer, "the problem shows", |fleet| fleet.live.problems == problems).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_asks_and_commands_without_a_runtime() {
    let house = House::open().await;
    let path = house.path.clone();
    let (refused, fleet) = blocking(move || {
        let mut caller = Caller::connect(&path).unwrap().unwrap();
        caller.command(put_ticket("A-1")).unwrap().unwrap();
        let refused = caller.command(Command::PausePlan { plan: PlanId::new("nope").unwrap() }).unwrap();
        (refused, caller.snapshot().unwrap())
    })
    .await;
    assert!(refused.is_err());
    assert!(has(&fleet, "A-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_does_not_read_slows_nobody_and_catches_up() {
    let house = House::open().await;
    let path = house.path.clone();
    let mut slow = blocking(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&hello()).unwrap();
        stream.write_all(b"\"subscribe\"\n").unwrap();
        let mut reader = BufReader::new(stream);
        for _ in ["hello", "snapshot"] {
            reader.read_line(&mut String::new()).unwrap();
        }
        reader
    })
    .await;
    let many = 3000;
    for n in 0..many {
        tokio::time::timeout(PATIENCE, house.link.command(put_ticket(&format!("A-{n}")))).await.unwrap().unwrap();
    }
    let last = format!("A-{}", many - 1);
    let snapshots = blocking(move || {
        let mut snapshots = 0;
        loop {
            let mut line = String::new();
            assert!(slow.read_line(&mut line).unwrap() > 0, "closed before it caught up");
            snapshots += usize::from(line.starts_with("{\"snapshot\""));
            if line.contains(&last) {
                return snapshots;
            }
        }
    })
    .await;
    assert!(snapshots > 0, "6 MB of events fit in no socket buffer, so it must have been resynchronised");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_told_to_both_sides() {
    let house = House::open().await;
    let path = house.path.clone();
    let said = blocking(move || talk(&path, &[b"{\"aotui\":\"9.9.9\",\"protocol\":7}\n"])).await;
    assert!(said[0].contains("\"protocol\":1"), "{said:?}");
    assert!(said[1].contains("it is aotui 9.9.9 with control protocol 7"), "{said:?}");

    let other = house.path.with_file_name("other.control");
    let listener = std::os::unix::net::UnixListener::bind(&other).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"{\"aotui\":\"9.9.9\",\"protocol\":7}\n").unwrap();
        stream.read_to_end_ignoring();
    });
    let error = connect(&other).await.unwrap_err().to_string();
    assert!(error.starts_with("the running engine is aotui 9.9.9 with control protocol 7, this is aotui"), "{error}");
}

trait Drain {
    fn read_to_end_ignoring(self);
}

impl Drain for UnixStream {
    fn read_to_end_ignoring(mut self) {
        let _gone = std::io::Read::read_to_end(&mut self, &mut Vec::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_too_long_or_no_json_ends_only_its_own_connection() {
    let house = House::open().await;
    let path = house.path.clone();
    let garbled = blocking(move || talk(&path, &[&hello(), b"{\"rm\":\"-rf\"}\n"])).await;
    assert!(garbled[1].contains("refused"), "{garbled:?}");
    let path = house.path.clone();
    blocking(move || {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(&hello()).unwrap();
        let piece = vec![b'x'; 64 * 1024];
        let broken = (0..1024).any(|_| stream.write_all(&piece).is_err());
        assert!(broken, "64 MiB were taken in");
    })
    .await;
    assert!(connect(&house.path).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_protocol_of_another_version_is_not_trusted_to_mean_the_same() {
    let house = House::open().await;
    let path = house.path.clone();
    let newer = format!("{{\"aotui\":\"9.9.9\",\"protocol\":{PROTOCOL}}}\n");
    let said = blocking(move || talk(&path, &[newer.as_bytes()])).await;
    assert!(said[1].contains("it is aotui 9.9.9") && said[1].contains("use the same version for both"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_over_the_socket_the_engine_goes_on() {
    let house = House::open().await;
    let path = house.path.clone();
    blocking(move || {
        let command = serde_json::to_vec(&serde_json::json!({ "command": { "id": 1, "command": put_ticket("X") } }));
        let command = command.unwrap();
        let deep = [b"[".repeat(100_000), b"\n".to_vec()].concat();
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig { cases: 200, ..Default::default() });
        let bytes = || prop::collection::vec(any::<u8>(), 0..300);
        // Noise before a hello, after one, and a real command with some of its bytes changed.
        let hostile = (bytes(), any::<bool>(), prop::collection::vec((any::<usize>(), any::<u8>()), 0..4));
        runner
            .run(&hostile, |(noise, greets, flips)| {
                let mut stream = UnixStream::connect(&path).unwrap();
                let mut command = command.clone();
                for (at, byte) in flips {
                    let at = at % command.len();
                    command[at] = byte;
                }
                let hello = if greets { hello() } else { Vec::new() };
                for piece in [&hello, &command, &b"\n".to_vec(), &noise, &b"\n".to_vec(), &deep] {
                    if stream.write_all(piece).is_err() {
                        break;
                    }
                }
                Ok(())
            })
            .unwrap();
    })
    .await;
    let viewer = connect(&house.path).await.unwrap().unwrap();
    viewer.command(put_ticket("AFTER")).await.unwrap();
    assert!(has(&viewer.fleet(), "AFTER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_a_dead_engine_is_replaced_and_that_of_a_live_one_never() {
    let house = House::open().await;
    let mode = std::fs::metadata(&house.path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(matches!(Server::bind(&house.path), Err(BindError::Live(_))));
    let stale = house.path.with_file_name("stale.control");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    assert!(connect(&stale).await.unwrap().is_none(), "a dead engine's socket is nobody");
    let server = Server::bind(&stale).unwrap();
    drop(server);
    assert!(!stale.exists(), "who leaves takes its socket along");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_knows_that_its_engine_is_gone() {
    let house = House::open().await;
    let viewer = connect(&house.path).await.unwrap().unwrap();
    assert!(viewer.is_alive());
    house.cancel.cancel();
    let mut fleets = viewer.watch();
    let closed = tokio::time::timeout(PATIENCE, async { while fleets.changed().await.is_ok() {} }).await;
    assert!(closed.is_ok());
    assert!(viewer.command(put_plan()).await.unwrap_err().message.contains("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_64_viewers_are_told_so() {
    let house = House::open().await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(connect(&house.path).await.unwrap().unwrap());
    }
    let error = connect(&house.path).await.unwrap_err().to_string();
    assert!(error.contains("64 others"), "{error}");
}
