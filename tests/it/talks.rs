//! Agents on a screen of their own, as shell scripts that call their hooks as the real programs do: a person answers from
//! the table, attaches, says more and leaves, and the end of the turn ends the phase.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{App, Home, until};

/// One agent phase, then the end.
const ONE: &str = "name: one\nphases:\n  - {id: work, type: agent, prompt: 'Do {{ title }}', onSuccess: done}\n  - {id: done, type: terminal}\n";

/// Calls hooks, shows titles and leaves as Claude Code does. It goes on with its work once there is a file `go`.
const CLAUDE: &str = r#"#!/bin/sh
for argument; do
  [ "$before" = --settings ] && settings=$argument
  before=$argument
done
case $(cat "$settings") in *'hook claude'*) ;; *) exit 9;; esac
hook() { printf '%s' "$1" | "$AOTUI_EXE" hook claude; }
title() { printf '\033]0;%s Claude Code\007' "$1"; }
turn() {
  title ◐
  hook '{"hook_event_name":"UserPromptSubmit","session_id":"c-1"}'
  echo "was told: $1"
}
stop() {
  title ✳
  hook '{"hook_event_name":"Stop","session_id":"c-1","last_assistant_message":"made it"}'
  printf '\n────────────────────────\n❯ \n────────────────────────\n'
}
for rubbish in 'not json' '[]' '{"hook_event_name":["Stop"]}' '{"hook_event_name":"Stop'; do hook "$rubbish"; done
hook '{"hook_event_name":"SessionStart","session_id":"c-1"}'
turn "$before"
hook '{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"touch  made"}}'
answer=$(hook '{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"touch  made"}}')
case $answer in *'"behavior":"allow"'*) touch made;; *) exit 8;; esac
until [ -e "$AOTUI_SESSION_DIR/go" ]; do sleep 0.05; done
keep() { git add "$1" && git -c user.name=A -c user.email=a@localhost commit -qm "Make $1"; }
keep made
stop
keys=0
trap 'keys=$((keys + 1)); [ $keys -ge 2 ] && exit 0' INT
while :; do
  before=$keys
  read -r line || { [ $keys -gt $before ] || exit 1; continue; }
  [ -n "$line" ] || continue
  turn "$line"
  echo "$line" >more
  keep more
  stop
done
"#;

