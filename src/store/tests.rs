//! Stories of state directories: written, cut off, damaged, edited.

mod damage;
mod rotation;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::{Layout, Loaded, Store, StoreError, Touched, read, read_journal};
use crate::domain::command::{Command, TicketAction};
use crate::domain::effect::{Ready, Report};
use crate::domain::event::Recorded;
use crate::domain::fleet::{Fleet, Input, Outbox, Policy, Step};
use crate::domain::ids::{PlanId, TicketId, TicketKey};
use crate::domain::plan::Plan;
use crate::domain::ticket::{Brief, Checkout};
use crate::domain::time::Timestamp;
use crate::domain::workflow::Workflow;

fn plan(id: &str) -> Plan {
    Plan { repo: Some("/repo".into()), ..Plan::new(PlanId::new(id).unwrap(), id) }
}

fn key(ticket: &str) -> TicketKey {
    TicketKey::new(PlanId::new("p").unwrap(), TicketId::new(ticket).unwrap())
}

fn brief(ticket: &str) -> Brief {
    Brief::new(key(ticket), format!("Ticket {ticket}"))
}

fn put(ticket: &str) -> Command {
    Command::PutTicket { brief: brief(ticket), order: 0, blocked_by: Vec::new() }
}

fn pause(ticket: &str) -> Command {
    Command::Ticket { key: key(ticket), action: TicketAction::Pause }
}

/// Carries out commands as the engine does, with or without snapshots.
fn carry_out(store: &mut Store, fleet: &mut Fleet, commands: Vec<Command>, snapshots: bool) -> Vec<Recorded> {
    fleet.policy = Policy { dispatch: false, ..Policy::default() };
    let mut all = Vec::new();
    let mut touched = Touched::default();
    for command in commands {
        let mut out = Outbox::default();
        let (input, policy) = (Input::Command(command), fleet.policy.clone());
        fleet.step(Timestamp(1_000), input.clone(), &mut out);
        assert_eq!(out.rejection, None);
        touched.add(&out.events);
        let step = Step { input, policy, events: out.events };
        store.journal.append(std::slice::from_ref(&step)).unwrap();
        all.extend(step.events);
    }
    if snapshots {
        store.snapshot_now(&Arc::new(fleet.clone()), touched);
    }
    all
}

fn open(state: &Path) -> (Store, Loaded) {
    Store::open(state).unwrap()
}

/// A state with a plan and two tickets, on disk in every form.
fn two_tickets(state: &Path) -> Fleet {
    let (mut store, loaded) = open(state);
    let mut fleet = loaded.fleet;
    carry_out(&mut store, &mut fleet, vec![Command::PutPlan { plan: plan("p") }, put("A"), put("B")], true);
    fleet
}

fn same_tickets(loaded: &Loaded, fleet: &Fleet) {
    assert_eq!(
        (&loaded.fleet.tickets, &loaded.fleet.plans, loaded.fleet.seq),
        (&fleet.tickets, &fleet.plans, fleet.seq)
    );
}

#[test]
fn what_was_written_is_there_again_with_and_without_snapshots() {
    for snapshots in [true, false] {
        let state = tempfile::tempdir().unwrap();
        let mut fleet = two_tickets(state.path());
        let (mut store, _) = open(state.path());
        carry_out(&mut store, &mut fleet, vec![pause("A")], snapshots);
        drop(store);
        let (_, loaded) = open(state.path());
        same_tickets(&loaded, &fleet);
        assert!(loaded.fleet.ticket(&key("A")).unwrap().progress.paused);
        assert_eq!(loaded.problems, []);
    }
}

