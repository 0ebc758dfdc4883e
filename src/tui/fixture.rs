//! A fleet with something in every zone, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::activity::{Activity, Doing, Sighting, Source};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{AgentName, PhaseId, PlanId, RequestId, SessionId, TicketId, TicketKey, WorkflowName};
use crate::domain::plan::Plan;
use crate::domain::session::{Ask, Outcome, Request};
use crate::domain::ticket::{Brief, Checkout, Failure, FailureClass, HistoryEntry, Progress, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Approval, Asks, Phase, PhaseKind, Prompt, Retry, Run, Workflow};

/// The moment every fixture is seen at.
pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A moment before [`NOW`].
pub(super) fn ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1000)
}

/// A moment after [`NOW`].
pub(super) fn ahead(seconds: i64) -> Timestamp {
    ago(-seconds)
}

pub(super) fn key(id: &str) -> TicketKey {
    TicketKey::new(PlanId::new("billing").unwrap(), TicketId::new(id).unwrap())
}

pub(super) fn phase_id(id: &str) -> PhaseId {
    PhaseId::new(id).unwrap()
}

fn agent(name: &str) -> AgentName {
    AgentName::new(name).unwrap()
}

/// Puts tickets together.
pub(super) struct FleetBuilder(Fleet);

impl FleetBuilder {
    /// Starts with one plan and one workflow.
    pub(super) fn new() -> Self {
        let mut fleet = Fleet::default();
        let plan = Plan {
            repo: Some("/src/shop".to_owned()),
            workflow: Some(WorkflowName::new("standard").unwrap()),
            agent: Some(agent("claude")),
            ..Plan::new(PlanId::new("billing").unwrap(), "billing-sprint")
        };
        fleet.plans.insert(plan.id.clone(), plan);
        fleet.workflows.insert("digest".to_owned(), Arc::new(workflow()));
        Self(fleet)
    }

    /// Adds a ticket in a phase (empty: not started) and a status.
    pub(super) fn ticket(mut self, id: &str, title: &str, phase: &str, status: Status) -> Self {
        let started = !phase.is_empty();
        let sessions = status.session().map_or(u32::from(started), |session| session.n);
        let order = i64::try_from(self.0.tickets.len()).unwrap();
        let progress = Progress {
            status,
            workflow_digest: started.then(|| "digest".to_owned()),
            phase: started.then(|| phase_id(phase)),
            visits: started.then(|| (phase_id(phase), 1)).into_iter().collect(),
            attempt: u32::from(started),
            phase_since: started.then_some(ago(600)),
            workspace: started.then(|| Checkout {
                path: format!("/worktrees/{id}"),
                branch: format!("aotui/billing/{id}"),
                base_branch: "main".to_owned(),
                base_commit: "a1b2c3".to_owned(),
                removed: false,
            }),
            sessions,
            ..Progress::default()
        };
        let brief = Brief {
            description: format!("{title}, so that bookkeeping stops asking for it every month."),
            acceptance_criteria: vec!["the tests pass".to_owned(), "nothing else changes".to_owned()],
            ..Brief::new(key(id), title)
        };
        let ticket = Ticket { brief, order, blocked_by: Vec::new(), progress };
        self.0.tickets.insert(key(id), Arc::new(ticket));
        self
    }

    /// Changes the ticket added last with this id.
    pub(super) fn with(mut self, id: &str, change: impl FnOnce(&mut Ticket)) -> Self {
        change(Arc::make_mut(self.0.tickets.get_mut(&key(id)).unwrap()));
        self
    }

    /// Lets a ticket's agent ask.
    pub(super) fn asks(self, id: &str, request: &str, ask: Ask, at: Timestamp) -> Self {
        let request = Request { id: RequestId::new(request).unwrap(), ask, asked_at: at };
        self.with(id, |ticket| ticket.progress.requests.push(request))
    }

    pub(super) fn doing(mut self, id: &str, text: &str) -> Self {
        let session = self.0.tickets[&key(id)].progress.status.session().unwrap().clone();
        let sighting = Sighting::new(Doing::Working, Source::Report).text(text);
        let activity = Activity { sighting, at: ago(3) };
        self.0.live.activity.insert(session, activity);
        self
    }

    pub(super) fn build(self) -> Arc<Fleet> {
        Arc::new(self.0)
    }
}

fn workflow() -> Workflow {
    let script = || PhaseKind::Script { run: Run::Shell { script: "true".to_owned() } };
    let agent = || PhaseKind::Agent {
        prompt: Prompt::Inline { text: "do it".to_owned() },
        agent: None,
        role: None,
        face: None,
        allowed_tools: Vec::new(),
        max_turns: None,
        model: None,
        stronger: Vec::new(),
        instead: Vec::new(),
    };
    let asks = |asks| PhaseKind::Approval(Approval { asks, message: None });
    let phases = [
        ("spec", agent()),
        ("approve-spec", asks(Asks::Decision)),
        ("implement", agent()),
        ("verify", script()),
        ("ci", PhaseKind::Poll { run: Run::Shell { script: "true".to_owned() }, interval_seconds: 30 }),
        ("review", asks(Asks::Review)),
        ("land", asks(Asks::Merge)),
        ("complete", PhaseKind::Terminal { needs_attention: false }),
    ];
    let phase = |(id, kind): (&str, PhaseKind)| Phase {
        id: phase_id(id),
        kind,
        on_success: None,
        on_failure: None,
        retry: Retry::new(1, 0),
        timeout_seconds: None,
        max_visits: 10,
        capture: BTreeMap::new(),
        limits: Default::default(),
        asking: Default::default(),
        gates: Vec::new(),
        artifacts: Default::default(),
        on_verdict: Default::default(),
    };
    Workflow {
        name: WorkflowName::new("standard").unwrap(),
        description: "The usual way.".to_owned(),
        digest: "digest".to_owned(),
        phases: phases.into_iter().map(phase).collect(),
    }
}

