//! What a user would tell about rules that answer agents, and about nights in which nobody does.

use std::sync::Arc;

use super::world::{World, agent, decided_again, done, phase};
use crate::domain::agent_report::AgentReport;
use crate::domain::command::TicketAction;
use crate::domain::effect::{Effect, Report};
use crate::domain::event::{Event, TicketEvent};
use crate::domain::ids::RequestId;
use crate::domain::permission::{Decision, PermissionRule};
use crate::domain::rules::Rules;
use crate::domain::session::{Answer, Ask, Target};
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::workflow::Unattended;
use crate::domain::zone::Zone;

fn rule(decision: Decision, command: &str) -> PermissionRule {
    PermissionRule { decision, tool: Some("Bash".into()), command: Some(command.into()), path: None }
}

/// A ticket at work under these rules of the settings and the phase.
fn at_work(settings: Vec<PermissionRule>, own: Vec<PermissionRule>, unattended: Unattended) -> World {
    let mut work = phase("work", agent("claude"), Some("done"), None);
    work.asking.permissions = own;
    work.asking.unattended = unattended;
    work.asking.unattended_seconds = Some(600);
    let mut world = World::new(vec![work, done()], &[("A", &[])]);
    world.fleet.policy.rules = Arc::new(Rules { permissions: settings, ..Rules::default() });
    world.prepare_all();
    world
}

fn ask(world: &mut World, id: &str, command: &str) {
    let target = Some(Target::Command { command: command.into() });
    let ask = Ask::Permission { tool: "Bash".into(), detail: command.into(), reason: None, target };
    let request = RequestId::new(id).unwrap();
    let session = world.session("A");
    world.report(Report::Agent { session, report: AgentReport::Ask { request, ask } });
}

/// The answers that were journaled: to which request, what, and by which rule.
fn answers(world: &World) -> Vec<(String, bool, Option<String>)> {
    let of = |event: &Event| match event {
        Event::Ticket { what: TicketEvent::Answered { request, answer, by }, .. } => {
            Some((request.to_string(), *answer == Answer::Allow, by.clone()))
        }
        _ => None,
    };
    world.journal.iter().filter_map(|recorded| of(&recorded.event)).collect()
}

#[test]
fn rules_answer_in_the_agents_name_and_the_journal_says_which_one_did() {
    let own = vec![rule(Decision::Deny, "git push *")];
    let mut world = at_work(vec![rule(Decision::Allow, "git *")], own, Unattended::Wait);
    for (id, command) in [("r1", "git status"), ("r2", "git push origin"), ("r3", "git status && rm -rf x")] {
        ask(&mut world, id, command);
    }
    assert_eq!(
        answers(&world),
        [
            ("r1".to_owned(), true, Some("allow Bash command: git *".to_owned())),
            ("r2".to_owned(), false, Some("deny Bash command: git push *".to_owned())),
        ]
    );
    let delivered = world.effects.iter().filter(|effect| matches!(effect, Effect::DeliverAnswer { .. })).count();
    assert_eq!((delivered, world.place("A").zone), (2, Zone::Respond), "a person decides about the third");
    decided_again(&world);
}

#[test]
fn a_yes_for_good_is_a_rule_about_exactly_what_was_seen() {
    let mut world = at_work(Vec::new(), Vec::new(), Unattended::Wait);
    ask(&mut world, "r1", "make test");
    world.act("A", TicketAction::ApproveAlways { request: RequestId::new("r1").unwrap() }).unwrap();
    assert!(
        world
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::KeepRule { rule } if rule.command.as_deref() == Some("make test")))
    );
    ask(&mut world, "r2", "make test");
    ask(&mut world, "r3", "make tests");
    assert_eq!(answers(&world).len(), 2);
    assert_eq!(world.place("A").why, "wants to use Bash: make tests");
    assert!(world.act("A", TicketAction::ApproveAlways { request: RequestId::new("r1").unwrap() }).is_err());
    decided_again(&world);
}

#[test]
fn where_nobody_answers_the_agent_is_told_no_or_the_ticket_is_left_to_a_person_and_never_a_yes() {
    let mut world = at_work(Vec::new(), Vec::new(), Unattended::Deny);
    ask(&mut world, "r1", "rm -r build");
    world.wait(599);
    assert_eq!(world.place("A").zone, Zone::Respond);
    world.wait(1);
    assert_eq!(answers(&world), [("r1".to_owned(), false, Some("unattended: deny".to_owned()))]);
    assert_eq!(world.place("A").zone, Zone::Working);
    decided_again(&world);

    let mut world = at_work(Vec::new(), Vec::new(), Unattended::Park);
    ask(&mut world, "r1", "rm -r build");
    world.pass(300);
    world.jump(8 * 3_600_000, 0);
    assert_eq!(world.place("A").zone, Zone::Respond, "nobody could answer while the machine slept");
    world.wait(600);
    world.exit("A", 1);
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    assert_eq!(failure.class, FailureClass::Unanswered);
    assert_eq!(failure.message, "wants to use Bash: rm -r build; nobody answered for 10 min");
    assert_eq!(answers(&world), []);
    decided_again(&world);

    let mut world = at_work(Vec::new(), Vec::new(), Unattended::Wait);
    ask(&mut world, "r1", "rm -r build");
    assert_eq!(world.fleet.next_due(), None);
}
