//! Makes readable text of a terminal recording: everything a terminal would obey is removed.
//!
//! What a program prints line by line comes out line by line, at once. Once a program paints over what it wrote, its
//! last lines are held back until they scroll away, so that a spinner leaves no trail.

/// Longest line that is kept together, in characters.
const MAX_LINE: usize = 4096;

/// Lines of a painting program that may still change.
const WINDOW: usize = 60;

/// Longest parameters of a control sequence that are understood, in characters.
const MAX_PARAMETERS: usize = 32;

/// Reads a recording piece by piece.
#[derive(Debug, Default)]
pub struct PlainText {
    state: State,
    /// The beginning of a character whose end is in the next piece.
    bytes: Vec<u8>,
    parameters: String,
    window: Vec<Vec<char>>,
    row: usize,
    col: usize,
    /// Whether the program moved back over what it wrote.
    paints: bool,
    /// Whether it addresses rows by number.
    full_screen: bool,
    last: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// An escape sequence with intermediate bytes; one more ends it.
    Intermediate,
    Csi,
    /// A string that ends with BEL or ST.
    String,
    StringEscape,
}

impl PlainText {
    /// Takes in the next piece and returns the lines that became complete.
    pub fn push(&mut self, piece: &[u8]) -> String {
        self.bytes.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&self.bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => self.bytes.len(),
        };
        let rest = self.bytes.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.bytes, rest)).into_owned();
        let mut out = String::new();
        for c in text.chars() {
            self.step(c, &mut out);
        }
        out
    }

    /// Returns what is left when nothing follows.
    pub fn finish(mut self) -> String {
        let mut out = String::new();
        self.give_out(usize::MAX, &mut out);
        out
    }

    fn step(&mut self, c: char, out: &mut String) {
        self.state = match (self.state, c) {
            (State::String, '\u{7}' | '\u{9c}') => State::Text,
            (State::String, '\u{1b}') => State::StringEscape,
            (State::String, _) => State::String,
            (State::StringEscape, '\\') => State::Text,
            (_, '\u{1b}') => State::Escape,
            (State::StringEscape, _) => State::String,
            (State::Escape, '[') | (State::Text, '\u{9b}') => {
                self.parameters.clear();
                State::Csi
            }
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::String,
            (State::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => State::String,
            (State::Escape | State::Intermediate, ' '..='/') => State::Intermediate,
            (State::Escape | State::Intermediate, _) => State::Text,
            (State::Csi, '\u{40}'..='\u{7e}') => {
                self.control(c, out);
                State::Text
            }
            (State::Csi, c) => {
                if self.parameters.len() < MAX_PARAMETERS {
                    self.parameters.push(c);
                }
                State::Csi
            }
            (State::Text, c) => {
                self.text(c, out);
                State::Text
            }
        };
    }

    fn text(&mut self, c: char, out: &mut String) {
        match c {
            '\n' => self.next_line(out),
            '\r' => self.col = 0,
            '\u{8}' => self.col = self.col.saturating_sub(1),
            '\t' => self.put(' ', out),
            c if c.is_control() || is_reordering(c) => {}
            c => self.put(c, out),
        }
    }

    fn put(&mut self, c: char, out: &mut String) {
        if self.col >= MAX_LINE {
            self.next_line(out);
        }
        let col = self.col;
        let line = self.line();
        if line.len() <= col {
            line.resize(col + 1, ' ');
        }
        if let Some(cell) = line.get_mut(col) {
            *cell = c;
        }
        self.col += 1;
    }

    /// Returns the line the cursor is on.
    fn line(&mut self) -> &mut Vec<char> {
        if self.window.len() <= self.row {
            self.window.resize_with(self.row + 1, Vec::new);
        }
        let row = self.row;
        // The window was just made long enough.
        &mut self.window[row]
    }

    fn next_line(&mut self, out: &mut String) {
        self.line();
        self.row += 1;
        self.col = 0;
        let settled = if self.paints { self.row.saturating_sub(WINDOW - 1) } else { self.row };
        self.give_out(settled, out);
    }

    /// Does what a control sequence does to text; ignores what it does to anything else.
    fn control(&mut self, end: char, out: &mut String) {
        let number = |at: usize| self.parameters.split(';').nth(at).and_then(|text| text.parse::<usize>().ok());
        let (first, second) = (number(0), number(1));
        let n = first.unwrap_or(1).clamp(1, MAX_LINE);
        match end {
            'A' | 'F' => self.up(n),
            'B' | 'E' => self.row = (self.row + n).min(self.window.len().saturating_sub(1)),
            'C' => self.col = (self.col + n).min(MAX_LINE),
            'D' => self.col = self.col.saturating_sub(n),
            'G' => self.col = n - 1,
            'H' | 'f' => {
                self.address(n, out);
                self.col = second.unwrap_or(1).clamp(1, MAX_LINE) - 1;
            }
            'd' => self.address(n, out),
            'K' => self.erase_line(first.unwrap_or(0)),
            'J' if first.unwrap_or(0) == 0 => {
                self.erase_line(0);
                self.window.truncate(self.row + 1);
            }
            'J' => {
                self.paints = true;
                self.give_out(usize::MAX, out);
            }
            'h' | 'l' if self.parameters == "?1049" => {
                self.give_out(usize::MAX, out);
                self.full_screen = false;
            }
            _ => {}
        }
        if matches!(end, 'E' | 'F') {
            self.col = 0;
        }
    }

    fn up(&mut self, n: usize) {
        self.paints = true;
        self.row = self.row.saturating_sub(n);
    }

    /// Goes to a row of the screen, counted from 1.
    fn address(&mut self, row: usize, out: &mut String) {
        self.paints = true;
        if !std::mem::replace(&mut self.full_screen, true) {
            self.give_out(usize::MAX, out);
        }
        self.row = row.min(WINDOW) - 1;
    }

    fn erase_line(&mut self, how: usize) {
        let col = self.col;
        let line = self.line();
        match how {
            0 => line.truncate(col),
            1 => line.iter_mut().take(col + 1).for_each(|cell| *cell = ' '),
            _ => line.clear(),
        }
    }

    /// Gives the first `count` lines of the window out. Several blank lines become one, and what a painting program
    /// paints again is not repeated.
    fn give_out(&mut self, count: usize, out: &mut String) {
        let count = count.min(self.window.len());
        for line in self.window.drain(..count) {
            let line: String = line.into_iter().collect();
            let line = line.trim_end();
            let again = line == self.last && (self.paints || line.is_empty());
            if !again {
                out.push_str(line);
                out.push('\n');
                line.clone_into(&mut self.last);
            }
        }
        self.row = self.row.saturating_sub(count);
    }
}

