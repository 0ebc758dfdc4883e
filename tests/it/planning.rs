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

/// A planning agent that does what a script says, and the home it is at.
fn planner(script: &str) -> Home {
    let home = Home::new();
    home.write("planner.sh", script);
    let record = format!(
        "defaultAgent: practice\nagents:\n  scribe:\n    command: /bin/sh\n    args: [{}, '{{{{ prompt }}}}']\n",
        home.path("planner.sh").display()
    );
    home.write("aotui/config.yaml", &record);
    home
}

const DRAFT: &str = r#"{"plan": {"id": "shop", "workflow": "minimal"}, "tickets": [{"ticketId": "A-1", "title": "Sort"}, {"title": "Filter", "blockedBy": ["A-1"]}]}"#;

#[test]
fn what_an_agent_drafts_is_shown_and_taken_in_when_the_person_says_yes() {
    let home = planner(&format!(
        "printf '%s' \"$1\" > {root}/told\npwd > {root}/where\necho 'hello from the agent'\nread answer\n\
         aotui add Sneaky > {root}/sneaky 2>&1\nprintf '%s' '{DRAFT}' > \"$AOTUI_DRAFTS/shop.json\"\n\
         aotui plan check > {root}/checked || exit 1\nls \"$AOTUI_SKILLS\"/*/SKILL.md > {root}/skills\n",
        root = "\"$HOME\""
    ));
    let repo = home.repo();
    let args = ["plan", "a shop with sorting", "--agent", "scribe", "--workflow", "minimal"];
    let mut app = App::start(&home, &repo, &args, (120, 40));
    app.see("hello from the agent");
    app.press("go on\r");
    app.see("Add 2 tickets?");
    assert_eq!(tickets(&home, &repo), Vec::<String>::new());
    app.press("y\r");
    app.see("added 2 tickets");
    assert_eq!(app.ended(), 0);
    assert_eq!(tickets(&home, &repo), ["A-1", "T-1"]);
    let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
    let told = read("told");
    for part in ["a shop with sorting", "`minimal`", "`standard`: ", "plan check", repo.to_str().unwrap()] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert_eq!(read("where").trim(), repo.canonicalize().unwrap().display().to_string());
    assert!(read("checked").contains("A-1  Sort"), "{}", read("checked"));
    assert!(read("sneaky").contains("only a person decides"), "{}", read("sneaky"));
    assert_eq!(read("skills").lines().count(), 6);
    assert_eq!(std::fs::read_dir(home.state().join("planning")).unwrap().count(), 0);
}

#[test]
fn drafts_with_defects_stay_and_planning_goes_on_with_them() {
    let home = planner(&format!(
        "case \"$1\" in *'unknown key'*) printf '%s' '{DRAFT}' > \"$AOTUI_DRAFTS/shop.json\";;\n\
         *) printf '%s' '{}' > \"$AOTUI_DRAFTS/shop.json\";; esac\n",
        DRAFT.replace("blockedBy", "blocked")
    ));
    let repo = home.repo();
    let mut app = App::start(&home, &repo, &["plan", "-a", "scribe"], (160, 40));
    app.see("unknown key `blocked`");
    app.see("aotui plan --resume");
    assert_eq!(app.ended(), 2);
    assert_eq!(tickets(&home, &repo), Vec::<String>::new());

    let mut again = App::start(&home, &repo, &["plan", "--resume", "-a", "scribe"], (160, 40));
    again.see("Add 2 tickets?");
    again.press("n\r");
    again.see("nothing was added");
    assert_eq!(again.ended(), 0);
    assert_eq!(tickets(&home, &repo), Vec::<String>::new());
    let kept = std::fs::read_dir(home.state().join("planning")).unwrap().next().unwrap().unwrap().path();
    home.ok(&repo, &["import", &kept.join("drafts/shop.json").display().to_string(), "--yes"]);
    assert_eq!(tickets(&home, &repo), ["A-1", "T-1"]);
}

#[test]
fn an_agent_that_drafts_nothing_or_dies_changes_nothing() {
    for script in ["exit 3\n", "kill -9 $$\n", "echo ready\nread answer\n"] {
        let home = planner(script);
        let repo = home.repo();
        let mut app =
            App::start(&home, &repo, &["interactive", "-r", ".", "-w", "minimal", "--agent", "scribe"], (100, 30));
        if script.contains("ready") {
            // Ctrl-C is for the agent; aotui is there when it has ended.
            app.see("ready");
            app.press("\x03");
        }
        app.see("nothing was drafted");
        assert_eq!(app.ended(), 0);
        assert_eq!(tickets(&home, &repo), Vec::<String>::new());
        assert_eq!(std::fs::read_dir(home.state().join("planning")).unwrap().count(), 0);
    }
}

