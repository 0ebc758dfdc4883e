//! What a user would tell whose agents work at night, and who is there by day.

use std::sync::Arc;

use super::world::{World, agent, approval, decided_again, done, id, key, phase, poll, script};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::budget::Budget;
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::effect::{Effect, Report};
use crate::domain::event::Event;
use crate::domain::explain::explain;
use crate::domain::fleet::Input;
use crate::domain::ids::RequestId;
use crate::domain::night::{Day, Minute, Night, ZoneName};
use crate::domain::rules::Rules;
use crate::domain::session::{Ask, Outcome, StoppedBy};
use crate::domain::ticket::Status;
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;
use crate::domain::workflow::{Asks, Phase};
use crate::domain::zone::Zone;

const RETRY: TicketAction = TicketAction::Retry { interrupt: false };

/// From ten to seven, and from half past six on nothing new; every night.
fn night() -> Night {
    let minute = |text| Minute::parse(text).unwrap();
    let (start, drain, stop) = (minute("22:00"), minute("06:30"), minute("07:00"));
    Night {
        start,
        drain,
        stop,
        days: Day::ALL.map(|(_, day)| day).to_vec(),
        zone: ZoneName::new("UTC").unwrap(),
        budget: None,
    }
}

/// A world at a quarter to two in the afternoon.
fn world(phases: Vec<Phase>, tickets: &[(&str, &[&str])]) -> World {
    let mut world = World::new(phases, &[]);
    world.fleet.policy.rules = Arc::new(Rules { night: Some(night()), ..Rules::default() });
    world.add(tickets);
    world
}

fn work() -> Vec<Phase> {
    vec![phase("work", agent("claude"), Some("check"), None), phase("check", script(), Some("done"), None), done()]
}

/// Lets time pass until the wall shows this, as an engine does: it wakes up whenever something is due.
fn until(world: &mut World, time: &str) {
    let today = world.now.0.div_euclid(86_400_000) * 86_400_000;
    let at = today + i64::from(Minute::parse(time).unwrap().0) * 60_000;
    let goal = Timestamp(if at > world.now.0 { at } else { at + 86_400_000 });
    while let Some(due) = world.fleet.next_due().filter(|due| *due <= goal) {
        world.wait(due.millis_since(world.now).div_ceil(1000));
        world.prepare_all();
    }
    world.pass(goal.millis_since(world.now) / 1000);
    world.step(Input::Due);
}

fn ended(world: &World) -> usize {
    let ends = |effect: &&Effect| matches!(effect, Effect::StopSession { by: StoppedBy::Shutdown, .. });
    world.effects.iter().filter(ends).count()
}

fn runs(world: &World, ticket: &str) -> bool {
    world.status(ticket).session().is_some()
}

#[test]
fn work_starts_in_the_evening_runs_out_towards_morning_and_goes_on_in_the_next_night() {
    let mut world = world(work(), &[("A", &[]), ("B", &[]), ("C", &[])]);
    world.fleet.policy.max_concurrency = 2;
    let place = world.place("A");
    assert_eq!(place.zone, Zone::Waiting);
    assert_eq!(place.why, "outside the night window, which starts at 22:00");
    assert!(world.fleet.goes_on_alone() && !world.fleet.is_busy(), "it only has to wait");

    until(&mut world, "22:00");
    assert!(runs(&world, "A") && runs(&world, "B") && !runs(&world, "C"));
    until(&mut world, "06:29");
    // Whose phase ends while the night runs out has nothing new begun.
    until(&mut world, "06:30");
    world.exit("A", 0);
    assert_eq!((world.at("A").as_str(), runs(&world, "A"), runs(&world, "C")), ("check", false, false));
    assert_eq!(world.place("A").why, "the night runs out: nothing new starts until 22:00");
    assert!(runs(&world, "B"), "what runs goes on");

    until(&mut world, "07:00");
    assert_eq!((ended(&world), matches!(world.status("B"), Status::Stopping { .. })), (1, true));
    let session = world.session("B");
    world.report(Report::SessionEnded { session, end: super::world::exited(130, world.now) });
    let progress = &world.ticket("B").progress;
    assert_eq!((progress.attempt, progress.history.last().map(|entry| &entry.outcome)), (0, Some(&Outcome::Stopped)));
    assert_eq!(world.place("B").why, "outside the night window, which starts at 22:00");

    until(&mut world, "22:00");
    assert!(runs(&world, "A") && runs(&world, "B"));
    assert_eq!(world.ticket("B").progress.attempt, 1, "the night cost it none");
    decided_again(&world);
}

