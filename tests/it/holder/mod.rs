//! Stories of sessions, their holders and their viewers, told with the real binary.

mod endings;
mod frozen;
mod panes;
mod recordings;

use std::ffi::OsString;
use std::fs;
use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aotui::adapters::runtime::HolderRuntime;
use aotui::domain::ids::SessionId;
use aotui::domain::session::StoppedBy;
use aotui::holder::files::{HolderRecord, SessionDir};
use aotui::holder::start_time;
use aotui::slots::ErrorClass;
use aotui::slots::runtime::{Exit, Launch, Observed, Runtime};
use aotui::terminal::Pane;
use tempfile::TempDir;
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(20);
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A place for sessions, with a runtime over it.
struct Place {
    temp: TempDir,
    runtime: HolderRuntime,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let runtime = runtime_in(temp.path());
        Self { temp, runtime }
    }

    fn launch(&self, n: u32, argv: &[&str]) -> Launch {
        Launch {
            session: session(n),
            argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
            cwd: self.temp.path().to_owned(),
            env: vec![("PATH".into(), PATH.into()), ("COLOR".into(), "blue".into()), own_program()],
            cols: 80,
            rows: 24,
            separate_stdout: false,
            recording_limit: 64 << 20,
        }
    }

    async fn start(&self, n: u32, script: &str) {
        self.runtime.start(self.launch(n, &["sh", "-c", script])).await.unwrap();
    }

    async fn exit_of(&self, n: u32) -> Exit {
        match within(self.runtime.wait(session(n))).await {
            Observed::Exited(exit) => exit,
            other => panic!("session {n} is {other:?}"),
        }
    }

    fn dir(&self, n: u32) -> SessionDir {
        self.runtime.session_dir(&session(n))
    }

    fn output(&self, n: u32) -> String {
        fs::read(self.dir(n).output()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn holder(&self, n: u32) -> HolderRecord {
        self.dir(n).holder().unwrap().unwrap()
    }

    async fn until_output(&self, n: u32, text: &str) {
        eventually(&format!("`{text}` in the output"), || self.output(n).contains(text)).await;
    }

    fn pane(&self, n: u32) -> Pane {
        Pane::open(self.dir(n).path(), Arc::new(Notify::new()))
    }
}

impl Drop for Place {
    /// Leaves no process behind, even where a test failed.
    fn drop(&mut self) {
        for entry in fs::read_dir(self.temp.path().join("sessions")).into_iter().flatten().flatten() {
            let Ok(Some(record)) = SessionDir::new(entry.path()).holder() else { continue };
            if let Some(child) = record.child.filter(|child| child.is_same()) {
                kill(child.pid);
            }
        }
    }
}

fn runtime_in(place: &Path) -> HolderRuntime {
    let command = vec![OsString::from(env!("CARGO_BIN_EXE_aotui")), OsString::from("hold")];
    HolderRuntime::new(place.join("sessions"), command)
}

/// The variable by which [`DETACH`] finds this program.
fn own_program() -> (String, String) {
    ("TESTS".into(), std::env::current_exe().unwrap().display().to_string())
}

/// Shell text that defines `detach SCRIPT`: runs it in a session of the operating system of its own, in the background.
const DETACH: &str = r#"detach() {
    SCRIPT="$1" "$TESTS" --ignored --exact holder::helper_that_leaves_its_session >/dev/null 2>&1 &
}
"#;

/// Stands for a program that goes its own way: [`DETACH`] runs it.
#[test]
#[ignore = "only another test runs it"]
fn helper_that_leaves_its_session() {
    let Some(script) = std::env::var_os("SCRIPT") else { return };
    rustix::process::setsid().unwrap();
    let error = Command::new("sh").arg("-c").arg(script).exec();
    panic!("{error}");
}

fn session(n: u32) -> SessionId {
    format!("plan~ticket~{n}").parse().unwrap()
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it took too long")
}

/// Looks again and again until `condition` holds; fails after a deadline.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn shown(pane: &Pane) -> String {
    pane.with_screen(|screen| screen.contents().join("\n"))
}

#[tokio::test]
async fn how_a_program_ended_is_recorded() {
    let place = Place::new();
    place.start(1, "exit 7").await;
    place.start(2, "kill -9 $$").await;
    place.runtime.start(place.launch(3, &["no-such-program", "x"])).await.unwrap();
    let mut lost = place.launch(4, &["sh"]);
    lost.cwd = place.temp.path().join("gone");
    place.runtime.start(lost).await.unwrap();
    let mut captured = place.launch(5, &["./gone"]);
    captured.separate_stdout = true;
    place.runtime.start(captured).await.unwrap();

    let exit = place.exit_of(1).await;
    assert_eq!((exit.code, exit.signal, exit.spawn_error), (Some(7), None, None));
    let exit = place.exit_of(2).await;
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
    let why = |exit: Exit| exit.spawn_error.unwrap();
    assert!(why(place.exit_of(3).await).contains("`no-such-program` was not found"));
    assert!(why(place.exit_of(4).await).contains("gone` does not exist"));
    assert!(why(place.exit_of(5).await).contains("gone` does not exist"));
    eventually("the lock is free", || !place.dir(1).is_held()).await;
    assert!(!place.holder(1).socket.exists());
}

