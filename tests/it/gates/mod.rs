//! Phases that succeed by what aotui finds, not by what an agent says.

mod stories;

pub(crate) use stories::prompts;

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::Home;

/// A home with a repository and a workflow of one agent phase with these gates.
fn gated(gates: &str) -> (Home, PathBuf) {
    let home = Home::with_speed(1000);
    let repo = home.repo();
    home.write(
        "aotui/workflows/gated-work.yaml",
        &format!(
            "name: gated-work\nphases:\n  - id: implement\n    type: agent\n    prompt: |\n      {{{{ title }}}}\n      \
             {{{{ description }}}}\n      {{% if feedback %}}{{{{ feedback }}}}{{% endif %}}\n    gates:\n{gates}\n    \
             onSuccess: done\n  - {{id: done, type: terminal}}\n"
        ),
    );
    home.ok(&repo, &["init"]);
    (home, repo)
}

/// Adds a ticket that the practice agent works on as the story says, and runs it; returns the exit code of the run.
fn play(home: &Home, repo: &std::path::Path, story: &str) -> i32 {
    let description = format!("````practice\n{story}````\n");
    home.ok(repo, &["add", "Make it", "--id", "A", "--workflow", "gated-work", "--description", &description]);
    home.aotui(repo, &["run", "--until-done"]).code
}

/// What the newest attempt's gates said.
fn gates_of(home: &Home, repo: &std::path::Path) -> Vec<Value> {
    let explained: Value = serde_json::from_str(&home.ok(repo, &["explain", "A", "--json"])).unwrap();
    let attempts = explained["attempts"].as_array().unwrap();
    attempts.last().unwrap()["gates"].as_array().cloned().unwrap_or_default()
}

#[test]
fn an_agent_that_reports_success_without_a_commit_is_told_so_and_puts_it_right() {
    let (home, repo) = gated("      - commit\n      - command: test -s made.txt && echo it is there");
    let story = "implement@1:\n  - write: {path: made.txt, text: made}\nimplement:\n  - commit: Make it\n";
    assert_eq!(play(&home, &repo, story), 0, "{}", home.ok(&repo, &["explain", "A"]));
    let explained = home.ok(&repo, &["explain", "A"]);
    assert!(explained.contains("gate `commit`: there is no new commit"), "{explained}");
    assert!(explained.contains("commit: 1 new commit"), "{explained}");
    let found = gates_of(&home, &repo);
    assert_eq!((found[0]["passed"].as_bool(), found[1]["exitCode"].as_i64()), (Some(true), Some(0)));
    assert!(found[1]["evidence"].as_str().unwrap().contains("it is there"));
    let tree = home.git(&repo, &["rev-parse", "aotui/repo/A^{tree}"]);
    assert_eq!(found[0]["tree"], tree.as_str());
    assert_eq!(home.ticket(&repo, "A")["zone"], "done");
    assert!(home.ok(&repo, &["replay"]).contains("decided the same again"));
    assert!(home.ok(&repo, &["events"]).contains("its gates say of tree"));
}

#[test]
fn the_same_failure_again_and_again_ends_with_a_person_long_before_all_attempts() {
    let (home, repo) = gated("      - commit\n    retry: {attempts: 9}");
    assert_eq!(play(&home, &repo, "implement:\n  - say: All done.\n"), 3);
    let ticket = home.ticket(&repo, "A");
    assert_eq!((ticket["zone"].as_str(), ticket["phase"].as_str()), (Some("failed"), Some("implement")));
    assert!(ticket["why"].as_str().unwrap().contains("there is no new commit"), "{ticket}");
    let explained: Value = serde_json::from_str(&home.ok(&repo, &["explain", "A", "--json"])).unwrap();
    assert_eq!(explained["attempts"].as_array().unwrap().len(), 3);
}

#[test]
fn a_gate_that_changes_what_it_looks_at_passes_nothing() {
    let (home, repo) = gated("      - command: echo three >> list.txt");
    assert_eq!(play(&home, &repo, "implement:\n  - commit: Nothing\n"), 3);
    let found = gates_of(&home, &repo);
    assert_eq!((found[0]["passed"].as_bool(), found[1]["passed"].as_bool()), (Some(true), Some(false)));
    assert_eq!(found[1]["evidence"], "list.txt");
}

#[test]
fn code_under_test_can_neither_speak_for_the_session_nor_see_tokens() {
    let (mut home, repo) = gated("      - command: test -z \"${GH_TOKEN-}${AOTUI_SPOOL-}${AOTUI_SESSION_DIR-}\"");
    home.set_env("GH_TOKEN", "secret");
    assert_eq!(play(&home, &repo, "implement:\n  - say: hello\n"), 0, "{}", home.ok(&repo, &["explain", "A"]));
}

#[test]
fn a_defective_gate_is_named_with_its_place_and_the_nearest_name() {
    let home = Home::new();
    let repo = home.repo();
    let refused = |gates: &str| {
        home.write(
            "bad.yaml",
            &format!("name: bad\nphases:\n  - id: a\n    type: script\n    run: ':'\n    gates:\n{gates}"),
        );
        let ran = home.aotui(&repo, &["workflow", "check", &home.path("bad.yaml").display().to_string()]);
        assert_ne!(ran.code, 0, "{ran:?}");
        ran.stderr + &ran.stdout
    };
    let said = refused("      - comit\n");
    assert!(said.contains("bad.yaml:7:9") && said.contains("did you mean `commit`?"), "{said}");
    assert!(refused("      - {comand: x}\n").contains("did you mean `command`?"));
    assert!(refused("      - {command: x, commit: base}\n").contains("more than one thing"));
    assert!(refused("      - commit\n      - commit\n").contains("two gates of phase `a` are called `commit`"));
    assert!(refused("      - {command: 'echo {{ title }}'}\n").contains("{{"));
    assert!(refused("      - {commit: now}\n").contains("cannot be `now`"));
    assert!(refused("      - {tests: x, baseline: tiket}\n").contains("did you mean `ticket`?"));
    assert!(refused("      - {tests: x, baseline: ticket, compare: false}\n").contains("does not compare"));
    let ran = home.path("bad.yaml");
    std::fs::write(&ran, "name: b\nphases:\n  - {id: a, type: approval, gates: [commit]}\n").unwrap();
    let said = home.aotui(&repo, &["workflow", "check", &ran.display().to_string()]);
    assert!(format!("{said:?}").contains("only phases of type script and agent have it"), "{said:?}");
}
