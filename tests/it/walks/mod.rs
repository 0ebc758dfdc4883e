//! Bundled workflows, walked to their ends by the practice agent, failures included. What each edge leads to is told in
//! `edges`; here they are walked for real.

mod edges;

use std::path::Path;

use crate::harness::Home;

/// A home whose practice agent is fast, and a repository with a plan.
fn home() -> (Home, std::path::PathBuf) {
    let home = Home::with_speed(1000);
    let repo = home.repo();
    home.ok(&repo, &["init"]);
    (home, repo)
}

fn add(home: &Home, repo: &Path, workflow: &str, story: &str) {
    let description = format!("````practice\n{story}````\n");
    home.ok(repo, &["add", "Say hello", "--id", "A", "--workflow", workflow, "--description", &description]);
}

/// Runs until a person is needed, then approves; as often as it takes, returns what was approved.
fn approve_all(home: &Home, repo: &Path) -> Vec<String> {
    let mut approved = Vec::new();
    while home.aotui(repo, &["run", "--until-done"]).code != 0 {
        let ticket = home.ticket(repo, "A");
        assert_eq!(ticket["status"], "approval", "{}", home.ok(repo, &["explain", "A"]));
        approved.push(ticket["phase"].as_str().unwrap_or_default().to_owned());
        home.ok(repo, &["approve", "A"]);
    }
    approved
}

#[test]
fn nine_reviewers_look_at_once_and_what_one_of_them_refuses_is_built_again() {
    let (home, repo) = home();
    let story = "security/review@1:\n  - verdict: {verdict: fail, reason: secrets in the log}\n";
    add(&home, &repo, "overnight", story);
    assert_eq!(approve_all(&home, &repo), ["approve"]);
    let ticket = home.ticket(&repo, "A");
    assert_eq!(ticket["zone"], "done", "{}", home.ok(&repo, &["explain", "A"]));
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("reviews failed: 1 of 9 branches failed: security"), "{events}");
    assert!(events.contains("reviews succeeded"), "{events}");
    assert_eq!(events.matches("A/reviews.security review succeeded").count(), 2, "{events}");
    assert_eq!(events.matches("A build succeeded").count(), 2, "{events}");
    assert!(home.git(&repo, &["log", "--oneline", "main"]).contains("Say hello"));
    assert!(home.ok(&repo, &["replay"]).contains("decided the same again"));
}

#[test]
fn a_bug_is_shown_before_it_is_mended() {
    let (home, repo) = home();
    add(&home, &repo, "bugfix", "mend@1:\n  - write: {path: half.txt, text: half}\n");
    assert_eq!(approve_all(&home, &repo), ["review"]);
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("verify failed: workflow `verify` failed"), "{events}");
    assert_eq!(home.ticket(&repo, "A")["zone"], "done");
}

/// Has the repository's tests fail while there is a file `broken`.
fn with_tests(home: &Home, repo: &Path) {
    std::fs::create_dir_all(repo.join(".aotui")).unwrap();
    home.write("repo/.aotui/test", "#!/bin/sh\n[ ! -e broken ] && echo 1 passed || { echo 1 failed; exit 1; }\n");
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(repo.join(".aotui/test"), runs).unwrap();
    home.git(repo, &["add", "."]);
    home.git(repo, &["commit", "--quiet", "-m", "Add tests"]);
}

/// Commits a line to the list on the base branch, as somebody else would.
fn meanwhile(home: &Home, repo: &Path) {
    std::fs::write(repo.join("list.txt"), "one\ntwo\nmeanwhile\n").unwrap();
    home.git(repo, &["commit", "--quiet", "-am", "Add a line meanwhile"]);
}

#[test]
fn standard_comes_back_from_red_tests_a_rejection_and_a_conflict() {
    let (home, repo) = home();
    with_tests(&home, &repo);
    let story = "implement#1:\n  - write: {path: broken, text: x}\n  - append: {path: list.txt, text: \"three\\n\"}\n  \
                 - commit: Add a third\nimplement#2:\n  - delete: broken\n  - commit: Mend it\n\
                 implement#3:\n  - write: {path: why.md, text: why}\n  - commit: Say why\n";
    add(&home, &repo, "standard", story);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("A test failed: exited with code 1"), "{events}");
    home.ok(&repo, &["reject", "A", "-m", "say why"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    meanwhile(&home, &repo);
    assert_eq!(approve_all(&home, &repo), ["review"]);
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("A land failed") && events.contains("A retest succeeded"), "{events}");
    let list = home.git(&repo, &["show", "main:list.txt"]);
    assert!(list.contains("three") && list.contains("meanwhile"), "{list}");
    assert_eq!(home.git(&repo, &["show", "main:why.md"]), "why");
}