#[test]
fn an_engine_that_was_away_when_the_night_was_over_ends_at_its_start_what_still_runs() {
    let mut world = world(work(), &[("A", &[])]);
    until(&mut world, "22:00");
    world.pass(13 * 3600);
    world.step(Input::Recover { wanted: Vec::new() });
    assert!(matches!(world.status("A"), Status::Stopping { .. }));
    assert_eq!(ended(&world), 1);
    let over = world.journal.iter().filter(|told| matches!(told.event, Event::NightOver { ends: 1, .. }));
    assert_eq!(over.count(), 1);
    decided_again(&world);
}

#[test]
fn who_waits_for_an_answer_at_dawn_gets_it_by_day_and_finishes() {
    let mut world = world(work(), &[("A", &[])]);
    until(&mut world, "22:00");
    let ask = Ask::Question { text: "Which one?".into(), options: Vec::new() };
    let (request, session) = (RequestId::new("r1").unwrap(), world.session("A"));
    world.report(Report::Agent { session, report: AgentReport::Ask { request, ask } });
    until(&mut world, "08:00");
    assert_eq!((world.place("A").zone, ended(&world)), (Zone::Respond, 0));
    world.act("A", TicketAction::Reply { request: None, text: "the second".into() }).unwrap();
    until(&mut world, "09:00");
    assert!(runs(&world, "A"), "a person is there");
    world.exit("A", 0);
    assert_eq!((world.at("A").as_str(), runs(&world, "A")), ("check", false), "the next phase waits for the night");
    decided_again(&world);
}

#[test]
fn a_person_lets_a_ticket_or_everything_work_by_day_until_the_next_night() {
    let mut world = world(work(), &[("A", &[]), ("B", &[])]);
    world.act("A", TicketAction::WorkNow).unwrap();
    world.prepare_all();
    assert!(runs(&world, "A") && !runs(&world, "B"));
    let points = explain(&world.fleet, world.ticket("B")).waits_for;
    assert!(points.iter().any(|point| point.text.contains("`aotui run-now p/B` lets it work by day")), "{points:?}");
    world.command(Command::WorkNow).unwrap();
    world.prepare_all();
    assert!(runs(&world, "B"));
    // It is over with the next night: at its end they are ended as all others.
    until(&mut world, "06:59");
    assert_eq!(ended(&world), 0);
    until(&mut world, "07:00");
    assert_eq!(ended(&world), 2);
    assert!(world.fleet.works_until.is_some_and(|until| until < world.now));
    decided_again(&world);

    let mut always = World::new(work(), &[("A", &[])]);
    let refused = always.command(Command::WorkNow).unwrap_err().to_string();
    assert!(refused.contains("work starts at any time"), "{refused}");
}

#[test]
fn who_retries_or_lands_something_by_day_means_now_and_polls_look_at_any_time() {
    let ask = phase("ask", approval(Asks::Merge), Some("land"), None);
    let land = phase("land", script(), Some("seen"), None);
    let mut world = world(vec![ask, land, phase("seen", poll(60), Some("done"), None), done()], &[("A", &[])]);
    until(&mut world, "22:00");
    world.report(Report::Question { key: key("A"), phase: id("ask"), result: Ok("Land it?".into()) });
    until(&mut world, "09:00");
    assert_eq!(world.place("A").zone, Zone::Merge);
    world.act("A", TicketAction::Approve { seen: Seen::default(), note: None }).unwrap();
    assert_eq!((world.at("A").as_str(), runs(&world, "A")), ("land", true));
    world.exit("A", 1);
    world.act("A", RETRY).unwrap();
    world.exit("A", 0);
    world.fleet.tickets.values_mut().for_each(|ticket| Arc::make_mut(ticket).progress.works_until = None);
    world.exit("A", 1);
    until(&mut world, "09:02");
    assert!(runs(&world, "A"), "the poll looks again");
}

