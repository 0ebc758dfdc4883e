//! A directory of `another-orchestrator` (settings, workflows, prompts, scripts, two plans with tickets in every status)
//! used as it is by the built program. Written from that system's documented schemas.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Home, Ran, until};

/// As its `standard`, without a remote: a set-up that says much and captures it over `worktree`, an implementation that is
/// sent back once, a poll, a clean-up.
const WORKFLOW: &str = r#"
name: small
description: Set up, implement, review, wait, clean up
tags: [test]
phases:
  - id: setup
    type: script
    command: setup-worktree.sh
    args: ["{{ repo }}", "{{ branch }}", "{{ worktree }}"]
    capture: { worktree: stdout }
    onSuccess: implement
    onFailure: abort
  - id: implement
    type: agent
    promptTemplate: implement.md
    maxRetries: 1
    timeoutSeconds: 60
    onSuccess: self_review
    onFailure: escalate
  - id: self_review
    type: script
    command: review.sh
    args: ["{{ context.pr_number }}"]
    capture: { self_review_feedback: stdout, pr_number: "echo 7" }
    onSuccess: await_review
    onFailure: implement
  - id: await_review
    type: poll
    command: poll.sh
    args: ["{{ repo }}", "{{ context.pr_number }}"]
    intervalSeconds: 1
    timeoutSeconds: 60
    capture: { verdict: stdout }
    onSuccess: cleanup
    onFailure: escalate
  - id: cleanup
    type: script
    command: cleanup-worktree.sh
    args: ["{{ worktree }}"]
    onSuccess: complete
    onFailure: complete
  - { id: complete, type: terminal }
  - { id: escalate, type: terminal, notify: true }
  - { id: abort, type: terminal, notify: true }
"#;

const PROMPT: &str = "\
# {{ ticketId }}: {{ title }}

{{ description }}

Work in {{ worktree }} on {{ branch }} of {{ repo }}.
{% if acceptance_criteria_list %}
## Acceptance criteria
{{ acceptance_criteria_list }}
{% endif %}
{% if linearUrl %}See {{ linearUrl }}.{% endif %}
{% if context.self_review_feedback %}
## Feedback
{{ context.self_review_feedback }}
{% endif %}
";

/// Called as `agent PROMPT --quiet`: commits what the prompt says, and notes what it was given.
const AGENT: &str = r#"#!/bin/sh
set -eu
printf '%s\n' "$1" > "prompt-$$.txt"
[ "$2" = --quiet ]
echo "work" >> work.txt
git add . && git commit -qm "Work"
"#;

pub(crate) struct Older {
    home: Home,
    repo: PathBuf,
    pub(crate) dir: PathBuf,
}

