//! Answers what programs ask their terminal. An agent that gets no answer waits for seconds at its start, or gives up.
//!
//! Answers come from a fixed table, without a character the program chose. What we do not support is left out or
//! denied, so that no program uses it.

use vt100::{MouseProtocolEncoding, MouseProtocolMode, Screen};

/// Most bytes of answers that wait to be fetched; a program that asks for more gets no more.
const MAX_WAITING: usize = 4096;

/// Answers that wait to be sent to the program.
#[derive(Default)]
pub(super) struct Answers(Vec<u8>);

impl Answers {
    /// Takes the answers that came up since this was called last.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Notes the answer to a control sequence, if it is a question.
    pub(super) fn note(
        &mut self,
        screen: &Screen,
        intermediates: (Option<u8>, Option<u8>),
        params: &[&[u16]],
        c: char,
    ) {
        let param = params.first().and_then(|param| param.first()).copied().unwrap_or(0);
        if let Some(answer) = answer(screen, intermediates, param, c)
            && self.0.len() + answer.len() <= MAX_WAITING
        {
            self.0.extend_from_slice(answer.as_bytes());
        }
    }
}

fn answer(screen: &Screen, intermediates: (Option<u8>, Option<u8>), param: u16, c: char) -> Option<String> {
    match (intermediates, c, param) {
        // What are you? A VT220 with colours.
        ((None, None), 'c', 0) => Some("\x1b[?62;22c".to_owned()),
        ((Some(b'>'), None), 'c', 0) => Some("\x1b[>1;10;0c".to_owned()),
        ((Some(b'>'), None), 'q', 0) => Some(format!("\x1bP>|aotui {}\x1b\\", env!("CARGO_PKG_VERSION"))),
        // Are you well, and where is the cursor?
        ((None, None), 'n', 5) => Some("\x1b[0n".to_owned()),
        ((None, None), 'n', 6) => {
            let (row, col) = screen.cursor_position();
            Some(format!("\x1b[{};{}R", row + 1, (col + 1).min(screen.size().1.get())))
        }
        ((Some(b'?'), Some(b'$')), 'p', mode) => Some(format!("\x1b[?{mode};{}$y", mode_state(screen, mode))),
        _ => None,
    }
}

/// Returns how a mode is, in the numbers of DECRQM: 1 set, 2 reset, 0 unknown.
fn mode_state(screen: &Screen, mode: u16) -> u8 {
    let mouse = screen.mouse_protocol_mode();
    let encoding = screen.mouse_protocol_encoding();
    let set = match mode {
        1 => screen.application_cursor(),
        9 => mouse == MouseProtocolMode::Press,
        25 => !screen.hide_cursor(),
        1000 => mouse == MouseProtocolMode::PressRelease,
        1002 => mouse == MouseProtocolMode::ButtonMotion,
        1003 => mouse == MouseProtocolMode::AnyMotion,
        1005 => encoding == MouseProtocolEncoding::Utf8,
        1006 => encoding == MouseProtocolEncoding::Sgr,
        47 | 1049 => screen.alternate_screen(),
        2004 => screen.bracketed_paste(),
        _ => return 0,
    };
    if set { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use crate::terminal::Screen;

    fn answers(bytes: &str) -> String {
        let mut screen = Screen::new(80, 24);
        screen.process(bytes.as_bytes());
        String::from_utf8(screen.take_answers()).unwrap()
    }

    #[test]
    fn a_program_is_told_what_it_asks_at_the_byte_where_it_asks() {
        assert_eq!(answers("ab\r\nc\x1b[6nmore\x1b[5n"), "\x1b[2;2R\x1b[0n");
        assert_eq!(answers("\x1b[c\x1b[0c\x1b[>c"), "\x1b[?62;22c\x1b[?62;22c\x1b[>1;10;0c");
        assert_eq!(
            answers("\x1b[?2004h\x1b[?2004$p\x1b[?2026$p\x1b[?1006$p"),
            "\x1b[?2004;1$y\x1b[?2026;0$y\x1b[?1006;2$y"
        );
        assert!(answers("\x1b[>q").starts_with("\x1bP>|aotui "));
    }

    #[test]
    fn what_is_no_question_or_not_supported_gets_no_answer() {
        assert_eq!(answers("\x1b[?u\x1b[21t\x1b]2;x\x07\x1b[1c\x1b]52;c;?\x07\x1b]11;?\x07\x05"), "");
        assert!(answers(&"\x1b[6n".repeat(100_000)).len() <= super::MAX_WAITING);
    }
}
