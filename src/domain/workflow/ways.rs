//! The edges of a phase: every way out of it, and where each leads.

use super::{Phase, PhaseKind};
use crate::domain::gate::PASS;
use crate::domain::ids::PhaseId;

/// A way out of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way<'a> {
    /// It succeeded, or was approved.
    Success,
    /// Its agent judged so.
    Verdict(&'a str),
    /// It failed, or was rejected.
    Failure,
}

impl Phase {
    /// Returns every way out of it and where that leads; `None` is the end: complete after a success, left to a person
    /// after a failure.
    pub fn ways(&self) -> Vec<(Way<'_>, Option<&PhaseId>)> {
        if matches!(self.kind, PhaseKind::Terminal { .. }) {
            return Vec::new();
        }
        // What its agent says decides; without an edge of its own, only a pass is a success.
        let succeeds = !self.on_verdict.contains_key(PASS);
        let success = succeeds.then_some((Way::Success, self.on_success.as_ref()));
        let verdicts = self.on_verdict.iter().map(|(verdict, to)| (Way::Verdict(verdict), Some(to)));
        success.into_iter().chain(verdicts).chain([(Way::Failure, self.on_failure.as_ref())]).collect()
    }
}
