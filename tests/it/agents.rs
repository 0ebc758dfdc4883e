//! Agents without a screen of their own, as shell scripts that speak what the real programs speak.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Home, until};

/// One agent phase, then the end.
const ONE: &str = "name: one\nphases:\n  - {id: work, type: agent, prompt: 'Do {{ title }}', onSuccess: done}\n  - {id: done, type: terminal}\n";

pub(crate) fn program(home: &Home, name: &str, text: &str) -> String {
    home.write(name, &format!("#!/bin/sh\n{text}"));
    let path = home.path(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A home with one workflow, these settings, and a ticket for `agent`.
pub(crate) fn with_ticket(home: &Home, agents: &str, agent: &str) -> std::path::PathBuf {
    let repo = home.repo();
    home.write("aotui/workflows/one.yaml", ONE);
    home.ok(&repo, &["init"]);
    let config = home.aotui_home().join("config.yaml");
    let settings = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{settings}\nagents:\n{agents}")).unwrap();
    home.ok(&repo, &["add", "Write a greeting", "--id", "T", "--workflow", "one", "--agent", agent]);
    repo
}

pub(crate) fn events(home: &Home, is: &str) -> Vec<Value> {
    let text = fs::read_to_string(home.state().join("journal.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = lines.flat_map(|line| line["events"].as_array().unwrap().clone());
    events.map(|event| event["what"].clone()).filter(|what| what["is"] == is).collect()
}

pub(crate) fn ran(home: &Home, repo: &Path) -> (i32, Value) {
    let run = home.aotui(repo, &["run", "--until-done"]);
    (run.code, home.ticket(repo, "T"))
}

/// Everything aotui knows of this agent.
pub(crate) const TEN_LINES: &str = "
  mine:
    command: PROGRAM
    promptVia: stdin
    headless:
      mustEnd: true
      stream:
        - {when: {kind: hello}, is: started, session: chat, model: brain}
        - {when: {kind: say}, is: message, text: words}
        - {when: {kind: do}, is: toolStarted, tool: what, input: with}
        - {when: {kind: bye}, is: used, inputTokens: in, outputTokens: out, cost: dollars, rules: [{is: turnEnded, error: wrong, text: wrong}]}
";

#[test]
fn an_agent_known_only_by_a_short_record_works_says_what_it_does_and_what_it_costs() {
    let home = Home::new();
    let program = program(
        &home,
        "bin/mine",
        r#"
task=$(cat)
echo '{"kind":"hello","chat":"c-7","brain":"small-1"}'
echo "{\"kind\":\"say\",\"words\":\"I was told: $task\"}"
echo '{"kind":"do","what":"write","with":{"path":"greeting"}}'
echo hello > greeting && git add greeting && git -c user.name=A -c user.email=a@localhost commit -qm 'Add a greeting'
echo '{"kind":"bye","in":1200,"out":300,"dollars":0.25}'
"#,
    );
    let repo = with_ticket(&home, &TEN_LINES.replace("PROGRAM", &program), "mine");
    let (code, ticket) = ran(&home, &repo);
    assert_eq!((code, ticket["zone"].as_str()), (0, Some("done")), "{ticket:#}");
    let log = home.ok(&repo, &["logs", "T"]);
    for part in ["model small-1", "I was told: Do Write a greeting", "write  greeting"] {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
    let end = &events(&home, "agentEnded")[0]["end"];
    assert_eq!((end["conversation"].as_str(), end["model"].as_str()), (Some("c-7"), Some("small-1")), "{end:#}");
    assert_eq!((end["usage"]["input"].as_u64(), end["usage"]["costMicros"].as_u64()), (Some(1200), Some(250_000)));
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:greeting"]), "hello");
}

#[test]
fn an_agent_that_leaves_with_code_0_has_not_succeeded_where_it_says_it_failed_or_says_nothing() {
    for (says, class, why) in [
        (r#"echo '{"kind":"bye","wrong":"401 invalid x-api-key"}'"#, "auth", "401 invalid x-api-key"),
        (r#"echo '{"kind":"say","words":"Still at it"}'"#, "crashed", "exited with code 0 before the end of its turn"),
    ] {
        let home = Home::new();
        let program = program(&home, "bin/mine", &format!("cat >/dev/null\n{says}\n"));
        let repo = with_ticket(&home, &TEN_LINES.replace("PROGRAM", &program), "mine");
        let (code, ticket) = ran(&home, &repo);
        assert_eq!((code, ticket["zone"].as_str()), (3, Some("failed")), "{ticket:#}");
        assert!(ticket["why"].as_str().unwrap().contains(why), "{ticket:#}");
        assert_eq!(events(&home, "failed")[0]["failure"]["class"], class);
    }
}

#[test]
fn a_tool_is_used_only_when_the_person_said_yes_to_exactly_this_even_where_no_engine_ran_meanwhile() {
    let home = Home::new();
    // Speaks what Claude Code speaks: the reply to its wish has to name the wish.
    let program = program(
        &home,
        "bin/claude",
        r#"
read -r hello; read -r task
echo '{"type":"system","subtype":"init","session_id":"c-1","model":"m"}'
echo '{"type":"control_request","request_id":"w-1","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"touch  made"}}}'
read -r answer
case $answer in
  *'"behavior":"allow"'*'"command":"touch  made"'*w-1*|*w-1*'"behavior":"allow"'*'"command":"touch  made"'*) touch made; said=made;;
  *) said="not made";;
esac
echo "{\"type\":\"result\",\"is_error\":false,\"result\":\"$said\",\"total_cost_usd\":0.01,\"usage\":{\"input_tokens\":5}}"
while read -r more; do :; done
"#,
    );
    let record = format!("  claude:\n    headless:\n      args: []\n  other:\n    command: {program}\n");
    let repo = with_ticket(&home, &record, "claude");
    let bin = home.path("bin").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let run = || home.command(&repo, &["run", "--until-done"]).env("PATH", &path).output().unwrap();
    assert_eq!(run().status.code(), Some(4), "it waits for a person");
    let ticket = home.ticket(&repo, "T");
    assert_eq!(ticket["why"], "wants to use Bash: touch  made", "{ticket:#}");
    let made = home.state().join("worktrees/repo/T/made");
    assert!(!made.exists(), "nothing is done before the answer");
    home.ok(&repo, &["approve", "T"]);
    assert_eq!(run().status.code(), Some(0));
    assert!(made.exists() || events(&home, "workspaceRemoved").len() == 1);
    let end = &events(&home, "agentEnded")[0]["end"];
    assert_eq!(end["usage"]["costMicros"], 10_000, "{end:#}");
}

#[test]
fn a_person_adds_an_agent_sees_its_record_and_is_told_what_it_still_needs() {
    let home = Home::new();
    let repo = home.repo();
    let program = program(&home, "bin/mine", "echo mine 1.2\n");
    let config = home.aotui_home().join("config.yaml");
    let before = "# my settings\ndefaultAgent: practice   # costs nothing\n";
    fs::write(&config, before).unwrap();
    home.ok(&repo, &["agents", "add", "mine", "--command", &program, "--arg=--fast", "--prompt-via", "stdin"]);
    assert!(fs::read_to_string(&config).unwrap().starts_with(before));
    let shown = home.ok(&repo, &["agents", "show", "mine"]);
    assert!(shown.contains(&program) && shown.contains("--fast") && shown.contains("promptVia: stdin"), "{shown}");
    let again = home.aotui(&repo, &["agents", "add", "mine", "--command", "other"]);
    assert!(again.code == 2 && again.stderr.contains("there is an agent `mine` already"), "{again:?}");

    // One like claude, where neither a login nor the trust in this repository can be found.
    home.ok(&repo, &["agents", "add", "careful", "--like", "claude", "--command", &program, "--model", "opus"]);
    let checked = home.ok(&repo, &["agents", "check", "careful"]);
    for part in ["careful (mine 1.2) is installed", "no login of careful was found", "asks you before anything else"] {
        assert!(checked.contains(part), "{part} is not in\n{checked}");
    }
    let trusted = format!(r#"{{"projects": {{"{}": {{"hasTrustDialogAccepted": true}}}}}}"#, repo.display());
    home.write(".claude.json", &trusted);
    home.write(".claude/.credentials.json", "{}");
    let checked = home.ok(&repo, &["agents", "check", "careful"]);
    assert!(checked.contains("careful has a login in") && checked.contains("knows that you trust"), "{checked}");
    let absent = home.aotui(&repo, &["agents", "check", "aider"]);
    assert!(absent.code == 1 && absent.stdout.contains("python -m pip install aider-chat"), "{absent:?}");
    let text = fs::read_to_string(&config).unwrap() + "x-end: here\n";
    fs::write(&config, text.replace("agents:\n", "agents: # all of them\n")).unwrap();
    home.ok(&repo, &["agents", "add", "open", "--like", "careful"]);
    let unasked = home.aotui(&repo, &["agents", "add", "bold", "--command", &program, "--arg", "{{ nothing }}"]);
    assert!(unasked.code != 0 && unasked.stderr.contains("nothing was added"), "{unasked:?}");
}

#[test]
fn an_agent_that_hangs_is_ended_and_goes_on_with_its_conversation_while_one_that_computes_in_silence_is_let_be() {
    let home = Home::new();
    let program = program(
        &home,
        "bin/mine",
        r#"
cat >/dev/null
echo '{"kind":"hello","chat":"c-7","brain":"small-1"}'
if [ -e hung ]; then
  # Silent for longer than it may be, and hard at work.
  end=$(( $(date +%s) + 7 ))
  while [ "$(date +%s)" -lt "$end" ]; do :; done
  echo '{"kind":"bye","in":7,"out":1}'
else
  touch hung; echo '{"kind":"say","words":"One moment"}'; exec sleep 1000
fi
"#,
    );
    let repo = with_ticket(&home, &TEN_LINES.replace("PROGRAM", &program), "mine");
    let once = ONE.replace("prompt: 'Do {{ title }}'", "prompt: 'Do it', retry: {attempts: 2}, stallSeconds: 3");
    home.write("aotui/workflows/one.yaml", &once);
    let (code, ticket) = ran(&home, &repo);
    assert_eq!((code, ticket["zone"].as_str()), (0, Some("done")), "{ticket:#}");
    let outcomes: Vec<Value> = events(&home, "attemptEnded").iter().map(|end| end["outcome"].clone()).collect();
    let failure = &outcomes[0]["failure"];
    assert_eq!((outcomes.len(), failure["class"].as_str()), (2, Some("stalled")), "{outcomes:#?}");
    assert_eq!(failure["message"], "gave no sign of life for 3 s");
}

/// Everything aotui knows of this agent: ten lines.
const BOTH_FACES: &str = "
  mine:
    command: PROGRAM
    promptVia: stdin
    headless:
      stream: [{when: {kind: say}, is: message, text: words}]
    terminal:
      quit: [ctrl-c]
      shows:
        - {is: working, title: '^busy'}
        - {is: idle, title: '^free', sees: ['^ready>']}
";

#[test]
fn an_agent_known_only_by_ten_lines_is_checked_and_works_without_a_screen_and_on_its_own() {
    assert_eq!(BOTH_FACES.trim().lines().count(), 10);
    let home = Home::new();
    let program = program(
        &home,
        "bin/mine",
        r#"
keep() { echo "$1" >> told; git add told; git -c user.name=A -c user.email=a@localhost commit -qm 'Do as told'; }
if [ $# = 0 ]; then keep "$(cat)"; echo '{"kind":"say","words":"I did."}'; exit; fi
trap 'exit 0' INT
printf '\033]0;busy\007'
keep "$1"
printf '\033]0;free\007ready> '
read -r line
exit 7
"#,
    );
    let repo = with_ticket(&home, &BOTH_FACES.replace("PROGRAM", &program), "mine");
    let checked = home.ok(&repo, &["agents", "check", "mine"]);
    for part in ["mine is installed", "does what its own settings let it"] {
        assert!(checked.contains(part), "{part} is not in\n{checked}");
    }
    let screen = ["add", "On its screen", "--id", "S", "--workflow", "one", "--agent", "mine", "--face", "terminal"];
    home.ok(&repo, &screen);
    let run = home.aotui(&repo, &["run", "--until-done"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(home.ok(&repo, &["logs", "T"]).contains("I did."));
    for (ticket, told) in [("T", "Do Write a greeting"), ("S", "Do On its screen")] {
        assert_eq!(home.git(&repo, &["show", &format!("aotui/repo/{ticket}:told")]), told);
        let made = home.git(&repo, &["log", "-1", "--format=%(trailers:key=Agent)", &format!("aotui/repo/{ticket}")]);
        assert_eq!(made.trim(), "Agent: mine", "{ticket}");
    }
}

#[test]
fn a_person_sees_which_account_waits_and_lets_it_go_on() {
    let home = Home::new();
    let wrong = "You exceeded your current quota, try again in 2 hours";
    let text = format!(
        "cat >/dev/null\nif [ -e \"$HOME/paid\" ]; then wrong=; else wrong='{wrong}'; fi\necho \"{{\\\"kind\\\":\\\"bye\\\",\\\"wrong\\\":\\\"$wrong\\\"}}\"\n"
    );
    let program = program(&home, "bin/mine", &text);
    let repo = with_ticket(&home, &TEN_LINES.replace("PROGRAM", &program), "mine");
    let mut engine = home.command(&repo, &["run", "--until-done"]).spawn().unwrap();
    let listed = || home.ok(&repo, &["agents", "list"]);
    let told =
        until("the account waits", listed, || Some(listed()).filter(|list| list.contains("all tickets of mine wait")));
    for part in ["usage limit of mine until 20", "`aotui agents release mine` lets them go on"] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    let other = home.aotui(&repo, &["agents", "release", "pi"]);
    assert!(other.code != 0 && other.stderr.contains("held back: mine"), "{other:?}");
    home.write("paid", "");
    home.ok(&repo, &["agents", "release", "mine"]);
    assert_eq!(engine.wait().unwrap().code(), Some(0));
    assert_eq!(home.ticket(&repo, "T")["zone"], "done");
    assert!(!listed().contains("wait"));
}

#[test]
fn silence_is_named_for_what_the_agent_said_of_it_and_a_conversation_that_is_gone_costs_nothing() {
    let home = Home::new();
    let program = program(
        &home,
        "bin/mine",
        r#"
case ${1:-} in --again) echo "No session found matching '$2'" >&2; exit 1;; esac
cat >/dev/null
if [ -e hung ]; then echo '{"kind":"bye","in":7,"out":1}'; exit; fi
touch hung
echo '{"kind":"hello","chat":"c-7","brain":"small-1"}'
printf '\033[31magain: 503 Overloaded\033[0m\n' >&2
exec sleep 1000
"#,
    );
    let more = "mustEnd: true\n      retryLines: '^again: (.*)'\n      resumeArgs: [--again, '{{ conversation }}']";
    let record = TEN_LINES.replace("PROGRAM", &program).replace("mustEnd: true", more);
    let repo = with_ticket(&home, &record, "mine");
    let once = ONE.replace(
        "prompt: 'Do {{ title }}'",
        "prompt: 'Do it', stallSeconds: 3, retry: {attempts: 1, on: {overloaded: {attempts: 2, backoff: 1s}}}",
    );
    home.write("aotui/workflows/one.yaml", &once);
    let (code, ticket) = ran(&home, &repo);
    assert_eq!((code, ticket["zone"].as_str()), (0, Some("done")), "{ticket:#}");
    let outcomes: Vec<Value> = events(&home, "attemptEnded").iter().map(|end| end["outcome"].clone()).collect();
    let kinds: Vec<&str> = outcomes.iter().map(|outcome| outcome["outcome"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["failed", "interrupted", "success"], "{outcomes:#?}");
    let failure = &outcomes[0]["failure"];
    assert_eq!((failure["class"].as_str(), failure["message"].as_str()), (Some("overloaded"), Some("503 Overloaded")));
}

#[test]
fn an_agent_that_speaks_the_agent_client_protocol_asks_works_and_takes_its_conversation_up_again() {
    let home = Home::new();
    // The first time it ends in the middle of its turn; then it takes the conversation up.
    let program = program(
        &home,
        "bin/mine",
        r#"
said() { IFS= read -r line || exit 1; case $line in *"\"method\":\"$1\""*) ;; *) echo "wanted $1, not $line" >&2; exit 9;; esac; }
out() { printf '%s\n' "$1"; }
said initialize
out '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}'
if [ -e "$AOTUI_SESSION_DIR/../seen" ]; then
  said session/load; case $line in *'"sessionId":"s-9"'*) ;; *) exit 8;; esac
  out '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"words of before"}}}}'
  out '{"jsonrpc":"2.0","id":2,"result":null}'
else
  said session/new
  out '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s-9","models":{"currentModelId":"brain-2"}}}'
fi
said session/prompt; case $line in *'Do Write a greeting'*) ;; *) exit 7;; esac
if [ ! -e "$AOTUI_SESSION_DIR/../seen" ]; then touch "$AOTUI_SESSION_DIR/../seen"; kill -KILL $$; fi
out '{"jsonrpc":"2.0","id":70,"method":"session/request_permission","params":{"sessionId":"s-9","toolCall":{"toolCallId":"c","kind":"execute","title":"Commit","rawInput":{"command":"git commit -m  Add"}},"options":[{"optionId":"a","kind":"allow_once","name":"Yes"},{"optionId":"r","kind":"reject_once","name":"No"}]}}'
IFS= read -r answer
case $answer in *'"id":70'*'"optionId":"a"'*) echo hello > greeting; git add greeting; git commit -qm 'Add a greeting';; esac
out '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn","usage":{"inputTokens":11,"outputTokens":7}}}'
while read -r more; do :; done
"#,
    );
    let record = format!("  mine:\n    command: {program}\n    headless: {{protocol: acp, mustEnd: true}}\n");
    let repo = with_ticket(&home, &record, "mine");
    let (mut code, mut ticket) = ran(&home, &repo);
    if ticket["zone"] == "failed" {
        home.ok(&repo, &["retry", "T"]);
        (code, ticket) = ran(&home, &repo);
    }
    assert_eq!((code, ticket["why"].as_str()), (4, Some("wants to use execute: git commit -m  Add")), "{ticket:#}");
    home.ok(&repo, &["approve", "T"]);
    let (code, ticket) = ran(&home, &repo);
    assert_eq!((code, ticket["zone"].as_str()), (0, Some("done")), "{ticket:#}\n{}", home.ok(&repo, &["logs", "T"]));
    assert_eq!(home.git(&repo, &["show", "aotui/repo/T:greeting"]), "hello");
    let log = home.ok(&repo, &["logs", "T"]);
    assert!(!log.contains("words of before"), "{log}");
    let end = events(&home, "agentEnded").last().unwrap()["end"].clone();
    assert_eq!((end["conversation"].as_str(), end["usage"]["input"].as_u64()), (Some("s-9"), Some(11)), "{end:#}");
}

#[test]
fn a_person_takes_up_a_conversation_where_it_was_left_and_is_told_where_that_cannot_be() {
    let home = Home::new();
    let program = program(
        &home,
        "bin/mine",
        r#"
case ${1:-} in --again) echo "again $2 in $PWD"; exit 5;; esac
cat >/dev/null
echo '{"kind":"hello","chat":"c-7","brain":"small-1"}'
echo '{"kind":"bye","in":3,"out":4,"dollars":0.5,"wrong":"it is odd"}'
"#,
    );
    let kept = home.path("kept/some-day");
    let transcripts = format!("'${{NOT_SET}}/x', '{}/*/chat-{{conversation}}.jsonl'", home.path("kept").display());
    let resume = format!("    resume: [--again, '{{{{ conversation }}}}']\n    transcripts: [{transcripts}]\n");
    let record = format!("{}{resume}", TEN_LINES.replace("PROGRAM", &program));
    let repo = with_ticket(&home, &record, "mine");
    let early = home.aotui(&repo, &["resume-session", "T"]);
    assert!(early.code != 0 && early.stderr.contains("left no conversation"), "{early:?}");
    assert_eq!(ran(&home, &repo).0, 3);
    let listed = home.ok(&repo, &["sessions"]);
    for part in ["repo~T~1  work · attempt 1 · mine · failed", "conversation c-7", "$0.50", "bytes recorded"] {
        assert!(listed.contains(part), "{part} is not in\n{listed}");
    }
    let json: Value = serde_json::from_str(&home.ok(&repo, &["sessions", "T", "--json"])).unwrap();
    assert_eq!(
        (&json["sessions"][0]["conversation"], &json["sessions"][0]["usage"]["input"]),
        (&"c-7".into(), &3.into())
    );
    fs::create_dir_all(&kept).unwrap();
    let gone = home.aotui(&repo, &["resume-session", "T"]);
    assert!(gone.code != 0 && gone.stderr.contains("conversation c-7 of mine is not there any more"), "{gone:?}");
    fs::write(kept.join("chat-c-7.jsonl"), "").unwrap();
    for named in ["T", "repo~T~1"] {
        let again = home.aotui(&repo, &["resume-session", named]);
        let expected = format!("again c-7 in {}", home.state().join("worktrees/repo/T").display());
        assert_eq!((again.code, again.stdout.trim()), (5, expected.as_str()), "{again:?}");
    }
    home.ok(&repo, &["skip", "T", "done"]);
    ran(&home, &repo);
    let late = home.aotui(&repo, &["resume-session", "T"]);
    assert!(late.code != 0 && late.stderr.contains("no worktree any more"), "{late:?}");
}

#[test]
fn six_kinds_of_agents_work_on_one_plan_and_their_costs_add_up_to_what_was_charged() {
    let home = Home::new();
    // Each says what its program would say, at a price of its own; two name no cost, one of them has a price by table.
    let says = [
        (
            "claude",
            r#"read -r hello; read -r task
echo '{"type":"system","subtype":"init","session_id":"c-1","model":"claude-opus-5-5"}'
echo '{"type":"assistant","message":{"id":"m1","content":[{"type":"text","text":"hm"}],"usage":{"input_tokens":900,"output_tokens":1}}}'
echo '{"type":"result","is_error":false,"result":"done","total_cost_usd":0.11,"usage":{"input_tokens":1000,"output_tokens":50}}'
while read -r more; do :; done"#,
        ),
        (
            "codex",
            r#"cat >/dev/null
echo '{"type":"thread.started","thread_id":"t-1"}'
echo '{"type":"turn.completed","usage":{"input_tokens":3000,"cached_input_tokens":1000,"output_tokens":100}}'"#,
        ),
        (
            "pi",
            r#"cat >/dev/null
echo '{"type":"session","id":"p-1"}'
echo '{"type":"message_end","message":{"role":"assistant","model":"fake","content":[],"usage":{"input":10,"output":5,"cost":{"total":0.02}}}}'
echo '{"type":"message_end","message":{"role":"assistant","model":"fake","content":[],"usage":{"input":10,"output":5,"cost":{"total":0.03}}}}'
echo '{"type":"agent_end"}'"#,
        ),
        (
            "opencode",
            r#"cat >/dev/null
echo '{"type":"step_start","sessionID":"o-1"}'
echo '{"type":"step_finish","sessionID":"o-1","part":{"reason":"tool-calls","tokens":{"input":7,"output":1},"cost":0.25}}'
echo '{"type":"step_finish","sessionID":"o-1","part":{"reason":"stop","tokens":{"input":7,"output":1},"cost":0.25}}'"#,
        ),
        (
            "gemini",
            r#"cat >/dev/null
echo '{"type":"init","session_id":"g-1","model":"local-free"}'
echo '{"type":"result","status":"success","stats":{"input_tokens":500,"output_tokens":20,"cached":0}}'"#,
        ),
        (
            "mine",
            r#"cat >/dev/null
echo '{"kind":"hello","chat":"c-7","brain":"small-1"}'
echo '{"kind":"bye","in":40,"out":2,"dollars":0.4}'"#,
        ),
    ];
    for (name, text) in says {
        program(&home, &format!("bin/{name}"), text);
    }
    let mine = TEN_LINES.replace("PROGRAM", &home.path("bin/mine").display().to_string());
    let quick = |name: &str| format!("  {name}:\n    headless: {{args: [], resumeArgs: []}}\n");
    let records: String = ["claude", "pi", "opencode", "gemini"].map(quick).concat();
    let codex = "  codex:\n    model: gpt-5.5\n    modelArg: -m\n    headless: {args: []}\n";
    let repo = with_ticket(&home, &format!("{records}{codex}{mine}\nmaxConcurrency: 6\n"), "claude");
    for (name, _) in &says[1..] {
        home.ok(&repo, &["add", "Write more", "--id", name, "--workflow", "one", "--agent", name]);
    }
    let path = format!("{}:{}", home.path("bin").display(), std::env::var("PATH").unwrap());
    let ran = home.command(&repo, &["run", "--until-done"]).env("PATH", &path).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stdout));
    let cost: Value = serde_json::from_str(&home.ok(&repo, &["cost", "--by", "agent", "--json"])).unwrap();
    let of = |name: &str| cost["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    for (name, tokens, told) in
        [("claude", 1050, 0.11), ("pi", 30, 0.05), ("opencode", 16, 0.5), ("gemini", 520, 0.0), ("mine", 42, 0.4)]
    {
        assert_eq!((of(name)["tokens"].as_u64(), of(name)["told"].as_f64()), (Some(tokens), Some(told)), "{cost:#}");
    }
    // 2,000 new tokens for $5, 1,000 of a cache for $0.50 and 100 received for $30, each for a million.
    assert_eq!(of("codex")["estimated"].as_f64(), Some(0.0135), "{cost:#}");
    assert_eq!(of("gemini")["unpricedTokens"].as_u64(), Some(520));
    assert_eq!((cost["total"]["told"].as_f64(), cost["total"]["tokens"].as_u64()), (Some(1.06), Some(4758)));
    let table = home.ok(&repo, &["cost", "--by", "model"]);
    assert!(table.contains("gpt-5.5") && table.contains("~$0.01"), "{table}");
    let status = home.ok(&repo, &["status"]);
    assert!(status.contains("used 4.7k tokens, ~$1.07 and 520 tokens without a price"), "{status}");
}
