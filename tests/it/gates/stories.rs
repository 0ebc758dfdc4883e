//! What agents do to pass that should not, and what went wrong in other systems.
//!
//! | what is done to pass | the test that sees it fail |
//! |---|---|
//! | a pinned file of a gate is edited | `who_edits_the_check_that_judges_it_does_not_pass` and the one below it |
//! | a marker of success is written | `who_writes_a_marker_of_success_does_not_pass` |
//! | success is reported without a commit | `an_agent_that_reports_success_without_a_commit_…` in the module above |
//! | a TODO is left; the critical path is unfinished | `who_leaves_something_to_be_done_on_an_added_line_…` |
//! | tests are deleted | `who_deletes_a_test_to_pass_does_not_pass` |
//! | tests run zero cases | `tests_that_run_zero_cases_do_not_pass` |
//! | tests are fake | `tests_of_nothing_but_themselves_do_not_pass` |
//! | the reviewer approves failing code | `a_reviewer_that_approves_failing_code_lets_nothing_pass` |
//! | the agent fails and the flow goes on | `an_agent_that_fails_stops_the_flow_whatever_it_left` |
//! | names of paths grow | `names_of_artifacts_are_names_so_that_no_path_grows` |
//! | the prompt overflows | `a_prompt_names_large_files_and_never_holds_them` |
//! | what was to be learned is skipped | `gated_never_completes_for_an_agent_that_skips_learning` |
//! | what passed before gets worse | `six_roles_improve_a_project_…` among the walks |

use std::fs;
use std::path::{Path, PathBuf};

use super::{gated, gates_of, play};
use crate::harness::Home;

/// A repository with a check and a test runner of its own, both committed.
fn with_checks(gates: &str) -> (Home, PathBuf) {
    let (home, repo) = gated(gates);
    let runner = "#!/bin/sh\nn=$(ls tests/*.case 2>/dev/null | wc -l)\nbad=$(cat tests/*.case 2>/dev/null | grep -c broken)\n\
                  echo \"$((n - bad)) passed\"\necho \"$bad failed\"\n[ \"$bad\" -eq 0 ]\n";
    for (file, text) in [
        ("check.sh", "#!/bin/sh\ngrep -q finished list.txt\n"),
        ("run-tests.sh", runner),
        ("tests/a.case", "a\n"),
        ("tests/b.case", "b\n"),
        ("tests/c.case", "c\n"),
    ] {
        fs::create_dir_all(repo.join("tests")).unwrap();
        fs::write(repo.join(file), text).unwrap();
    }
    home.git(&repo, &["add", "."]);
    home.git(&repo, &["commit", "--quiet", "-m", "Add checks"]);
    (home, repo)
}

/// What the newest attempt's gates said, failed ones alone.
fn failed(home: &Home, repo: &Path) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let failed = gates_of(home, repo).into_iter().filter(|gate| gate["passed"] == false);
    failed.map(|gate| (text(&gate["gate"]), text(&gate["says"]), text(&gate["evidence"]))).collect()
}

/// Plays a story that must not pass, and returns which gate said no, and its evidence.
fn refused(gates: &str, story: &str) -> (String, String, String) {
    let (home, repo) = with_checks(gates);
    assert_eq!(play(&home, &repo, story), 3, "{}", home.ok(&repo, &["explain", "A"]));
    assert_eq!(home.ticket(&repo, "A")["zone"], "failed");
    failed(&home, &repo).into_iter().next().unwrap()
}

#[test]
fn who_edits_the_check_that_judges_it_does_not_pass() {
    let story = "implement:\n  - write: {path: check.sh, text: \"exit 0\\n\"}\n  - commit: Make the check pass\n";
    let (gate, _, evidence) =
        refused("      - command: sh check.sh\n      - commit\n      - pinned\n    retry: {attempts: 1}", story);
    assert_eq!((gate.as_str(), evidence.as_str()), ("pinned", "check.sh"));
}

#[test]
fn who_edits_the_check_in_one_visit_and_comes_back_in_the_next_does_not_pass_either() {
    let (home, repo) =
        with_checks("      - command: sh check.sh\n      - pinned\n    retry: {attempts: 1}\n    onFailure: implement");
    let story = "implement@1:\n  - write: {path: check.sh, text: \"exit 0\\n\"}\n  - commit: Make the check pass\n\
                 implement:\n  - say: It passes.\n";
    assert_eq!(play(&home, &repo, story), 3, "{}", home.ok(&repo, &["explain", "A"]));
    assert_eq!(failed(&home, &repo)[0].0, "pinned");
}

