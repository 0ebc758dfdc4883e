//! The session's program: looks, checks gate after gate, and writes down what was found.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::baseline::{Baseline, Run};
use super::judge::{Earlier, judge};
use super::order::{CheckOrder, write_report};
use super::program::{self, Ran};
use super::{results, store};
use crate::adapters::workspace::Standing;
use crate::domain::gate::{BASELINE, Before, Check, CheckReport, Counts, Gate, GateResult, MAX_EVIDENCE, Made};
use crate::slots::SlotError;

/// Characters of output kept of a gate that passed.
const KEPT_OF_PASSED: usize = 1_000;
/// Most paths that evidence lists.
const PATHS_SHOWN: usize = 20;

/// Carries out the order in `path` and returns the exit code of the session: 0 where everything could be looked at,
/// whatever was found.
pub fn check(path: &Path) -> color_eyre::Result<u8> {
    let order = CheckOrder::read(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let checker = Checker { standing: runtime.block_on(Standing::open(&order.repo, &order.worktree))?, runtime, order };
    let report = match &checker.order.before {
        None => checker.look()?,
        Some(before) => checker.check(before)?,
    };
    write_report(path.parent().unwrap_or(Path::new(".")), &report)?;
    Ok(0)
}

/// Looks by one order.
pub(super) struct Checker {
    pub(super) standing: Standing,
    runtime: tokio::runtime::Runtime,
    pub(super) order: CheckOrder,
}

/// What a gate found, before it is put on record.
pub(super) struct Finding {
    pub(super) passed: bool,
    pub(super) says: String,
    command: Option<String>,
    exit_code: Option<i32>,
    pub(super) evidence: String,
    pub(super) tests: Option<Counts>,
}

impl Finding {
    pub(super) fn pass(says: impl Into<String>) -> Self {
        Self { passed: true, says: says.into(), command: None, exit_code: None, evidence: String::new(), tests: None }
    }

    pub(super) fn fail(says: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { passed: false, evidence: evidence.into(), ..Self::pass(says) }
    }

    pub(super) fn of_program(command: &str, ran: Ran) -> Self {
        let passed = ran.code == Some(0);
        let says = if passed { "passed".to_owned() } else { ran.how };
        let kept = if passed { KEPT_OF_PASSED } else { MAX_EVIDENCE };
        Self {
            passed,
            says,
            command: Some(command.to_owned()),
            exit_code: ran.code,
            evidence: end_of(&ran.output, kept),
            tests: None,
        }
    }
}

impl Checker {
    /// Looks at the worktree before the phase, and runs the tests that it will be compared with.
    fn look(&self) -> color_eyre::Result<CheckReport> {
        let mut stands = self.stands()?;
        println!("looked at the worktree before the phase begins: commit {}, tree {}", stands.head, stands.tree);
        if let Some(kept) = &self.order.kept {
            stands.from = if kept.from.is_empty() { kept.tree.clone() } else { kept.from.clone() };
            stands.left.clone_from(&kept.left);
        }
        for gate in &self.order.gates {
            let Check::Tests { script, compare: true, since_begin: false, .. } = &gate.check else { continue };
            if let Some(counts) = self.baseline(gate, script, &stands.tree)? {
                println!("{}: {} passed, {} failed before the phase", gate.name, counts.passed, counts.failed);
                stands.tests.insert(gate.name.clone(), counts);
            }
        }
        if let Some(dir) = &self.order.artifacts {
            let names: Vec<&str> = self.order.gates.iter().filter_map(artifact_of).collect();
            store::clear(dir, &names)?;
        }
        let made = self.begin(&stands)?;
        Ok(CheckReport { stands, made: made.into_iter().collect(), ..CheckReport::default() })
    }

    /// Runs the tests whose results are wanted from the ticket's begin, and keeps what they come to.
    fn begin(&self, stands: &Before) -> color_eyre::Result<Option<Made>> {
        if self.order.begin.is_empty() {
            return Ok(None);
        }
        let mut baseline = Baseline::new(stands);
        for gate in &self.order.begin {
            let Check::Tests { script, .. } = &gate.check else { continue };
            println!("\x1b[1m▸ {} (when the ticket begins, to compare)\x1b[0m\n$ {script}", gate.name);
            let ran = program::run(script, &self.order.worktree, Duration::from_secs(gate.timeout_seconds))?;
            let (exited_well, results) = (ran.code == Some(0), results::read(&ran.output, ran.whole));
            baseline.runs.push(Run { command: script.clone(), exited_well, results });
        }
        Ok(Some(store::keep(&self.order.store, BASELINE, &serde_json::to_vec_pretty(&baseline)?)?))
    }

    /// Returns what the tests come to before the phase. What an earlier visit that failed left does not count: then it is
    /// what they came to before that.
    fn baseline(&self, gate: &Gate, script: &str, tree: &str) -> color_eyre::Result<Option<Counts>> {
        let kept = self.order.kept.as_ref().and_then(|kept| kept.tests.get(&gate.name));
        let untouched = self.order.kept.as_ref().is_some_and(|kept| kept.left.as_deref() == Some(tree));
        if let Some(kept) = kept.filter(|_| untouched) {
            return Ok(Some(kept.clone()));
        }
        println!("\x1b[1m▸ {} (before the phase, to compare)\x1b[0m\n$ {script}", gate.name);
        let ran = program::run(script, &self.order.worktree, Duration::from_secs(gate.timeout_seconds))?;
        let now = results::read(&ran.output, ran.whole).map(|results| results.counts(results::NAMES));
        let most = |counts: &Counts| counts.passed;
        Ok(now.into_iter().chain(kept.cloned()).max_by_key(most))
    }

    fn check(&self, before: &Before) -> color_eyre::Result<CheckReport> {
        let stands = self.stands()?;
        let (mut results, mut made) = (Vec::new(), Vec::new());
        for gate in &self.order.gates {
            println!("\x1b[1m▸ {}\x1b[0m", gate.name);
            let begun = Instant::now();
            let found = self.find(gate, before, &stands, &mut made)?;
            let mark = if found.passed { "\x1b[32m✓" } else { "\x1b[31m✗" };
            println!("{mark} {}: {}\x1b[0m", gate.name, found.says);
            results.push(result(gate.name.clone(), found, &stands.tree, begun));
        }
        let begun = Instant::now();
        let after = self.stands()?;
        if let Some(found) = self.moved(&stands, &after)? {
            println!("\x1b[31m✗ {}\x1b[0m", found.says);
            results.push(result("same tree".to_owned(), found, &after.tree, begun));
        }
        Ok(CheckReport { stands: after, results, made })
    }

    fn find(&self, gate: &Gate, before: &Before, now: &Before, made: &mut Vec<Made>) -> color_eyre::Result<Finding> {
        match &gate.check {
            Check::Command { script } => Ok(Finding::of_program(script, self.run(gate, script)?)),
            Check::Commit { since_base } => {
                self.commit(if *since_base { &self.order.base_commit } else { &before.head }, now)
            }
            Check::CleanTree => self.clean_tree(now),
            Check::NoTodo { words } => self.no_todo(words, now),
            Check::NoSecrets => self.no_secrets(now),
            Check::Tests { script, known_failures, since_begin: true, .. } => {
                let baseline = self.order.baseline.as_deref().map(Baseline::read).transpose()?;
                let Some(run) = baseline.as_ref().and_then(|baseline| baseline.run(script)) else {
                    let why = "nobody knows what these tests came to when the ticket began";
                    return Ok(Finding::fail(why, "Add the ticket again: they are run when it begins."));
                };
                Ok(judge(script, self.run(gate, script)?, &Earlier::Begin(run), *known_failures))
            }
            Check::Tests { script, compare, known_failures, .. } => {
                let before = before.tests.get(&gate.name).filter(|_| *compare || *known_failures);
                let earlier = before.map_or(Earlier::Nothing, Earlier::Phase);
                Ok(judge(script, self.run(gate, script)?, &earlier, *known_failures))
            }
            Check::FakeTests => self.fake_tests(now),
            Check::Scope { paths } => self.scope(paths, before, now),
            Check::Pinned { paths } => self.pinned(paths, before, now),
            Check::Artifact { name } => self.artifact(name, made),
            Check::Verdict { accepts } => Ok(self.verdict(accepts)),
            Check::Learned => Ok(self.learned()),
        }
    }

    fn run(&self, gate: &Gate, script: &str) -> color_eyre::Result<Ran> {
        println!("$ {script}");
        Ok(program::run(script, &self.order.worktree, Duration::from_secs(gate.timeout_seconds))?)
    }

    /// Says what is wrong where the gates themselves changed what they looked at. New files are no harm: reports, caches.
    fn moved(&self, before: &Before, after: &Before) -> color_eyre::Result<Option<Finding>> {
        if before.head != after.head {
            let says = format!("the gates moved HEAD from {} to {}", before.head, after.head);
            return Ok(Some(Finding::fail(says, "")));
        }
        if before.tree == after.tree {
            return Ok(None);
        }
        let changes = self.wait(self.standing.changes(&before.tree, &after.tree))?;
        let changed: Vec<PathBuf> =
            changes.into_iter().filter(|change| !change.added).map(|change| change.path).collect();
        let says = "the gates changed files they looked at, so they passed on another tree";
        Ok((!changed.is_empty()).then(|| Finding::fail(says, listed(&changed))))
    }

    pub(super) fn changed(&self, from: &str, to: &str) -> color_eyre::Result<Vec<PathBuf>> {
        Ok(self.wait(self.standing.changes(from, to))?.into_iter().map(|change| change.path).collect())
    }

    fn stands(&self) -> color_eyre::Result<Before> {
        Ok(self.wait(self.standing.now())?)
    }

    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, SlotError>>) -> Result<T, SlotError> {
        self.runtime.block_on(work)
    }
}

