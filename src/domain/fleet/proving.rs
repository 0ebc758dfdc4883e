//! What gates mean for a ticket: a phase that has some is looked at before it begins, its finished work is checked, and
//! only what was found decides whether it succeeded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Fleet;
use super::apply::{at_work, forget_session};
use super::step::Turn;
use crate::domain::command::Rejection;
use crate::domain::effect::SessionEnd;
use crate::domain::event::TicketEvent;
use crate::domain::gate::{self, BASELINE, Check, CheckReport, Gate, Made, PASS, Proving, Step, Verdict, Work};
use crate::domain::ids::{AgentName, TicketKey};
use crate::domain::leaves::{Artifact, Learning};
use crate::domain::session::Outcome;
use crate::domain::ticket::{Failure, FailureClass, HistoryEntry, Progress, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Phase;

/// How often in a row a look that is cut off is taken again.
const MAX_LOST: u32 = 4;

/// Most things that are learned about one ticket.
const MOST_LEARNINGS: usize = 100;

/// Seconds that looking takes at the most, besides what its programs may take.
const LOOKING: u64 = 300;

/// Returns the fact about a ticket.
pub(super) fn proof(what: Proving) -> TicketEvent {
    TicketEvent::Proof { what }
}

impl Fleet {
    /// Returns whether the ticket's worktree is to be looked at before its work on `phase` begins.
    pub(super) fn wants_look(&self, ticket: &Ticket, phase: &Phase) -> bool {
        let proof = &ticket.progress.proof;
        let wanted = || !phase.gates.is_empty() || !self.baselines_wanted(&ticket.brief.key).is_empty();
        !proof.looked && proof.step.is_none() && wanted()
    }

    /// Returns the tests that are to be run before anything is changed; none where their results are kept already.
    pub(super) fn baselines_wanted(&self, key: &TicketKey) -> Vec<Gate> {
        let Some(root) = self.ticket(&key.root()) else { return Vec::new() };
        let kept = root.progress.leaves.artifacts.iter().any(|artifact| artifact.name == BASELINE);
        let workflow = self.workflow_of(root).filter(|_| !kept);
        workflow.into_iter().flat_map(|workflow| workflow.baselines()).cloned().collect()
    }
}

impl Phase {
    /// Returns when a session has to be over that looks for the gates of this phase, and runs other tests besides.
    pub(in crate::domain::fleet) fn look_deadline(&self, begin: &[Gate], now: Timestamp) -> Timestamp {
        let gates = self.gates.iter().chain(begin);
        now.plus_seconds(gates.fold(LOOKING, |sum, gate| sum.saturating_add(gate.timeout_seconds)))
    }
}

impl Turn<'_> {
    /// Takes it that the work of an attempt is done: it has succeeded where the phase has no gates, and where it has some
    /// they are checked now. The session that did it is over, or at its agent's word waits for what they say.
    pub(super) fn work_done(&mut self, key: &TicketKey, phase: &Phase, captures: BTreeMap<String, String>) {
        if phase.gates.is_empty() {
            return self.pass(key, phase, captures);
        }
        self.note(key, proof(Proving::WorkDone { captures }));
    }

    /// Deals with the end of a session that looked for the gates.
    pub(super) fn look_ended(&mut self, key: &TicketKey, phase: &Phase, step: Step, end: SessionEnd) {
        let (signal, tail) = match end {
            SessionEnd::Checked { report } => return self.found(key, phase, step, report.cleaned()),
            SessionEnd::NotStarted { failure } => return self.not_started(key, phase, failure),
            SessionEnd::NotCaptured { failure } => return self.attempt_failed(key, phase, failure),
            SessionEnd::Vanished => (true, String::new()),
            SessionEnd::Exited { code, tail, .. } => (code.is_none(), tail),
        };
        let lost = self.fleet.ticket(key).map_or(0, |ticket| ticket.progress.proof.lost);
        if signal && lost < MAX_LOST {
            return self.note(key, proof(Proving::Lost));
        }
        let message = "its gates could not be checked".to_owned();
        self.attempt_failed(key, phase, Failure { class: FailureClass::Misconfigured, message, evidence: tail });
    }

    fn found(&mut self, key: &TicketKey, phase: &Phase, step: Step, report: CheckReport) {
        let work = match step {
            Step::Look => return self.looked(key, phase, report),
            Step::Check { work } => work,
        };
        let failure = gate::failure_of(&report.results);
        let made = report.made.clone();
        self.note(key, proof(Proving::Checked { report }));
        if let Some(failure) = failure {
            let class = if self.is_judgement(key, phase) { FailureClass::Rejected } else { failure.class };
            return self.attempt_failed(key, phase, Failure { class, ..failure });
        }
        if !made.is_empty() {
            let artifacts = self.artifacts(key, phase, (work.agent.clone(), work.model.clone()), made);
            self.note(key, proof(Proving::Left { artifacts }));
        }
        self.pass(key, phase, work.captures);
    }

    /// Takes how the worktree stands before a phase, and what tests came to before all of them: that is the ticket's.
    fn looked(&mut self, key: &TicketKey, phase: &Phase, report: CheckReport) {
        self.note(key, proof(Proving::Looked { before: report.stands }));
        let wanted = !self.fleet.baselines_wanted(key).is_empty();
        let made: Vec<Made> = report.made.into_iter().filter(|made| wanted && made.name == BASELINE).collect();
        if !made.is_empty() {
            let artifacts = self.artifacts(key, phase, (None, None), made);
            self.note(&key.root(), proof(Proving::Left { artifacts }));
        }
    }

    /// Returns whether nothing but the verdict speaks against an attempt: whoever judged would judge the same again.
    fn is_judgement(&self, key: &TicketKey, phase: &Phase) -> bool {
        let Some(ticket) = self.fleet.ticket(key).filter(|_| phase.on_verdict.is_empty()) else { return false };
        let judges = |name: &str| {
            phase.gates.iter().any(|gate| gate.name == name && matches!(gate.check, Check::Verdict { .. }))
        };
        let proof = &ticket.progress.proof;
        proof.verdict.is_some() && proof.results.iter().all(|result| result.passed || judges(&result.gate))
    }

    /// Returns what an attempt left, with the versions it has among all of its name.
    fn artifacts(
        &self,
        key: &TicketKey,
        phase: &Phase,
        (agent, model): (Option<AgentName>, Option<String>),
        made: Vec<Made>,
    ) -> Vec<Artifact> {
        let Some(ticket) = self.fleet.ticket(key) else { return Vec::new() };
        let known = self.fleet.offered(ticket).artifacts;
        let artifact = |made: Made| Artifact {
            version: known.iter().filter(|known| known.name == made.name).map(|known| known.version).max().unwrap_or(0)
                + 1,
            phase: phase.id.clone(),
            attempt: ticket.progress.attempt,
            agent: agent.clone(),
            model: model.clone(),
            at: self.now,
            name: made.name,
            hash: made.hash,
            bytes: made.bytes,
        };
        made.into_iter().map(artifact).collect()
    }

    /// Goes on after work that nothing speaks against: where its verdict leads, in phases that ask for one.
    fn pass(&mut self, key: &TicketKey, phase: &Phase, captures: BTreeMap<String, String>) {
        if phase.on_verdict.is_empty() {
            return self.succeed(key, phase, captures);
        }
        let given = self.fleet.ticket(key).and_then(|ticket| ticket.progress.proof.verdict.clone());
        let known = || phase.on_verdict.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let message = match &given {
            None => format!("gave no verdict: `aotui report verdict WORD` with one of {}", known()),
            Some(Verdict { verdict, reason }) => match phase.on_verdict.get(verdict) {
                Some(next) => {
                    let text = format!("phase `{}` gave the verdict `{verdict}`: {reason}", phase.id);
                    let said = Some(text).filter(|_| verdict != PASS);
                    return self.succeed_to(key, phase, captures, (Some(next.clone()), said));
                }
                None if verdict == PASS => return self.succeed(key, phase, captures),
                None => format!("gave the verdict `{verdict}`, which leads nowhere: it has to be one of {}", known()),
            },
        };
        let evidence = message.clone();
        self.attempt_failed(key, phase, Failure { class: FailureClass::Gate, message, evidence });
    }

    /// Takes what an agent says about what it looked at.
    pub(super) fn on_verdict(&mut self, key: &TicketKey, verdict: Verdict) {
        self.note(key, proof(Proving::Judged { verdict }));
    }

    /// Takes what an agent learned, unless it was said before.
    pub(super) fn on_learning(&mut self, key: &TicketKey, text: String) {
        let Some(ticket) = self.fleet.ticket(key) else { return };
        let learnings = &ticket.progress.leaves.learnings;
        if text.trim().is_empty() || learnings.len() >= MOST_LEARNINGS {
            return;
        }
        let Some(phase) = ticket.progress.phase.clone() else { return };
        let n = self.fleet.next_learning();
        self.note(key, proof(Proving::Learned { learning: Learning { n, text, phase, at: self.now } }));
    }

    /// Changes or drops something that was learned.
    pub(super) fn change_learning(&mut self, n: u32, text: Option<String>) -> Result<(), Rejection> {
        let has = |ticket: &Arc<Ticket>| ticket.progress.leaves.learnings.iter().any(|learning| learning.n == n);
        let Some(key) = self.fleet.walks().find(|ticket| has(ticket)).map(|ticket| ticket.brief.key.clone()) else {
            return Err(
                Rejection::new(format!("nothing was learned under number {n}")).hint("`aotui learnings` lists them")
            );
        };
        self.note(&key, proof(Proving::LearningChanged { n, text }));
        Ok(())
    }

    /// Returns whether nothing but a person, or another phase, is likely to help: the same failure came again although
    /// the agent was told of it, and again after a fresh start.
    pub(super) fn gates_are_stuck(&self, key: &TicketKey) -> bool {
        self.fleet.ticket(key).is_some_and(|ticket| ticket.progress.same_gate_failures() >= gate::SAME_FAILURES)
    }

    /// Leaves what the gates found for the next attempt.
    pub(super) fn leave_evidence(&mut self, key: &TicketKey, failure: &Failure) {
        if failure.class == FailureClass::Gate {
            self.note(key, TicketEvent::FeedbackLeft { text: gate::follow_up(failure) });
        }
    }
}

