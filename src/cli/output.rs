//! Where verbs print: stdout for results, stderr for what goes beside them. Owns colours and the reader that left.

use std::io::{self, IsTerminal, Write};

use crate::domain::plain::plain_line;
use crate::domain::zone::Zone;

/// Longest text printed on one line, in characters.
const MAX_LINE: usize = 2000;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours are wanted.
    pub colour: bool,
    /// Width of the terminal in cells; `None` where there is none, and nothing is cut.
    pub width: Option<usize>,
}

impl Style {
    /// Returns the style that fits this process's stdout: colours only on a terminal and without `NO_COLOR`.
    pub fn of_stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal
            .then(|| rustix::termios::tcgetwinsize(io::stdout()).ok())
            .flatten()
            .map(|size| usize::from(size.ws_col))
            .filter(|width| *width > 0);
        Self { colour: terminal && !unwanted, width }
    }

    /// Returns the style of a file or a pipe.
    pub fn plain() -> Self {
        Self { colour: false, width: None }
    }

    /// Returns `text` in the colour of a zone.
    pub fn zone(self, zone: Zone, text: &str) -> String {
        let code = match zone {
            Zone::Respond => "1;33",
            Zone::Failed => "1;31",
            Zone::Merge => "1;35",
            Zone::Review => "1;36",
            Zone::Working => "1;34",
            Zone::Waiting => "1;37",
            Zone::Done => "1;32",
        };
        self.paint(code, text)
    }

    /// Returns `text` less prominent.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Returns `text` on one line with nothing in it that a terminal would obey.
pub fn plain(text: &str) -> String {
    plain_line(text, MAX_LINE)
}

/// Writes to stdout. A reader that left is no error: it has what it wanted.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line to stderr, where there is one.
pub fn note(text: &str) {
    let _nobody_reads = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_no_escape_is_printed_and_hostile_text_loses_its_own() {
        assert_eq!(Style::plain().zone(Zone::Failed, "failed"), "failed");
        let colourful = Style { colour: true, width: None };
        assert_eq!(colourful.zone(Zone::Failed, "failed"), "\x1b[1;31mfailed\x1b[0m");
        assert!(!plain("\x1b[2Jgone\u{202e}").contains(['\x1b', '\u{202e}']));
    }
}