fn artifact_of(gate: &Gate) -> Option<&str> {
    match &gate.check {
        Check::Artifact { name } => Some(name),
        _ => None,
    }
}

fn result(gate: String, found: Finding, tree: &str, begun: Instant) -> GateResult {
    GateResult {
        gate,
        passed: found.passed,
        says: found.says,
        command: found.command,
        exit_code: found.exit_code,
        evidence: found.evidence,
        tree: tree.to_owned(),
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        tests: found.tests,
    }
}

/// Returns the paths, one a line, with a remark where some are left out.
pub(super) fn listed(paths: &[PathBuf]) -> String {
    let mut lines: Vec<String> = paths.iter().take(PATHS_SHOWN).map(|path| path.display().to_string()).collect();
    if paths.len() > PATHS_SHOWN {
        lines.push(format!("… and {} more", paths.len() - PATHS_SHOWN));
    }
    lines.join("\n")
}

/// Returns the last lines of some output that fit into so many characters.
fn end_of(output: &str, most: usize) -> String {
    let (mut from, mut left) = (output.len(), most);
    for (at, c) in output.char_indices().rev() {
        let Some(rest) = left.checked_sub(1) else { break };
        left = rest;
        if c != '\n' || from < output.len() {
            from = at;
        }
    }
    let kept = output.get(from..).unwrap_or_default();
    if from == 0 {
        return kept.trim_end().to_owned();
    }
    let whole = kept.split_once('\n').map_or(kept, |(_, rest)| rest);
    format!("… [earlier output left out]\n{}", whole.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_output_begins_with_a_whole_line() {
        assert_eq!(end_of("one\ntwo\n", 100), "one\ntwo");
        assert_eq!(end_of("a long first line\nsecond\nthird\n", 16), "… [earlier output left out]\nsecond\nthird");
    }
}