#[test]
fn what_an_engine_that_died_had_no_time_to_snapshot_outlives_those_that_come_after_it() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let (mut store, loaded) = open(state.path());
    let mut fleet = loaded.fleet;
    carry_out(&mut store, &mut fleet, vec![pause("A"), put("C")], false);
    drop(store);
    for later in [vec![pause("B")], Vec::new()] {
        let (mut store, loaded) = open(state.path());
        fleet = loaded.fleet;
        carry_out(&mut store, &mut fleet, later, true);
    }
    let (_, loaded) = open(state.path());
    assert!(loaded.fleet.ticket(&key("A")).unwrap().progress.paused, "what was journaled first is not forgotten");
    assert!(loaded.fleet.ticket(&key("C")).is_some());
    same_tickets(&loaded, &fleet);
}

#[test]
fn the_second_engine_is_told_who_works_there() {
    let state = tempfile::tempdir().unwrap();
    let (_first, _) = open(state.path());
    let Err(StoreError::Locked { holder, .. }) = Store::open(state.path()) else { panic!("opened twice") };
    assert_eq!(holder.pid, Some(std::process::id()));
    assert!(super::holder(&Layout::new(state.path())).is_some());
}

#[test]
fn a_journal_cut_anywhere_keeps_every_whole_record_and_goes_on() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let layout = Layout::new(state.path());
    let journal = fs::read(layout.journal()).unwrap();
    let whole = journal.iter().filter(|byte| **byte == b'\n').count();
    fs::remove_dir_all(layout.plans()).unwrap();
    fs::remove_file(layout.checkpoint()).unwrap();
    for cut in 0..journal.len() {
        fs::create_dir_all(layout.plans()).unwrap();
        fs::write(layout.journal(), &journal[..cut]).unwrap();
        let kept = journal[..cut].iter().filter(|byte| **byte == b'\n').count();
        assert!(kept < whole);
        let (mut store, loaded) = open(state.path());
        assert_eq!(loaded.fleet.plans.len() + loaded.fleet.tickets.len(), kept, "cut at {cut}");
        let mut fleet = loaded.fleet;
        carry_out(&mut store, &mut fleet, vec![Command::PutPlan { plan: plan("q") }], false);
        drop(store);
        assert!(open(state.path()).1.fleet.plans.contains_key(&PlanId::new("q").unwrap()));
    }
}

#[test]
fn a_flipped_byte_in_the_journal_costs_one_record_and_is_reported() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let layout = Layout::new(state.path());
    fs::remove_file(layout.checkpoint()).unwrap();
    fs::remove_dir_all(layout.plans()).unwrap();
    let mut journal = fs::read(layout.journal()).unwrap();
    let second = journal.iter().position(|byte| *byte == b'\n').unwrap() + 30;
    journal[second] ^= 1;
    fs::write(layout.journal(), journal).unwrap();
    let loaded = read(state.path()).unwrap();
    assert_eq!(loaded.problems.len(), 1);
    assert!(loaded.problems[0].to_string().contains("journal.jsonl:2:1: a damaged record"), "{}", loaded.problems[0]);
    assert!(loaded.fleet.ticket(&key("B")).is_some());
}

#[test]
fn a_damaged_ticket_file_is_named_by_line_and_restored_from_the_journal() {
    let state = tempfile::tempdir().unwrap();
    let fleet = two_tickets(state.path());
    let path = Layout::new(state.path()).ticket_file(&key("A"));
    let text = fs::read_to_string(&path).unwrap();
    for cut in 0..text.len() {
        fs::write(&path, &text[..cut]).unwrap();
        let (_, loaded) = open(state.path());
        same_tickets(&loaded, &fleet);
        if cut < text.trim_end().len() {
            assert_eq!(loaded.problems.len(), 1, "cut at {cut}");
            let problem = loaded.problems[0].to_string();
            assert!(problem.starts_with(&format!("{}:", path.display())), "{problem}");
        }
    }
    fs::remove_file(&path).unwrap();
    same_tickets(&open(state.path()).1, &fleet);
}

