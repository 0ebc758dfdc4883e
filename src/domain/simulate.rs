//! Walking a workflow without running anything: the engine itself decides, and outcomes are as they were chosen.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::agent_report::AgentReport;
use super::command::{Command, TicketAction};
use super::decision::Seen;
use super::effect::{Effect, Ready, Report, SessionEnd, WorkOrder};
use super::event::{Event, Recorded, TicketEvent};
use super::fleet::{Fleet, Input, Outbox, Policy};
use super::gate::{BASELINE, Before, Check, CheckReport, GateResult, Made, PASS, Proving, Step, Verdict};
use super::ids::{BadName, PhaseId, PlanId, TicketId, TicketKey};
use super::plan::Plan;
use super::session::Outcome;
use super::ticket::{Brief, Checkout, Failure, FailureClass, Status};
use super::time::Timestamp;
use super::workflow::{Capture, Phase, PhaseKind, Workflow};

/// Most inputs one simulation takes; bounds of loops end it long before.
const MOST_INPUTS: usize = 20_000;

/// What a phase is chosen to come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// It succeeds, or is approved; an agent that has to judge says `pass` where it can.
    Pass,
    /// Its agent gives this verdict.
    Verdict(String),
    /// It fails, or is rejected.
    Fail,
    /// It is a poll and finds nothing yet.
    NotYet,
}

/// Chosen outcomes by phase: `PHASE`, or `WALK/PHASE` for one walk alone; a walk, or a phase that walks others, stands for
/// all that runs in it. They are used up one after the other; what comes after the last passes.
pub type Choices = BTreeMap<String, Vec<Chosen>>;

/// One attempt of a simulated walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The walk below the ticket, `/` between its names; empty for the ticket.
    pub walk: String,
    /// The phase.
    pub phase: String,
    /// Its type.
    pub kind: &'static str,
    /// How it came out: `pass`, `fail`, `timeout` or `stopped`.
    pub outcome: &'static str,
    /// The verdict that its agent gave; `None` where it gave none.
    pub verdict: Option<String>,
    /// Where that led, in words; empty where it is tried again.
    pub to: String,
}

/// A simulated walk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simulation {
    /// Its attempts in the order of their ends.
    pub attempts: Vec<Attempt>,
    /// How it ended, in words.
    pub end: String,
    /// Choices that no phase used.
    pub unused: Vec<String>,
}

/// Walks `workflow` with lists of `items` items.
pub fn simulate(workflow: &Workflow, choices: &Choices, items: usize) -> Result<Simulation, BadName> {
    let key = TicketKey::new(PlanId::new("plan")?, TicketId::new("T-1")?);
    let mut walk = Walk {
        fleet: Fleet { policy: Policy { max_concurrency: u32::MAX, ..Policy::default() }, ..Fleet::default() },
        workflow: Arc::new(workflow.clone()),
        now: Timestamp(1_000_000_000),
        effects: Vec::new(),
        left: choices.clone(),
        items: (1..=items).map(|n| format!("item {n}")).collect(),
        told: Simulation::default(),
        at: BTreeMap::new(),
        judged: BTreeMap::new(),
    };
    walk.begin(&key);
    for _ in 0..MOST_INPUTS {
        if !walk.go_on() {
            break;
        }
    }
    let status = walk.fleet.ticket(&key).map(|ticket| ticket.progress.status.clone()).unwrap_or_default();
    walk.told.end = match status {
        Status::Complete { needs_attention: false, .. } => "complete".to_owned(),
        Status::Complete { .. } => "ended in a phase that asks for your attention".to_owned(),
        Status::Failed { failure, .. } => format!("left to you: {}", failure.message),
        _ => "did not come to an end".to_owned(),
    };
    let unused = |(phase, left): (&String, &Vec<Chosen>)| (choices.get(phase) == Some(left)).then(|| phase.clone());
    walk.told.unused = walk.left.iter().filter_map(unused).collect();
    Ok(walk.told)
}

struct Walk {
    fleet: Fleet,
    workflow: Arc<Workflow>,
    now: Timestamp,
    effects: Vec<Effect>,
    left: Choices,
    items: Vec<String>,
    told: Simulation,
    /// Where each walk is.
    at: BTreeMap<TicketKey, PhaseId>,
    /// What the agents judged whose attempts are not over.
    judged: BTreeMap<TicketKey, String>,
}

