//! What agent programs really said, read by the bundled records: recordings of real runs against a scripted provider.

use std::fs;
use std::path::{Path, PathBuf};

use aotui::agent::{Account, Exit, Signal, Transcript, recorded};
use aotui::config::agents::{AgentRecord, bundled};
use aotui::domain::ids::AgentName;
use aotui::domain::usage::Usage;

/// Every recording and what it has to come to: the class of failure (`-`: none), tokens, millionths of a dollar, uses of tools.
/// Those that end as `Crashed` were cut off while the program waited or went in circles.
const EXPECTED: &[(&str, &str, u64, u64, usize)] = &[
    ("aider/auth_error.txt", "Auth", 0, 0, 0),
    ("aider/context_overflow.txt", "-", 2554, 0, 0),
    ("aider/crash.txt", "-", 2554, 0, 0),
    ("aider/overloaded.txt", "-", 2554, 0, 0),
    ("aider/rate_limit.txt", "-", 2554, 0, 0),
    ("aider/success.txt", "-", 2554, 0, 0),
    ("claude/ask.jsonl", "-", 1260, 5090, 0),
    ("claude/auth_error.jsonl", "Auth", 0, 0, 0),
    ("claude/billing.jsonl", "Billing", 0, 0, 0),
    ("claude/context_overflow.jsonl", "ContextOverflow", 1260, 5090, 1),
    ("claude/crash.jsonl", "Network", 2571, 9620, 1),
    ("claude/crash_once.jsonl", "-", 5391, 20980, 2),
    ("claude/max_turns.jsonl", "MaxTurns", 4080, 16470, 3),
    ("claude/overloaded.jsonl", "-", 4080, 16470, 2),
    ("claude/overloaded_forever.jsonl", "Overloaded", 0, 0, 0),
    ("claude/permission.jsonl", "-", 2620, 10580, 1),
    ("claude/quota.jsonl", "UsageLimit", 0, 0, 0),
    ("claude/rate_limit.jsonl", "-", 4080, 16470, 2),
    ("claude/rate_limit_forever.jsonl", "RateLimit", 0, 0, 0),
    ("claude/server_error.jsonl", "-", 4080, 16470, 2),
    ("claude/slow.jsonl", "-", 4080, 16470, 2),
    ("claude/success.jsonl", "-", 4080, 16470, 2),
    ("codex/ask.jsonl", "-", 5600, 0, 2),
    ("codex/auth_error.jsonl", "Auth", 0, 0, 0),
    ("codex/billing.jsonl", "Billing", 0, 0, 0),
    ("codex/context_overflow.jsonl", "ContextOverflow", 0, 0, 1),
    ("codex/crash.jsonl", "Network", 0, 0, 1),
    ("codex/crash_once.jsonl", "-", 4050, 0, 2),
    ("codex/max_turns.jsonl", "Crashed", 0, 0, 12),
    ("codex/overloaded.jsonl", "-", 4050, 0, 2),
    ("codex/overloaded_forever.jsonl", "Overloaded", 0, 0, 0),
    ("codex/quota.jsonl", "UsageLimit", 0, 0, 0),
    ("codex/rate_limit.jsonl", "-", 4050, 0, 2),
    ("codex/rate_limit_forever.jsonl", "RateLimit", 0, 0, 0),
    ("codex/resume.jsonl", "-", 5300, 0, 0),
    ("codex/sandbox-gpt55.jsonl", "-", 4050, 0, 1),
    ("codex/server_error.jsonl", "-", 4050, 0, 2),
    ("codex/slow.jsonl", "-", 4050, 0, 2),
    ("codex/success.jsonl", "-", 4050, 0, 2),
    ("pi/ask.jsonl", "-", 1250, 1270, 0),
    ("pi/auth_error.jsonl", "Auth", 0, 0, 0),
    ("pi/billing.jsonl", "Billing", 0, 0, 0),
    ("pi/context_overflow.jsonl", "ContextOverflow", 1250, 1270, 1),
    ("pi/crash.jsonl", "Network", 1250, 1270, 1),
    ("pi/crash_once.jsonl", "-", 4050, 4110, 2),
    ("pi/max_turns.jsonl", "Crashed", 4050, 4110, 3),
    ("pi/overloaded.jsonl", "-", 4050, 4110, 2),
    ("pi/overloaded_forever.jsonl", "Overloaded", 0, 0, 0),
    ("pi/quota.jsonl", "Crashed", 0, 0, 0),
    ("pi/rate_limit.jsonl", "-", 4050, 4110, 2),
    ("pi/rate_limit_forever.jsonl", "RateLimit", 0, 0, 0),
    ("pi/resume.jsonl", "-", 1250, 1270, 0),
    ("pi/server_error.jsonl", "-", 4050, 4110, 2),
    ("pi/slow.jsonl", "-", 4050, 4110, 2),
    ("pi/success.jsonl", "-", 4050, 4110, 2),
];

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

