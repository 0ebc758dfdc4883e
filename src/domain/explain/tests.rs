use std::sync::Arc;

use super::*;
use crate::domain::command::{Command, TicketAction};
use crate::domain::effect::{Ready, Report, SessionEnd};
use crate::domain::fleet::{Input, Outbox, Policy};
use crate::domain::ticket::Checkout;
use crate::domain::workflow::Workflow;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// build, tried twice with a back-off → ok, an approval → done; a failed build goes to fix, which may be entered once.
const WORKFLOW: &str = r#"{"name": "w", "description": "", "digest": "d", "phases": [
    {"id": "build", "kind": {"type": "script", "run": {"run": "shell", "script": "make"}}, "onSuccess": "ok",
     "onFailure": "fix", "retry": {"attempts": 2, "backoffSeconds": 30}, "timeoutSeconds": 600, "maxVisits": 3, "capture": {}},
    {"id": "ok", "kind": {"type": "approval", "asks": "decision", "message": null}, "onSuccess": "done",
     "onFailure": "fix", "retry": {"attempts": 1, "backoffSeconds": 0}, "timeoutSeconds": null, "maxVisits": 3, "capture": {}},
    {"id": "fix", "kind": {"type": "script", "run": {"run": "shell", "script": "fix"}}, "onSuccess": "build",
     "onFailure": null, "retry": {"attempts": 1, "backoffSeconds": 0}, "timeoutSeconds": null, "maxVisits": 1, "capture": {}},
    {"id": "done", "kind": {"type": "terminal", "needs_attention": false}, "onSuccess": null,
     "onFailure": null, "retry": {"attempts": 1, "backoffSeconds": 0}, "timeoutSeconds": null, "maxVisits": 9, "capture": {}}]}"#;

fn key(id: &str) -> TicketKey {
    format!("p/{id}").parse().unwrap()
}

/// One place, and the tickets A, B and C; C waits for B.
struct Story(Fleet);

impl Story {
    fn begin() -> Self {
        let mut story = Self(Fleet { policy: Policy { max_concurrency: 1, ..Policy::default() }, ..Fleet::default() });
        let plan = serde_json::from_value(serde_json::json!({ "id": "p", "name": "P" })).unwrap();
        story.step(Input::Command(Command::PutPlan { plan }));
        for (id, blocked_by) in [("A", vec![]), ("B", vec![]), ("C", vec![key("B")])] {
            let brief = serde_json::from_value(serde_json::json!({ "key": key(id), "title": id })).unwrap();
            story.step(Input::Command(Command::PutTicket { brief, order: 0, blocked_by }));
        }
        let workflow: Workflow = serde_json::from_str(WORKFLOW).unwrap();
        let checkout = Checkout {
            path: "/wt".into(),
            branch: "b".into(),
            base_branch: "main".into(),
            base_commit: "0".repeat(40),
            removed: false,
        };
        let result = Ok(Ready::new(Arc::new(workflow), checkout));
        story.step(Input::Report(Report::Prepared { key: key("A"), result }));
        story
    }

    fn step(&mut self, input: Input) {
        let mut out = Outbox::default();
        self.0.step(NOW, input, &mut out);
        assert_eq!(out.rejection, None);
    }

    /// Ends the session of A.
    fn exits(&mut self, code: i32) {
        let session = self.0.ticket(&key("A")).unwrap().progress.status.session().unwrap().clone();
        let end = SessionEnd::Exited {
            code: Some(code),
            signal: None,
            at: NOW,
            captures: Default::default(),
            tail: String::new(),
        };
        self.step(Input::Report(Report::SessionEnded { session, end }));
    }

    fn says(&self, id: &str) -> String {
        let told = explain(&self.0, self.0.ticket(&key(id)).unwrap());
        let line = |point: &Point| match point.moment {
            Some(moment) => format!("{} [{}]", point.text, (moment.0 - NOW.0) / 1000),
            None => point.text.clone(),
        };
        let lines = |points: &[Point]| points.iter().map(line).collect::<Vec<_>>().join("\n  ");
        let zone = told.placement.zone.name();
        format!("{zone}\nwaits for\n  {}\nthen\n  {}", lines(&told.waits_for), lines(&told.next))
    }
}

#[test]
fn a_running_phase_says_where_each_outcome_leads_and_when_its_time_is_up() {
    insta::assert_snapshot!(Story::begin().says("A"), @r"
    working
    waits for
      the end of session p~A~1 of phase `build` [0]
    then
      on success: waits for your decision (`ok`)
      on failure: attempt 2 of 2 after 30 s; after the last one, goes on with script `fix`
      its time is up, which counts as a failure [600]
    ");
}

#[test]
fn a_ticket_in_the_queue_says_who_has_the_place_and_one_that_is_blocked_why_its_blocker_is_not_done() {
    let story = Story::begin();
    insta::assert_snapshot!(story.says("B"), @r"
    waiting
    waits for
      a free place: 1 of 1 taken by A; no ticket comes before it
    then
      its workspace is made and its workflow starts at the first phase
    ");
    insta::assert_snapshot!(story.says("C"), @r"
    waiting
    waits for
      B to complete; it is in `waiting`: waits for a free place
    then
      its workspace is made and its workflow starts at the first phase
    ");
}

#[test]
fn every_obstacle_is_named_not_only_the_first() {
    let mut story = Story::begin();
    story.step(Input::Command(Command::PausePlan { plan: key("A").plan }));
    story.step(Input::Command(Command::Ticket { key: key("C"), action: TicketAction::Pause }));
    story.0.policy.dispatch = false;
    let says = story.says("C");
    for obstacle in ["you: it is paused", "you: its plan `p` is paused", "an engine: none is at work", "B to complete"]
    {
        assert!(says.contains(obstacle), "{says}");
    }
}

#[test]
fn a_back_off_says_when_it_ends_and_that_the_next_attempt_is_the_last() {
    let mut story = Story::begin();
    story.exits(1);
    let says = story.says("A");
    assert!(says.contains("the end of its back-off [30]"), "{says}");
    assert!(says.contains("on failure: goes on with script `fix`"), "{says}");
}

#[test]
fn a_loop_that_is_used_up_is_said_before_it_is_met() {
    let mut story = Story::begin();
    story.exits(0);
    let says = story.says("A");
    assert!(says.contains("approved: it is complete (`done`)\n  rejected: goes on with script `fix`"), "{says}");
    let tickets = &mut story.0.tickets;
    let visits = &mut Arc::make_mut(tickets.get_mut(&key("A")).unwrap()).progress.visits;
    visits.insert("fix".parse().unwrap(), 1);
    let says = story.says("A");
    assert!(says.contains("rejected: it is left to you, as phase `fix` may not be entered again"), "{says}");
}
