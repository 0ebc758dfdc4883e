//! Several screens on one engine: they see the same, outlive it, take its place, and hold nobody up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{App, Home, until};

const SIZE: (u16, u16) = (120, 30);

/// A home with a plan whose tickets wait for a person at once.
fn asking(tickets: &[&str]) -> (Home, PathBuf) {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "aotui/workflows/ask.yaml",
        "name: ask\nphases:\n  - {id: ok, type: approval, onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    home.ok(&repo, &["init"]);
    for id in tickets {
        home.ok(&repo, &["add", &format!("Ask about {id}"), "--id", id, "--workflow", "ask"]);
    }
    (home, repo)
}

/// An engine without a screen, killed as by `kill -9` when dropped.
struct Engine(Child);

impl Engine {
    fn start(home: &Home, repo: &Path) -> Self {
        let child = home.command(repo, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let id = child.id().to_string();
        until("the engine is up", String::new, || home.ok(repo, &["status", "--json"]).contains(&id).then_some(()));
        Self(child)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn monitor(home: &Home, repo: &Path) -> App {
    let app = App::start(home, repo, &[], SIZE);
    app.see("RESPOND");
    app
}

#[test]
fn monitors_outlive_the_engine_find_the_next_one_and_one_of_them_takes_its_place() {
    let (home, repo) = asking(&["A", "B"]);
    let engine = Engine::start(&home, &repo);
    for id in ["A", "B"] {
        home.wait_zone(&repo, id, "respond");
    }
    let (mut one, two) = (monitor(&home, &repo), monitor(&home, &repo));
    one.see("running elsewhere");
    drop(engine);
    for app in [&one, &two] {
        let screen = app.see("no engine");
        assert!(screen.contains("Ask about A"), "the last picture stays:\n{screen}");
    }
    let engine = Engine::start(&home, &repo);
    for app in [&one, &two] {
        app.see("running elsewhere");
    }
    home.ok(&repo, &["approve", "A"]);
    two.wait("the second engine's facts", |screen| screen.contains("DONE"));

    drop(engine);
    one.see("no engine");
    one.press("E");
    one.see("the engine works in this screen now");
    two.see("running elsewhere");
    home.ok(&repo, &["approve", "B"]);
    two.wait("facts of the engine that was a monitor", |screen| !screen.contains("RESPOND"));
    one.press("q");
    assert_eq!(one.ended(), 0);
    two.see("no engine");
}

#[test]
fn a_stopped_viewer_holds_nobody_up_and_sees_how_it_stands_when_it_is_back() {
    let (home, repo) = asking(&["A"]);
    let _engine = Engine::start(&home, &repo);
    home.wait_zone(&repo, "A", "respond");
    let (stopped, mut killed, other) = (monitor(&home, &repo), monitor(&home, &repo), monitor(&home, &repo));
    let pid = Pid::from_raw(i32::try_from(stopped.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    killed.kill();
    home.ok(&repo, &["pause-plan", "repo"]);
    // Far more than a socket holds.
    let dir = home.state().join("plans/repo/tickets");
    for n in 0..400 {
        let text = serde_json::json!({ "ticketId": format!("N-{n}"), "title": format!("Number {n}"),
            "description": "x".repeat(20_000), "workflow": "ask" });
        fs::write(dir.join(format!("N-{n}.json")), text.to_string()).unwrap();
    }
    other.see("WAITING 400");
    home.ok(&repo, &["approve", "A"]);
    other.see("1 done");
    assert!(!stopped.screen().contains("Number"), "it was not stopped");
    kill_process(pid, Signal::CONT).unwrap();
    stopped.wait("how it stands", |screen| screen.contains("1 done") && screen.contains("Number 99"));
}
