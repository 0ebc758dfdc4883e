//! What the tests of a ticket come to before anything is changed for it: kept as an artifact, by which later gates name
//! what got worse.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::results::Results;
use crate::domain::gate::Before;

/// Largest baseline read, in bytes.
const MOST: u64 = 64 << 20;

/// What the tests came to when the ticket began.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Baseline {
    /// The commit that was checked out.
    pub(super) head: String,
    /// The tree that was tested.
    pub(super) tree: String,
    /// Each command and what it came to.
    pub(super) runs: Vec<Run>,
}

/// What one command came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    /// The command.
    pub(super) command: String,
    /// Whether it exited with code 0.
    pub(super) exited_well: bool,
    /// What its tests came to; `None` where its output names no results that are known.
    pub(super) results: Option<Results>,
}

impl Baseline {
    pub(super) fn new(stands: &Before) -> Self {
        Self { head: stands.head.clone(), tree: stands.tree.clone(), runs: Vec::new() }
    }

    /// Reads a baseline from the store.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        if std::fs::metadata(path)?.len() > MOST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large to be one"));
        }
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Returns what a command came to then.
    pub(super) fn run(&self, command: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.command == command)
    }
}

/// Names the tests that passed then and do not now, each with what became of it. Nothing is said of tests that have no
/// names, and nothing is missed where the names of this run are not known as a whole.
pub(super) fn regressions(before: &Results, now: &Results) -> Vec<String> {
    let (passing, failing): (BTreeSet<&String>, BTreeSet<&String>) =
        (now.passing.iter().collect(), now.failing.iter().collect());
    let known = now.whole && !(passing.is_empty() && failing.is_empty());
    let became = |name: &String| match (failing.contains(name), passing.contains(name)) {
        (true, _) => Some(format!("{name} (fails)")),
        (false, false) if known => Some(format!("{name} (was not run)")),
        _ => None,
    };
    before.passing.iter().filter_map(became).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(passing: &[&str], failing: &[&str], whole: bool) -> Results {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Results { passing: names(passing), failing: names(failing), whole, ..Results::default() }
    }

    #[test]
    fn what_fails_now_and_what_is_gone_is_named_and_what_failed_before_is_not() {
        let before = results(&["a", "b", "c"], &["old"], true);
        assert_eq!(
            regressions(&before, &results(&["c", "new"], &["a", "old"], true)),
            ["a (fails)", "b (was not run)"]
        );
        assert!(regressions(&before, &results(&["a", "b", "c"], &["old", "new"], true)).is_empty());
    }

    #[test]
    fn nothing_is_taken_for_gone_where_not_all_names_are_known() {
        let before = results(&["a", "b"], &[], true);
        assert!(regressions(&before, &results(&["b"], &[], false)).is_empty());
        assert!(regressions(&before, &results(&[], &[], true)).is_empty());
    }
}
