//! The rules of the house, kept by machine: who may import whom, how long a file may be, who may name what.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each top-level module may use of the crate's others. `app` and `main` see everything and are imported by none.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("bus", &["domain"]),
    ("slots", &["domain"]),
    ("faults", &[]),
    ("store", &["domain", "faults"]),
    ("report", &["domain", "faults"]),
    ("actions", &["domain"]),
    ("agent", &["domain"]),
    ("driver", &["domain", "agent", "config", "report"]),
    ("hook", &["domain", "agent", "report", "driver"]),
    ("config", &["domain", "actions", "agent"]),
    ("intake", &["domain", "config"]),
    ("runtime_dir", &[]),
    ("holder", &["domain", "slots", "runtime_dir", "faults"]),
    ("terminal", &["domain", "slots", "holder"]),
    ("practice", &["domain", "report"]),
    ("demo", &["domain"]),
    ("engine", &["domain", "slots", "bus", "store", "faults"]),
    ("adapters", &["domain", "slots", "holder", "terminal", "report", "config", "driver", "hook", "agent", "faults"]),
    ("ipc", &["domain", "bus"]),
    ("tui", &["domain", "bus", "actions", "terminal", "config"]),
    ("cli", &["domain", "bus", "actions", "config", "store", "ipc", "terminal", "report", "intake"]),
];

/// Names that may appear only below the given paths, and why.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("portable_pty::", &["src/holder/"], "the holder alone owns PTYs"),
    ("vt100::", &["src/terminal/"], "terminal::Screen alone survives a panic of the emulator"),
    ("gix::", &["src/adapters/workspace/"], "git is behind the workspace slot"),
    ("crossterm::event::EventStream", &["src/tui/"], "one place reads the terminal"),
    ("Color::", &["src/tui/theme/", "src/terminal/"], "views name theme roles, never colours"),
    ("process::exit", &["src/main.rs", "src/holder/", "src/practice/", "src/app/"], "guards have to run"),
];

/// Names the domain must not contain: it is pure.
const NOT_IN_DOMAIN: &[&str] = &[
    "tokio",
    "ratatui",
    "tracing::",
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "rand::",
];

/// Names the screen must not contain: it may not block.
const NOT_IN_TUI: &[&str] = &["std::fs", "std::process", "block_on", "std::thread::sleep"];

/// Most lines of a file that are not tests.
const MAX_LINES: usize = 500;

struct Source {
    path: String,
    module: String,
    /// The text up to an inline test module.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut dirs: Vec<PathBuf> = vec![root.join("src")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter().map(|path| source(root, &path)).collect()
}

fn source(root: &Path, path: &Path) -> Source {
    let relative = path.strip_prefix(root).unwrap().display().to_string();
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
    let module = relative.trim_start_matches("src/").split(['/', '.']).next().unwrap().to_owned();
    Source { path: relative, module, code }
}

/// Whether a file holds only tests or fixtures for them.
fn is_test(path: &str) -> bool {
    path.contains("/tests") || path.ends_with("tests.rs") || path.contains("fixture")
}

/// The code lines, comments left out, with their numbers.
fn lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let numbered = source.code.lines().enumerate().map(|(n, line)| (n + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a line has the name itself, not as the end of a longer one.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn fail_with(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

#[test]
fn imports_go_in_one_direction() {
    let may_use: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        if ["app", "main", "lib"].contains(&source.module.as_str()) || is_test(&source.path) {
            continue;
        }
        let Some(allowed) = may_use.get(source.module.as_str()) else {
            broken.push(format!("{}: module `{}` is not in MAY_USE", source.path, source.module));
            continue;
        };
        for (number, line) in lines(&source) {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let known = may_use.contains_key(used.as_str()) || used == "app";
                if known && used != source.module && !allowed.contains(&used.as_str()) {
                    broken.push(format!("{}:{number}: `{}` uses `{used}`", source.path, source.module));
                }
            }
        }
    }
    fail_with(
        &broken,
        "a module may only use what MAY_USE in tests/it/architecture.rs lists for it; wire the rest in src/app",
    );
}

#[test]
fn sharp_tools_are_named_in_one_place() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        for (number, line) in lines(source) {
            for (name, places, why) in ONLY_IN {
                if names(line, name) && !places.iter().any(|place| source.path.starts_with(place)) {
                    broken.push(format!("{}:{number}: `{name}` ({why})", source.path));
                }
            }
        }
    }
    fail_with(&broken, "these names belong elsewhere");
}

#[test]
fn the_domain_is_pure_and_the_screen_does_not_block() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.path)) {
        let forbidden = match source.module.as_str() {
            "domain" => NOT_IN_DOMAIN,
            "tui" => NOT_IN_TUI,
            _ => continue,
        };
        for (number, line) in lines(source) {
            broken.extend(
                forbidden
                    .iter()
                    .filter(|name| line.contains(*name))
                    .map(|name| format!("{}:{number}: `{name}`", source.path)),
            );
        }
    }
    fail_with(&broken, "time, files and processes reach these modules as data only");
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| !is_test(&source.path))
        .map(|source| (source.code.lines().count(), &source.path))
        .filter(|(count, _)| *count > MAX_LINES)
        .map(|(count, path)| format!("{path}: {count} lines"))
        .collect();
    fail_with(&long, "a file has one reason to change and at most 500 lines without tests: split it by what it does");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|source| !source.code.starts_with("//!") && !is_test(&source.path))
        .map(|source| source.path.clone())
        .collect();
    fail_with(&silent, "a file starts with `//!`: what it is for, what it owns, what it must not do");
}

#[test]
fn no_test_file_is_forgotten() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(dir.join("main.rs")).unwrap();
    let forgotten: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "main" && !main.contains(&format!("mod {name};")))
        .collect();
    fail_with(&forgotten, "every file of tests/it is a module of tests/it/main.rs");
}