impl Progress {
    /// Applies a fact about the ticket's gates.
    pub(super) fn apply_proof(&mut self, at: Timestamp, what: &Proving) {
        match what {
            Proving::LookIntended => self.proof.step = Some(Step::Look),
            Proving::Looked { before } => {
                self.proof.step = None;
                self.proof.lost = 0;
                self.proof.looked = true;
                self.proof.before = Some(before.clone());
                self.status = Status::Queued;
            }
            Proving::WorkDone { captures } => {
                if let (Some(session), since, agent) = at_work(self, at) {
                    let model = self.agent_end.as_ref().and_then(|end| end.model.clone());
                    let work = Work { session, agent, since, captures: captures.clone(), model };
                    self.proof.step = Some(Step::Check { work });
                }
                self.status = Status::Queued;
                forget_session(self);
            }
            Proving::Checked { report } => {
                self.proof.results.clone_from(&report.results);
                if let Some(before) = &mut self.proof.before {
                    before.left = Some(report.stands.tree.clone());
                }
            }
            Proving::Judged { verdict } => self.proof.verdict = Some(verdict.clone()),
            Proving::Learned { learning } => {
                self.proof.learned += 1;
                self.leaves.learnings.push(learning.clone());
            }
            Proving::LearningChanged { n, text } => self.leaves.change(*n, text.as_deref()),
            Proving::Left { artifacts } => self.leaves.artifacts.extend(artifacts.iter().cloned()),
            Proving::Lost => {
                self.proof.lost += 1;
                self.status = Status::Queued;
            }
        }
    }

