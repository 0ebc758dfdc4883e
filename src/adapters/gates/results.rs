//! Reads from a test run's output how many tests passed, failed and were left out: cargo, nextest, pytest, unittest, jest,
//! vitest, mocha, node, go, maven, gradle's JUnit reports and TAP. What it does not know counts for nothing.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::domain::gate::Counts;

/// Most names of failing tests that a gate puts on record.
pub(super) const NAMES: usize = 50;

/// Most names that are known of one run.
const KNOWN: usize = 50_000;

/// What a test run came to, by name as far as its output has names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Results {
    /// How many passed.
    pub(super) passed: u32,
    /// How many failed.
    pub(super) failed: u32,
    /// How many were left out.
    pub(super) skipped: u32,
    /// The names of those that passed.
    pub(super) passing: Vec<String>,
    /// The names of those that failed.
    pub(super) failing: Vec<String>,
    /// Whether those are all: output that was too long lost its beginning.
    pub(super) whole: bool,
}

impl Results {
    /// Returns the numbers, and the names of at most so many that failed.
    pub(super) fn counts(&self, names: usize) -> Counts {
        let failing = self.failing.iter().take(names).cloned().collect();
        Counts { passed: self.passed, failed: self.failed, skipped: self.skipped, failing }
    }
}

/// Numbers of a summary line by the words beside them; a line may have several.
static BESIDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words =
        "passed|passing|pass|failed|failing|failures?|fail|errors?|skipped|pending|ignored|todo|xfailed|xpassed";
    Regex::new(&format!(r"(?i)\b(\d+) ({words})\b")).ok()
});

/// Numbers behind the words: maven, node's summary, TAP, JUnit's attributes, unittest.
static BEHIND: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(tests run|tests|pass|fail|failures|errors|skipped)(?::? |=)"?(\d+)"?"#).ok());

/// Names of tests that passed.
static PASSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:test (.+) \.\.\. ok|(\S+::.+) PASSED(?: +\[ *\d+%\])?|\s*--- PASS: (\S+)(?: .*)?|\s*ok \d+ -? ?(.+)|\s*PASS \[[^\]]*\] +(.+)|\s*[✓✔] (.+)|(\S+ \(\S+\)) \.\.\. ok|(\S.* > .+) PASSED)$",
    )
    .ok()
});

/// Names of tests that failed.
static FAILING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^(?:test (.+) \.\.\. FAILED|FAILED ([^\s(]\S*)(?: - .*)?|(\S+::.+) FAILED(?: +\[ *\d+%\])?|\s*--- FAIL: (\S+)(?: .*)?|\s*not ok \d+ -? ?(.+)|\s*FAIL \[[^\]]*\] +(.+)|\s*[✕✗✖×] (.+)|(\S+ \(\S+\)) \.\.\. (?:FAIL|ERROR)|(\S.* > .+) FAILED)$",
    )
    .ok()
});

/// How long a test took, which is no part of its name.
static TOOK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?: \(?[\d.]+ ?m?s\)?| # time.*)$").ok());

/// Returns what the tests came to; `None` where the output says nothing that is known. `whole` says that it is all of it.
pub(super) fn read(output: &str, whole: bool) -> Option<Results> {
    let mut readers = [cargo, junit, summary_lines, go, unittest, maven, plain_summary].into_iter();
    let Counts { passed, failed, skipped, .. } = readers.find_map(|reader| reader(output))?;
    let (passing, failing) = (named(output, PASSING.as_ref()), named(output, FAILING.as_ref()));
    let whole = whole && passing.len().max(failing.len()) < KNOWN;
    Some(Results { passed, failed, skipped, passing, failing, whole })
}

fn sum(counts: impl Iterator<Item = Counts>) -> Option<Counts> {
    counts.reduce(|sum, more| Counts {
        passed: sum.passed + more.passed,
        failed: sum.failed + more.failed,
        skipped: sum.skipped + more.skipped,
        failing: Vec::new(),
    })
}

/// Returns the numbers of a line that stand beside words.
fn beside(line: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    let mut found = false;
    for hit in BESIDE.as_ref()?.captures_iter(line) {
        let number = hit.get(1)?.as_str().parse().ok()?;
        found = true;
        add(&mut counts, hit.get(2)?.as_str(), number);
    }
    found.then_some(counts)
}

