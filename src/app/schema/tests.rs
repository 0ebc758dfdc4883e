use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::SCHEMAS;
use super::asked::Reader;
use crate::config::agents::{self, AgentRecord};
use crate::config::fields::Report;
use crate::config::paths::Places;
use crate::config::settings::Settings;
use crate::config::{workflow_file, yaml};
use crate::domain::problem::Problem;
use crate::domain::workflow::Workflow;

/// A workflow with every type of phase, and everything that has parts.
const WORKFLOW: &str = r#"
name: sample
description: d
tags: [a]
phases:
  - id: work
    type: agent
    prompt: work
    allowedTools: [Bash]
    budget: {tokens: 5, cost: 1, turns: 3, wallClock: 1m}
    permissions: [{allow: Bash, command: ls}]
    retry: {attempts: 2, backoffSeconds: 1, on: {network: {attempts: 3, backoff: 1m}}}
    capture: {key: stdout}
    gates:
      - commit
      - {command: make, name: x, timeoutSeconds: 3}
      - {commit: base, name: since}
      - {tests: make test, compare: true, knownFailures: false}
      - {noTodo: [TODO]}
      - {scope: [src]}
      - {pinned: [tests]}
      - {verdict: [pass]}
    artifacts: {reads: [a.md], writes: [b.md]}
    onVerdict: {fail: stop}
    onSuccess: run
  - {id: run, type: script, command: check.sh, args: [a], onSuccess: look, onFailure: stop}
  - {id: look, type: poll, run: 'true', intervalSeconds: 3, onSuccess: ask}
  - {id: ask, type: approval, onSuccess: both}
  - id: both
    type: parallel
    join: all
    failFast: true
    branches:
      - {name: a, type: script, run: 'true'}
      - {name: b, workflow: measure}
      - {name: c, phases: [{id: one, type: script, run: 'true'}]}
    onSuccess: each
  - id: each
    type: foreach
    over: {capture: key, pointer: /a}
    do: {type: agent, prompt: 'do {{ item }}'}
    onSuccess: call
  - {id: call, type: workflow, workflow: measure, onSuccess: done}
  - {id: done, type: terminal}
  - {id: stop, type: terminal, notify: true}
"#;

/// An agent with everything that has parts.
const AGENT: &str = r#"
command: mine
args: [a]
env: {A: b}
login: {env: [A], files: [f], how: h}
trust: {files: [f], keys: [k]}
permissions: [{allow: Bash, command: ls}, {deny: Write, path: x}]
headless:
  args: [a]
  stream:
    - {when: {a: b}, unless: {c: [d]}, each: e, rules: [{is: message, text: t, when: {a: b}}]}
  errors: [{contains: x, class: auth}]
terminal:
  args: [a]
  quit: [ctrl-c]
  transcript: [{when: {a: b}, is: turnBegan}]
  shows: [{is: idle, title: t, sees: [s], unless: [u], last: 3}]
"#;

/// Settings with everything that has parts, but for agents.
const SETTINGS: &str = r#"
defaultAgent: claude
keys: {approve: [a]}
budget: {hours: 5, tokens: 9}
night: {start: "22:00", stop: "07:00", zone: UTC, budget: {tokens: 9}}
permissions: [{allow: Bash, command: ls}, {deny: Write, path: x}]
prices: [{model: m, input: 1, output: 2}]
triage: [{when: {label: a, title: b}, workflow: w, agent: claude}]
"#;

const THEME: &str = "inherits = \"dusk\"\nbackdrop = \"#000000\"\n[palette]\nink = \"#ffffff\"\n[roles]\ntext = \"ink\"\n\"text.strong\" = {fg = \"ink\", bg = \"ink\", modifiers = [\"bold\"]}\n";

struct Shelf;

impl workflow_file::Surroundings for Shelf {
    fn prompt(&self, name: &str) -> Option<Result<(String, String), Problem>> {
        Some(Ok((name.to_owned(), "text".to_owned())))
    }
    fn prompt_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn agent_names(&self) -> Vec<String> {
        vec!["claude".to_owned()]
    }
    fn unpriced(&self, _: Option<&str>, _: Option<&str>) -> Option<String> {
        None
    }

    fn has_command(&self, _: &str) -> Option<Result<(), Problem>> {
        Some(Ok(()))
    }
    fn workflow(&self, name: &str) -> Option<Result<Workflow, Vec<Problem>>> {
        let text = format!("name: {name}\nphases:\n  - {{id: run, type: script, run: 'true'}}\n");
        Some(workflow_file::parse("m", &text, self).map(|loaded| loaded.value))
    }
    fn workflow_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn poll_interval(&self) -> u64 {
        7
    }
}