#[tokio::test]
async fn a_program_gets_its_environment_and_nothing_else() {
    let place = Place::new();
    place.runtime.start(place.launch(1, &["env"])).await.unwrap();
    assert_eq!(place.exit_of(1).await.code, Some(0));
    let output = place.output(1);
    let mut names: Vec<_> = output.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["AOTUI_SESSION", "AOTUI_SESSION_MARK", "COLOR", "PATH", "SHELL", "TESTS"]);
    assert!(output.contains("COLOR=blue") && output.contains("AOTUI_SESSION=plan~ticket~1"));
}

#[tokio::test]
async fn starting_twice_starts_one_process() {
    let place = Place::new();
    let launch = || place.launch(1, &["sh", "-c", "echo once >>count; read line"]);
    let other = runtime_in(place.temp.path());
    let (first, second, third) =
        tokio::join!(place.runtime.start(launch()), other.start(launch()), place.runtime.start(launch()));
    first.unwrap();
    second.unwrap();
    third.unwrap();
    let count = || fs::read_to_string(place.temp.path().join("count")).unwrap_or_default();
    eventually("it runs", || count() == "once\n").await;
    assert_eq!(place.runtime.observe(session(1)).await, Observed::Running);
    place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(3)).await.unwrap();
    place.runtime.start(launch()).await.unwrap();
    assert!(matches!(place.runtime.observe(session(1)).await, Observed::Exited(_)));
    assert_eq!(count(), "once\n");
}

#[tokio::test]
async fn a_session_nobody_started_is_absent_and_stops_well() {
    let place = Place::new();
    assert_eq!(place.runtime.observe(session(9)).await, Observed::Absent);
    assert_eq!(within(place.runtime.wait(session(9))).await, Observed::Absent);
    place.runtime.stop(session(9), StoppedBy::Person, Duration::from_secs(1)).await.unwrap();
    assert_eq!(place.runtime.tail(session(9), 5).await, "");
    let missing = place.runtime.stdout(session(9), 10).await.unwrap_err();
    assert_eq!(missing.class, ErrorClass::NotFound);
}

#[tokio::test]
async fn every_byte_of_a_burst_is_recorded_and_a_viewer_that_never_reads_does_not_slow_it() {
    let place = Place::new();
    place.start(1, "stty -echo; echo ready; read go; head -c 5000000 /dev/zero | tr '\\0' x").await;
    place.until_output(1, "ready\r\n").await;
    let mut deaf = UnixStream::connect(&place.holder(1).socket).unwrap();
    deaf.write_all(&[b'h', 2, 0, 0, 0, 1, 0]).unwrap();
    deaf.read_exact(&mut [0; 5]).unwrap();
    deaf.write_all(&[b'i', 1, 0, 0, 0, b'\r']).unwrap();
    assert_eq!(place.exit_of(1).await.code, Some(0));
    let bytes = fs::read(place.dir(1).output()).unwrap();
    let burst = bytes.strip_prefix(b"ready\r\n").unwrap();
    assert_eq!(burst.len(), 5_000_000);
    assert!(burst.iter().all(|byte| *byte == b'x'));
    let times = fs::read_to_string(place.dir(1).times()).unwrap();
    assert!(times.lines().last().unwrap().ends_with(" 5000007"), "{times}");
    drop(deaf);
}

#[tokio::test]
async fn a_separate_stdout_is_kept_apart_and_shown_too() {
    let place = Place::new();
    let script = "echo out; echo err >&2; [ -t 0 ] && [ -t 2 ] && [ ! -t 1 ] && printf 'é;$(x) %s' \"$1\"; exit 127";
    let mut launch = place.launch(1, &["sh", "-c", script, "sh", "a b\"; 'c"]);
    launch.separate_stdout = true;
    place.runtime.start(launch).await.unwrap();
    let exit = place.exit_of(1).await;
    assert_eq!((exit.code, exit.spawn_error), (Some(127), None));
    let stdout = place.runtime.stdout(session(1), 1000).await.unwrap();
    assert_eq!(stdout, "out\né;$(x) a b\"; 'c");
    assert_eq!(place.runtime.stdout(session(1), 5).await.unwrap(), "out\n");
    let output = place.output(1);
    assert!(output.contains("err\r\n") && output.contains("out\r\n"), "{output:?}");
    assert_eq!(place.runtime.stdout(session(1), 0).await.unwrap(), "");
}

#[tokio::test]
async fn what_a_program_leaves_behind_does_not_keep_its_session_open() {
    let place = Place::new();
    let mut launch = place.launch(1, &["sh", "-c", "trap '' HUP; cat fifo & echo done"]);
    launch.separate_stdout = true;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place.temp.path().join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    place.runtime.start(launch).await.unwrap();
    let exit = place.exit_of(1).await;
    assert_eq!((exit.code, exit.left_behind.len()), (Some(0), 1));
    assert_eq!(place.runtime.stdout(session(1), 100).await.unwrap(), "done\n");
    // Nobody is at the reading end of the FIFO any more.
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
    let opened = rustix::fs::open(place.temp.path().join("fifo"), flags, rustix::fs::Mode::empty());
    assert_eq!(opened.unwrap_err(), rustix::io::Errno::NXIO);
}