#[test]
fn a_workflow_version_that_got_lost_is_restored_from_the_journal() {
    let state = tempfile::tempdir().unwrap();
    let (mut store, loaded) = open(state.path());
    let mut fleet = loaded.fleet;
    let workflow: Workflow = serde_json::from_str(
        r#"{"name":"w","description":"","digest":"d1","phases":[{"id":"end","kind":{"type":"terminal","needs_attention":true},
            "onSuccess":null,"onFailure":null,"retry":{"attempts":1,"backoffSeconds":0},"timeoutSeconds":null,
            "maxVisits":1,"capture":{}}]}"#,
    )
    .unwrap();
    carry_out(&mut store, &mut fleet, vec![Command::PutPlan { plan: plan("p") }, put("A")], false);
    let checkout = Checkout {
        path: "/wt".into(),
        branch: "b".into(),
        base_branch: "main".into(),
        base_commit: "0".repeat(40),
        removed: false,
    };
    let mut out = Outbox::default();
    fleet.policy.dispatch = true;
    fleet.step(Timestamp(1_000), Input::Due, &mut out);
    let result = Ok(Ready::new(Arc::new(workflow), checkout));
    let input = Input::Report(Report::Prepared { key: key("A"), result });
    fleet.step(Timestamp(1_000), input.clone(), &mut out);
    let mut touched = Touched::default();
    touched.add(&out.events);
    touched.tickets.insert(key("A"));
    touched.plans.insert(plan("p").id);
    store.journal.append(&[Step { input, policy: fleet.policy.clone(), events: out.events }]).unwrap();
    store.snapshot_now(&Arc::new(fleet.clone()), touched);
    drop(store);
    assert_eq!(read(state.path()).unwrap().fleet.workflows, fleet.workflows);

    let file = Layout::new(state.path()).workflows().join("d1.json");
    for spoil in [|file: &Path| fs::remove_file(file).unwrap(), |file: &Path| fs::write(file, "{").unwrap()] {
        spoil(&file);
        let (_, loaded) = open(state.path());
        same_tickets(&loaded, &fleet);
        assert_eq!(loaded.fleet.workflows, fleet.workflows);
    }
}

#[test]
fn a_crash_between_a_tickets_snapshot_and_its_plans_loses_no_blocker() {
    let state = tempfile::tempdir().unwrap();
    let mut fleet = two_tickets(state.path());
    let (mut store, _) = open(state.path());
    let blocked = Command::PutTicket { brief: brief("C"), order: 1, blocked_by: vec![key("A")] };
    carry_out(&mut store, &mut fleet, vec![blocked], false);
    let only_the_ticket = Touched { tickets: [key("C")].into(), ..Touched::default() };
    let layout = Layout::new(state.path());
    let checkpoint = fs::read(layout.checkpoint()).unwrap();
    store.snapshot_now(&Arc::new(fleet.clone()), only_the_ticket);
    fs::write(layout.checkpoint(), checkpoint).unwrap();
    drop(store);
    same_tickets(&open(state.path()).1, &fleet);
}

#[test]
fn a_journal_of_a_newer_aotui_is_refused_and_stays_as_it_is() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let path = Layout::new(state.path()).journal();
    let body = r#"{"seq":4,"at":"2026-01-01T00:00:00Z","events":[{"event":"planTeleported","plan":"p"}]"#;
    let line = format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()));
    let mut journal = fs::read(&path).unwrap();
    journal.extend_from_slice(line.as_bytes());
    fs::write(&path, &journal).unwrap();
    let error = Store::open(state.path()).unwrap_err().to_string();
    assert!(error.contains("use a newer aotui") && error.contains("planTeleported"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), journal, "nothing was cut off");
}

