//! Dependencies that can never be met.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::TicketId;
use crate::domain::plan::PlanEntry;

/// Returns every circle of `blockedBy`, each as the tickets on it in order, starting with the smallest id.
pub fn circles(entries: &[PlanEntry]) -> Vec<Vec<TicketId>> {
    let edges: BTreeMap<&TicketId, &[TicketId]> =
        entries.iter().map(|entry| (&entry.ticket_id, entry.blocked_by.as_slice())).collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for start in edges.keys() {
        walk(start, &edges, &mut done, &mut found);
    }
    found
}

/// Walks depth first without recursion, so that a long chain cannot overflow the stack.
fn walk<'a>(
    start: &'a TicketId,
    edges: &BTreeMap<&'a TicketId, &'a [TicketId]>,
    done: &mut BTreeSet<&'a TicketId>,
    found: &mut Vec<Vec<TicketId>>,
) {
    let mut path: Vec<(&TicketId, usize)> = vec![(start, 0)];
    while let Some((at, next)) = path.last_mut() {
        let at = *at;
        let target = if done.contains(at) { None } else { edges.get(at).and_then(|targets| targets.get(*next)) };
        *next += 1;
        match target {
            None => {
                done.insert(at);
                path.pop();
            }
            Some(target) => {
                if let Some(from) = path.iter().position(|(on_path, _)| *on_path == target) {
                    found.push(path.iter().skip(from).map(|(id, _)| (*id).clone()).collect());
                } else if !done.contains(target) {
                    path.push((target, 0));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(edges: &[(&str, &[&str])]) -> Vec<PlanEntry> {
        let id = |text: &str| TicketId::new(text).unwrap();
        edges
            .iter()
            .map(|(from, to)| PlanEntry {
                ticket_id: id(from),
                order: 0,
                blocked_by: to.iter().map(|to| id(to)).collect(),
            })
            .collect()
    }

    #[test]
    fn a_circle_is_named_with_its_path() {
        let found = circles(&entries(&[("A", &["B"]), ("B", &["C"]), ("C", &["A"]), ("D", &["A"])]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].iter().map(TicketId::as_str).collect::<Vec<_>>(), ["A", "B", "C"]);
    }

    #[test]
    fn a_diamond_and_a_missing_blocker_are_no_circles() {
        assert!(circles(&entries(&[("A", &["B", "C"]), ("B", &["D"]), ("C", &["D"]), ("D", &["gone"])])).is_empty());
    }

    #[test]
    fn a_chain_of_ten_thousand_does_not_overflow() {
        let names: Vec<String> = (0..10_000).map(|n| format!("T{n}")).collect();
        let entries: Vec<PlanEntry> = (0..10_000)
            .map(|n| PlanEntry {
                ticket_id: TicketId::new(names[n].clone()).unwrap(),
                order: 0,
                blocked_by: names.get(n + 1).map(|next| TicketId::new(next.clone()).unwrap()).into_iter().collect(),
            })
            .collect();
        assert!(circles(&entries).is_empty());
    }
}
