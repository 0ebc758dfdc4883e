//! Gates: what aotui itself checks before a phase may succeed, and what came of it.
//!
//! A phase with gates is looked at before it begins and checked when its work is done, both by sessions of their own. An
//! exit code and an agent's word prove nothing; what counts is what the gates found on the tree that is there. Pure:
//! [`crate::adapters::gates`] does the looking.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent_run::was_cut_off;
use super::ids::{AgentName, PhaseId, SessionId};
use super::leaves::{Artifact, Learning};
use super::plain::{plain_line, plain_text};
use super::session::Outcome;
use super::ticket::{Failure, FailureClass, HistoryEntry};
use super::time::Timestamp;

/// Longest line that says what a gate found, in characters.
const MAX_SAYS: usize = 300;
/// Longest evidence kept of one gate, in characters.
pub const MAX_EVIDENCE: usize = 8_000;
/// Longest evidence of all gates of an attempt together that a failure or an agent is told, in characters.
const MAX_TOLD: usize = 24_000;
/// How often in a row the same gates may fail in the same way until it is no longer tried.
pub(super) const SAME_FAILURES: usize = 3;

/// The verdict that means that all is well.
pub const PASS: &str = "pass";

/// The artifact that says what tests came to when their ticket began.
pub const BASELINE: &str = "baseline.json";

/// A check that a phase has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// What it is called, unique within the phase.
    pub name: String,
    /// What it checks.
    pub check: Check,
    /// Seconds a program of it may take.
    pub timeout_seconds: u64,
}

impl Gate {
    /// Returns the text for `sh` that it runs; `None` where it runs none.
    pub fn script(&self) -> Option<&str> {
        match &self.check {
            Check::Command { script } | Check::Tests { script, .. } => Some(script),
            _ => None,
        }
    }
}

/// What a gate checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Check {
    /// A text for `sh`, run in the worktree, exits with code 0.
    Command {
        /// The text, taken literally.
        script: String,
    },
    /// There is a commit that was not there before.
    Commit {
        /// Whether one since the ticket began is enough; otherwise it has to be one since the phase was entered.
        since_base: bool,
    },
    /// Everything is committed.
    CleanTree,
    /// No line the ticket added says that something is still to be done.
    NoTodo {
        /// The words that say so.
        words: Vec<String>,
    },
    /// No line the ticket added looks like a secret.
    NoSecrets,
    /// Tests pass, there are some, and no fewer than before the phase.
    Tests {
        /// The text for `sh` that runs them.
        script: String,
        /// Whether they are run before the phase as well, to compare.
        compare: bool,
        /// Whether those that failed before the phase may still fail.
        known_failures: bool,
        /// Whether they are compared with what they came to when the ticket began, not before the phase.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        since_begin: bool,
    },
    /// Each test the ticket added or changed asserts something and calls something that is not of the tests themselves.
    FakeTests,
    /// Only these files were changed since the phase was entered.
    Scope {
        /// Patterns of paths.
        paths: Vec<String>,
    },
    /// None of these files was changed since the phase was entered, nor what the gates themselves run.
    Pinned {
        /// Patterns of paths.
        paths: Vec<String>,
    },
    /// The phase left this file for others.
    Artifact {
        /// Its name.
        name: String,
    },
    /// The agent gave a verdict, and it is one of these.
    Verdict {
        /// The verdicts that let the phase succeed; empty means any.
        accepts: Vec<String>,
    },
    /// The agent wrote down something it learned.
    Learned,
}

/// How the worktree stood when a phase was entered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// The commit that was checked out.
    pub head: String,
    /// The tree of all its files, committed or not, ignored ones left out.
    pub tree: String,
    /// The tree against which changes of the phase count: older than `tree` where an earlier visit failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The tree that an earlier visit of the phase left behind when it failed; what others changed since is not the phase's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// What the tests came to, by gate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, Counts>,
}

/// What tests came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many were left out.
    pub skipped: u32,
    /// The names of those that failed, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
}

/// What an agent says about what it looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// One word: `pass`, `fail`, or what the phase knows.
    pub verdict: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What one gate found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateResult {
    /// The gate.
    pub gate: String,
    /// Whether it lets the phase succeed.
    pub passed: bool,
    /// What it found, one line.
    pub says: String,
    /// The command it ran; `None` where it ran none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The command's exit code; `None` where it ran none, or a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The end of what was printed, or the places it found, plain text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// The tree it looked at.
    pub tree: String,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub millis: u64,
    /// What the tests came to, where it ran some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<Counts>,
}

