//! Stories of everything at once: stopping, freezing, resuming, naps, clocks that are set, and machines short of things.

use super::world::{World, done, key, phase, poll, script};
use crate::domain::command::{Command, TicketAction};
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::event::{Event, TicketEvent};
use crate::domain::fleet::{Fleet, Input, Live};
use crate::domain::session::{Outcome, StoppedBy};
use crate::domain::ticket::{Failure, FailureClass, Status};
use crate::domain::workflow::{Phase, Retry};
use crate::domain::zone::Zone;

const HOUR: u64 = 3_600_000;
const DAY: i64 = 86_400_000;

fn build_then_test() -> Vec<Phase> {
    vec![phase("build", script(), Some("test"), None), phase("test", script(), Some("done"), None), done()]
}

fn with_timeout(seconds: u64) -> Vec<Phase> {
    let mut phases = build_then_test();
    phases[0].timeout_seconds = Some(seconds);
    phases
}

fn begun(phases: Vec<Phase>, tickets: &[(&str, &[&str])]) -> World {
    let mut world = World::new(phases, tickets);
    world.prepare_all();
    world.effects.clear();
    world
}

fn freezes(world: &mut World) -> Vec<(String, bool)> {
    let freezes = world.effects.drain(..).filter_map(|effect| match effect {
        Effect::FreezeSession { session, frozen } => Some((session.to_string(), frozen)),
        _ => None,
    });
    freezes.collect()
}

fn scarce() -> Failure {
    let message = "fork failed: Resource temporarily unavailable".to_owned();
    Failure { class: FailureClass::Infra, message, evidence: String::new() }
}

fn minutes_until(world: &World, ticket: &str) -> u64 {
    let Status::Running { deadline: Some(deadline), .. } = world.status(ticket) else { panic!("no deadline") };
    deadline.millis_since(world.now) / 60_000
}

#[test]
fn a_stop_lets_what_runs_finish_its_phase_and_starts_nothing_until_everything_is_resumed() {
    let mut world = begun(build_then_test(), &[("A", &[]), ("B", &["A"])]);
    world.command(Command::StopAll { now: false }).unwrap();
    assert_eq!(world.place("A").why, "finishes this phase, then stops");
    assert_eq!(world.place("B").why, "blocked by A; everything is stopped");
    assert!(!world.fleet.has_stopped() && world.fleet.goes_on_alone());
    world.exit("A", 0);
    assert_eq!((world.at("A"), world.place("A").why), ("test".into(), "everything is stopped".into()));
    assert!(world.fleet.has_stopped() && !world.fleet.goes_on_alone());
    world.wait(3600);
    assert_eq!(world.status("A"), &Status::Queued);
    world.command(Command::ResumeAll).unwrap();
    assert_eq!(world.place("A").zone, Zone::Working);
}

#[test]
fn a_stop_at_once_ends_sessions_and_their_phases_run_again_without_costing_an_attempt() {
    let mut world = begun(build_then_test(), &[("A", &[])]);
    for _ in 0..10 {
        let session = world.session("A");
        world.command(Command::StopAll { now: true }).unwrap();
        assert!(world.effects.contains(&Effect::StopSession { session, by: StoppedBy::Shutdown }));
        world.exit("A", 130);
        assert!(world.fleet.has_stopped());
        assert_eq!(world.ticket("A").progress.history.last().unwrap().outcome, Outcome::Stopped);
        world.command(Command::ResumeAll).unwrap();
        assert_eq!((world.at("A"), world.ticket("A").progress.attempt), ("build".into(), 1));
    }
}

#[test]
fn a_freeze_pauses_what_runs_and_gives_its_timeout_back() {
    let mut world = begun(with_timeout(600), &[("A", &[]), ("B", &["A"])]);
    let session = world.session("A").to_string();
    world.wait(60);
    world.command(Command::FreezeAll).unwrap();
    assert_eq!(freezes(&mut world), [(session.clone(), true)]);
    assert_eq!((world.place("A").zone, world.place("A").why.as_str()), (Zone::Waiting, "frozen"));
    assert_eq!(world.fleet.next_due(), None);
    world.wait(36_000);
    world.command(Command::ResumeAll).unwrap();
    assert_eq!(freezes(&mut world), [(session, false)]);
    assert_eq!(minutes_until(&world, "A"), 9);
    world.wait(540);
    assert!(matches!(world.status("A"), Status::Stopping { .. }), "its ten minutes are over");
}

