//! What the journal tells: to a person, to a program, and to the rules when they decide it again.
//!
//! `tests/journals` holds journals of real runs. Their decisions must come out the same for ever; where a rule changes on
//! purpose, `UPDATE_JOURNALS=1 cargo test --test it journals` records them again.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Home, PATIENCE, until};

/// Retries with a back-off, an agent, a poll, an approval that is refused once, a landing, and a phase that cannot do it.
const BUSY: &str = r#"
name: busy
phases:
  - id: setup
    type: script
    run: 'test -e "$AOTUI_SESSION_DIR/../$AOTUI_TICKET.tried" || { touch "$AOTUI_SESSION_DIR/../$AOTUI_TICKET.tried"; echo no luck; exit 1; }; echo ok'
    retry: {attempts: 2, backoffSeconds: 1}
    capture: {said: stdout}
    onSuccess: implement
  - id: implement
    type: agent
    prompt: "{{ title }} ({{ said }})\n{{ description }}"
    onSuccess: ci
  - id: ci
    type: poll
    run: 'test -e "$AOTUI_SESSION_DIR/../$AOTUI_TICKET.asked" || { touch "$AOTUI_SESSION_DIR/../$AOTUI_TICKET.asked"; exit 1; }'
    intervalSeconds: 1
    timeoutSeconds: 600
    onSuccess: ok
  - {id: ok, type: approval, asks: decision, message: "Is {{ title }} good?", onSuccess: done, onFailure: implement}
  - {id: done, type: terminal}
"#;

const HOPELESS: &str = "name: hopeless\nphases:\n  - {id: no, type: script, run: 'echo it broke; exit 7', onSuccess: done}\n  - {id: done, type: terminal}\n";

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals")
}

/// A plan with a ticket of each kind, one of them blocked by another.
fn plan() -> (Home, PathBuf) {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/busy.yaml", BUSY);
    home.write("aotui/workflows/hopeless.yaml", HOPELESS);
    home.ok(&repo, &["init"]);
    for (id, blocked) in [("A", None), ("B", Some("A"))] {
        let story = format!(
            "```practice\nimplement:\n  - write: {{path: {id}.txt, text: \"by {id}\"}}\n  - commit: Add {id}.txt\n```\n"
        );
        let mut args = vec!["add", "Write it", "--id", id, "--workflow", "busy", "--description", &story];
        args.extend(blocked.iter().flat_map(|blocker| ["--blocked-by", blocker]));
        home.ok(&repo, &args);
    }
    home.ok(&repo, &["add", "Break it", "--id", "C", "--workflow", "hopeless"]);
    (home, repo)
}

/// Walks the plan through everything a person can do, over several engines, one of them killed.
fn live(home: &Home, repo: &Path) {
    let mut run = home.command(repo, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    home.wait_zone(repo, "A", "respond");
    home.wait_zone(repo, "C", "failed");
    home.ok(repo, &["reject", "A", "--note", "say more"]);
    until("A comes back", String::new, || {
        (home.ok(repo, &["events", "--ticket", "A"]).matches("ok will ask").count() == 2).then_some(())
    });
    home.wait_zone(repo, "A", "respond");
    home.ok(repo, &["pause", "B"]);
    run.kill().unwrap();
    run.wait().unwrap();
    home.ok(repo, &["approve", "A"]);
    home.ok(repo, &["retry", "C"]);
    home.ok(repo, &["resume", "B"]);
    assert_eq!(home.aotui(repo, &["run", "--until-done"]).code, 3);
    home.ok(repo, &["approve", "B"]);
    home.ok(repo, &["skip", "C", "done"]);
    assert_eq!(home.aotui(repo, &["run", "--until-done"]).code, 0);
}

#[test]
fn a_run_is_decided_the_same_again_and_files_say_what_the_journal_says() {
    let (home, repo) = plan();
    live(&home, &repo);
    let said = home.ok(&repo, &["replay"]);
    assert!(said.contains("everything is decided the same again"), "{said}");
    assert!(said.contains("3 tickets' files say what the journal says"), "{said}");
    if std::env::var_os("UPDATE_JOURNALS").is_some() {
        fs::copy(home.state().join("journal.jsonl"), corpus().join("retries-approvals-kill.jsonl")).unwrap();
    }

    let events = home.ok(&repo, &["events"]);
    for fact in ["repo added", "repo/A added: Write it", "A setup tries again at", "A came to implement", "B released"]
    {
        assert!(events.contains(fact), "no `{fact}` in\n{events}");
    }
    let of_c = home.ok(&repo, &["events", "--ticket", "c", "--since", "1h"]);
    assert!(of_c.lines().all(|line| line.contains("C ")) && of_c.contains("complete"), "{of_c}");
    let json = home.ok(&repo, &["events", "--json"]);
    let seqs: Vec<u64> =
        json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?}");

    // A ticket's file that claims something else, and a journal that tells another story.
    let file = home.state().join("plans/repo/tickets/B.json");
    let text = fs::read_to_string(&file).unwrap();
    let more = text.replacen("\"sessions\": ", "\"sessions\": 1", 1);
    assert_ne!(text, more);
    fs::write(&file, more).unwrap();
    let ran = home.aotui(&repo, &["replay"]);
    assert!(ran.code == 1 && ran.stderr.contains("something else: repo/B"), "{ran:?}");
    fs::write(&file, text).unwrap();

    let journal = home.state().join("journal.jsonl");
    let mut lines: Vec<String> = fs::read_to_string(&journal).unwrap().lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| line.contains("sessionIntended")).unwrap();
    lines[at] = lines[at].replacen("seq", "sEq", 1);
    fs::write(&journal, lines.join("\n") + "\n").unwrap();
    let ran = home.aotui(&repo, &["events"]);
    assert!(ran.stderr.contains(&format!("journal.jsonl:{}:1: ", at + 1)), "{ran:?}");
    assert!(ran.stdout.contains("repo added") && ran.stdout.contains("B complete"), "what is whole is told: {ran:?}");
    let ran = home.aotui(&repo, &["replay"]);
    assert!(format!("{ran:?}").contains("after a gap"), "{ran:?}");
}