/// What a look at the worktree, or a check of it, found. Written by the session that looked, for the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// How the worktree stands.
    pub stands: Before,
    /// What each gate found, in the order of the workflow; empty after a look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<GateResult>,
    /// The files the phase left for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Made>,
}

/// A file that a phase left for others, in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// Its name.
    pub name: String,
    /// The BLAKE3 hash of its content, by which the store knows it.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
}

/// A fact about a ticket's gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "proof")]
pub enum Proving {
    /// Its worktree is to be looked at before the phase begins.
    LookIntended,
    /// Its worktree was looked at.
    Looked {
        /// How it stands.
        before: Before,
    },
    /// The work of the attempt is done; its gates are to be checked.
    WorkDone {
        /// What was captured.
        captures: BTreeMap<String, String>,
    },
    /// Its gates were checked.
    Checked {
        /// What they found.
        report: CheckReport,
    },
    /// The session that looked was cut off; it looks again.
    Lost,
    /// Its agent gave a verdict.
    Judged {
        /// The verdict.
        verdict: Verdict,
    },
    /// Its agent learned something.
    Learned {
        /// What.
        learning: Learning,
    },
    /// Something it learned was changed or dropped by a person.
    LearningChanged {
        /// Its number.
        n: u32,
        /// What it says now; `None` drops it.
        text: Option<String>,
    },
    /// It left files for others.
    Left {
        /// The files.
        artifacts: Vec<Artifact>,
    },
}

/// What a ticket's gates know and do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What the running session does, or the next one will, instead of the phase's own work; `None` means that work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
    /// How often in a row that was cut off.
    #[serde(default)]
    pub lost: u32,
    /// Whether the worktree was looked at since the current phase was entered.
    #[serde(default)]
    pub looked: bool,
    /// How the worktree stood when the current phase was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
    /// What the gates found about the attempt under way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<GateResult>,
    /// The verdict of the attempt under way, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// How many things were learned since the current phase was entered.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub learned: u32,
    /// Phases that were left without success: how the worktree stood before each, and the tree it left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept: BTreeMap<PhaseId, Before>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a session does for the gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "step")]
pub enum Step {
    /// Looks at the worktree before the phase begins.
    Look,
    /// Checks what the phase made.
    Check {
        /// What is checked.
        work: Work,
    },
}

/// The finished work of an attempt whose gates are to be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// The session that did it.
    pub session: SessionId,
    /// The agent, in agent phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// When that session started.
    pub since: Timestamp,
    /// What the phase captured.
    #[serde(default)]
    pub captures: BTreeMap<String, String>,
    /// The model it was done with; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Proof {
    /// Returns whether nothing is known and nothing is to be done.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Forgets what belongs to a visit of a phase.
    pub(super) fn forget_visit(&mut self) {
        *self = Self { kept: std::mem::take(&mut self.kept), ..Self::default() };
    }

    /// Remembers how the worktree stood before a phase that failed, for its next visit, and forgets it where it succeeded.
    pub(super) fn note_end(&mut self, phase: &PhaseId, succeeded: bool) {
        // Each attempt has to judge anew.
        self.verdict = None;
        if succeeded {
            self.kept.remove(phase);
        } else if let Some(before) = self.before.clone() {
            self.kept.insert(phase.clone(), before);
        }
    }
}

impl CheckReport {
    /// Returns the report with every text plain and bounded.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        for result in &mut self.results {
            result.says = plain_line(&result.says, MAX_SAYS);
            result.evidence = plain_text(&result.evidence, MAX_EVIDENCE);
        }
        self
    }
}

/// Returns the failure of an attempt whose gates found this; `None` where all passed.
pub(super) fn failure_of(results: &[GateResult]) -> Option<Failure> {
    let failed: Vec<&GateResult> = results.iter().filter(|result| !result.passed).collect();
    let first = failed.first()?;
    let more = match failed.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more gate failed)".to_owned(),
        n => format!(" (and {n} more gates failed)"),
    };
    let message = format!("gate `{}`: {}{more}", first.gate, first.says);
    Some(Failure { class: FailureClass::Gate, message, evidence: plain_text(&evidence(&failed), MAX_TOLD) })
}

