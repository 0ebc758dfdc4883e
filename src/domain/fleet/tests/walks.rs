//! What a user would tell about tickets that are divided: branches, lists, workflows within workflows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{World, approval, done, id, key, phase, script, workflow};
use crate::domain::command::{Command, TicketAction};
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::fleet::{Fleet, Input, Replay};
use crate::domain::ids::{BranchName, TicketKey};
use crate::domain::session::Outcome;
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::workflow::{Asks, Branch, Items, Join, Phase, PhaseKind, Workflow};
use crate::domain::zone::{Zone, placement};

/// A workflow of one phase that ends well or badly.
fn one(kind: PhaseKind) -> Arc<Workflow> {
    let failed = phase("failed", PhaseKind::Terminal { needs_attention: true }, None, None);
    workflow(vec![phase("it", kind, Some("done"), Some("failed")), done(), failed])
}

fn parallel(names: &[&str], join: Join, fail_fast: bool) -> Phase {
    let branch = |name: &&str| Branch { name: BranchName::new(*name).unwrap(), workflow: one(script()) };
    let branches = names.iter().map(branch).collect();
    phase("reviews", PhaseKind::Parallel { branches, join, fail_fast }, Some("land"), Some("build"))
}

fn reviewed(reviews: Phase) -> Vec<Phase> {
    vec![phase("build", script(), Some("reviews"), None), reviews, phase("land", script(), Some("done"), None), done()]
}

fn foreach(over: Items, concurrency: u32) -> Vec<Phase> {
    let body = workflow(vec![phase("do", script(), Some("check"), None), phase("check", script(), None, None)]);
    vec![phase("parts", PhaseKind::Foreach { over, body, concurrency }, Some("done"), None), done()]
}

fn file() -> Items {
    Items::File { path: "tasks.md".into(), pointer: None }
}

impl World {
    fn walk(&self, walk: &str) -> TicketKey {
        format!("p/A/{walk}").parse().unwrap()
    }

    fn walk_exits(&mut self, walk: &str, code: i32) {
        let walk = self.fleet.ticket(&self.walk(walk)).unwrap_or_else(|| panic!("there is no walk {walk}"));
        let session = walk.progress.status.session().cloned().unwrap_or_else(|| panic!("{walk:?} does not run"));
        self.report(Report::SessionEnded { session, end: super::world::exited(code, self.now) });
    }

    fn names(&self) -> Vec<String> {
        self.fleet.below(self.ticket("A")).iter().map(|walk| walk.brief.key.name()).collect()
    }

    fn list(&mut self, items: &[&str]) {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        self.report(Report::Listed { key: key("A"), phase: id("parts"), result: Ok(items) });
    }

    fn sessions_of(&self, wanted: &str) -> usize {
        let starts = |effect: &&Effect| matches!(effect, Effect::RunSession { order, reattach: false } if order.session.to_string().starts_with(wanted));
        self.effects.iter().filter(starts).count()
    }

    /// Decides everything again and compares.
    fn is_decided_the_same_again(&self) {
        let mut replay = Replay::new(Fleet::default());
        for told in self.told.clone() {
            assert_eq!(replay.take(told), Ok(()));
        }
        assert_eq!(replay.fleet().tickets, self.fleet.tickets);
        let text = serde_json::to_string(&self.fleet).unwrap();
        assert_eq!(serde_json::from_str::<Fleet>(&text).unwrap(), self.fleet, "it does not survive being written down");
    }
}

fn world(phases: Vec<Phase>) -> World {
    let mut world = World::new(phases, &[("A", &[])]);
    world.fleet.policy.max_concurrency = 2;
    world.prepare_all();
    world
}

