//! A fleet with a ticket in most zones, for the tests of verbs.

use std::sync::Arc;

use crate::domain::fleet::Fleet;
use crate::domain::ids::{AgentName, PhaseId, RequestId, SessionId, TicketKey};
use crate::domain::plan::Plan;
use crate::domain::problem::Problem;
use crate::domain::session::{Ask, Request};
use crate::domain::ticket::{Brief, Checkout, Failure, FailureClass, Progress, Status, Ticket};
use crate::domain::time::Timestamp;

/// Returns the key of a ticket of plan `pay`.
pub(crate) fn key(id: &str) -> TicketKey {
    format!("pay/{id}").parse().unwrap()
}

/// Returns a ticket.
pub(crate) fn ticket(id: &str, title: &str, progress: Progress) -> Arc<Ticket> {
    let brief: Brief = serde_json::from_value(serde_json::json!({ "key": key(id), "title": title })).unwrap();
    Arc::new(Ticket { brief, order: 0, blocked_by: Vec::new(), progress })
}

/// Returns a fleet of one plan as it is some minutes before `now`.
pub(crate) fn fleet(now: Timestamp) -> Fleet {
    let ago = |minutes: i64| Timestamp(now.0 - minutes * 60_000);
    let mut fleet = Fleet::default();
    let plan: Plan = serde_json::from_value(
        serde_json::json!({ "id": "pay", "name": "Payments", "repo": "/src/pay", "agent": "claude" }),
    )
    .unwrap();
    fleet.plans.insert(plan.id.clone(), plan);
    let running = |id: &str| Status::Running {
        session: SessionId::new(key(id), 1),
        since: ago(3),
        deadline: None,
        agent: Some(AgentName::new("practice").unwrap()),
    };
    let phase = |name: &str| Some(PhaseId::new(name).unwrap());
    let asks = Progress {
        status: running("PAY-1"),
        phase: phase("implement"),
        attempt: 1,
        sessions: 1,
        workspace: Some(Checkout {
            path: "/state/worktrees/pay/PAY-1".into(),
            branch: "aotui/pay/PAY-1".into(),
            base_branch: "main".into(),
            base_commit: "0".repeat(40),
            removed: false,
        }),
        requests: vec![Request {
            id: RequestId::new("r1").unwrap(),
            ask: Ask::Permission { tool: "Bash".into(), detail: "rm -rf build".into(), reason: None, target: None },
            asked_at: ago(2),
        }],
        ..Progress::default()
    };
    let failure =
        Failure { class: FailureClass::Exit, message: "exit code 1 \u{1b}[2J".into(), evidence: String::new() };
    let failed =
        Progress { status: Status::Failed { failure, since: ago(90) }, phase: phase("verify"), ..Progress::default() };
    let done = Progress {
        status: Status::Complete { needs_attention: false, at: ago(60 * 30) },
        phase: phase("done"),
        ..Progress::default()
    };
    let working = Progress { status: running("PAY-5"), phase: phase("implement"), sessions: 1, ..Progress::default() };
    for ticket in [
        ticket("PAY-1", "Reject negative amounts", asks),
        ticket("PAY-2", "Currency of refunds, in the currency in which they were paid", failed),
        ticket("PAY-3", "Rounding", done),
        ticket("PAY-4", "Export", Progress::default()),
        ticket("PAY-5", "Import", working),
    ] {
        fleet.tickets.insert(ticket.brief.key.clone(), ticket);
    }
    if let Some(export) = fleet.tickets.get_mut(&key("PAY-4")) {
        Arc::make_mut(export).blocked_by = vec![key("PAY-2")];
    }
    fleet.live.problems = vec![Problem::in_file("plans/old/plan.json", "expected `,`").at(3, 4)];
    fleet
}

/// The state of a verb's test: the pure fleet.
pub(crate) struct InMemory(pub(crate) Fleet);

impl crate::cli::steering::Steering for InMemory {
    fn fleet(&self) -> &Fleet {
        &self.0
    }

    fn has_engine(&self) -> bool {
        false
    }

    fn command(&mut self, commands: Vec<crate::domain::command::Command>) -> Result<(), crate::cli::exit::Failure> {
        for command in commands {
            let mut out = crate::domain::fleet::Outbox::default();
            self.0.step(Timestamp(0), crate::domain::fleet::Input::Command(command), &mut out);
            if let Some(rejection) = out.rejection {
                return Err(rejection.into());
            }
        }
        Ok(())
    }
}
