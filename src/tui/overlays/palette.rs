//! The palette: every action and every ticket by a few letters.

use crate::actions::{Action, Context};
use crate::domain::ids::TicketKey;
use crate::tui::model::Model;
use crate::tui::widgets::chooser::{Choice, Chooser};

/// What the palette offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) enum PaletteChoice {
    /// Does this.
    Act(Action),
    /// Selects this ticket.
    Select(TicketKey),
}

pub(super) fn chooser(model: &Model) -> Chooser<PaletteChoice> {
    let ticket = model.ticket().map(AsRef::as_ref);
    let offered = |action: &Action| action.spec().contexts.contains(&Context::Fleet) && *action != Action::Palette;
    let mut choices: Vec<Choice<PaletteChoice>> = Vec::new();
    for action in Action::ALL.iter().copied().filter(offered) {
        let why = model.available(action, ticket).err();
        let note = why.as_ref().map_or_else(|| action.spec().doc.to_owned(), |why| format!("not now: {why}"));
        let choice = Choice::new(PaletteChoice::Act(action), action.name(), &note);
        choices.push(choice.right(model.key(action)).off(why.is_some()));
    }
    choices.sort_by_key(Choice::is_off);
    for ticket in model.fleet.tickets.values() {
        let key = &ticket.brief.key;
        choices.push(Choice::new(PaletteChoice::Select(key.clone()), &key.to_string(), &ticket.brief.title));
    }
    Chooser::new(choices)
}
