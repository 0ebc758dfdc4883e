//! What a user would tell about agents that stand in for each other, and about models that are tried before stronger ones.

use std::sync::Arc;

use super::world::{World, agent, decided_again, done, phase};
use crate::domain::agent_run::AgentEnd;
use crate::domain::effect::{Effect, WorkOrder};
use crate::domain::ids::AgentName;
use crate::domain::rules::Rules;
use crate::domain::ticket::FailureClass;
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Phase, PhaseKind, Retry};
use crate::domain::zone::Zone;

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

fn work(attempts: u32, models: &[&str], others: &[&str]) -> Phase {
    let mut work = phase("work", agent("claude"), Some("done"), None);
    work.retry = Retry::new(attempts, 0);
    if let PhaseKind::Agent { model, stronger, instead, .. } = &mut work.kind {
        *model = models.first().map(ToString::to_string);
        *stronger = models.iter().skip(1).map(ToString::to_string).collect();
        *instead = others.iter().map(|other| name(other)).collect();
    }
    work
}

fn world(work: Phase, tickets: &[(&str, &[&str])]) -> World {
    let mut world = World::new(vec![work, done()], tickets);
    world.prepare_all();
    world
}

/// Who was started last, and with which model.
fn started(world: &World) -> (String, Option<String>) {
    let order = |effect: &Effect| match effect {
        Effect::RunSession { order, .. } => Some(WorkOrder::clone(order)),
        _ => None,
    };
    let order = world.effects.iter().rev().find_map(order).unwrap();
    let PhaseKind::Agent { model, .. } = order.phase.kind else { panic!() };
    (order.agent.unwrap().to_string(), model)
}

fn limit(world: &mut World, ticket: &str, until: Timestamp) {
    let failure = Some((FailureClass::UsageLimit, "usage limit reached".to_owned()));
    world.agent_ends(ticket, AgentEnd { failure, retry_at: Some(until), ..AgentEnd::default() });
}

#[test]
fn a_phase_that_fails_is_begun_afresh_with_a_stronger_model_and_the_last_one_stays() {
    let mut world = world(work(4, &["small", "large"], &[]), &[("A", &[])]);
    let mut models = vec![started(&world).1.unwrap()];
    for _ in 0..2 {
        world.agent_fails("A", FailureClass::ContextOverflow);
        models.push(started(&world).1.unwrap());
    }
    assert_eq!(models, ["small", "large", "large"]);
    // What says nothing about the model changes none.
    let mut other = super::choices::world(work(4, &["small", "large"], &[]), &[("A", &[])]);
    other.agent_fails("A", FailureClass::Overloaded);
    other.wait(60);
    assert_eq!(started(&other).1.as_deref(), Some("small"));
    decided_again(&world);
}

#[test]
fn another_agent_goes_on_at_once_where_the_limit_of_the_first_is_long_and_leaves_again_afterwards() {
    let mut world = world(work(1, &["opus"], &["codex"]), &[("A", &[]), ("B", &["A"])]);
    assert_eq!(started(&world), ("claude".into(), Some("opus".into())));
    let until = world.now.plus_seconds(5 * 3600);
    limit(&mut world, "A", until);
    assert_eq!(started(&world), ("codex".into(), None), "whose settings know its models");
    assert_eq!((world.place("A").zone, world.ticket("A").progress.attempt), (Zone::Working, 1));
    assert!(world.fleet.accounts.contains_key("claude"));
    // It is refused as well: the account that is refused is its own, and the ticket waits for the one that is free first.
    let later = world.now.plus_seconds(9 * 3600);
    limit(&mut world, "A", later);
    assert_eq!(world.fleet.accounts.len(), 2);
    let place = world.place("A");
    assert_eq!((place.zone, place.moment), (Zone::Waiting, Some(until)));
    assert!(place.why.contains("usage limit of claude"), "{}", place.why);
    world.wait(5 * 3600 + 1);
    assert_eq!(started(&world).0, "claude");
    world.agent_ends("A", AgentEnd::default());
    world.prepare_all();
    assert_eq!(started(&world), ("claude".into(), Some("opus".into())));
    decided_again(&world);
}

#[test]
fn a_limit_that_is_over_soon_is_waited_for_and_the_settings_may_name_who_stands_in_everywhere() {
    let mut world = world(work(1, &[], &["codex"]), &[("A", &[])]);
    let until = world.now.plus_seconds(300);
    limit(&mut world, "A", until);
    assert_eq!((world.place("A").zone, started(&world).0.as_str()), (Zone::Waiting, "claude"));
    decided_again(&world);

    let mut house = World::new(vec![work(1, &[], &[]), done()], &[]);
    house.fleet.policy.rules = Arc::new(Rules { instead: vec![name("claude"), name("codex")], ..Rules::default() });
    house.add(&[("A", &[]), ("B", &[])]);
    house.prepare_all();
    house.agent_fails("A", FailureClass::Auth);
    assert_eq!(house.place("A").zone, Zone::Failed, "it tells a person of the credential");
    house.agent_fails("B", FailureClass::Auth);
    assert_eq!((house.place("B").zone, started(&house).0.as_str()), (Zone::Working, "codex"), "and others go on");
    decided_again(&house);
}