#[test]
fn journals_of_earlier_runs_are_decided_the_same_again() {
    let home = Home::new();
    let journals: Vec<PathBuf> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!journals.is_empty());
    for journal in journals {
        let ran = home.aotui(&home.path(""), &["replay", &journal.display().to_string()]);
        assert!(
            ran.code == 0 && ran.stdout.contains("everything is decided the same again"),
            "{}: {ran:?}\nif a rule was changed on purpose: UPDATE_JOURNALS=1 cargo test --test it journals",
            journal.display()
        );
    }
}

#[test]
fn what_happens_is_followed_with_an_engine_and_without() {
    let (home, repo) = plan();
    let mut follow =
        home.command(&repo, &["events", "--follow", "--ticket", "C"]).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(follow.stdout.take().unwrap());
    let (said, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    let see = |text: &str| while !lines.recv_timeout(PATIENCE).expect(text).contains(text) {};
    see("C added: Break it");
    home.ok(&repo, &["pause", "C"]);
    see("C held");
    let mut run = home.command(&repo, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    home.wait_zone(&repo, "A", "respond");
    home.ok(&repo, &["resume", "C"]);
    see("C released");
    see("C needs a person: exited with code 7");
    run.kill().unwrap();
    run.wait().unwrap();
    home.ok(&repo, &["pause", "C"]);
    see("C held");
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[test]
fn a_decision_that_would_come_out_differently_is_shown_with_what_led_to_it() {
    let home = Home::new();
    let journal = fs::read_dir(corpus()).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(journal).unwrap();
    let changed = home.path("changed.jsonl");
    let mut file = OpenOptions::new().create(true).append(true).open(&changed).unwrap();
    for line in text.lines() {
        let mut value: Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove("crc");
        let body = value.to_string().replace("\"attempts\":2", "\"attempts\":9");
        let body = body.strip_suffix('}').unwrap();
        writeln!(file, "{body},\"crc\":\"{:08x}\"}}", crc(body.as_bytes())).unwrap();
    }
    let ran = home.aotui(&home.path(""), &["replay", &changed.display().to_string()]);
    assert_eq!(ran.code, 0, "more attempts than were needed change nothing: {ran:?}");
    let text = fs::read_to_string(&changed).unwrap();
    let fewer: String = text
        .lines()
        .map(|line| {
            let body = line.rsplit_once(",\"crc\"").unwrap().0.replace("\"attempts\":9", "\"attempts\":1");
            format!("{body},\"crc\":\"{:08x}\"}}\n", crc(body.as_bytes()))
        })
        .collect();
    fs::write(&changed, fewer).unwrap();
    let ran = home.aotui(&home.path(""), &["replay", &changed.display().to_string()]);
    assert_eq!(ran.code, 1);
    for part in
        ["is decided differently now", "input     {\"input\":\"report\"", "recorded  ", "backedOff", "now       "]
    {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
}

/// The CRC-32 (IEEE) of some bytes.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
