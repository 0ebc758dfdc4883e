//! What a user would tell about one ticket.

use super::world::{World, approval, done, exited, id, key, phase, poll, script};
use crate::domain::agent_report::AgentReport;
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::event::{Event, TicketEvent};
use crate::domain::fleet::{Fleet, Input, Live, Replay, Told};
use crate::domain::ids::RequestId;
use crate::domain::session::{Answer, Ask, Outcome};
use crate::domain::ticket::{FailureClass, Status};
use crate::domain::workflow::{Asks, PhaseKind, Retry};
use crate::domain::zone::Zone;

fn build_test_done() -> Vec<crate::domain::workflow::Phase> {
    vec![phase("build", script(), Some("test"), None), phase("test", script(), Some("done"), Some("build")), done()]
}

fn approve() -> TicketAction {
    TicketAction::Approve { seen: Seen::default(), note: None }
}

#[test]
fn a_ticket_walks_from_its_first_phase_to_done_and_its_workspace_goes() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    assert_eq!(world.at("A"), "build");
    world.exit("A", 0);
    assert_eq!(world.at("A"), "test");
    world.exit("A", 0);
    assert_eq!(world.place("A").zone, Zone::Done);
    assert!(matches!(world.effects.last(), Some(Effect::RemoveWorkspace { .. })));
    world.report(Report::WorkspaceGone { key: key("A"), kept_ref: "refs/heads/b".into() });
    assert!(world.ticket("A").progress.workspace.as_ref().unwrap().removed);
}

#[test]
fn a_failed_test_goes_back_to_build_with_the_evidence_until_the_bound() {
    let mut phases = build_test_done();
    phases[0].max_visits = 3;
    let mut world = World::new(phases, &[("A", &[])]);
    world.prepare_all();
    for _ in 0..2 {
        world.exit("A", 0);
        world.exit("A", 2);
        let feedback = world.ticket("A").progress.feedback.clone().unwrap();
        assert!(feedback.contains("phase `test`: exited with code 2") && feedback.contains("it said no"), "{feedback}");
    }
    world.exit("A", 0);
    world.exit("A", 2);
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    assert_eq!(failure.class, FailureClass::LoopBound);
    world.act("A", TicketAction::Skip { to: id("build") }).unwrap();
    assert_eq!(world.at("A"), "build");
}

#[test]
fn a_failure_says_why_on_one_harmless_line() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    let (session, at) = (world.session("A"), world.now);
    let tail = "compiling\nerror: table `users`\u{1b}[2J is gone\n  }\n\n".to_owned();
    let end = SessionEnd::Exited { code: Some(7), signal: None, at, captures: Default::default(), tail };
    world.report(Report::SessionEnded { session, end });
    assert_eq!(world.place("A").why, "exited with code 7: error: table `users` [2J is gone");
    let long = crate::domain::ticket::Failure {
        class: FailureClass::Exit,
        message: "exited with code 1".into(),
        evidence: format!("{}\nhint: breathe", "wide ".repeat(100)),
    };
    assert!(long.why().ends_with('…') && long.why().chars().count() <= 300, "{}", long.why());
}

#[test]
fn retries_back_off_by_the_clock_and_then_ask_for_a_person() {
    let mut phases = build_test_done();
    phases[0].retry = Retry::new(3, 10);
    let mut world = World::new(phases, &[("A", &[])]);
    world.prepare_all();
    world.exit("A", 1);
    assert_eq!(world.place("A").why, "tries again");
    world.wait(9);
    assert!(matches!(world.status("A"), Status::Backoff { .. }));
    world.wait(1);
    world.exit("A", 1);
    world.wait(19);
    assert!(matches!(world.status("A"), Status::Backoff { .. }), "the second wait is twice as long");
    world.wait(1);
    world.exit("A", 1);
    assert_eq!(world.place("A").zone, Zone::Failed);
    assert_eq!(world.ticket("A").progress.history.len(), 3);
    world.act("A", TicketAction::Retry { interrupt: true }).unwrap();
    assert_eq!(world.ticket("A").progress.attempt, 1);
}

