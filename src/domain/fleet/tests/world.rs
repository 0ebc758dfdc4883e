//! A fleet with a hand-driven world around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::agent_run::AgentEnd;
use crate::domain::clock::Reading;
use crate::domain::command::{Command, Rejection, TicketAction};
use crate::domain::effect::{Effect, Ready, Report, SessionEnd};
use crate::domain::event::Recorded;
use crate::domain::fleet::{Fleet, Input, Outbox, Replay, Told};
use crate::domain::ids::{AgentName, PhaseId, PlanId, SessionId, TicketId, TicketKey, WorkflowName};
use crate::domain::plan::Plan;
use crate::domain::ticket::{Brief, Checkout, FailureClass, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Approval, Asking, Asks, Limits, Phase, PhaseKind, Prompt, Retry, Run, Workflow};
use crate::domain::zone::{Placement, placement};

pub(super) fn id(text: &str) -> PhaseId {
    PhaseId::new(text).unwrap()
}

pub(super) fn key(ticket: &str) -> TicketKey {
    TicketKey::new(PlanId::new("p").unwrap(), TicketId::new(ticket).unwrap())
}

pub(super) fn phase(name: &str, kind: PhaseKind, ok: Option<&str>, bad: Option<&str>) -> Phase {
    Phase {
        id: id(name),
        kind,
        on_success: ok.map(id),
        on_failure: bad.map(id),
        retry: Retry::new(1, 0),
        timeout_seconds: None,
        max_visits: 10,
        capture: BTreeMap::new(),
        limits: Limits::default(),
        asking: Asking::default(),
        gates: Vec::new(),
        artifacts: Default::default(),
        on_verdict: Default::default(),
    }
}

pub(super) fn script() -> PhaseKind {
    PhaseKind::Script { run: Run::Shell { script: "true".into() } }
}

pub(super) fn agent(name: &str) -> PhaseKind {
    PhaseKind::Agent {
        prompt: Prompt::Inline { text: "work".into() },
        agent: Some(AgentName::new(name).unwrap()),
        role: None,
        face: None,
        allowed_tools: Vec::new(),
        max_turns: None,
        model: None,
        stronger: Vec::new(),
        instead: Vec::new(),
    }
}

pub(super) fn poll(seconds: u64) -> PhaseKind {
    PhaseKind::Poll { run: Run::Shell { script: "true".into() }, interval_seconds: seconds }
}

pub(super) fn approval(asks: Asks) -> PhaseKind {
    PhaseKind::Approval(Approval { asks, message: None })
}

pub(super) fn done() -> Phase {
    phase("done", PhaseKind::Terminal { needs_attention: false }, None, None)
}

pub(super) fn workflow(phases: Vec<Phase>) -> Arc<Workflow> {
    let name = WorkflowName::new("w").unwrap();
    Arc::new(Workflow { name, description: String::new(), digest: "d1".into(), phases })
}

const START: Timestamp = Timestamp(1_000_000_000);

/// A fleet, the workflow its tickets get, and everything it ever said.
pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) workflow: Arc<Workflow>,
    pub(super) now: Timestamp,
    pub(super) clock: Reading,
    pub(super) journal: Vec<Recorded>,
    /// The same as a journal on disk tells it.
    pub(super) told: Vec<Told>,
    pub(super) effects: Vec<Effect>,
}

impl World {
    pub(super) fn new(phases: Vec<Phase>, tickets: &[(&str, &[&str])]) -> Self {
        let mut world = World {
            fleet: Fleet::default(),
            workflow: workflow(phases),
            now: START,
            clock: Reading { at: START, elapsed: 5000, awake: 5000, boot: "first".into() },
            journal: Vec::new(),
            told: Vec::new(),
            effects: Vec::new(),
        };
        let plan = Plan { repo: Some("/repo".into()), ..Plan::new(PlanId::new("p").unwrap(), "p") };
        world.step(Input::Clock(world.clock.clone()));
        world.command(Command::PutPlan { plan }).unwrap();
        world.add(tickets);
        world
    }

    /// Adds tickets with what they are blocked by.
    pub(super) fn add(&mut self, tickets: &[(&str, &[&str])]) {
        for (n, (ticket, blockers)) in tickets.iter().enumerate() {
            let brief = Brief::new(key(ticket), format!("Ticket {ticket}"));
            let blocked_by = blockers.iter().map(|blocker| key(blocker)).collect();
            self.command(Command::PutTicket { brief, order: n as i64, blocked_by }).unwrap();
        }
    }

    /// Adds a ticket that works on another repository.
    pub(super) fn add_in(&mut self, repo: &str, ticket: &str) {
        let brief = Brief { repo: Some(repo.into()), ..Brief::new(key(ticket), ticket) };
        self.command(Command::PutTicket { brief, order: 0, blocked_by: Vec::new() }).unwrap();
    }

