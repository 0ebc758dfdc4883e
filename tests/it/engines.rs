//! One engine at a time: a living one is always in the way of another, a dead one never.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Home, until};

/// A program with a helper that outlives it unless somebody ends both.
const BUSY: &str = r#"
name: busy
phases:
  - {id: work, type: script, run: "trap '' HUP; sleep 300 & echo started; wait", onSuccess: done}
  - {id: done, type: terminal}
"#;

fn lock_holder(home: &Home) -> Option<u64> {
    let text = std::fs::read(home.state().join("engine.lock")).ok()?;
    serde_json::from_slice::<serde_json::Value>(&text).ok()?["pid"].as_u64()
}

#[test]
fn a_killed_engine_is_not_in_the_way_while_its_agents_live_and_a_living_one_says_how_to_reach_it() {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/busy.yaml", BUSY);
    home.ok(&repo, &["init"]);
    home.ok(&repo, &["add", "Work", "--id", "A", "--workflow", "busy"]);
    let run = || home.command(&repo, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = run();
    until("the program runs", String::new, || {
        home.aotui(&repo, &["logs", "A"]).stdout.contains("started").then_some(())
    });

    let refused = home.aotui(&repo, &["run"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains(&format!("process {}", first.id())), "{refused:?}");
    assert!(refused.stderr.contains("hint: `aotui` shows what it does"), "{refused:?}");

    let sessions = home.processes();
    kill_process(Pid::from_child(&first), Signal::KILL).unwrap();
    first.wait().unwrap();
    let mut second = run();
    until("the next engine has the lock", String::new, || {
        (lock_holder(&home) == Some(second.id().into())).then_some(())
    });
    assert!(sessions.iter().all(|pid| home.processes().contains(pid)), "an agent was lost with its engine");

    home.ok(&repo, &["stop", "A"]);
    home.wait_zone(&repo, "A", "failed");
    home.nothing_runs();
    kill_process(Pid::from_child(&second), Signal::INT).unwrap();
    second.wait().unwrap();
}