#[test]
fn blocked_tickets_wait_by_name_and_start_when_the_last_blocker_is_complete() {
    let mut world = World::new(build_test_done(), &[("A", &[]), ("B", &["A"]), ("C", &["A", "gone"])]);
    assert_eq!(world.place("B").why, "blocked by A");
    assert_eq!(world.place("C").why, "blocked by A, gone (which does not exist)");
    world.prepare_all();
    world.exit("A", 0);
    world.exit("A", 0);
    assert_eq!(world.place("B").zone, Zone::Working);
    assert_eq!(world.place("C").why, "blocked by gone (which does not exist)");
}

#[test]
fn a_ticket_that_will_not_start_now_says_the_true_reason() {
    let mut world = World::new(build_test_done(), &[("A", &[]), ("B", &[]), ("C", &["B"]), ("D", &[]), ("E", &[])]);
    assert_eq!(world.place("E").why, "waits for a free place");
    world.fleet.policy.only = Some(vec![key("A")]);
    for ticket in ["E", "C"] {
        assert_eq!(world.place(ticket).why, "left out of what runs now");
    }
    world.fleet.policy = crate::domain::fleet::Policy { dispatch: false, ..Default::default() };
    assert_eq!(world.place("E").why, "goes on when an engine runs");
    assert_eq!(world.place("C").why, "blocked by B");
}

#[test]
fn every_place_is_used_and_none_twice() {
    let tickets: Vec<String> = (0..7).map(|n| format!("T{n}")).collect();
    let tickets: Vec<(&str, &[&str])> = tickets.iter().map(|t| (t.as_str(), &[] as &[&str])).collect();
    let mut world = World::new(build_test_done(), &tickets);
    let working = |world: &World| tickets.iter().filter(|(t, _)| world.place(t).zone == Zone::Working).count();
    assert_eq!(working(&world), 3);
    world.prepare_all();
    assert_eq!(working(&world), 3);
    world.exit("T0", 0);
    assert_eq!((working(&world), world.at("T0").as_str()), (3, "test"), "who is under way keeps its place");
    world.exit("T0", 0);
    assert_eq!((working(&world), world.place("T3").zone), (3, Zone::Working));
}

#[test]
fn a_poll_asks_again_without_holding_a_place_and_gives_up_at_its_deadline() {
    let mut wait = phase("wait", poll(60), Some("done"), Some("late"));
    wait.timeout_seconds = Some(150);
    let late = phase("late", PhaseKind::Terminal { needs_attention: true }, None, None);
    let mut world = World::new(vec![wait, late, done()], &[("A", &[])]);
    world.prepare_all();
    world.exit("A", 1);
    assert_eq!(world.place("A").zone, Zone::Waiting);
    world.wait(60);
    world.exit("A", 1);
    assert_eq!(world.ticket("A").progress.attempt, 1, "checks are not attempts");
    world.wait(60);
    world.exit("A", 1);
    world.wait(30);
    assert_eq!((world.at("A").as_str(), world.place("A").zone), ("late", Zone::Failed));
    assert_eq!(world.place("A").why, "wait: took longer than its timeout of 150 s");
}

#[test]
fn a_poll_that_breaks_fails_at_once() {
    let mut world = World::new(vec![phase("wait", poll(60), Some("done"), None), done()], &[("A", &[])]);
    world.prepare_all();
    world.exit("A", 2);
    assert_eq!(world.place("A").zone, Zone::Failed);
}

