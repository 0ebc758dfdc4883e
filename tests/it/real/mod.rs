//! The real agent programs at work on a scripted model service: `AOTUI_TEST_TIER=real cargo test --test it real`.
//!
//! `.ci/agents` installs pinned versions of some; the others are used where they are found. What is skipped is said.

mod agents;
mod dialects;
mod scripts;
mod server;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Home, until};
use agents::Agent;
use server::Server;

/// How a ticket ends.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// Complete, with so many commits.
    Done { commits: usize },
    /// In `failed`, in this class, with so many commits.
    Failed { class: &'static str, commits: usize },
    /// Not at all yet: its account waits for the end of a limit.
    Waits,
}

const DONE: Ends = Ends::Done { commits: 1 };

const fn failed(class: &'static str) -> Ends {
    Ends::Failed { class, commits: 0 }
}

/// What a person says when they are asked: a verb and its words.
type Answers = &'static [&'static [&'static str]];

/// One scenario with one agent.
#[derive(Debug, Clone, Copy)]
struct Case {
    scenario: &'static str,
    answers: Answers,
    /// Seconds the phase may take.
    limit: u32,
    /// Seconds the agent may be silent; 0 is for ever.
    silence: u32,
    ends: Ends,
}

const fn case(scenario: &'static str, ends: Ends) -> Case {
    Case { scenario, answers: &[], limit: 90, silence: 0, ends }
}

/// One in which the agent is silent, for good or until its next try.
const fn silent(scenario: &'static str, ends: Ends) -> Case {
    Case { silence: 12, ..case(scenario, ends) }
}

/// Says something past the harness, which keeps what passing tests print to itself.
fn said(what: &str) {
    let _ = writeln!(std::io::stderr(), "real {what}");
}

/// Says that something was left out.
fn skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: real {what}: {why}");
}

/// A ticket for a real agent in a home of its own.
struct Stage {
    home: Home,
    repo: PathBuf,
    server: Server,
}

impl Stage {
    fn new(agent: &Agent, case: Case) -> Self {
        let mut home = Home::new();
        let repo = home.repo();
        let worktree = home.state().join("worktrees/repo/T");
        let server = Server::start(scripts::script(case.scenario), worktree);
        let record = agent.prepare(&mut home, &server);
        let turns = if case.scenario == "max_turns" { "maxTurns: 3," } else { "" };
        let work = format!(
            "{{id: work, type: agent, prompt: 'Write it: {{{{ title }}}}', timeoutSeconds: {}, stallSeconds: {}, {turns} retry: {{attempts: 1, on: {{overloaded: {{attempts: 1}}, network: {{attempts: 1}}}}}}, onSuccess: done}}",
            case.limit, case.silence
        );
        home.write(
            "aotui/workflows/one.yaml",
            &format!("name: one\nphases:\n  - {work}\n  - {{id: done, type: terminal}}\n"),
        );
        home.ok(&repo, &["init"]);
        let config = home.aotui_home().join("config.yaml");
        let settings = fs::read_to_string(&config).unwrap();
        fs::write(&config, format!("{settings}\nagents:\n  {}:\n    {record}\n", agent.name)).unwrap();
        home.ok(&repo, &["add", "A greeting", "--id", "T", "--workflow", "one", "--agent", agent.name]);
        Self { home, repo, server }
    }

    fn ticket(&self) -> Value {
        self.home.ticket(&self.repo, "T")
    }

    /// Lets aotui work until nothing goes on without a person, who gives these answers.
    fn work(&self, answers: Answers) -> i32 {
        let mut code = self.home.aotui(&self.repo, &["run", "--until-done"]).code;
        for answer in answers {
            assert_eq!((code, self.ticket()["zone"].as_str()), (4, Some("respond")), "{}", self.told());
            let mut words = vec![answer[0], "T"];
            words.extend(&answer[1..]);
            self.home.ok(&self.repo, &words);
            code = self.home.aotui(&self.repo, &["run", "--until-done"]).code;
        }
        code
    }

    /// Lets aotui work until the ticket waits for the end of a usage limit, and ends it then.
    fn wait(&self) {
        let mut run = self.home.command(&self.repo, &["run", "--until-done"]).spawn().unwrap();
        let waits = || self.ticket()["why"].as_str().is_some_and(|why| why.contains("usage limit")).then_some(());
        until("the ticket waits for the end of a usage limit", || self.told(), waits);
        run.kill().unwrap();
        run.wait().unwrap();
    }

    fn commits(&self) -> usize {
        let list = self.home.git(&self.repo, &["rev-list", "--count", "main..aotui/repo/T"]);
        list.parse().unwrap()
    }

    /// Everything a person needs to see why a case is not as expected.
    fn told(&self) -> String {
        let log = self.home.aotui(&self.repo, &["logs", "T"]).stdout;
        format!("{:#}\n--- log\n{log}\n--- requests\n{}", self.ticket(), self.server.seen())
    }
}

