//! Every file of a rich state, cut short at every byte and with every byte flipped: nothing panics, nothing is taken
//! for what it is not, and no ticket but the damaged one is touched.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::domain::event::{Event, TicketEvent};
use crate::domain::fleet::Step;
use crate::domain::ids::SessionId;
use crate::domain::problem::Problem;
use crate::domain::session::{Answer, Ask, Outcome, Request};
use crate::domain::ticket::{Failure, FailureClass};

/// How far apart the damaged bytes are. `AOTUI_TEST_STRIDE=1` takes all of them.
fn stride() -> usize {
    std::env::var("AOTUI_TEST_STRIDE").ok().and_then(|text| text.parse().ok()).unwrap_or(47)
}

fn workflow() -> Workflow {
    serde_json::from_str(
        r#"{"name":"w","description":"","digest":"d1","phases":[{"id":"end","kind":{"type":"terminal","needs_attention":true},
            "onSuccess":null,"onFailure":null,"retry":{"attempts":1,"backoffSeconds":0},"timeoutSeconds":null,
            "maxVisits":1,"capture":{}}]}"#,
    )
    .unwrap()
}

/// Makes facts true and writes them down, each as a step of its own.
fn facts(store: &mut Store, fleet: &mut Fleet, events: Vec<Event>) -> Touched {
    let mut touched = Touched::default();
    for event in events {
        let recorded = Recorded { seq: fleet.seq + 1, at: Timestamp(1_000 + fleet.seq as i64), event };
        fleet.apply(&recorded);
        touched.add(std::slice::from_ref(&recorded));
        store.journal.append(&[Step { input: Input::Due, policy: Policy::default(), events: vec![recorded] }]).unwrap();
    }
    touched
}

/// What brings a ticket into each of its statuses.
fn lives() -> Vec<(&'static str, Vec<TicketEvent>)> {
    let checkout = Checkout {
        path: "/wt".into(),
        branch: "b".into(),
        base_branch: "main".into(),
        base_commit: "0".repeat(40),
        removed: false,
    };
    let phase = || "end".parse().unwrap();
    let failure = || Failure { class: FailureClass::Exit, message: "exit code 1".into(), evidence: "a\nb".into() };
    let walk = |rest: Vec<TicketEvent>, ticket: &str| {
        let mut walk = vec![
            TicketEvent::Started,
            TicketEvent::Prepared { digest: "d1".into(), checkout: checkout.clone() },
            TicketEvent::PhaseEntered { phase: phase() },
            TicketEvent::SessionIntended {
                session: SessionId::new(key(ticket), 1),
                agent: None,
                deadline: Some(Timestamp(9_000)),
                counts: true,
            },
        ];
        walk.extend(rest);
        walk
    };
    let request = Request {
        id: "r1".parse().unwrap(),
        ask: Ask::Permission { tool: "Bash".into(), detail: "ls".into(), reason: None, target: None },
        asked_at: Timestamp(5),
    };
    let ended = |outcome| TicketEvent::AttemptEnded { outcome, captures: BTreeMap::from([("k".into(), "v".into())]) };
    let failed = || ended(Outcome::Failed { failure: failure() });
    vec![
        ("A", Vec::new()),
        ("B", vec![TicketEvent::Started]),
        ("C", walk(vec![TicketEvent::Asked { request: request.clone() }], "C")),
        (
            "D",
            walk(
                vec![
                    TicketEvent::Asked { request },
                    TicketEvent::Answered { request: "r1".parse().unwrap(), answer: Answer::Allow, by: None },
                ],
                "D",
            ),
        ),
        ("E", walk(vec![TicketEvent::PollPending { next: Timestamp(7), deadline: None }], "E")),
        ("F", walk(vec![failed(), TicketEvent::BackedOff { until: Timestamp(8), because: None }], "F")),
        ("G", walk(vec![failed(), TicketEvent::Failed { failure: failure() }], "G")),
        ("H", walk(vec![ended(Outcome::Success), TicketEvent::ApprovalAsked { message: "ok?".into() }], "H")),
        ("I", walk(vec![ended(Outcome::Success), TicketEvent::Completed { needs_attention: false }], "I")),
        ("J", vec![TicketEvent::Paused]),
    ]
}

/// Two plans, a ticket in every status, a history; half of it in the newest base, the rest behind it; all snapshots
/// written but for the last fact.
fn rich(state: &Path) -> Fleet {
    let (mut store, loaded) = open(state);
    let mut fleet = loaded.fleet;
    let other = Event::PlanPut { plan: plan("other") };
    let mut touched = facts(&mut store, &mut fleet, vec![Event::PlanPut { plan: plan("p") }, other]);
    touched.merge(facts(&mut store, &mut fleet, vec![Event::WorkflowLoaded { workflow: Arc::new(workflow()) }]));
    for (n, (ticket, life)) in lives().into_iter().enumerate() {
        let blocked_by = if ticket == "J" { vec![key("A")] } else { Vec::new() };
        let put = Event::TicketPut { brief: brief(ticket), order: n as i64, blocked_by };
        touched.merge(facts(&mut store, &mut fleet, vec![put]));
        let events = life.into_iter().map(|what| Event::Ticket { key: key(ticket), what }).collect();
        touched.merge(facts(&mut store, &mut fleet, events));
        if ticket == "E" {
            store.journal.rotate(&fleet).unwrap();
        }
    }
    store.snapshot_now(&Arc::new(fleet.clone()), touched);
    facts(&mut store, &mut fleet, vec![Event::Ticket { key: key("A"), what: TicketEvent::Paused }]);
    fleet
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a directory.
fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The damaged forms of a file: cut short, and with one bit flipped.
fn damaged(whole: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let stride = stride();
    let cut = (0..whole.len()).step_by(stride).map(|at| (format!("cut at {at}"), whole[..at].to_vec()));
    let flipped = (0..whole.len()).step_by(stride).map(|at| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << (at % 7);
        (format!("bit {} of byte {at} flipped", at % 7), bytes)
    });
    cut.chain(flipped)
}

