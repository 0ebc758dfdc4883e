//! What a user would tell about agents that hang, and about agents that only seem to.

use super::world::{World, agent, decided_again, done, exited, phase};
use crate::domain::activity::{Doing, Sighting, Source, Wait};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::effect::{Effect, Report, Signs};
use crate::domain::ids::RequestId;
use crate::domain::session::Ask;
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;

/// A ticket at work whose agent may be silent for 10 minutes and fruitless for 30.
fn at_work() -> World {
    let mut work = phase("work", agent("claude"), Some("done"), None);
    work.limits.stall_seconds = Some(600);
    work.limits.progress_seconds = Some(1800);
    let mut world = World::new(vec![work, done()], &[("A", &[])]);
    world.prepare_all();
    world.effects.clear();
    world
}

/// How often the world was asked since the last time, and its answer now.
fn looks(world: &mut World, signs: Signs) -> usize {
    let asked = world.effects.iter().filter(|effect| matches!(effect, Effect::Look { .. })).count();
    world.effects.clear();
    if asked > 0 {
        let session = world.session("A");
        world.report(Report::Looked { session, signs });
    }
    asked
}

fn wrote(life: Timestamp, result: Timestamp) -> Signs {
    Signs { life: Some(life), result: Some(result), busy: false }
}

/// Returns what the agent was ended for.
fn ended(world: &mut World) -> (FailureClass, String) {
    assert!(matches!(world.status("A"), Status::Stopping { .. }), "{:?}", world.status("A"));
    let session = world.session("A");
    world.report(Report::SessionEnded { session, end: exited(1, world.now) });
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    (failure.class, failure.message.clone())
}

#[test]
fn an_agent_that_is_silent_for_too_long_is_ended_and_the_world_was_asked_once() {
    let mut world = at_work();
    world.wait(599);
    assert_eq!(looks(&mut world, Signs::default()), 0);
    world.wait(1);
    assert_eq!(looks(&mut world, Signs::default()), 1);
    assert_eq!(ended(&mut world), (FailureClass::Stalled, "gave no sign of life for 10 min".to_owned()));
    assert_eq!(world.place("A").zone, Zone::Failed);
    decided_again(&world);
}

#[test]
fn a_sign_of_life_gives_it_that_much_more_time_and_computing_is_one() {
    let mut world = at_work();
    let spoke = world.now.plus_seconds(300);
    world.wait(600);
    assert_eq!(looks(&mut world, wrote(spoke, spoke)), 1);
    assert_eq!(world.fleet.next_due(), Some(spoke.plus_seconds(600)));
    world.wait(300);
    assert_eq!(looks(&mut world, Signs { busy: true, ..Signs::default() }), 1);
    assert_eq!(world.place("A").zone, Zone::Working);
    world.wait(600);
    assert_eq!(looks(&mut world, wrote(spoke, spoke)), 1);
    assert_eq!(ended(&mut world).0, FailureClass::Stalled);
    decided_again(&world);
}

#[test]
fn an_agent_that_only_talks_is_ended_for_want_of_a_result() {
    let mut world = at_work();
    let began = world.now;
    for _ in 0..3 {
        world.wait(600);
        let now = world.now;
        assert_eq!(looks(&mut world, wrote(now, began)), 1);
    }
    let (class, message) = ended(&mut world);
    assert_eq!((class, message.contains("for 30 min")), (FailureClass::NoProgress, true), "{message}");
    decided_again(&world);
}

#[test]
fn neither_sleep_nor_a_freeze_nor_a_persons_silence_is_the_agents() {
    let mut world = at_work();
    let began = world.now;
    world.pass(500);
    world.jump(8 * 3_600_000, 0);
    assert_eq!(looks(&mut world, Signs::default()), 0);
    assert_eq!(world.fleet.next_due(), Some(world.now.plus_seconds(600)));
    world.command(Command::FreezeAll).unwrap();
    world.wait(5000);
    world.command(Command::ResumeAll).unwrap();
    world.wait(0);
    looks(&mut world, wrote(began, began));
    assert_eq!(world.fleet.next_due(), Some(world.now.plus_seconds(600)));

    let ask = Ask::Question { text: "Which?".into(), options: Vec::new() };
    let request = RequestId::new("r1").unwrap();
    let session = world.session("A");
    world.report(Report::Agent { session, report: AgentReport::Ask { request, ask } });
    world.wait(50_000);
    assert_eq!((looks(&mut world, Signs::default()), world.fleet.next_due()), (0, None));
    world.act("A", TicketAction::Reject { seen: Seen::default(), note: String::new() }).unwrap();
    assert_eq!(world.fleet.next_due(), Some(world.now.plus_seconds(600)));
    decided_again(&world);
}

#[test]
fn the_next_engine_asks_at_once_and_believes_what_the_session_wrote_meanwhile() {
    let mut world = at_work();
    world.pass(40_000);
    world.fleet.live = Default::default();
    world.step(crate::domain::fleet::Input::Recover { wanted: Vec::new() });
    let now = world.now;
    assert_eq!(looks(&mut world, wrote(now, now)), 1);
    assert_eq!(world.place("A").zone, Zone::Working);
}

#[test]
fn an_agent_that_asks_on_its_own_screen_is_not_silent_however_long_nobody_looks() {
    let mut world = at_work();
    let seen = |world: &mut World, doing| {
        let (session, sighting) = (world.session("A"), Sighting::new(doing, Source::Screen));
        world.report(Report::Agent { session, report: AgentReport::Activity { sighting } });
    };
    seen(&mut world, Doing::Waiting { what: Wait::Permission });
    world.wait(7200);
    assert_eq!((looks(&mut world, Signs::default()), world.place("A").zone), (0, Zone::Respond));
    seen(&mut world, Doing::Working);
    let answered = world.now;
    world.wait(1);
    assert_eq!(looks(&mut world, wrote(answered, answered)), 1);
    assert_eq!(world.place("A").zone, Zone::Working);
}

#[test]
fn an_agent_that_was_silent_because_its_provider_made_it_wait_failed_for_that() {
    let mut world = at_work();
    world.wait(600);
    looks(&mut world, Signs::default());
    let session = world.session("A");
    let failure = Some((FailureClass::UsageLimit, "out of quota".to_owned()));
    let end = Box::new(AgentEnd { failure, ..AgentEnd::default() });
    world.report(Report::AgentEnded { session: session.clone(), end });
    world.report(Report::SessionEnded { session, end: exited(1, world.now) });
    let place = world.place("A");
    assert_eq!((place.zone, place.why.as_str()), (Zone::Waiting, "usage limit of claude"));
    assert_eq!(world.ticket("A").progress.attempt, 0);
    decided_again(&world);
}
