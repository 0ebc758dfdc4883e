//! Comma-separated values: the first line names the columns, every other is an item. `;` and tabs separate as well.

use csv_core::{ReadFieldResult, ReaderBuilder};

use super::objects::{TITLES, normal, of_rows};
use super::{List, Places};
use crate::config::fields::{Report, meant};
use crate::config::yaml::{Key, Mark, Node, Value};

/// Returns whether a line could be the header of such a list.
pub(super) fn is_header(line: &str) -> bool {
    let separator = char::from(separator(line));
    let is_word = line.starts_with(|c: char| c.is_alphanumeric() || c == '"');
    is_word
        && line.contains(separator)
        && line.split(separator).any(|name| TITLES.contains(&normal(name.trim().trim_matches('"')).as_str()))
}

/// Reads such a list.
pub(super) fn read(text: &str, report: &mut Report) -> List {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = rows(text, report).into_iter();
    let header: Vec<Key> = rows.next().unwrap_or_default();
    if !header.iter().any(|key| TITLES.contains(&normal(&key.text).as_str())) {
        let at = header.first().map_or(Mark { line: 1, column: 1 }, |key| key.at);
        let near = meant("title", header.iter().map(|key| key.text.as_str()));
        report.error(at, "no column is called `title`", format!("the first line names the columns; {near}"));
        return List::default();
    }
    let mut items = Vec::new();
    for row in rows {
        if let Some(more) = row.get(header.len()) {
            let message = format!("the line has {} fields, and {} columns have a name", row.len(), header.len());
            report.error(more.at, message, "put a text that has a separator in it in quotes");
            continue;
        }
        let at = row.first().map(|cell| cell.at).unwrap_or_default();
        let entries = header.iter().zip(row).filter(|(_, cell)| !cell.text.trim().is_empty());
        let entries = entries.map(|(key, cell)| (key.clone(), Node { at: cell.at, value: Value::Text(cell.text) }));
        items.push(Node { at, value: Value::Map(entries.collect()) });
    }
    of_rows(&items, report)
}

/// Returns every field of every line with its place.
fn rows(text: &str, report: &mut Report) -> Vec<Vec<Key>> {
    let first = text.lines().next().unwrap_or_default();
    let mut reader = ReaderBuilder::new().delimiter(separator(first)).build();
    let places = Places::new(text);
    let mut out = vec![0; text.len() + 1];
    let (mut rows, mut row, mut read, mut begin, mut written) = (Vec::new(), Vec::new(), 0, 0, 0);
    loop {
        let input = text.as_bytes().get(read..).unwrap_or_default();
        let room = out.get_mut(written..).unwrap_or_default();
        let (result, used, filled) = reader.read_field(input, room);
        read += used;
        written += filled;
        match result {
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::OutputFull | ReadFieldResult::End => break,
            ReadFieldResult::Field { record_end } => {
                let source = text.get(begin..read).unwrap_or_default();
                let begins = begin + source.len() - source.trim_start_matches(['\r', '\n']).len();
                let at = places.at(begins);
                let source = source.trim_matches(['\r', '\n']).trim_end_matches(char::from(separator(first)));
                if source.starts_with('"') && (source.len() == 1 || !source.ends_with('"')) && read >= text.len() {
                    report.error(at, "the quote that begins here is never closed", "write a quote within a text twice");
                }
                let cell = String::from_utf8_lossy(out.get(..written).unwrap_or_default()).into_owned();
                row.push(Key { at, text: cell });
                (begin, written) = (read, 0);
                if record_end {
                    rows.push(std::mem::take(&mut row));
                }
            }
        }
    }
    rows
}

/// Returns what separates the fields of a line.
fn separator(line: &str) -> u8 {
    let count = |separator: &u8| line.bytes().filter(|byte| byte == separator).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|separator| (count(separator), *separator == b',')).unwrap_or(b',')
}
