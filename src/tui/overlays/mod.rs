//! What lies over the table: sheets that rise from the bottom, one on top of the other.

mod confirm;
mod form;
mod help;
mod palette;
mod picker;
mod problems;
mod request;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

pub(super) use form::{Form, Purpose};
pub(super) use palette::PaletteChoice;

use super::format::{cut, width};
use super::input::KeyPress;
use super::model::Model;
use super::screens::fleet::brief;
use super::theme::Role;
use super::widgets::chooser::Chooser;
use super::widgets::reader::Scroll;
use crate::actions::{Action, Context};
use crate::domain::decision::Seen;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PhaseId, RequestId, SessionId, TicketKey};
use crate::domain::permission::PermissionRule;

/// Something over the table.
#[derive(Debug)]
pub(super) enum Overlay {
    /// All keys.
    Help(Scroll),
    /// All defective files.
    Problems(Scroll),
    /// Everything about a ticket.
    Detail { ticket: TicketKey, scroll: Scroll },
    /// What a ticket asks.
    Request { ticket: TicketKey, seen: Seen, scroll: Scroll },
    /// Actions and tickets by a few letters.
    Palette(Box<Chooser<PaletteChoice>>),
    /// The phase a ticket goes on with.
    Picker { ticket: TicketKey, phases: Box<Chooser<PhaseId>> },
    /// A text for an agent.
    Form(Box<Form>),
    /// An action that ends a session.
    Confirm { ticket: TicketKey, action: Action, session: SessionId },
    /// A rule that is kept from now on.
    ConfirmRule { ticket: TicketKey, request: RequestId, rule: PermissionRule },
    /// An action that costs something on every ticket.
    ConfirmAll { action: Action },
}

impl Overlay {
    pub(super) fn palette(model: &Model) -> Self {
        Overlay::Palette(Box::new(palette::chooser(model)))
    }

    /// Returns the picker of the phases a ticket can go on with; `None` before it started.
    pub(super) fn picker(model: &Model, ticket: &TicketKey) -> Option<Self> {
        let phases = Box::new(picker::chooser(model, ticket)?);
        Some(Overlay::Picker { ticket: ticket.clone(), phases })
    }

