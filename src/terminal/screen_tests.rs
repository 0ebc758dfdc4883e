use proptest::prelude::*;
use ratatui::style::{Color, Modifier};

use super::*;

fn screen(cols: u16, rows: u16, bytes: &str) -> Screen {
    let mut screen = Screen::new(cols, rows);
    screen.process(bytes.as_bytes());
    screen
}

fn drawn(screen: &Screen, width: u16, height: u16) -> (Buffer, Option<Position>) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::filled(area, ratatui::buffer::Cell::new("#"));
    let cursor = screen.render(area, &mut buffer);
    (buffer, cursor)
}

fn symbols(buffer: &Buffer) -> Vec<String> {
    buffer.content.iter().map(|cell| cell.symbol().to_owned()).collect()
}

#[test]
fn text_colours_and_the_cursor_arrive_where_they_are() {
    let screen = screen(10, 3, "\x1b[1;31mred\x1b[0m \x1b[38;2;1;2;3;7mrgb");
    let (buffer, cursor) = drawn(&screen, 10, 3);
    let red = &buffer[(0, 0)];
    assert_eq!((red.symbol(), red.fg), ("r", Color::Indexed(1)));
    assert!(red.modifier.contains(Modifier::BOLD));
    assert_eq!(buffer[(4, 0)].fg, Color::Rgb(1, 2, 3));
    assert!(buffer[(4, 0)].modifier.contains(Modifier::REVERSED));
    assert_eq!(buffer[(9, 2)].symbol(), " ");
    assert_eq!(cursor, Some(Position::new(7, 0)));
}

#[test]
fn a_small_area_shows_the_part_with_the_cursor() {
    let screen = screen(10, 4, "1\r\n2\r\n3\r\n4");
    let (buffer, cursor) = drawn(&screen, 3, 2);
    assert_eq!(buffer[(0, 0)].symbol(), "3");
    assert_eq!(cursor, Some(Position::new(1, 1)));
}

#[test]
fn a_wide_character_at_the_edge_is_blanked_and_elsewhere_takes_two_cells() {
    let screen = screen(10, 2, "a世b");
    let (buffer, _) = drawn(&screen, 10, 2);
    assert_eq!(symbols(&buffer)[..4], ["a", "世", " ", "b"]);
    let (buffer, _) = drawn(&screen, 2, 2);
    assert_eq!(symbols(&buffer)[..2], ["a", " "]);
}

#[test]
fn joined_emoji_are_cut_to_the_first_one() {
    let screen = screen(20, 2, "👩\u{200d}👧!");
    let (buffer, _) = drawn(&screen, 20, 2);
    assert_eq!(buffer[(0, 0)].symbol(), "👩");
    assert!(symbols(&buffer).iter().all(|symbol| !symbol.contains('\u{200d}')));
}

#[test]
fn a_title_is_harmless_and_short() {
    let mut screen = screen(10, 2, "\x1b]2;ev\u{202e}il\u{85}\u{e0041} title\x07");
    assert_eq!(screen.title(), "evil title");
    screen.process(format!("\x1b]0;{}\x07", "x".repeat(500)).as_bytes());
    assert_eq!(screen.title().len(), 100);
}

#[test]
fn history_can_be_scrolled_to_and_read() {
    let mut screen = screen(10, 2, "");
    for n in 0..7 {
        screen.process(format!("line {n}\r\n").as_bytes());
    }
    assert_eq!(screen.contents(), ["line 6", ""]);
    screen.scroll(3);
    assert_eq!(screen.contents(), ["line 3", "line 4"]);
    assert_eq!(screen.cursor(), None);
    assert_eq!(screen.last_lines(4), ["line 3", "line 4", "line 5", "line 6"]);
    assert_eq!(screen.last_lines(100).len(), 7);
    screen.process(b"0123456789abc");
    assert_eq!(screen.last_lines(1), ["0123456789abc"]);
}

#[test]
fn modes_of_the_program_are_known() {
    let screen = screen(10, 2, "\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1049h\x1b[?25l");
    assert!(screen.application_cursor() && screen.bracketed_paste() && screen.alternate_screen());
    assert_eq!(screen.mouse(), (MouseMode::Drag, MouseEncoding::Sgr));
    assert_eq!(screen.cursor(), None);
}

#[test]
fn a_broken_emulator_leaves_an_empty_screen_of_the_same_size() {
    let mut screen = screen(12, 3, "text");
    assert!(!emulating());
    screen.guarded(|_| {
        assert!(!emulating(), "a panic, as the emulator might");
    });
    assert_eq!((screen.panics(), screen.size()), (1, (12, 3)));
    assert_eq!(screen.contents(), ["", "", ""]);
    assert!(!emulating());
    screen.process(b"again");
    assert_eq!(screen.contents()[0], "again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_hostile_reaches_a_buffer(text in "[\\PC\u{80}-\u{9f}\u{200b}-\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{feff}\u{e0020}-\u{e007f}a👩世\u{fe0f}\u{301}]{0,60}") {
        let screen = screen(20, 4, &text);
        let (buffer, _) = drawn(&screen, 17, 4);
        for cell in &buffer.content {
            prop_assert!(cell.symbol().chars().all(crate::domain::plain::is_plain), "{:?}", cell.symbol());
        }
        for line in screen.contents() {
            prop_assert!(line.chars().all(crate::domain::plain::is_plain), "{line:?}");
        }
    }

    #[test]
    fn random_bytes_and_sizes_never_bring_the_screen_down(
        steps in proptest::collection::vec((hostile_bytes(), 0u16..60, 0u16..30), 1..12),
    ) {
        let mut screen = Screen::new(20, 5);
        for (bytes, cols, rows) in steps {
            screen.process(&bytes);
            screen.resize(cols, rows);
            screen.scroll(3);
            let (buffer, cursor) = drawn(&screen, 25, 7);
            prop_assert!(cursor.is_none_or(|at| buffer.area.contains(at)));
        }
        screen.last_lines(50);
    }
}

/// Bytes that are escape sequences more often than chance would make them.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "\x1b\\[[?>]?[0-9;:]{0,8}[@-~]".prop_map(String::into_bytes),
        "\x1b[()#]?[ -~]".prop_map(String::into_bytes),
        "\\PC{0,30}".prop_map(String::into_bytes),
        Just(b"\r\n\n\n\n\x08\t".to_vec()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}
