//! Plans on a real repository, worked through by the built program.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Home, until};

/// script → agent → poll → approval → terminal. The poll finds its answer at the second look.
const WALK: &str = r#"
name: walk
phases:
  - id: setup
    type: script
    run: 'echo "from $AOTUI_BASE"; git rev-parse HEAD'
    capture: {start: stdout}
    onSuccess: implement
  - id: implement
    type: agent
    prompt: |
      {{ title }} (starting at {{ start }})
      {{ description }}
    onSuccess: ci
  - id: ci
    type: poll
    run: 'test -e "$AOTUI_SESSION_DIR/../$AOTUI_TICKET.asked" || { touch "$AOTUI_SESSION_DIR/../$AOTUI_TICKET.asked"; exit 1; }'
    intervalSeconds: 1
    onSuccess: ok
  - id: ok
    type: approval
    asks: decision
    message: "Is {{ title }} good on {{ branch }}?"
    onSuccess: done
    onFailure: implement
  - id: done
    type: terminal
"#;

fn journal(home: &Home) -> Vec<Value> {
    let text = fs::read_to_string(home.state().join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn snapshot_of(home: &Home, repo: &Path) -> (String, String, Vec<u8>) {
    let status = home.git(repo, &["status", "--porcelain"]);
    (home.git(repo, &["rev-parse", "HEAD"]), status, fs::read(repo.join(".git/index")).unwrap())
}

fn story(text: &str) -> String {
    format!("```practice\nimplement:\n{text}```\n")
}

#[test]
fn three_tickets_two_of_them_blocked_finish_after_their_approvals_and_the_checkout_is_untouched() {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/walk.yaml", WALK);
    home.ok(&repo, &["init"]);
    for (id, blocked) in [("A", None), ("B", Some("A")), ("C", Some("A"))] {
        let description =
            story(&format!("  - write: {{path: {id}.txt, text: \"by {id}\"}}\n  - commit: Add {id}.txt\n"));
        let title = format!("Write {id}");
        let mut args = vec!["add", &title, "--id", id, "--workflow", "walk", "--description", &description];
        args.extend(blocked.iter().flat_map(|blocker| ["--blocked-by", blocker]));
        home.ok(&repo, &args);
    }
    let before = snapshot_of(&home, &repo);

    let mut run = home.command(&repo, &["run", "--json"]);
    let mut run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    home.wait_zone(&repo, "A", "respond");
    let a = home.ticket(&repo, "A");
    assert!(a["why"].as_str().unwrap().contains("Is Write A good on "), "{a:#}");
    assert_eq!(home.ticket(&repo, "B")["why"], "blocked by A");
    home.ok(&repo, &["approve", "A"]);
    for id in ["B", "C"] {
        home.wait_zone(&repo, id, "respond");
    }
    home.ok(&repo, &["reject", "B", "--note", "say more"]);
    until("B comes back after its rejection", String::new, || {
        let b = home.ticket(&repo, "B");
        (b["zone"] == "respond" && b["attempt"] == 0 && journal_says(&home, "B", "feedbackLeft")).then_some(())
    });
    for id in ["B", "C"] {
        home.ok(&repo, &["approve", id]);
        home.wait_zone(&repo, id, "done");
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&run), rustix::process::Signal::INT).unwrap();
    assert!(run.wait().unwrap().success());

    assert_eq!(snapshot_of(&home, &repo), before, "the user's own checkout was touched");
    for id in ["A", "B", "C"] {
        let branch = format!("aotui/repo/{id}");
        assert_eq!(home.git(&repo, &["show", &format!("{branch}:{id}.txt")]).trim(), format!("by {id}"));
        let subjects = home.git(&repo, &["log", "--format=%s", &format!("main..{branch}")]);
        assert!(subjects.contains(&format!("Add {id}.txt")), "{subjects}");
    }
    assert_eq!(home.git(&repo, &["log", "--format=%s", "main"]).lines().count(), 2, "nothing was landed");
    let seqs: Vec<u64> = journal(&home).iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
    let status: Value = serde_json::from_str(&home.ok(&repo, &["status", "--json"])).unwrap();
    assert_eq!(status["problems"].as_array().unwrap().len(), 0, "{status:#}");
    home.nothing_runs();
}

/// Whether the journal holds such an event of a ticket.
fn journal_says(home: &Home, ticket: &str, what: &str) -> bool {
    journal(home).iter().flat_map(|line| line["events"].as_array().unwrap().clone()).any(|event| {
        event["key"].as_str().is_some_and(|key| key.ends_with(&format!("/{ticket}"))) && event["what"]["is"] == what
    })
}

#[test]
fn a_run_ends_when_only_a_person_can_go_on_and_its_code_says_so() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "aotui/workflows/ask.yaml",
        "name: ask\nphases:\n  - {id: ok, type: approval, onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    home.write("aotui/workflows/bad.yaml", "name: bad\nphases:\n  - {id: no, type: script, run: 'echo it broke; exit 7', onSuccess: done}\n  - {id: done, type: terminal}\n");
    home.ok(&repo, &["init"]);
    home.ok(&repo, &["add", "Ask me", "--id", "A", "--workflow", "ask"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    // Nothing runs now: the verb acts on the state under the lock, and the next run goes on from there.
    home.ok(&repo, &["approve", "a"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
    home.ok(&repo, &["add", "Break", "--id", "B", "--workflow", "bad"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 3);
    let b = home.ticket(&repo, "B");
    assert_eq!((b["zone"].as_str(), b["why"].as_str()), (Some("failed"), Some("exited with code 7: it broke")));
    assert!(home.ok(&repo, &["logs", "B"]).contains("it broke"));
}

#[test]
fn sessions_outlive_the_engine_and_are_found_again_with_what_they_did_meanwhile() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "aotui/workflows/slow.yaml",
        "name: slow\nphases:\n  - {id: work, type: script, run: 'echo begun; while [ ! -e go ]; do sleep 0.05; done; echo finished', capture: {said: stdout}, onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    home.ok(&repo, &["init"]);
    home.ok(&repo, &["add", "Slow", "--id", "S", "--workflow", "slow"]);
    let mut run = home.command(&repo, &["run"]).stdout(Stdio::null()).spawn().unwrap();
    home.wait_zone(&repo, "S", "working");
    until("it has begun", String::new, || home.aotui(&repo, &["logs", "S"]).stdout.contains("begun").then_some(()));
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(home.ticket(&repo, "S")["zone"], "working", "the session goes on without an engine");
    fs::write(home.state().join("worktrees/repo/S/go"), "").unwrap();
    until("it ended by itself", String::new, || home.ok(&repo, &["logs", "S"]).contains("finished").then_some(()));
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
    let ended = journal(&home).iter().filter(|line| line["events"].to_string().contains("sessionIntended")).count();
    assert_eq!(ended, 1, "it ran once");
}

#[test]
fn a_second_engine_is_refused_and_told_who_is_there() {
    let home = Home::new();
    let repo = home.repo();
    home.ok(&repo, &["init"]);
    let mut run = home.command(&repo, &["run"]).stdout(Stdio::null()).spawn().unwrap();
    until("the engine is up", String::new, || {
        home.ok(&repo, &["status", "--json"]).contains(&run.id().to_string()).then_some(())
    });
    let second = home.aotui(&repo, &["run"]);
    assert_eq!(second.code, 5, "{second:?}");
    assert!(second.stderr.contains(&run.id().to_string()), "{second:?}");
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn files_edited_while_the_engine_runs_are_taken_up_and_a_broken_one_stops_nothing() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "aotui/workflows/noop.yaml",
        "name: noop\nphases:\n  - {id: a, type: script, run: ':', onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    home.ok(&repo, &["init"]);
    let mut run = home.command(&repo, &["run"]).stdout(Stdio::null()).spawn().unwrap();
    until("the engine is up", String::new, || {
        home.ok(&repo, &["status", "--json"]).contains(&run.id().to_string()).then_some(())
    });
    let tickets = home.state().join("plans/repo/tickets");
    fs::create_dir_all(&tickets).unwrap();
    fs::write(tickets.join("BAD.json"), "{\n  \"ticketId\": \"BAD\",\n  title: 1\n}").unwrap();
    fs::write(tickets.join("N.json"), r#"{"ticketId": "N", "title": "Dropped in", "workflow": "noop"}"#).unwrap();
    home.wait_zone(&repo, "N", "done");
    until(
        "the defect is shown",
        || home.ok(&repo, &["status"]),
        || home.ok(&repo, &["status", "--json"]).contains("BAD.json").then_some(()),
    );
    let status = home.ok(&repo, &["status"]);
    assert!(status.contains("BAD.json:3:3"), "{status}");
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn what_was_approved_while_no_engine_ran_is_begun_once() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "aotui/workflows/then.yaml",
        "name: then\nphases:\n  - {id: ok, type: approval, onSuccess: work}\n  - {id: work, type: script, run: 'sleep 0.2', onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    home.ok(&repo, &["init"]);
    home.ok(&repo, &["add", "Ask first", "--id", "A", "--workflow", "then"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    home.ok(&repo, &["approve", "A"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
    let begun = journal(&home).into_iter().flat_map(|line| line["events"].as_array().unwrap().clone());
    assert_eq!(begun.filter(|event| event["what"]["is"] == "sessionIntended").count(), 1);
}