#[test]
fn what_was_said_to_everything_outlives_the_engine() {
    let mut world = begun(build_then_test(), &[("A", &[]), ("B", &[])]);
    world.command(Command::FreezeAll).unwrap();
    world.exit("B", 0);
    let mut replayed = Fleet::default();
    world.journal.iter().for_each(|recorded| replayed.apply(recorded));
    assert_eq!(replayed, Fleet { live: Live::default(), ..world.fleet.clone() });
    world.effects.clear();
    world.step(Input::Recover { wanted: Vec::new() });
    let session = world.session("A").to_string();
    assert_eq!(freezes(&mut world), [(session.clone(), true)], "an earlier engine may not have come to it");
    world.command(Command::ResumeAll).unwrap();
    world.effects.clear();
    world.step(Input::Recover { wanted: Vec::new() });
    assert!(freezes(&mut world).contains(&(session, false)), "an earlier engine may not have come to it");
}

#[test]
fn a_stop_thaws_what_was_frozen_so_that_it_can_finish() {
    let mut world = begun(build_then_test(), &[("A", &[])]);
    world.command(Command::FreezeAll).unwrap();
    world.effects.clear();
    world.command(Command::StopAll { now: false }).unwrap();
    assert!(matches!(freezes(&mut world).as_slice(), [(_, false)]));
}

#[test]
fn people_still_decide_while_everything_is_stopped() {
    let mut world = begun(build_then_test(), &[("A", &[])]);
    world.exit("A", 1);
    world.command(Command::StopAll { now: false }).unwrap();
    world.act("A", TicketAction::Retry { interrupt: false }).unwrap();
    assert_eq!(world.place("A").why, "everything is stopped");
    assert_eq!(world.fleet.at_work(), 0);
}

#[test]
fn a_poll_does_not_look_while_everything_is_stopped_and_has_its_whole_time_afterwards() {
    let mut wait = phase("wait", poll(60), Some("done"), None);
    wait.timeout_seconds = Some(300);
    let mut world = begun(vec![wait, done()], &[("A", &[])]);
    world.exit("A", 1);
    world.command(Command::StopAll { now: false }).unwrap();
    assert!(world.fleet.has_stopped());
    world.wait(100_000);
    assert!(matches!(world.status("A"), Status::Polling { .. }));
    world.command(Command::ResumeAll).unwrap();
    world.wait(1);
    assert!(matches!(world.status("A"), Status::Running { .. }), "{:?}", world.status("A"));
    world.exit("A", 1);
    world.wait(60);
    assert!(matches!(world.status("A"), Status::Running { .. }));
}

#[test]
fn eight_hours_of_sleep_time_nothing_out() {
    let mut wait = phase("wait", poll(60), Some("done"), None);
    wait.timeout_seconds = Some(300);
    let mut world = begun(vec![wait, done()], &[("P", &[])]);
    world.exit("P", 1);
    world.jump(8 * HOUR, 0);
    assert!(matches!(world.status("P"), Status::Running { .. }), "it looks at once: {:?}", world.status("P"));
    world.exit("P", 1);
    assert!(matches!(world.status("P"), Status::Polling { .. }), "and may look again");

    let mut world = begun(with_timeout(600), &[("A", &[])]);
    world.wait(60);
    world.jump(8 * HOUR, 0);
    assert_eq!((world.place("A").zone, minutes_until(&world, "A")), (Zone::Working, 9));
    world.wait(540);
    assert!(matches!(world.status("A"), Status::Stopping { .. }));
}

#[test]
fn a_clock_that_is_set_by_a_day_times_nothing_out_and_holds_nothing_up() {
    for stepped in [DAY, -DAY] {
        let mut phases = with_timeout(600);
        phases[1] = phase("test", poll(60), Some("done"), None);
        let mut world = begun(phases, &[("A", &[]), ("B", &[])]);
        world.exit("B", 0);
        world.exit("B", 1);
        world.wait(30);
        world.jump(0, stepped);
        assert_eq!(minutes_until(&world, "A"), 9);
        assert!(matches!(world.status("B"), Status::Polling { .. }));
        world.wait(30);
        assert!(matches!(world.status("B"), Status::Running { .. }), "{stepped}: {:?}", world.status("B"));
        world.wait(60);
        world.exit("A", 0);
        let entry = &world.ticket("A").progress.history[0];
        assert_eq!(entry.ended_at.millis_since(entry.started_at), 120_000, "it worked for two minutes");
    }
}