    pub(super) fn step(&mut self, input: Input) -> Outbox {
        let mut out = Outbox::default();
        let written = serde_json::to_string(&input).unwrap();
        let policy = Some(self.fleet.policy.clone());
        self.fleet.step(self.now, input, &mut out);
        if let Some(first) = out.events.first() {
            let input = serde_json::from_str(&written).unwrap();
            self.told.push(Told { at: first.at, input, policy, events: out.events.clone() });
        }
        self.journal.extend(out.events.iter().cloned());
        self.effects.extend(out.effects.iter().cloned());
        out
    }

    pub(super) fn command(&mut self, command: Command) -> Result<(), Rejection> {
        self.step(Input::Command(command)).rejection.map_or(Ok(()), Err)
    }

    pub(super) fn act(&mut self, ticket: &str, action: TicketAction) -> Result<(), Rejection> {
        self.command(Command::Ticket { key: key(ticket), action })
    }

    pub(super) fn report(&mut self, report: Report) {
        self.step(Input::Report(report));
    }

    /// Lets time pass without telling anybody.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.clock.at = self.clock.at.plus_seconds(seconds);
        self.clock.elapsed += seconds * 1000;
        self.clock.awake += seconds * 1000;
        self.now = self.clock.at;
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.pass(seconds);
        self.step(Input::Due);
    }

    /// Lets the machine sleep, sets its clock, and takes the turn that an engine takes then.
    pub(super) fn jump(&mut self, asleep: u64, stepped: i64) {
        self.clock.elapsed += asleep;
        self.clock.at = self.clock.at.plus_millis(stepped + asleep as i64);
        self.now = self.clock.at;
        self.look();
    }

    /// Takes the first part of an engine's turn.
    pub(super) fn look(&mut self) -> Vec<Recorded> {
        let mut events = Vec::new();
        if self.fleet.jump(&self.clock).is_some() {
            events = self.step(Input::Clock(self.clock.clone())).events;
        }
        if self.fleet.next_due().is_some_and(|due| due <= self.now) {
            events.extend(self.step(Input::Due).events);
        }
        events
    }

    /// Answers every open wish for a workspace.
    pub(super) fn prepare_all(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Prepare { ticket, .. } => {
                    let report = Report::Prepared { key: ticket.brief.key.clone(), result: Ok(self.ready()) };
                    self.report(report);
                }
                other => self.effects.push(other),
            }
        }
    }

    pub(super) fn ready(&self) -> Ready {
        let checkout = Checkout {
            path: "/wt".into(),
            branch: "b".into(),
            base_branch: "main".into(),
            base_commit: "0".repeat(40),
            removed: false,
        };
        Ready::new(Arc::clone(&self.workflow), checkout)
    }

    pub(super) fn ticket(&self, ticket: &str) -> &Ticket {
        self.fleet.ticket(&key(ticket)).unwrap()
    }

    pub(super) fn status(&self, ticket: &str) -> &Status {
        &self.ticket(ticket).progress.status
    }

    pub(super) fn at(&self, ticket: &str) -> String {
        self.ticket(ticket).progress.phase.as_ref().map_or_else(String::new, ToString::to_string)
    }

    pub(super) fn place(&self, ticket: &str) -> Placement {
        placement(&self.fleet, self.ticket(ticket))
    }

    pub(super) fn session(&self, ticket: &str) -> SessionId {
        self.status(ticket).session().cloned().unwrap_or_else(|| panic!("{ticket} does not run"))
    }

    /// Lets the agent of a ticket say how it ended, and its session end.
    pub(super) fn agent_ends(&mut self, ticket: &str, end: AgentEnd) {
        let session = self.session(ticket);
        let code = i32::from(end.failure.is_some());
        self.report(Report::AgentEnded { session: session.clone(), end: Box::new(end) });
        self.report(Report::SessionEnded { session, end: exited(code, self.now) });
    }

    /// Lets the agent of a ticket fail in this way.
    pub(super) fn agent_fails(&mut self, ticket: &str, class: FailureClass) {
        self.agent_ends(ticket, AgentEnd { failure: Some((class, "said so".into())), ..AgentEnd::default() });
    }

    /// Lets the running session of a ticket exit.
    pub(super) fn exit(&mut self, ticket: &str, code: i32) {
        let session = self.session(ticket);
        self.report(Report::SessionEnded { session, end: exited(code, self.now) });
    }
}

pub(super) fn exited(code: i32, at: Timestamp) -> SessionEnd {
    let tail = if code == 0 { String::new() } else { "it said no".into() };
    SessionEnd::Exited { code: Some(code), signal: None, at, captures: BTreeMap::new(), tail }
}

/// Insists that the journal of this world is decided the same again.
pub(super) fn decided_again(world: &World) {
    let mut replay = Replay::new(Fleet::default());
    let found: Vec<_> = world.told.iter().cloned().filter_map(|told| replay.take(told).err()).collect();
    assert_eq!(found, []);
    assert_eq!(replay.fleet().accounts, world.fleet.accounts);
}