impl Walk {
    fn begin(&mut self, key: &TicketKey) {
        let plan = Plan::new(key.plan.clone(), String::new());
        self.step(Input::Command(Command::PutPlan { plan }));
        let brief = Brief::new(key.clone(), String::new());
        self.step(Input::Command(Command::PutTicket { brief, order: 0, blocked_by: Vec::new() }));
        let checkout = Checkout {
            path: String::new(),
            branch: String::new(),
            base_branch: String::new(),
            base_commit: String::new(),
            removed: false,
        };
        let ready = Ready::new(Arc::clone(&self.workflow), checkout);
        self.step(Input::Report(Report::Prepared { key: key.clone(), result: Ok(ready) }));
    }

    fn step(&mut self, input: Input) {
        let mut out = Outbox::default();
        self.fleet.step(self.now, input, &mut out);
        for recorded in &out.events {
            self.tell(recorded);
        }
        self.effects.extend(out.effects);
    }

    /// Takes the next step; returns false where there is none.
    fn go_on(&mut self) -> bool {
        if !self.effects.is_empty() {
            let effect = self.effects.remove(0);
            if let Some(report) = self.answer(effect) {
                self.step(Input::Report(report));
            }
            return true;
        }
        let asks = self.fleet.walks().find(|ticket| matches!(ticket.progress.status, Status::Approval { .. }));
        if let Some(ticket) = asks.cloned() {
            let action =
                match ticket.progress.phase.as_ref().map(|phase| self.choose(&ticket.brief.key, phase.as_str())) {
                    Some(Chosen::Fail) => TicketAction::Reject { seen: Seen::default(), note: String::new() },
                    _ => TicketAction::Approve { seen: Seen::default(), note: None },
                };
            self.step(Input::Command(Command::Ticket { key: ticket.brief.key.clone(), action }));
            return true;
        }
        let Some(due) = self.fleet.next_due() else { return false };
        self.now = due.max(self.now);
        self.step(Input::Due);
        true
    }

    fn answer(&mut self, effect: Effect) -> Option<Report> {
        match effect {
            Effect::RunSession { order, .. } => Some(self.run(&order)),
            Effect::ReadList { order } => Some(Report::Listed {
                key: order.ticket.brief.key.clone(),
                phase: order.phase.id.clone(),
                result: Ok(self.items.clone()),
            }),
            _ => None,
        }
    }

    fn run(&mut self, order: &WorkOrder) -> Report {
        let key = order.ticket.brief.key.clone();
        if let Some(step) = &order.ticket.progress.proof.step {
            let results = if *step == Step::Look { Vec::new() } else { gate_results(order) };
            let begun = Made { name: BASELINE.to_owned(), hash: String::new(), bytes: 0 };
            let made = if order.begin.is_empty() { Vec::new() } else { vec![begun] };
            let report = CheckReport { stands: Before::default(), results, made };
            return Report::SessionEnded { session: order.session.clone(), end: SessionEnd::Checked { report } };
        }
        if matches!(order.phase.kind, PhaseKind::Agent { .. }) && self.wants_tasks() {
            for text in self.items.clone() {
                self.step(Input::Report(Report::Agent {
                    session: order.session.clone(),
                    report: AgentReport::Task { text, done: false },
                }));
            }
        }
        let (code, verdict) = match self.choose(&key, order.phase.id.as_str()) {
            Chosen::Pass => (0, best_verdict(&order.phase)),
            Chosen::Verdict(word) => (0, Some(word)),
            Chosen::Fail => (2, None),
            Chosen::NotYet => (1, None),
        };
        if let Some(verdict) = verdict {
            let verdict = Verdict { verdict, reason: String::new() };
            let report = AgentReport::Verdict { verdict };
            self.step(Input::Report(Report::Agent { session: order.session.clone(), report }));
        }
        // Whatever is captured may be what a list is made of.
        let list = serde_json::to_string(&self.items).unwrap_or_default();
        let captures = order.phase.capture.iter().map(|(key, capture)| match capture {
            Capture::Stdout | Capture::Json { .. } | Capture::ExitCode | Capture::Command { .. } => {
                (key.clone(), list.clone())
            }
        });
        let captures = if code == 0 { captures.collect() } else { BTreeMap::new() };
        let end = SessionEnd::Exited { code: Some(code), signal: None, at: self.now, captures, tail: String::new() };
        Report::SessionEnded { session: order.session.clone(), end }
    }

    /// Returns whether a list is to be made of what agents report.
    fn wants_tasks(&self) -> bool {
        fn wants(workflow: &Workflow) -> bool {
            workflow.phases.iter().any(|phase| {
                let tasks = matches!(&phase.kind, PhaseKind::Foreach { over: super::workflow::Items::Tasks, .. });
                tasks || phase.workflows_below().into_iter().any(|below| wants(below))
            })
        }
        wants(&self.workflow)
    }

