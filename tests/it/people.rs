//! What a person decides and is told, with the built program.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::harness::{Home, until};

/// An agent whose hook asks and can be killed: it writes the hook's pid, and goes on when `go` is there.
const HOOK: &str = r#"
name: hook
phases:
  - id: ask
    type: script
    run: |
      "$AOTUI_EXE" report permission --tool Bash --detail 'rm -rf build' &
      echo $! > hook.tmp; mv hook.tmp hook.pid
      wait $! || true
      while [ ! -e go ]; do sleep 0.05; done
    onSuccess: done
  - {id: done, type: terminal}
"#;

fn run(home: &Home, repo: &Path) -> Child {
    home.command(repo, &["run"]).stdout(Stdio::null()).spawn().unwrap()
}

/// Kills the hook of a ticket as a timeout of its agent would.
fn kill_hook(home: &Home, ticket: &str) {
    let path = home.state().join(format!("worktrees/repo/{ticket}/hook.pid"));
    let pid = until("the hook is there", String::new, || fs::read_to_string(&path).ok()?.trim().parse().ok());
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_request_whose_asker_was_killed_is_withdrawn_with_and_without_an_engine() {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/hook.yaml", HOOK);
    home.ok(&repo, &["init"]);
    for id in ["A", "B"] {
        home.ok(&repo, &["add", "Ask", "--id", id, "--workflow", "hook"]);
    }
    let mut engine = run(&home, &repo);
    for id in ["A", "B"] {
        home.wait_zone(&repo, id, "respond");
    }
    kill_hook(&home, "A");
    home.wait_zone(&repo, "A", "working");
    assert_eq!(home.ticket(&repo, "B")["zone"], "respond", "another request stays");

    engine.kill().unwrap();
    engine.wait().unwrap();
    kill_hook(&home, "B");
    let mut engine = run(&home, &repo);
    home.wait_zone(&repo, "B", "working");
    for id in ["A", "B"] {
        fs::write(home.state().join(format!("worktrees/repo/{id}/go")), "").unwrap();
        home.wait_zone(&repo, id, "done");
    }
    engine.kill().unwrap();
    engine.wait().unwrap();
}
