//! The session's program: looks, checks gate after gate, and writes down what was found.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::order::{CheckOrder, write_report};
use super::program::{self, Ran};
use crate::adapters::workspace::Standing;
use crate::domain::gate::{Before, Check, CheckReport, Gate, GateResult, MAX_EVIDENCE};
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

struct Checker {
    standing: Standing,
    runtime: tokio::runtime::Runtime,
    order: CheckOrder,
}

/// What a gate found, before it is put on record.
struct Finding {
    passed: bool,
    says: String,
    command: Option<String>,
    exit_code: Option<i32>,
    evidence: String,
}

impl Finding {
    fn pass(says: impl Into<String>) -> Self {
        Self { passed: true, says: says.into(), command: None, exit_code: None, evidence: String::new() }
    }

    fn fail(says: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { passed: false, evidence: evidence.into(), ..Self::pass(says) }
    }

    fn of_program(command: &str, ran: Ran) -> Self {
        let passed = ran.code == Some(0);
        let says = if passed { "passed".to_owned() } else { ran.how };
        let kept = if passed { KEPT_OF_PASSED } else { MAX_EVIDENCE };
        Self {
            passed,
            says,
            command: Some(command.to_owned()),
            exit_code: ran.code,
            evidence: end_of(&ran.output, kept),
        }
    }
}

impl Checker {
    fn look(&self) -> color_eyre::Result<CheckReport> {
        let stands = self.stands()?;
        println!("looked at the worktree before the phase begins: commit {}, tree {}", stands.head, stands.tree);
        Ok(CheckReport { stands, results: Vec::new() })
    }

    fn check(&self, before: &Before) -> color_eyre::Result<CheckReport> {
        let stands = self.stands()?;
        let mut results = Vec::new();
        for gate in &self.order.gates {
            println!("\x1b[1m▸ {}\x1b[0m", gate.name);
            let begun = Instant::now();
            let found = self.find(gate, before, &stands)?;
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
        Ok(CheckReport { stands: after, results })
    }

    fn find(&self, gate: &Gate, before: &Before, now: &Before) -> color_eyre::Result<Finding> {
        match &gate.check {
            Check::Command { script } => {
                println!("$ {script}");
                let ran = program::run(script, &self.order.worktree, Duration::from_secs(gate.timeout_seconds))?;
                Ok(Finding::of_program(script, ran))
            }
            Check::Commit { since_base } => {
                self.commit(if *since_base { &self.order.base_commit } else { &before.head }, now)
            }
        }
    }

    fn commit(&self, from: &str, now: &Before) -> color_eyre::Result<Finding> {
        let count = self.wait(self.standing.commits(from, &now.head))?;
        if count > 0 {
            return Ok(Finding::pass(format!("{count} new commit{}", if count == 1 { "" } else { "s" })));
        }
        let changed = self.changed(from, &now.tree)?;
        let evidence = match changed.is_empty() {
            true => "Nothing was changed at all.".to_owned(),
            false => format!("Changed and not committed:\n{}", listed(&changed)),
        };
        Ok(Finding::fail("there is no new commit", evidence))
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

    fn changed(&self, from: &str, to: &str) -> color_eyre::Result<Vec<PathBuf>> {
        Ok(self.wait(self.standing.changes(from, to))?.into_iter().map(|change| change.path).collect())
    }

    fn stands(&self) -> color_eyre::Result<Before> {
        Ok(self.wait(self.standing.now())?)
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, SlotError>>) -> Result<T, SlotError> {
        self.runtime.block_on(work)
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
    }
}

/// Returns the paths, one a line, with a remark where some are left out.
fn listed(paths: &[PathBuf]) -> String {
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
