//! A terminal screen fed with a program's bytes. Wraps the emulator, which must never take this process down.

use std::cell::Cell;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use vt100::{Callbacks, Parser};

use super::cells;
use super::queries::Answers;
use crate::domain::plain::is_plain;

/// Lines kept after they scrolled off the screen.
const SCROLLBACK: usize = 1000;
/// Most columns and rows of a screen.
const MAX_SIDE: u16 = 1000;
/// Longest title, in characters.
const MAX_TITLE: usize = 100;

thread_local! {
    static EMULATING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether this thread is inside the emulator, whose panics are caught: a panic hook should keep silent then.
pub fn emulating() -> bool {
    EMULATING.get()
}

/// Which mouse events the program asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseMode {
    /// None; the mouse is ours.
    Off,
    /// Buttons going down.
    Press,
    /// Buttons going down and up.
    PressRelease,
    /// These, and movement while a button is down.
    Drag,
    /// These, and all movement.
    Motion,
}

/// How the program wants mouse events written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseEncoding {
    /// One byte per coordinate; columns and rows beyond 223 cannot be said.
    Bytes,
    /// One UTF-8 character per coordinate.
    Utf8,
    /// Decimal numbers.
    Sgr,
}

/// A screen and what scrolled off it.
pub struct Screen {
    parser: Parser<Notes>,
    panics: u32,
}

/// What the emulator reports besides cells.
#[derive(Default)]
struct Notes {
    title: String,
    bells: u64,
    answers: Answers,
}

impl Callbacks for Notes {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).chars().filter(|c| is_plain(*c)).take(MAX_TITLE).collect();
    }

    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells = self.bells.saturating_add(1);
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        params: &[&[u16]],
        c: char,
    ) {
        self.answers.note(screen, (first, second), params, c);
    }
}

impl Screen {
    /// Returns an empty screen; sizes are brought into 2..=1000.
    pub fn new(cols: u16, rows: u16) -> Self {
        Self { parser: new_parser(cols, rows), panics: 0 }
    }

    /// Shows what the program printed. Bytes that break the emulator leave an empty screen of the same size.
    pub fn process(&mut self, bytes: &[u8]) {
        self.guarded(|parser| parser.process(bytes));
    }

