//! Work comes in: lists are imported, plans are made with an agent, and nothing is taken in unseen.

use std::io::Write;
use std::process::Stdio;

use crate::harness::{App, Home, Ran, until};

fn tickets(home: &Home, dir: &std::path::Path) -> Vec<String> {
    let status: serde_json::Value = serde_json::from_str(&home.ok(dir, &["status", "--json"])).unwrap();
    let plans = status["plans"].as_array().unwrap().iter();
    let ids = plans.flat_map(|plan| plan["tickets"].as_array().unwrap().clone());
    let mut ids: Vec<String> = ids.map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn a_backlog_is_imported_once_and_worked_through() {
    let home = Home::new();
    let repo = home.repo();
    home.write("backlog.md", "- [ ] One (workflow: minimal)\n- [ ] Two (after: One) (workflow: minimal)\n- [x] Zero\n");
    let file = home.path("backlog.md").display().to_string();
    let shown = home.ok(&repo, &["import", &file, "--dry-run"]);
    assert!(shown.contains("T-2  Two    minimal   T-1") && shown.contains("left out, it is checked"), "{shown}");
    assert_eq!(tickets(&home, &repo), Vec::<String>::new());

    let asked = home.aotui(&repo, &["import", &file]);
    assert_eq!(asked.code, 2, "{asked:?}");
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    assert!(home.ok(&repo, &["import", &file, "--yes"]).contains("added 2 tickets"));
    assert!(home.ok(&repo, &["import", &file, "--yes"]).contains("nothing to add"));
    home.ok(&repo, &["run", "--until-done"]);
    assert_eq!(home.ticket(&repo, "T-2")["zone"], "done");
}

#[test]
fn a_defect_anywhere_keeps_everything_out() {
    let home = Home::new();
    let repo = home.repo();
    home.write("list.csv", "title,after\nOne,\nTwo,T-9\n");
    let ran = home.aotui(&repo, &["import", &home.path("list.csv").display().to_string(), "--yes"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("list.csv:3:5: `T-2` is blocked by `T-9`, which is neither"), "{ran:?}");
    assert_eq!(tickets(&home, &repo), Vec::<String>::new());
}

#[test]
fn issues_come_through_a_pipe_into_a_running_engine() {
    let home = Home::new();
    let repo = home.repo();
    home.ok(&repo, &["init"]);
    let mut app = App::start(&home, &repo, &[], (120, 30));
    app.wait("the screen", |screen| screen.contains("quit"));
    let long = "x".repeat(400_000);
    let issues: Vec<serde_json::Value> =
        (1..=5).map(|n| serde_json::json!({"number": n, "title": format!("Issue {n}"), "body": long})).collect();
    let args = ["import", "-", "--yes", "--workflow", "minimal"];
    let mut command = home.command(&repo, &args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(serde_json::to_string(&issues).unwrap().as_bytes()).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap(), &args);
    assert!(ran.code == 0 && ran.stdout.contains("added 5 tickets"), "{ran:?}");
    app.see("Issue 5");
    until("all are done", || app.screen(), || (home.ticket(&repo, "GH-5")["zone"] == "done").then_some(()));
    app.press("q");
    assert_eq!(app.ended(), 0);
}

#[test]
fn the_rules_of_the_settings_choose_the_workflow() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "aotui/config.yaml",
        "defaultAgent: practice\ntriage:\n  - {when: {label: bug}, workflow: minimal}\n  - {when: {title: 'ask *'}, agent: practice}\n",
    );
    home.write("list.json", r#"[{"title": "Sort", "labels": ["Bug"]}, {"title": "Ask them"}, {"title": "Else"}]"#);
    let shown = home.ok(&repo, &["import", &home.path("list.json").display().to_string(), "-n"]);
    assert!(shown.contains("Sort      minimal (label bug)"), "{shown}");
    assert!(shown.contains("standard · practice (title ask *)"), "{shown}");
    let said = home.ok(&repo, &["add", "Filter", "--label", "BUG"]);
    assert!(said.contains("workflow minimal by the rule “label bug”"), "{said}");
    assert!(!home.ok(&repo, &["add", "Plain"]).contains("rule"));
}
