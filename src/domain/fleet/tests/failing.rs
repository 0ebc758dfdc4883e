//! What a user would tell about agents whose providers refuse them.

use super::world::{World, agent, decided_again, done, phase, script};
use crate::domain::agent_run::AgentEnd;
use crate::domain::command::TicketAction;
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::workflow::{Again, Phase, Retry};
use crate::domain::zone::Zone;

const RETRY: TicketAction = TicketAction::Retry { interrupt: false };

/// One phase of an agent, then the end.
fn work(name: &str) -> Vec<Phase> {
    vec![phase("work", agent(name), Some("done"), None), done()]
}

fn three() -> World {
    let mut world = World::new(work("claude"), &[("A", &[]), ("B", &[]), ("C", &[])]);
    world.prepare_all();
    world
}

fn limit(until: Option<crate::domain::time::Timestamp>) -> AgentEnd {
    let failure = Some((FailureClass::UsageLimit, "usage limit reached".to_owned()));
    AgentEnd { failure, retry_at: until, ..AgentEnd::default() }
}

#[test]
fn a_provider_that_is_overloaded_is_tried_again_patiently_and_costs_no_attempt() {
    let mut world = World::new(work("claude"), &[("A", &[])]);
    world.prepare_all();
    let mut waited = 0;
    for n in 1..10 {
        world.agent_fails("A", FailureClass::Overloaded);
        let Status::Backoff { until, because } = world.status("A").clone() else { panic!("{:?}", world.status("A")) };
        assert!(because.unwrap().contains("said so") && world.place("A").zone == Zone::Waiting);
        assert_eq!(world.ticket("A").progress.attempt, 0);
        let seconds = until.millis_since(world.now) / 1000;
        let whole = (30_u64 << (n - 1)).min(900);
        assert!((whole * 3 / 4..=whole * 5 / 4).contains(&seconds), "{n}: {seconds}");
        waited += seconds + 1;
        world.wait(seconds + 1);
    }
    world.agent_fails("A", FailureClass::Overloaded);
    assert_eq!(world.place("A").zone, Zone::Failed);
    assert!(waited > 3000, "{waited}");
    decided_again(&world);
}

#[test]
fn a_workflow_says_how_often_one_kind_of_failure_is_tried_again() {
    let mut phases = work("claude");
    phases[0].retry =
        Retry { on: [(FailureClass::RateLimit, Again { attempts: 2, backoff_seconds: 7 })].into(), ..Retry::new(2, 0) };
    let mut world = World::new(phases, &[("A", &[])]);
    world.prepare_all();
    world.agent_fails("A", FailureClass::RateLimit);
    world.wait(7);
    world.agent_fails("A", FailureClass::Crashed);
    assert_eq!(world.place("A").zone, Zone::Working, "the second of its own attempts");
    world.agent_fails("A", FailureClass::RateLimit);
    world.wait(7);
    world.agent_fails("A", FailureClass::RateLimit);
    assert_eq!(world.place("A").zone, Zone::Failed);
    decided_again(&world);
}

#[test]
fn a_usage_limit_parks_every_ticket_of_the_account_until_its_reset_and_no_other() {
    let mut world = three();
    let reset = world.now.plus_seconds(7200);
    world.agent_ends("A", limit(Some(reset)));
    world.agent_ends("B", limit(Some(reset)));
    for ticket in ["A", "B"] {
        let place = world.place(ticket);
        assert_eq!((place.zone, place.why.as_str()), (Zone::Waiting, "usage limit of claude"));
        assert_eq!((place.moment, world.ticket(ticket).progress.attempt), (Some(reset), 0));
    }
    assert_eq!(world.place("C").zone, Zone::Working, "what runs goes on");
    assert!(world.fleet.goes_on_alone() && world.fleet.next_due() == Some(reset));
    world.wait(7200);
    assert_eq!(world.place("A").zone, Zone::Waiting, "C is at work on the account already, and it is tried alone");
    world.agent_ends("C", AgentEnd::default());
    world.wait(60);
    assert_eq!((world.place("A").zone, world.place("B").zone), (Zone::Working, Zone::Working));
    assert!(world.fleet.accounts.is_empty());
    decided_again(&world);
}

#[test]
fn after_a_reset_one_ticket_tries_and_where_the_limit_still_holds_the_wait_grows() {
    let mut world = World::new(work("claude"), &[("A", &[]), ("B", &[]), ("C", &[])]);
    world.prepare_all();
    ["A", "B", "C"].iter().for_each(|ticket| world.agent_ends(ticket, limit(None)));
    world.wait(15 * 60);
    assert_eq!(["A", "B", "C"].map(|ticket| world.place(ticket).zone), [Zone::Working, Zone::Waiting, Zone::Waiting]);
    assert_eq!(world.place("B").why, "usage limit of claude: another ticket tries first");
    world.agent_ends("A", limit(None));
    world.wait(29 * 60);
    assert_eq!(world.place("A").zone, Zone::Waiting, "twice as long");
    world.wait(60);
    assert_eq!(world.place("A").zone, Zone::Working);
    world.wait(60);
    assert_eq!(world.place("C").zone, Zone::Working, "it works: all go on");
    decided_again(&world);
}

#[test]
fn a_person_can_try_a_limit_at_once_and_agents_of_another_account_never_wait() {
    let mut phases = vec![phase("begin", script(), Some("work"), None)];
    phases.extend(work("claude"));
    let mut world = World::new(phases, &[("A", &[]), ("B", &[])]);
    world.prepare_all();
    ["A", "B"].iter().for_each(|ticket| world.exit(ticket, 0));
    world.agent_ends("A", limit(None));
    world.agent_ends("B", limit(None));
    assert_eq!(world.place("B").zone, Zone::Waiting);
    world.act("B", RETRY).unwrap();
    assert_eq!(["A", "B"].map(|ticket| world.place(ticket).zone), [Zone::Working; 2]);
    assert!(world.act("A", RETRY).is_err(), "it runs");
    decided_again(&world);
}

#[test]
fn a_dead_credential_is_one_message_and_one_answer_lets_all_its_tickets_go_on() {
    let mut world = three();
    ["A", "B"].iter().for_each(|ticket| world.agent_fails(ticket, FailureClass::Auth));
    assert_eq!(world.place("A").zone, Zone::Failed);
    let place = world.place("B");
    assert_eq!((place.zone, place.why.as_str()), (Zone::Waiting, "claude is not logged in (see p/A)"));
    world.agent_ends("C", AgentEnd::default());
    assert!(!world.fleet.goes_on_alone(), "only a person can mend it");
    world.wait(100_000);
    assert_eq!(world.place("B").zone, Zone::Waiting);
    world.act("A", RETRY).unwrap();
    assert_eq!(["A", "B"].map(|ticket| world.place(ticket).zone), [Zone::Working; 2]);
    assert_eq!(world.ticket("B").progress.attempt, 1);
    decided_again(&world);
}

#[test]
fn what_would_be_refused_again_is_not_tried_again() {
    let mut phases = work("claude");
    phases[0].retry = Retry::new(5, 0);
    for class in [FailureClass::Denied, FailureClass::Budget, FailureClass::Unanswered] {
        let mut world = World::new(phases.clone(), &[("A", &[])]);
        world.prepare_all();
        world.agent_fails("A", class);
        assert_eq!(world.place("A").zone, Zone::Failed, "{class:?}");
    }
}