fn program(home: &Home, name: &str, text: &str) -> String {
    home.write(name, text);
    let path = home.path(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A home with a stand-in for Claude Code and a ticket for it on its own screen.
fn with_claude() -> (Home, PathBuf) {
    let mut home = Home::new();
    program(&home, "bin/claude", CLAUDE);
    let path = format!("{}:{}", home.path("bin").display(), std::env::var("PATH").unwrap());
    home.set_env("PATH", &path);
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", ONE);
    home.ok(&repo, &["init"]);
    let args = ["add", "it", "--id", "T", "--workflow", "one", "--agent", "claude", "--face", "terminal"];
    home.ok(&repo, &args);
    (home, repo)
}

fn session_dir(home: &Home) -> PathBuf {
    home.state().join("sessions/repo~T~1")
}

fn wait_why(home: &Home, repo: &Path, why: &str) -> Value {
    let seen = || format!("{:#}", home.ticket(repo, "T"));
    until(why, seen, || {
        Some(home.ticket(repo, "T")).filter(|ticket| ticket["why"].as_str().is_some_and(|text| text.contains(why)))
    })
}

fn events(home: &Home, is: &str) -> Vec<Value> {
    let text = fs::read_to_string(home.state().join("journal.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = lines.flat_map(|line| line["events"].as_array().unwrap().clone());
    events.map(|event| event["what"].clone()).filter(|what| what["is"] == is).collect()
}

#[test]
fn a_person_answers_from_the_table_attaches_says_more_and_leaves_and_the_turn_ends_the_phase() {
    let (home, repo) = with_claude();
    let mut app = App::start(&home, &repo, &[], (120, 40));
    app.see("wants to use Bash: touch  made");
    // The agent asks on, whoever was there to hear it.
    app.kill();
    let mut app = App::start(&home, &repo, &[], (120, 40));
    app.see("wants to use Bash: touch  made");
    let made = home.state().join("worktrees/repo/T/made");
    assert!(!made.exists(), "nothing is done before the answer");
    app.press("a");
    until("it is made", || app.screen(), || made.exists().then_some(()));
    app.press("\r");
    app.see("was told: Do it");
    until("a person is attached", || app.screen(), || session_dir(&home).join("attached").exists().then_some(()));
    fs::write(session_dir(&home).join("go"), "").unwrap();
    wait_why(&home, &repo, "its turn is over; it leaves when nobody is attached");
    app.see("❯");
    app.press("and more\r");
    app.see("was told: and more");
    until("it says again that it is done", || app.screen(), || (events(&home, "turnEnded").len() == 2).then_some(()));
    app.press("\x1c");
    home.wait_zone(&repo, "T", "done");
    let end = &events(&home, "turnEnded")[1]["end"];
    assert_eq!((end["conversation"].as_str(), end["lastWords"].as_str()), (Some("c-1"), Some("made it")), "{end:#}");
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:more"]), "and more");
    let exit = fs::read_to_string(session_dir(&home).join("exit.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&exit).unwrap()["code"], 0, "it left by its own keys: {exit}");
}

#[test]
fn what_an_agent_is_told_later_waits_for_its_prompt_and_for_whoever_is_attached() {
    let (home, repo) = with_claude();
    let mut engine = home.command(&repo, &["run"]).spawn().unwrap();
    home.wait_zone(&repo, "T", "respond");
    let attached = fs::File::create(session_dir(&home).join("attached")).unwrap();
    attached.lock_shared().unwrap();
    home.ok(&repo, &["approve", "T"]);
    fs::write(session_dir(&home).join("go"), "").unwrap();
    let ticket = wait_why(&home, &repo, "its turn is over");
    assert_eq!(ticket["activity"]["source"], "hook", "{ticket:#}");
    let explained = home.ok(&repo, &["explain", "T"]);
    assert!(explained.contains("known by hook: made it"), "{explained}");
    home.ok(&repo, &["tell", "T", "and a test"]);
    wait_why(&home, &repo, "is being told more");
    assert!(!home.state().join("worktrees/repo/T/more").exists(), "nothing is typed amid a person's words");
    drop(attached);
    home.wait_zone(&repo, "T", "done");
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:more"]), "and a test");
    rustix::process::kill_process(rustix::process::Pid::from_child(&engine), rustix::process::Signal::TERM).unwrap();
    engine.wait().unwrap();
}

/// Where this agent keeps its conversations, and how they are read.
const WRITES_DOWN: &str = "
      transcript:
        - {when: {kind: asked}, is: turnBegan}
        - {when: {kind: uses}, is: toolStarted, tool: tool, input: with}
        - {when: {kind: over}, is: turnEnded}
    transcripts: ['~/.mine/*/chat-{conversation}.jsonl']
";

/// Everything aotui knows of this agent.
const TEN_LINES: &str = "
agents:
  mine:
    command: PROGRAM
    terminal:
      quit: [ctrl-c]
      shows:
        - {is: working, title: '^busy'}
        - {is: waiting, for: question, sees: ['^(Really.*)\\?']}
        - {is: idle, title: '^free', sees: ['^ready>']}
";

#[test]
fn an_agent_known_only_by_what_it_shows_ends_its_turn_when_it_sits_at_its_prompt() {
    let home = Home::new();
    let text = r#"#!/bin/sh
trap 'exit 0' INT
printf '\033]0;busy\007'
until [ -e "$AOTUI_SESSION_DIR/go" ]; do sleep 0.05; done
echo "$1" >told && git add told && git -c user.name=A -c user.email=a@localhost commit -qm 'Do as told'
printf '\033]0;free\007ready> '
read -r line
exit 7
"#;
    let program = program(&home, "bin/mine", text);
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", ONE);
    home.ok(&repo, &["init"]);
    let config = home.aotui_home().join("config.yaml");
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{settings}{}", TEN_LINES.replace("PROGRAM", &program))).unwrap();
    home.ok(&repo, &["add", "it", "--id", "T", "--workflow", "one", "--agent", "mine"]);
    let mut engine = home.command(&repo, &["run", "--until-done"]).spawn().unwrap();
    let seen = || format!("{:#}", home.ticket(&repo, "T"));
    let activity = until("its title is read", seen, || {
        Some(home.ticket(&repo, "T")["activity"].clone()).filter(|activity| activity["source"] == "title")
    });
    assert_eq!((&activity["doing"]["is"], &activity["evidence"]), (&"working".into(), &"busy".into()), "{activity:#}");
    fs::write(session_dir(&home).join("go"), "").unwrap();
    assert_eq!(engine.wait().unwrap().code(), Some(0));
    assert_eq!(home.ticket(&repo, "T")["zone"], "done");
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:told"]), "Do it");
}

#[test]
fn what_an_agent_writes_down_of_its_conversation_tells_what_it_does_where_its_screen_does_not() {
    let home = Home::new();
    let text = r#"#!/bin/sh
mkdir -p "$HOME/.mine/2026"
kept=$HOME/.mine/2026/chat-c-9.jsonl
go() { until [ -e "$AOTUI_SESSION_DIR/$1" ]; do sleep 0.05; done; }
say() { printf '%s\n' "$1" >>"$kept"; echo ...; }
ln -s "$0" "$HOME/.mine/2026/chat-c-8.jsonl"
say "{\"kind\":\"hello\",\"in\":\"$(pwd -P)\"}"
say '{"kind":"asked"}'
go tool
say '{"kind":"uses","tool":"Bash","with":{"command":"make  all"}}'
go asks
printf 'Really?\n'
go over
printf '\033[2J\033[H'
printf '%s' '{"kind":"over' >>"$kept"
say '"}'
go end
echo "$1" >told && git add told && git -c user.name=A -c user.email=a@localhost commit -qm 'Do as told'
"#;
    let program = program(&home, "bin/mine", text);
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", ONE);
    home.ok(&repo, &["init"]);
    let config = home.aotui_home().join("config.yaml");
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{settings}{}{WRITES_DOWN}", TEN_LINES.replace("PROGRAM", &program))).unwrap();
    home.ok(&repo, &["add", "it", "--id", "T", "--workflow", "one", "--agent", "mine"]);
    let mut engine = home.command(&repo, &["run", "--until-done"]).spawn().unwrap();
    let explained = |part: &str| {
        let explain = || home.ok(&repo, &["explain", "T"]);
        until(part, explain, || explain().contains(part).then_some(()));
    };
    let go = |name: &str| fs::write(session_dir(&home).join(name), "").unwrap();
    explained("known by transcript: it took a prompt");
    go("tool");
    explained("known by transcript: a tool is used");
    assert_eq!(home.ticket(&repo, "T")["activity"]["text"], "Bash: make  all");
    go("asks");
    explained("known by screen: Really?");
    go("over");
    explained("known by transcript: its turn is over");
    assert_eq!(home.ticket(&repo, "T")["activity"]["doing"]["is"], "done");
    go("end");
    assert_eq!(engine.wait().unwrap().code(), Some(0));
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:told"]), "Do it");
}

#[test]
fn a_person_interrupts_an_agent_at_work_and_nothing_is_typed_into_one_that_is_not() {
    let home = Home::new();
    let text = r#"#!/bin/sh
printf '\033]0;free\007ready> '
until [ -e "$AOTUI_SESSION_DIR/go" ]; do sleep 0.05; done
trap 'broke=off' INT
printf '\033]0;busy\007'
until [ -n "$broke" ]; do sleep 0.05; done
printf '\033]0;free\007\nready> '
read -r more
printf '\033]0;busy\007'
trap 'exit 0' INT
echo "off, then $more" >broke && git add broke && git -c user.name=A -c user.email=a@localhost commit -qm 'Break off'
printf '\033]0;free\007\nready> '
read -r line
exit 7
"#;
    let program = program(&home, "bin/mine", text);
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", ONE);
    home.ok(&repo, &["init"]);
    let config = home.aotui_home().join("config.yaml");
    let settings = fs::read_to_string(&config).unwrap();
    let record = TEN_LINES.replace("PROGRAM", &program).replace("quit:", "interrupt: [ctrl-c]\n      quit:");
    fs::write(&config, format!("{settings}{record}")).unwrap();
    home.ok(&repo, &["add", "it", "--id", "T", "--workflow", "one", "--agent", "mine"]);
    let mut engine = home.command(&repo, &["run", "--until-done"]).spawn().unwrap();
    let seen = || format!("{:#}", home.ticket(&repo, "T"));
    let doing = |what: &str| {
        until(what, seen, || (home.ticket(&repo, "T")["activity"]["doing"]["is"] == what).then_some(()));
    };
    doing("idle");
    let refused = home.aotui(&repo, &["interrupt", "T"]);
    assert!(refused.code != 0 && refused.stderr.contains("is not seen at work"), "{refused:?}");
    fs::write(session_dir(&home).join("go"), "").unwrap();
    doing("working");
    home.ok(&repo, &["interrupt", "T"]);
    assert_eq!(wait_why(&home, &repo, "interrupted; attach, tell it more or retry")["zone"], "respond");
    doing("idle");
    home.ok(&repo, &["tell", "T", "go on"]);
    assert_eq!(engine.wait().unwrap().code(), Some(0));
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:broke"]), "off, then go on");
}

#[test]
fn what_an_agent_that_cannot_commit_made_on_its_own_screen_is_committed_for_it_when_its_turn_ends() {
    let home = Home::new();
    let text = r#"#!/bin/sh
trap 'exit 0' INT
echo made >made
cd /
"$AOTUI_EXE" hook codex '{"type":"agent-turn-complete","thread-id":"t-1","input-messages":["Do it"],"last-assistant-message":"made it"}'
while :; do sleep 0.05; done
"#;
    let program = program(&home, "bin/mine", text);
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", &ONE.replace("prompt:", "gates: [commit, cleanTree], prompt:"));
    home.ok(&repo, &["init"]);
    let config = home.aotui_home().join("config.yaml");
    let settings = fs::read_to_string(&config).unwrap();
    let record = format!(
        "  mine:\n    command: {program}\n    commits: false\n    terminal: {{hooks: codex, quit: [ctrl-c]}}\n"
    );
    fs::write(&config, format!("{settings}\nagents:\n{record}")).unwrap();
    home.ok(&repo, &["add", "it", "--id", "T", "--workflow", "one", "--agent", "mine"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0, "{:#}", home.ticket(&repo, "T"));
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:made"]), "made");
    let told = home.git(&repo, &["log", "-1", "--format=%s|%(trailers:key=Agent,separator=)", "aotui/repo/T"]);
    assert_eq!(told, "it|Agent: mine");
}
