//! `aotui schema`: JSON Schemas of the files people write, for editors.
//!
//! They are made by asking the readers of these files what they take, so that neither can say what the other does not; a
//! test keeps them current.

use super::say;
use crate::cli::{Exit, Failure};
use crate::domain::problem::nearest;

/// Every schema: the name it is asked for by, and its text.
const SCHEMAS: [(&str, &str); 7] = [
    ("settings", include_str!("../../assets/schemas/settings.json")),
    ("workflow", include_str!("../../assets/schemas/workflow.json")),
    ("agent", include_str!("../../assets/schemas/agent.json")),
    ("rules", include_str!("../../assets/schemas/rules.json")),
    ("plan", include_str!("../../assets/schemas/plan.json")),
    ("ticket", include_str!("../../assets/schemas/ticket.json")),
    ("theme", include_str!("../../assets/schemas/theme.json")),
];

/// Prints the schema of that name.
pub(super) fn print(name: &str) -> Result<Exit, Failure> {
    if let Some((_, text)) = SCHEMAS.iter().find(|(known, _)| *known == name) {
        return say(text);
    }
    let names = SCHEMAS.map(|(name, _)| name);
    let hint = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Err(Failure::usage(format!("there is no schema `{name}`")).hint(hint))
}

#[cfg(test)]
mod asked;
#[cfg(test)]
mod tests;