/// Stands for an engine that is killed: another test runs it in a process of its own.
#[tokio::test]
#[ignore = "only another test runs it"]
async fn helper_that_starts_a_session_and_hangs() {
    let Some(path) = std::env::var_os("AOTUI_TEST_PLACE") else { return };
    let script = "echo name?; read line; echo got $line";
    let launch = Launch { cwd: path.clone().into(), ..Place::new().launch(1, &["sh", "-c", script]) };
    runtime_in(Path::new(&path)).start(launch).await.unwrap();
    within(std::future::pending::<()>()).await;
}

#[tokio::test]
async fn the_program_survives_the_violent_end_of_its_starter() {
    let place = Place::new();
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "holder::helper_that_starts_a_session_and_hangs"])
        .env("AOTUI_TEST_PLACE", place.temp.path())
        .env("AOTUI_TEST_SECRET", "hunter2")
        .stdout(std::process::Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    eventually("the program asks", || place.output(1).contains("name?")).await;
    let group = rustix::process::Pid::from_child(&starter);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    assert_eq!(starter.wait().unwrap().signal(), Some(9));
    let environment = fs::read(format!("/proc/{}/environ", place.holder(1).holder.pid)).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("hunter2"));

    assert_eq!(place.runtime.observe(session(1)).await, Observed::Running);
    let holder = rustix::process::Pid::from_raw(i32::try_from(place.holder(1).holder.pid).unwrap()).unwrap();
    for signal in [rustix::process::Signal::HUP, rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        rustix::process::kill_process(holder, signal).unwrap();
    }
    let pane = place.pane(1);
    assert!(pane.input("hello\r"));
    assert_eq!(place.exit_of(1).await.code, Some(0));
    assert!(place.output(1).contains("got hello"));
}

#[tokio::test]
async fn stop_ends_a_program_that_ignores_polite_signals_and_its_helpers() {
    let place = Place::new();
    place
        .start(
            1,
            "trap '' INT TERM HUP; (while :; do read line </dev/tty; done) & echo ready; while :; do sleep 1; done",
        )
        .await;
    place.until_output(1, "ready").await;
    let started = Instant::now();
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_millis(600))).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let exit = place.exit_of(1).await;
    assert_eq!(exit.signal, Some(9));
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_millis(600))).await.unwrap();
}

#[tokio::test]
async fn stop_lets_a_program_end_itself_and_leaves_a_stranger_with_its_number_alone() {
    let place = Place::new();
    place.start(1, "trap 'echo bye; exit 5' INT; echo ready; while :; do sleep 0.05; done").await;
    place.until_output(1, "ready").await;
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_secs(9))).await.unwrap();
    assert_eq!(place.exit_of(1).await.code, Some(5));

    let mut stranger =
        Command::new("sh").args(["-c", "read line"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let path = place.dir(1).path().join("holder.json");
    let mut record = place.holder(1);
    let child = record.child.as_mut().unwrap();
    child.pid = stranger.id();
    child.start_time = start_time(stranger.id()).unwrap() + 1;
    fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
    within(place.runtime.stop(session(1), StoppedBy::Person, Duration::from_millis(100))).await.unwrap();
    assert!(stranger.try_wait().unwrap().is_none());
    drop(stranger.stdin.take());
    assert!(stranger.wait().unwrap().signal().is_none());
}

#[tokio::test]
async fn nonsense_on_the_socket_harms_nobody() {
    let place = Place::new();
    place.start(1, "read line; echo got $line").await;
    let socket = place.holder(1).socket;
    let nonsense: [&[u8]; 5] = [
        &[0xff; 64],
        &[b'i', 2, 0, 0, 0, b'x', b'\r'],
        &[b'h', 2, 0, 0, 0, 1, 0, b'r', 1, 0, 0, 0, 9],
        &[b'h', 2, 0, 0, 0, 99, 0, b'i', 1, 0, 0, 0, b'x'],
        &[b'h', 0xff, 0xff, 0xff, 0xff],
    ];
    for bytes in nonsense {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Shut out: the holder closes the connection.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let pane = place.pane(1);
    pane.input("fine\r");
    assert_eq!(place.exit_of(1).await.code, Some(0));
    assert!(place.output(1).contains("got fine"));
}

#[tokio::test]
async fn a_holder_that_cannot_be_run_is_reported() {
    let place = Place::new();
    let broken = HolderRuntime::new(place.temp.path().join("sessions"), vec!["/no/such/aotui".into()]);
    let error = broken.start(place.launch(1, &["true"])).await.unwrap_err();
    assert!(error.message.contains("could not be run"), "{}", error.message);
    place.start(1, "exit 3").await;
    assert_eq!(place.exit_of(1).await.code, Some(3));
}
