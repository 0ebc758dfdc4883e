//! Draws the visible lines of the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::model::Line;
use super::row::{Row, Sign};
use crate::domain::zone::Zone;
use crate::tui::format::{cut, distance, fit, width};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widgets::hint_bar::answers;
use crate::tui::widgets::pen::Pen;

/// Columns before a ticket's name: the mark, the sign and blanks.
const INDENT: u16 = 4;
/// Columns of the time on the right, with the blank before it.
const TIME: usize = 7;
/// Free columns beside a title from which on they say what the ticket does.
const WITH_WHY: usize = 12;
/// A table at least this wide shows phases.
const WITH_PHASE: usize = 44;
/// A table at least this wide shows who works.
const WITH_AGENT: usize = 54;

/// Draws the table.
pub(super) fn draw_table(model: &Model, area: Rect, buffer: &mut Buffer) {
    let table = &model.table;
    let selected = table.selected_row();
    let visible = table.lines.iter().skip(table.offset).take(usize::from(area.height));
    let columns = Columns::of(table.widest, usize::from(area.width));
    for (y, line) in (area.y..area.bottom()).zip(visible) {
        let line_area = Rect { y, height: 1, ..area };
        match *line {
            Line::Zone(zone, count) => {
                let holds = selected.and_then(|at| table.rows.get(at)).is_some_and(|row| row.group == zone);
                draw_zone(model, (zone, count), holds && table.folded.contains(&zone), line_area, buffer);
            }
            Line::Ticket(at) => {
                if let Some(row) = table.rows.get(at) {
                    draw_row(model, row, (selected == Some(at), &columns), line_area, buffer);
                }
            }
            Line::Why(at) => {
                if let Some(row) = table.rows.get(at) {
                    draw_why(model, row, selected == Some(at), line_area, buffer);
                }
            }
        }
    }
    if table.rows.is_empty() && area.height > 1 {
        let text = if table.filter.text().is_empty() { "no tickets yet: `aotui add \"title\"`" } else { "no match" };
        let columns = usize::from(area.width);
        buffer.set_stringn(
            area.x + 1,
            area.y + 1,
            text,
            columns.saturating_sub(1),
            model.setup.theme.style(Role::Muted),
        );
    }
}

fn draw_zone(model: &Model, (zone, count): (Zone, usize), selected: bool, area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let folded = model.table.folded.contains(&zone);
    if selected {
        buffer.set_style(area, theme.style(Role::Selected));
    }
    let mut pen = Pen::new(area, buffer);
    pen.put(if selected { model.setup.symbols.selected } else { " " }, theme.style(Role::Accent));
    pen.put(&zone.name().to_uppercase(), theme.zone(zone));
    pen.put(&format!(" {count}"), theme.style(Role::Muted));
    if folded {
        pen.put(&format!(" {}", model.setup.symbols.ellipsis), theme.style(Role::Muted));
    }
}

/// Widths of the columns of a table.
struct Columns {
    name: usize,
    title: usize,
    phase: usize,
    agent: usize,
}

impl Columns {
    fn of([name, phase, agent]: [usize; 3], columns: usize) -> Self {
        let name = name.min((columns / 3).min(24));
        let phase = if columns >= WITH_PHASE { phase.min(14) } else { 0 };
        let agent = if columns >= WITH_AGENT { agent.min(10) } else { 0 };
        let gap = |width: usize| if width > 0 { width + 2 } else { 0 };
        let used = usize::from(INDENT) + name + 2 + gap(phase) + gap(agent) + TIME;
        Self { name, title: columns.saturating_sub(used), phase, agent }
    }
}

fn draw_row(model: &Model, row: &Row, (selected, columns): (bool, &Columns), area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let symbols = &model.setup.symbols;
    if selected {
        buffer.set_style(area, theme.style(Role::Selected));
    }
    let quiet = matches!(row.zone, Zone::Waiting | Zone::Done);
    let text = theme.style(if quiet && !selected { Role::Muted } else { Role::Text });
    let muted = theme.style(Role::Muted);
    let mut pen = Pen::new(area, buffer);
    pen.put(if selected { symbols.selected } else { " " }, theme.style(Role::Accent));
    pen.put(" ", text);
    pen.put(sign(model, row.sign), theme.zone(row.zone));
    pen.put(" ", text);
    let strong = if selected { theme.style(Role::Strong) } else { text };
    pen.put(&fit(&row.name, columns.name, symbols.ellipsis), strong);
    pen.put("  ", text);
    pen.put(&fit(&row.title, columns.title, symbols.ellipsis), text);
    // A ticket that has not started has no phase and nobody who works: the reason stands there.
    let beside = columns.phase + columns.agent + if columns.agent > 0 { 2 } else { 0 };
    let waits = row.zone == Zone::Waiting && row.phase.is_empty() && !selected;
    let free = columns.title.saturating_sub(width(&row.title) + 2);
    if waits && columns.phase == 0 && free >= WITH_WHY {
        pen.back(free);
        pen.put(&fit(&row.why, free, symbols.ellipsis), muted);
    } else if waits && columns.phase > 0 {
        pen.put("  ", text);
        pen.put(&fit(&row.why, beside, symbols.ellipsis), muted);
    } else {
        for (shown, columns) in [(&row.phase, columns.phase), (&row.agent, columns.agent)] {
            if columns > 0 {
                pen.put("  ", text);
                pen.put(&fit(shown, columns, symbols.ellipsis), muted);
            }
        }
    }
    if let Some(moment) = row.moment {
        pen.right(&format!("{} ", distance(moment, model.seen_at())), muted);
    }
}

fn draw_why(model: &Model, row: &Row, selected: bool, area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    if selected {
        buffer.set_style(area, theme.style(Role::Selected));
    }
    let Some(ticket) = model.fleet.ticket(&row.key) else { return };
    let keys: Vec<String> = answers(&model.fleet, ticket)
        .into_iter()
        .map(|action| model.key(action))
        .filter(|key| !key.is_empty())
        .collect();
    let keys = keys.join(" ");
    let mut pen = Pen::new(area, buffer);
    if !keys.is_empty() {
        pen.right(&format!("{keys} "), theme.style(Role::Key));
    }
    let room = usize::from(area.width.saturating_sub(INDENT + 2)).saturating_sub(width(&keys) + 2);
    pen.put(&" ".repeat(usize::from(INDENT + 2)), Style::new());
    let why = match row.why.as_str() {
        "" => format!("attempt {}", ticket.progress.attempt),
        why => why.to_owned(),
    };
    let role = if row.zone.needs_person() { Role::Text } else { Role::Muted };
    pen.put(&cut(&why, room, model.setup.symbols.ellipsis), theme.style(role));
}

fn sign(model: &Model, sign: Sign) -> &'static str {
    let symbols = &model.setup.symbols;
    match sign {
        Sign::Asks => symbols.asks,
        Sign::Approval => symbols.approval,
        Sign::Failed => symbols.failed,
        Sign::Merge => symbols.merge,
        Sign::Review => symbols.review,
        Sign::Working => symbols.working,
        Sign::Waiting => symbols.waiting,
        Sign::Paused => symbols.paused,
        Sign::Done => symbols.done,
    }
}