fn record(agent: &str) -> AgentRecord {
    bundled(Path::new("aotui")).remove(&AgentName::new(agent).unwrap()).unwrap()
}

/// Reads a recording as the record of its agent says.
fn read(path: &str) -> Vec<Signal> {
    let headless = record(path.split_once('/').unwrap().0).headless.unwrap();
    let text = fs::read_to_string(recordings().join(path)).unwrap();
    text.lines().flat_map(|line| headless.read(line)).collect()
}

fn summed(agent: &str, signals: &[Signal], before: Usage) -> Account {
    let mut account = Account::new(&record(agent).headless.unwrap().stream, before);
    signals.iter().for_each(|signal| account.take(signal));
    account
}

#[test]
fn every_recording_ends_in_its_class_with_its_costs() {
    for (path, class, tokens, cost, tools) in EXPECTED {
        let agent = path.split_once('/').unwrap().0;
        let signals = read(path);
        let account = summed(agent, &signals, Usage::default());
        // An exit code of 0 is what most of them leave with, whatever happened.
        let exit = Exit { code: Some(0), signal: None };
        let failure = account.ending(exit, &record(agent).headless.unwrap().errors).failure;
        let told = failure.as_ref().map_or("-".to_owned(), |(class, _)| format!("{class:?}"));
        assert_eq!(told, *class, "{path}: {failure:?}");
        assert!(failure.is_none_or(|(_, words)| !words.is_empty()), "{path} fails without a word");
        let usage = account.usage();
        assert_eq!((usage.tokens(), usage.cost_micros.unwrap_or(0)), (*tokens, *cost), "{path}");
        let used = signals.iter().filter(|signal| matches!(signal, Signal::ToolStarted { .. })).count();
        assert_eq!(used, *tools, "{path}");
        assert_eq!(account.conversation().is_some(), agent != "aider", "{path}");
    }
}