fn said(problems: Vec<Problem>) -> Vec<(String, String)> {
    problems.into_iter().map(|problem| (problem.message, problem.hint.unwrap_or_default())).collect()
}

fn of_workflow(file: &Value) -> Vec<(String, String)> {
    match workflow_file::parse("w", &file.to_string(), &Shelf) {
        Ok(loaded) => said(loaded.warnings),
        Err(problems) => said(problems),
    }
}

fn of_settings(file: &Value) -> Vec<(String, String)> {
    let dir = PathBuf::from("/nowhere");
    let places = Places::find(None, &dir, |name| (name == "HOME").then(|| "/home/x".to_owned())).unwrap();
    match Settings::parse("s", &file.to_string(), &places, Path::new("/bin/aotui")) {
        Ok(loaded) => said(loaded.warnings),
        Err(problems) => said(problems),
    }
}

fn of_agent(file: &Value) -> Vec<(String, String)> {
    let mut report = Report::new("a");
    agents::parse("a", AgentRecord::default(), &yaml::parse("a", &file.to_string()).unwrap(), &mut report);
    said(report.errors.into_iter().chain(report.warnings).collect())
}

fn of_theme(file: &Value) -> Vec<(String, String)> {
    let text = toml::to_string(&without_nulls(file)).unwrap();
    let told = |text: String| match text.contains("there is no role `§`") {
        true => {
            ("unknown key `§` in `roles`".to_owned(), format!("known: {}", crate::tui::names_of_roles().join(", ")))
        }
        false => (text, String::new()),
    };
    crate::tui::problems_of_theme(&text).into_iter().map(told).collect()
}

/// TOML has none.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Null => json!("ink"),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), without_nulls(value))).collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn from_yaml(text: &str) -> Value {
    fn value(node: &yaml::Node) -> Value {
        match &node.value {
            yaml::Value::Null => Value::Null,
            yaml::Value::Flag(flag, _) => json!(flag),
            yaml::Value::Number(number, _) => json!(number),
            yaml::Value::Text(text) => json!(text),
            yaml::Value::List(items) => items.iter().map(value).collect(),
            yaml::Value::Map(entries) => entries.iter().map(|(key, node)| (key.text.clone(), value(node))).collect(),
        }
    }
    value(&yaml::parse("f", text).unwrap())
}

/// Returns every schema as the readers have it now.
fn current() -> BTreeMap<&'static str, Value> {
    let budget = json!({"tokens": 1, "cost": 1.0, "turns": 1, "wallClockSeconds": 1});
    let plan = json!({
        "id": "p", "name": "n", "budget": budget, "createdAt": "2026-01-01T00:00:00Z", "status": "active",
        "tickets": [{"ticketId": "T-1", "order": 1, "blockedBy": ["T-2"]}],
    });
    let ticket =
        json!({"ticketId": "T-1", "title": "t", "acceptanceCriteria": ["a"], "budget": budget, "face": "terminal"});
    let asked =
        |read: &dyn Fn(&Value) -> Vec<(String, String)>, top, sample: &Value| Reader { read, top }.schema(sample);
    let plans = |file: &Value| said(crate::store::problems_of_plan(&file.to_string()));
    let tickets = |file: &Value| said(crate::store::problems_of_ticket(&file.to_string()));
    let [plan_keys, ticket_keys] = crate::store::keys_of_files();
    let theme = serde_json::to_value(toml::from_str::<toml::Value>(THEME).unwrap()).unwrap();
    let mut settings = asked(&of_settings, None, &from_yaml(SETTINGS));
    let agent = asked(&of_agent, None, &from_yaml(AGENT));
    settings["properties"]["agents"] = json!({"type": ["object"], "additionalProperties": agent});
    let rules = settings["properties"]["permissions"].clone();
    let mut schemas = BTreeMap::from([
        ("workflow", asked(&of_workflow, None, &from_yaml(WORKFLOW))),
        ("settings", settings),
        ("agent", agent),
        ("rules", rules),
        ("plan", asked(&plans, Some(plan_keys), &plan)),
        ("ticket", asked(&tickets, Some(ticket_keys), &ticket)),
        ("theme", asked(&of_theme, None, &theme)),
    ]);
    for (name, schema) in &mut schemas {
        let map = schema.as_object_mut().unwrap();
        map.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".to_owned(), json!(format!("aotui: {name}")));
        if ["plan", "ticket"].contains(name) {
            map.insert("patternProperties".to_owned(), json!({"^x-": {}}));
        }
    }
    schemas
}