#[test]
fn files_people_add_and_edit_become_commands_and_own_fields_stay() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let layout = Layout::new(state.path());
    let path = layout.ticket_file(&key("A"));
    let edited = fs::read_to_string(&path).unwrap().replace("Ticket A", "A better title");
    let edited = edited.replacen('{', "{\n  \"x-sprint\": 7,", 1);
    fs::write(&path, edited).unwrap();
    fs::write(layout.ticket_file(&key("C")), r#"{"ticketId":"C","title":"New","description":"x"}"#).unwrap();
    let loaded = read(state.path()).unwrap();
    assert_eq!(loaded.fleet.ticket(&key("A")).unwrap().brief.title, "A better title");
    assert_eq!(loaded.fleet.ticket(&key("C")).unwrap().brief.title, "New");

    let (mut store, loaded) = open(state.path());
    let mut fleet = loaded.fleet;
    assert_eq!(fleet.ticket(&key("A")).unwrap().brief.title, "Ticket A");
    carry_out(&mut store, &mut fleet, loaded.wanted, true);
    assert_eq!(fleet.ticket(&key("A")).unwrap().brief.title, "A better title");
    drop(store);
    assert!(fs::read_to_string(&path).unwrap().contains("\"x-sprint\": 7"));
    same_tickets(&open(state.path()).1, &fleet);
}

#[test]
fn a_key_that_means_nothing_is_shown_and_the_last_good_version_stays() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let layout = Layout::new(state.path());
    let path = layout.ticket_file(&key("A"));
    let good = fs::read_to_string(&path).unwrap();
    for (wrong, said) in [
        ("\"workflw\": \"w\"", "A.json:2:3: unknown key `workflw` (did you mean `workflow`?)"),
        ("\"blockedBy\": [\"B\"]", "unknown key `blockedBy` (`blockedBy` belongs to the ticket's entry in plan.json)"),
        ("\"order\": 3", "belongs to the ticket's entry in plan.json"),
        ("\"sprint\": 7", "call it `x-…`"),
    ] {
        fs::write(&path, good.replacen('{', &format!("{{\n  {wrong},"), 1).replace("Ticket A", "Edited")).unwrap();
        let loaded = read(state.path()).unwrap();
        let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        assert!(problems.len() == 1 && problems[0].contains(said), "{problems:?}");
        assert_eq!(loaded.fleet.ticket(&key("A")).unwrap().brief.title, "Ticket A");
    }
    fs::write(&path, good.replacen("\"title\"", "\"titel\"", 1)).unwrap();
    let said = read(state.path()).unwrap().problems[0].to_string();
    assert!(said.contains("unknown key `titel` (did you mean `title`?)"), "not that one is missing: {said}");
    let plan = fs::read_to_string(layout.plan_file(&key("A").plan)).unwrap();
    fs::write(layout.plan_file(&key("A").plan), plan.replacen("\"blockedBy\"", "\"blockdBy\"", 1)).unwrap();
    let problems = read(state.path()).unwrap().problems;
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.contains("unknown key `blockdBy` (did you mean `blockedBy`?)")), "{said:?}");
    assert_eq!(read(state.path()).unwrap().fleet.tickets.len(), 2);
}

#[test]
fn a_ticket_dropped_in_comes_after_those_that_are_there() {
    let state = tempfile::tempdir().unwrap();
    let (mut store, loaded) = open(state.path());
    let mut fleet = loaded.fleet;
    let put = Command::PutTicket { brief: brief("A"), order: 10, blocked_by: Vec::new() };
    carry_out(&mut store, &mut fleet, vec![Command::PutPlan { plan: plan("p") }, put], true);
    drop(store);
    let path = Layout::new(state.path()).ticket_file(&key("B"));
    fs::write(path, r#"{"ticketId":"B","title":"New"}"#).unwrap();
    let fleet = read(state.path()).unwrap().fleet;
    let order = fleet.tickets_of(&plan("p").id).iter().map(|ticket| ticket.brief.key.clone()).collect::<Vec<_>>();
    assert_eq!(order, [key("A"), key("B")]);
}

#[test]
fn dependencies_that_can_never_be_met_are_named_where_they_stand() {
    let state = tempfile::tempdir().unwrap();
    let layout = Layout::new(state.path());
    layout.create().unwrap();
    fs::create_dir_all(layout.tickets(&PlanId::new("p").unwrap())).unwrap();
    let text = r#"{
  "id": "p",
  "tickets": [
    {"ticketId": "A", "blockedBy": ["B"]},
    {"ticketId": "B", "blockedBy": ["A"]},
    {"ticketId": "C", "blockedBy": ["Bb"]}
  ]
}"#;
    fs::write(layout.plan_file(&PlanId::new("p").unwrap()), text).unwrap();
    let problems: Vec<String> = read(state.path()).unwrap().problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("plan.json:4:") && problems[0].contains("A → B → A"), "{}", problems[0]);
    assert!(problems[1].contains("plan.json:6:") && problems[1].contains("did you mean `B`?"), "{}", problems[1]);
}

