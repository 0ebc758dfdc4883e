//! Wrong input: one clear message, a code that is not 0, and nothing half-made.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Home, Ran};

/// A home with a plan for a repository.
fn ready() -> (Home, PathBuf) {
    let home = Home::new();
    let repo = home.repo();
    home.ok(&repo, &["init"]);
    (home, repo)
}

fn listing(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            found.push(entry.path().display().to_string());
            if entry.path().is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// Runs something wrong and checks that it is refused with these words and that no ticket or plan came of it.
fn refused(home: &Home, repo: &Path, args: &[&str], words: &[&str]) -> Ran {
    let plans = home.state().join("plans");
    let before = listing(&plans);
    let ran = home.aotui(repo, args);
    assert_ne!(ran.code, 0, "{args:?} was accepted: {ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "{args:?} does not say `{word}`:\n{}", ran.stderr);
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(listing(&plans), before, "{args:?} left something behind");
    ran
}

#[test]
fn an_unknown_workflow_is_refused_with_the_nearest_name() {
    let (home, repo) = ready();
    refused(&home, &repo, &["add", "x", "--workflow", "standrad"], &["standrad", "standard"]);
}

#[test]
fn ids_that_could_leave_their_place_are_refused() {
    let (home, repo) = ready();
    for id in ["../x", "a/b", "x.lock", "a b"] {
        refused(&home, &repo, &["add", "x", "--id", id], &["is not valid"]);
    }
    refused(&home, &repo, &["add", "x", "--id=-rf"], &["must start with a letter or a digit"]);
    refused(&home, &repo, &["add", "x", "--blocked-by", "../x"], &["only tickets of the same plan"]);
    refused(&home, &repo, &["approve", "../x"], &["there is no ticket"]);
}

#[test]
fn a_title_that_would_be_code_stays_a_title() {
    let (home, repo) = ready();
    home.write(
        "aotui/workflows/echo.yaml",
        "name: echo\nphases:\n  - {id: a, type: script, command: echo, args: ['{{ title }}'], onSuccess: b}\n  - {id: b, type: script, run: 'echo \"$AOTUI_TITLE\"', onSuccess: c}\n  - {id: c, type: agent, prompt: '{{ title }}', onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    let title = "$(touch pwned) `touch pwned`; touch pwned";
    home.ok(&repo, &["add", title, "--id", "X", "--workflow", "echo"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 0);
    assert!(!listing(&home.path("")).iter().any(|path| path.ends_with("/pwned")));
    let log = home.ok(&repo, &["logs", "X", "--session", "1"]);
    assert!(log.contains(title), "{log}");
}

#[test]
fn a_workflow_with_defects_is_refused_line_by_line() {
    let (home, repo) = ready();
    home.write(
        "aotui/workflows/bad.yaml",
        "name: bad\nphases:\n  - id: build\n    type: script\n    run: make\n    onSuccess: tset\n  - id: test\n    type: agent\n    prompt: '{{ titel }}'\n    onSuccess: done\n  - id: done\n    type: terminal\n",
    );
    refused(
        &home,
        &repo,
        &["add", "x", "--workflow", "bad"],
        &["bad.yaml:6:", "did you mean `test`", "bad.yaml:9:", "titel", "did you mean `title`"],
    );
    home.write("aotui/workflows/torn.yaml", "name: torn\nphases:\n  - id: a\n   type: [\n");
    refused(&home, &repo, &["add", "x", "--workflow", "torn"], &["torn.yaml:"]);
    let ran = home.aotui(&repo, &["workflow", "check", &home.path("aotui/workflows/bad.yaml").display().to_string()]);
    assert_ne!(ran.code, 0);
}

#[test]
fn a_plan_whose_tickets_block_each_other_in_a_circle_is_not_run() {
    let (home, repo) = ready();
    for id in ["A", "B"] {
        home.ok(&repo, &["add", "x", "--id", id, "--workflow", "minimal"]);
    }
    let plan = home.state().join("plans/repo/plan.json");
    let mut text: serde_json::Value = serde_json::from_str(&fs::read_to_string(&plan).unwrap()).unwrap();
    text["tickets"] = serde_json::json!([{"ticketId": "A", "blockedBy": ["B"]}, {"ticketId": "B", "blockedBy": ["A"]}]);
    fs::write(&plan, serde_json::to_string_pretty(&text).unwrap()).unwrap();
    let ran = refused(&home, &repo, &["run", "--plan", "repo", "--until-done"], &["circle: A → B → A", "plan.json:"]);
    assert_eq!(ran.code, 2);
    refused(&home, &repo, &["add", "x", "--id", "C", "--blocked-by", "Z"], &["Z"]);
}

#[test]
fn a_repository_that_is_none_is_refused_before_anything_is_made() {
    let (home, repo) = ready();
    fs::create_dir(home.path("plain")).unwrap();
    refused(&home, &home.path("plain"), &["add", "x"], &["repository"]);
    let plan = home.state().join("plans/repo/plan.json");
    let text = fs::read_to_string(&plan).unwrap().replace("/repo\"", "/plain\"");
    fs::write(&plan, text).unwrap();
    let tickets = home.state().join("plans/repo/tickets");
    fs::create_dir_all(&tickets).unwrap();
    fs::write(tickets.join("A.json"), r#"{"ticketId": "A", "title": "x", "workflow": "minimal"}"#).unwrap();
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 3);
    let why = home.ticket(&repo, "A")["why"].to_string();
    assert!(why.contains("plain") && why.contains("not a git repository"), "{why}");
}

#[test]
fn a_repository_without_a_commit_is_refused_and_nothing_is_made() {
    let home = Home::new();
    fs::remove_file(home.path("aotui/config.yaml")).unwrap();
    let repo = home.path("empty");
    fs::create_dir(&repo).unwrap();
    home.git(&repo, &["init", "--quiet", "-b", "main"]);
    for args in [&["init"][..], &["add", "x"]] {
        refused(&home, &repo, args, &["has no commit yet", "make a first commit"]);
    }
    assert!(!home.path("aotui/config.yaml").exists());
}

#[test]
fn a_missing_agent_command_is_named() {
    let (home, repo) = ready();
    home.write(
        "aotui/config.yaml",
        "defaultAgent: mine\nagents:\n  mine: {command: no-such-agent, args: ['{{ promptFile }}']}\n",
    );
    home.ok(&repo, &["add", "x", "--id", "A", "--workflow", "standard"]);
    assert_eq!(home.aotui(&repo, &["run", "--until-done"]).code, 3);
    let why = home.ticket(&repo, "A")["why"].to_string();
    assert!(why.contains("no-such-agent"), "{why}");
    refused(&home, &repo, &["add", "x", "--agent", "mien"], &["mien", "mine"]);
}

#[test]
fn a_settings_file_with_a_mistake_is_shown_by_line() {
    let (home, repo) = ready();
    let state = home.path("elsewhere");
    home.write("aotui/config.yaml", &format!("maxConcurrency: many\nstateDir: {}\n", state.display()));
    for args in [&["run"][..], &["add", "x"], &["approve", "A"]] {
        refused(&home, &repo, args, &["config.yaml:1:17", "maxConcurrency"]);
    }
    for args in [&["status"][..], &["workflow", "list"]] {
        let ran = home.aotui(&repo, args);
        assert!(ran.code == 0 && ran.stderr.contains("warning: "), "{args:?}: {ran:?}");
        assert!(ran.stderr.contains("config.yaml:1:17"), "{args:?}: {ran:?}");
    }
    home.write("aotui/config.yaml", "maxConcurency: 2\n");
    let ran = home.aotui(&repo, &["run", "--until-done"]);
    assert!(ran.stderr.contains("did you mean `maxConcurrency`"), "{ran:?}");
}

#[test]
fn an_agent_cannot_decide_about_its_own_work() {
    let (home, repo) = ready();
    home.ok(&repo, &["add", "x", "--id", "A", "--workflow", "standard"]);
    let inside = |args: &[&str]| {
        let output = home.command(&repo, args).env("AOTUI_SESSION_ID", "repo~A~1").output().unwrap();
        Ran::of(&output, args)
    };
    let steering: [&[&str]; 14] = [
        &[],
        &["run"],
        &["init"],
        &["trust"],
        &["add", "more work"],
        &["approve", "A"],
        &["reject", "A"],
        &["reply", "A", "yes"],
        &["retry", "A"],
        &["skip", "A", "land"],
        &["pause", "A"],
        &["stop", "A"],
        &["resume-plan", "repo"],
        &["attach", "A"],
    ];
    for args in steering {
        let ran = inside(args);
        assert!(ran.code == 5 && ran.stderr.contains("only a person decides"), "{args:?}: {ran:?}");
    }
    for args in [&["status"][..], &["workflow", "list"]] {
        assert_eq!(inside(args).code, 0, "{args:?}");
    }
}

#[test]
fn unknown_verbs_and_tickets_name_the_nearest() {
    let (home, repo) = ready();
    home.ok(&repo, &["add", "x", "--id", "PAY-114", "--workflow", "minimal"]);
    refused(&home, &repo, &["aprove", "PAY-114"], &["approve"]);
    refused(&home, &repo, &["approve", "PAY-141"], &["PAY-114"]);
    refused(&home, &repo, &["approve", "PAY-114"], &["does not wait for a decision"]);
    refused(&home, &repo, &["pause-plan", "rpeo"], &["repo"]);
}
