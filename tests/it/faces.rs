//! What the screens of agents say, on recordings of the real programs: at moments a person looked at, what a rule makes of
//! the title and the screen is what the agent did; and a program that words things differently is unknown, never idle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aotui::agent::FaceRules;
use aotui::config::agents::bundled;
use aotui::domain::activity::{Doing, Sighting, Wait};
use aotui::terminal::Screen;

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens")
}

fn rules(agent: &str) -> FaceRules {
    let records = bundled(Path::new("aotui"));
    let record = records.into_iter().find(|(name, _)| name.as_str() == agent).unwrap().1;
    record.terminal.unwrap().shows
}

fn screen_after(bytes: &[u8]) -> Screen {
    let mut screen = Screen::new(120, 40);
    screen.process(bytes);
    screen
}

fn read(rules: &FaceRules, screen: &Screen) -> Option<Sighting> {
    rules.read(screen.title(), &screen.contents())
}

fn words(seen: Option<&Sighting>) -> &'static str {
    match seen.map_or(Doing::Unknown, |seen| seen.doing) {
        Doing::Working => "working",
        Doing::Waiting { what: Wait::Permission } => "waiting permission",
        Doing::Waiting { what: Wait::Question } => "waiting question",
        Doing::Waiting { what: Wait::Approval } => "waiting approval",
        Doing::Idle => "idle",
        Doing::Limited { .. } => "limited",
        Doing::Done => "done",
        Doing::Unknown => "unknown",
    }
}

/// A moment of a recording: which one, the bytes until then, what a person saw, and its name.
struct Moment {
    recording: String,
    bytes: Vec<u8>,
    expected: String,
    name: String,
}

fn moments() -> Vec<Moment> {
    let text = fs::read_to_string(recordings().join("moments.tsv")).unwrap();
    let moments = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [recording, offset, expected, name] = fields[..] else { panic!("{line}") };
        let mut bytes = fs::read(recordings().join(format!("{recording}.raw"))).unwrap();
        bytes.truncate(offset.parse().unwrap());
        Moment { recording: recording.into(), bytes, expected: expected.into(), name: name.into() }
    });
    moments.collect()
}

fn agent_of(recording: &str) -> &str {
    recording.split('-').next().unwrap()
}

#[test]
fn every_recorded_moment_is_what_a_person_saw() {
    let mut wrong = Vec::new();
    for Moment { recording, bytes, expected, name } in moments() {
        let screen = screen_after(&bytes);
        let seen = read(&rules(agent_of(&recording)), &screen);
        if words(seen.as_ref()) != expected {
            let lines = screen.contents().into_iter().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
            let tail = lines[lines.len().saturating_sub(8)..].join("\n    ");
            wrong.push(format!(
                "{recording} {name:?}: {seen:?}, not {expected}; title {:?}\n    {tail}",
                screen.title()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Replaces every letter and every sign that is not part of an escape sequence by another of the same width.
fn reworded(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            out.push(c);
            let Some(kind) = chars.next() else { break };
            out.push(kind);
            if kind == '[' {
                for c in chars.by_ref() {
                    out.push(c);
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            } else if kind == ']' {
                // The number of an operating system command; its text is reworded like all other.
                while let Some(c) = chars.next_if(|c| c.is_ascii_digit() || *c == ';') {
                    out.push(c);
                }
            }
            continue;
        }
        out.push(match c {
            'a'..='z' | 'A'..='Z' => 'x',
            '0'..='9' => '#',
            '?' | '(' | ')' | '>' | '%' | '/' | '~' | '›' | '❯' | '─' | '✳' | 'π' | '◇' | '✦' | '✋' | '△' => {
                '*'
            }
            c if ('\u{2800}'..='\u{28ff}').contains(&c) || ('\u{25d0}'..='\u{25d3}').contains(&c) => '*',
            c => c,
        });
    }
    out.into_bytes()
}

#[test]
fn a_program_that_words_everything_differently_is_unknown_at_every_moment() {
    for Moment { recording, bytes, name, .. } in moments() {
        let screen = screen_after(&reworded(&bytes));
        let seen = read(&rules(agent_of(&recording)), &screen);
        assert_eq!(seen, None, "{recording} {name:?}, title {:?}", screen.title());
    }
}

#[test]
fn the_rules_of_one_agent_do_not_guess_about_another() {
    // Pi's rules and those of aider look alike to nobody else; a wrong guess here would be a wrong guess on an update.
    let mut guesses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Moment { recording, bytes, name, .. } in moments() {
        let screen = screen_after(&bytes);
        for other in ["claude", "codex", "gemini", "opencode", "pi"] {
            if other != agent_of(&recording)
                && let Some(seen) = read(&rules(other), &screen)
            {
                guesses.entry(other.into()).or_default().push(format!("{recording} {name:?}: {seen:?}"));
            }
        }
    }
    assert!(guesses.is_empty(), "{guesses:#?}");
}
