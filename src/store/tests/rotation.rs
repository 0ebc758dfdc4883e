//! Stories of a journal that is too long for one file.

use super::*;
use crate::store::{History, history};

/// Smallest journal that is put aside, in bytes: a few records.
const SMALL: u64 = 8 * 1_000;

/// A state with a plan and two tickets and a history of so many changes, in files of a few records each.
fn busy(state: &Path, changes: usize) -> Fleet {
    let mut fleet = two_tickets(state);
    let (mut store, _) = open(state);
    store.journal.keep(SMALL);
    for n in 0..changes {
        let action = if n % 2 == 0 { TicketAction::Pause } else { TicketAction::Resume };
        carry_out(&mut store, &mut fleet, vec![Command::Ticket { key: key("A"), action }], n % 5 == 0);
        store.journal.rotate_if_full(&fleet);
    }
    fleet
}

fn files(layout: &Layout) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(layout.journal_history())
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn forget_snapshots(layout: &Layout) {
    fs::remove_dir_all(layout.plans()).unwrap();
    fs::create_dir_all(layout.plans()).unwrap();
    fs::remove_file(layout.checkpoint()).unwrap();
}

#[test]
fn a_long_journal_stays_bounded_and_still_says_everything() {
    let state = tempfile::tempdir().unwrap();
    let layout = Layout::new(state.path());
    let fleet = busy(state.path(), 200);
    let size: u64 =
        files(&layout).iter().map(|name| fs::metadata(layout.journal_history().join(name)).unwrap().len()).sum();
    assert!(size <= SMALL + SMALL / 4, "{size} bytes in {:?}", files(&layout));
    same_tickets(&open(state.path()).1, &fleet);

    let History { before, content } = history(&layout).unwrap();
    let mut again = before.unwrap();
    assert!(again.seq > 0, "the oldest files went");
    assert_eq!(content.events.first().unwrap().seq, again.seq + 1);
    content.events.iter().for_each(|recorded| again.apply(recorded));
    assert_eq!((&again.tickets, again.seq), (&fleet.tickets, fleet.seq));

    forget_snapshots(&layout);
    let loaded = read(state.path()).unwrap();
    assert_eq!(loaded.problems, []);
    same_tickets(&loaded, &fleet);
}

#[test]
fn a_crash_while_the_journal_is_put_aside_loses_nothing() {
    let begun = |state: &Path| {
        let fleet = two_tickets(state);
        crate::store::segments::write_base(&Layout::new(state), &fleet).unwrap();
        fleet
    };
    let moved = |state: &Path| {
        let fleet = begun(state);
        let layout = Layout::new(state);
        fs::rename(layout.journal(), crate::store::segments::closed_path(&layout, 1)).unwrap();
        fleet
    };
    for crashed in [&begun as &dyn Fn(&Path) -> Fleet, &moved] {
        for with_snapshots in [true, false] {
            let state = tempfile::tempdir().unwrap();
            let mut fleet = crashed(state.path());
            if !with_snapshots {
                forget_snapshots(&Layout::new(state.path()));
            }
            let (mut store, loaded) = open(state.path());
            same_tickets(&loaded, &fleet);
            assert_eq!(loaded.problems, []);
            carry_out(&mut store, &mut fleet, vec![pause("A")], false);
            store.journal.rotate(&fleet).unwrap();
            carry_out(&mut store, &mut fleet, vec![pause("B")], false);
            drop(store);
            same_tickets(&open(state.path()).1, &fleet);
        }
    }
}

#[test]
fn a_damaged_base_is_put_aside_and_the_one_before_it_tells_the_same() {
    let state = tempfile::tempdir().unwrap();
    let layout = Layout::new(state.path());
    let fleet = busy(state.path(), 60);
    forget_snapshots(&layout);
    let newest = files(&layout).into_iter().rfind(|name| name.ends_with(".base.json")).unwrap();
    let path = layout.journal_history().join(&newest);
    let mut base = fs::read(&path).unwrap();
    let middle = base.len() / 2;
    base[middle] ^= 1;
    fs::write(&path, &base).unwrap();
    let (_, loaded) = open(state.path());
    same_tickets(&loaded, &fleet);
    assert_eq!(loaded.damage.len(), 1);
    let aside = files(&layout).into_iter().find(|name| name.starts_with(&format!("{newest}.corrupt-"))).unwrap();
    assert!(loaded.damage[0].to_string().contains(&aside), "{}", loaded.damage[0]);
    assert_eq!(fs::read(layout.journal_history().join(aside)).unwrap(), base);
    assert_eq!(open(state.path()).1.problems, [], "it is said once");
}

#[test]
fn a_damaged_record_is_said_once_and_stays_where_it_is() {
    let state = tempfile::tempdir().unwrap();
    let layout = Layout::new(state.path());
    two_tickets(state.path());
    forget_snapshots(&layout);
    let mut journal = fs::read(layout.journal()).unwrap();
    let second = journal.iter().position(|byte| *byte == b'\n').unwrap() + 30;
    journal[second] ^= 1;
    fs::write(layout.journal(), &journal).unwrap();
    let (_, loaded) = open(state.path());
    assert!(loaded.fleet.ticket(&key("A")).is_none() && loaded.fleet.ticket(&key("B")).is_some());
    assert!(loaded.damage[0].to_string().contains("journal.jsonl:2:1: a damaged record"), "{}", loaded.damage[0]);
    let (_, again) = open(state.path());
    assert_eq!((again.problems.len(), again.fleet.tickets.len()), (0, 1));
    assert_eq!(fs::read(layout.journal_history().join(&files(&layout)[0])).unwrap(), journal);
}

#[test]
fn a_journal_that_lost_its_end_counts_on_from_what_the_tickets_know() {
    let state = tempfile::tempdir().unwrap();
    let layout = Layout::new(state.path());
    let fleet = two_tickets(state.path());
    fs::remove_file(layout.journal()).unwrap();
    for problems in [1, 0] {
        let (mut store, loaded) = open(state.path());
        assert_eq!(loaded.problems.len(), problems, "{:?}", loaded.problems);
        let mut known = loaded.fleet;
        carry_out(&mut store, &mut known, vec![Command::Ticket { key: key("A"), action: TicketAction::Pause }], false);
        assert!(known.seq >= fleet.seq);
        assert_eq!(known.tickets.len(), 2);
    }
    assert!(open(state.path()).1.fleet.ticket(&key("A")).unwrap().progress.paused);
}