/// Says where a value is not as the schema has it.
fn wrong(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let kind = match value {
        Value::Null => return found,
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if schema["type"].as_array().is_some_and(|kinds| !kinds.contains(&json!(kind))) {
        found.push(format!("{at} is {kind}"));
    }
    if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
        found.push(format!("{at} is {value}"));
    }
    let number = value.as_f64();
    let out = |limit: &str, beyond: fn(f64, f64) -> bool| {
        number.zip(schema[limit].as_f64()).is_some_and(|(is, limit)| beyond(is, limit))
    };
    if out("minimum", |is, least| is < least) || out("maximum", |is, most| is > most) {
        found.push(format!("{at} is out of range"));
    }
    match value {
        Value::Array(items) if schema["items"].is_object() => {
            found.extend(
                items.iter().enumerate().flat_map(|(n, item)| wrong(&schema["items"], item, &format!("{at}/{n}"))),
            );
        }
        Value::Object(map) => {
            for needed in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !map.contains_key(needed) {
                    found.push(format!("{at} has no {needed}"));
                }
            }
            for (key, value) in map {
                let at = format!("{at}/{key}");
                match (&schema["properties"][key], &schema["additionalProperties"]) {
                    (own @ Value::Object(_), _) => found.extend(wrong(own, value, &at)),
                    (_, Value::Bool(false)) => found.push(format!("{at} is not known")),
                    (_, other @ Value::Object(_)) => found.extend(wrong(other, value, &at)),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    found
}

fn schema(name: &str) -> Value {
    serde_json::from_str(SCHEMAS.iter().find(|(known, _)| *known == name).unwrap().1).unwrap()
}

#[test]
fn the_schemas_say_what_the_readers_take() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/schemas");
    for (name, schema) in current() {
        let text = format!("{:#}\n", schema);
        let path = dir.join(format!("{name}.json"));
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let shipped = std::fs::read_to_string(&path).unwrap();
        assert!(shipped == text, "{} is out of date: UPDATE_SCHEMAS=1 cargo test --lib schema", path.display());
    }
}

#[test]
fn every_bundled_file_is_as_its_schema_has_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = 0;
    for (dir, name) in [("workflows", "workflow"), ("assets/agents", "agent"), ("themes", "theme")] {
        for entry in std::fs::read_dir(root.join(dir)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let value = match path.extension().unwrap().to_str().unwrap() {
                "toml" => serde_json::to_value(toml::from_str::<toml::Value>(&text).unwrap()).unwrap(),
                _ => from_yaml(&text),
            };
            assert_eq!(wrong(&schema(name), &value, name), [""; 0], "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 20, "{files}");
}

#[test]
fn what_a_reader_refuses_its_schema_refuses_too() {
    for (name, file, place) in [
        ("workflow", "{name: w, phasis: []}", "workflow/phasis"),
        ("workflow", "{name: w, phases: [{id: a, type: agent, promt: x}]}", "workflow/phases/0/promt"),
        (
            "workflow",
            "{name: w, phases: [{id: a, type: agent, retry: {atempts: 3}}]}",
            "workflow/phases/0/retry/atempts",
        ),
        ("workflow", "{name: w, phases: [{id: a, type: agent, maxVisits: 2000}]}", "workflow/phases/0/maxVisits"),
        ("agent", "{command: x, terminal: {show: []}}", "agent/terminal/show"),
        ("agent", "{command: x, face: windowed}", "agent/face"),
        ("settings", "{maxConcurency: 3}", "settings/maxConcurency"),
        ("rules", "[{alow: Bash}]", "rules/0/alow"),
        ("plan", "{id: p, tickets: [{ticketId: T, blokedBy: []}]}", "plan/tickets/0/blokedBy"),
        ("ticket", "{ticketId: T, titel: x}", "ticket/titel"),
        ("theme", "{roles: {text: 3}}", "theme/roles/text"),
        ("theme", "{roles: {txt: ink}}", "theme/roles/txt"),
        ("workflow", "{name: w, phases: [{id: a, type: agnt}]}", "workflow/phases/0/type"),
        ("plan", "{id: p, status: gone}", "plan/status"),
    ] {
        let found = wrong(&schema(name), &from_yaml(file), name);
        assert!(found.iter().any(|text| text.starts_with(place)), "{file}: {found:?}");
    }
}
