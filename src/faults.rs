//! Faults on demand: the durable steps of the program, named, so that tests can make each of them fail or be the last.
//!
//! A debug build started with [`DIR`] in its environment counts in that directory how often each point is passed (one
//! empty file `POINT.N` each time, over all processes that share it) and does there what the file `wish` asks for: a
//! line `POINT FAULT FROM TO` for each wish. Release builds pass every point without a look. It must never be used to
//! decide anything.

use std::io::{self, Write};

/// The variable that names the directory of wishes. Holders inherit it; sessions do not.
pub const DIR: &str = "AOTUI_FAULTS";

/// Passes a point, unless a fault is wished for there: then it returns an error, panics, or the process is killed.
#[cfg(not(debug_assertions))]
pub fn point(_name: &str) -> io::Result<()> {
    Ok(())
}

/// Passes a point, unless a fault is wished for there: then it returns an error, panics, or the process is killed.
#[cfg(debug_assertions)]
pub fn point(name: &str) -> io::Result<()> {
    wished::at(name).map_or(Ok(()), wished::Fault::happen)
}

/// Writes all bytes, unless a fault is wished for at the point: then only half of them are written before it happens.
#[cfg_attr(not(debug_assertions), expect(unused_variables, reason = "release builds have no points"))]
pub fn write_all(name: &str, file: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    #[cfg(debug_assertions)]
    if let Some(fault) = wished::at(name) {
        file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
        return fault.happen();
    }
    file.write_all(bytes)
}

#[cfg(debug_assertions)]
mod wished {
    use std::fs::{self, OpenOptions};
    use std::io;
    use std::path::Path;

    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};

    /// What can happen at a point.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Fault {
        Kill,
        Full,
        Broken,
        Panic,
    }

    impl Fault {
        fn parse(word: &str) -> Option<Self> {
            Some(match word {
                "kill" => Self::Kill,
                "full" => Self::Full,
                "broken" => Self::Broken,
                "panic" => Self::Panic,
                _ => return None,
            })
        }

        #[expect(clippy::panic, reason = "a panic is what was wished for")]
        pub(super) fn happen(self) -> io::Result<()> {
            match self {
                Self::Kill => {
                    kill_process(getpid(), Signal::KILL)?;
                    loop {
                        std::thread::park();
                    }
                }
                Self::Full => Err(Errno::NOSPC.into()),
                Self::Broken => Err(Errno::IO.into()),
                Self::Panic => panic!("a panic was wished for here"),
            }
        }
    }

    /// Counts a pass and returns what is wished for at it.
    pub(super) fn at(name: &str) -> Option<Fault> {
        let dir = std::env::var_os(super::DIR)?;
        let dir = Path::new(&dir);
        let pass = count(dir, name)?;
        let wishes = fs::read_to_string(dir.join("wish")).ok()?;
        wishes.lines().find_map(|wish| wanted(wish, name, pass))
    }

    /// Takes the next free number, so that no two processes count the same pass.
    fn count(dir: &Path, name: &str) -> Option<u32> {
        (1..=u32::MAX).find_map(|n| {
            let taken = OpenOptions::new().write(true).create_new(true).open(dir.join(format!("{name}.{n}")));
            match taken {
                Ok(_) => Some(Some(n)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                Err(_) => Some(None),
            }
        })?
    }

    fn wanted(wish: &str, name: &str, pass: u32) -> Option<Fault> {
        let mut words = wish.split_ascii_whitespace();
        let (point, fault) = (words.next()?, Fault::parse(words.next()?)?);
        let (from, to): (u32, u32) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (point == name && (from..=to).contains(&pass)).then_some(fault)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn each_pass_is_counted_once_and_a_wish_names_the_passes_it_is_for() {
            let dir = tempfile::tempdir().unwrap();
            assert_eq!(
                [count(dir.path(), "a"), count(dir.path(), "a"), count(dir.path(), "b")],
                [Some(1), Some(2), Some(1)]
            );
            assert_eq!(wanted("a full 2 3", "a", 1), None);
            assert_eq!(wanted("a full 2 3", "a", 3), Some(Fault::Full));
            assert_eq!(wanted("a full 2 3", "b", 2), None);
            assert_eq!(Fault::Broken.happen().unwrap_err().raw_os_error(), Some(5));
        }
    }
}
