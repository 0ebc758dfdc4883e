//! What a ticket asks a person, in full: the exact command, why, how long ago, and which request it is.

use ratatui::text::Line;

use crate::domain::ids::{RequestId, TicketKey};
use crate::domain::session::{Ask, Request};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::zone::placement;
use crate::tui::format::{clean, distance, wrap};
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// Returns the request with this id, if it still waits.
fn find<'a>(ticket: &'a Ticket, id: &RequestId) -> Option<&'a Request> {
    ticket.progress.requests.iter().find(|request| request.id == *id)
}

/// Returns its title, and what is said on the right of it.
pub(super) fn title(model: &Model, key: &TicketKey, id: Option<&RequestId>) -> (String, String) {
    let name = &key.ticket;
    let Some(ticket) = model.fleet.ticket(key) else { return (name.to_string(), String::new()) };
    let dot = format!(" {} ", model.setup.symbols.dot);
    let Some(request) = id.and_then(|id| find(ticket, id)) else {
        let since = placement(&model.fleet, ticket).moment.map(|moment| distance(moment, model.seen_at()));
        let phase = ticket.progress.phase.as_ref().map(ToString::to_string).unwrap_or_default();
        return (format!("{name} waits for you: {phase}"), since.unwrap_or_default());
    };
    let what = match &request.ask {
        Ask::Permission { tool, .. } => format!("{name} wants to use {}", clean(tool)),
        Ask::Question { .. } => format!("{name} asks"),
    };
    let who = match &ticket.progress.status {
        Status::Running { agent: Some(agent), .. } => agent.to_string(),
        _ => "agent".to_owned(),
    };
    let ago = format!("{} ago", distance(request.asked_at, model.seen_at()));
    (what, [who, ago, format!("id {}", request.id)].join(&dot))
}

/// Returns what is asked, in full.
pub(super) fn lines(model: &Model, key: &TicketKey, id: Option<&RequestId>, columns: usize) -> Vec<Line<'static>> {
    let Some(ticket) = model.fleet.ticket(key) else { return Vec::new() };
    let mut lines = Vec::new();
    let mut add = |text: &str, role: Role| {
        let style = model.setup.theme.style(role);
        lines.extend(wrap(text, columns).into_iter().map(|line| Line::styled(line, style)));
    };
    match id.and_then(|id| find(ticket, id)).map(|request| &request.ask) {
        Some(Ask::Permission { detail, reason, .. }) => {
            add(detail, Role::Strong);
            if let Some(reason) = reason {
                add(&format!("why it says so: {reason}"), Role::Muted);
            }
        }
        Some(Ask::Question { text, options }) => {
            add(text, Role::Strong);
            options.iter().for_each(|option| add(&format!("{} {option}", model.setup.symbols.dot), Role::Text));
        }
        None => {
            let message = match &ticket.progress.status {
                Status::Approval { message, .. } if !message.is_empty() => message.clone(),
                _ => placement(&model.fleet, ticket).why,
            };
            add(&message, Role::Text);
        }
    }
    if let Some(checkout) = &ticket.progress.workspace {
        add(&format!("in {}", checkout.path), Role::Muted);
    }
    lines
}
