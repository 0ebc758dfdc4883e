//! New tickets that come together: all of them or none.

use std::collections::BTreeMap;

use super::circles;
use super::on_command::{Done, unknown_plan};
use super::step::Turn;
use crate::domain::command::{NewTicket, Rejection};
use crate::domain::event::Event;
use crate::domain::ids::{PlanId, TicketId, TicketKey};
use crate::domain::plan::{Plan, PlanEntry};

impl Turn<'_> {
    /// Adds plans and tickets that are not there yet. Everything is checked before anything is recorded.
    pub(super) fn add_tickets(&mut self, plans: Vec<Plan>, tickets: Vec<NewTicket>) -> Done {
        self.check_plans(&plans)?;
        self.check_tickets(&plans, &tickets)?;
        for plan in plans {
            self.put_plan(plan)?;
        }
        for NewTicket { brief, order, blocked_by } in tickets {
            self.record(Event::TicketPut { brief, order, blocked_by });
        }
        Ok(())
    }

    fn check_plans(&self, plans: &[Plan]) -> Done {
        for (n, plan) in plans.iter().enumerate() {
            let mut others = self.fleet.plans.keys().chain(plans.iter().take(n).map(|plan| &plan.id));
            if let Some(twin) = others.find(|known| known.as_str().eq_ignore_ascii_case(plan.id.as_str())) {
                return Err(Rejection::new(format!("there is a plan `{twin}` already")).hint("give it another id"));
            }
        }
        Ok(())
    }

    fn check_tickets(&self, plans: &[Plan], tickets: &[NewTicket]) -> Done {
        let mut new: BTreeMap<(&PlanId, String), &TicketKey> = BTreeMap::new();
        for ticket in tickets {
            let key = &ticket.brief.key;
            if !self.fleet.plans.contains_key(&key.plan) && !plans.iter().any(|plan| plan.id == key.plan) {
                let known = self.fleet.plans.keys().chain(plans.iter().map(|plan| &plan.id));
                return Err(unknown_plan(known, &key.plan));
            }
            let name = |key: &TicketKey| key.ticket.as_str().to_ascii_uppercase();
            let known = self.fleet.tickets.keys().find(|known| known.plan == key.plan && name(known) == name(key));
            if let Some(twin) = known.or(new.insert((&key.plan, name(key)), key)) {
                return Err(Rejection::new(format!("there is a ticket `{twin}` already")).hint("give it another id"));
            }
        }
        let is_there = |key: &TicketKey| self.fleet.ticket(key).is_some() || new.values().any(|new| *new == key);
        for NewTicket { brief, blocked_by, .. } in tickets {
            if let Some(gone) = blocked_by.iter().find(|blocker| !is_there(blocker) || blocker.plan != brief.key.plan) {
                return Err(Rejection::new(format!(
                    "`{}` is blocked by `{gone}`, which is not in its plan",
                    brief.key
                ))
                .hint("add that ticket too, or remove it from blockedBy"));
            }
        }
        match circle(tickets) {
            Some(path) => Err(Rejection::new(format!("blockedBy goes in a circle: {path}"))
                .hint("none of these tickets could ever start; remove one blockedBy")),
            None => Ok(()),
        }
    }
}

/// Returns the first circle among tickets that are new: those that are there already wait for none of them.
fn circle(tickets: &[NewTicket]) -> Option<String> {
    let mut plans: BTreeMap<&PlanId, Vec<PlanEntry>> = BTreeMap::new();
    for NewTicket { brief, order, blocked_by } in tickets {
        let blocked_by = blocked_by.iter().map(|key| key.ticket.clone()).collect();
        let entry = PlanEntry { ticket_id: brief.key.ticket.clone(), order: *order, blocked_by };
        plans.entry(&brief.key.plan).or_default().push(entry);
    }
    let circle = plans.values().find_map(|entries| circles(entries).into_iter().next())?;
    let path: Vec<&str> = circle.iter().chain(circle.first()).map(TicketId::as_str).collect();
    Some(path.join(" → "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::command::Command;
    use crate::domain::fleet::{Fleet, Input, Outbox};
    use crate::domain::time::Timestamp;

    fn plan(id: &str) -> Plan {
        serde_json::from_value(serde_json::json!({ "id": id, "name": id })).unwrap()
    }

    fn ticket(key: &str, blocked_by: &[&str]) -> NewTicket {
        let brief = serde_json::from_value(serde_json::json!({ "key": key, "title": key })).unwrap();
        NewTicket { brief, order: 0, blocked_by: blocked_by.iter().map(|key| key.parse().unwrap()).collect() }
    }

    fn add(fleet: &mut Fleet, plans: Vec<Plan>, tickets: Vec<NewTicket>) -> Result<(), String> {
        let mut out = Outbox::default();
        fleet.step(Timestamp(0), Input::Command(Command::AddTickets { plans, tickets }), &mut out);
        out.rejection.map_or(Ok(()), |rejection| Err(rejection.message))
    }

    #[test]
    fn tickets_come_with_their_plan_and_may_wait_for_each_other_in_any_order() {
        let mut fleet = Fleet::default();
        fleet.policy.dispatch = false;
        add(&mut fleet, vec![plan("p")], vec![ticket("p/B", &["p/A"]), ticket("p/A", &[])]).unwrap();
        add(&mut fleet, vec![], vec![ticket("p/C", &["p/B"])]).unwrap();
        assert_eq!((fleet.plans.len(), fleet.tickets.len()), (1, 3));
    }

    #[test]
    fn one_that_cannot_be_keeps_all_others_out() {
        for (plans, last, why) in [
            (vec![plan("q")], ticket("q/OLD", &["q/GONE"]), "not in its plan"),
            (vec![plan("P")], ticket("P/X", &[]), "there is a plan `p` already"),
            (vec![], ticket("p/old", &[]), "there is a ticket `p/OLD` already"),
            (vec![], ticket("p/a", &[]), "there is a ticket `p/A` already"),
            (vec![], ticket("p/X", &["p/X"]), "circle: X → X"),
            (vec![], ticket("nope/X", &[]), "there is no plan `nope`"),
            (vec![plan("q")], ticket("q/X", &["p/OLD"]), "not in its plan"),
        ] {
            let mut fleet = Fleet::default();
            fleet.policy.dispatch = false;
            add(&mut fleet, vec![plan("p")], vec![ticket("p/OLD", &[])]).unwrap();
            let before = fleet.clone();
            let said = add(&mut fleet, plans, vec![ticket("p/A", &[]), last]).unwrap_err();
            assert!(said.contains(why), "{said}");
            assert_eq!(fleet, before);
        }
    }
}