fn events(home: &Home, is: &str) -> Vec<Value> {
    let text = fs::read_to_string(home.state().join("journal.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events = lines.flat_map(|line| line["events"].as_array().unwrap().clone());
    events.map(|event| event["what"].clone()).filter(|what| what["is"] == is).collect()
}

fn play(agent: &Agent, case: Case) {
    let started = std::time::Instant::now();
    let stage = Stage::new(agent, case);
    if matches!(case.ends, Ends::Waits) {
        stage.wait();
        let took = started.elapsed().as_secs_f32();
        return said(&format!("{}: {}: waits as expected after {took:.1} s", agent.name, case.scenario));
    }
    let code = stage.work(case.answers);
    let (zone, commits) = match case.ends {
        Ends::Done { commits } => ("done", commits),
        Ends::Failed { commits, .. } => ("failed", commits),
        Ends::Waits => ("waiting", 0),
    };
    assert_eq!(stage.ticket()["zone"], zone, "{case:?} (code {code})\n{}", stage.told());
    if let Ends::Failed { class, .. } = case.ends {
        let failures = events(&stage.home, "failed");
        assert_eq!(failures.last().unwrap()["failure"]["class"], class, "{case:?}\n{}", stage.told());
    }
    assert_eq!(stage.commits(), commits, "{case:?}\n{}", stage.told());
    if case.scenario == "permission" {
        let allowed = !case.answers.iter().flat_map(|answer| answer.iter()).any(|word| *word == "reject");
        let files = stage.home.git(&stage.repo, &["ls-tree", "--name-only", "aotui/repo/T"]);
        assert_eq!(files.lines().any(|file| file == "asked.txt"), allowed, "{case:?}\n{}", stage.told());
    }
    let (charged, used) = (stage.server.charged(), used(&stage.home));
    if matches!(case.ends, Ends::Done { .. }) {
        let charged = (charged.input, charged.output, charged.cache_read);
        assert_eq!(sent(used), sent(charged), "{case:?}\n{}", stage.told());
        // It tells nothing of caches.
        assert!(agent.name == "aider" || used == charged, "{used:?}, not {charged:?}\n{}", stage.told());
    }
    let took = started.elapsed().as_secs_f32();
    said(&format!("{}: {}: {zone} as expected in {took:.1} s", agent.name, case.scenario));
}

/// Returns what was sent, whether a cache had it or not, and what came back.
fn sent((input, output, cache_read): (u64, u64, u64)) -> (u64, u64) {
    (input + cache_read, output)
}

/// Sums what the sessions of a home say they used: input, output, and what a cache had.
fn used(home: &Home) -> (u64, u64, u64) {
    let number = |end: &Value, name: &str| end["end"]["usage"][name].as_u64().unwrap_or_default();
    let ends = events(home, "agentEnded");
    let sum = |name| ends.iter().map(|end| number(end, name)).sum();
    (sum("input"), sum("output"), sum("cacheRead"))
}

/// Plays every case with one agent, or says why not; all that differ are told, not the first alone.
fn play_all(name: &'static str, cases: &[Case]) {
    let agent = match agents::find(name) {
        Ok(agent) => agent,
        Err(why) => {
            let asked_for = agents::is_asked_for() && agents::INSTALLED.contains(&name);
            assert!(!asked_for, "{name}: {why}");
            return skipped(name, &why);
        }
    };
    let only = std::env::var("AOTUI_REAL_SCENARIO").ok();
    let wanted = cases.iter().filter(|case| only.as_ref().is_none_or(|only| only == case.scenario));
    let played = wanted.map(|case| (case.scenario, std::panic::catch_unwind(|| play(&agent, *case))));
    let differ: Vec<&str> = played.filter(|(_, played)| played.is_err()).map(|(scenario, _)| scenario).collect();
    assert!(differ.is_empty(), "{name} ended otherwise in {differ:?}");
}

#[test]
fn claude_ends_every_scenario_as_it_should() {
    play_all(
        "claude",
        &[
            case("success", DONE),
            Case { answers: &[&["approve"]], ..case("permission", DONE) },
            Case { answers: &[&["reject", "-m", "not that"]], ..case("permission", DONE) },
            Case { answers: &[&["reply", "Hello"]], ..case("ask", DONE) },
            case("rate_limit", DONE),
            case("quota", Ends::Waits),
            case("auth_error", failed("auth")),
            case("overloaded_forever", failed("overloaded")),
            case("context_overflow", failed("contextOverflow")),
            case("crash", failed("network")),
            case("crash_once", DONE),
            case("slow", DONE),
            Case { limit: 8, ..case("hang", failed("timedOut")) },
            case("max_turns", failed("maxTurns")),
        ],
    );
}

#[test]
fn pi_ends_every_scenario_as_it_should() {
    play_all(
        "pi",
        &[
            case("success", DONE),
            // It asks for no permission, and has no tool to ask a question with.
            case("permission", DONE),
            case("ask", Ends::Done { commits: 0 }),
            case("rate_limit", DONE),
            // It waits in silence for as long as it is told.
            Case { limit: 8, ..case("quota", failed("timedOut")) },
            case("auth_error", failed("auth")),
            case("overloaded_forever", failed("overloaded")),
            case("context_overflow", failed("contextOverflow")),
            case("crash", failed("network")),
            case("crash_once", DONE),
            case("slow", DONE),
            Case { limit: 8, ..case("hang", failed("timedOut")) },
            case("max_turns", failed("maxTurns")),
        ],
    );
}

#[test]
fn codex_ends_every_scenario_as_it_should() {
    // Its sandbox lets it write in its worktree alone, and git's own files are elsewhere: it is committed for it.
    play_all(
        "codex",
        &[
            case("success", DONE),
            // It asks for no permission, and has no tool to ask a question with.
            case("permission", DONE),
            case("ask", Ends::Done { commits: 0 }),
            case("rate_limit", DONE),
            case("quota", Ends::Waits),
            case("auth_error", failed("auth")),
            case("overloaded_forever", failed("overloaded")),
            case("context_overflow", failed("contextOverflow")),
            case("crash", failed("network")),
            case("crash_once", DONE),
            case("slow", DONE),
            silent("hang", failed("stalled")),
            case("max_turns", failed("maxTurns")),
        ],
    );
}

#[test]
fn gemini_ends_every_scenario_as_it_should() {
    // Without a person to ask it edits files and runs nothing: it is committed for it, and it cannot use tools for ever.
    play_all(
        "gemini",
        &[
            case("success", DONE),
            case("rate_limit", DONE),
            case("quota", Ends::Waits),
            case("auth_error", failed("auth")),
            silent("overloaded_forever", failed("overloaded")),
            case("context_overflow", failed("contextOverflow")),
            // An answer that breaks off it takes for a whole one; what it did before is committed for it.
            case("crash", DONE),
            case("crash_once", DONE),
            case("slow", DONE),
            silent("hang", failed("stalled")),
        ],
    );
}

#[test]
fn opencode_ends_every_scenario_as_it_should() {
    play_all(
        "opencode",
        &[
            case("success", DONE),
            case("permission", DONE),
            case("ask", Ends::Done { commits: 0 }),
            case("rate_limit", DONE),
            // It waits in silence for as long as it is told, and only its log says why.
            silent("quota", Ends::Waits),
            case("auth_error", failed("auth")),
            silent("overloaded_forever", failed("overloaded")),
            silent("crash", failed("network")),
            case("crash_once", DONE),
            case("slow", DONE),
            silent("hang", failed("stalled")),
            case("max_turns", failed("maxTurns")),
        ],
    );
}

#[test]
fn aider_ends_every_scenario_as_it_should() {
    // It asks its model once and has no tools, so nothing happens to a second request.
    play_all(
        "aider",
        &[
            case("success", DONE),
            case("ask", Ends::Done { commits: 0 }),
            case("rate_limit", DONE),
            silent("quota", Ends::Waits),
            case("auth_error", failed("auth")),
            silent("overloaded_forever", failed("overloaded")),
            case("slow", DONE),
            silent("hang", failed("stalled")),
        ],
    );
}

#[test]
fn what_all_agents_at_once_used_adds_up_to_what_was_charged() {
    let mut there = Vec::new();
    for name in agents::INSTALLED.into_iter().chain(agents::FOUND) {
        match agents::find(name) {
            Ok(agent) => there.push(agent),
            Err(why) if agents::is_asked_for() => skipped(&format!("{name} among all at once"), &why),
            Err(_) => {}
        }
    }
    if there.is_empty() {
        return skipped("agents at once", "AOTUI_TEST_TIER=real is not set");
    }
    let mut home = Home::new();
    let repo = home.repo();
    home.ok(&repo, &["init"]);
    home.write(
        "aotui/workflows/one.yaml",
        "name: one\nphases:\n  - {id: work, type: agent, prompt: 'Write it: {{ title }}', timeoutSeconds: 90, onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    let config = home.aotui_home().join("config.yaml");
    let mut settings = fs::read_to_string(&config).unwrap() + "\nmaxConcurrency: 6\nagents:\n";
    let mut servers = Vec::new();
    for agent in &there {
        let worktree = home.state().join("worktrees/repo").join(agent.name);
        servers.push(Server::start(scripts::script("success"), worktree));
        settings.push_str(&format!("  {}:\n    {}\n", agent.name, agent.prepare(&mut home, servers.last().unwrap())));
    }
    fs::write(&config, settings).unwrap();
    for agent in &there {
        home.ok(&repo, &["add", "A greeting", "--id", agent.name, "--workflow", "one", "--agent", agent.name]);
    }
    let ran = home.aotui(&repo, &["run", "--until-done"]);
    assert_eq!(ran.code, 0, "{ran:?}\n{}", home.ok(Path::new(&repo), &["status"]));
    let charged = servers.iter().map(Server::charged);
    let charged = charged.fold((0, 0, 0), |sum, one| (sum.0 + one.input, sum.1 + one.output, sum.2 + one.cache_read));
    assert_eq!(sent(used(&home)), sent(charged));
    said(&format!("{} agents at once used what was charged: {charged:?}", there.len()));
}
