//! Bundled workflows that divide their tickets, walked to their ends by the practice agent, failures included.

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
    let story = "security/review@1:\n  - write: {path: .review-security.md, text: \"FAIL\\nsecrets in the log\\n\"}\n";
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
fn six_roles_build_story_by_story_with_one_rejection_on_the_way() {
    let (home, repo) = home();
    let story = "review/review@1:\n  - write: {path: .review-review.md, text: \"FAIL\\nnot said loud enough\\n\"}\n";
    add(&home, &repo, "six-roles", story);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 4);
    home.ok(&repo, &["reject", "A", "-m", "say who asks for it"]);
    assert_eq!(approve_all(&home, &repo), ["approve-product", "approve-architecture", "accept"]);
    assert_eq!(home.ticket(&repo, "A")["zone"], "done");
    let events = home.ok(&repo, &["events"]);
    assert!(events.contains("build has 3 items"), "{events}");
    for item in 1..=3 {
        assert!(events.contains(&format!("A/build.{item} developer succeeded")), "{events}");
    }
    assert!(events.contains("tester failed: workflow `review` failed"), "{events}");
    assert!(events.contains("regressions succeeded"), "{events}");
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
