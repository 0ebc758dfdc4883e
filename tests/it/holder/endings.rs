//! How sessions end: nothing of them is left, and nobody else is hit.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use aotui::adapters::runtime::HolderRuntime;
use aotui::domain::session::StoppedBy;
use aotui::slots::runtime::{Launch, Observed, Runtime};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{DETACH, Place, eventually, kill, runtime_in, session, within};

/// Does nothing about any signal it may do nothing about, for ever.
const STUBBORN: &str = "trap '' INT TERM HUP; while :; do sleep 0.1; done";

/// Returns the living processes that carry the mark of the session, or work in the story's directory.
fn alive(place: &Place, n: u32) -> Vec<String> {
    let mark = format!("AOTUI_SESSION_MARK={}", place.holder(n).mark);
    let here = place.temp.path();
    let is_ours = |process: &std::path::Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
            || fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == here)
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let ours = processes.filter(|process| is_ours(process));
    ours.filter_map(|process| fs::read_to_string(process.join("stat")).ok())
        .filter(|stat| !stat.contains(") Z "))
        .collect()
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

#[tokio::test]
async fn nothing_is_left_after_a_stop_whichever_way_it_went() {
    let place = Place::new();
    // In the background; in a session of its own; orphaned by its parent; without our mark; all at once.
    let script = format!(
        "{DETACH} trap '' INT TERM HUP; (while :; do sleep 0.1; done) & detach \"{STUBBORN}\"; \
        (detach \"{STUBBORN}\"); \
        (env -i PATH=\"$PATH\" TESTS=\"$TESTS\" sh -c '{DETACH} detach \"$1\"' sh \"{STUBBORN}\"); \
        echo ready; while :; do sleep 0.1; done"
    );
    place.start(1, &script).await;
    place.until_output(1, "ready").await;
    eventually("all of them run", || alive(&place, 1).iter().filter(|stat| stat.contains("(sh)")).count() >= 5).await;
    let started = Instant::now();
    within(place.runtime.stop(session(1), StoppedBy::Timeout, Duration::from_millis(600))).await.unwrap();
    assert_eq!(alive(&place, 1), Vec::<String>::new());
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let exit = place.exit_of(1).await;
    assert_eq!((exit.signal, exit.stopped.map(|stopped| stopped.by)), (Some(9), Some(StoppedBy::Timeout)));
    assert!(exit.left_behind.iter().any(|left| left.name == "sh"), "{exit:?}");
}

#[tokio::test]
async fn a_server_that_a_program_leaves_behind_goes_with_it_and_is_named() {
    let place = Place::new();
    place.start(1, &format!("{DETACH} detach \"{STUBBORN}\"; while ! [ -e go ]; do sleep 0.02; done; exit 3")).await;
    eventually("the server runs", || alive(&place, 1).iter().filter(|stat| stat.contains("(sh)")).count() == 2).await;
    fs::write(place.temp.path().join("go"), "").unwrap();
    let exit = place.exit_of(1).await;
    assert_eq!((exit.code, exit.stopped), (Some(3), None));
    assert!(exit.left_behind.iter().any(|left| left.name == "sh"), "{exit:?}");
    assert_eq!(alive(&place, 1), Vec::<String>::new());
    let note = format!("[aotui: ended what was left behind: sh ({})", exit.left_behind[0].pid);
    assert!(place.output(1).contains(&note), "{}", place.output(1));
}

#[tokio::test]
async fn processes_that_replace_each_other_do_not_outrun_a_stop() {
    let place = Place::new();
    // Whatever goes is started again by what it started; at most some dozens at a time.
    let storm = "storm() { trap '' INT TERM HUP; while :; do (sh -c \"$STORM\" &) ; sleep 0.5; done; }";
    let script =
        format!("{DETACH} {storm}; export STORM=\"trap '' INT TERM HUP; sleep 1; {STUBBORN}\"; echo ready; storm");
    place.start(1, &script).await;
    place.until_output(1, "ready").await;
    eventually("there are some", || alive(&place, 1).len() > 6).await;
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_millis(100))).await.unwrap();
    assert_eq!(alive(&place, 1), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_killed_holder_leaves_is_ended_before_the_session_counts_as_vanished() {
    let place = Place::new();
    place.start(1, &format!("{DETACH} detach \"{STUBBORN}\"; {STUBBORN}")).await;
    eventually("both run", || alive(&place, 1).iter().filter(|stat| stat.contains("(sh)")).count() == 2).await;
    kill(place.holder(1).holder.pid);
    eventually("the holder is gone", || !place.dir(1).is_held()).await;
    let next = runtime_in(place.temp.path());
    assert_eq!(within(next.wait(session(1))).await, Observed::Vanished);
    assert_eq!(alive(&place, 1), Vec::<String>::new());
}

/// Stands for an engine that is killed while it stops a session: another test runs it in a process of its own.
#[tokio::test]
#[ignore = "only another test runs it"]
async fn helper_that_stops_a_session_and_hangs() {
    let Some(path) = std::env::var_os("AOTUI_TEST_PLACE") else { return };
    let runtime = runtime_in(std::path::Path::new(&path));
    let _cut_off = within(runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(2))).await;
    within(std::future::pending::<()>()).await;
}