pub(super) fn running(id: &str, n: u32, who: Option<&str>, since: Timestamp) -> Status {
    Status::Running { session: SessionId::new(key(id), n), since, deadline: None, agent: who.map(agent) }
}

pub(super) fn approval(message: &str, since: Timestamp) -> Status {
    Status::Approval { message: message.to_owned(), since }
}

pub(super) fn failed(message: &str, since: Timestamp) -> Status {
    let failure = Failure {
        class: FailureClass::Exit,
        message: message.to_owned(),
        evidence: "test rounding::half_even ... FAILED\n  left: 1.24, right: 1.25".to_owned(),
    };
    Status::Failed { failure, since }
}

pub(super) fn complete(at: Timestamp) -> Status {
    Status::Complete { needs_attention: false, at }
}

pub(super) fn permission() -> Ask {
    Ask::Permission {
        tool: "Bash".to_owned(),
        detail: "psql -h localhost -c 'alter table refunds add column retry_at timestamptz'".to_owned(),
        reason: Some("The retry scheduler needs a column to sort by.".to_owned()),
        target: None,
    }
}

pub(super) fn question() -> Ask {
    Ask::Question {
        text: "Round half up or half even?".to_owned(),
        options: vec!["half up".to_owned(), "half even".to_owned()],
    }
}

/// A fleet with something in every zone.
pub(super) fn fleet() -> Arc<Fleet> {
    let ended = |id: &str, phase: &str, outcome| HistoryEntry {
        phase: phase_id(phase),
        visit: 1,
        attempt: 1,
        session: Some(SessionId::new(key(id), 1)),
        agent: None,
        walk: Vec::new(),
        outcome,
        started_at: ago(900),
        ended_at: ago(720),
        used: None,
        gates: Vec::new(),
    };
    let failure = Failure {
        class: FailureClass::Exit,
        message: "exit code 101: 3 tests failed".to_owned(),
        evidence: String::new(),
    };
    let mut builder = FleetBuilder::new()
        .ticket("PAY-114", "Refund webhook retries", "implement", running("PAY-114", 2, Some("claude"), ago(380)))
        .asks("PAY-114", "7f3c", permission(), ago(12))
        .ticket("PAY-112", "Rounding of VAT", "implement", running("PAY-112", 1, Some("codex"), ago(200)))
        .asks("PAY-112", "q1", question(), ago(50))
        .ticket("PAY-109", "Invoice PDF layout", "approve-spec", approval("spec.md, 142 lines: approve?", ago(3000)))
        .with("PAY-109", |ticket| ticket.progress.history.push(ended("PAY-109", "spec", Outcome::Success)))
        .ticket("PAY-103", "Currency rounding", "verify", failed("exit code 101: 3 tests failed", ago(720)))
        .with("PAY-103", |ticket| ticket.progress.history.push(ended("PAY-103", "verify", Outcome::Failed { failure })))
        .ticket("PAY-101", "Idempotency keys", "land", approval("4 gates ok, base moved 2", ago(4000)))
        .ticket("PAY-110", "Webhook signatures", "review", approval("", ago(100)))
        .ticket("PAY-115", "Ledger export", "implement", running("PAY-115", 1, Some("claude"), ago(190)))
        .doing("PAY-115", "editing src/ledger/export.rs")
        .ticket(
            "PAY-116",
            "Rate limits per merchant and key",
            "implement",
            running("PAY-116", 3, Some("claude"), ago(5)),
        )
        .ticket("PAY-117", "Flaky clock test", "verify", running("PAY-117", 4, None, ago(41)))
        .ticket("PAY-118", "Nightly reconciliation", "ci", Status::Polling { next: ahead(25), deadline: None })
        .ticket("PAY-119", "Refund webhook dashboard", "", Status::Queued)
        .with("PAY-119", |ticket| ticket.blocked_by = vec![key("PAY-101")])
        .ticket("PAY-120", "Statement archive", "", Status::Queued)
        .with("PAY-120", |ticket| ticket.progress.paused = true);
    for (n, title) in ["Chargeback import", "Currency table", "Credit notes"].iter().enumerate() {
        let id = format!("PAY-9{n}");
        builder = builder.ticket(&id, title, "complete", complete(ago(7200 + 100 * i64::try_from(n).unwrap())));
    }
    builder.build()
}

/// A fleet of many tickets, every kind of them.
pub(super) fn crowd(count: usize) -> Arc<Fleet> {
    let mut builder = FleetBuilder::new();
    for n in 0..count {
        let id = format!("T-{n}");
        let status = match n % 5 {
            0 => approval("look", ago(60)),
            1 => failed("exit code 1", ago(60)),
            2 => running(&id, 1, Some("claude"), ago(60)),
            3 => Status::Queued,
            _ => complete(ago(60)),
        };
        builder = builder.ticket(&id, &format!("Ticket number {n}"), "review", status);
    }
    builder.build()
}