    /// Returns the finished attempts of the current visit of the current phase, oldest first.
    pub(in crate::domain) fn attempts_of_visit(&self) -> Vec<&HistoryEntry> {
        let Some(phase) = &self.phase else { return Vec::new() };
        let visit = self.visits.get(phase).copied().unwrap_or_default();
        // A person's retry begins the visit anew and counts it as the first again, but its attempts begin at 1.
        let mut most = self.attempt.saturating_add(u32::from(self.under_way.is_none()));
        let of_visit = |entry: &&HistoryEntry| {
            let wanted = entry.phase == *phase && entry.visit == visit && entry.attempt <= most;
            most = entry.attempt;
            wanted
        };
        let mut entries: Vec<&HistoryEntry> = self.own_history().rev().take_while(of_visit).collect();
        entries.reverse();
        entries
    }

    /// Returns how often in a row the newest attempts of this visit failed at the same gates in the same way.
    pub fn same_gate_failures(&self) -> usize {
        gate::same_failures(&self.attempts_of_visit())
    }

    /// Returns how often the agent of this visit was begun afresh after a failure, which asks for a stronger model.
    pub fn fresh_starts(&self) -> usize {
        let entries = self.attempts_of_visit();
        let failed = |entry: &HistoryEntry| matches!(entry.outcome, Outcome::Failed { .. });
        let upto = (1..=entries.len()).filter_map(|n| entries.get(..n));
        upto.filter(|upto| upto.last().is_some_and(|last| failed(last)) && !gate::goes_on(upto)).count()
    }

    /// Returns what the agent is told instead of its task where the conversation goes on: what the gates found.
    pub fn follow_up(&self) -> Option<String> {
        let entries = self.attempts_of_visit();
        let Outcome::Failed { failure } = &entries.iter().rev().find(|entry| !entry.is_void())?.outcome else {
            return None;
        };
        (failure.class == FailureClass::Gate).then(|| gate::follow_up(failure))
    }
}
