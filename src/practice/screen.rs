//! What the practice agent shows: lines that scroll away, and below them a status line and an input line.
//!
//! On a terminal the two bottom lines are redrawn in place; anywhere else only the scrolling lines are printed.
//! The terminal is given back as it was when the screen is dropped.

use std::io::{self, IsTerminal, Write};

use crossterm::terminal;

use super::wrap::{hanging, tail, wrap};
use crate::domain::plain::plain_text;

/// Longest text shown at once, in characters.
const MAX_SHOWN: usize = 100_000;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Ordinary text.
    Plain,
    /// Text of less weight.
    Dim,
    /// A heading or a tool call.
    Strong,
    /// Something that waits for the person.
    Asking,
    /// Something that went wrong.
    Wrong,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "\x1b[2m",
            Self::Strong => "\x1b[1m",
            Self::Asking => "\x1b[33m",
            Self::Wrong => "\x1b[31m",
        }
    }
}

/// The screen of one run.
#[derive(Debug)]
pub(super) struct Screen {
    /// Whether a person may look and type.
    terminal: bool,
    width: usize,
    /// The line that words are still being added to.
    open_line: String,
    status: String,
    input: String,
    /// Rows of the redrawn part, 0 where nothing is drawn.
    drawn_rows: usize,
}

impl Screen {
    /// Takes the terminal where there is one.
    pub(super) fn open() -> io::Result<Self> {
        let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        if terminal {
            terminal::enable_raw_mode()?;
        }
        let mut screen = Self {
            terminal,
            width: 80,
            open_line: String::new(),
            status: String::new(),
            input: String::new(),
            drawn_rows: 0,
        };
        screen.measure();
        Ok(screen)
    }

    /// Whether a person may type.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Returns the width of a line in cells.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Lays the bottom lines out again where the terminal has another size now.
    pub(super) fn fit(&mut self) {
        let before = self.width;
        self.measure();
        if self.width != before {
            self.redraw();
        }
    }

    /// Prints `text` in whole lines; anything in it that is not plain text is left out.
    pub(super) fn line(&mut self, style: Style, text: &str) {
        self.end_line();
        let text = plain_text(text, MAX_SHOWN);
        let lines: Vec<String> = text.split('\n').flat_map(|line| hanging(line, self.width)).collect();
        self.print(style, &lines);
    }

    /// Adds a word to the line that is being written.
    pub(super) fn word(&mut self, word: &str) {
        self.open_line.push_str(word);
        let mut lines = wrap(&self.open_line, self.width);
        let ends_in_space = self.open_line.ends_with(' ');
        self.open_line = lines.pop().unwrap_or_default();
        if ends_in_space && !self.open_line.is_empty() {
            self.open_line.push(' ');
        }
        if lines.is_empty() {
            self.redraw();
        } else {
            self.print(Style::Plain, &lines);
        }
    }

    /// Ends the line that is being written, where there is one.
    pub(super) fn end_line(&mut self) {
        if !self.open_line.is_empty() {
            let line = std::mem::take(&mut self.open_line);
            self.print(Style::Plain, &[line.trim_end().to_owned()]);
        }
    }

    /// Changes the status line; empty means none.
    pub(super) fn status(&mut self, text: String) {
        if self.status != text {
            self.status = text;
            self.redraw();
        }
    }

    /// Changes what stands in the input line.
    pub(super) fn input(&mut self, text: &str) {
        if self.input != text {
            self.input = text.to_owned();
            self.redraw();
        }
    }

    fn measure(&mut self) {
        let size = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
        let columns = if size == 0 { 80 } else { size };
        // The last column stays free: a character in it makes some terminals wrap early.
        self.width = if self.terminal { columns.saturating_sub(1).max(8) } else { 100 };
    }

    fn print(&mut self, style: Style, lines: &[String]) {
        let mut out = self.erased();
        let end = if self.terminal { "\r\n" } else { "\n" };
        for line in lines {
            let code = if self.terminal { style.code() } else { "" };
            out.push_str(code);
            out.push_str(line);
            out.push_str(if code.is_empty() { "" } else { "\x1b[0m" });
            out.push_str(end);
        }
        self.draw_bottom(&mut out);
        flush(&out);
    }

    fn redraw(&mut self) {
        let mut out = self.erased();
        self.draw_bottom(&mut out);
        flush(&out);
    }

    /// Returns what erases the bottom lines and leaves the cursor where they began.
    fn erased(&mut self) -> String {
        let rows = std::mem::take(&mut self.drawn_rows);
        match rows {
            0 => String::new(),
            1 => "\r\x1b[J".into(),
            _ => format!("\r\x1b[{}A\x1b[J", rows - 1),
        }
    }

    fn draw_bottom(&mut self, out: &mut String) {
        if !self.terminal {
            return;
        }
        let mut rows = Vec::new();
        if !self.open_line.is_empty() {
            rows.push(self.open_line.clone());
        }
        if !self.status.is_empty() {
            let shown: String = wrap(&self.status, self.width).into_iter().next().unwrap_or_default();
            rows.push(format!("\x1b[36m{shown}\x1b[0m"));
        }
        rows.push(format!("> {}", tail(&self.input, self.width.saturating_sub(2))));
        self.drawn_rows = rows.len();
        out.push_str(&rows.join("\r\n"));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end_line();
        let out = self.erased();
        flush(&out);
        if self.terminal {
            // Nothing is left to be done about a terminal that cannot be given back.
            let _ = terminal::disable_raw_mode();
        }
    }
}

/// Writes to the terminal; when nobody is there any more to read it, the work goes on.
fn flush(out: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush());
}