#[test]
fn all_branches_are_heard_before_the_ticket_goes_back_with_what_each_said() {
    let mut world = world(reviewed(parallel(&["docs", "security", "tests"], Join::All, false)));
    world.exit("A", 0);
    assert!(matches!(world.status("A"), Status::Joining { .. }));
    assert_eq!(world.names(), ["A/reviews.docs", "A/reviews.security", "A/reviews.tests"]);
    assert_eq!(world.fleet.at_work(), 2, "places count sessions, and there are two");
    assert_eq!((world.place("A").zone, world.place("A").why.as_str()), (Zone::Working, "0 of 3 done"));
    world.walk_exits("reviews.docs", 2);
    world.walk_exits("reviews.security", 0);
    assert!(matches!(world.status("A"), Status::Joining { .. }), "the third still has something to say");
    world.walk_exits("reviews.tests", 2);
    assert_eq!(world.at("A"), "build");
    let progress = &world.ticket("A").progress;
    let feedback = progress.feedback.clone().unwrap();
    assert!(feedback.contains("2 of 3 branches failed: docs, tests"), "{feedback}");
    assert!(feedback.contains("## reviews.docs") && feedback.contains("## reviews.tests"), "{feedback}");
    assert!(feedback.contains("it said no") && !feedback.contains("reviews.security"), "{feedback}");
    assert!(progress.walks.open.is_empty());
    let walks: Vec<String> = progress.history.iter().flat_map(|entry| &entry.walk).map(ToString::to_string).collect();
    assert_eq!(walks, ["reviews.docs", "reviews.security", "reviews.tests"]);
    world.exit("A", 0);
    for walk in ["reviews.docs", "reviews.security", "reviews.tests"] {
        world.walk_exits(walk, 0);
    }
    assert_eq!(world.at("A"), "land");
    assert_eq!(world.ticket("A").progress.context["reviews_docs"], "success");
    let again = world.effects.iter().filter_map(|effect| match effect {
        Effect::RunSession { order, .. } => Some(order.session.to_string()),
        _ => None,
    });
    assert!(again.clone().any(|session| session == "p~A~reviews.docs~2"), "{:?}", again.collect::<Vec<_>>());
    world.exit("A", 0);
    assert_eq!(world.place("A").zone, Zone::Done);
    assert_eq!(world.effects.iter().filter(|effect| matches!(effect, Effect::RemoveWorkspace { .. })).count(), 1);
    world.is_decided_the_same_again();
}

#[test]
fn the_first_good_branch_is_enough_for_any_and_the_rest_is_stopped() {
    let mut world = world(reviewed(parallel(&["a", "b", "c"], Join::Any, false)));
    world.exit("A", 0);
    world.walk_exits("reviews.b", 0);
    assert!(matches!(world.status("A"), Status::Joining { .. }), "its sessions have to be gone first");
    assert_eq!(world.names(), ["A/reviews.a", "A/reviews.b"], "what never ran is left at once");
    let stopped = world.effects.iter().any(
        |effect| matches!(effect, Effect::StopSession { session, .. } if session.to_string() == "p~A~reviews.a~1"),
    );
    assert!(stopped);
    world.walk_exits("reviews.a", 1);
    assert_eq!(world.at("A"), "land");
    let history = &world.ticket("A").progress.history;
    assert!(history.iter().any(|entry| entry.outcome == Outcome::Skipped && entry.walk[0].as_str() == "reviews.a"));
    world.is_decided_the_same_again();
}

#[test]
fn two_of_three_fail_for_sure_when_two_are_lost() {
    let mut world = world(reviewed(parallel(&["a", "b", "c"], Join::Atleast { n: 2 }, true)));
    world.exit("A", 0);
    world.walk_exits("reviews.a", 1);
    assert!(matches!(world.status("A"), Status::Joining { .. }));
    world.walk_exits("reviews.b", 1);
    world.walk_exits("reviews.c", 1);
    assert_eq!(world.at("A"), "build");
    world.is_decided_the_same_again();
}

#[test]
fn who_asks_below_a_ticket_brings_it_to_the_person() {
    let mut reviews = parallel(&["a", "b"], Join::All, false);
    if let PhaseKind::Parallel { branches, .. } = &mut reviews.kind {
        branches[1].workflow = one(approval(Asks::Review));
    }
    let mut world = world(reviewed(reviews));
    world.exit("A", 0);
    let place = world.place("A");
    assert_eq!((place.zone, place.why.as_str()), (Zone::Review, "reviews.b: approve it?"));
    let walk = world.walk("reviews.b");
    let approve = TicketAction::Approve { seen: Default::default(), note: None };
    world.command(Command::Ticket { key: walk.clone(), action: approve }).unwrap();
    assert_eq!(placement(&world.fleet, world.fleet.ticket(&walk).unwrap()).zone, Zone::Done);
    assert_eq!(world.place("A").zone, Zone::Working);
    assert_eq!(world.fleet.find("a/reviews.A").len(), 1);
    assert_eq!(world.fleet.find("p/a/reviews.a").len(), 1);
}