    /// Returns what has the keys, innermost first.
    pub(super) fn contexts(&self) -> &'static [Context] {
        match self {
            Overlay::Help(_) | Overlay::Problems(_) => &[Context::Reader],
            Overlay::Detail { .. } | Overlay::Request { .. } => &[Context::Ticket, Context::Reader],
            Overlay::Palette(_) | Overlay::Picker { .. } => &[Context::List],
            Overlay::Form(_) => &[Context::Form],
            Overlay::Confirm { .. } | Overlay::ConfirmRule { .. } | Overlay::ConfirmAll { .. } => &[Context::Confirm],
        }
    }

    /// Returns the ticket it is about.
    pub(super) fn ticket(&self) -> Option<&TicketKey> {
        match self {
            Overlay::Detail { ticket, .. }
            | Overlay::Request { ticket, .. }
            | Overlay::Picker { ticket, .. }
            | Overlay::Confirm { ticket, .. }
            | Overlay::ConfirmRule { ticket, .. } => Some(ticket),
            Overlay::Form(form) => Some(&form.ticket),
            Overlay::Help(_) | Overlay::Problems(_) | Overlay::Palette(_) | Overlay::ConfirmAll { .. } => None,
        }
    }

    /// Returns whether its keys act on its ticket.
    pub(super) fn acts_on_ticket(&self) -> bool {
        self.contexts().contains(&Context::Ticket)
    }

    /// Returns whether what it is about is gone: answered by somebody else, withdrawn, or ended.
    pub(super) fn is_stale(&self, fleet: &Fleet) -> bool {
        let Some(key) = self.ticket() else { return false };
        let Some(ticket) = fleet.ticket(key) else { return true };
        match self {
            Overlay::Request { seen, .. } => seen.is_over(ticket),
            Overlay::Form(form) => form.purpose.seen().is_over(ticket),
            Overlay::ConfirmRule { request, .. } => Seen::request(request.clone()).is_over(ticket),
            Overlay::Confirm { session, .. } => ticket.progress.status.session() != Some(session),
            _ => false,
        }
    }

    /// Returns the actions its hints name besides those on its ticket.
    pub(super) fn hinted(&self) -> Vec<Action> {
        match self {
            Overlay::Help(_) | Overlay::Problems(_) | Overlay::Detail { .. } | Overlay::Request { .. } => {
                vec![Action::Up, Action::Down, Action::Back]
            }
            Overlay::Palette(_) | Overlay::Picker { .. } => {
                vec![Action::Accept, Action::Previous, Action::Next, Action::Back]
            }
            Overlay::Form(form) if form.options.is_empty() => vec![Action::Accept, Action::NewLine, Action::Back],
            Overlay::Form(_) => vec![Action::Accept, Action::Suggest, Action::NewLine, Action::Back],
            Overlay::Confirm { .. } | Overlay::ConfirmRule { .. } | Overlay::ConfirmAll { .. } => {
                vec![Action::Yes, Action::Back]
            }
        }
    }

    /// Takes a key that means no action.
    pub(super) fn press(&mut self, key: KeyPress) {
        match self {
            Overlay::Palette(chooser) => key.chord.into_iter().for_each(|chord| chooser.press(chord)),
            Overlay::Picker { phases, .. } => key.chord.into_iter().for_each(|chord| phases.press(chord)),
            Overlay::Form(form) => form.press(key),
            Overlay::Help(_)
            | Overlay::Problems(_)
            | Overlay::Detail { .. }
            | Overlay::Request { .. }
            | Overlay::Confirm { .. }
            | Overlay::ConfirmRule { .. }
            | Overlay::ConfirmAll { .. } => {}
        }
    }

    /// Takes pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        match self {
            Overlay::Palette(chooser) => chooser.paste(text),
            Overlay::Picker { phases, .. } => phases.paste(text),
            Overlay::Form(form) => form.paste(text),
            _ => {}
        }
    }

    /// Moves within it where the action says so; `lines` are there to read and `height` of them fit.
    pub(super) fn act(&mut self, action: Action, lines: usize, height: usize) {
        match self {
            Overlay::Help(scroll)
            | Overlay::Problems(scroll)
            | Overlay::Detail { scroll, .. }
            | Overlay::Request { scroll, .. } => scroll.act(action, lines, height),
            Overlay::Palette(chooser) => chooser.act(action),
            Overlay::Picker { phases, .. } => phases.act(action),
            Overlay::Form(form) => form.act(action),
            Overlay::Confirm { .. } | Overlay::ConfirmRule { .. } | Overlay::ConfirmAll { .. } => {}
        }
    }

    /// Returns what there is to read, at most `columns` wide; nothing for what is not to be read.
    fn lines(&self, model: &Model, columns: usize) -> Vec<Line<'static>> {
        match self {
            Overlay::Help(_) => help::lines(model, columns),
            Overlay::Problems(_) => problems::lines(model, columns),
            Overlay::Detail { ticket, .. } => {
                model.fleet.ticket(ticket).map(|ticket| brief(model, ticket, columns)).unwrap_or_default()
            }
            Overlay::Request { ticket, seen, .. } => request::lines(model, ticket, seen.request.as_ref(), columns),
            Overlay::Confirm { ticket, action, .. } => confirm::lines(model, ticket, *action),
            Overlay::ConfirmAll { action } => confirm::lines_for_all(model, *action),
            Overlay::ConfirmRule { rule, .. } => confirm::lines_for_rule(model, rule, columns),
            Overlay::Form(form) => form.lines(model, columns),
            Overlay::Palette(_) | Overlay::Picker { .. } => Vec::new(),
        }
    }

    fn title(&self, model: &Model) -> (String, String) {
        let plain = |text: &str| (text.to_owned(), String::new());
        match self {
            Overlay::Help(_) => plain("keys"),
            Overlay::Problems(_) => plain("defective files"),
            Overlay::Detail { ticket, .. } => plain(ticket.ticket.as_str()),
            Overlay::Request { ticket, seen, .. } => request::title(model, ticket, seen.request.as_ref()),
            Overlay::Palette(_) => plain("actions and tickets"),
            Overlay::Picker { ticket, .. } => (format!("{}: go on with", ticket.ticket), String::new()),
            Overlay::Form(form) => plain(&form.title()),
            Overlay::ConfirmRule { ticket, .. } => (format!("always allow {}?", ticket.ticket), String::new()),
            Overlay::ConfirmAll { action } => (format!("{}?", action.spec().label), String::new()),
            Overlay::Confirm { ticket, action, .. } => (format!("{action} {}?", ticket.ticket), String::new()),
        }
    }
}

