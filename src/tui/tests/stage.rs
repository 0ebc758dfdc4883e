//! A model to press keys on, and what it looks like.

use std::collections::BTreeMap;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::buffer::Cell;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::actions::{Chord, Key, Keymap};
use crate::terminal::Screen;
use crate::tui::effect::Effect;
use crate::tui::fixture::{NOW, fleet, key};
use crate::tui::input::{self, KeyPress};
use crate::tui::model::{Model, Role, Setup};
use crate::tui::msg::Msg;
use crate::tui::theme::{Depth, Role as Piece, Symbols, Theme};
use crate::tui::view::view;

pub(super) fn setup() -> Setup {
    let (theme, errors) = Theme::load("dusk", &BTreeMap::new(), Depth::True);
    assert_eq!(errors, Vec::<String>::new());
    Setup {
        keymap: Keymap::default(),
        theme,
        symbols: Symbols::detect(|_| None),
        sessions_dir: "/state/sessions".into(),
        who: Role::Owner,
        plan: None,
        only: None,
    }
}

/// A model of the fleet with something in every zone.
pub(super) fn model(columns: u16, rows: u16) -> Model {
    Model::new(setup(), fleet(), (columns, rows), NOW)
}

/// Returns the event of a chord.
pub(super) fn press_of(chord: &str) -> KeyPress {
    let chord: Chord = chord.parse().unwrap();
    let code = match chord.key {
        Key::Char(c) => KeyCode::Char(c),
        Key::Function(n) => KeyCode::F(n),
        Key::Enter => KeyCode::Enter,
        Key::Esc => KeyCode::Esc,
        Key::Tab => KeyCode::Tab,
        Key::Backspace => KeyCode::Backspace,
        Key::Delete => KeyCode::Delete,
        Key::Insert => KeyCode::Insert,
        Key::Up => KeyCode::Up,
        Key::Down => KeyCode::Down,
        Key::Left => KeyCode::Left,
        Key::Right => KeyCode::Right,
        Key::Home => KeyCode::Home,
        Key::End => KeyCode::End,
        Key::PageUp => KeyCode::PageUp,
        Key::PageDown => KeyCode::PageDown,
    };
    let held =
        [(chord.ctrl, KeyModifiers::CONTROL), (chord.alt, KeyModifiers::ALT), (chord.shift, KeyModifiers::SHIFT)];
    let modifiers = held.iter().filter(|(held, _)| *held).map(|(_, modifier)| *modifier).collect();
    let event = KeyEvent::new(code, modifiers);
    let Some(Msg::Key(press)) = input::read(Event::Key(event)) else { panic!("{chord}") };
    press
}

pub(super) fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Msg {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    input::read(Event::Mouse(event)).unwrap()
}

pub(super) fn click(column: u16, row: u16) -> Msg {
    mouse(MouseEventKind::Down(MouseButton::Left), column, row)
}

impl Model {
    /// Presses keys at the fixture's moment, one after the other; returns all effects.
    pub(super) fn press(&mut self, chords: &[&str]) -> Vec<Effect> {
        chords.iter().flat_map(|chord| self.update(NOW, Msg::Key(press_of(chord)))).collect()
    }

    /// Types a text.
    pub(super) fn write(&mut self, text: &str) {
        for c in text.chars() {
            let chord = Chord::plain(Key::Char(c)).to_string();
            self.press(&[&chord]);
        }
    }

    /// Selects a ticket.
    pub(super) fn at(mut self, id: &str) -> Self {
        self.table.select(&key(id));
        self.settle();
        self
    }
}

/// A terminal as an agent would leave it.
pub(super) fn agent_screen(columns: u16, rows: u16) -> Screen {
    let mut screen = Screen::new(columns, rows);
    screen.process(
        "\x1b[1m● Bash\x1b[0m(psql -h localhost -c 'alter table refunds add …')\r\n  ⎿ Waiting for permission…\r\n\r\n\
         Do you want to proceed?\r\n\x1b[36m❯ 1. Yes\x1b[0m\r\n  2. No, tell Claude what to do differently\r\n"
            .as_bytes(),
    );
    screen
}

/// Draws a model with an agent's terminal, and returns the backend.
pub(super) fn drawn(model: &Model) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    let area = model.areas().terminal;
    let screen = agent_screen(area.width, area.height);
    terminal.draw(|frame| view(model, Some(&|area, buffer| screen.render(area, buffer)), frame)).unwrap();
    terminal.backend().clone()
}

/// Returns the bytes that drawing a model sends to a real terminal.
pub(super) fn written(model: &Model) -> Vec<u8> {
    let mut bytes = Vec::new();
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(&mut bytes), options).unwrap();
    terminal.draw(|frame| view(model, None, frame)).unwrap();
    drop(terminal);
    bytes
}

/// Returns what is drawn as plain lines.
pub(super) fn text(model: &Model) -> String {
    let backend = drawn(model);
    let buffer = backend.buffer();
    let rows = buffer.content().chunks(usize::from(buffer.area.width).max(1));
    let line = |row: &[Cell]| row.iter().map(Cell::symbol).collect::<String>();
    rows.map(|row| line(row).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Returns what is drawn with its styles: pieces of one style are marked `{letters|text}`, plain text is not.
pub(super) fn styled(model: &Model) -> String {
    let backend = drawn(model);
    let buffer = backend.buffer();
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(buffer.area.width).max(1)) {
        let mut pieces: Vec<(String, String)> = Vec::new();
        for cell in row {
            let style = letters(model, cell);
            match pieces.last_mut() {
                // A blank shows nothing of its style but the selection.
                Some((last, piece))
                    if *last == style || (cell.symbol() == " " && last.ends_with('S') == style.ends_with('S')) =>
                {
                    piece.push_str(cell.symbol());
                }
                _ => pieces.push((style, cell.symbol().to_owned())),
            }
        }
        let piece = |(style, piece): (String, String)| match style.as_str() {
            "" => piece,
            style => {
                let text = if style.ends_with('S') { piece.as_str() } else { piece.trim_end() };
                format!("{{{style}|{text}}}{}", &piece[text.len()..])
            }
        };
        let line: String = pieces.into_iter().map(piece).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns letters for a cell's style: the name of its colour in the theme, `B` for bold, `S` for selected.
fn letters(model: &Model, cell: &Cell) -> String {
    let theme = &model.setup.theme;
    let names = [
        (Piece::Text, ""),
        (Piece::Muted, "m"),
        (Piece::Accent, "a"),
        (Piece::Rule, "-"),
        (Piece::Good, "g"),
        (Piece::Warn, "w"),
        (Piece::Bad, "b"),
        (Piece::Review, "r"),
        (Piece::Working, "k"),
    ];
    let color = Some(cell.fg);
    let blank = cell.symbol() == " ";
    let name = names.iter().find(|(role, _)| theme.style(*role).fg == color).map_or("", |(_, name)| name);
    let mut letters = if blank { String::new() } else { name.to_owned() };
    if !blank && cell.modifier.contains(Modifier::BOLD) {
        letters.push('B');
    }
    if Some(cell.bg) == theme.style(Piece::Selected).bg {
        letters.push('S');
    }
    letters
}