#[test]
fn a_branch_that_only_a_person_can_help_waits_for_one_and_goes_on() {
    let mut world = world(reviewed(parallel(&["a", "b"], Join::All, false)));
    world.exit("A", 0);
    let walk = world.walk("reviews.a");
    let session = world.fleet.ticket(&walk).unwrap().progress.status.session().cloned().unwrap();
    let failure = crate::domain::ticket::Failure {
        class: FailureClass::Misconfigured,
        message: "no such program".into(),
        evidence: String::new(),
    };
    world.report(Report::SessionEnded { session, end: SessionEnd::NotStarted { failure } });
    world.walk_exits("reviews.b", 0);
    let place = world.place("A");
    assert_eq!((place.zone, place.why.as_str()), (Zone::Failed, "reviews.a: no such program"));
    world.command(Command::Ticket { key: walk, action: TicketAction::Retry { interrupt: false } }).unwrap();
    world.walk_exits("reviews.a", 0);
    assert_eq!(world.at("A"), "land");
    world.is_decided_the_same_again();
}

#[test]
fn a_stop_a_skip_and_a_retry_end_what_is_below_first() {
    for (action, then) in [
        (TicketAction::Stop, "reviews"),
        (TicketAction::Skip { to: id("land") }, "land"),
        (TicketAction::Retry { interrupt: true }, "reviews"),
    ] {
        let mut world = world(reviewed(parallel(&["a", "b", "c"], Join::All, false)));
        world.exit("A", 0);
        assert!(world.act("A", TicketAction::Retry { interrupt: false }).is_err());
        world.act("A", action.clone()).unwrap();
        assert_eq!(world.names(), ["A/reviews.a", "A/reviews.b"]);
        world.walk_exits("reviews.a", 1);
        assert!(matches!(world.status("A"), Status::Joining { .. }));
        world.walk_exits("reviews.b", 1);
        assert_eq!(world.at("A"), then);
        match action {
            TicketAction::Stop => assert_eq!(world.place("A").zone, Zone::Failed),
            TicketAction::Retry { .. } => assert_eq!(world.names().len(), 3, "all of it runs again"),
            _ => assert!(world.names().is_empty()),
        }
        world.is_decided_the_same_again();
    }
}

#[test]
fn a_pause_holds_what_is_below_too() {
    let mut world = world(reviewed(parallel(&["a", "b", "c"], Join::All, false)));
    world.exit("A", 0);
    world.act("A", TicketAction::Pause).unwrap();
    world.walk_exits("reviews.a", 0);
    assert_eq!(world.fleet.at_work(), 1, "nothing new starts");
    world.act("A", TicketAction::Resume).unwrap();
    assert_eq!(world.fleet.at_work(), 2);
}

#[test]
fn walks_that_take_too_long_together_are_stopped() {
    let mut reviews = parallel(&["a", "b"], Join::All, false);
    reviews.timeout_seconds = Some(60);
    let mut world = world(reviewed(reviews));
    world.exit("A", 0);
    world.walk_exits("reviews.a", 0);
    world.wait(61);
    world.walk_exits("reviews.b", 0);
    assert_eq!(world.at("A"), "build");
    assert!(world.ticket("A").progress.feedback.as_ref().unwrap().contains("took longer than its timeout of 60 s"));
}

