//! Writing along a line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::format::width;

/// Writes along one line, from the left and from the right.
pub(in crate::tui) struct Pen<'a> {
    buffer: &'a mut Buffer,
    left: u16,
    right: u16,
    y: u16,
}

impl<'a> Pen<'a> {
    /// Starts on the first line of an area.
    pub(in crate::tui) fn new(area: Rect, buffer: &'a mut Buffer) -> Self {
        let right = if area.height == 0 { area.x } else { area.right() };
        Self { buffer, left: area.x, right, y: area.y }
    }

    /// Writes as much as there is room for.
    pub(in crate::tui) fn put(&mut self, text: &str, style: Style) {
        let room = usize::from(self.right.saturating_sub(self.left));
        if room > 0 {
            (self.left, _) = self.buffer.set_stringn(self.left, self.y, text, room, style);
        }
    }

    /// Writes if there is room for all of it; returns whether there was.
    pub(in crate::tui) fn put_whole(&mut self, text: &str, style: Style) -> bool {
        let fits = width(text) <= usize::from(self.right.saturating_sub(self.left));
        if fits {
            self.put(text, style);
        }
        fits
    }

    /// Goes back, to write over blanks.
    pub(in crate::tui) fn back(&mut self, columns: usize) {
        self.left = self.left.saturating_sub(u16::try_from(columns).unwrap_or(u16::MAX));
    }

    /// Writes at the right end if there is room for all of it.
    pub(in crate::tui) fn right(&mut self, text: &str, style: Style) {
        let columns = u16::try_from(width(text)).unwrap_or(u16::MAX);
        if let Some(x) = self.right.checked_sub(columns).filter(|x| *x >= self.left) {
            self.buffer.set_stringn(x, self.y, text, usize::from(columns), style);
            self.right = x;
        }
    }
}
