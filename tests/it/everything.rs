//! Stopping, freezing and resuming everything, and terminals that go away, on real sessions of the built program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use portable_pty::PtySize;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::{Home, in_terminal, until};

/// Works until a file `go` is there, and has a phase after that.
const SLOW: &str = r#"
name: slow
phases:
  - {id: work, type: script, run: 'echo begun; while [ ! -e go ]; do sleep 0.05; done', onSuccess: after}
  - {id: after, type: script, run: ':', onSuccess: done}
  - {id: done, type: terminal}
"#;

/// A home with one ticket that waits for [`go`].
fn slow() -> (Home, PathBuf) {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/slow.yaml", SLOW);
    home.ok(&repo, &["init"]);
    home.ok(&repo, &["add", "Slow", "--id", "S", "--workflow", "slow"]);
    (home, repo)
}

fn go(home: &Home) {
    fs::write(home.state().join("worktrees/repo/S/go"), "").unwrap();
}

fn run(home: &Home, repo: &Path) -> Child {
    let run = home.command(repo, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    begun(home, repo);
    run
}

/// Waits until the session of the ticket is at work.
fn begun(home: &Home, repo: &Path) {
    until("it has begun", String::new, || home.aotui(repo, &["logs", "S"]).stdout.contains("begun").then_some(()));
}

fn code(mut run: Child) -> Option<i32> {
    until("the run ends", String::new, || run.try_wait().unwrap()).code()
}

fn mode(home: &Home, repo: &Path) -> String {
    let status: Value = serde_json::from_str(&home.ok(repo, &["status", "--json"])).unwrap();
    status["mode"]["is"].as_str().unwrap().to_owned()
}

/// Counts the processes of sessions that stand still.
fn standing_still(home: &Home) -> usize {
    let state = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_stopped = |stat: &str| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'));
    home.processes().iter().map(state).filter(|stat| is_stopped(stat)).count()
}

#[test]
fn a_stop_lets_the_phase_finish_ends_the_run_and_holds_until_everything_is_resumed() {
    let (home, repo) = slow();
    let engine = run(&home, &repo);
    let said = home.ok(&repo, &["stop"]);
    assert!(said.starts_with("stopping: nothing new starts; S is at work"), "{said}");
    assert_eq!(home.ticket(&repo, "S")["why"], "finishes this phase, then stops");
    go(&home);
    assert_eq!(code(engine), Some(6));
    let ticket = home.ticket(&repo, "S");
    assert_eq!((ticket["phase"].as_str(), ticket["why"].as_str()), (Some("after"), Some("everything is stopped")));
    let again = home.aotui(&repo, &["run", "--until-done"]);
    assert_eq!(again.code, 6, "{again:?}");
    assert!(again.stderr.contains("`aotui resume` lets it go on"), "{again:?}");
    assert_eq!(home.aotui(&repo, &["run", "--resume", "--until-done"]).code, 0);
    assert_eq!(mode(&home, &repo), "working");
}

#[test]
fn a_stop_at_once_leaves_no_session_and_the_phase_runs_again_as_if_it_had_never_begun() {
    let (home, repo) = slow();
    let engine = run(&home, &repo);
    let said = home.ok(&repo, &["stop", "--now"]);
    assert!(said.starts_with("stopped: all sessions are gone"), "{said}");
    assert_eq!(code(engine), Some(6));
    home.nothing_runs();
    let ticket = home.ticket(&repo, "S");
    assert_eq!((ticket["phase"].as_str(), ticket["attempt"].as_u64()), (Some("work"), Some(0)));
    go(&home);
    assert_eq!(
        home.ok(&repo, &["resume"]),
        "everything may go on; no engine is at work: `aotui` or `aotui run` starts one\n"
    );
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
}

#[test]
fn a_stop_at_once_ends_sessions_whose_engine_died_too() {
    let (home, repo) = slow();
    let mut engine = run(&home, &repo);
    engine.kill().unwrap();
    engine.wait().unwrap();
    home.ok(&repo, &["stop", "--now"]);
    home.nothing_runs();
    go(&home);
    assert_eq!(home.aotui(&repo, &["run", "--resume", "--until-done"]).code, 0);
    assert_eq!(home.ticket(&repo, "S")["zone"], "done");
}

#[test]
fn what_is_frozen_stays_so_when_its_engine_is_killed_and_goes_on_when_it_is_resumed() {
    let (home, repo) = slow();
    let mut engine = run(&home, &repo);
    home.ok(&repo, &["freeze"]);
    let seen = || home.ok(&repo, &["status"]);
    until("the session stands still", seen, || (standing_still(&home) > 0).then_some(()));
    engine.kill().unwrap();
    engine.wait().unwrap();
    let engine = run(&home, &repo);
    assert_eq!((mode(&home, &repo).as_str(), standing_still(&home) > 0), ("frozen", true));
    let ticket = home.ticket(&repo, "S");
    assert_eq!((ticket["zone"].as_str(), ticket["why"].as_str()), (Some("waiting"), Some("frozen")));
    go(&home);
    assert_eq!(home.ok(&repo, &["resume"]), "everything goes on\n");
    home.wait_zone(&repo, "S", "done");
    kill_process(Pid::from_child(&engine), Signal::TERM).unwrap();
    assert_eq!(code(engine), Some(0));
}

#[test]
fn without_an_engine_sessions_are_frozen_and_resumed_by_the_verb_itself() {
    let (home, repo) = slow();
    let mut engine = run(&home, &repo);
    engine.kill().unwrap();
    engine.wait().unwrap();
    home.ok(&repo, &["freeze"]);
    assert!(standing_still(&home) > 0);
    home.ok(&repo, &["resume"]);
    assert_eq!(standing_still(&home), 0);
    go(&home);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
}

/// Starts `aotui args…` in a terminal, calls `meanwhile`, and takes the terminal away as a lost connection does.
fn hang_up(home: &Home, dir: &Path, args: &[&str], meanwhile: impl Fn()) -> Box<dyn portable_pty::Child + Send + Sync> {
    let (_terminal, child) = in_terminal(home, dir, args, PtySize::default());
    meanwhile();
    child
}

#[test]
fn a_run_goes_on_when_its_terminal_goes_away() {
    let (home, repo) = slow();
    let mut engine = hang_up(&home, &repo, &["run"], || begun(&home, &repo));
    go(&home);
    home.wait_zone(&repo, "S", "done");
    assert!(engine.try_wait().unwrap().is_none(), "it still works");
    let pid = Pid::from_raw(i32::try_from(engine.process_id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = until("it leaves", String::new, || engine.try_wait().unwrap());
    assert_eq!(ended.exit_code(), 0);
}

#[test]
fn a_screen_ends_when_its_terminal_goes_away_and_its_sessions_go_on() {
    let (home, repo) = slow();
    let mut screen = hang_up(&home, &repo, &[], || begun(&home, &repo));
    until("the screen ends", String::new, || screen.try_wait().unwrap());
    assert_eq!(home.ticket(&repo, "S")["zone"], "working");
    assert!(!home.processes().is_empty());
    go(&home);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
}