fn add(counts: &mut Counts, word: &str, number: u32) {
    match word.to_ascii_lowercase().as_str() {
        "passed" | "passing" | "pass" | "xpassed" => counts.passed += number,
        "failed" | "failing" | "failure" | "failures" | "fail" | "error" | "errors" => counts.failed += number,
        _ => counts.skipped += number,
    }
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; …`, one for each test binary; and nextest's summary.
fn cargo(output: &str) -> Option<Counts> {
    let of_line = |line: &str| {
        let line = line.trim();
        let rest = line.strip_prefix("test result: ");
        let nextest = line.starts_with("Summary [") && line.contains("tests run:");
        rest.or(nextest.then_some(line)).and_then(beside)
    };
    sum(output.lines().filter_map(of_line))
}

/// `<testsuite tests="3" failures="1" errors="0" skipped="1">`: the outermost of each report.
fn junit(output: &str) -> Option<Counts> {
    let whole = |line: &&str| line.trim_start().starts_with("<testsuites ") && line.contains("tests=");
    let part = |line: &&str| line.trim_start().starts_with("<testsuite ") && line.contains("tests=");
    let lines: Vec<&str> = output.lines().filter(whole).collect();
    let lines = if lines.is_empty() { output.lines().filter(part).collect() } else { lines };
    sum(lines.into_iter().filter_map(run_with_failures))
}

/// pytest's last line, and those of jest and vitest that begin with `Tests`.
fn summary_lines(output: &str) -> Option<Counts> {
    let pytest = |line: &&str| {
        let line = line.trim();
        line.starts_with("==") && line.ends_with("==") && line.contains(" in ")
            || line.contains(" in ") && line.ends_with('s') && beside(line).is_some() && !line.contains(':')
    };
    let js = |line: &&str| line.trim_start().strip_prefix("Tests").is_some_and(|rest| rest.starts_with([':', ' ']));
    let line = output.lines().rev().find(js).or_else(|| output.lines().rev().find(pytest))?;
    let none = line.contains("no tests ran");
    beside(line).or(none.then(Counts::default))
}

/// `--- PASS: TestX`, or `ok  package` lines where go says no more: a package counts as one.
fn go(output: &str) -> Option<Counts> {
    let count = |start: &str| output.lines().filter(|line| line.trim_start().starts_with(start)).count();
    let named = Counts {
        passed: number(count("--- PASS:")),
        failed: number(count("--- FAIL:")),
        skipped: number(count("--- SKIP:")),
        failing: Vec::new(),
    };
    if named.passed + named.failed + named.skipped > 0 {
        return Some(named);
    }
    let ok = |line: &&str| line.starts_with("ok  \t") || line.starts_with("ok \t");
    let packages = Counts {
        passed: number(output.lines().filter(ok).filter(|line| !line.contains("[no tests to run]")).count()),
        failed: number(output.lines().filter(|line| line.starts_with("FAIL\t")).count()),
        ..Counts::default()
    };
    let known = output.contains("[no test files]") || output.contains("[no tests to run]");
    (packages.passed + packages.failed > 0 || known).then_some(packages)
}

/// `Ran 3 tests in 0.1s` and `FAILED (failures=1, skipped=1)`.
fn unittest(output: &str) -> Option<Counts> {
    let ran =
        output.lines().rev().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<u32>().ok())?;
    let last =
        output.lines().rev().find(|line| line.starts_with("OK") || line.starts_with("FAILED")).unwrap_or_default();
    let mut counts = Counts::default();
    for hit in BEHIND.as_ref()?.captures_iter(last) {
        add(&mut counts, hit.get(1)?.as_str(), hit.get(2)?.as_str().parse().ok()?);
    }
    counts.passed = ran.saturating_sub(counts.failed + counts.skipped);
    Some(counts)
}

/// `Tests run: 5, Failures: 1, Errors: 0, Skipped: 1`, the last of which is the sum; node's and TAP's `# pass 3`.
fn maven(output: &str) -> Option<Counts> {
    if let Some(line) = output.lines().rev().find(|line| line.contains("Tests run:")) {
        return run_with_failures(line);
    }
    let is_mark = |line: &&str| line.starts_with("# ") || line.starts_with("ℹ ");
    let mut counts = Counts::default();
    let mut found = false;
    for line in output.lines().filter(is_mark) {
        let mut words = line.split(' ').skip(1);
        let (Some(word), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) else { continue };
        if ["pass", "fail", "skipped", "todo"].contains(&word) {
            found = true;
            add(&mut counts, word, number);
        }
    }
    found.then_some(counts)
}

/// Returns the counts of a line that says how many ran and how many of them not well.
fn run_with_failures(line: &str) -> Option<Counts> {
    let (mut ran, mut counts) = (0, Counts::default());
    for hit in BEHIND.as_ref()?.captures_iter(line) {
        let number = hit.get(2)?.as_str().parse().ok()?;
        match hit.get(1)?.as_str().to_ascii_lowercase().as_str() {
            "tests run" | "tests" => ran = number,
            word => add(&mut counts, word, number),
        }
    }
    counts.passed = u32::saturating_sub(ran, counts.failed + counts.skipped);
    Some(counts)
}

/// Lines such as `3 passed`, `2 passing` or `0 failed` and nothing else: mocha, and scripts of one's own.
fn plain_summary(output: &str) -> Option<Counts> {
    let is_summary = |line: &&str| {
        let line = line.trim();
        line.starts_with(|c: char| c.is_ascii_digit()) && line.len() < 120
    };
    sum(output.lines().filter(is_summary).filter_map(beside))
}

/// Returns the names that lines have by one of those patterns, each once.
fn named(output: &str, pattern: Option<&Regex>) -> Vec<String> {
    let Some(pattern) = pattern else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let name = |line: &str| {
        let hit = pattern.captures(line.trim_end())?;
        let name = hit.iter().skip(1).flatten().next()?.as_str();
        let name = TOOK.as_ref().map_or(name.into(), |took| took.replace(name, ""));
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    };
    // TAP's word for what was left out.
    let ran = |line: &&str| ![" # SKIP", " # TODO"].iter().any(|left_out| line.contains(left_out));
    output.lines().filter(ran).filter_map(name).filter(|name| seen.insert(name.clone())).take(KNOWN).collect()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    fn read(output: &str) -> Option<(u32, u32, u32)> {
        super::read(output, true).map(|found| (found.passed, found.failed, found.skipped))
    }

    #[test]
    fn what_each_kind_of_test_run_prints_is_counted() {
        let runs = [
            (
                "test a ... ok\ntest b ... FAILED\n\ntest result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\ntest result: ok. 3 passed; 0 failed; 0 ignored",
                (15, 1, 2),
            ),
            ("     Summary [   0.012s] 5 tests run: 4 passed, 1 failed, 2 skipped", (4, 1, 2)),
            ("===== 1 failed, 2 passed, 1 skipped in 0.12s =====", (2, 1, 1)),
            ("3 passed in 0.01s", (3, 0, 0)),
            ("===== no tests ran in 0.01s =====", (0, 0, 0)),
            ("Test Suites: 1 failed, 1 total\nTests:       1 failed, 2 passed, 3 total\nTime: 1.2 s", (2, 1, 0)),
            (" Test Files  1 passed (1)\n      Tests  1 failed | 3 passed | 1 skipped (5)\n", (3, 1, 1)),
            ("  5 passing (12ms)\n  1 failing\n  2 pending\n", (5, 1, 2)),
            ("--- PASS: TestA (0.00s)\n    --- FAIL: TestB/x (0.00s)\nFAIL", (1, 1, 0)),
            ("ok  \texample.org/a\t0.01s\nFAIL\texample.org/b\t0.01s\n", (1, 1, 0)),
            ("?   \texample.org/a\t[no test files]\n", (0, 0, 0)),
            ("Ran 4 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1)\n", (1, 2, 1)),
            ("[INFO] Tests run: 2, Failures: 0\n[ERROR] Tests run: 7, Failures: 1, Errors: 1, Skipped: 2\n", (3, 2, 2)),
            (
                "<testsuites tests=\"4\" failures=\"1\" errors=\"0\">\n<testsuite name=\"x\" tests=\"4\" failures=\"1\">",
                (3, 1, 0),
            ),
            ("# tests 3\n# pass 2\n# fail 1\n# skipped 0\n", (2, 1, 0)),
            ("3 passed\n0 failed\n", (3, 0, 0)),
        ];
        for (output, expected) in runs {
            assert_eq!(read(output), Some(expected), "{output}");
        }
        for nothing in ["", "all fine", "compiled 3 files\nexited with 0", "error: 1 thing"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn tests_are_named_by_what_they_came_to_without_how_long_they_took() {
        let named = |output: &str| {
            let found = super::read(output, true).unwrap();
            (found.passing.join(" "), found.failing.join(" "))
        };
        let both = |passing: &str, failing: &str| (passing.to_owned(), failing.to_owned());
        let end = "test result: FAILED. 1 passed; 3 failed";
        let mixed = format!(
            "test a::b ... FAILED\ntest c - d ... ok\nFAILED tests/x.py::test_y - assert 1\n--- FAIL: TestC (0.0s)\n{end}"
        );
        assert_eq!(named(&mixed), both("c - d", "a::b tests/x.py::test_y TestC"));
        let pytest = "t/x.py::test_a[1-2] PASSED   [ 50%]\nt/x.py::test_b FAILED [100%]\nFAILED t/x.py::test_b - x\n=== 1 failed, 1 passed in 0.1s ===";
        assert_eq!(named(pytest), both("t/x.py::test_a[1-2]", "t/x.py::test_b"));
        assert_eq!(named("--- PASS: TestA (0.00s)\n    --- PASS: TestA/x (0.00s)\n"), both("TestA TestA/x", ""));
        assert_eq!(
            named("  ✓ adds (3 ms)\n  ✕ halves (12 ms)\nTests: 1 failed, 1 passed, 2 total\n"),
            both("adds", "halves")
        );
        assert_eq!(named("ok 1 - one\nnot ok 2 - two # time=3ms\n# pass 1\n# fail 1\n"), both("one", "two"));
        assert_eq!(
            named("test_a (m.T) ... ok\ntest_b (m.T) ... FAIL\nRan 2 tests in 0s\n\nFAILED (failures=1)"),
            both("test_a (m.T)", "test_b (m.T)")
        );
        assert_eq!(
            named(
                "    PASS [   0.005s] demo a::b\n    FAIL [   0.006s] demo c\n Summary [ 0.0s] 2 tests run: 1 passed, 1 failed"
            ),
            both("demo a::b", "demo c")
        );
        assert_eq!(
            named("AppTest > adds PASSED\nAppTest > halves FAILED\n2 tests run: 1 passed, 1 failed\n"),
            both("AppTest > adds", "AppTest > halves")
        );
    }
}