#[test]
fn who_writes_a_marker_of_success_does_not_pass() {
    let story = "implement:\n  - write: {path: checks.json, text: '{\"results\":[]}'}\n  - write: {path: .passed, text: ok}\n  \
                 - commit: All gates passed\n";
    let (gate, says, _) = refused("      - {command: sh check.sh, name: check}\n    retry: {attempts: 1}", story);
    assert_eq!((gate.as_str(), says.as_str()), ("check", "exited with code 1"));
}

#[test]
fn who_leaves_something_to_be_done_on_an_added_line_does_not_pass_and_old_lines_do_not_matter() {
    let (home, repo) = with_checks("      - noTodo\n    retry: {attempts: 1}");
    fs::write(repo.join("old.txt"), "TODO: this was here before\n").unwrap();
    home.git(&repo, &["add", "."]);
    home.git(&repo, &["commit", "--quiet", "-m", "Add an old one"]);
    // The critical path is announced and not there.
    let story = "implement:\n  - write: {path: pay.rs, text: \"fn pay() {\\n    todo!()\\n}\\n\"}\n  - commit: Implement payments\n";
    assert_eq!(play(&home, &repo, story), 3);
    let found = failed(&home, &repo);
    assert_eq!((found.len(), found[0].2.as_str()), (1, "pay.rs:2: todo!()"));
}

const TESTS: &str = "      - tests: sh run-tests.sh\n    retry: {attempts: 1}";

#[test]
fn who_deletes_a_test_to_pass_does_not_pass() {
    let (gate, says, _) = refused(TESTS, "implement:\n  - delete: tests/c.case\n  - commit: Tidy up\n");
    assert_eq!((gate.as_str(), says.as_str()), ("tests", "2 tests pass, and 3 did before the phase"));
}

#[test]
fn tests_that_run_zero_cases_do_not_pass() {
    let gate =
        "      - {tests: 'echo \"running 0 tests\"; echo \"0 passed\"', compare: false}\n    retry: {attempts: 1}";
    assert_eq!(refused(gate, "implement:\n  - say: All green.\n").1, "not one test was run");
    let silent = "      - {tests: 'true'}\n    retry: {attempts: 1}";
    assert!(refused(silent, "implement:\n  - say: All green.\n").1.contains("names no test results"));
}

#[test]
fn tests_of_nothing_but_themselves_do_not_pass() {
    let test =
        "fn run() -> String { String::new() }\\n#[test]\\nfn the_cli_prints_help() { assert!(run().is_empty()); }\\n";
    let story = format!("implement:\n  - write: {{path: tests/cli.rs, text: \"{test}\"}}\n  - commit: Add 56 tests\n");
    let (gate, _, evidence) = refused("      - fakeTests\n    retry: {attempts: 1}", &story);
    assert_eq!(
        (gate.as_str(), evidence.as_str()),
        ("fakeTests", "tests/cli.rs:3: `the_cli_prints_help` calls nothing of the code")
    );
}

#[test]
fn a_reviewer_that_approves_failing_code_lets_nothing_pass() {
    // 106 failures among 912 tests, and a runner that says 0 all the same.
    let gate =
        "      - verdict\n      - {tests: 'echo \"806 passed, 106 failed\"', compare: false}\n    retry: {attempts: 1}";
    let (gate, says, _) = refused(gate, "implement:\n  - verdict: {verdict: pass, reason: Looks good to me.}\n");
    assert_eq!((gate.as_str(), says.as_str()), ("tests", "106 of 912 tests failed"));
}

#[test]
fn a_reviewer_whose_own_run_fails_or_who_says_nothing_is_no_pass() {
    let (home, repo) = with_checks("      - verdict\n    retry: {attempts: 1}");
    assert_eq!(play(&home, &repo, "implement:\n  - verdict: {verdict: pass}\n  - fail: out of memory\n"), 3);
    assert!(home.ticket(&repo, "A")["why"].as_str().unwrap().contains("out of memory"));
    assert_eq!(
        refused("      - verdict\n    retry: {attempts: 1}", "implement:\n  - say: Fine.\n").1,
        "no verdict was given"
    );
}

