//! The command lines of `another-orchestrator`, as ours: `pause PLAN TICKET`, `daemon`, `tick` and their like. Pure.

use std::ffi::{OsStr, OsString};

/// Options that take a value wherever they stand.
const WITH_VALUE: [&str; 2] = ["--config", "-C"];

/// Returns the command line as ours; one that is ours already stays as it is.
pub(super) fn as_ours(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let Some(at) = verb(&args) else { return args };
    let words = args.split_off(at + 1);
    let Some(name) = args.pop() else { return args };
    args.extend(translated(&name, words));
    args
}

/// Returns where the verb stands.
fn verb(args: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        match arg.to_str() {
            Some(option) if WITH_VALUE.contains(&option) => at += 2,
            Some(option) if option.starts_with('-') => at += 1,
            _ => return Some(at),
        }
    }
    None
}

fn translated(verb: &OsStr, words: Vec<OsString>) -> Vec<OsString> {
    let name = verb.to_str().unwrap_or_default();
    // With options among them it is not known which word is whose.
    let plain = words.iter().take_while(|word| !word.to_string_lossy().starts_with('-')).count();
    let names_plan = match name {
        "pause" | "resume" | "retry" | "sessions" => plain == 2,
        "skip" | "resume-session" => plain == 3,
        _ => false,
    };
    let with = |name: &str, more: &[OsString]| [&[OsString::from(name)], more].concat();
    match (name, words.as_slice()) {
        ("daemon", words) => with("run", words),
        ("tick", words) => [with("run", &["--once".into()]), words.to_vec()].concat(),
        ("interactive", words) => with("plan", words),
        ("run", [plan, ticket, more @ ..]) if plain == 2 => {
            [with("run", &["--ticket".into(), ticket_of(plan, ticket)]), more.to_vec()].concat()
        }
        (name, [plan, ticket, more @ ..]) if names_plan => {
            [with(name, &[ticket_of(plan, ticket)]), more.to_vec()].concat()
        }
        _ => [vec![verb.to_owned()], words].concat(),
    }
}

fn ticket_of(plan: &OsStr, ticket: &OsStr) -> OsString {
    [plan, OsStr::new("/"), ticket].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_forms_mean_what_they_meant() {
        for (older, ours) in [
            ("pause billing PAY-1", "pause billing/PAY-1"),
            ("-C c.yaml resume billing PAY-1", "-C c.yaml resume billing/PAY-1"),
            ("retry billing PAY-1", "retry billing/PAY-1"),
            ("skip billing PAY-1 land", "skip billing/PAY-1 land"),
            ("sessions billing PAY-1 --json", "sessions billing/PAY-1 --json"),
            ("sessions billing PAY-1 --phase x", "sessions billing/PAY-1 --phase x"),
            ("resume-session billing PAY-1 abc", "resume-session billing/PAY-1 abc"),
            ("run billing PAY-1", "run --ticket billing/PAY-1"),
            ("daemon -c 2 -a codex", "run -c 2 -a codex"),
            ("tick", "run --once"),
            ("interactive -r /src", "plan -r /src"),
        ] {
            assert_eq!(line(older), format!("aotui {ours}"));
        }
    }

    #[test]
    fn ours_stay_as_they_are() {
        for ours in [
            "",
            "--config c.yaml",
            "pause PAY-1",
            "resume",
            "skip PAY-1 land",
            "run --ticket A --ticket B --until-done",
            "reject billing/PAY-1 -m no",
            "status --plan p",
            "retry --help",
        ] {
            assert_eq!(line(ours), format!("aotui {ours}").trim_end());
        }
    }

    fn line(words: &str) -> String {
        let words = std::iter::once("aotui").chain(words.split(' ').filter(|word| !word.is_empty()));
        let ours = as_ours(words.map(OsString::from));
        ours.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }
}