#[test]
fn approvals_show_in_the_zone_they_ask_for_and_decide_where_it_goes() {
    for (asks, zone) in [(Asks::Decision, Zone::Respond), (Asks::Review, Zone::Review), (Asks::Merge, Zone::Merge)] {
        let phases = vec![
            phase("ok", approval(asks), Some("done"), Some("fix")),
            phase("fix", script(), Some("ok"), None),
            done(),
        ];
        let mut world = World::new(phases, &[("A", &[])]);
        world.prepare_all();
        assert_eq!(world.place("A").zone, zone);
        world.report(Report::Question { key: key("A"), phase: id("ok"), result: Ok("spec.md: good?\nmore".into()) });
        assert_eq!(world.place("A").why, "spec.md: good?");
        world.act("A", TicketAction::Reject { seen: Seen::default(), note: "too long".into() }).unwrap();
        assert_eq!(world.at("A"), "fix");
        assert!(world.ticket("A").progress.feedback.as_ref().unwrap().contains("rejected: too long"));
        world.exit("A", 0);
        let late = world.act("A", TicketAction::Approve { seen: Seen::phase(id("fix")), note: None }).unwrap_err();
        assert_eq!(late.hint.unwrap(), "it waits for a decision on phase `ok` now: look again");
        world.act("A", TicketAction::Approve { seen: Seen::phase(id("ok")), note: None }).unwrap();
        assert_eq!(world.place("A").zone, Zone::Done);
        assert!(world.act("A", approve()).is_err(), "approved twice");
    }
}

#[test]
fn an_agent_that_waits_for_a_person_leaves_its_place_to_others_and_works_on_beside_them() {
    let mut world = World::new(build_test_done(), &[("A", &[]), ("B", &[]), ("C", &[]), ("D", &[])]);
    world.prepare_all();
    let working = |world: &World| {
        ["A", "B", "C", "D"].into_iter().filter(|id| world.place(id).zone == Zone::Working).collect::<Vec<_>>()
    };
    assert_eq!(working(&world), ["A", "B", "C"]);
    let ask = Ask::Permission { tool: "Bash".into(), detail: "ls".into(), reason: None, target: None };
    let report = AgentReport::Ask { request: RequestId::new("r").unwrap(), ask };
    world.report(Report::Agent { session: world.session("A"), report });
    world.prepare_all();
    assert_eq!(working(&world), ["B", "C", "D"]);
    world.act("A", approve()).unwrap();
    assert_eq!(working(&world), ["A", "B", "C", "D"]);
}

#[test]
fn a_permission_is_bound_to_its_request_and_the_answer_survives_a_restart() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    let session = world.session("A");
    let request = RequestId::new("7f3c").unwrap();
    let ask = Ask::Permission { tool: "Bash".into(), detail: "rm -r build".into(), reason: None, target: None };
    for _ in 0..2 {
        let report = AgentReport::Ask { request: request.clone(), ask: ask.clone() };
        world.report(Report::Agent { session: session.clone(), report });
    }
    assert_eq!(world.ticket("A").progress.requests.len(), 1, "a report that comes twice counts once");
    assert_eq!(
        (world.place("A").zone, world.place("A").why.as_str()),
        (Zone::Respond, "wants to use Bash: rm -r build")
    );
    let other = TicketAction::Approve { seen: Seen::request(RequestId::new("old").unwrap()), note: None };
    let refused = world.act("A", other).unwrap_err();
    assert!(refused.to_string().contains("moved on meanwhile: request `old` was answered or withdrawn"), "{refused}");
    let other = TicketAction::Approve { seen: Seen::phase(id("build")), note: None };
    assert!(world.act("A", other).is_err(), "a yes to an approval is none to a permission");
    assert!(world.act("A", TicketAction::Reply { request: None, text: "yes".into() }).is_err());
    world.act("A", approve()).unwrap();
    let delivered = |effect: &Effect| matches!(effect, Effect::DeliverAnswer { answer: Answer::Allow, .. });
    assert!(delivered(world.effects.last().unwrap()));
    let again = world.step(Input::Recover { wanted: Vec::new() });
    assert!(again.effects.iter().any(delivered));
    let report = AgentReport::Ask { request, ask };
    world.report(Report::Agent { session, report });
    assert_eq!(world.place("A").zone, Zone::Working, "an answered request does not come back");
}