#[test]
fn a_conflict_that_nobody_resolves_is_left_to_a_person_and_nothing_is_lost() {
    let (home, repo) = home();
    let story = "implement:\n  - append: {path: list.txt, text: \"three\\n\"}\n  - commit: Add a third\nresolve:\n  - say: Done.\n";
    add(&home, &repo, "standard", story);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    meanwhile(&home, &repo);
    home.ok(&repo, &["approve", "A"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 3);
    let ticket = home.ticket(&repo, "A");
    assert!(ticket["why"].as_str().unwrap().contains("entered 4 times"), "{ticket}");
    assert!(home.git(&repo, &["show", "aotui/repo/A:list.txt"]).contains("three"));
    assert!(!home.git(&repo, &["show", "main:list.txt"]).contains("three"));
}

#[test]
fn gated_sends_back_what_its_judge_refuses_and_resolves_a_conflict_on_the_way_to_the_base() {
    let (home, repo) = home();
    with_tests(&home, &repo);
    let story = "discussion:\n  - artifact: {name: plan.md, text: Add a third.}\n\
                 execute#1:\n  - append: {path: list.txt, text: \"tree\\n\"}\n  - commit: Add a third\n\
                 execute#2:\n  - write: {path: list.txt, text: \"one\\ntwo\\nthree\\n\"}\n  - commit: Spell it\n\
                 validate#1:\n  - artifact: {name: review.md, text: A word is misspelt.}\n  - verdict: {verdict: fail, reason: tree is no number}\n\
                 validate#2:\n  - artifact: {name: review.md, text: Well.}\n  - verdict: {verdict: pass}\n\
                 compact:\n  - learn: Numbers are words here.\n  - permission: {tool: Bash, detail: make ready, reason: waits}\n";
    add(&home, &repo, "gated", story);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    meanwhile(&home, &repo);
    home.ok(&repo, &["approve", "A"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0, "{}", home.ok(&repo, &["explain", "A"]));
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("A land failed") && events.contains("A resolve succeeded"), "{events}");
    let prompts = super::gates::prompts(&home);
    assert!(prompts.iter().any(|prompt| prompt.contains("gave the verdict `fail`: tree is no number")));
    let list = home.git(&repo, &["show", "main:list.txt"]);
    assert!(list.contains("three") && list.contains("meanwhile"), "{list}");
}

#[test]
fn what_other_workflows_call_can_be_a_tickets_own() {
    let (home, repo) = home();
    with_tests(&home, &repo);
    let one = |id: &str, workflow: &str, story: &str| {
        let description = format!("````practice\n{story}````\n");
        home.ok(&repo, &["add", "It", "--id", id, "--workflow", workflow, "--description", &description]);
        home.aotui(&repo, &["run", "--ticket", id, "--until-done"]).code
    };
    assert_eq!(one("V", "verify", ""), 3, "there is no commit");
    assert!(home.ok(&repo, &["logs", "V"]).contains("There is no commit"));
    assert_eq!(one("R", "review", "review:\n  - verdict: {verdict: fail, reason: nothing is there}\n"), 3);
    assert_eq!(home.ticket(&repo, "R")["phase"], "refused");
    assert_eq!(one("S", "review", "review:\n  - say: Looks good to me.\n"), 3);
    assert!(home.ticket(&repo, "S")["why"].as_str().unwrap().contains("no verdict was given"));
    assert_eq!(one("P", "review", "review:\n  - verdict: {verdict: pass}\n"), 0);
    // There is nothing to land yet, so it is made on the way.
    assert_eq!(one("M", "merge", "resolve:\n  - write: {path: made.txt, text: made}\n  - commit: Make it\n"), 0);
    assert_eq!(home.git(&repo, &["show", "main:made.txt"]), "made");
    assert_eq!(one("N", "minimal", ""), 0);
    home.write("repo/.aotui/run", "#!/bin/sh\nexit 7\n");
    std::fs::set_permissions(repo.join(".aotui/run"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    home.git(&repo, &["add", "."]);
    home.git(&repo, &["commit", "--quiet", "-m", "Add something to run"]);
    assert_eq!(one("O", "minimal", ""), 3);
    assert_eq!(home.ticket(&repo, "O")["phase"], "failed");
}

#[test]
fn six_roles_leave_a_story_that_never_passes_to_a_person_and_go_on_from_it() {
    let (home, repo) = home();
    with_tests(&home, &repo);
    let story = "2/developer:\n  - write: {path: broken, text: x}\n  - commit: Break it\n\
                 2/developer@6:\n  - delete: broken\n  - write: {path: made.txt, text: made}\n  - commit: Mend it\n";
    add(&home, &repo, "six-roles", story);
    for phase in ["approve-product", "approve-architecture"] {
        assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
        home.ok(&repo, &["approve", "A", "--phase", phase]);
    }
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 3, "{}", home.ok(&repo, &["events"]));
    assert!(
        home.ticket(&repo, "A")["why"].as_str().unwrap().contains("item 2 of 3 failed"),
        "{}",
        home.ok(&repo, &["explain", "A"])
    );
    home.ok(&repo, &["retry", "A"]);
    assert_eq!(approve_all(&home, &repo), ["accept"]);
    let events = home.ok(&repo, &["events"]);
    assert_eq!(events.matches("A/build.1 developer succeeded").count(), 1, "what was done is not done again: {events}");
    assert_eq!(events.matches("A/build.3 developer succeeded").count(), 1, "{events}");
}

/// A project with tests that have names, one of which fails already.
const NAMED: &str = r#"#!/bin/sh
ok=0 bad=0
for case in tests/*.case; do
  if grep -q broken "$case"; then r=FAILED bad=$((bad + 1)); else r=ok ok=$((ok + 1)); fi
  echo "test $(basename "$case" .case) ... $r"
done
echo "test result: $ok passed; $bad failed"
[ "$bad" -eq 0 ]
"#;

#[test]
fn six_roles_improve_a_project_in_three_stories_through_refusals_and_nothing_gets_worse_unnamed() {
    let (home, repo) = home();
    with_tests(&home, &repo);
    std::fs::write(repo.join(".aotui/test"), NAMED).unwrap();
    for (name, text) in [("a", "a"), ("b", "b"), ("old", "broken")] {
        home.write(&format!("repo/tests/{name}.case"), text);
    }
    home.git(&repo, &["add", "."]);
    home.git(&repo, &["commit", "--quiet", "-m", "Add named tests"]);
    let story = "1/developer#1:\n  - write: {path: tests/b.case, text: broken}\n  - write: {path: tests/old.case, text: mended}\n  \
                 - commit: Mend the old one\n1/developer#2:\n  - write: {path: tests/b.case, text: b}\n  - delete: tests/a.case\n  \
                 - commit: Tidy up\n1/developer#3:\n  - write: {path: tests/a.case, text: a}\n  - commit: Bring it back\n\
                 2/developer:\n  - write: {path: tests/old.case, text: broken}\n  - commit: Break the old one again\n\
                 review/review@3:\n  - verdict: {verdict: fail, reason: not said loud enough}\n";
    add(&home, &repo, "six-roles", story);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    home.ok(&repo, &["reject", "A", "-m", "say who asks for it"]);
    assert_eq!(approve_all(&home, &repo), ["approve-product", "approve-architecture", "accept"]);
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("1 test got worse since the ticket began: b (fails)"), "{events}");
    assert!(events.contains("1 test got worse since the ticket began: a (was not run)"), "{events}");
    assert_eq!(events.matches("A/build.1 executor succeeded").count(), 1, "{events}");
    assert_eq!(events.matches("A/build.2 developer succeeded").count(), 1, "what failed before may fail: {events}");
    assert!(events.contains("build has 3 items"), "{events}");
    assert!(events.contains("A/build.3 tester failed: workflow `review` failed"), "{events}");
    assert_eq!(events.matches("A/build.3 developer succeeded").count(), 2, "what a tester refuses is mended: {events}");
    let prompts = super::gates::prompts(&home);
    for told in ["say who asks for it", "not said loud enough"] {
        assert!(prompts.iter().any(|prompt| prompt.contains(told)), "nobody was told: {told}");
    }
    assert!(prompts.iter().any(|prompt| prompt.contains("Passed when the ticket began and do not now:\nb (fails)")));
    let kept: serde_json::Value = serde_json::from_str(&home.ok(&repo, &["artifacts", "A", "baseline.json"])).unwrap();
    let base = home.git(&repo, &["log", "--format=%H %T", "--grep", "Add named tests", "main"]);
    assert_eq!(base, format!("{} {}", kept["head"].as_str().unwrap(), kept["tree"].as_str().unwrap()));
    let past = home.ok(&repo, &["logs", "A/build.1", "--list"]);
    assert!(past.contains("developer (practice)  succeeded"), "{past}");
    assert!(home.ok(&repo, &["logs", "A/build.1/tester.review"]).contains("✓ verdict: `pass`"));
    let listed = home.ok(&repo, &["sessions", "repo", "A", "--phase", "developer"]);
    assert!(listed.lines().count() >= 5 && listed.contains("repo~A~build.3~"), "{listed}");
    assert_eq!(kept["runs"][0]["results"]["passing"], serde_json::json!(["a", "b"]));
    assert_eq!(home.ticket(&repo, "A")["zone"], "done");
    assert_eq!(home.git(&repo, &["show", "main:tests/b.case"]), "b", "what was mended is what landed");
    assert!(home.ok(&repo, &["replay"]).contains("decided the same again"));
}
