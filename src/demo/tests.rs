use std::collections::BTreeSet;
use std::process::Command;

use super::*;

fn git(repo: &Path, args: &[&str]) -> String {
    let output = Command::new("git").args(args).current_dir(repo).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn preparing_twice_makes_one_sandbox_and_leaves_it_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("demo");
    let first = prepare(&root).unwrap();
    let repo = first.root.join("repo");
    let head = git(&repo, &["rev-parse", "main"]);
    fs::write(repo.join("mine.txt"), "mine").unwrap();
    assert_eq!(prepare(&root).unwrap(), first);
    assert_eq!(git(&repo, &["rev-parse", "main"]), head);
    assert!(repo.join("mine.txt").exists());
    assert_eq!(git(&repo, &["rev-list", "--count", "main"]), "6");
    assert_eq!(git(&repo, &["log", "-1", "--format=%an"]), "Ledger Keeper");
    let left: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    reset(&root).unwrap();
    assert!(!root.exists());
    prepare(&root).unwrap();
    assert_eq!(git(&repo, &["rev-parse", "main"]), head, "every sandbox is the same");
}

#[test]
fn a_directory_of_somebody_else_is_neither_used_nor_removed() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("thesis.txt"), "years of work").unwrap();
    assert!(prepare(home.path()).unwrap_err().to_string().contains("not empty"));
    assert!(reset(home.path()).unwrap_err().to_string().contains("not made by"));
    let demo = tempfile::tempdir().unwrap();
    prepare(demo.path()).unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(demo.path(), &link).unwrap();
    assert!(reset(&link).is_err());
    assert!(home.path().join("thesis.txt").exists() && demo.path().join("repo").exists());
    reset(&home.path().join("nothing")).unwrap();
}

#[test]
fn the_tests_of_the_sandbox_pass_on_main() {
    let home = tempfile::tempdir().unwrap();
    let demo = prepare(home.path()).unwrap();
    let output = Command::new("./.aotui/test").current_dir(demo.root.join("repo")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.ends_with("3 passed, 0 failed\n"), "{said}");
    assert_eq!(git(&demo.root.join("repo"), &["status", "--porcelain"]), "");
}

#[test]
fn the_plan_is_whole_and_shows_what_the_demo_promises() {
    let home = tempfile::tempdir().unwrap();
    let demo = prepare(home.path()).unwrap();
    let ids: BTreeSet<_> = demo.plan.tickets.iter().map(|entry| &entry.ticket_id).collect();
    assert_eq!((ids.len(), demo.briefs.len(), demo.stories.len()), (12, 12, 12));
    assert!(demo.plan.tickets.iter().flat_map(|entry| &entry.blocked_by).all(|id| ids.contains(id)));
    let expected: Vec<_> = demo.stories.iter().flat_map(|story| story.expects.clone()).collect();
    assert_eq!(expected.len(), 6);
    for one in [Expectation::Permission, Expectation::Question, Expectation::Failure] {
        assert!(expected.contains(&one), "{one:?}");
    }
    assert!(demo.plan.tickets.iter().any(|entry| !entry.blocked_by.is_empty()));
}
