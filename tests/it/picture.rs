//! The picture in the README: the real screen, cell by cell. `UPDATE_ASSETS=1 cargo test --test it picture` renews it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::harness::{App, Home};

const ZONES: [&str; 7] = ["RESPOND", "FAILED", "MERGE", "REVIEW", "WORKING", "WAITING", "DONE"];

const SIZE: (u16, u16) = (126, 33);

/// What the default theme is made for.
const BACKDROP: &str = "#16181f";
const INK: &str = "#d5d9e6";

/// Width and height of a cell, size of the letters, and the space around all of it.
const CELL: (f64, f64) = (8.4, 18.0);
const LETTERS: f64 = 14.0;
const MARGIN: f64 = 16.0;

/// The sixteen colours a terminal chooses itself.
const ANSI: [&str; 16] = [
    "#2a3042", "#f28b82", "#8fd694", "#f0b860", "#7fb4f5", "#c3a6f2", "#6fcfc4", "#d5d9e6", "#5b6178", "#f7a8a0",
    "#aee5b2", "#f7d08f", "#a5caf8", "#d7c3f7", "#97e0d7", "#ffffff",
];

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/screen.svg")
}

#[test]
fn the_picture_shows_the_zones_and_is_renewed_on_request() {
    if std::env::var_os("UPDATE_ASSETS").is_some() {
        fs::write(file(), svg(&take())).unwrap();
    }
    let picture = fs::read_to_string(file()).unwrap();
    for zone in ZONES {
        assert!(picture.contains(zone), "{zone} is not in the picture: UPDATE_ASSETS=1 cargo test --test it picture");
    }
    assert!(picture.len() < 150_000 && !picture.contains("<script"), "{} bytes", picture.len());
}

/// Plays the demo until every zone is on the screen and an agent types beside the table.
fn take() -> Buffer {
    let home = Home::with_speed(3);
    let dir = home.path("demo").display().to_string();
    let mut app = App::start(&home, &home.path(""), &["demo", "--dir", &dir], SIZE);
    app.wait("every zone", |screen| ZONES.iter().all(|zone| screen.contains(zone)));
    app.press("/LED-5\r");
    app.wait("the manual alone", |screen| screen.contains("LED-5") && !screen.contains("LED-4"));
    // Whoever attaches gives the agent's terminal the size of the pane.
    app.press("\r");
    app.see("leaves");
    app.press("\x1c\x1b");
    app.wait("the manual beside the table", |screen| {
        screen.contains("needs them") && ZONES.iter().all(|zone| screen.contains(zone))
    });
    app.cells()
}

/// Draws cells as text of a picture that needs nothing else.
fn svg(cells: &Buffer) -> String {
    let (cols, rows) = (f64::from(cells.area.width), f64::from(cells.area.height));
    let (width, height) = (cols * CELL.0 + 2.0 * MARGIN, rows * CELL.1 + 2.0 * MARGIN);
    let mut styles = BTreeMap::new();
    let mut drawing = String::new();
    for y in 0..cells.area.height {
        let row: Vec<&Cell> = (0..cells.area.width).map(|x| &cells[(x, y)]).collect();
        for (at, length, color) in runs(&row, |cell| colors(cell).1) {
            if let Some(color) = color {
                let (x, y) = place(at, y);
                let (width, height) = (length as f64 * CELL.0, CELL.1);
                writeln!(drawing, r#"<rect x="{x:.1}" y="{y}" width="{width:.1}" height="{height}" fill="{color}"/>"#)
                    .unwrap();
            }
        }
        letters(&row, y, &mut styles, &mut drawing);
    }
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"The fleet screen of aotui\">\n<style>\ntext {{ font: {LETTERS}px ui-monospace, SFMono-Regular, \
         Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace; white-space: pre; }}\n"
    );
    for (style, class) in &styles {
        writeln!(out, ".{class} {{ {style} }}").unwrap();
    }
    write!(
        out,
        "</style>\n<rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"10\" fill=\"{BACKDROP}\" \
         stroke=\"#3c4256\"/>\n{drawing}</svg>\n",
        width - 1.0,
        height - 1.0
    )
    .unwrap();
    out
}