#[test]
fn no_recording_is_left_out() {
    for agent in fs::read_dir(recordings()).unwrap().map(|entry| entry.unwrap()) {
        for file in fs::read_dir(agent.path()).unwrap().map(|entry| entry.unwrap()) {
            let path = format!("{}/{}", agent.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            assert!(EXPECTED.iter().any(|(known, ..)| *known == path), "{path}");
        }
    }
}

#[test]
fn a_resumed_conversation_is_not_paid_for_twice() {
    let before = Usage { input: 3300, output: 150, cache_read: 600, cache_write: 0, turns: 0, cost_micros: None };
    let resumed = summed("codex", &read("codex/resume.jsonl"), before);
    assert_eq!((resumed.usage().tokens(), resumed.usage_of_conversation().tokens()), (1250, 5300));
}

#[test]
fn a_turn_that_was_interrupted_is_paid_for_though_its_end_says_it_used_nothing() {
    let headless = record("claude").headless.unwrap();
    let said = r#"{"type":"assistant","message":{"id":"m1","content":[],"usage":{"input_tokens":1000,"output_tokens":60,"cache_read_input_tokens":200,"cache_creation_input_tokens":10}}}"#;
    let end = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"total_cost_usd":0.00529,"usage":{"input_tokens":0,"output_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0}}"#;
    let signals: Vec<Signal> = [said, end].iter().flat_map(|line| headless.read(line)).collect();
    let usage = summed("claude", &signals, Usage::default()).usage();
    assert_eq!((usage.tokens(), usage.cost_micros), (1270, Some(5290)));
}

#[test]
fn windows_of_rate_limits_are_read_in_every_form_they_are_told_in() {
    let headless = record("claude").headless.unwrap();
    let told = |info: &str| {
        let line = format!(r#"{{"type":"rate_limit_event","rate_limit_info":{info},"uuid":"u","session_id":"s"}}"#);
        let of = |signal: Signal| match signal {
            Signal::Limit { window } => (window.name, window.used_percent, window.resets_at.0 / 1000),
            other => panic!("{other:?}"),
        };
        headless.read(&line).into_iter().map(of).collect::<Vec<_>>()
    };
    let both = r#"{"status":"allowed","resetsAt":1790421000,"rateLimitType":"five_hour","utilization":0.62,"unifiedWindows":{"five_hour":{"utilization":0.62,"resetsAt":1790421000,"status":"allowed"},"seven_day":{"utilization":1.07,"resetsAt":1790470800}}}"#;
    assert_eq!(told(both), [("5h".into(), Some(62), 1_790_421_000), ("7d".into(), Some(100), 1_790_470_800)]);
    let one = r#"{"status":"allowed_warning","resetsAt":1771390800000,"rateLimitType":"seven_day","utilization":0.85}"#;
    assert_eq!(told(one), [("7d".into(), Some(85), 1_771_390_800)]);
    let no_number = r#"{"status":"allowed","resetsAt":1771390800,"rateLimitType":"five_hour","isUsingOverage":false}"#;
    assert_eq!(told(no_number), [("5h".into(), None, 1_771_390_800)]);
    for nothing in [
        r#"{"status":"allowed","isUsingOverage":false}"#,
        r#"{"status":"rejected","rateLimitType":"five_hour"}"#,
        r#"{"rateLimitType":"five_hour","resetsAt":18446744073709551615}"#,
        r#"{"rateLimitType":"five_hour","resetsAt":-1,"utilization":"x"}"#,
        r#"{"unifiedWindows":[]}"#,
        "7",
    ] {
        assert_eq!(told(nothing), [], "{nothing}");
    }
}

#[test]
fn a_transcript_reads_like_a_conversation_and_paints_only_itself() {
    let print = |path: &str| {
        let mut transcript = Transcript::default();
        read(path).iter().map(|signal| transcript.print(signal)).collect::<String>()
    };
    let text = print("claude/overloaded.jsonl");
    for part in [
        "model claude-opus-5-5",
        "\u{21bb} retry 2 of 10 in 2 s",
        "I'll create greet.py.",
        "\u{25cf} Write\x1b[0m  /home/user/wt/claude-overloaded/greet.py",
        "  +     return f\"Hello, {name}!\"",
        "\u{23bf} Hello, aotui!",
        "Done: greet.py prints",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(
        print("codex/sandbox-gpt55.jsonl").contains("file_change\x1b[0m  /home/user/wt/codex-sandbox-gpt55/greet.py")
    );
    assert!(print("claude/billing.jsonl").contains("\u{2717} Credit balance is too low"));
    let mut transcript = Transcript::default();
    let evil = "ok\x1b]52;c;ZXZpbA==\x07\x1b[2J\u{202e}";
    let shown = transcript.print(&Signal::ToolStarted {
        id: None,
        tool: evil.to_owned(),
        input: serde_json::json!({"command": evil, "content": evil}),
    }) + &transcript.print(&Signal::Part { text: evil.to_owned() });
    assert!(!shown.contains("\x1b]") && !shown.contains("\x1b[2J") && !shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn what_no_rule_knows_says_nothing_and_what_no_phrase_knows_is_unknown() {
    let headless = record("claude").headless.unwrap();
    for line in
        ["", "not json", "[]", "{\"type\":\"brand_new\"}", "{\"type\":{\"type\":1}}", "{\"type\":\"assistant\"}"]
    {
        assert_eq!(headless.read(line), [], "{line}");
    }
    let odd = headless.read("{\"type\":\"result\",\"is_error\":true,\"result\":\"the moon is full\"}");
    let ending = summed("claude", &odd, Usage::default()).ending(Exit { code: Some(0), signal: None }, &[]);
    assert_eq!(format!("{:?}", ending.failure.unwrap().0), "Unknown");
}

/// Returns what an agent is seen to do, line by line of the file that its program kept of a conversation.
fn kept(agent: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(format!("{agent}.jsonl"));
    let record = bundled(Path::new("aotui")).remove(&AgentName::new(agent).unwrap()).unwrap();
    let rules = record.terminal.unwrap().transcript;
    let text = fs::read_to_string(path).unwrap();
    let signals = text.lines().flat_map(|line| rules.read(line));
    let seen = signals.filter_map(|signal| recorded(&signal));
    seen.map(|seen| format!("{} ({}, {})", seen.words(), seen.evidence, seen.source.name())).collect()
}

#[test]
fn what_programs_keep_of_a_conversation_tells_what_their_agents_do() {
    const PROMPT: &str = "thinking (it took a prompt, transcript)";
    const MESSAGE: &str = "writing (a message, transcript)";
    const RESULT: &str = "thinking (a tool is done, transcript)";
    const OVER: &str = "done (its turn is over, transcript)";
    let uses = |tool: &str| format!("{tool} (a tool is used, transcript)");
    let make = "python3 greet.py && git add greet.py && git commit -q -m 'Add greet.py' && git log --oneline -1";
    let turns = |first: &str, second: &str| {
        let [first, second] = [uses(first), uses(&format!("{second}: {make}"))];
        [PROMPT, MESSAGE, &first, RESULT, MESSAGE, &second, RESULT, MESSAGE, OVER].map(str::to_owned)
    };
    let claude = kept("claude");
    assert_eq!(claude[..9], turns("Write: /home/user/wt/claude-int-interactive/greet.py", "Bash"));
    assert_eq!(claude[9..], [PROMPT, MESSAGE], "what was not told to be over is not");
    let script =
        r#"def greet(name):     return f"Hello, {name}!"   if __name__ == "__main__":     print(greet("aotui"))"#;
    let write = format!("exec_command: cat > greet.py <<'FAKE_EOF' {script} FAKE_EOF");
    assert_eq!(kept("codex"), turns(&write, "exec_command"));
    let pi = kept("pi");
    assert_eq!(pi[..9], turns("write: /home/user/wt/pi-success/greet.py", "bash"));
    assert_eq!(pi[9..], [PROMPT, MESSAGE, OVER]);
}