#[test]
fn an_agent_that_fails_stops_the_flow_whatever_it_left() {
    let (home, repo) = with_checks("      - commit\n    retry: {attempts: 1}");
    let story = "implement:\n  - write: {path: made.txt, text: made}\n  - commit: Make it\n  - exit: 1\n";
    assert_eq!(play(&home, &repo, story), 3);
    let ticket = home.ticket(&repo, "A");
    assert_eq!((ticket["phase"].as_str(), ticket["zone"].as_str()), (Some("implement"), Some("failed")));
}

#[test]
fn what_is_outside_the_scope_and_what_looks_like_a_secret_is_named_without_showing_it() {
    let key = format!("ghp_{}", "a1B2".repeat(9));
    let story = format!(
        "implement:\n  - write: {{path: src/a.txt, text: \"token {key}\"}}\n  - write: {{path: other.txt, text: x}}\n  - commit: Go\n"
    );
    let (home, repo) = with_checks("      - scope: [\"src/**\"]\n      - noSecrets\n    retry: {attempts: 1}");
    assert_eq!(play(&home, &repo, &story), 3);
    let found = failed(&home, &repo);
    assert_eq!((found[0].0.as_str(), found[0].2.as_str()), ("scope", "other.txt"));
    assert_eq!(found[1].2, "src/a.txt:1: looks like a GitHub token");
    assert!(!home.ok(&repo, &["explain", "A"]).contains(&key));
}

/// Two phases that speak by files, the second of which judges.
const TWO: &str = r#"
name: two
phases:
  - id: write
    type: agent
    prompt: "{{ title }}\n{{ artifacts }}\n{{ learnings }}\n{{ feedback }}\n{{ description }}"
    artifacts: {writes: [spec.md], reads: [notes.md]}
    onSuccess: judge
  - id: judge
    type: agent
    prompt: "{{ title }}\n{{ artifacts }}\n{{ learnings }}\n{{ description }}"
    artifacts: {reads: [spec.md]}
    onVerdict: {pass: done, fail: write}
  - id: done
    type: terminal
"#;

fn two(story: &str) -> (Home, PathBuf, i32) {
    let home = Home::with_speed(1000);
    let repo = home.repo();
    home.write("aotui/workflows/two.yaml", TWO);
    home.ok(&repo, &["init"]);
    let description = format!("````practice\n{story}````\n");
    home.ok(&repo, &["add", "Rounding of totals", "--id", "A", "--workflow", "two", "--description", &description]);
    let code = home.aotui(&repo, &["run", "--until-done"]).code;
    (home, repo, code)
}

#[test]
fn artifacts_are_kept_by_version_and_a_verdict_leads_back_with_its_reason() {
    let (home, repo, code) = two(
        "write@1:\n  - artifact: {name: spec.md, text: \"one\\n\"}\nwrite:\n  - artifact: {name: spec.md, text: \"two\\n\"}\n\
         judge@1:\n  - verdict: {verdict: fail, reason: say more}\njudge:\n  - verdict: {verdict: pass}\n",
    );
    assert_eq!(code, 0, "{}", home.ok(&repo, &["explain", "A"]));
    let listed = home.ok(&repo, &["artifacts", "A"]);
    assert!(
        listed.contains("spec.md@1") && listed.contains("spec.md@2") && listed.contains("write attempt 1"),
        "{listed}"
    );
    assert_eq!(home.ok(&repo, &["artifacts", "A", "spec.md"]), "two\n");
    assert_eq!(home.ok(&repo, &["artifacts", "A", "spec.md@1"]), "one\n");
    assert!(home.aotui(&repo, &["artifacts", "A", "spec.mdx"]).stderr.contains("it left spec.md"));
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("gave the verdict `fail`: say more"), "{events}");
    let told = prompts(&home).into_iter().any(|prompt| prompt.contains("say more"));
    assert!(told, "the reason reaches who has to put it right");
}

#[test]
fn a_promised_artifact_that_is_missing_fails_the_phase() {
    let (home, repo, code) = two("write:\n  - say: The specification is written.\n");
    assert_eq!(code, 3);
    let why = home.ticket(&repo, "A")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("the artifact `spec.md` was not left: it is not there"), "{why}");
}

