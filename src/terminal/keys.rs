//! Keys and pasted text become the bytes a program in a terminal expects (the encoding of xterm).

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

const ESC: u8 = 0x1b;

/// Returns the bytes of a key; empty for keys that say nothing to a program. `application_cursor` is what the
/// program's screen says.
pub fn encode_key(key: KeyEvent, application_cursor: bool) -> Vec<u8> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let modifiers = key.modifiers & (KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL);
    let alt = modifiers.contains(KeyModifiers::ALT);
    let ctrl = modifiers.contains(KeyModifiers::CONTROL);
    let shift = modifiers.contains(KeyModifiers::SHIFT);
    match key.code {
        KeyCode::Char(c) => with_alt(alt, char_bytes(c, ctrl, shift)),
        // There is no byte for Shift+Enter; programs for agents read this pair as a newline in their input.
        KeyCode::Enter if shift || alt => vec![ESC, b'\r'],
        KeyCode::Enter if ctrl => vec![b'\n'],
        KeyCode::Enter => vec![b'\r'],
        KeyCode::Esc => with_alt(alt, vec![ESC]),
        KeyCode::Backspace => with_alt(alt, vec![if ctrl { 0x08 } else { 0x7f }]),
        KeyCode::Tab if !shift => with_alt(alt, vec![b'\t']),
        KeyCode::Tab | KeyCode::BackTab => with_alt(alt, b"\x1b[Z".to_vec()),
        KeyCode::Up => letter(b'A', modifiers, application_cursor),
        KeyCode::Down => letter(b'B', modifiers, application_cursor),
        KeyCode::Right => letter(b'C', modifiers, application_cursor),
        KeyCode::Left => letter(b'D', modifiers, application_cursor),
        KeyCode::KeypadBegin => letter(b'E', modifiers, application_cursor),
        KeyCode::End => letter(b'F', modifiers, application_cursor),
        KeyCode::Home => letter(b'H', modifiers, application_cursor),
        KeyCode::Insert => number(2, modifiers),
        KeyCode::Delete => number(3, modifiers),
        KeyCode::PageUp => number(5, modifiers),
        KeyCode::PageDown => number(6, modifiers),
        KeyCode::F(n) => function(n, modifiers),
        _ => Vec::new(),
    }
}

fn with_alt(alt: bool, mut bytes: Vec<u8>) -> Vec<u8> {
    if alt {
        bytes.insert(0, ESC);
    }
    bytes
}

fn char_bytes(c: char, ctrl: bool, shift: bool) -> Vec<u8> {
    if ctrl && let Some(byte) = control_byte(c) {
        return vec![byte];
    }
    let c = if shift { c.to_ascii_uppercase() } else { c };
    c.encode_utf8(&mut [0; 4]).as_bytes().to_vec()
}

/// Returns the control character of a key; `None` if there is none.
fn control_byte(c: char) -> Option<u8> {
    let byte = u8::try_from(c).ok()?;
    match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => Some(letter & 0x1f),
        b' ' | b'@' | b'`' | b'2' => Some(0x00),
        b'[' | b'{' | b'3' => Some(0x1b),
        b'\\' | b'|' | b'4' => Some(0x1c),
        b']' | b'}' | b'5' => Some(0x1d),
        b'^' | b'~' | b'6' => Some(0x1e),
        b'_' | b'/' | b'7' | b'-' => Some(0x1f),
        b'?' | b'8' => Some(0x7f),
        _ => None,
    }
}

/// Returns the number xterm uses for held modifiers; `None` if none is held.
fn modifier_number(modifiers: KeyModifiers) -> Option<u8> {
    let bits = u8::from(modifiers.contains(KeyModifiers::SHIFT))
        + 2 * u8::from(modifiers.contains(KeyModifiers::ALT))
        + 4 * u8::from(modifiers.contains(KeyModifiers::CONTROL));
    (bits > 0).then_some(bits + 1)
}

fn letter(letter: u8, modifiers: KeyModifiers, application: bool) -> Vec<u8> {
    match modifier_number(modifiers) {
        Some(held) => format!("\x1b[1;{held}{}", char::from(letter)).into_bytes(),
        None => vec![ESC, if application { b'O' } else { b'[' }, letter],
    }
}

