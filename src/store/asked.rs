//! What the readers of plans and tickets say of a file, for who describes the files.

use super::plan_file::{self, PlanFile};
use super::scan::Defect;
use super::ticket_file::{self, TicketFile};
use crate::domain::ids::PlanId;
use crate::domain::problem::Problem;

/// Returns what is wrong with a plan called `p`.
pub(crate) fn problems_of_plan(text: &str) -> Vec<Problem> {
    PlanFile::parse("plan.json", text, "p").err().map(problem).into_iter().collect()
}

/// Returns what is wrong with a ticket called `T-1` of plan `p`.
pub(crate) fn problems_of_ticket(text: &str) -> Vec<Problem> {
    let plan = PlanId::new("p").unwrap();
    TicketFile::parse("T-1.json", text, &plan, "T-1").err().map(problem).into_iter().collect()
}

/// Returns the keys that plans and tickets may have, those of machines last.
pub(crate) fn keys_of_files() -> [Vec<&'static str>; 2] {
    let both = |own: &[&'static str], others: &[&'static str]| own.iter().chain(others).copied().collect();
    [both(&plan_file::KEYS, &plan_file::FOREIGN), both(&ticket_file::KEYS, &ticket_file::FOREIGN)]
}

fn problem(defect: Defect) -> Problem {
    match defect {
        Defect::Written(problem) | Defect::Damaged(problem) => problem,
    }
}
