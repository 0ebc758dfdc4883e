//! Lines to be read, with scrolling.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use crate::actions::Action;

/// How far down a text is scrolled, in lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::tui) struct Scroll(usize);

impl Scroll {
    /// Scrolls where the action says so; `lines` are there and `height` of them fit.
    pub(in crate::tui) fn act(&mut self, action: Action, lines: usize, height: usize) {
        let last = lines.saturating_sub(height);
        let page = height.saturating_sub(1).max(1);
        self.0 = match action {
            Action::Up => self.0.min(last).saturating_sub(1),
            Action::Down => self.0 + 1,
            Action::PageUp => self.0.min(last).saturating_sub(page),
            Action::PageDown => self.0 + page,
            Action::Top => 0,
            Action::Bottom => last,
            _ => self.0,
        }
        .min(last);
    }

    /// Draws the lines that are in sight.
    pub(in crate::tui) fn draw(self, lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
        let height = usize::from(area.height);
        let first = self.0.min(lines.len().saturating_sub(height));
        for (y, line) in (area.y..area.bottom()).zip(lines.iter().skip(first)) {
            line.render(Rect { y, height: 1, ..area }, buffer);
        }
    }
}