#[test]
fn a_pause_lets_the_running_phase_end_and_starts_nothing() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    world.act("A", TicketAction::Pause).unwrap();
    world.exit("A", 0);
    assert_eq!((world.at("A").as_str(), world.place("A").why.as_str()), ("test", "paused"));
    world.act("A", TicketAction::Resume).unwrap();
    assert_eq!(world.place("A").zone, Zone::Working);
}

#[test]
fn a_stopped_ticket_waits_for_a_retry_and_a_late_exit_changes_nothing() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    let session = world.session("A");
    world.act("A", TicketAction::Stop).unwrap();
    assert!(matches!(world.effects.last(), Some(Effect::StopSession { .. })));
    world.report(Report::SessionEnded { session: session.clone(), end: SessionEnd::Vanished });
    let Status::Failed { failure, .. } = world.status("A") else { panic!("{:?}", world.status("A")) };
    assert_eq!(failure.class, FailureClass::Stopped);
    world.act("A", TicketAction::Retry { interrupt: true }).unwrap();
    let before = world.fleet.clone();
    world.report(Report::SessionEnded { session, end: exited(0, world.now) });
    assert_eq!(world.fleet, before);
}

#[test]
fn a_phase_that_takes_too_long_is_ended_and_fails() {
    let mut phases = build_test_done();
    phases[1].timeout_seconds = Some(30);
    let mut world = World::new(phases, &[("A", &[])]);
    world.prepare_all();
    world.exit("A", 0);
    world.wait(30);
    assert!(matches!(world.status("A"), Status::Stopping { .. }));
    let session = world.session("A");
    world.report(Report::SessionEnded { session, end: SessionEnd::Vanished });
    assert_eq!(world.at("A"), "build");
    assert!(world.ticket("A").progress.feedback.as_ref().unwrap().contains("took longer than its timeout of 30 s"));
}

#[test]
fn a_vanished_session_is_run_again_and_costs_no_attempt() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    let session = world.session("A");
    world.report(Report::SessionEnded { session: session.clone(), end: SessionEnd::Vanished });
    assert_ne!(world.session("A"), session);
    assert_eq!(world.ticket("A").progress.attempt, 1);
    assert_eq!(world.ticket("A").progress.history[0].outcome, Outcome::Interrupted);
}

#[test]
fn a_skip_ends_the_session_first_and_names_the_nearest_phase_when_misspelt() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    let refused = world.act("A", TicketAction::Skip { to: id("tset") }).unwrap_err();
    assert_eq!(refused.to_string(), "workflow `w` has no phase `tset` (did you mean `test`?)");
    world.act("A", TicketAction::Skip { to: id("test") }).unwrap();
    assert_eq!(world.at("A"), "build");
    let session = world.session("A");
    world.report(Report::SessionEnded { session, end: SessionEnd::Vanished });
    assert_eq!(world.at("A"), "test");
}

#[test]
fn a_workspace_that_cannot_be_made_asks_for_a_person_and_can_be_retried() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    let failure = crate::domain::ticket::Failure {
        class: FailureClass::Workspace,
        message: "/repo is not a git repository".into(),
        evidence: String::new(),
    };
    world.report(Report::Prepared { key: key("A"), result: Err(failure) });
    assert_eq!(world.place("A").why, "/repo is not a git repository");
    world.act("A", TicketAction::Retry { interrupt: true }).unwrap();
    world.effects.retain(|effect| matches!(effect, Effect::Prepare { .. }));
    world.prepare_all();
    assert_eq!(world.at("A"), "build");
}

