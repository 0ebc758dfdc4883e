//! The phase a ticket goes on with.

use crate::domain::ids::{PhaseId, TicketKey};
use crate::domain::workflow::PhaseKind;
use crate::tui::model::Model;
use crate::tui::widgets::chooser::{Choice, Chooser};

/// Returns the phases of the ticket's workflow, the one after its own chosen; `None` before it started.
pub(super) fn chooser(model: &Model, key: &TicketKey) -> Option<Chooser<PhaseId>> {
    let ticket = model.fleet.ticket(key)?;
    let workflow = model.fleet.workflow_of(ticket)?;
    let current = ticket.progress.phase.as_ref().and_then(|phase| workflow.position(phase));
    let choices = workflow.phases.iter().enumerate().map(|(at, phase)| {
        let kind = match &phase.kind {
            PhaseKind::Terminal { needs_attention: true } => "ends the ticket, for you to look at",
            PhaseKind::Terminal { needs_attention: false } => "ends the ticket",
            kind => kind.name(),
        };
        let here = if current == Some(at) { ", it is here" } else { "" };
        Choice::new(phase.id.clone(), phase.id.as_str(), &format!("{kind}{here}"))
    });
    Some(Chooser::new(choices.collect()).starting_at(current.map_or(0, |at| at + 1)))
}