#[test]
fn who_cannot_plan_is_told_why() {
    let home = planner("exit 0\n");
    let repo = home.repo();
    for (args, expected) in [
        (&["plan", "-a", "scribe"][..], "there is no terminal here"),
        (&["plan"], "agent `practice` cannot plan"),
        (&["plan", "-a", "scrib"], "did you mean `scribe`?"),
        (&["plan", "-w", "minimol", "-a", "scribe"], "did you mean `minimal`?"),
        (&["plan", "check"], "$AOTUI_DRAFTS is not set"),
        (&["plan", "check", "."], "there are no drafts in"),
    ] {
        let ran = home.aotui(&repo, args);
        assert!(ran.code == 2 && ran.stderr.contains(expected), "{args:?}: {ran:?}");
    }
}

#[test]
fn the_skills_say_what_is_so() {
    use crate::docs::{blocks, commands, words};
    use aotui::config::paths::Places;
    use aotui::config::settings::Settings;

    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/skills");
    let mut count = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (name, text) = (entry.file_name(), std::fs::read_to_string(entry.path().join("SKILL.md")).unwrap());
        assert!(text.starts_with(&format!("---\nname: {}\ndescription: ", name.display())), "{name:?}");
        for command in commands(&text) {
            if let Some(error) = aotui::cli::parse(words(&command)).err().filter(|error| error.exit_code() != 0) {
                panic!("{name:?}: `{command}`: {error}");
            }
            count += 1;
        }
        let home = Home::new();
        let repo = home.repo();
        for block in blocks(&text, "yaml") {
            if block.contains("phases:") {
                home.write("w.yaml", &block);
                home.write("repo/test.sh", "exit 0\n");
                home.ok(&repo, &["workflow", "check", &home.path("w.yaml").display().to_string()]);
            } else {
                let places = Places::find(None, &home.path(""), |_| Some(home.path("").display().to_string())).unwrap();
                let loaded = Settings::parse("skill", &block, &places, std::path::Path::new("aotui"));
                assert_eq!(loaded.unwrap_or_else(|problems| panic!("{problems:?}")).warnings, []);
            }
        }
        for block in blocks(&text, "json") {
            home.write("draft.json", &block);
            assert!(
                home.ok(&repo, &["import", &home.path("draft.json").display().to_string(), "-n"]).contains("IMP-2")
            );
        }
        // Every key of its tables is one of a plan or of a ticket.
        let rows = text.lines().filter(|_| name == "planner").filter_map(|line| line.strip_prefix("| `"));
        for key in
            rows.flat_map(|row| row.split(" |").next().unwrap().split(", ").map(|key| key.trim_matches('`').to_owned()))
        {
            let value = if key == "order" {
                "1"
            } else if key == "acceptanceCriteria" || key == "blockedBy" {
                "[]"
            } else {
                "null"
            };
            let ticket = format!(r#"{{"tickets": [{{"title": "x", "{key}": {value}}}]}}"#);
            let plan = format!(r#"{{"plan": {{"{key}": null}}, "tickets": [{{"title": "x"}}]}}"#);
            let taken = [ticket, plan].iter().any(|draft| {
                home.write("key.json", draft);
                home.aotui(&repo, &["import", &home.path("key.json").display().to_string(), "-n"]).code == 0
            });
            assert!(taken, "no plan and no ticket has a key `{key}`");
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn an_agent_may_choose_workflows_among_those_that_are_there() {
    let home = Home::new();
    let repo = home.repo();
    home.write("judge.sh", "cat > \"$HOME/asked\"\npwd > \"$HOME/where\"\necho 'Let me see. {\"T-1\": \"minimal\", \"T-2\": \"yolo\", \"X\": \"minimal\"}'\n");
    let record = format!(
        "defaultAgent: practice\nagents:\n  judge: {{command: /bin/sh, args: [{}], promptVia: stdin}}\n",
        home.path("judge.sh").display()
    );
    home.write("aotui/config.yaml", &record);
    home.write("list.md", "- [ ] Sort\n- [ ] Filter\n- [ ] Own (workflow: standard)\n");
    let ran =
        home.aotui(&repo, &["import", &home.path("list.md").display().to_string(), "--triage-by", "judge", "--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("T-1  Sort    minimal (by judge)"), "{ran:?}");
    assert!(ran.stderr.contains("T-2: \"yolo\" is no workflow here"), "{ran:?}");
    assert!(ran.stderr.contains("`X` is no ticket that was asked about"), "{ran:?}");
    let asked = std::fs::read_to_string(home.path("asked")).unwrap();
    assert!(asked.contains("T-2: Filter") && asked.contains("- standard: ") && !asked.contains("Own"), "{asked}");
    assert!(!std::fs::read_to_string(home.path("where")).unwrap().contains("repo"));
    let ran = home.aotui(&repo, &["import", &home.path("list.md").display().to_string(), "--triage-by", "nobody"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}
