//! A question before an action that costs something.

use ratatui::text::Line;

use crate::actions::Action;
use crate::domain::ids::TicketKey;
use crate::tui::format::clean;
use crate::tui::model::Model;
use crate::tui::theme::Role;

pub(super) fn lines(model: &Model, key: &TicketKey, action: Action) -> Vec<Line<'static>> {
    let theme = &model.setup.theme;
    let title = model.fleet.ticket(key).map(|ticket| clean(&ticket.brief.title)).unwrap_or_default();
    let consequence = action.spec().danger.unwrap_or_default();
    vec![Line::styled(title, theme.style(Role::Muted)), Line::styled(consequence, theme.style(Role::Warn))]
}
