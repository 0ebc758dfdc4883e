//! What a user would tell about agents and repositories that may not do too much at a time, and about a person who has
//! enough to answer already.

use std::sync::Arc;

use super::world::{World, agent, approval, decided_again, done, id, key, phase, script};
use crate::domain::command::TicketAction;
use crate::domain::decision::Seen;
use crate::domain::effect::Report;
use crate::domain::explain::explain;
use crate::domain::ids::AgentName;
use crate::domain::rules::{Cap, Capped, Rules};
use crate::domain::ticket::Status;
use crate::domain::workflow::{Asks, Phase};
use crate::domain::zone::Zone;

fn cap(of: Capped, name: &str, most: u32) -> Cap {
    Cap { of, name: name.into(), most }
}

fn world(phases: Vec<Phase>, rules: Rules, tickets: &[&str]) -> World {
    let tickets: Vec<(&str, &[&str])> = tickets.iter().map(|ticket| (*ticket, [].as_slice())).collect();
    let mut world = World::new(phases, &[]);
    world.fleet.policy.rules = Arc::new(rules);
    world.fleet.policy.max_concurrency = 10;
    world.add(&tickets);
    world.prepare_all();
    world
}

/// The tickets that have a session.
fn running(world: &World) -> Vec<String> {
    let tickets = world.fleet.tickets.values();
    tickets.filter(|ticket| ticket.progress.status.session().is_some()).map(|ticket| ticket.brief.key.name()).collect()
}

#[test]
fn an_agent_has_no_more_at_work_than_it_may_and_the_next_takes_the_place_that_comes_free() {
    let rules = Rules { caps: vec![cap(Capped::Agent, "claude", 2)], ..Rules::default() };
    let work = phase("work", agent("claude"), Some("done"), None);
    let mut world = world(vec![work, done()], rules, &["A", "B", "C", "D"]);
    assert_eq!(running(&world), ["A", "B"]);
    let place = world.place("C");
    assert_eq!((place.zone, place.why.as_str()), (Zone::Waiting, "waits for a place of agent claude: 2 of 2 taken"));
    let points = explain(&world.fleet, world.ticket("C")).waits_for;
    assert!(
        points.iter().any(|point| point.text == "a place of agent claude, which has 2: taken by A, B"),
        "{points:?}"
    );
    world.exit("A", 0);
    assert_eq!(running(&world), ["B", "C"]);
    decided_again(&world);
}

#[test]
fn agents_of_one_account_share_its_places_and_scripts_need_none_of_them() {
    let mut rules = Rules { caps: vec![cap(Capped::Account, "work", 1)], ..Rules::default() };
    for name in ["claude", "fast"] {
        rules.agents.insert(
            AgentName::new(name).unwrap(),
            crate::domain::rules::AgentRules { account: "work".into(), ..Default::default() },
        );
    }
    let first = phase("first", agent("claude"), Some("second"), None);
    let second = phase("second", agent("fast"), Some("third"), None);
    let third = phase("third", script(), Some("done"), None);
    let mut world = world(vec![first, second, third, done()], rules, &["A", "B"]);
    assert_eq!(running(&world), ["A"]);
    world.exit("A", 0);
    assert_eq!(
        (running(&world), world.at("A")),
        (vec!["A".to_owned()], "second".to_owned()),
        "who is under way goes first"
    );
    world.exit("A", 0);
    assert_eq!(running(&world), ["A", "B"], "a script of A beside the agent of B");
    decided_again(&world);
}

#[test]
fn each_repository_has_its_own_places_from_the_making_of_the_worktree_on() {
    let rules = Rules { caps: vec![cap(Capped::Repository, "*", 1)], ..Rules::default() };
    let mut world = World::new(vec![phase("work", script(), Some("done"), None), done()], &[]);
    world.fleet.policy.rules = Arc::new(rules);
    world.add(&[("A", &[]), ("B", &[])]);
    world.add_in("/other", "C");
    let preparing = |world: &World, ticket: &str| *world.status(ticket) == Status::Preparing;
    assert_eq!((preparing(&world, "A"), preparing(&world, "B"), preparing(&world, "C")), (true, false, true));
    assert_eq!(world.place("B").why, "waits for a place of repository /repo: 1 of 1 taken");
    world.prepare_all();
    assert_eq!(running(&world), ["A", "C"]);
    decided_again(&world);
}

#[test]
fn while_enough_tickets_wait_for_a_person_none_is_begun_and_what_is_under_way_goes_on() {
    let plan = phase("plan", approval(Asks::Decision), Some("work"), None);
    let work = phase("work", script(), Some("done"), None);
    let rules = Rules { wip_limit: Some(2), ..Rules::default() };
    let mut world = World::new(vec![plan, work, done()], &[]);
    world.fleet.policy.rules = Arc::new(rules);
    world.fleet.policy.max_concurrency = 1;
    world.add(&[("A", &[]), ("B", &[]), ("C", &[])]);
    world.prepare_all();
    world.prepare_all();
    assert_eq!((world.place("A").zone, world.place("B").zone), (Zone::Respond, Zone::Respond));
    let place = world.place("C");
    assert_eq!(place.zone, Zone::Waiting);
    assert_eq!(place.why, "nothing new is begun while 2 tickets wait for you (`wipLimit` 2)");
    for ticket in ["A", "B"] {
        let result = Ok("May it go on?".to_owned());
        world.report(Report::Question { key: key(ticket), phase: id("plan"), result });
    }
    assert!(!world.fleet.goes_on_alone(), "only a person can change that");

    let yes = TicketAction::Approve { seen: Seen::default(), note: None };
    world.act("A", yes).unwrap();
    assert_eq!(running(&world), ["A"], "what is under way comes first");
    world.exit("A", 0);
    assert_eq!(*world.status("C"), Status::Preparing);
    world.prepare_all();
    assert_eq!(world.place("C").zone, Zone::Respond);

    // What a person puts aside is not counted.
    world.add(&[("D", &[])]);
    assert_eq!(*world.status("D"), Status::Queued);
    world.act("B", TicketAction::Pause).unwrap();
    assert_eq!(*world.status("D"), Status::Preparing);
    decided_again(&world);
}
