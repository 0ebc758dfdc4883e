//! A question before an action that costs something.

use ratatui::text::Line;

use crate::actions::Action;
use crate::domain::ids::TicketKey;
use crate::domain::permission::PermissionRule;
use crate::tui::format::{clean, wrap};
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// Asks about one ticket.
pub(super) fn lines(model: &Model, key: &TicketKey, action: Action) -> Vec<Line<'static>> {
    let title = model.fleet.ticket(key).map(|ticket| clean(&ticket.brief.title)).unwrap_or_default();
    question(model, title, action)
}

/// Asks about everything.
pub(super) fn lines_for_all(model: &Model, action: Action) -> Vec<Line<'static>> {
    question(model, format!("{} at work", model.fleet.at_work()), action)
}

/// Asks about a rule, which is shown as it will be kept.
pub(super) fn lines_for_rule(model: &Model, rule: &PermissionRule, columns: usize) -> Vec<Line<'static>> {
    let theme = &model.setup.theme;
    let what =
        "From now on any agent may do exactly this without asking; the rule goes into `permissions` of your settings.";
    let lines = wrap(&rule.to_string(), columns).into_iter().map(|line| Line::styled(line, theme.style(Role::Strong)));
    lines.chain(wrap(what, columns).into_iter().map(|line| Line::styled(line, theme.style(Role::Warn)))).collect()
}

fn question(model: &Model, about: String, action: Action) -> Vec<Line<'static>> {
    let theme = &model.setup.theme;
    let consequence = action.spec().danger.unwrap_or_default();
    vec![Line::styled(about, theme.style(Role::Muted)), Line::styled(consequence, theme.style(Role::Warn))]
}