#[test]
fn files_that_are_not_what_they_seem_are_refused() {
    let state = tempfile::tempdir().unwrap();
    two_tickets(state.path());
    let layout = Layout::new(state.path());
    let dir = layout.tickets(&PlanId::new("p").unwrap());
    std::os::unix::fs::symlink("/etc/passwd", dir.join("L.json")).unwrap();
    fs::write(dir.join("-rf.json"), "{}").unwrap();
    fs::write(dir.join("D.json"), r#"{"ticketId":"E","title":"x"}"#).unwrap();
    fs::write(dir.join("F.json"), "{\n  \"ticketId\": \"F\",\n  \"title\": 7\n}").unwrap();
    let loaded = read(state.path()).unwrap();
    let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[0].contains("must start with a letter or a digit"));
    assert!(problems[1].contains("ticketId is `E` but the file is called `D.json`"));
    assert!(problems[2].contains("F.json:3:12: invalid type: integer `7`, expected a string"), "{}", problems[2]);
    assert!(problems[3].contains("L.json: cannot be read"));
    assert_eq!(loaded.fleet.tickets.len(), 2);
}

#[test]
fn a_line_says_what_its_step_reacted_to_and_lines_that_do_not_are_read_too() {
    let state = tempfile::tempdir().unwrap();
    let (mut store, loaded) = open(state.path());
    let mut fleet = loaded.fleet;
    let commands = vec![Command::PutPlan { plan: plan("p") }, put("A"), pause("A")];
    let events = carry_out(&mut store, &mut fleet, commands, false);
    drop(store);
    let path = Layout::new(state.path()).journal();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[2]["input"], serde_json::to_value(Input::Command(pause("A"))).unwrap());
    let policies: Vec<bool> = lines.iter().map(|line| line.get("policy").is_some()).collect();
    assert_eq!(policies, [true, false, false], "said once, and again when it changes");

    let old: String = lines
        .iter()
        .map(|line| {
            let (seq, at, events) = (&line["seq"], &line["at"], &line["events"]);
            let body = format!("{{\"seq\":{seq},\"at\":{at},\"events\":{events}");
            format!("{body},\"crc\":\"{:08x}\"}}\n", crc32fast::hash(body.as_bytes()))
        })
        .collect();
    fs::write(&path, old).unwrap();
    assert_eq!(read_journal(&path, 0).unwrap().events, events);
    assert_eq!(open(state.path()).1.fleet.tickets, fleet.tickets);
}

#[test]
fn what_was_said_to_everything_is_there_again_with_and_without_snapshots() {
    for snapshots in [false, true] {
        let state = tempfile::tempdir().unwrap();
        let (mut store, loaded) = open(state.path());
        let mut fleet = loaded.fleet;
        let commands = vec![Command::PutPlan { plan: plan("p") }, put("A"), Command::FreezeAll];
        carry_out(&mut store, &mut fleet, commands, snapshots);
        drop(store);
        let again = open(state.path()).1.fleet;
        assert_eq!((again.mode, again.at), (fleet.mode, fleet.at), "snapshots: {snapshots}");
        assert!(again.mode.is_frozen());
    }
}
