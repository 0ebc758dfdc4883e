//! Stories of agents with a screen of their own: their turns end, their sessions do not.

use super::world::{World, approval, done, exited, key, phase};
use crate::domain::activity::{Doing, Sighting, Source, Wait};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::{AgentEnd, AgentTurn};
use crate::domain::command::TicketAction;
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::fleet::Input;
use crate::domain::ids::RequestId;
use crate::domain::session::{Ask, StoppedBy};
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::usage::Usage;
use crate::domain::workflow::{Asks, PhaseKind, Prompt};
use crate::domain::zone::Zone;

fn working() -> World {
    let kind = PhaseKind::Agent {
        prompt: Prompt::Inline { text: "do it".into() },
        agent: None,
        role: None,
        face: None,
        allowed_tools: Vec::new(),
        max_turns: None,
        model: None,
        stronger: Vec::new(),
        instead: Vec::new(),
    };
    let mut work = phase("work", kind, Some("ok"), None);
    work.timeout_seconds = Some(60);
    let ok = phase("ok", approval(Asks::Review), Some("done"), None);
    let mut world = World::new(vec![work, ok, done()], &[("A", &[])]);
    world.prepare_all();
    world
}

fn says(world: &mut World, report: AgentReport) {
    let session = world.session("A");
    world.report(Report::Agent { session, report });
}

fn used(input: u64) -> Box<AgentEnd> {
    Box::new(AgentEnd { usage: Usage { input, ..Usage::default() }, ..AgentEnd::default() })
}

fn killed(world: &World) -> SessionEnd {
    let (captures, tail) = Default::default();
    SessionEnd::Exited { code: None, signal: Some(15), at: world.now, captures, tail }
}

#[test]
fn an_agent_whose_turn_is_over_is_made_to_leave_and_has_succeeded_however_it_left() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    says(&mut world, AgentReport::TurnEnded { end: used(100) });
    let session = world.session("A");
    assert!(world.effects.contains(&Effect::LeaveSession { session: session.clone() }));
    assert_eq!(world.place("A").why, "its turn is over; it leaves when nobody is attached");
    world.wait(3600);
    assert_eq!(world.session("A"), session, "what is done is not late");
    let end = killed(&world);
    world.report(Report::SessionEnded { session, end });
    assert_eq!(world.at("A"), "ok");
    assert_eq!(world.ticket("A").progress.usage().input, 100);
}

#[test]
fn a_person_who_says_more_keeps_the_agent_and_only_its_last_word_counts() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    says(&mut world, AgentReport::TurnEnded { end: used(100) });
    says(&mut world, AgentReport::TurnBegan);
    let session = world.session("A");
    assert!(world.effects.contains(&Effect::KeepSession { session }));
    let failed = AgentEnd { failure: Some((FailureClass::Auth, "401".into())), ..*used(150) };
    says(&mut world, AgentReport::TurnEnded { end: Box::new(failed) });
    world.exit("A", 0);
    assert_eq!(world.place("A").zone, Zone::Failed);
    assert_eq!(world.ticket("A").progress.usage().input, 150, "the later sum has the earlier in it");
}

#[test]
fn an_agent_that_leaves_amid_its_turn_has_not_succeeded() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    world.exit("A", 0);
    assert_eq!(world.place("A").why, "left before the end of its turn");
}

#[test]
fn what_an_agent_shall_be_told_is_told_again_after_a_restart_and_is_a_failure_where_it_cannot_be() {
    let mut world = working();
    let tell = |world: &mut World| world.act("A", TicketAction::Tell { text: "Add a test".into() });
    assert!(tell(&mut world).unwrap_err().to_string().contains("attach"), "nobody knows when it listens");
    says(&mut world, AgentReport::TurnBegan);
    says(&mut world, AgentReport::TurnEnded { end: used(1) });
    tell(&mut world).unwrap();
    world.effects.clear();
    world.step(Input::Recover { wanted: Vec::new() });
    let session = world.session("A");
    let prompt = Effect::Prompt { session: session.clone(), text: "Add a test".into() };
    assert!(world.effects.contains(&prompt), "{:?}", world.effects);
    world.report(Report::Prompted { session: session.clone(), result: Err("it asks something".into()) });
    assert!(world.effects.contains(&Effect::StopSession { session: session.clone(), by: StoppedBy::Timeout }));
    world.report(Report::SessionEnded { session, end: exited(0, world.now) });
    assert_eq!(world.place("A").why, "could not be told more: it asks something");
}

#[test]
fn an_agent_that_shall_be_told_more_does_not_leave_when_its_turn_ends_first() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    world.act("A", TicketAction::Tell { text: "Add a test".into() }).unwrap();
    world.effects.clear();
    says(&mut world, AgentReport::TurnEnded { end: used(1) });
    assert!(!world.effects.contains(&Effect::LeaveSession { session: world.session("A") }));
    says(&mut world, AgentReport::TurnBegan);
    says(&mut world, AgentReport::TurnEnded { end: used(2) });
    assert!(world.effects.contains(&Effect::LeaveSession { session: world.session("A") }));
}

#[test]
fn a_prompt_that_was_taken_begins_a_turn() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    world.act("A", TicketAction::Tell { text: "Add a test".into() }).unwrap();
    says(&mut world, AgentReport::TurnBegan);
    assert_eq!(world.ticket("A").progress.turn, Some(AgentTurn::Began));
    let session = world.session("A");
    world.report(Report::Prompted { session, result: Err("too late".into()) });
    assert!(matches!(world.status("A"), Status::Running { .. }));
}

#[test]
fn what_was_answered_in_the_agents_own_terminal_is_asked_no_longer_when_its_turn_ends() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    let ask = Ask::Question { text: "Which?".into(), options: Vec::new() };
    says(&mut world, AgentReport::Ask { request: RequestId::new("r1").unwrap(), ask });
    assert_eq!(world.place("A").zone, Zone::Respond);
    says(&mut world, AgentReport::TurnEnded { end: used(1) });
    assert_eq!(world.place("A").zone, Zone::Working);
    assert!(world.ticket("A").progress.requests.is_empty());
}

#[test]
fn a_dialog_and_an_interrupted_turn_call_for_a_person() {
    let mut world = working();
    says(&mut world, AgentReport::TurnBegan);
    let waits = Sighting::new(Doing::Waiting { what: Wait::Approval }, Source::Screen).text("Trust this folder?");
    says(&mut world, AgentReport::Activity { sighting: waits });
    let place = world.place("A");
    let why = "waits for a decision: Trust this folder?; attach to answer";
    assert_eq!((place.zone, place.why.as_str()), (Zone::Respond, why));
    says(&mut world, AgentReport::Activity { sighting: Sighting::new(Doing::Idle, Source::Title) });
    assert_eq!(world.place("A").zone, Zone::Respond);
    assert!(world.fleet.live.activity.contains_key(&world.session("A")));
    assert_eq!(world.ticket("A").brief.key, key("A"));
}
