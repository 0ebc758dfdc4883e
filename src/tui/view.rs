//! Draws the model. Changes nothing and does no IO.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::model::Model;
use super::overlays;
use super::screens::fleet;
use super::widgets::hint_bar;

/// Draws the visible session's screen into an area; returns where its cursor is, if it shows one.
pub(super) type PaneView<'a> = &'a dyn Fn(Rect, &mut Buffer) -> Option<Position>;

/// Draws everything.
pub(super) fn view(model: &Model, pane: Option<PaneView<'_>>, frame: &mut Frame<'_>) {
    // The terminal may be smaller than the size that was told last.
    let fits = Rect::new(0, 0, model.size.0, model.size.1) == frame.area();
    if !fits || frame.area().is_empty() {
        return;
    }
    let cursor = fleet::draw(model, pane, frame.buffer_mut());
    overlays::draw(model, frame.buffer_mut());
    hint_bar::draw(model, model.areas().hints, frame.buffer_mut());
    if let Some(cursor) = cursor.filter(|_| model.overlays.is_empty()) {
        frame.set_cursor_position(cursor);
    }
}
