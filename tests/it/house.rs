//! What ships inside the program works.

use std::fs;
use std::path::Path;

use crate::harness::Home;

#[test]
fn every_bundled_workflow_is_listed_and_has_no_defect() {
    let home = Home::new();
    let repo = home.repo();
    let listed = home.ok(&repo, &["workflow", "list"]);
    home.ok(&repo, &["workflow", "check"]);
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let mut count = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(listed.split_whitespace().any(|word| word == name), "{name} is not in\n{listed}");
        home.ok(&repo, &["workflow", "check", path.to_str().unwrap()]);
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn shells_get_completions_that_know_the_verbs() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = home.ok(&home.path(""), &["completions", shell]);
        for verb in ["run", "approve", "resume-plan"] {
            assert!(text.contains(verb), "{shell} does not know {verb}");
        }
    }
}