#[test]
fn a_ticket_without_a_next_phase_is_complete_and_one_in_a_bad_end_can_be_retried() {
    let bad_end = phase("abort", PhaseKind::Terminal { needs_attention: true }, None, None);
    let phases = vec![phase("build", script(), None, Some("abort")), bad_end];
    let mut world = World::new(phases, &[("A", &[]), ("B", &["A"])]);
    world.prepare_all();
    world.exit("A", 3);
    assert_eq!(
        (world.place("A").zone, world.place("A").why.as_str()),
        (Zone::Failed, "build: exited with code 3: it said no")
    );
    assert_eq!(world.place("B").why, "blocked by A");
    world.act("A", TicketAction::Retry { interrupt: true }).unwrap();
    assert_eq!(world.at("A"), "build");
    world.exit("A", 0);
    assert_eq!(world.place("A").zone, Zone::Done);
    assert_eq!(world.place("B").zone, Zone::Working);
}

#[test]
fn replaying_the_journal_gives_the_same_fleet() {
    let mut world = World::new(build_test_done(), &[("A", &[]), ("B", &["A"])]);
    world.prepare_all();
    world.exit("A", 0);
    world.exit("A", 1);
    world.act("B", TicketAction::Pause).unwrap();
    let mut replayed = Fleet::default();
    world.journal.iter().for_each(|recorded| replayed.apply(recorded));
    assert_eq!(replayed, Fleet { live: Live::default(), ..world.fleet.clone() });
    let seqs: Vec<u64> = world.journal.iter().map(|recorded| recorded.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
}

#[test]
fn ids_that_differ_only_by_case_and_self_blockers_are_refused() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    let mut brief = world.ticket("A").brief.clone();
    brief.key = key("a");
    let put = crate::domain::command::Command::PutTicket { brief, order: 0, blocked_by: Vec::new() };
    assert!(world.command(put).unwrap_err().to_string().contains("only by letter case"));
    let brief = world.ticket("A").brief.clone();
    let put = crate::domain::command::Command::PutTicket { brief, order: 0, blocked_by: vec![key("A")] };
    assert!(world.command(put).unwrap_err().to_string().contains("blocked by itself"));
    let mut plan = world.fleet.plans.values().next().unwrap().clone();
    plan.id = crate::domain::ids::PlanId::new("P").unwrap();
    let put = crate::domain::command::Command::PutPlan { plan };
    assert!(world.command(put).unwrap_err().to_string().contains("only by letter case"));
}

#[test]
fn a_free_ticket_id_differs_from_all_others_by_more_than_letter_case() {
    let world = World::new(build_test_done(), &[("t-1", &[]), ("T-2", &[])]);
    let free = world.fleet.free_ticket_id(&key("t-1").plan).unwrap();
    assert_eq!(free.as_str(), "T-3");
}

#[test]
fn what_was_queued_before_the_engine_starts_is_begun_once() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    world.fleet.policy.dispatch = false;
    world.exit("A", 0);
    world.act("A", TicketAction::Pause).unwrap();
    world.act("A", TicketAction::Resume).unwrap();
    world.fleet.policy.dispatch = true;
    let out = world.step(Input::Recover { wanted: vec![Command::SetProblems { problems: Vec::new() }] });
    let begun = out.effects.iter().filter(|effect| matches!(effect, Effect::RunSession { .. })).count();
    assert_eq!(begun, 1, "{:?}", out.effects);
    assert!(matches!(&out.effects[0], Effect::RunSession { reattach: false, .. }), "{:?}", out.effects);
}

#[test]
fn an_answer_without_an_id_goes_to_the_only_request_it_fits() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    let session = world.session("A");
    let permission = Ask::Permission { tool: "Bash".into(), detail: "rm -r build".into(), reason: None, target: None };
    let question = Ask::Question { text: "Which one?".into(), options: Vec::new() };
    for (id, ask) in [("p", permission.clone()), ("q", question)] {
        let report = AgentReport::Ask { request: RequestId::new(id).unwrap(), ask };
        world.report(Report::Agent { session: session.clone(), report });
    }
    let note = String::new();
    assert!(
        world.act("A", TicketAction::Reject { seen: Seen::default(), note }).is_err(),
        "a no could be meant for either"
    );
    world.act("A", TicketAction::Reply { request: None, text: "the second".into() }).unwrap();
    let report = AgentReport::Ask { request: RequestId::new("p2").unwrap(), ask: permission };
    world.report(Report::Agent { session, report });
    assert!(world.act("A", approve()).is_err(), "there are two permissions to give");
    assert_eq!(world.ticket("A").progress.requests.len(), 2);
}

