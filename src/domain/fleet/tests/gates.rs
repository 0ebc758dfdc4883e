//! Stories of phases with gates.

use super::world::{World, done, exited, key, phase, script};
use crate::domain::agent_report::AgentReport;
use crate::domain::command::{Command, TicketAction};
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::fleet::{Fleet, Input};
use crate::domain::gate::{Before, Check, CheckReport, Gate, GateResult, Step, Verdict};
use crate::domain::session::{Outcome, StoppedBy};
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::workflow::{Phase, PhaseKind, Retry};
use crate::domain::zone::Zone;

fn agent() -> PhaseKind {
    let prompt = serde_json::json!({"from": "inline", "text": ""});
    serde_json::from_value(serde_json::json!({"type": "agent", "prompt": prompt, "agent": null})).unwrap()
}

fn gated(kind: PhaseKind, attempts: u32, bad: Option<&str>) -> Phase {
    let check = Check::Commit { since_base: false };
    let mut gated = phase("work", kind, Some("done"), bad);
    gated.gates = vec![Gate { name: "commit".into(), check, timeout_seconds: 60 }];
    gated.retry = Retry::new(attempts, 0);
    gated
}

fn world(attempts: u32) -> World {
    let mut world = World::new(vec![gated(agent(), attempts, None), done()], &[("A", &[])]);
    world.prepare_all();
    world
}

fn report(passed: Option<bool>, evidence: &str) -> CheckReport {
    let stands = Before { head: "h".into(), tree: "t".into(), ..Before::default() };
    let result = |passed| GateResult {
        gate: "commit".into(),
        passed,
        says: if passed { "1 new commit".into() } else { "there is no new commit".into() },
        command: None,
        exit_code: None,
        evidence: evidence.into(),
        tree: "t".into(),
        millis: 3,
        tests: None,
    };
    CheckReport { stands, results: passed.map(result).into_iter().collect(), made: Vec::new() }
}

/// Lets the session that looks find something.
fn find(world: &mut World, passed: Option<bool>, evidence: &str) {
    let session = world.session("A");
    world.report(Report::SessionEnded { session, end: SessionEnd::Checked { report: report(passed, evidence) } });
}

fn step(world: &World) -> Option<&Step> {
    world.ticket("A").progress.proof.step.as_ref()
}

fn last_order(world: &World) -> &crate::domain::effect::WorkOrder {
    let orders = world.effects.iter().rev().find_map(|effect| match effect {
        Effect::RunSession { order, .. } => Some(order),
        _ => None,
    });
    orders.unwrap()
}

#[test]
fn a_phase_is_looked_at_worked_on_and_checked_and_succeeds_by_what_was_found() {
    let mut world = world(1);
    assert_eq!(step(&world), Some(&Step::Look));
    assert!(world.place("A").why.contains("looked at"), "{:?}", world.place("A"));
    find(&mut world, None, "");
    assert_eq!((step(&world), world.session("A").n), (None, 2));
    world.exit("A", 0);
    assert!(matches!(step(&world), Some(Step::Check { work }) if work.session.n == 2));
    assert_eq!(world.place("A").why, "its gates are checked");
    find(&mut world, Some(true), "");
    assert_eq!(world.place("A").zone, Zone::Done);
    let entry = world.ticket("A").progress.history.last().unwrap();
    assert_eq!((entry.attempt, entry.session.as_ref().map(|session| session.n)), (1, Some(2)));
    assert!(entry.gates[0].passed && entry.gates[0].tree == "t");
}

#[test]
fn what_the_gates_found_goes_back_to_the_same_conversation_and_then_to_a_fresh_one_and_then_to_a_person() {
    let mut world = world(9);
    find(&mut world, None, "");
    let told = |world: &World| last_order(world).ticket.progress.follow_up();
    for attempt in 1..=3 {
        let session = world.session("A");
        let conversation = AgentReport::Conversation { id: format!("c{attempt}") };
        world.report(Report::Agent { session, report: conversation });
        world.exit("A", 0);
        find(&mut world, Some(false), &format!("nothing after {attempt} s"));
        let Status::Running { .. } = world.status("A") else { break };
        let progress = &last_order(&world).ticket.progress;
        let resumed = progress.conversation_to_resume(&"work".to_owned().try_into().unwrap(), None);
        assert_eq!(
            (attempt, resumed.is_some(), progress.fresh_starts()),
            (attempt, attempt == 1, attempt as usize - 1)
        );
        assert!(told(&world).unwrap().contains("there is no new commit"));
        assert!(progress.feedback.as_ref().unwrap().contains("there is no new commit"));
    }
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    assert_eq!(failure.class, FailureClass::Gate);
    assert_eq!(world.ticket("A").progress.history.len(), 3, "it is not tried nine times");
    world.act("A", TicketAction::Retry { interrupt: false }).unwrap();
    assert_eq!(step(&world), Some(&Step::Look), "a person's retry begins anew");
}