#[test]
fn moments_go_back_only_where_the_journal_says_that_the_clock_was_set() {
    let mut world = begun(build_then_test(), &[("A", &[])]);
    world.jump(0, -1500);
    world.exit("A", 0);
    world.pass(10);
    world.jump(0, -DAY);
    world.exit("A", 0);
    let back: Vec<_> = world.journal.windows(2).filter(|pair| pair[1].at < pair[0].at).map(|pair| &pair[1]).collect();
    assert!(matches!(back.as_slice(), [only] if matches!(only.event, Event::ClockRead { .. })), "{back:#?}");
}

#[test]
fn a_nap_while_frozen_is_not_given_back_twice() {
    let mut world = begun(with_timeout(600), &[("A", &[])]);
    world.wait(60);
    world.command(Command::FreezeAll).unwrap();
    world.wait(60);
    world.jump(8 * HOUR, DAY);
    world.wait(60);
    world.command(Command::ResumeAll).unwrap();
    assert_eq!(minutes_until(&world, "A"), 9);
}

#[test]
fn a_machine_that_was_off_gives_a_poll_its_time_back() {
    let mut wait = phase("wait", poll(60), Some("done"), None);
    wait.timeout_seconds = Some(300);
    let mut world = begun(vec![wait, done()], &[("P", &[])]);
    world.exit("P", 1);
    world.clock =
        crate::domain::clock::Reading { elapsed: 10, awake: 10, boot: "second".into(), ..world.clock.clone() };
    world.clock.at = world.clock.at.plus_seconds(30_000);
    world.now = world.clock.at;
    world.look();
    world.exit("P", 1);
    world.wait(60);
    assert!(matches!(world.status("P"), Status::Running { .. }), "{:?}", world.status("P"));
}

#[test]
fn a_poll_that_nobody_could_run_in_time_looks_once_more_before_it_gives_up() {
    let mut wait = phase("wait", poll(60), Some("done"), None);
    wait.timeout_seconds = Some(300);
    let mut world = begun(vec![wait, done()], &[("P", &[])]);
    world.exit("P", 1);
    world.wait(30_000);
    assert!(matches!(world.status("P"), Status::Running { .. }));
    world.exit("P", 1);
    world.wait(1);
    assert_eq!(world.place("P").why, "took longer than its timeout of 300 s");
}

#[test]
fn a_session_that_cannot_be_started_just_now_is_started_later_and_costs_no_attempt() {
    let mut phases = build_then_test();
    phases[0].retry = Retry::new(2, 0);
    let mut world = begun(phases, &[("A", &[])]);
    for _ in 0..3 {
        let session = world.session("A");
        world.report(Report::SessionEnded { session, end: SessionEnd::NotStarted { failure: scarce() } });
        assert_eq!(world.place("A").why, "fork failed: Resource temporarily unavailable; tries again");
        world.wait(10);
        assert!(matches!(world.status("A"), Status::Running { .. }));
        assert_eq!(world.ticket("A").progress.attempt, 1);
    }
    assert!(world.ticket("A").progress.history.is_empty());
    world.exit("A", 0);
    assert_eq!(world.at("A"), "test");
}

#[test]
fn what_never_passes_fails_as_what_it_is_and_asks_for_a_person() {
    let mut world = World::new(build_then_test(), &[("A", &[])]);
    let mut tries = 0;
    while !matches!(world.status("A"), Status::Failed { .. }) {
        world.report(Report::Prepared { key: key("A"), result: Err(scarce()) });
        tries += 1;
        world.wait(100);
    }
    let Status::Failed { failure, .. } = world.status("A") else { panic!("not failed") };
    assert_eq!((failure.class, tries), (FailureClass::Infra, 19));
    assert_eq!(failure.message, "fork failed: Resource temporarily unavailable (tried 19 times)");
    world.act("A", TicketAction::Retry { interrupt: false }).unwrap();
    world.report(Report::Prepared { key: key("A"), result: Err(scarce()) });
    assert_eq!(world.place("A").zone, Zone::Waiting, "a person's retry begins anew");
    let last = world.journal.last().map(|recorded| &recorded.event);
    assert!(matches!(last, Some(Event::Ticket { what: TicketEvent::Postponed { .. }, .. })), "{last:?}");
}