/// Whether a character makes others show in another order than they are in.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(pieces: &[&[u8]]) -> String {
        let mut text = PlainText::default();
        let mut out: String = pieces.iter().map(|piece| text.push(piece)).collect();
        out.push_str(&text.finish());
        out
    }

    #[test]
    fn colours_titles_and_queries_are_gone_and_words_stay() {
        let recorded: &[u8] = b"\x1b[1;31mred\x1b[0m \x1b]0;pwned\x07plain\r\n\x1bP+q544e\x1b\\next\x1b(B!\n";
        assert_eq!(plain(&[recorded]), "red plain\nnext!\n");
    }

    #[test]
    fn nothing_a_terminal_obeys_gets_through_however_it_is_cut() {
        let mut recorded = Vec::new();
        for n in 0..=255_u8 {
            recorded.extend([b'a', n, b'\x1b', n, b'[', n, b'9', b']', n, 0xc2, n, b'\x1b', b'[', b'9', b'9', n]);
        }
        for cut in 1..7 {
            let pieces: Vec<&[u8]> = recorded.chunks(cut).collect();
            let text = plain(&pieces);
            assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        }
    }

    #[test]
    fn lines_of_a_script_come_at_once_and_repeat_as_often_as_they_were_printed() {
        let mut text = PlainText::default();
        assert_eq!(text.push(b"ok\r\nok\r\n"), "ok\nok\n");
        assert_eq!(text.push(b"half"), "");
        assert_eq!(text.finish(), "half\n");
    }

    #[test]
    fn a_progress_bar_leaves_its_last_state() {
        assert_eq!(plain(&[b"10%\r90%\r100%\r\ndone\r\n"]), "100%\ndone\n");
        assert_eq!(plain(&[b"long line\rshort\x1b[K\r\n"]), "short\n");
    }

    #[test]
    fn a_spinner_below_the_text_leaves_no_trail() {
        let mut recorded = b"working\r\n".to_vec();
        for turn in 0..50 {
            recorded.extend(format!("* {turn}s\r\n> \x1b[1A\r\x1b[J").bytes());
        }
        recorded.extend(b"finished\r\n");
        // The first turn is out before anyone can know that it will be painted over.
        assert_eq!(plain(&[&recorded]), "working\n* 0s\nfinished\n");
    }

    #[test]
    fn a_full_screen_program_leaves_its_last_screen() {
        let frame = |n: u8| format!("\x1b[1;1Htitle\x1b[K\x1b[3;3Hcount {n}\x1b[K");
        let recorded = format!("before\r\n{}{}", frame(1), frame(2));
        assert_eq!(plain(&[recorded.as_bytes()]), "before\ntitle\n\n  count 2\n");
    }

    #[test]
    fn a_character_cut_in_two_is_whole_again() {
        let text = "grüße\n".as_bytes();
        assert_eq!(plain(&[&text[..3], &text[3..]]), "grüße\n");
    }

    #[test]
    fn paragraphs_stay_apart() {
        assert_eq!(plain(&[b"one\n\n\n\ntwo\n"]), "one\n\ntwo\n");
    }
}