#[tokio::test]
async fn a_stop_goes_on_when_the_engine_that_asked_for_it_is_killed() {
    let place = Place::new();
    place
        .start(
            1,
            &format!(
                "{DETACH} detach \"{STUBBORN}\"; trap 'echo asked' INT; trap '' TERM; while :; do sleep 0.1; done"
            ),
        )
        .await;
    eventually("both run", || alive(&place, 1).iter().filter(|stat| stat.contains("(sh)")).count() == 2).await;
    let mut engine = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "holder::endings::helper_that_stops_a_session_and_hangs"])
        .env("AOTUI_TEST_PLACE", place.temp.path())
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    place.until_output(1, "asked").await;
    kill_process_group(Pid::from_child(&engine), Signal::KILL).unwrap();
    engine.wait().unwrap();
    // Nobody asks again.
    let exit = place.exit_of(1).await;
    assert_eq!((exit.signal, exit.stopped.map(|stopped| stopped.by)), (Some(9), Some(StoppedBy::Person)));
    assert_eq!(alive(&place, 1), Vec::<String>::new());
}

#[tokio::test]
async fn a_holder_that_does_nothing_does_not_keep_its_session_alive() {
    let place = Place::new();
    place.start(1, &format!("echo ready; {STUBBORN}")).await;
    place.until_output(1, "ready").await;
    signal(place.holder(1).holder.pid, Signal::STOP);
    place.runtime.stop(session(1), StoppedBy::Person, Duration::from_millis(300)).await.unwrap();
    assert_eq!(alive(&place, 1), Vec::<String>::new());
    assert!(!place.dir(1).is_held());
}

#[tokio::test]
async fn a_holder_that_comes_after_its_session_was_given_up_starts_nothing() {
    let place = Place::new();
    let late = "echo $$ >>holders; while ! [ -e go ]; do sleep 0.02; done; exec \"$0\" hold \"$1\"";
    let late = format!("cd {} && {late}", place.temp.path().display());
    let command = ["sh", "-c", &late, env!("CARGO_BIN_EXE_aotui")].map(OsString::from).to_vec();
    let slow = HolderRuntime::new(place.temp.path().join("sessions"), command);
    let launch: Launch = place.launch(1, &["sh", "-c", "echo x >>ran"]);
    let starting = tokio::spawn(async move { slow.start(launch).await });
    let holders = place.temp.path().join("holders");
    let pid = || fs::read_to_string(&holders).ok()?.trim().parse::<u32>().ok();
    eventually("the holder is on its way", || pid().is_some()).await;
    // The engine dies, and the next one looks for the session.
    starting.abort();
    assert_eq!(within(place.runtime.wait(session(1))).await, Observed::Absent);
    fs::write(place.temp.path().join("go"), "").unwrap();
    let stat = format!("/proc/{}/stat", pid().unwrap());
    let gone = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    eventually("the late holder leaves", gone).await;
    assert!(!place.temp.path().join("ran").exists());
    assert_eq!(place.runtime.observe(session(1)).await, Observed::Absent);
}

/// Stands for an engine that was given a pipe it does not know of: another test runs it in a process of its own.
#[tokio::test]
#[ignore = "only another test runs it"]
async fn helper_that_starts_a_session_with_a_pipe_open() {
    let Some(path) = std::env::var_os("AOTUI_TEST_PLACE") else { return };
    let place = Place::new();
    let launch = Launch { cwd: path.clone().into(), ..place.launch(1, &["sh", "-c", "echo ready; read line"]) };
    // Only here: it stays open in whatever this process starts.
    let (_reading, writing) = rustix::pipe::pipe().unwrap();
    rustix::io::fcntl_setfd(&writing, rustix::io::FdFlags::empty()).unwrap();
    runtime_in(std::path::Path::new(&path)).start(launch).await.unwrap();
}

#[tokio::test]
async fn neither_holder_nor_program_keeps_a_descriptor_of_the_engine_open() {
    let place = Place::new();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "holder::endings::helper_that_starts_a_session_with_a_pipe_open"])
        .env("AOTUI_TEST_PLACE", place.temp.path())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
    place.until_output(1, "ready").await;
    let open = |pid: u32| -> Vec<std::path::PathBuf> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect()
    };
    let record = place.holder(1);
    let program = open(record.child.unwrap().pid);
    assert!(program.iter().all(|file| file.starts_with("/dev/pts/")), "{program:?}");
    let pipes = open(record.holder.pid).into_iter().filter(|file| file.to_string_lossy().starts_with("pipe:"));
    assert_eq!(pipes.count(), 1, "by which it told its starter that the program runs");
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(1))).await.unwrap();
}
