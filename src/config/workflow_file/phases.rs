//! Reads the phases of a workflow file one by one: keys, types and ranges, and which key belongs to which type.

use std::collections::BTreeMap;

use super::below::ENDS;
use super::gates::{artifacts, gates, on_verdict};
use super::kinds::kind;
use super::retries::retry;
use super::{Surroundings, care};
use crate::config::fields::{At, Fields, Report, scalar};
use crate::config::yaml::{Mark, Node};
use crate::domain::ids::{AgentName, PhaseId};
use crate::domain::workflow::{Artifacts, Asking, Capture, Limits, Phase, PhaseKind, Retry};

/// Longest time of any setting, in seconds: a year.
pub(super) const YEAR: u32 = 31_536_000;

/// A phase as the file has it: enough for the checks of the graph even where the rest of it is broken.
pub(crate) struct Draft {
    /// Its id; `None` where it has no usable one.
    pub(crate) id: Option<At<PhaseId>>,
    /// Where it starts.
    pub(crate) at: Mark,
    /// Whether it ends the ticket.
    pub(crate) terminal: bool,
    /// Where success leads.
    pub(crate) on_success: Option<At<String>>,
    /// Where failure leads.
    pub(crate) on_failure: Option<At<String>>,
    /// Where its verdicts lead.
    pub(crate) on_verdict: Vec<(String, At<String>)>,
    /// Every template in it.
    pub(crate) templates: Vec<At<String>>,
    /// Every prompt file it names.
    pub(crate) prompts: Vec<At<String>>,
    /// Every script or program it names.
    pub(crate) commands: Vec<At<String>>,
    /// The agents it names.
    pub(crate) agents: Vec<At<AgentName>>,
    /// Keys it captures.
    pub(crate) captures: Vec<String>,
    /// The phases it walks that are written within it.
    pub(crate) inner: Vec<Draft>,
    /// The phase; `None` where it is not usable.
    pub(crate) phase: Option<Phase>,
}

/// Reads all phases; reports every defect.
pub(crate) fn read(items: &[Node], around: &dyn Surroundings, report: &mut Report) -> Vec<Draft> {
    let mut drafts: Vec<Draft> =
        items.iter().enumerate().map(|(n, item)| read_one(item, n + 1, around, report)).collect();
    if !drafts.iter().any(|draft| draft.id.as_ref().is_some_and(|id| id.value.as_str() == RETRY)) {
        drafts.iter_mut().for_each(Draft::retry_without_edge);
    }
    drafts
}

/// What `another-orchestrator` teaches as the way to have a phase tried again, which is what happens without an edge.
const RETRY: &str = "retry";

impl Draft {
    fn at(at: Mark) -> Self {
        Self {
            id: None,
            at,
            terminal: false,
            on_success: None,
            on_failure: None,
            on_verdict: Vec::new(),
            templates: Vec::new(),
            prompts: Vec::new(),
            commands: Vec::new(),
            agents: Vec::new(),
            captures: Vec::new(),
            inner: Vec::new(),
            phase: None,
        }
    }

    fn retry_without_edge(&mut self) {
        self.on_failure.take_if(|edge| edge.value == RETRY);
        if let Some(phase) = &mut self.phase {
            phase.on_failure.take_if(|edge| edge.as_str() == RETRY);
        }
    }

    /// Returns it and every phase that is written within it.
    pub(crate) fn all(&self) -> Vec<&Draft> {
        std::iter::once(self).chain(self.inner.iter().flat_map(Draft::all)).collect()
    }
}

fn read_one(node: &Node, n: usize, around: &dyn Surroundings, report: &mut Report) -> Draft {
    let mut draft = Draft::at(node.at);
    let named = node.get("id").and_then(scalar).map(|id| format!("phase `{}`", id.value));
    let Some(mut fields) = Fields::of(node, named.unwrap_or_else(|| format!("phase {n}")), report) else {
        return draft;
    };
    let errors = report.errors.len();
    draft.id = id(&mut fields, report);
    draft.on_success = fields.text("onSuccess", report);
    draft.on_failure = fields.text("onFailure", report);
    rest(&mut fields, &mut draft, errors, around, report);
    draft
}

/// Reads a phase that stands alone: its name comes from where it stands, and its edges lead to its ends.
pub(super) fn read_inner(
    fields: &mut Fields<'_>,
    id: Option<At<PhaseId>>,
    around: &dyn Surroundings,
    report: &mut Report,
) -> Draft {
    let mut draft = Draft { id, ..Draft::at(fields.at) };
    let errors = report.errors.len();
    rest(fields, &mut draft, errors, around, report);
    draft
}