#[test]
fn another_failure_each_time_uses_all_attempts() {
    let mut world = world(4);
    find(&mut world, None, "");
    for evidence in ["a", "b", "c", "d"] {
        world.exit("A", 0);
        find(&mut world, Some(false), evidence);
    }
    assert_eq!((world.place("A").zone, world.ticket("A").progress.history.len()), (Zone::Failed, 4));
}

#[test]
fn an_agent_that_says_it_failed_is_not_checked() {
    let mut world = world(1);
    find(&mut world, None, "");
    world.exit("A", 1);
    assert_eq!((world.place("A").zone, step(&world)), (Zone::Failed, None));
}

#[test]
fn a_look_that_is_cut_off_is_taken_again_without_the_work() {
    let mut world = world(1);
    find(&mut world, None, "");
    world.exit("A", 0);
    for _ in 0..4 {
        let session = world.session("A");
        world.report(Report::SessionEnded { session, end: SessionEnd::Vanished });
        assert!(matches!(step(&world), Some(Step::Check { .. })) && world.status("A").session().is_some());
    }
    world.command(Command::StopAll { now: true }).unwrap();
    let session = world.session("A");
    world.report(Report::SessionEnded { session, end: exited(130, world.now) });
    assert!(matches!(step(&world), Some(Step::Check { .. })), "what was made is not made again");
    world.command(Command::ResumeAll).unwrap();
    find(&mut world, Some(true), "");
    assert_eq!(world.place("A").zone, Zone::Done);
    assert_eq!(world.ticket("A").progress.history.len(), 1);
}

#[test]
fn gates_that_cannot_be_checked_are_no_pass() {
    let mut world = world(3);
    find(&mut world, None, "");
    world.exit("A", 0);
    world.exit("A", 0);
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (FailureClass::Misconfigured, "its gates could not be checked")
    );
}

#[test]
fn a_look_that_takes_too_long_counts_as_a_failure_and_a_restart_takes_it_up_again() {
    let mut world = World::new(vec![gated(script(), 1, Some("done")), done()], &[("A", &[])]);
    world.prepare_all();
    find(&mut world, None, "");
    world.exit("A", 0);
    world.step(Input::Recover { wanted: Vec::new() });
    assert!(last_order(&world).ticket.progress.proof.step.is_some());
    world.wait(10_000);
    let by = world.effects.iter().rev().find_map(|effect| match effect {
        Effect::StopSession { by, .. } => Some(*by),
        _ => None,
    });
    assert_eq!(by, Some(StoppedBy::Timeout));
    world.exit("A", 130);
    let outcome = &world.ticket("A").progress.history[0].outcome;
    assert!(matches!(outcome, Outcome::Failed { failure } if failure.class == FailureClass::TimedOut), "{outcome:?}");
    let mut again = Fleet::default();
    world.journal.iter().for_each(|recorded| again.apply(recorded));
    assert_eq!(again.ticket(&key("A")), world.fleet.ticket(&key("A")));
}

#[test]
fn a_verdict_that_is_no_pass_is_not_asked_for_again_and_a_missing_one_is() {
    let judge = |given: Option<&str>| {
        let mut judge = gated(agent(), 3, None);
        judge.gates = vec![Gate {
            name: "commit".into(),
            check: Check::Verdict { accepts: vec!["pass".into()] },
            timeout_seconds: 60,
        }];
        let mut world = World::new(vec![judge, done()], &[("A", &[])]);
        world.prepare_all();
        find(&mut world, None, "");
        let session = world.session("A");
        if let Some(given) = given {
            let verdict = Verdict { verdict: given.into(), reason: "wrong".into() };
            world.report(Report::Agent { session: session.clone(), report: AgentReport::Verdict { verdict } });
        }
        world.report(Report::SessionEnded { session, end: exited(0, world.now) });
        find(&mut world, Some(false), "");
        world.ticket("A").progress.status.clone()
    };
    let Status::Failed { failure, .. } = judge(Some("fail")) else { panic!("it judged") };
    assert_eq!(failure.class, FailureClass::Rejected);
    assert!(matches!(judge(None), Status::Running { .. }), "it has yet to judge");
}
