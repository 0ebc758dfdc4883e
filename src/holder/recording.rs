//! Reads the recording of a session, also while it grows and while its middle is dropped.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::files::SessionDir;

/// What lies at a place of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes, which are in the buffer now.
    Bytes(usize),
    /// Nothing was kept from there to this offset.
    LeftOut {
        /// Where the recording goes on.
        to: u64,
    },
    /// Nothing, for now.
    End,
}

/// An open recording.
#[derive(Debug)]
pub struct Recording {
    dir: SessionDir,
    file: File,
}

impl Recording {
    /// Opens the recording of the session in `dir`.
    pub fn open(dir: &SessionDir) -> io::Result<Self> {
        Ok(Self { dir: dir.clone(), file: File::open(dir.output())? })
    }

    /// Returns how long it is now, in bytes, what was left out included.
    pub fn total(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Reads what lies at `offset`.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<Piece> {
        let mut n = self.file.read_at(buffer, offset)?;
        // Asked after reading: a holder notes what it drops before it drops it.
        if let Some(gap) = self.dir.left_out()?.filter(|gap| gap.from < offset + n as u64 && offset < gap.to) {
            if offset >= gap.from {
                return Ok(Piece::LeftOut { to: gap.to });
            }
            n = usize::try_from(gap.from - offset).unwrap_or(n);
        }
        Ok(if n == 0 { Piece::End } else { Piece::Bytes(n) })
    }
}

/// Says for a person how much of a recording was left out.
pub fn left_out(bytes: u64) -> String {
    let (amount, unit) = match bytes {
        0..1_000_000 => (bytes as f64 / 1e3, "kB"),
        1_000_000..1_000_000_000 => (bytes as f64 / 1e6, "MB"),
        _ => (bytes as f64 / 1e9, "GB"),
    };
    format!("[aotui: {amount:.1} {unit} of output were left out here, to keep the recording within its limit]")
}

#[cfg(test)]
mod tests {
    use super::super::files::Gap;
    use super::*;

    #[test]
    fn a_reader_goes_round_what_was_dropped() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SessionDir::new(temp.path());
        std::fs::write(dir.output(), b"head....tail").unwrap();
        dir.note_left_out(Gap { from: 4, to: 8 }).unwrap();
        let recording = Recording::open(&dir).unwrap();
        let mut buffer = [0; 64];
        let mut read = |offset| recording.read_at(&mut buffer, offset).unwrap();
        assert_eq!(
            [read(0), read(4), read(6), read(8), read(12)],
            [Piece::Bytes(4), Piece::LeftOut { to: 8 }, Piece::LeftOut { to: 8 }, Piece::Bytes(4), Piece::End]
        );
        assert_eq!(recording.total().unwrap(), 12);
    }

    #[test]
    fn what_is_left_out_is_said_in_human_units() {
        assert!(left_out(1_500).starts_with("[aotui: 1.5 kB of output"));
        assert!(left_out(12_345_678).starts_with("[aotui: 12.3 MB"));
        assert!(left_out(12_345_678_900).starts_with("[aotui: 12.3 GB"));
    }
}