    fn choose(&mut self, key: &TicketKey, phase: &str) -> Chosen {
        let walk = walk_of(key);
        // What is below a phase is chosen by its name too.
        let above = walk.rsplit('/').next().and_then(|last| last.split('.').next()).unwrap_or_default().to_owned();
        let names = [format!("{walk}/{phase}"), phase.to_owned(), walk, above];
        let choice = names.iter().find(|name| self.left.get(*name).is_some_and(|left| !left.is_empty()));
        let left = choice.and_then(|name| self.left.get_mut(name));
        left.map_or(Chosen::Pass, |left| left.remove(0))
    }

    fn tell(&mut self, recorded: &Recorded) {
        let Event::Ticket { key, what } = &recorded.event else { return };
        let walk = walk_of(key);
        let mine = |attempt: &&mut Attempt| attempt.walk == walk && attempt.to.is_empty();
        let last = self.told.attempts.iter_mut().rev().find(|attempt| attempt.walk == walk).filter(mine);
        let to = match what {
            TicketEvent::Proof { what: Proving::Judged { verdict } } => {
                self.judged.insert(key.clone(), verdict.verdict.clone());
                return;
            }
            TicketEvent::AttemptEnded { outcome, .. } => {
                let phase = self.at.get(key).map(ToString::to_string).unwrap_or_default();
                return self.ended(key, phase, outcome);
            }
            TicketEvent::PhaseEntered { phase } => {
                self.at.insert(key.clone(), phase.clone());
                phase.to_string()
            }
            TicketEvent::Completed { needs_attention } if last.as_ref().is_some() => {
                if *needs_attention { "failed" } else { "done" }.to_owned()
            }
            TicketEvent::Failed { failure } => format!("left to you: {}", failure.message),
            TicketEvent::BackedOff { until, .. } => {
                format!("again in {} s", until.millis_since(recorded.at) / 1000)
            }
            _ => return,
        };
        if let Some(last) = last {
            last.to = to;
        }
    }

    fn ended(&mut self, key: &TicketKey, phase: String, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Success => "pass",
            Outcome::Failed { failure: Failure { class: FailureClass::TimedOut, .. } } => "timeout",
            Outcome::Failed { .. } => "fail",
            Outcome::Skipped | Outcome::Interrupted | Outcome::Stopped | Outcome::HandedOver => "stopped",
        };
        let workflow = key.walk.iter().try_fold(&self.workflow, |workflow, walk| {
            workflow.phases.iter().find_map(|phase| phase.workflow_below(walk))
        });
        let found = workflow.and_then(|workflow| workflow.phases.iter().find(|known| known.id.as_str() == phase));
        let kind = found.map_or("", |found| found.kind.name());
        let verdict = self.judged.remove(key);
        self.told.attempts.push(Attempt { walk: walk_of(key), phase, kind, outcome, verdict, to: String::new() });
    }
}

/// Returns the verdict of an agent that has nothing to say against it; `None` where none is asked for.
fn best_verdict(phase: &Phase) -> Option<String> {
    let accepts = phase.gates.iter().find_map(|gate| match &gate.check {
        Check::Verdict { accepts } => Some(accepts.as_slice()),
        _ => None,
    });
    let words = || phase.on_verdict.keys().chain(accepts.unwrap_or_default());
    let is_asked = accepts.is_some() || !phase.on_verdict.is_empty();
    let best = words().find(|word| *word == PASS).or_else(|| words().next()).cloned();
    is_asked.then(|| best.unwrap_or_else(|| PASS.to_owned()))
}

/// Gates look at what is really there, which is nothing here: all pass but those that want another verdict.
fn gate_results(order: &WorkOrder) -> Vec<GateResult> {
    let given = order.ticket.progress.proof.verdict.as_ref().map(|given| given.verdict.as_str());
    let result = |gate: &super::gate::Gate| {
        let (passed, says) = match (&gate.check, given) {
            (Check::Verdict { .. }, None) => (false, "no verdict was given".to_owned()),
            (Check::Verdict { accepts }, Some(given)) => {
                (accepts.is_empty() || accepts.iter().any(|word| word == given), format!("the verdict is `{given}`"))
            }
            _ => (true, String::new()),
        };
        let (gate, evidence, tree) = (gate.name.clone(), String::new(), String::new());
        GateResult { gate, passed, says, command: None, exit_code: None, evidence, tree, millis: 0, tests: None }
    };
    order.phase.gates.iter().map(result).collect()
}

fn walk_of(key: &TicketKey) -> String {
    key.walk.iter().map(super::ids::WalkName::as_str).collect::<Vec<_>>().join("/")
}
