//! A file that is appended to for ever and takes only so much room: its beginning and its end are kept, and what lies
//! between them is given back to the file system. Offsets keep their meaning, so readers need to know one thing only:
//! which part is gone.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::files::{Gap, open_append};

/// File systems give back whole blocks only; none in use has bigger ones.
const BLOCK: u64 = 4096;

/// A file with a beginning, an end and, once it grew beyond its limit, a gap between them.
pub(super) struct Bounded {
    pub(super) file: File,
    /// Its length, what was dropped included.
    pub(super) total: u64,
    limit: u64,
    /// Where the kept end begins; the end of the beginning until something was dropped.
    kept_from: u64,
    /// Whether the file system can drop the middle of a file.
    can_drop: bool,
}

impl Bounded {
    /// Opens a file to append to; it will take little more room than `limit` bytes.
    pub(super) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = open_append(path)?;
        let total = file.metadata()?.len();
        let limit = limit.max(16 * BLOCK);
        Ok(Self { file, total, limit, kept_from: head(limit), can_drop: true })
    }

    /// Appends as much as there is room for and returns how many bytes that was.
    pub(super) fn append(&mut self, bytes: &[u8]) -> usize {
        let room = if self.can_drop { u64::MAX } else { self.limit.saturating_sub(self.total) };
        let bytes = bytes.get(..usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len())).unwrap_or_default();
        let mut written = 0;
        while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => break,
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.total += written as u64;
        written
    }

    /// Returns which part has to go to stay within the limit; `None` while all of it fits.
    pub(super) fn surplus(&self) -> Option<Gap> {
        let end = self.limit - head(self.limit);
        if !self.can_drop || self.total.saturating_sub(self.kept_from) <= end {
            return None;
        }
        // More than needed, so that this does not have to be done for every byte.
        let to = (self.total - (end - end / 8)) & !(BLOCK - 1);
        Some(Gap { from: head(self.limit), to })
    }

    /// Drops a part; readers have to know of it by now. Where the file system cannot do that, an error is returned
    /// and the file is full from now on.
    pub(super) fn drop_middle(&mut self, gap: Gap) -> io::Result<()> {
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let dropped = fallocate(&self.file, how, self.kept_from, gap.to.saturating_sub(self.kept_from));
        match dropped {
            Ok(()) => self.kept_from = gap.to,
            Err(_) => self.can_drop = false,
        }
        Ok(dropped?)
    }
}

/// Returns how long the kept beginning is.
fn head(limit: u64) -> u64 {
    (limit / 4) & !(BLOCK - 1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    const LIMIT: u64 = 128 * 1024;

    fn fill(file: &mut Bounded, bytes: u64) {
        for n in 0..bytes / 8 {
            assert_eq!(file.append(&n.to_le_bytes()), 8);
            if let Some(gap) = file.surplus() {
                file.drop_middle(gap).unwrap();
            }
        }
    }

    #[test]
    fn the_beginning_and_the_end_are_kept_and_the_room_is_given_back() {
        let temp = tempfile::tempdir().unwrap();
        let mut file = Bounded::open(&temp.path().join("f"), LIMIT).unwrap();
        fill(&mut file, 8 * LIMIT);
        let read = File::open(temp.path().join("f")).unwrap();
        assert_eq!(read.metadata().unwrap().len(), 8 * LIMIT);
        assert!(read.metadata().unwrap().blocks() * 512 <= LIMIT + 2 * BLOCK);
        let number_at = |at: u64| {
            let mut bytes = [0; 8];
            read.read_exact_at(&mut bytes, at).unwrap();
            u64::from_le_bytes(bytes)
        };
        for at in [8, head(LIMIT) - 8, file.kept_from, 8 * LIMIT - LIMIT / 2, 8 * LIMIT - 8] {
            assert_eq!(number_at(at), at / 8);
        }
        assert_eq!((number_at(head(LIMIT)), number_at(file.kept_from - 8)), (0, 0));
    }

    #[test]
    fn where_nothing_can_be_dropped_the_file_is_full_at_its_limit() {
        let temp = tempfile::tempdir().unwrap();
        let mut file = Bounded::open(&temp.path().join("f"), LIMIT).unwrap();
        file.can_drop = false;
        assert_eq!(file.append(&vec![0; usize::try_from(LIMIT).unwrap() + 5]), usize::try_from(LIMIT).unwrap());
        assert_eq!((file.append(b"more"), file.surplus()), (0, None));
    }
}