fn number(number: u8, modifiers: KeyModifiers) -> Vec<u8> {
    match modifier_number(modifiers) {
        Some(held) => format!("\x1b[{number};{held}~").into_bytes(),
        None => format!("\x1b[{number}~").into_bytes(),
    }
}

fn function(n: u8, modifiers: KeyModifiers) -> Vec<u8> {
    match n {
        1..=4 => letter(b'P' + n - 1, modifiers, true),
        5 => number(15, modifiers),
        6..=10 => number(n + 11, modifiers),
        11..=14 => number(n + 12, modifiers),
        15..=16 => number(n + 13, modifiers),
        17..=20 => number(n + 14, modifiers),
        _ => Vec::new(),
    }
}

/// Returns the bytes of pasted text: marked as a paste if the program asked for that (`bracketed`), typed otherwise.
/// Control characters other than newline and tab are left out, so a paste cannot end its own marking.
pub fn encode_paste(text: &str, bracketed: bool) -> Vec<u8> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    if bracketed {
        return format!("\x1b[200~{clean}\x1b[201~").into_bytes();
    }
    clean.replace('\n', "\r").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(code: KeyCode, modifiers: KeyModifiers) -> Vec<u8> {
        encode_key(KeyEvent::new(code, modifiers), false)
    }

    #[test]
    fn keys_are_what_xterm_sends() {
        let (none, shift, alt, ctrl) =
            (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::ALT, KeyModifiers::CONTROL);
        let cases: &[(KeyCode, KeyModifiers, &[u8])] = &[
            (KeyCode::Char('a'), none, b"a"),
            (KeyCode::Char('é'), none, "é".as_bytes()),
            (KeyCode::Char('A'), shift, b"A"),
            (KeyCode::Char('c'), ctrl, b"\x03"),
            (KeyCode::Char(' '), ctrl, b"\0"),
            (KeyCode::Char('f'), alt, b"\x1bf"),
            (KeyCode::Char('x'), ctrl | alt, b"\x1b\x18"),
            (KeyCode::Enter, none, b"\r"),
            (KeyCode::Enter, shift, b"\x1b\r"),
            (KeyCode::Backspace, none, b"\x7f"),
            (KeyCode::BackTab, shift, b"\x1b[Z"),
            (KeyCode::Esc, none, b"\x1b"),
            (KeyCode::Up, none, b"\x1b[A"),
            (KeyCode::Right, ctrl, b"\x1b[1;5C"),
            (KeyCode::Delete, none, b"\x1b[3~"),
            (KeyCode::PageUp, shift, b"\x1b[5;2~"),
            (KeyCode::F(1), none, b"\x1bOP"),
            (KeyCode::F(4), ctrl, b"\x1b[1;5S"),
            (KeyCode::F(5), none, b"\x1b[15~"),
            (KeyCode::F(6), none, b"\x1b[17~"),
            (KeyCode::F(10), none, b"\x1b[21~"),
            (KeyCode::F(11), none, b"\x1b[23~"),
            (KeyCode::F(12), none, b"\x1b[24~"),
            (KeyCode::F(20), none, b"\x1b[34~"),
            (KeyCode::CapsLock, none, b""),
        ];
        for (code, modifiers, expected) in cases {
            assert_eq!(bytes(*code, *modifiers), *expected, "{code:?} {modifiers:?}");
        }
        assert_eq!(encode_key(KeyEvent::new(KeyCode::Up, none), true), b"\x1bOA");
        let release = KeyEvent::new_with_kind(KeyCode::Char('a'), none, KeyEventKind::Release);
        assert!(encode_key(release, false).is_empty());
    }

    #[test]
    fn a_paste_cannot_end_its_own_marking_or_type_control_keys() {
        let hostile = "one\r\ntwo\x1b[201~\x03\u{9b}\tend";
        assert_eq!(encode_paste(hostile, true), b"\x1b[200~one\ntwo[201~\tend\x1b[201~");
        assert_eq!(encode_paste(hostile, false), b"one\rtwo[201~\tend");
    }
}