fn evidence(failed: &[&GateResult]) -> String {
    let sections = failed.iter().map(|result| {
        let mut text = format!("{}: {}\n", result.gate, result.says);
        if let Some(command) = &result.command {
            let code = result.exit_code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
            text.push_str(&format!("$ {command}{code}\n"));
        }
        text.push_str(result.evidence.trim_end());
        text.trim_end().to_owned()
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

/// Returns what the agent is told whose work failed its gates: as a new prompt in the same conversation, or as what
/// happened to the last try.
pub fn follow_up(failure: &Failure) -> String {
    format!(
        "aotui checked what you made, and it does not pass:\n\n````text\n{}\n````\n\nFind the cause and put it right. Do not \
         weaken, skip or delete a check to make it pass. Then finish; everything is checked again.",
        failure.evidence.trim_end().replace("````", "'```")
    )
}

/// Returns whether the agent's conversation goes on after these attempts: the last one was cut off, or failed its gates in
/// a way that its agent was not told of yet.
pub(super) fn goes_on(entries: &[&HistoryEntry]) -> bool {
    let Some(last) = entries.last() else { return false };
    match &last.outcome {
        Outcome::Failed { failure } if failure.class == FailureClass::Gate => same_failures(entries) == 1,
        _ => was_cut_off(last),
    }
}

/// Counts how often in a row, up to the newest entry, the same gates failed in the same way.
pub(super) fn same_failures(entries: &[&HistoryEntry]) -> usize {
    let Some(newest) = entries.last().and_then(|entry| fingerprint(entry)) else { return 0 };
    entries.iter().rev().take_while(|entry| fingerprint(entry).as_ref() == Some(&newest)).count()
}

/// Returns what makes two gate failures the same: the gates and what they printed, but for numbers and order.
fn fingerprint(entry: &HistoryEntry) -> Option<Vec<String>> {
    let Outcome::Failed { failure } = &entry.outcome else { return None };
    if failure.class != FailureClass::Gate {
        return None;
    }
    let failed = entry.gates.iter().filter(|result| !result.passed);
    let mut lines: Vec<String> = failed
        .flat_map(|result| {
            let lines = std::iter::once(result.says.as_str()).chain(result.evidence.lines());
            lines.map(|line| format!("{}: {}", result.gate, without_numbers(line))).collect::<Vec<_>>()
        })
        .collect();
    lines.sort();
    lines.dedup();
    Some(lines)
}

/// Returns a line without what differs from run to run: numbers, object ids, spacing.
fn without_numbers(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let id =
            word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit()) && word.contains(|c: char| c.is_numeric());
        if id { "#".to_owned() } else { word.chars().filter(|c| !c.is_ascii_digit()).collect() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(gate: &str, passed: bool, evidence: &str) -> GateResult {
        GateResult {
            gate: gate.into(),
            passed,
            says: "exited with code 1".into(),
            command: Some("make check".into()),
            exit_code: Some(1),
            evidence: evidence.into(),
            tree: "t".into(),
            millis: 1,
            tests: None,
        }
    }

    fn entry(results: &[GateResult]) -> HistoryEntry {
        let outcome = failure_of(results).map_or(Outcome::Success, |failure| Outcome::Failed { failure });
        let json = serde_json::json!({
            "phase": "p", "visit": 1, "attempt": 1, "outcome": outcome, "startedAt": Timestamp(0), "endedAt": Timestamp(0), "gates": results,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_failure_names_the_first_gate_and_shows_what_each_printed() {
        let failure = failure_of(&[result("a", true, ""), result("b", false, "boom"), result("c", false, "")]).unwrap();
        assert_eq!(failure.message, "gate `b`: exited with code 1 (and 1 more gate failed)");
        assert!(failure.evidence.starts_with("b: exited with code 1\n$ make check (exit code 1)\nboom\n\nc: "));
        assert_eq!(failure_of(&[result("a", true, "")]), None);
        assert!(follow_up(&failure).contains("boom"));
    }

    #[test]
    fn a_failure_is_the_same_whatever_the_times_and_the_order() {
        let (one, two) = ("test a failed\nran 3 in 0.12s", "ran 3 in 4.5s\ntest a failed");
        let same = [entry(&[result("t", false, one)]), entry(&[result("t", false, two)])];
        assert_eq!(same_failures(&same.iter().collect::<Vec<_>>()), 2);
        let other = [entry(&[result("t", false, one)]), entry(&[result("t", false, "test b failed")])];
        assert_eq!(same_failures(&other.iter().collect::<Vec<_>>()), 1);
        assert_eq!(same_failures(&[&entry(&[result("t", true, one)])]), 0);
    }
}