#[test]
fn a_night_that_is_set_by_day_ends_nothing_that_runs() {
    let mut world = World::new(work(), &[("A", &[])]);
    world.prepare_all();
    world.command(Command::SetRules { rules: Arc::new(Rules { night: Some(night()), ..Rules::default() }) }).unwrap();
    until(&mut world, "14:00");
    assert!(runs(&world, "A") && ended(&world) == 0);
    until(&mut world, "07:01");
    assert_eq!(ended(&world), 1, "but it does not outlast the night");
    decided_again(&world);
}

/// Has an agent tell what its session used up so far.
fn uses(world: &mut World, ticket: &str, input: u64) {
    let end = Box::new(AgentEnd { usage: Usage { input, ..Usage::default() }, ..AgentEnd::default() });
    let session = world.session(ticket);
    world.report(Report::Agent { session, report: AgentReport::Used { end } });
}

#[test]
fn what_a_night_has_nothing_left_for_goes_on_in_the_next_one_at_no_cost_of_an_attempt() {
    let mut world = world(work(), &[("A", &[]), ("B", &[]), ("C", &[])]);
    world.fleet.policy.max_concurrency = 2;
    let budget = Some(Budget { tokens: Some(1000), ..Budget::default() });
    let rules = Rules { night: Some(Night { budget, ..night() }), ..Rules::default() };
    world.fleet.policy.rules = Arc::new(rules);
    until(&mut world, "22:00");
    uses(&mut world, "A", 600);
    assert_eq!(ended(&world), 0);
    uses(&mut world, "B", 500);
    assert_eq!((ended(&world), matches!(world.status("B"), Status::Stopping { .. })), (1, true));
    world.exit("B", 130);
    world.prepare_all();
    assert!(!runs(&world, "B") && !runs(&world, "C"), "nobody takes the free place");
    let why = "the budget of the night is used up: 1.1k tokens of 1.0k tokens; waits for the next night, 22:00, or \
               until `budget` of `night` is raised";
    let tomorrow = world.fleet.hours().unwrap().begins;
    for ticket in ["B", "C"] {
        let place = world.place(ticket);
        assert_eq!((place.zone, place.why.as_str(), place.moment), (Zone::Waiting, why, Some(tomorrow)));
    }
    assert!(format!("{:?}", explain(&world.fleet, world.ticket("C"))).contains(why));
    assert_eq!(world.ticket("B").progress.attempt, 0);
    uses(&mut world, "A", 601);
    assert_eq!(ended(&world), 2, "who still runs is ended at the next sign");
    world.exit("A", 130);

    until(&mut world, "12:00");
    assert_eq!(world.place("C").why, "outside the night window, which starts at 22:00");
    world.act("C", TicketAction::WorkNow).unwrap();
    world.prepare_all();
    assert!(runs(&world, "C"), "by day it is a person who decides");
    world.exit("C", 0);
    world.exit("C", 0);
    assert_eq!(world.place("C").zone, Zone::Done);
    until(&mut world, "22:00");
    assert!(runs(&world, "A") && runs(&world, "B"), "the next night has all of its own");
    decided_again(&world);
}

#[test]
fn the_time_of_a_night_is_counted_from_its_start() {
    let mut world = world(work(), &[("A", &[])]);
    let budget = Some(Budget { wall_seconds: Some(3600), ..Budget::default() });
    world.fleet.policy.rules = Arc::new(Rules { night: Some(Night { budget, ..night() }), ..Rules::default() });
    world.act("A", TicketAction::WorkNow).unwrap();
    world.prepare_all();
    until(&mut world, "22:59");
    assert!(runs(&world, "A") && ended(&world) == 0, "it worked for hours, and one minute less than one of the night");
    until(&mut world, "23:00");
    assert_eq!(ended(&world), 1);
    decided_again(&world);
}