#[test]
fn a_list_is_worked_through_one_by_one_and_resumes_at_the_first_unfinished_item() {
    let mut world = world(foreach(file(), 1));
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::ReadList { .. })));
    world.list(&["one", "two", "three"]);
    assert_eq!(world.names(), ["A/parts.1"]);
    assert_eq!(world.place("A").why, "0 of 3 done");
    world.walk_exits("parts.1", 0);
    world.walk_exits("parts.1", 0);
    assert_eq!(world.names(), ["A/parts.2"]);
    world.walk_exits("parts.2", 0);
    world.effects.clear();
    world.step(Input::Recover { wanted: Vec::new() });
    assert_eq!((world.sessions_of("p~A~parts.1"), world.sessions_of("p~A~parts.2")), (0, 0), "nothing is run again");
    world.walk_exits("parts.2", 3);
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    assert_eq!(failure.message, "item 2 of 3 failed");
    assert!(failure.evidence.contains("## parts.2 (two)"), "{}", failure.evidence);
    world.act("A", TicketAction::Retry { interrupt: false }).unwrap();
    world.list(&["one", "two and a half", "three"]);
    assert_eq!(world.names(), ["A/parts.2"], "the first item is done");
    for walk in ["parts.2", "parts.2", "parts.3", "parts.3"] {
        world.walk_exits(walk, 0);
    }
    assert_eq!(world.place("A").zone, Zone::Done);
    assert_eq!(world.sessions_of("p~A~parts.1"), 0);
    world.is_decided_the_same_again();
}

#[test]
fn several_items_may_be_under_way_and_each_knows_its_own() {
    let mut world = world(foreach(file(), 2));
    world.list(&["one", "two", "three"]);
    assert_eq!(world.names(), ["A/parts.1", "A/parts.2"]);
    let from = |world: &World, walk: &str| {
        let from = world.fleet.ticket(&world.walk(walk)).unwrap().progress.walks.from.clone().unwrap();
        (from.number, from.item)
    };
    assert_eq!(from(&world, "parts.2"), (Some(2), Some("two".into())));
    world.walk_exits("parts.2", 0);
    world.walk_exits("parts.2", 0);
    assert_eq!(world.names(), ["A/parts.1", "A/parts.3"]);
    assert_eq!(from(&world, "parts.3"), (Some(3), Some("three".into())));
}

#[test]
fn a_list_may_be_captured_or_empty_or_missing() {
    let over = Items::Capture { key: "todo".into(), pointer: None };
    let mut phases = foreach(over, 1);
    phases.insert(0, phase("plan", script(), Some("parts"), None));
    let exits = |world: &mut World, todo: Option<&str>| {
        let captures: BTreeMap<String, String> =
            todo.map(|todo| ("todo".to_owned(), todo.to_owned())).into_iter().collect();
        let end = SessionEnd::Exited { code: Some(0), signal: None, at: world.now, captures, tail: String::new() };
        let session = world.session("A");
        world.report(Report::SessionEnded { session, end });
    };
    let mut captured = world(phases.clone());
    exits(&mut captured, Some("[\"x\", \"y\"]"));
    assert_eq!(captured.names(), ["A/parts.1"]);
    let mut empty = world(phases.clone());
    exits(&mut empty, Some("[]"));
    assert_eq!(empty.place("A").zone, Zone::Done);
    let mut missing = world(phases);
    exits(&mut missing, None);
    assert_eq!(missing.place("A").why, "nothing was captured as `todo` yet");
}

#[test]
fn a_called_workflow_gives_back_what_it_captured() {
    let inner = workflow(vec![phase("measure", script(), None, None)]);
    let call = phase("verify", PhaseKind::Workflow { workflow: inner }, Some("done"), None);
    let mut world = world(vec![call, done()]);
    assert_eq!(world.names(), ["A/verify.w"]);
    let captures = BTreeMap::from([("coverage".to_owned(), "80".to_owned())]);
    let end = SessionEnd::Exited { code: Some(0), signal: None, at: world.now, captures, tail: String::new() };
    let session = world.fleet.ticket(&world.walk("verify.w")).unwrap().progress.status.session().cloned().unwrap();
    world.report(Report::SessionEnded { session, end });
    assert_eq!(world.ticket("A").progress.context["verify_coverage"], "80");
    assert_eq!(world.place("A").zone, Zone::Done);
    world.is_decided_the_same_again();
}
