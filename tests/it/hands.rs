//! A person takes over what a headless agent does and hands it back. The agent is a shell script with both faces and one
//! conversation.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;

use crate::harness::{App, Home, until};

const ONE: &str = "name: one\nphases:\n  - id: work\n    type: agent\n    prompt: 'Do {{ title }}'\n    gates: [commit]\n    onSuccess: done\n  - {id: done, type: terminal}\n";

const DUO: &str = "
agents:
  duo:
    command: PROGRAM
    promptVia: stdin
    headless:
      args: [alone]
      resumeArgs: [alone, \"{{ conversation }}\"]
      mustEnd: true
      stream:
        - {when: {type: started}, is: started, session: id}
        - {when: {type: said}, is: message, text: text}
        - {when: {type: ended}, is: turnEnded}
    terminal:
      resumeArgs: [with-person, \"{{ conversation }}\", \"{{ prompt }}\"]
      quit: [ctrl-c]
      shows:
        - {is: idle, title: '^free', sees: ['^duo>']}
";

/// Begins its conversation and then works until it is ended; taken up again, it does what it is told and is done. With a
/// person it writes down what they type, and leaves at `bye`.
const PROGRAM: &str = r#"#!/bin/sh
keep() { git add -A && git -c user.name=A -c user.email=a@localhost commit -qm "$1"; }
case $1 in
alone)
  echo '{"type":"started","id":"'"${2:-c-1}"'"}'
  if [ -z "$2" ]; then
    cat >first
    echo '{"type":"said","text":"I look around"}'
    while :; do sleep 0.1; done
  fi
  cat >told; keep "Go on with $2"
  echo '{"type":"said","text":"I am done"}'
  echo '{"type":"ended"}';;
with-person)
  [ $# -eq 2 ] || { echo "too much: $*"; exit 9; }
  printf '\033]0;free\007this is %s\n' "$2"
  while printf 'duo> ' && read -r line; do
    [ "$line" = bye ] && exit 0
    echo "$line" >>said
  done;;
esac
"#;

fn with_duo() -> (Home, PathBuf) {
    let home = Home::new();
    home.write("bin/duo", PROGRAM);
    let program = home.path("bin/duo");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", ONE);
    home.ok(&repo, &["init"]);
    let config = home.aotui_home().join("config.yaml");
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{settings}{}", DUO.replace("PROGRAM", &program.display().to_string()))).unwrap();
    home.ok(&repo, &["add", "it", "--id", "T", "--workflow", "one", "--agent", "duo"]);
    (home, repo)
}

fn worktree(home: &Home) -> PathBuf {
    home.state().join("worktrees/repo/T")
}

fn end(mut engine: Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(&engine), rustix::process::Signal::TERM).unwrap();
    engine.wait().unwrap();
}

fn wait_why(home: &Home, repo: &Path, why: &str) {
    let seen = || format!("{:#}", home.ticket(repo, "T"));
    until(why, seen, || (home.ticket(repo, "T")["why"] == why).then_some(()));
}

/// Waits until the agent has said what its conversation is called.
fn takes_over(home: &Home, repo: &Path) {
    until("it can be taken over", String::new, || (home.aotui(repo, &["take-over", "T"]).code == 0).then_some(()));
    wait_why(home, repo, "you have it");
    until("it is there", String::new, || home.ok(repo, &["logs", "T"]).contains("duo>").then_some(()));
}

#[test]
fn a_person_attaches_to_a_headless_run_takes_it_over_types_and_hands_it_back() {
    let (home, repo) = with_duo();
    let mut app = App::start(&home, &repo, &[], (120, 40));
    app.see("ctrl-t take over");
    app.press("\r");
    app.see("I look around");
    app.press("\x14");
    app.see("this is c-1");
    app.see("duo>");
    app.press("mind the gap\r");
    let said = worktree(&home).join("said");
    until(
        "it is written down",
        || app.screen(),
        || fs::read_to_string(&said).is_ok_and(|said| said == "mind the gap\n").then_some(()),
    );
    // Whatever becomes of aotui, the person has it.
    app.kill();
    let status = home.ok(&repo, &["status"]);
    assert!(status.contains("you have it"), "{status}");
    let mut app = App::start(&home, &repo, &[], (120, 40));
    app.see("you have it");
    app.press("\r");
    app.see("ctrl-] hand back");
    app.press("still here\r");
    until(
        "it is written down",
        || app.screen(),
        || fs::read_to_string(&said).unwrap().ends_with("still here\n").then_some(()),
    );
    app.press("\x1d");
    home.wait_zone(&repo, "T", "done");
    let told = home.git(&repo, &["show", "aotui/repo/T:told"]);
    assert!(told.contains("handed it back to you") && told.ends_with("Do it"), "{told}");
    assert_eq!(home.git(&repo, &["log", "-1", "--format=%s", "aotui/repo/T"]), "Go on with c-1");
    let explained = home.ok(&repo, &["explain", "T"]);
    assert!(explained.contains("work attempt 1 (duo): succeeded"), "{explained}");
    let sessions = home.ok(&repo, &["sessions", "T"]);
    assert_eq!(sessions.matches("handed over").count(), 2, "{sessions}");
}

#[test]
fn verbs_take_over_and_hand_back_with_an_engine_and_without_and_quitting_hands_back_too() {
    let (home, repo) = with_duo();
    let refused = home.aotui(&repo, &["take-over", "T"]);
    assert!(refused.stderr.contains("no agent of it runs"), "{refused:?}");
    let engine = home.command(&repo, &["run"]).spawn().unwrap();
    home.wait_zone(&repo, "T", "working");
    takes_over(&home, &repo);
    let said = home.ok(&repo, &["explain", "T"]);
    assert!(said.contains("you: hand it back, or quit its agent"), "{said}");
    assert!(said.contains("aotui hand-back repo/T"), "{said}");
    end(engine);
    assert!(home.ok(&repo, &["hand-back", "T"]).contains("is its agent's again"));
    let refused = home.aotui(&repo, &["hand-back", "T"]);
    assert!(refused.stderr.contains("you do not have it"), "{refused:?}");
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
    assert_eq!(home.ticket(&repo, "T")["zone"], "done");
}

#[test]
fn who_quits_the_agent_hands_it_back_and_a_run_does_not_wait_for_a_person() {
    let (home, repo) = with_duo();
    let engine = home.command(&repo, &["run"]).spawn().unwrap();
    home.wait_zone(&repo, "T", "working");
    takes_over(&home, &repo);
    end(engine);
    let run = home.aotui(&repo, &["run", "--until-done"]);
    assert_ne!(run.code, 0, "a person has to do something: {run:?}");
    assert_eq!(home.ticket(&repo, "T")["why"], "you have it");
    let mut app = App::start(&home, &repo, &["attach", "T"], (100, 30));
    app.see("duo>");
    app.press("bye\r");
    let engine = home.command(&repo, &["run"]).spawn().unwrap();
    home.wait_zone(&repo, "T", "done");
    end(engine);
}