    /// Gives the screen a new size; sizes are brought into 2..=1000.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        if self.size() != (side(cols).get(), side(rows).get()) {
            self.guarded(|parser| parser.set_size(side(rows), side(cols)));
        }
    }

    /// Takes the answers to what the program asked its terminal since this was called last.
    pub fn take_answers(&mut self) -> Vec<u8> {
        self.parser.callbacks_mut().answers.take()
    }

    /// Returns columns and rows.
    pub fn size(&self) -> (u16, u16) {
        let (rows, cols) = self.parser.screen().size();
        (cols.get(), rows.get())
    }

    /// Returns how often the emulator broke.
    pub fn panics(&self) -> u32 {
        self.panics
    }

    /// Returns how often the program rang the bell.
    pub fn bells(&self) -> u64 {
        self.parser.callbacks().bells
    }

    /// Returns the title the program set, harmless and at most 100 characters; empty if it set none.
    pub fn title(&self) -> &str {
        &self.parser.callbacks().title
    }

    /// Returns whether the program draws on the alternate screen, which has no history.
    pub fn alternate_screen(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// Returns whether arrow keys are to be sent in application mode.
    pub fn application_cursor(&self) -> bool {
        self.parser.screen().application_cursor()
    }

    /// Returns whether pasted text is to be marked as such.
    pub fn bracketed_paste(&self) -> bool {
        self.parser.screen().bracketed_paste()
    }

    /// Returns which mouse events the program wants, and how.
    pub fn mouse(&self) -> (MouseMode, MouseEncoding) {
        let screen = self.parser.screen();
        let mode = match screen.mouse_protocol_mode() {
            vt100::MouseProtocolMode::None => MouseMode::Off,
            vt100::MouseProtocolMode::Press => MouseMode::Press,
            vt100::MouseProtocolMode::PressRelease => MouseMode::PressRelease,
            vt100::MouseProtocolMode::ButtonMotion => MouseMode::Drag,
            vt100::MouseProtocolMode::AnyMotion => MouseMode::Motion,
        };
        let encoding = match screen.mouse_protocol_encoding() {
            vt100::MouseProtocolEncoding::Default => MouseEncoding::Bytes,
            vt100::MouseProtocolEncoding::Utf8 => MouseEncoding::Utf8,
            vt100::MouseProtocolEncoding::Sgr => MouseEncoding::Sgr,
        };
        (mode, encoding)
    }

    /// Returns the cursor's column and row; `None` while it is hidden or history is shown.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        let screen = self.parser.screen();
        let (row, col) = screen.cursor_position();
        (!screen.hide_cursor() && screen.scrollback() == 0).then_some((col, row))
    }

    /// Returns how many lines above the newest ones the view is.
    pub fn scroll_offset(&self) -> usize {
        self.parser.screen().scrollback()
    }

    /// Moves the view `lines` up into the history, down if negative; 0 lines of history is the bottom.
    pub fn scroll(&mut self, lines: isize) {
        let target = self.scroll_offset().saturating_add_signed(lines);
        self.scroll_to(target);
    }

    /// Shows the view `offset` lines above the newest ones, or as far up as there is history.
    pub fn scroll_to(&mut self, offset: usize) {
        self.guarded(|parser| parser.screen_mut().set_scrollback(offset));
    }

    /// Draws the view into `area` and returns where the cursor is; `None` while it is not to be shown.
    /// A screen taller than `area` is cut so that the cursor stays in sight.
    pub fn render(&self, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        cells::render(self.parser.screen(), self.cursor(), area, buffer)
    }

    /// Returns the lines in view, without trailing blanks and without anything that could harm a terminal.
    pub fn contents(&self) -> Vec<String> {
        let screen = self.parser.screen();
        let (cols, rows) = self.size();
        (0..rows).map(|row| cells::line(screen, row, cols)).collect()
    }

    /// Returns the last `count` lines, those in the history included; lines that were wrapped are whole again,
    /// blank lines at the end are left out. Moves the view to the bottom.
    pub fn last_lines(&mut self, count: usize) -> Vec<String> {
        let (_, rows) = self.size();
        self.scroll_to(usize::MAX);
        let mut offset = self.scroll_offset();
        let mut lines: Vec<String> = Vec::new();
        let mut wrapped = false;
        loop {
            self.scroll_to(offset);
            // The last page is the screen; a page above it counts only down to where the next one starts.
            let fresh = if offset == 0 { rows } else { rows.min(u16::try_from(offset).unwrap_or(rows)) };
            for (row, line) in (0..fresh).zip(self.contents()) {
                match lines.last_mut() {
                    Some(last) if wrapped => last.push_str(&line),
                    _ => lines.push(line),
                }
                wrapped = self.parser.screen().row_wrapped(row);
            }
            if offset == 0 {
                break;
            }
            offset -= usize::from(fresh);
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.split_off(lines.len().saturating_sub(count))
    }

    fn guarded(&mut self, work: impl FnOnce(&mut Parser<Notes>)) {
        let parser = &mut self.parser;
        EMULATING.set(true);
        let outcome = catch_unwind(AssertUnwindSafe(|| work(parser)));
        EMULATING.set(false);
        if outcome.is_err() {
            let (cols, rows) = self.size();
            self.parser = new_parser(cols, rows);
            self.panics = self.panics.saturating_add(1);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the wrapper that all others use")]
fn new_parser(cols: u16, rows: u16) -> Parser<Notes> {
    Parser::new_with_callbacks(side(rows), side(cols), SCROLLBACK, Notes::default())
}

fn side(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells.clamp(2, MAX_SIDE)).unwrap_or(NonZeroU16::MIN)
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