/// Returns how many lines the top overlay has and how many fit, for scrolling.
pub(super) fn extent(model: &Model) -> (usize, usize) {
    let Some(overlay) = model.overlays.last() else { return (0, 0) };
    let sheet = sheet(model, overlay);
    (overlay.lines(model, usize::from(sheet.inner.width)).len(), usize::from(sheet.inner.height))
}

struct Sheet {
    /// The line with the title.
    head: Rect,
    /// What is below it, without margins.
    inner: Rect,
}

/// Returns where an overlay is: at the bottom of the body, as high as it needs to be.
fn sheet(model: &Model, overlay: &Overlay) -> Sheet {
    let body = model.areas().body();
    let columns = body.width.saturating_sub(4);
    let wanted = match overlay {
        Overlay::Palette(chooser) => chooser.height(),
        Overlay::Picker { phases, .. } => phases.height(),
        Overlay::Form(form) => form.lines(model, usize::from(columns)).len() + form.text_height(),
        _ => overlay.lines(model, usize::from(columns)).len(),
    };
    let height = u16::try_from(wanted + 2).unwrap_or(u16::MAX).min(body.height);
    let area = Rect { y: body.bottom() - height, height, ..body };
    let head = Rect { height: area.height.min(1), ..area };
    let inner = Rect {
        x: area.x + 2.min(area.width),
        y: area.y + head.height,
        width: columns,
        height: height.saturating_sub(2),
    };
    Sheet { head, inner }
}

/// Draws the overlay on top; those below wait unseen.
pub(super) fn draw(model: &Model, buffer: &mut Buffer) {
    let Some(overlay) = model.overlays.last() else { return };
    let sheet = sheet(model, overlay);
    let body = model.areas().body();
    for y in sheet.head.y..body.bottom() {
        for x in body.left()..body.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
    draw_head(model, overlay, sheet.head, buffer);
    // The rule between table and pane no longer comes down to this one.
    let bottom = model.areas().bottom_rule;
    if let Some(cell) = buffer.cell_mut((model.areas().rule.x, bottom.y)).filter(|_| bottom.height > 0) {
        let [across, ..] = model.setup.symbols.rule;
        cell.set_symbol(across);
    }
    let look = (&model.setup.theme, &model.setup.symbols);
    match overlay {
        Overlay::Palette(chooser) => chooser.draw(": ", sheet.inner, buffer, look),
        Overlay::Picker { phases, .. } => phases.draw("phase: ", sheet.inner, buffer, look),
        Overlay::Form(form) => form.draw(model, sheet.inner, buffer),
        Overlay::Help(scroll)
        | Overlay::Problems(scroll)
        | Overlay::Detail { scroll, .. }
        | Overlay::Request { scroll, .. } => {
            scroll.draw(&overlay.lines(model, usize::from(sheet.inner.width)), sheet.inner, buffer);
        }
        Overlay::Confirm { .. } | Overlay::ConfirmRule { .. } | Overlay::ConfirmAll { .. } => {
            Scroll::default().draw(&overlay.lines(model, usize::from(sheet.inner.width)), sheet.inner, buffer);
        }
    }
}

fn draw_head(model: &Model, overlay: &Overlay, head: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let [across, ..] = model.setup.symbols.rule;
    for x in head.left()..head.right() {
        buffer.set_stringn(x, head.y, across, usize::from(head.height), theme.style(Role::RuleFocus));
    }
    if head.is_empty() {
        return;
    }
    let columns = usize::from(head.width).saturating_sub(4);
    let (title, right) = overlay.title(model);
    let title = format!(" {} ", cut(&title, columns.saturating_sub(2), model.setup.symbols.ellipsis));
    buffer.set_stringn(head.x + 1, head.y, &title, columns, theme.style(Role::Strong));
    let right = if right.is_empty() { right } else { format!(" {right} ") };
    if width(&title) + width(&right) + 4 < columns {
        let x = head.right().saturating_sub(u16::try_from(width(&right) + 1).unwrap_or(0));
        buffer.set_stringn(x, head.y, &right, columns, theme.style(Role::Muted));
    }
}