/// Writes the letters of a row, as few texts as can be. What a font may draw wider or smaller stands alone.
fn letters(row: &[&Cell], y: u16, styles: &mut BTreeMap<String, String>, drawing: &mut String) {
    for (at, length, style) in runs(row, |cell| (style(cell), lone(cell))) {
        let text: String = row[at..at + length].iter().map(|cell| cell.symbol()).collect();
        if text.trim().is_empty() {
            continue;
        }
        if let Some(line) = line(row[at], at, length, y) {
            drawing.push_str(&line);
            continue;
        }
        let count = styles.len();
        let class = styles.entry(style.0).or_insert_with(|| format!("s{count}")).clone();
        let alone = !style.1.is_empty();
        let parts = if alone { length } else { 1 };
        for part in 0..parts {
            let text = if alone { row[at + part].symbol() } else { text.as_str() };
            let blank = text.len() - text.trim_start().len();
            let (x, y) = place(at + part + blank, y);
            let baseline = y + CELL.1 * 0.75;
            let text = text.trim().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let size = text_length(&text);
            writeln!(drawing, r#"<text x="{x:.1}" y="{baseline:.1}" class="{class}"{size}>{text}</text>"#).unwrap();
        }
    }
}

/// Draws lines as lines: letters of one row do not touch those of the next.
fn line(cell: &Cell, at: usize, length: usize, y: u16) -> Option<String> {
    let (x, y) = place(at, y);
    let long = length as f64 * CELL.0;
    let (x, y, width, height) = match cell.symbol() {
        "│" if length == 1 => (x + CELL.0 / 2.0, y, 1.0, CELL.1),
        "─" => (x, y + CELL.1 / 2.0, long, 1.0),
        _ => return None,
    };
    let style = style(cell);
    Some(format!("<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" style=\"{style}\"/>\n"))
}

/// Keeps long texts on the grid whatever the width of the reader's font.
fn text_length(text: &str) -> String {
    let count = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").chars().count();
    if count < 2 { String::new() } else { format!(r#" textLength="{:.1}""#, count as f64 * CELL.0) }
}

fn place(x: usize, y: u16) -> (f64, f64) {
    (MARGIN + x as f64 * CELL.0, MARGIN + f64::from(y) * CELL.1)
}

/// Cuts a row where `what` changes: start, length, and what it is there.
fn runs<'a, T: PartialEq>(row: &[&'a Cell], what: impl Fn(&'a Cell) -> T) -> Vec<(usize, usize, T)> {
    let mut runs: Vec<(usize, usize, T)> = Vec::new();
    for (at, cell) in row.iter().enumerate() {
        let this = what(cell);
        match runs.last_mut() {
            Some((_, length, last)) if *last == this => *length += 1,
            _ => runs.push((at, 1, this)),
        }
    }
    runs
}

/// What a letter shares with those it is written with; a letter that is not ASCII only with its like.
fn lone(cell: &Cell) -> &str {
    if cell.symbol().is_ascii() { "" } else { cell.symbol() }
}

/// The colours of letters and ground; `None` for the picture's own ground.
fn colors(cell: &Cell) -> (String, Option<String>) {
    let ink = color(cell.fg).unwrap_or_else(|| INK.to_owned());
    let ground = color(cell.bg);
    if cell.modifier.contains(Modifier::REVERSED) {
        return (ground.unwrap_or_else(|| BACKDROP.to_owned()), Some(ink));
    }
    (ink, ground)
}

fn style(cell: &Cell) -> String {
    if cell.symbol() == " " {
        // Words stand alone, each at its own place.
        return String::new();
    }
    let mut style = format!("fill: {};", colors(cell).0);
    for (modifier, rule) in [
        (Modifier::BOLD, " font-weight: bold;"),
        (Modifier::DIM, " opacity: 0.6;"),
        (Modifier::ITALIC, " font-style: italic;"),
        (Modifier::UNDERLINED, " text-decoration: underline;"),
    ] {
        if cell.modifier.contains(modifier) {
            style.push_str(rule);
        }
    }
    style
}

/// The colour as the picture writes it; `None` is the terminal's own.
fn color(color: Color) -> Option<String> {
    match color {
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Indexed(n @ 0..=15) => Some(ANSI[usize::from(n)].to_owned()),
        Color::Indexed(n @ 16..=231) => {
            let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
            let n = n - 16;
            Some(format!("#{:02x}{:02x}{:02x}", step(n / 36), step(n / 6 % 6), step(n % 6)))
        }
        Color::Indexed(n) => Some(format!("#{0:02x}{0:02x}{0:02x}", 8 + 10 * (n - 232))),
        _ => None,
    }
}