/// The ticket whose own file this is.
fn owner(path: &Path) -> Option<TicketKey> {
    let in_tickets = path.parent()?.file_name()? == "tickets";
    in_tickets.then(|| key(path.file_stem().unwrap().to_str().unwrap()))
}

/// Checks what was loaded from a state one of whose files is damaged. `may_lose` is whether a record of the journal may be
/// gone with it.
fn check(loaded: &Loaded, fleet: &Fleet, path: &Path, how: &str, may_lose: bool) {
    let at = format!("{}, {how}: {:#?}", path.display(), loaded.problems);
    for (key, known) in &fleet.tickets {
        let found = loaded.fleet.ticket(key).unwrap_or_else(|| panic!("{key} is gone: {at}"));
        // The last fact is in the journal alone.
        let last = key.ticket.as_str() == "A" && may_lose;
        assert!(last || found.progress == known.progress, "{key} stands elsewhere: {at}");
        let edited = owner(path).as_ref() == Some(key) || path.ends_with("p/plan.json");
        assert!(edited || found.brief == known.brief && found.blocked_by == known.blocked_by, "{key} changed: {at}");
    }
    assert_eq!(loaded.fleet.tickets.len(), fleet.tickets.len(), "{at}");
    assert!(fleet.plans.keys().eq(loaded.fleet.plans.keys()), "{at}");
    assert_eq!(loaded.fleet.workflows, fleet.workflows, "{at}");
    let names_it = |problem: &Problem| problem.file == path.display().to_string();
    assert!(loaded.problems.iter().all(names_it), "another file is blamed: {at}");
}

#[test]
fn whatever_byte_of_whatever_file_is_damaged_no_other_ticket_is_touched() {
    let original = tempfile::tempdir().unwrap();
    let fleet = rich(original.path());
    let spoilt = tempfile::tempdir().unwrap();
    copy(original.path(), spoilt.path());
    let layout = Layout::new(spoilt.path());
    for path in all_files(spoilt.path()) {
        let whole = fs::read(&path).unwrap();
        for (how, bytes) in damaged(&whole) {
            fs::write(&path, &bytes).unwrap();
            let loaded = read(spoilt.path()).unwrap();
            check(&loaded, &fleet, &path, &how, path == layout.journal());
        }
        fs::write(&path, whole).unwrap();
    }
}

/// Whether a damaged file is renamed: those that tickets and plans are in. The others are written anew anyway.
fn is_put_aside(layout: &Layout, path: &Path) -> bool {
    let own = [layout.checkpoint(), layout.lock(), layout.format(), layout.journal()];
    !own.contains(&path.to_path_buf()) && path.parent() != Some(&layout.journal_history())
}

#[test]
fn an_engine_that_starts_mends_the_damage_keeps_the_bytes_and_says_so_once() {
    let original = tempfile::tempdir().unwrap();
    let fleet = rich(original.path());
    for path in all_files(original.path()) {
        let name = path.strip_prefix(original.path()).unwrap();
        let whole = fs::read(&path).unwrap();
        for (how, bytes) in
            [("emptied", Vec::new()), ("halved", whole[..whole.len() / 2].to_vec()), ("zeroed", vec![0; whole.len()])]
        {
            let spoilt = tempfile::tempdir().unwrap();
            copy(original.path(), spoilt.path());
            let path = spoilt.path().join(name);
            fs::write(&path, &bytes).unwrap();
            let (mut store, loaded) = open(spoilt.path());
            check(&loaded, &fleet, &path, how, path == store.layout.journal());
            if is_put_aside(&store.layout, &path) && !bytes.is_empty() {
                let start = path.display().to_string() + ".corrupt-";
                let files = all_files(path.parent().unwrap());
                let kept = files.iter().find(|file| file.display().to_string().starts_with(&start));
                assert_eq!(fs::read(kept.unwrap()).unwrap(), bytes, "{}", path.display());
            }
            store.snapshot_now(&Arc::new(loaded.fleet.clone()), Touched::default());
            drop(store);
            let (_, again) = open(spoilt.path());
            assert_eq!(again.problems, [], "{} {how} is said again", path.display());
            same_tickets(&again, &loaded.fleet);
        }
    }
}

#[test]
fn the_state_of_a_newer_aotui_is_shown_and_not_written() {
    let state = tempfile::tempdir().unwrap();
    let fleet = two_tickets(state.path());
    let layout = Layout::new(state.path());
    fs::write(layout.format(), crate::store::seal::seal(br#"{"format":2}"#.to_vec())).unwrap();
    let before: Vec<Vec<u8>> = all_files(state.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    let error = Store::open(state.path()).unwrap_err().to_string();
    assert!(error.contains("written by a newer aotui (form 2"), "{error}");
    let loaded = read(state.path()).unwrap();
    same_tickets(&loaded, &fleet);
    assert_eq!(loaded.problems.len(), 1);
    let after: Vec<Vec<u8>> = all_files(state.path()).iter().map(|path| fs::read(path).unwrap()).collect();
    let lock = all_files(state.path()).iter().position(|path| *path == layout.lock());
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(before == after || Some(n) == lock);
    }
}
