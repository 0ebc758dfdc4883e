use super::*;
use crate::config::yaml;

fn places() -> Places {
    let env = |name: &str| (name == "HOME").then(|| "/home/u".to_owned());
    Places::find(Some(Path::new("/etc/a/config.yaml")), Path::new("/"), env).unwrap()
}

fn parse(text: &str) -> Result<Loaded<Settings>, Vec<Problem>> {
    Settings::parse("config.yaml", text, &places(), Path::new("/bin/aotui"))
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn an_absent_and_an_empty_file_mean_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let named = Places { config_file: dir.path().join("config.yaml"), ..places() };
    let problems = Settings::load(&named, Path::new("/bin/aotui")).unwrap_err();
    assert!(shown(&problems).contains("config.yaml: the file cannot be read"), "{}", shown(&problems));
    let places = Places { named: false, ..named };
    let absent = Settings::load(&places, Path::new("/bin/aotui")).unwrap();
    assert_eq!(absent.value, Settings::defaults(&places, Path::new("/bin/aotui")));
    let empty = parse("").unwrap();
    assert_eq!(empty.value.default_agent.as_str(), "claude");
    assert_eq!((empty.value.max_concurrency, empty.value.poll_interval, empty.value.stop_grace), (3, 10, 4));
    assert_eq!(empty.value.worktree_root, Path::new("/home/u/.local/state/aotui/worktrees"));
}