/// Returns a single phase with a good and a bad end.
pub(super) fn done_or_failed(phase: Phase) -> Vec<Phase> {
    let [done, failed] = ENDS.map(|end| PhaseId::new(end).ok());
    let end = |id: Option<&PhaseId>, needs_attention| {
        Some(Phase {
            id: id?.clone(),
            kind: PhaseKind::Terminal { needs_attention },
            on_success: None,
            on_failure: None,
            retry: Retry { attempts: 1, ..phase.retry.clone() },
            timeout_seconds: None,
            max_visits: 1000,
            capture: BTreeMap::new(),
            limits: Limits::default(),
            asking: Asking::default(),
            gates: Vec::new(),
            artifacts: Artifacts::default(),
            on_verdict: BTreeMap::new(),
        })
    };
    let ends = [end(done.as_ref(), false), end(failed.as_ref(), true)];
    let first = Phase { on_success: done, on_failure: failed, ..phase };
    std::iter::once(first).chain(ends.into_iter().flatten()).collect()
}

/// Reads everything of a phase but its name and its edges; `errors` is how many there were before it.
fn rest(fields: &mut Fields<'_>, draft: &mut Draft, errors: usize, around: &dyn Surroundings, report: &mut Report) {
    let type_ = fields.text("type", report);
    let timeout = fields.number("timeoutSeconds", 1, YEAR, report).map(u64::from);
    let max_visits = fields.number("maxVisits", 1, 1000, report).unwrap_or(10);
    let capture = capture(fields, report);
    draft.captures = capture.keys().cloned().collect();
    let care = care::read(fields, report);
    let mut gates = gates(fields, report);
    let artifacts = artifacts(fields, &mut gates, report);
    draft.on_verdict = on_verdict(fields, report);
    let is_agent = type_.as_ref().is_some_and(|type_| type_.value == "agent");
    let retry = retry(fields, is_agent && !gates.is_empty(), report);
    let kind = kind(fields, type_, around, draft, report);
    if let Some(kind) = &kind {
        care::warn_of_unpriced(fields, &care, kind, around, report);
    }
    fields.refuse_unknown(report);
    let (Some(id), Some(kind)) = (&draft.id, kind) else { return };
    draft.terminal = matches!(kind, PhaseKind::Terminal { .. });
    let timeout_seconds = timeout.or(match kind {
        PhaseKind::Agent { .. } => Some(3600),
        PhaseKind::Poll { .. } => Some(86_400),
        _ => None,
    });
    let edge = |to: &Option<At<String>>| to.as_ref().and_then(|to| PhaseId::new(to.value.clone()).ok());
    if report.errors.len() == errors {
        let (on_success, on_failure) = (edge(&draft.on_success), edge(&draft.on_failure));
        let verdicts = draft
            .on_verdict
            .iter()
            .filter_map(|(verdict, to)| PhaseId::new(to.value.clone()).ok().map(|to| (verdict.clone(), to)));
        let on_verdict = verdicts.collect();
        draft.phase = Some(Phase {
            id: id.value.clone(),
            kind,
            on_success,
            on_failure,
            retry,
            timeout_seconds,
            max_visits,
            capture,
            limits: care.limits,
            asking: care.asking,
            gates,
            artifacts,
            on_verdict,
        });
    }
    draft.captures.extend(draft.phase.iter().flat_map(Phase::keys_from_below));
}

fn id(fields: &mut Fields<'_>, report: &mut Report) -> Option<At<PhaseId>> {
    let Some(text) = fields.text("id", report) else {
        report.error(fields.at, format!("{} has no `id`", fields.what), "edges lead to phases by their id");
        return None;
    };
    match PhaseId::new(text.value) {
        Ok(value) => Some(At { value, at: text.at }),
        Err(bad) => {
            report.error(text.at, bad.to_string(), "");
            None
        }
    }
}

fn capture(fields: &mut Fields<'_>, report: &mut Report) -> BTreeMap<String, Capture> {
    let mut captures = BTreeMap::new();
    for (key, node) in fields.entries("capture", report) {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if key.value.len() > 64 || !key.value.starts_with(|c: char| good(c) && c != '-') || !key.value.chars().all(good)
        {
            let rule = "use at most 64 letters, digits, `_` and `-`";
            report.error(key.at, format!("`{}` is not usable as the key of a capture", key.value), rule);
            continue;
        }
        match scalar(node) {
            Some(text) if text.value == "stdout" => drop(captures.insert(key.value, Capture::Stdout)),
            Some(text) if text.value == "exitCode" => drop(captures.insert(key.value, Capture::ExitCode)),
            Some(text) => {
                let capture = match text.value.strip_prefix("stdout#/") {
                    Some(pointer) => Capture::Json { pointer: format!("/{pointer}") },
                    None => Capture::Command { script: text.value },
                };
                captures.insert(key.value, capture);
            }
            None => report.error(
                node.at,
                format!("capture `{}` should be `stdout` or a shell command, not {}", key.value, node.kind()),
                "",
            ),
        }
    }
    captures
}
