//! Judges a test run: by itself, and by what the tests came to before.

use super::baseline::{Run, regressions};
use super::check::Finding;
use super::program::Ran;
use super::results;
use crate::domain::gate::Counts;

/// Most regressions that evidence names.
const NAMED: usize = 100;

/// What a run is compared with.
pub(super) enum Earlier<'a> {
    /// Nothing.
    Nothing,
    /// What the tests came to before the phase.
    Phase(&'a Counts),
    /// What they came to when the ticket began.
    Begin(&'a Run),
}

impl Earlier<'_> {
    fn counts(&self) -> Option<Counts> {
        match self {
            Self::Nothing => None,
            Self::Phase(counts) => Some((*counts).clone()),
            Self::Begin(run) => run.results.as_ref().map(|results| results.counts(usize::MAX)),
        }
    }

    fn when(&self) -> &'static str {
        if matches!(self, Self::Begin(_)) { "when the ticket began" } else { "before the phase" }
    }
}

/// Judges a test run; `known_failures` lets those fail that failed before.
pub(super) fn judge(script: &str, ran: Ran, earlier: &Earlier<'_>, known_failures: bool) -> Finding {
    let (how, exit_ok) = (ran.how.clone(), ran.code == Some(0));
    let now = results::read(&ran.output, ran.whole);
    let before = earlier.counts();
    let worse = match (earlier, &now) {
        (Earlier::Begin(Run { results: Some(before), .. }), Some(now)) => regressions(before, now),
        _ => Vec::new(),
    };
    let counts = now.as_ref().map(|now| now.counts(results::NAMES));
    let mut found = Finding::of_program(script, ran);
    let problem = if worse.is_empty() {
        match (&now, earlier) {
            (None, Earlier::Begin(run)) if known_failures && run.results.is_none() => {
                let text = format!("{how}, and did not {}", earlier.when());
                (run.exited_well && !exit_ok).then_some(text)
            }
            (None, _) => Some(format!("{how}, and its output names no test results that are known: are any run?")),
            (Some(now), _) => {
                let against = before.as_ref().map(|before| (before, earlier.when()));
                problem(&now.counts(usize::MAX), against, exit_ok, known_failures, &how)
            }
        }
    } else {
        Some(named(&worse))
    };
    if !worse.is_empty() {
        let more = worse.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
        let names = worse.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("\n");
        found.evidence = format!("Passed {} and do not now:\n{names}{more}\n\n{}", earlier.when(), found.evidence);
    }
    let of = |counts: &Counts| {
        let skipped = if counts.skipped > 0 { format!(", {} skipped", counts.skipped) } else { String::new() };
        let before = before.as_ref().map(|before| match earlier {
            Earlier::Begin(_) => {
                format!(" (when the ticket began: {} passed, {} failed)", before.passed, before.failed)
            }
            _ => format!(" (before: {} passed)", before.passed),
        });
        format!("{} passed, {} failed{skipped}{}", counts.passed, counts.failed, before.unwrap_or_default())
    };
    found.passed = problem.is_none();
    let nothing_worse = || format!("{how}, and names no test results, as {}", earlier.when());
    found.says = problem.unwrap_or_else(|| counts.as_ref().map_or_else(nothing_worse, of));
    found.tests = counts;
    found
}

