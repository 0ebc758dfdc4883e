//! Stories of a person who takes an agent's conversation over and hands it back.

use std::sync::Arc;

use super::world::{World, agent, decided_again, done, exited, key, phase};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::command::TicketAction;
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::fleet::Input;
use crate::domain::ids::AgentName;
use crate::domain::rules::{AgentRules, Faces, TakesUp};
use crate::domain::session::{Outcome, StoppedBy};
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::workflow::Retry;
use crate::domain::zone::Zone;

const BOTH: Faces =
    Faces { preferred: None, headless: Some(TakesUp::Conversations), terminal: Some(TakesUp::Conversations) };

/// A ticket whose agent works headless and has two attempts, a time limit and little patience.
fn working(faces: Faces) -> World {
    let mut work = phase("work", agent("duo"), Some("done"), None);
    work.retry = Retry::new(2, 0);
    work.timeout_seconds = Some(600);
    work.limits.stall_seconds = Some(60);
    let mut world = World::new(vec![work, done()], &[("A", &[]), ("B", &[])]);
    let rules = Arc::make_mut(&mut world.fleet.policy.rules);
    rules.agents.insert(AgentName::new("duo").unwrap(), AgentRules { faces, ..AgentRules::default() });
    world.fleet.policy.max_concurrency = 1;
    world.prepare_all();
    world
}

fn says(world: &mut World, report: AgentReport) {
    let session = world.session("A");
    world.report(Report::Agent { session, report });
}

/// The same, taken over by a person, in its terminal.
fn taken() -> World {
    let mut world = working(BOTH);
    says(&mut world, AgentReport::Conversation { id: "c-1".into() });
    world.act("A", TicketAction::TakeOver).unwrap();
    let (first, by) = (world.session("A"), StoppedBy::Person);
    assert!(world.effects.contains(&Effect::StopSession { session: first, by }));
    assert_eq!(world.place("A").why, "is being taken over");
    world.exit("A", 143);
    world
}

fn conversation(world: &World) -> Option<String> {
    let progress = &world.ticket("A").progress;
    let agent = AgentName::new("duo").unwrap();
    progress.conversation_to_resume(progress.phase.as_ref()?, Some(&agent)).map(|known| known.id.clone())
}

#[test]
fn a_person_takes_over_and_hands_back_and_it_costs_no_attempt() {
    let mut world = taken();
    assert_eq!((world.session("A").n, world.ticket("A").progress.attempt), (2, 1));
    assert_eq!((world.place("A").why.as_str(), world.place("A").zone), ("you have it", Zone::Working));
    assert_eq!(world.place("A").moment, world.ticket("A").progress.person_since);
    assert!(matches!(world.status("B"), Status::Running { .. } | Status::Preparing), "a person takes no place");
    assert!(world.act("A", TicketAction::TakeOver).unwrap_err().message.contains("you have it already"));
    world.act("A", TicketAction::HandBack).unwrap();
    assert_eq!(world.place("A").why, "is being handed back");
    world.report(Report::SessionEnded { session: world.session("A"), end: exited(143, world.now) });
    world.agent_ends("B", AgentEnd::default());
    assert_eq!(conversation(&world).as_deref(), Some("c-1"), "the agent goes on with it");
    assert_eq!((world.session("A").n, world.ticket("A").progress.attempt), (3, 1));
    assert_eq!(world.place("A").zone, Zone::Working);
    world.agent_ends("A", AgentEnd::default());
    assert_eq!(world.at("A"), "done");
    let outcomes: Vec<_> = world.ticket("A").progress.history.iter().map(|entry| entry.outcome.clone()).collect();
    assert_eq!(outcomes, [Outcome::HandedOver, Outcome::HandedOver, Outcome::Success]);
    decided_again(&world);
}

#[test]
fn while_a_person_has_it_no_watchdog_no_time_limit_and_no_end_of_a_turn_acts() {
    let mut world = taken();
    says(&mut world, AgentReport::TurnBegan);
    says(&mut world, AgentReport::TurnEnded { end: Box::default() });
    let session = world.session("A");
    let before = world.effects.len();
    world.wait(7200);
    assert_eq!(world.session("A"), session);
    let more = world.effects.split_off(before);
    assert!(more.iter().all(|effect| !matches!(effect, Effect::Look { .. } | Effect::LeaveSession { .. })), "{more:?}");
    assert_eq!(world.place("A").why, "you have it");
    // An engine that comes later finds it so.
    world.effects.clear();
    world.step(Input::Recover { wanted: Vec::new() });
    assert!(world.effects.iter().any(|effect| matches!(effect, Effect::RunSession { reattach: true, .. })));
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::LeaveSession { .. })));
    decided_again(&world);
}

#[test]
fn who_quits_the_agent_hands_it_back() {
    let mut world = taken();
    world.exit("A", 1);
    assert_eq!(world.ticket("A").progress.person_since, None);
    assert!(world.ticket("A").progress.was_handed_back());
    assert_eq!(conversation(&world).as_deref(), Some("c-1"));
    assert_eq!(*world.status("A"), Status::Queued, "it waits for its place as every agent does");
}

#[test]
fn a_machine_that_goes_down_leaves_the_conversation_to_the_person() {
    let mut world = taken();
    world.report(Report::SessionEnded { session: world.session("A"), end: SessionEnd::Vanished });
    assert_eq!((world.session("A").n, world.place("A").why.as_str()), (3, "you have it"));
    world.act("A", TicketAction::Stop).unwrap();
    world.exit("A", 143);
    assert!(matches!(world.status("A"), Status::Failed { failure, .. } if failure.class == FailureClass::Stopped));
    assert_eq!(world.ticket("A").progress.person_since, None);
}

#[test]
fn what_cannot_be_taken_over_says_why() {
    let why = |world: &mut World| world.act("A", TicketAction::TakeOver).unwrap_err().message;
    let mut world = working(BOTH);
    assert!(why(&mut world).contains("has not said yet what its conversation is called"));
    assert!(world.act("A", TicketAction::HandBack).unwrap_err().message.contains("you do not have it"));
    says(&mut world, AgentReport::Conversation { id: "c-1".into() });
    world.act("A", TicketAction::TakeOver).unwrap();
    assert!(why(&mut world).contains("you have it already"));
    for (faces, expected) in [
        (Faces { terminal: None, ..BOTH }, "no terminal of its own"),
        (Faces { terminal: Some(TakesUp::Never), ..BOTH }, "cannot take a conversation up"),
        (Faces { headless: None, ..BOTH }, "attach and type"),
    ] {
        assert!(why(&mut working(faces)).contains(expected), "{expected}");
    }
    let mut world = working(BOTH);
    world.exit("A", 0);
    assert!(why(&mut world).contains("no agent of it runs"));
    assert_eq!(key("A").to_string(), "p/A");
}