#[test]
fn the_file_that_init_writes_loads_without_a_word_and_so_does_every_line_of_it() {
    assert_eq!(parse(&Settings::init_file()).unwrap().warnings, []);
    let uncommented: String = Settings::init_file()
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| {
            line.starts_with(' ') || line.split(':').next().is_some_and(|key| !key.contains([' ', '.', '`']))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let loaded = parse(&uncommented).unwrap_or_else(|problems| panic!("{uncommented}\n{}", shown(&problems)));
    assert_eq!(loaded.warnings, [], "{uncommented}");
    assert_eq!(loaded.value.leave_chord, "ctrl-\\");
    assert!(loaded.value.agents.keys().any(|name| name.as_str() == "mine"));
}

#[test]
fn a_settings_file_of_the_other_system_loads_and_says_what_it_ignores() {
    let text = "defaultAgent: codex\nagents:\n  codex: {command: codex, defaultArgs: [--approval-mode, never, -m, o3]}\n  mine: {command: /opt/mine, defaultArgs: [--quiet]}\n  pi: {command: pi, defaultArgs: []}\nstateDir: ./s\n\
        promptDir: ~/prompts\nghCommand: gh\nskillsDir: ./k\nmcpServers: {linear: {command: npx}}\npollInterval: 0.1\n";
    let loaded = parse(text).unwrap();
    assert_eq!(loaded.value.default_agent.as_str(), "codex");
    let record = |name: &str| &loaded.value.agents[&AgentName::new(name).unwrap()];
    let args = record("codex").headless.as_ref().and_then(|headless| headless.args.as_ref()).unwrap();
    assert!(args.starts_with(&["exec".to_owned()]) && args.ends_with(&["-m".to_owned(), "o3".to_owned()]), "{args:?}");
    assert!(!args.contains(&"--approval-mode".to_owned()), "which codex does not know any more: {args:?}");
    assert_eq!(record("mine").args, ["{{ prompt }}", "--quiet"], "after the prompt, as it had them");
    assert!(record("pi").headless.is_some(), "without a person its screen would wait for ever");
    assert_eq!(loaded.value.state_dir, Path::new("/etc/a/s"));
    assert_eq!(loaded.value.log_dir, Path::new("/etc/a/s/logs"));
    assert_eq!(loaded.value.prompt_dir, Path::new("/home/u/prompts"));
    assert_eq!(loaded.value.poll_interval, 1);
    assert_eq!(loaded.warnings.len(), 4, "{}", shown(&loaded.warnings));
}

#[test]
fn an_unknown_key_is_a_warning_with_its_place_and_the_nearest_key() {
    let loaded = parse("maxConcurrency: 2\nmaxConcurency: 5\nagents: {a: {command: x, arg: []}}\n").unwrap();
    assert_eq!(loaded.value.max_concurrency, 2);
    let shown = shown(&loaded.warnings);
    assert!(shown.contains("config.yaml:2:1: unknown key `maxConcurency`"), "{shown}");
    assert!(shown.contains("did you mean `maxConcurrency`?"), "{shown}");
    assert!(shown.contains("config.yaml:3:26: unknown key `arg`"), "{shown}");
}

#[test]
fn wrong_types_and_ranges_are_errors_and_all_are_told_at_once() {
    let text = "maxConcurrency: 0\npollInterval: -1\ndefaultAgent: cluade\nagents:\n  a: {args: x, promptVia: stdn}\n  b/c: {command: x}\n\
        \x20 d: {command: x, args: ['{{ promt }}'], env: {AOTUI_X: 1}}\nkeys: {quit: {a: b}}\nstateDir: [x]\n";
    let problems = parse(text).unwrap_err();
    let shown = shown(&problems);
    for expected in [
        "config.yaml:1:17: `maxConcurrency` of the settings should be from 1 to 1000",
        "config.yaml:2:15: `pollInterval`",
        "config.yaml:3:15: `defaultAgent` names `cluade`, which is not an agent (did you mean `claude`?)",
        "config.yaml:5:13: `args` of agent `a` should be a list",
        "`promptVia` cannot be `stdn` (did you mean `stdin`?)",
        "agent `a` has no `command`",
        "agent name `b/c` is not valid",
        "unknown variable `promt` (did you mean `prompt`?)",
        "`AOTUI_X` is not usable",
        "the keys of `quit`",
        "config.yaml:9:11: `stateDir`",
    ] {
        assert!(shown.contains(expected), "missing {expected:?} in\n{shown}");
    }
}

#[test]
fn the_user_s_record_replaces_the_bundled_one_or_changes_what_it_names() {
    let loaded = parse("agents: {claude: {command: my-claude, promptVia: argument}}\n").unwrap();
    let record = &loaded.value.agents[&loaded.value.default_agent];
    assert_eq!((record.command.as_str(), record.args.len(), &record.headless), ("my-claude", 0, &None));
    let loaded = parse("agents: {claude: {model: opus, headless: {args: [-p]}}}\n").unwrap();
    let record = &loaded.value.agents[&loaded.value.default_agent];
    assert_eq!((record.command.as_str(), record.model.as_deref()), ("claude", Some("opus")));
    let headless = record.headless.as_ref().unwrap();
    assert_eq!(headless.args.as_deref(), Some(["-p".to_owned()].as_slice()));
    assert!(!headless.stream.rules.is_empty(), "the rest of the bundled record stays");
}

#[test]
fn every_bundled_record_is_read_without_a_word() {
    let home = Path::new("/bin/aotui");
    let known = agents::bundled(home);
    let names: Vec<&str> = known.keys().map(AgentName::as_str).collect();
    let expected = ["aider", "claude", "codex", "gemini", "gemini-acp", "opencode", "opencode-acp", "pi", "practice"];
    assert_eq!(names, expected);
    for (name, text) in agents::files() {
        let node = yaml::parse(name, text).unwrap();
        let mut report = Report::new(name);
        agents::parse(name, AgentRecord::default(), &node, &mut report).unwrap();
        assert_eq!((report.errors, report.warnings), (Vec::new(), Vec::new()), "{name}");
    }
}

#[test]
fn a_wrong_stream_rule_is_an_error_where_it_stands() {
    let text = "agents:\n  a:\n    command: x\n    headless:\n      protocol: line\n      stream:\n        - {when: {type: a}, iss: message}\n        - {when: {type: [[]]}, is: mesage}\n";
    let shown = shown(&parse(text).unwrap_err());
    for expected in [
        "config.yaml:5:17: `protocol` cannot be `line` (did you mean `lines`?)",
        "unknown key `iss` in a stream rule (did you mean `is`?)",
        "a stream rule names no signal",
        "`is` cannot be `mesage` (did you mean `message`?)",
    ] {
        assert!(shown.contains(expected), "missing {expected:?} in\n{shown}");
    }
}

#[test]
fn caps_and_the_limit_on_what_waits_are_read_and_refused_with_their_place() {
    let text = "wipLimit: 4\ncaps:\n  agents: {claude: 2}\n  accounts: {work: 3}\n  repositories: {\"*\": 1}\n";
    let rules = parse(text).unwrap().value.rules();
    let caps: Vec<_> = rules.caps.iter().map(|cap| (cap.of.name(), cap.name.as_str(), cap.most)).collect();
    assert_eq!(caps, [("agent", "claude", 2), ("account", "work", 3), ("repository", "*", 1)]);
    assert_eq!((rules.wip_limit, parse("wipLimit: 0").unwrap().value.rules().wip_limit), (Some(4), None));
    let refused = shown(&parse("caps:\n  agents: {claude: 0}\n  agent: {codex: 1}\n").unwrap_err());
    assert!(refused.contains("config.yaml:2:20: the cap of `claude` should be"), "{refused}");
    assert!(refused.contains("config.yaml:3:3: unknown key `agent` in `caps`"), "{refused}");
}

#[test]
fn a_night_is_read_with_its_zone_and_every_mistake_is_told_where_it_is() {
    let night = |text: &str| parse(text).map(|loaded| loaded.value.rules().night.unwrap());
    let all = night("night: {start: \"22:00\", stop: \"7:00\"}").unwrap();
    assert_eq!((all.drain, all.stop, all.days.len()), (all.stop, crate::domain::night::Minute(420), 7));
    let some = night("night: {start: 21:30, drain: 05:00, stop: 06:00, days: [Mon, fri, mon], zone: UTC}").unwrap();
    assert_eq!((some.start.to_string().as_str(), some.days.len(), some.zone.name()), ("21:30", 2, "UTC"));
    for (text, part) in [
        ("night: {start: \"22:00\"}", "should say when it begins and when it is over (give `start` and `stop`)"),
        ("night: {start: 22, stop: \"07:00\"}", "config.yaml:1:16: `start` of `night` should be a time of day"),
        ("night: {start: \"22:00\", stop: \"22:00\"}", "has the same `start` and `stop`"),
        ("night: {start: \"22:00\", drain: \"08:00\", stop: \"07:00\"}", "is 08:00, which is not in the night"),
        ("night: {start: \"22:00\", stop: \"07:00\", days: [mond]}", "there is no day `mond`"),
        ("night: {start: \"22:00\", stop: \"07:00\", zone: Mars/Olympus}", "there is no time zone `Mars/Olympus`"),
        ("night: {begin: \"22:00\"}", "unknown key `begin` in `night`"),
    ] {
        let refused = shown(&night(text).unwrap_err());
        assert!(refused.contains(part), "{text}: {refused}");
    }
}