fn named(worse: &[String]) -> String {
    const FIRST: usize = 5;
    let first = worse.iter().take(FIRST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if worse.len() > FIRST { ", …" } else { "" };
    let tests = if worse.len() == 1 { "1 test got" } else { &format!("{} tests got", worse.len()) };
    format!("{tests} worse since the ticket began: {first}{more}")
}

/// Says what speaks against a test run; `None` where nothing does.
fn problem(
    now: &Counts,
    before: Option<(&Counts, &str)>,
    exit_ok: bool,
    known_failures: bool,
    how: &str,
) -> Option<String> {
    let (ran, failing) = (now.passed + now.failed, &now.failing);
    if ran == 0 {
        return Some("not one test was run".to_owned());
    }
    if let Some((before, when)) = before.filter(|(before, _)| now.passed < before.passed) {
        return Some(format!("{} tests pass, and {} did {when}", now.passed, before.passed));
    }
    let before = before.map(|(before, _)| before);
    let new: Vec<&str> = match before.filter(|_| known_failures) {
        Some(before) => failing.iter().filter(|name| !before.failing.contains(name)).map(String::as_str).collect(),
        None => failing.iter().map(String::as_str).collect(),
    };
    let tolerated = known_failures && new.is_empty() && before.is_some_and(|before| now.failed <= before.failed);
    if now.failed > 0 && !tolerated {
        let named = if new.is_empty() { String::new() } else { format!(": {}", new.join(", ")) };
        return Some(match known_failures && !new.is_empty() {
            true => format!("{} of {ran} tests failed that did not before{named}", new.len()),
            false => format!("{} of {ran} tests failed{named}", now.failed),
        });
    }
    (!exit_ok && !tolerated).then(|| format!("{} tests passed, but it {how}", now.passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u32, failed: u32, failing: &[&str]) -> Counts {
        Counts { passed, failed, skipped: 0, failing: failing.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn a_test_run_passes_only_with_tests_that_pass_and_no_fewer_than_before() {
        let judged = |now: &Counts, before: Option<&Counts>, ok| {
            problem(now, before.map(|before| (before, "before the phase")), ok, false, "exited with code 1")
        };
        assert_eq!(judged(&counts(3, 0, &[]), None, true), None);
        assert_eq!(judged(&counts(3, 0, &[]), Some(&counts(3, 0, &[])), true), None);
        assert_eq!(judged(&counts(0, 0, &[]), None, true).unwrap(), "not one test was run");
        assert_eq!(
            judged(&counts(2, 0, &[]), Some(&counts(3, 0, &[])), true).unwrap(),
            "2 tests pass, and 3 did before the phase"
        );
        assert_eq!(judged(&counts(2, 1, &["a"]), None, false).unwrap(), "1 of 3 tests failed: a");
        assert_eq!(judged(&counts(2, 0, &[]), None, false).unwrap(), "2 tests passed, but it exited with code 1");
    }

    #[test]
    fn failures_that_were_there_before_may_stay_where_the_workflow_says_so_and_new_ones_are_named() {
        let before = counts(5, 2, &["a", "b"]);
        let judged = |now: &Counts| problem(now, Some((&before, "")), false, true, "exited with code 101");
        assert_eq!(judged(&counts(6, 1, &["a"])), None);
        assert_eq!(judged(&counts(5, 2, &["a", "c"])).unwrap(), "1 of 7 tests failed that did not before: c");
        assert!(judged(&counts(5, 3, &[])).is_some());
    }

    fn ran(code: i32, output: &str) -> Ran {
        Ran { code: Some(code), how: format!("exited with code {code}"), output: output.into(), whole: true }
    }

    #[test]
    fn what_got_worse_since_the_ticket_began_is_named_whatever_else_got_better() {
        let before = "test a ... ok\ntest b ... ok\ntest old ... FAILED\ntest result: FAILED. 2 passed; 1 failed;\n";
        let run = Run { results: results::read(before, true), ..Run::default() };
        let judged = |code, output: &str| judge("make check", ran(code, output), &Earlier::Begin(&run), true);
        let worse = "test a ... ok\ntest b ... FAILED\ntest old ... ok\ntest new ... ok\ntest result: FAILED. 3 passed; 1 failed;\n";
        let found = judged(101, worse);
        assert_eq!(found.says, "1 test got worse since the ticket began: b (fails)");
        assert!(found.evidence.starts_with("Passed when the ticket began and do not now:\nb (fails)\n\ntest a"));
        let as_before = judged(101, before);
        assert!(as_before.passed, "{}", as_before.says);
        let gone = "test a ... ok\ntest new ... ok\ntest result: ok. 2 passed; 0 failed;\n";
        assert_eq!(judged(0, gone).says, "1 test got worse since the ticket began: b (was not run)");
    }

    #[test]
    fn a_project_whose_tests_say_nothing_is_compared_by_how_they_end() {
        let judged = |then: bool, code| {
            let run = Run { exited_well: then, ..Run::default() };
            let earlier = Earlier::Begin(&run);
            (
                judge("x", ran(code, "fine"), &earlier, true).passed,
                judge("x", ran(code, "fine"), &earlier, false).passed,
            )
        };
        assert_eq!(judged(true, 0), (true, false), "only where failures may be known");
        assert_eq!(judged(true, 1), (false, false));
        assert_eq!(judged(false, 1), (true, false));
    }
}
