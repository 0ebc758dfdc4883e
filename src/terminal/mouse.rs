//! Mouse events become the bytes a program asked for, in the way it asked for.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::screen::{MouseEncoding, MouseMode};

/// Returns the bytes of a mouse event whose column and row count from the pane's own corner; empty if the program
/// did not ask for it, or its encoding cannot say it.
pub fn encode_mouse(event: MouseEvent, (mode, encoding): (MouseMode, MouseEncoding)) -> Vec<u8> {
    let Some((code, release)) = code(event.kind, mode) else {
        return Vec::new();
    };
    let code = code + if mode == MouseMode::Press { 0 } else { held(event.modifiers) };
    let (x, y) = (u32::from(event.column) + 1, u32::from(event.row) + 1);
    match encoding {
        MouseEncoding::Sgr => format!("\x1b[<{code};{x};{y}{}", if release { 'm' } else { 'M' }).into_bytes(),
        MouseEncoding::Bytes => legacy(code, release, (x, y), |n| u8::try_from(n).ok().map(|byte| vec![byte])),
        MouseEncoding::Utf8 => legacy(code, release, (x, y), |n| char::from_u32(n).map(|c| c.to_string().into_bytes())),
    }
}

fn legacy(code: u32, release: bool, (x, y): (u32, u32), write: impl Fn(u32) -> Option<Vec<u8>>) -> Vec<u8> {
    // This encoding does not say which button was let go.
    let code = if release { (code & !0b11) | 3 } else { code };
    let fields = [write(code + 32), write(x + 32), write(y + 32)];
    let Some(fields) = fields.into_iter().collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    [b"\x1b[M".to_vec(), fields.concat()].concat()
}

/// Returns the number of an event and whether it is a release; `None` if `mode` leaves it out.
fn code(kind: MouseEventKind, mode: MouseMode) -> Option<(u32, bool)> {
    let (code, release, wanted) = match kind {
        MouseEventKind::Down(button) => (number(button), false, mode != MouseMode::Off),
        MouseEventKind::Up(button) => (number(button), true, !matches!(mode, MouseMode::Off | MouseMode::Press)),
        MouseEventKind::Drag(button) => {
            (number(button) + 32, false, matches!(mode, MouseMode::Drag | MouseMode::Motion))
        }
        MouseEventKind::Moved => (35, false, mode == MouseMode::Motion),
        MouseEventKind::ScrollUp => (64, false, mode != MouseMode::Off),
        MouseEventKind::ScrollDown => (65, false, mode != MouseMode::Off),
        MouseEventKind::ScrollLeft => (66, false, mode != MouseMode::Off),
        MouseEventKind::ScrollRight => (67, false, mode != MouseMode::Off),
    };
    wanted.then_some((code, release))
}

fn number(button: MouseButton) -> u32 {
    match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    }
}

fn held(modifiers: KeyModifiers) -> u32 {
    4 * u32::from(modifiers.contains(KeyModifiers::SHIFT))
        + 8 * u32::from(modifiers.contains(KeyModifiers::ALT))
        + 16 * u32::from(modifiers.contains(KeyModifiers::CONTROL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: MouseEventKind, column: u16, row: u16) -> MouseEvent {
        MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }
    }

    #[test]
    fn a_program_gets_only_the_events_it_asked_for() {
        let click = event(MouseEventKind::Down(MouseButton::Left), 4, 2);
        let release = event(MouseEventKind::Up(MouseButton::Left), 4, 2);
        let sgr = |event, mode| encode_mouse(event, (mode, MouseEncoding::Sgr));
        assert!(sgr(click, MouseMode::Off).is_empty());
        assert_eq!(sgr(click, MouseMode::Press), b"\x1b[<0;5;3M");
        assert!(sgr(release, MouseMode::Press).is_empty());
        assert_eq!(sgr(release, MouseMode::PressRelease), b"\x1b[<0;5;3m");
        let drag = event(MouseEventKind::Drag(MouseButton::Right), 0, 0);
        assert!(sgr(drag, MouseMode::PressRelease).is_empty());
        assert_eq!(sgr(drag, MouseMode::Drag), b"\x1b[<34;1;1M");
        assert_eq!(sgr(event(MouseEventKind::ScrollDown, 0, 0), MouseMode::Press), b"\x1b[<65;1;1M");
    }

    #[test]
    fn the_old_encodings_leave_out_what_they_cannot_say() {
        let modes = (MouseMode::PressRelease, MouseEncoding::Bytes);
        assert_eq!(encode_mouse(event(MouseEventKind::Up(MouseButton::Left), 0, 0), modes), b"\x1b[M#!!");
        assert!(encode_mouse(event(MouseEventKind::Down(MouseButton::Left), 300, 0), modes).is_empty());
        let utf8 = (MouseMode::PressRelease, MouseEncoding::Utf8);
        let wide = encode_mouse(event(MouseEventKind::Down(MouseButton::Left), 300, 0), utf8);
        assert_eq!(String::from_utf8(wide).unwrap(), "\x1b[M \u{14d}!");
    }
}
