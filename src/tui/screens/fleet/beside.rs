//! Draws what is beside the table: the selected ticket's terminal and the line above it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::row::worker;
use crate::actions::Action;
use crate::domain::ids::SessionId;
use crate::domain::session::Outcome;
use crate::domain::ticket::{Status, Ticket};
use crate::tui::format::{clean, count, cut, distance};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::view::PaneView;
use crate::tui::widgets::pen::Pen;
use crate::tui::widgets::reader::Scroll;

/// Draws the line above the terminal: whose it is, and how to leave it.
pub(super) fn draw_bar(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let session = model.session();
    let key = session.as_ref().map(|session| &session.ticket).or_else(|| model.table.selected());
    let Some(ticket) = key.and_then(|key| model.fleet.ticket(key)) else { return };
    let dot = format!(" {} ", model.setup.symbols.dot);
    let mut pen = Pen::new(area, buffer);
    pen.put(" ", Style::new());
    pen.put(ticket.brief.key.ticket.as_str(), theme.style(Role::Strong));
    if model.attached() {
        pen.right(&format!("  {} leaves ", model.key(Action::Leave)), theme.style(Role::Key));
        for action in [Action::TakeOver, Action::HandBack] {
            if model.available(action, Some(ticket)).is_ok() {
                pen.right(&format!("  {} {} ", model.key(action), action.spec().label), theme.style(Role::Key));
            }
        }
        if model.gone.is_some() {
            pen.right("  no engine ", theme.style(Role::Bad));
        }
        let needing = model.table.needing_you();
        if needing > 0 {
            pen.right(&format!("  {} ", count(needing, "needs you", "need you")), theme.style(Role::Badge));
        }
    }
    for fact in bar_facts(model, ticket) {
        if !pen.put_whole(&format!("{dot}{fact}"), theme.style(Role::Muted)) {
            break;
        }
    }
}

/// Returns what is said about a ticket above its terminal, the most important first.
fn bar_facts(model: &Model, ticket: &Ticket) -> Vec<String> {
    let progress = &ticket.progress;
    let mut facts = Vec::new();
    facts.extend(progress.phase.as_ref().map(ToString::to_string));
    facts.push(worker(&model.fleet, ticket));
    if let Status::Running { since, .. } | Status::Stopping { since, .. } = progress.status {
        facts.push(distance(since, model.seen_at()));
        facts.push(format!("attempt {}", progress.attempt));
    }
    facts.retain(|fact| !fact.is_empty());
    facts
}

/// Draws the terminal, or what is wanted where there is none yet. Returns where its cursor is, if it has the keys.
pub(super) fn draw_pane(
    model: &Model,
    pane: Option<PaneView<'_>>,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let Some(session) = model.session() else {
        if let Some(ticket) = model.table.selected().and_then(|key| model.fleet.ticket(key)) {
            let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
            Scroll::default().draw(&super::brief(model, ticket, usize::from(inner.width)), inner, buffer);
        }
        return None;
    };
    let live = model.is_live(&session);
    let screen = Rect { height: area.height - u16::from(!live), ..area };
    let cursor = pane.and_then(|pane| pane(screen, buffer));
    if !live {
        let mut pen = Pen::new(Rect { y: screen.bottom(), height: 1, ..area }, buffer);
        let (text, role) = ending(model, &session);
        let columns = usize::from(area.width).saturating_sub(2);
        pen.put(&format!(" {}", cut(&text, columns, model.setup.symbols.ellipsis)), model.setup.theme.style(role));
    }
    cursor.filter(|_| live && model.attached())
}

/// Says how a session ended.
fn ending(model: &Model, session: &SessionId) -> (String, Role) {
    let ticket = model.fleet.ticket(&session.ticket);
    let entry = ticket
        .and_then(|ticket| ticket.progress.history.iter().rev().find(|entry| entry.session.as_ref() == Some(session)));
    let Some(entry) = entry else { return ("ended".to_owned(), Role::Muted) };
    let ago = distance(entry.ended_at, model.seen_at());
    let phase = &entry.phase;
    match &entry.outcome {
        Outcome::Success => (format!("{phase} ended well {ago} ago"), Role::Good),
        Outcome::Failed { failure } => (format!("{phase} failed {ago} ago: {}", clean(&failure.message)), Role::Bad),
        Outcome::Skipped => (format!("{phase} was skipped {ago} ago"), Role::Muted),
        Outcome::Stopped => (format!("{phase} was stopped {ago} ago and runs again later"), Role::Warn),
        Outcome::HandedOver => (format!("{phase} went on in another session {ago} ago"), Role::Muted),
        Outcome::Interrupted => (format!("{phase} was interrupted {ago} ago"), Role::Warn),
    }
}
