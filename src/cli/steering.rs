//! How a verb reaches the state: through the engine that runs, or under the lock where none does.

use std::sync::Arc;

use super::exit::Failure;
use crate::domain::command::Command;
use crate::domain::fleet::Fleet;
use crate::domain::ids::PlanId;
use crate::domain::problem::nearest;
use crate::domain::ticket::Ticket;

/// The state as a verb sees and changes it.
pub trait Steering {
    /// Returns how everything stands.
    fn fleet(&self) -> &Fleet;

    /// Returns whether an engine runs, which carries out what follows; without one only the state changes.
    fn has_engine(&self) -> bool;

    /// Has commands carried out, one after the other; stops at the first refusal. What was accepted is on disk.
    fn command(&mut self, commands: Vec<Command>) -> Result<(), Failure>;
}

/// Finds the one ticket that `typed` means: `TICKET` or `PLAN/TICKET`, letter case ignored.
pub fn find_ticket(fleet: &Fleet, typed: &str) -> Result<Arc<Ticket>, Failure> {
    match fleet.find(typed).as_slice() {
        [only] => Ok(Arc::clone(only)),
        [] => {
            let keys: Vec<(String, String)> =
                fleet.tickets.keys().map(|key| (key.to_string(), key.ticket.to_string())).collect();
            let candidates = keys.iter().flat_map(|(key, id)| [key.as_str(), id.as_str()]);
            let near = nearest(&typed.to_uppercase(), candidates.clone()).or_else(|| nearest(typed, candidates));
            let hint = near.map_or("`aotui status` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            Err(Failure::usage(format!("there is no ticket `{}`", super::output::plain(typed))).hint(hint))
        }
        several => {
            let keys: Vec<String> = several.iter().map(|ticket| ticket.brief.key.to_string()).collect();
            Err(Failure::usage(format!("`{typed}` is a ticket of {} plans", several.len()))
                .hint(format!("name the plan too: {}", keys.join(", "))))
        }
    }
}

/// Finds the ticket or walk that `typed` means, walks that are over included.
pub fn find_ticket_or_past(fleet: &Fleet, typed: &str) -> Result<Arc<Ticket>, Failure> {
    let same = |walk: &Ticket| {
        let key = &walk.brief.key;
        key.name().eq_ignore_ascii_case(typed) || key.to_string().eq_ignore_ascii_case(typed)
    };
    find_ticket(fleet, typed).or_else(|failure| {
        let past = fleet.tickets.values().flat_map(|ticket| ticket.walks_over()).find(same);
        past.map(Arc::new).ok_or(failure)
    })
}

/// Finds the plan that `typed` means, letter case ignored.
pub fn find_plan(fleet: &Fleet, typed: &str) -> Result<PlanId, Failure> {
    if let Some(plan) = fleet.plans.keys().find(|plan| plan.as_str().eq_ignore_ascii_case(typed)) {
        return Ok(plan.clone());
    }
    let names: Vec<&str> = fleet.plans.keys().map(PlanId::as_str).collect();
    let hint = match nearest(typed, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "`aotui init` makes one for the repository you are in".to_owned(),
        None => format!("plans here: {}", names.join(", ")),
    };
    Err(Failure::usage(format!("there is no plan `{}`", super::output::plain(typed))).hint(hint))
}