#[test]
fn a_poll_that_fails_is_tried_as_often_as_its_retry_says_each_time_with_its_whole_timeout() {
    let mut wait = phase("wait", poll(60), Some("done"), None);
    wait.retry = Retry::new(3, 0);
    wait.timeout_seconds = Some(100);
    let mut world = World::new(vec![wait, done()], &[("A", &[])]);
    world.prepare_all();
    world.exit("A", 1);
    world.wait(60);
    world.exit("A", 2);
    assert_eq!(world.ticket("A").progress.attempt, 2, "a failed check ends the attempt");
    world.exit("A", 1);
    world.wait(60);
    assert!(matches!(world.status("A"), Status::Running { .. }), "the second attempt has its own 100 s");
    world.exit("A", 1);
    world.wait(40);
    assert_eq!(world.ticket("A").progress.attempt, 3, "its time was up");
    world.exit("A", 2);
    assert_eq!((world.place("A").zone, world.ticket("A").progress.history.len()), (Zone::Failed, 3));
}

#[test]
fn a_session_that_vanishes_again_and_again_is_a_failure_in_the_end() {
    let mut world = World::new(build_test_done(), &[("A", &[])]);
    world.prepare_all();
    for _ in 0..5 {
        let session = world.session("A");
        assert_eq!(world.ticket("A").progress.attempt, 1, "what vanished did not count");
        world.report(Report::SessionEnded { session, end: SessionEnd::Vanished });
    }
    assert_eq!(world.place("A").why, "vanished without a record 5 times in a row");
    world.act("A", TicketAction::Retry { interrupt: true }).unwrap();
    assert!(matches!(world.status("A"), Status::Running { .. }));
}

#[test]
fn a_deadline_comes_due_once_even_where_the_workflow_is_lost() {
    let mut phases = build_test_done();
    phases[0].timeout_seconds = Some(10);
    let mut world = World::new(phases, &[("A", &[])]);
    world.prepare_all();
    world.fleet.workflows.clear();
    world.wait(10);
    assert!(matches!(world.status("A"), Status::Stopping { .. }));
    assert_eq!(world.fleet.next_due(), None, "an engine would spin");
}

#[test]
fn a_journal_that_tells_another_story_is_caught_at_its_first_difference() {
    let mut world = World::new(build_test_done(), &[("A", &[]), ("B", &[])]);
    world.prepare_all();
    world.exit("A", 0);
    let whole = world.told.clone();
    let again = |told: Vec<Told>| {
        let mut replay = Replay::new(Fleet::default());
        let found: Vec<_> = told.into_iter().filter_map(|told| replay.take(told).err()).collect();
        (found, replay)
    };
    assert_eq!(again(whole.clone()).0, []);

    let mut other = whole.clone();
    let paused = other.iter_mut().find(|told| told.events.len() > 1).unwrap();
    let seq = paused.events[1].seq;
    paused.events[1].event = Event::Ticket { key: key("A"), what: TicketEvent::Paused };
    let (found, _) = again(other);
    assert_eq!(found.len(), 1, "what comes after it is not judged");
    assert_eq!((found[0].seq, found[0].recorded.is_some(), found[0].decided.is_some()), (seq, true, true));

    let mut old = whole.clone();
    old.iter_mut().for_each(|told| told.input = None);
    let (found, replay) = again(old);
    assert_eq!((found.len(), replay.decided, replay.applied), (0, 0, whole.len()));
    assert_eq!(replay.fleet().tickets, world.fleet.tickets, "the same is true all the same");

    let mut gap = whole;
    gap.remove(2);
    let (found, replay) = again(gap);
    assert_eq!((found.len(), replay.decided), (0, 2), "after a gap nothing can be decided again");
}
