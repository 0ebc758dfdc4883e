//! What a user would tell about work that may not cost more than so much.

use std::sync::Arc;

use super::world::{World, agent, decided_again, done, key, phase};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::budget::Budget;
use crate::domain::command::{Command, TicketAction};
use crate::domain::effect::Report;
use crate::domain::rules::{Rules, Window};
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::usage::Usage;
use crate::domain::zone::Zone;

const RETRY: TicketAction = TicketAction::Retry { interrupt: false };

fn world(budget: Budget, tickets: &[(&str, &[&str])]) -> World {
    let mut work = phase("work", agent("claude"), Some("done"), None);
    work.limits.budget = budget;
    let mut world = World::new(vec![work, done()], tickets);
    world.prepare_all();
    world
}

fn used(input: u64, cost_micros: Option<u64>) -> AgentEnd {
    AgentEnd { usage: Usage { input, cost_micros, turns: 1, ..Usage::default() }, ..AgentEnd::default() }
}

fn tells(world: &mut World, ticket: &str, end: AgentEnd) {
    let session = world.session(ticket);
    world.report(Report::Agent { session, report: AgentReport::Used { end: Box::new(end) } });
}

fn failed(world: &World, ticket: &str) -> String {
    let Status::Failed { failure, .. } = world.status(ticket) else { panic!("{:?}", world.status(ticket)) };
    assert_eq!((failure.class, world.place(ticket).zone), (FailureClass::Budget, Zone::Failed));
    failure.message.clone()
}

#[test]
fn an_agent_that_used_up_what_its_phase_may_is_ended_at_once_and_a_person_can_grant_it_again() {
    let mut world = world(Budget { tokens: Some(1000), ..Budget::default() }, &[("A", &[])]);
    tells(&mut world, "A", used(900, None));
    assert_eq!(world.place("A").zone, Zone::Working);
    tells(&mut world, "A", used(1100, None));
    assert!(matches!(world.status("A"), Status::Stopping { .. }));
    world.exit("A", 1);
    assert_eq!(
        failed(&world, "A"),
        "the budget of phase `work` is used up: 1.1k tokens of 1.0k tokens; retry grants as much again"
    );
    world.wait(1);
    world.act("A", RETRY).unwrap();
    tells(&mut world, "A", used(500, None));
    assert_eq!(world.place("A").zone, Zone::Working);
    world.agent_ends("A", used(600, None));
    assert_eq!(world.place("A").zone, Zone::Done);
    assert_eq!(world.fleet.bill_of(world.ticket("A")).usage.input, 1700, "all of it is on the bill, once");
    decided_again(&world);
}

#[test]
fn money_that_nobody_can_count_is_too_much_and_time_is_counted_while_sessions_run() {
    let mut costly = world(Budget { cost_micros: Some(1_000_000), ..Budget::default() }, &[("A", &[])]);
    tells(&mut costly, "A", used(10, None));
    costly.exit("A", 1);
    assert!(failed(&costly, "A").contains("10 tokens have no price: add one to `prices`"));
    decided_again(&costly);

    let mut slow = world(Budget { wall_seconds: Some(600), ..Budget::default() }, &[("A", &[])]);
    slow.wait(599);
    assert_eq!(slow.place("A").zone, Zone::Working);
    slow.wait(1);
    slow.exit("A", 1);
    assert!(failed(&slow, "A").contains("10 min of 10 min"), "{}", failed(&slow, "A"));
    decided_again(&slow);
}

#[test]
fn what_is_left_of_a_plan_waits_once_its_budget_is_used_up_and_goes_on_when_that_is_raised() {
    let mut world = world(Budget::default(), &[("A", &[]), ("B", &["A"])]);
    let mut plan = world.fleet.plans.values().next().unwrap().clone();
    plan.budget = Some(Budget { cost_micros: Some(2_000_000), ..Budget::default() });
    world.command(Command::PutPlan { plan: plan.clone() }).unwrap();
    world.agent_ends("A", used(10, Some(2_500_000)));
    assert_eq!(world.place("A").zone, Zone::Done, "what is done is done");
    world.prepare_all();
    let place = world.place("B");
    assert_eq!(place.zone, Zone::Waiting);
    assert!(place.why.contains("the budget of plan p is used up: $2.50 of $2.00"), "{}", place.why);
    plan.budget = Some(Budget { cost_micros: Some(9_000_000), ..Budget::default() });
    world.command(Command::PutPlan { plan }).unwrap();
    assert_eq!(world.place("B").zone, Zone::Working);
    decided_again(&world);
}

#[test]
fn a_night_that_cost_enough_goes_on_by_itself_when_the_hours_are_over() {
    let mut world =
        World::new(vec![phase("work", agent("claude"), Some("done"), None), done()], &[("A", &[]), ("B", &["A"])]);
    let budget = Budget { tokens: Some(1000), ..Budget::default() };
    world.fleet.policy.rules = Arc::new(Rules { budget: Some(Window { budget, hours: 12 }), ..Rules::default() });
    world.prepare_all();
    world.wait(60);
    world.agent_ends("A", used(2000, None));
    world.prepare_all();
    assert!(world.place("B").why.contains("the budget for 12 h is used up"), "{}", world.place("B").why);
    let opens = world.fleet.next_due().unwrap();
    assert_eq!(world.place("B").moment, Some(opens));
    world.wait(opens.millis_since(world.now) / 1000 + 1);
    assert_eq!(world.place("B").zone, Zone::Working);
    assert!(world.fleet.ticket(&key("B")).is_some());
    decided_again(&world);
}
