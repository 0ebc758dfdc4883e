//! What the README says is what the program does. `UPDATE_DOCS=1 cargo test --test it docs` rewrites what is generated.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aotui::actions::{Action, ActionSpec, Context, Group, Keymap};
use aotui::cli;
use aotui::config::paths::Places;
use aotui::config::settings::Settings;

use crate::harness::Home;

/// The README as every test here sees it. Where it is to be rewritten the first to ask does so, and the others wait.
fn readme() -> (PathBuf, &'static str) {
    static TEXT: OnceLock<String> = OnceLock::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = TEXT.get_or_init(|| {
        let text = fs::read_to_string(&path).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_none() {
            return text;
        }
        let text = with_tables(&text);
        fs::write(&path, &text).unwrap();
        text
    });
    (path, text)
}

/// Returns the text with its generated parts as they should be.
fn with_tables(text: &str) -> String {
    let mut expected = text.to_owned();
    for (name, table) in [("keys", keys_table()), ("verbs", verbs_table())] {
        let begin = format!("<!-- {name}: begin (written by `UPDATE_DOCS=1 cargo test --test it docs`) -->\n");
        let end = format!("<!-- {name}: end -->");
        let (before, rest) = expected.split_once(&begin).unwrap_or_else(|| panic!("{begin} is not in README.md"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end} is not in README.md"));
        expected = format!("{before}{begin}{table}{end}{after}");
    }
    expected
}

/// The README's fenced blocks in a language.
pub(crate) fn blocks(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The README's commands that begin with `aotui`: lines of shell blocks, and code amid the prose.
pub(crate) fn commands(text: &str) -> Vec<String> {
    let shell = blocks(text, "sh");
    let lines = shell.iter().flat_map(|block| block.lines()).map(|line| line.split(" #").next().unwrap());
    let fenced = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let all = lines.flat_map(|line| line.split(" && ")).chain(fenced).map(str::trim);
    all.filter(|line| line.split(' ').next() == Some("aotui")).map(str::to_owned).collect()
}

/// Splits a command into words as a shell does, as far as quotes go.
pub(crate) fn words(command: &str) -> Vec<OsString> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).map(OsString::from).collect()
}

fn keys_table() -> String {
    let mut table = "| key | name | what it does |\n|---|---|---|\n".to_owned();
    let shown = |spec: &ActionSpec| {
        let places = [Context::Fleet, Context::Terminal];
        !spec.keys.is_empty() && spec.contexts.iter().any(|context| places.contains(context))
    };
    for group in Group::ALL {
        for spec in Action::ALL.iter().map(|action| action.spec()).filter(|spec| spec.group == group && shown(spec)) {
            let keys: Vec<String> = spec.keys.iter().map(|key| format!("`{key}`")).collect();
            table.push_str(&format!("| {} | {} | {} |\n", keys.join(" "), spec.name, spec.doc));
        }
    }
    table
}

fn verbs_table() -> String {
    let mut table = "| verb | what it does |\n|---|---|\n".to_owned();
    for verb in cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let about = verb.get_about().unwrap().to_string();
        table.push_str(&format!("| `{}` | {} |\n", verb.get_name(), about.trim_end_matches('.')));
    }
    table
}

#[test]
fn generated_parts_are_up_to_date() {
    let (_, text) = readme();
    assert!(text == with_tables(text), "README.md is out of date: run `UPDATE_DOCS=1 cargo test --test it docs`");
}

#[test]
fn every_command_of_the_readme_is_one() {
    let (_, text) = readme();
    let commands = commands(text);
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        // `--help` is no verb, and no mistake either.
        if let Some(error) = cli::parse(words(&command)).err().filter(|error| error.exit_code() != 0) {
            panic!("`{command}`: {error}");
        }
    }
}

#[test]
fn the_workflow_and_the_settings_of_the_readme_are_valid() {
    let (_, text) = readme();
    let (mut workflows, mut settings) = (0, 0);
    for block in blocks(text, "yaml") {
        let home = Home::new();
        if block.contains("phases:") {
            let repo = home.repo();
            home.write("careful.yaml", &block);
            home.write("aotui/scripts/check-ci.sh", "exit 0\n");
            home.ok(&repo, &["workflow", "check", &home.path("careful.yaml").display().to_string()]);
            workflows += 1;
        } else {
            let places = Places::find(None, &home.path(""), |_| Some(home.path("").display().to_string())).unwrap();
            let loaded = Settings::parse("README.md", &block, &places, Path::new("aotui"));
            let loaded = loaded.unwrap_or_else(|problems| panic!("{problems:?} in\n{block}"));
            assert_eq!(loaded.warnings, [], "{block}");
            assert_eq!(Keymap::new(&loaded.value.keys).1, [], "{block}");
            settings += 1;
        }
    }
    assert!(workflows > 0 && settings > 1, "{workflows} workflows, {settings} settings");
}

#[test]
fn what_the_readme_points_to_is_there() {
    let (path, text) = readme();
    let targets = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
        assert!(path.with_file_name(target).exists(), "README.md points to {target}");
    }
}
