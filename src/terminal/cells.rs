//! Takes cells out of the emulator, and lets nothing out that could harm the host terminal or shift its columns.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthChar;

use crate::domain::plain::is_plain;

/// Most combining marks kept on one character.
const MAX_MARKS: usize = 3;

/// Puts the text of a cell as it may be shown into `text`: its first character with its combining marks, cut at
/// whatever would join or change it. A blank stands for everything else.
fn harmless_text(cell: &vt100::Cell, text: &mut String) {
    text.clear();
    let width = if cell.is_wide() { 2 } else { 1 };
    let mut chars = cell.contents().chars();
    match chars.next() {
        Some(base) if is_plain(base) && base.width().is_some_and(|w| w > 0 && w <= width) => text.push(base),
        _ => return text.push(' '),
    }
    text.extend(chars.take_while(|c| is_plain(*c) && c.width() == Some(0)).take(MAX_MARKS));
}

fn style(cell: &vt100::Cell) -> Style {
    let mut modifiers = Modifier::empty();
    modifiers.set(Modifier::BOLD, cell.bold());
    modifiers.set(Modifier::DIM, cell.dim());
    modifiers.set(Modifier::ITALIC, cell.italic());
    modifiers.set(Modifier::UNDERLINED, cell.underline());
    modifiers.set(Modifier::REVERSED, cell.inverse());
    Style::reset().fg(color(cell.fgcolor())).bg(color(cell.bgcolor())).add_modifier(modifiers)
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// Copies the view into `area`; returns where the cursor, given as column and row of the screen, is in the buffer.
pub(super) fn render(
    screen: &vt100::Screen,
    cursor: Option<(u16, u16)>,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let area = area.intersection(buffer.area);
    let (rows, cols) = screen.size();
    let top = first_row(screen.cursor_position().0, rows.get(), area.height);
    let mut text = String::new();
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let found = if x < cols.get() { screen.cell(y + top, x) } else { None };
            x += draw(found, area, (x, y), buffer, &mut text);
        }
    }
    let (col, row) = cursor?;
    let y = row.checked_sub(top)?;
    (col < area.width && y < area.height).then(|| Position::new(area.x + col, area.y + y))
}

/// Returns the first row shown of a screen that is taller than the area: the cursor stays in sight.
fn first_row(cursor_row: u16, rows: u16, height: u16) -> u16 {
    (cursor_row + 1).saturating_sub(height).min(rows.saturating_sub(height))
}

/// Draws one cell and returns how many columns it takes.
fn draw(found: Option<&vt100::Cell>, area: Rect, (x, y): (u16, u16), buffer: &mut Buffer, text: &mut String) -> u16 {
    let at = Position::new(area.x + x, area.y + y);
    let Some(target) = buffer.cell_mut(at) else {
        return 1;
    };
    target.reset();
    let Some(cell) = found else {
        return 1;
    };
    target.set_style(style(cell));
    if cell.is_wide_continuation() || !cell.has_contents() {
        return 1;
    }
    // A wide character without room for its second half is left blank.
    if cell.is_wide() && x + 1 >= area.width {
        return 1;
    }
    harmless_text(cell, text);
    target.set_symbol(text);
    if !cell.is_wide() {
        return 1;
    }
    if let Some(second) = buffer.cell_mut(Position::new(at.x + 1, at.y)) {
        second.reset();
        second.set_style(style(cell));
    }
    2
}

/// Returns one row of the view as text, without trailing blanks.
pub(super) fn line(screen: &vt100::Screen, row: u16, cols: u16) -> String {
    let mut line = String::new();
    let mut text = String::new();
    for cell in (0..cols).filter_map(|col| screen.cell(row, col)) {
        if cell.is_wide_continuation() {
            continue;
        }
        harmless_text(cell, &mut text);
        line.push_str(&text);
    }
    line.truncate(line.trim_end_matches(' ').len());
    line
}