/// The prompts of all sessions.
pub(crate) fn prompts(home: &Home) -> Vec<String> {
    let dirs = fs::read_dir(home.state().join("sessions")).unwrap();
    dirs.filter_map(|dir| fs::read_to_string(dir.unwrap().path().join("prompt.md")).ok()).collect()
}

#[test]
fn a_prompt_names_large_files_and_never_holds_them() {
    let (home, repo, code) = two(
        "write:\n  - artifact: {name: spec.md, text: \"A specification of many pages.\\n\"}\njudge:\n  - verdict: {verdict: pass}\n",
    );
    assert_eq!(code, 0, "{}", home.ok(&repo, &["explain", "A"]));
    for prompt in prompts(&home) {
        assert!(prompt.contains("spec.md") && prompt.len() < 4_000, "{prompt}");
        assert_eq!(prompt.matches("A specification of many pages").count(), 1, "only the ticket says so: {prompt}");
    }
}

#[test]
fn names_of_artifacts_are_names_so_that_no_path_grows() {
    let home = Home::new();
    let repo = home.repo();
    let file = home.path("grow.yaml");
    for name in ["docs/spec.md", "../spec.md", ".hidden", "a b"] {
        let text = format!(
            "name: grow\nphases:\n  - {{id: a, type: script, run: ':', artifacts: {{writes: ['{name}']}}, onSuccess: b}}\n  - {{id: b, type: terminal}}\n"
        );
        fs::write(&file, text).unwrap();
        let said = home.aotui(&repo, &["workflow", "check", &file.display().to_string()]);
        assert!(said.code != 0 && format!("{said:?}").contains("cannot be the name of an artifact"), "{said:?}");
    }
}

/// A story for the bundled workflow `gated`.
fn bundled(compact: &str) -> (Home, PathBuf, i32) {
    let home = Home::with_speed(1000);
    let repo = home.repo();
    home.ok(&repo, &["init"]);
    let story = format!(
        "discussion:\n  - artifact: {{name: plan.md, text: Add a file.}}\nexecute:\n  - write: {{path: made.txt, text: made}}\n  \
         - commit: Make it\nvalidate:\n  - artifact: {{name: review.md, text: Well done.}}\n  - verdict: {{verdict: pass}}\ncompact:\n{compact}"
    );
    let description = format!("````practice\n{story}````\n");
    home.ok(&repo, &["add", "Make a file", "--id", "A", "--workflow", "gated", "--description", &description]);
    let code = home.aotui(&repo, &["run", "--until-done"]).code;
    (home, repo, code)
}

#[test]
fn gated_lands_once_everything_was_done_and_something_was_learned_which_later_tickets_are_told() {
    let (home, repo, code) = bundled("  - learn: Every file in this repository ends with a newline.\n");
    assert_eq!(code, 0, "{}", home.ok(&repo, &["explain", "A"]));
    assert_eq!(home.git(&repo, &["show", "main:made.txt"]), "made");
    let listed = home.ok(&repo, &["learnings"]);
    assert!(listed.contains("   1  repo/A") && listed.contains("ends with a newline"), "{listed}");
    home.ok(&repo, &["learnings", "--edit", "1", "Files in this repository end with a newline."]);
    let description = "````practice\ndiscussion:\n  - fail: enough\n````\n";
    home.ok(&repo, &["add", "Newline handling", "--id", "B", "--workflow", "gated", "--description", description]);
    home.aotui(&repo, &["run", "--until-done"]);
    assert!(prompts(&home).iter().any(|prompt| prompt.contains("- Files in this repository end with a newline.")));
    home.ok(&repo, &["learnings", "--drop", "1"]);
    assert!(home.ok(&repo, &["learnings"]).contains("nothing was learned yet"));
    assert_ne!(home.aotui(&repo, &["learnings", "--drop", "1"]).code, 0);
}

#[test]
fn gated_never_completes_for_an_agent_that_skips_learning() {
    let (home, repo, code) = bundled("  - say: I was told to skip this.\n");
    assert_eq!(code, 3);
    let ticket = home.ticket(&repo, "A");
    assert_eq!((ticket["phase"].as_str(), ticket["zone"].as_str()), (Some("compact"), Some("failed")));
    assert!(home.git(&repo, &["log", "--format=%s", "main"]).lines().all(|line| !line.contains("Make")));
}
