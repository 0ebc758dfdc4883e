//! Finds out which size the terminal had at which byte of a recording.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest part of a sidecar that is read, in bytes: its end.
const MAX_TIMES: u64 = 4 * 1024 * 1024;

/// A new size of the terminal, from one byte of the recording on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SizeChange {
    pub(super) at: u64,
    pub(super) cols: u16,
    pub(super) rows: u16,
}

/// Reads the size changes from the sidecar of a recording; none if it cannot be read.
pub(super) fn size_changes(times: &Path) -> Vec<SizeChange> {
    read_end(times).map(|bytes| parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default()
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(MAX_TIMES);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(MAX_TIMES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(times: &str) -> Vec<SizeChange> {
    let mut at = 0;
    let mut changes = Vec::new();
    for line in times.lines() {
        let mut words = line.split(' ').skip(1);
        match (words.next(), words.next()) {
            (Some("r"), Some(size)) => {
                let sides = size.split_once('x').and_then(|(c, r)| c.parse().ok().zip(r.parse().ok()));
                changes.extend(sides.map(|(cols, rows)| SizeChange { at, cols, rows }));
            }
            (Some(total), None) => at = total.parse().unwrap_or(at),
            _ => {}
        }
    }
    changes
}

/// Returns where to begin in the first bytes of a recording that was cut: not amid a line or an escape sequence,
/// where that can be seen.
pub(super) fn clean_start(bytes: &[u8]) -> usize {
    let near = bytes.get(..4096).unwrap_or(bytes);
    near.iter().position(|byte| matches!(byte, b'\n' | 0x1b)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_between_the_chunks_and_nonsense_is_passed_over() {
        let times = "0 r 80x24\n3 100\n4 r 100x30\n4 r axb\n\nx y z\n5 250\n6 r 90x20";
        let change = |at, cols, rows| SizeChange { at, cols, rows };
        assert_eq!(parse(times), [change(0, 80, 24), change(100, 100, 30), change(250, 90, 20)]);
    }

    #[test]
    fn a_cut_recording_starts_at_a_line_or_an_escape_sequence() {
        assert_eq!(clean_start(b"[31mred\x1b[0m\n"), 7);
        assert_eq!(clean_start(b"half a line\nnext"), 11);
        assert_eq!(clean_start(b"nothing to go by"), 0);
    }
}