impl Older {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        let repo = home.repo();
        let dir = home.path("orchestrator");
        let older = Self { home, repo, dir };
        let agent = older.program("agent", AGENT);
        older.write(
            "config.yaml",
            &format!(
                "defaultAgent: worker\nagents:\n  worker: {{command: {}, defaultArgs: [--quiet]}}\n  \
                 claude: {{command: claude, defaultArgs: [--dangerously-skip-permissions]}}\n  \
                 codex: {{command: codex, defaultArgs: [--approval-mode, never]}}\n  pi: {{command: pi, defaultArgs: []}}\n\
                 stateDir: ./state\nlogDir: ./logs\nworkflowDir: ./workflows\npromptDir: ./prompts\n\
                 scriptDir: ./scripts\nskillsDir: ./skills\npollInterval: 0.1\nmaxConcurrency: 3\nghCommand: gh\n\
                 mcpServers:\n  linear: {{command: npx, args: [-y, server], env: {{KEY: \"${{LINEAR_KEY}}\"}}}}\n",
                agent.display()
            ),
        );
        older.write("workflows/small.yaml", WORKFLOW);
        older.write("workflows/broken.yaml", "name: broken\nphases: [");
        older.write("prompts/implement.md", PROMPT);
        // Its own scripts make worktrees of their own, which would be in the way.
        older.program("scripts/setup-worktree.sh", "git worktree add \"$3\" -b \"$2\"\n");
        older.program(
            "scripts/review.sh",
            "set -eu\n[ \"$(grep -c work work.txt)\" -gt 1 ] || { echo FAIL; exit 1; }\n",
        );
        older.program("scripts/poll.sh", "[ -e ../asked ] || { touch ../asked; exit 1; }\necho approved\n");
        older
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn program(&self, name: &str, text: &str) -> PathBuf {
        self.write(name, text);
        let path = self.dir.join(name);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn plan(&self, id: &str, status: &str, tickets: &[(&str, i64, &[&str])]) {
        let tickets: Vec<Value> = tickets
            .iter()
            .map(|(id, order, blockers)| json!({ "ticketId": id, "order": order, "blockedBy": blockers }))
            .collect();
        let plan = json!({ "id": id, "name": format!("Plan {id}"), "createdAt": "2026-03-01T09:00:00Z",
            "createdBy": "planner", "repo": self.repo, "workflow": "small", "agent": null,
            "worktreeRoot": self.dir.join("worktrees"), "status": status, "tickets": tickets });
        self.write(&format!("state/plans/{id}/plan.json"), &serde_json::to_string_pretty(&plan).unwrap());
    }

    pub(crate) fn ticket(&self, plan: &str, id: &str, more: &Value) {
        let mut ticket = json!({ "planId": plan, "ticketId": id, "title": format!("Title of {id}"),
            "description": "All of it", "acceptanceCriteria": ["it works"], "linearUrl": null, "repo": null,
            "workflow": "small", "branch": format!("me/{id}"), "worktree": self.dir.join("worktrees").join(id),
            "agent": null, "status": "queued", "currentPhase": "setup", "phaseHistory": [], "context": {},
            "retries": {}, "error": null });
        for (key, value) in more.as_object().unwrap() {
            ticket[key] = value.clone();
        }
        let text = serde_json::to_string_pretty(&ticket).unwrap();
        self.write(&format!("state/plans/{plan}/tickets/{id}.json"), &text);
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let config = self.dir.join("config.yaml");
        let args = [&["--config", config.to_str().unwrap()], args].concat();
        self.home.aotui(&self.repo, &args)
    }

    fn tickets(&self, plan: &str) -> Value {
        let ran = self.run(&["status", "-p", plan, "--json"]);
        let status: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        status["plans"][0]["tickets"].clone()
    }

    pub(crate) fn of(&self, plan: &str, id: &str) -> Value {
        let tickets = self.tickets(plan);
        tickets.as_array().unwrap().iter().find(|ticket| ticket["id"] == id).unwrap().clone()
    }
}

fn row(phase: &str, status: &str) -> Value {
    json!({ "phase": phase, "status": status, "startedAt": "2026-03-01T10:00:00.000Z",
        "completedAt": "2026-03-01T10:05:00.000Z", "output": "said\n" })
}

#[test]
fn its_directory_is_used_as_it_is() {
    let older = Older::new();
    older.plan(
        "alpha",
        "active",
        &[("A-1", 2, &[]), ("A-2", 1, &[]), ("A-3", 3, &["A-1"]), ("A-4", 4, &[]), ("A-5", 5, &[])],
    );
    older.ticket("alpha", "A-1", &json!({}));
    older.ticket("alpha", "A-2", &json!({ "status": "ready" }));
    older.ticket("alpha", "A-3", &json!({}));
    let at_review = json!({ "status": "running", "currentPhase": "self_review",
        "phaseHistory": [row("setup", "success"), row("implement", "success")],
        "context": { "worktree": "HEAD is now at 123\nCreated", "_pollStart_x": "2026-03-01T10:00:00Z" } });
    older.ticket("alpha", "A-4", &at_review);
    older.ticket("alpha", "A-5", &json!({ "status": "complete", "currentPhase": "complete" }));
    older.plan("beta", "active", &[("B-1", 1, &[]), ("B-2", 2, &[]), ("B-3", 3, &[]), ("B-4", 4, &[])]);
    older.ticket("beta", "B-1", &json!({ "status": "paused" }));
    older.ticket(
        "beta",
        "B-2",
        &json!({ "status": "failed", "currentPhase": "implement", "error": "no space left",
        "phaseHistory": [row("setup", "success"), row("implement", "failure")] }),
    );
    older.ticket(
        "beta",
        "B-3",
        &json!({ "status": "needs_attention", "currentPhase": "escalate",
        "phaseHistory": [row("setup", "success"), row("implement", "failure")] }),
    );
    older.write("state/plans/beta/tickets/B-4.json", "{ \"planId\": \"beta\", \"ticketI");

    // A torn file is said, and hides no other.
    let status = older.run(&["status"]);
    assert!(status.stderr.contains("B-4.json:1:") || status.stdout.contains("B-4.json:1:"), "{status:?}");
    assert_eq!(older.of("beta", "B-2")["why"], "no space left");

    let run = older.run(&["run", "--until-done"]);
    assert_eq!(run.code, 3, "B-2 and B-3 still need a person: {run:?}");
    for id in ["A-1", "A-2", "A-3", "A-4", "A-5"] {
        assert_eq!(older.of("alpha", id)["zone"], "done", "{id}: {run:?}");
    }
    let plan = fs::read_to_string(older.dir.join("state/plans/alpha/plan.json")).unwrap();
    assert!(plan.contains("\"status\": \"complete\""), "{plan}");
    assert!(!older.dir.join("worktrees/A-1").exists(), "its worktree is removed");
    let prompts = older.home.git(&older.repo, &["show", "--format=", "--name-only", "me/A-1"]);
    let prompt = older.home.git(&older.repo, &["show", &format!("me/A-1:{}", prompts.lines().next().unwrap())]);
    let worktree = older.dir.join("worktrees/A-1");
    assert!(prompt.contains(&format!("Work in {} on me/A-1", worktree.display())), "{prompt}");
    assert!(prompt.contains("- it works") && prompt.contains("## Feedback\nFAIL"), "sent back once: {prompt}");
    let commits = |branch: &str| older.home.git(&older.repo, &["rev-list", "--count", &format!("main..{branch}")]);
    assert_eq!((commits("me/A-1").trim(), commits("me/A-4").trim()), ("2", "2"));

    assert_eq!(older.of("beta", "B-1")["zone"], "waiting", "it is still held");
    for args in [["resume", "beta", "B-1"], ["retry", "beta", "B-2"], ["retry", "beta", "B-3"]] {
        let ran = older.run(&args);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let run = older.run(&["daemon", "-c", "2", "-a", "worker", "--until-done"]);
    assert_eq!(run.code, 0, "{run:?}");
    let replay = older.run(&["replay"]);
    assert!(replay.code == 0 && replay.stdout.contains("decided the same again"), "{replay:?}");
}

#[test]
fn its_commands_mean_what_they_meant() {
    let older = Older::new();
    older.plan("alpha", "active", &[("A-1", 2, &[]), ("A-2", 1, &[])]);
    older.ticket("alpha", "A-1", &json!({}));
    older.ticket("alpha", "A-2", &json!({}));
    let ok = |args: &[&str]| {
        let ran = older.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        ran
    };
    ok(&["pause", "alpha", "A-2"]);
    ok(&["pause-plan", "alpha"]);
    assert_eq!(older.run(&["tick"]).code, 4, "everything is held");
    ok(&["resume-plan", "alpha"]);
    // One tick ends where the poll has to be asked again later.
    until(
        "the first look of the poll",
        || format!("{:?}", older.tickets("alpha")),
        || {
            older.run(&["tick"]);
            (older.of("alpha", "A-1")["phase"] == "await_review").then_some(())
        },
    );
    ok(&["run", "alpha", "A-1"]);
    assert_eq!(older.of("alpha", "A-1")["zone"], "done");
    assert_eq!(older.of("alpha", "A-2")["zone"], "waiting");
    ok(&["resume", "alpha", "A-2"]);
    assert!(older.run(&["skip", "alpha", "A-2", "cleanup"]).stderr.contains("has not started"));
    let sessions = ok(&["logs", "alpha/A-1", "--list"]);
    assert!(sessions.stdout.contains("implement"), "{sessions:?}");
}

#[test]
fn a_home_of_its_own_is_made_and_found() {
    let home = Home::new();
    let repo = home.repo();
    let dir = Path::new("nights");
    assert_eq!(home.aotui(&repo, &["init", "-d", "nights"]).code, 0);
    assert!(repo.join(dir).join("config.yaml").is_file() && repo.join(dir).join("state/plans").is_dir());
    let status = home.aotui(&repo, &["-C", "nights/config.yaml", "status", "--json"]);
    assert!(status.code == 0 && status.stdout.contains("\"plans\""), "{status:?}");
}
