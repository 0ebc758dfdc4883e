//! The files that agents' programs keep of their conversations: finds them, and reads what is added.
//!
//! Only lines count that were added whole; when a file was changed says nothing. What stands in them is an agent's word.
//! Below the directory that a record names no link is followed, and nothing but a regular file is read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use crate::agent::{Signal, recorded};
use crate::domain::activity::Sighting;
use crate::driver;
use crate::holder::files::SessionDir;
use crate::hook::{FaceOrder, Heard, TranscriptOrder};

/// What stands for the name of a conversation.
const CONVERSATION: &str = "{conversation}";
/// Most bytes read in one go.
const PIECE: u64 = 1024 * 1024;
/// Most pieces read before somebody else has a turn.
const PIECES: usize = 64;
/// Longest line understood, in bytes; a longer one is passed over.
const MAX_LINE: usize = 8 * 1024 * 1024;
/// How much of a file is looked at to know whose it is, in bytes.
const BEGINNING: u64 = 64 * 1024;
/// How often a file is searched that is not there yet.
const SEARCH: Duration = Duration::from_secs(2);

/// Returns the path that an agent's record spells, for a program with this environment; `None` where that has not what it
/// needs.
pub fn place(spelled: &str, env: &BTreeMap<String, String>) -> Option<String> {
    let variable = |name: &str| env.get(name).filter(|value| !value.is_empty());
    let path = match (spelled.strip_prefix("${").and_then(|rest| rest.split_once('}')), spelled.strip_prefix("~/")) {
        (Some((name, rest)), _) => format!("{}{rest}", variable(name)?),
        (None, Some(rest)) => format!("{}/{rest}", variable("HOME")?),
        (None, None) => spelled.to_owned(),
    };
    path.starts_with('/').then_some(path)
}

/// Returns the file of a conversation, which is at one of these places.
pub fn of_conversation(files: &[String], conversation: &str) -> Option<PathBuf> {
    let is_name = !conversation.is_empty() && !conversation.contains(['/', '*']) && !conversation.starts_with('.');
    let mut named = files.iter().filter(|_| is_name).map(|file| file.replace(CONVERSATION, conversation));
    named.find_map(|pattern| find(&pattern).into_iter().next())
}

/// Returns the files whose paths fit a pattern, in which `*` stands for any text within a name.
fn find(pattern: &str) -> Vec<PathBuf> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let fixed = parts.iter().take_while(|part| !part.contains('*')).count().min(parts.len().saturating_sub(1));
    let (base, below) = parts.split_at(fixed);
    let mut found = vec![Path::new("/").join(base.join("/"))];
    for (n, part) in below.iter().enumerate() {
        let is_last = n + 1 == below.len();
        let is_real = |path: &PathBuf| {
            fs::symlink_metadata(path).is_ok_and(|meta| if is_last { meta.is_file() } else { meta.is_dir() })
        };
        let next = found.iter().flat_map(|dir| {
            if !part.contains('*') {
                return vec![dir.join(part)];
            }
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            let fitting = entries.filter(|entry| fits(&entry.file_name().to_string_lossy(), part));
            fitting.map(|entry| entry.path()).collect()
        });
        found = next.filter(is_real).collect();
    }
    found
}

fn fits(name: &str, pattern: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(name) = name.strip_prefix(begin) else { return false };
    (0..=name.len()).filter_map(|at| name.get(at..)).any(|name| fits(name, rest))
}

/// The transcript of a session's agent, followed from where it was when the session began.
pub(super) struct Followed {
    session: PathBuf,
    order: TranscriptOrder,
    /// The directory the agent works in, as its program would write it down.
    cwd: Option<String>,
    /// The conversation whose file is followed or searched, and since when it was not there.
    conversation: Option<String>,
    searched: Option<Instant>,
    tail: Option<Tail>,
}

impl Followed {
    pub(super) fn new(dir: &SessionDir, order: TranscriptOrder) -> Self {
        let cwd = dir.launch().ok().map(|launch| fs::canonicalize(&launch.cwd).unwrap_or(launch.cwd));
        let cwd = cwd.and_then(|cwd| serde_json::to_string(&cwd).ok());
        let session = dir.path().to_path_buf();
        Self { session, order, cwd, conversation: None, searched: None, tail: None }
    }

    /// Reads on and returns what the agent did last by what was added; `None` where that is nothing.
    pub(super) fn news(&mut self) -> Option<Sighting> {
        self.search();
        let tail = self.tail.as_mut()?;
        let (mut last, mut results) = (None, false);
        let caught_up = tail.caught_up;
        let read = tail.read(|line| {
            for signal in self.order.rules.read(line) {
                results |= matches!(signal, Signal::ToolEnded { .. });
                last = recorded(&signal).or(last.take());
            }
        });
        if read.is_err() {
            self.tail = None;
        }
        // What was there before anybody looked is no news.
        if results && caught_up {
            driver::note_result(&self.session);
        }
        last
    }

    fn search(&mut self) {
        let heard = Heard::read(&self.session).and_then(|heard| heard.conversation);
        let conversation = heard.or_else(|| self.order.conversation.clone());
        let waits = self.tail.is_some() || self.searched.is_some_and(|at| at.elapsed() < SEARCH);
        if waits && conversation == self.conversation {
            return;
        }
        (self.conversation, self.searched) = (conversation, Some(Instant::now()));
        let path = match &self.conversation {
            Some(id) => of_conversation(&self.order.files, id),
            None => self.only_new_one(),
        };
        if path.is_some() && path.as_ref() == self.tail.as_ref().map(|tail| &tail.path) {
            return;
        }
        let from = if self.conversation == self.order.conversation { self.order.from } else { 0 };
        self.tail = path.and_then(|path| Tail::open(path, from).ok());
    }

    /// Returns the file that was made since the session began and says that it is about the directory the agent works in;
    /// `None` unless it is the only one.
    fn only_new_one(&self) -> Option<PathBuf> {
        let begun = fs::metadata(self.session.join(FaceOrder::FILE)).ok()?.created().ok()?;
        let cwd = self.cwd.as_ref()?;
        let is_new = |path: &PathBuf| {
            fs::symlink_metadata(path).and_then(|meta| meta.created()).is_ok_and(|created| created >= begun)
        };
        let names_cwd = |path: &PathBuf| {
            let mut beginning = Vec::new();
            let read = open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
            let first = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
            read.is_ok() && String::from_utf8_lossy(first).contains(cwd)
        };
        let all = self.order.files.iter().flat_map(|file| find(&file.replace(CONVERSATION, "*")));
        let mut fitting = all.filter(is_new).filter(names_cwd);
        let path = fitting.next()?;
        fitting.all(|other| other == path).then_some(path)
    }
}

/// Opens a regular file, but not by a link.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(file)
}

/// The end of a file to which lines are added.
struct Tail {
    path: PathBuf,
    file: File,
    /// How far it was read, in bytes.
    at: u64,
    /// The line that is not finished yet.
    line: Vec<u8>,
    /// Whether that is longer than what is understood.
    too_long: bool,
    /// Whether everything was read that was there when it was found.
    caught_up: bool,
}

impl Tail {
    fn open(path: PathBuf, at: u64) -> io::Result<Self> {
        let file = open(&path)?;
        Ok(Self { path, file, at, line: Vec::new(), too_long: false, caught_up: false })
    }

    /// Takes up the lines that were finished since the last time.
    fn read(&mut self, mut each: impl FnMut(&str)) -> io::Result<()> {
        self.turn_over()?;
        self.file.seek(SeekFrom::Start(self.at))?;
        for _ in 0..PIECES {
            let mut piece = Vec::new();
            let read = self.file.by_ref().take(PIECE).read_to_end(&mut piece)?;
            self.at += read as u64;
            piece.split_inclusive(|byte| *byte == b'\n').for_each(|part| self.add(part, &mut each));
            if (read as u64) < PIECE {
                self.caught_up = true;
                break;
            }
        }
        Ok(())
    }

    /// Goes on with the file that took the place of this one; one that became shorter is read from its beginning.
    fn turn_over(&mut self) -> io::Result<()> {
        let mut here = self.file.metadata()?;
        let there = fs::symlink_metadata(&self.path).ok();
        if there.is_some_and(|there| (there.dev(), there.ino()) != (here.dev(), here.ino())) {
            self.file = open(&self.path)?;
            here = self.file.metadata()?;
            self.line.clear();
        }
        if here.len() < self.at {
            (self.at, self.too_long) = (0, false);
            self.line.clear();
        }
        Ok(())
    }

    fn add(&mut self, part: &[u8], each: &mut impl FnMut(&str)) {
        self.too_long |= self.line.len() + part.len() > MAX_LINE;
        if self.too_long {
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(part);
        }
        if part.ends_with(b"\n") {
            if !self.too_long {
                each(&String::from_utf8_lossy(&self.line));
            }
            self.line.clear();
            self.too_long = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(tail: &mut Tail) -> Vec<String> {
        let mut lines = Vec::new();
        tail.read(|line| lines.push(line.trim_end().to_owned())).unwrap();
        lines
    }

    fn add(path: &Path, text: &[u8]) {
        fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(text).unwrap();
    }

    #[test]
    fn only_whole_new_lines_count_whatever_becomes_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.jsonl");
        add(&path, b"before\n");
        let mut tail = Tail::open(path.clone(), 7).unwrap();
        assert!(lines(&mut tail).is_empty(), "what was there before the session");
        add(&path, b"one\nha");
        assert_eq!(lines(&mut tail), ["one"]);
        add(&path, b"lf\n\xff\n");
        assert_eq!(lines(&mut tail), ["half", "\u{fffd}"]);
        add(&path, &vec![b'x'; MAX_LINE + 3]);
        assert!(lines(&mut tail).is_empty());
        add(&path, b"xx\nafter\n");
        assert_eq!(lines(&mut tail), ["after"], "a line that is too long is passed over");
        assert!(tail.line.capacity() < MAX_LINE, "and not kept");
        fs::write(&path, "short\n").unwrap();
        assert_eq!(lines(&mut tail), ["short"]);
        fs::rename(&path, dir.path().join("old")).unwrap();
        assert!(lines(&mut tail).is_empty());
        add(&path, b"new\n");
        assert_eq!(lines(&mut tail), ["new"], "another file in its place");
        fs::write(dir.path().join("again"), "new\nand more\n").unwrap();
        fs::rename(dir.path().join("again"), &path).unwrap();
        assert_eq!(lines(&mut tail), ["and more"], "one that was written anew with more in it");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(dir.path().join("old"), &path).unwrap();
        assert!(tail.read(|_| ()).is_err(), "a link in its place");
    }

    #[test]
    fn a_file_is_found_by_its_name_and_never_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs::create_dir_all(at("kept/2026/11")).unwrap();
        fs::create_dir_all(at("secret")).unwrap();
        fs::write(at("secret/r-c-2.jsonl"), "").unwrap();
        fs::write(at("kept/2026/11/r-c-1.jsonl"), "").unwrap();
        std::os::unix::fs::symlink(at("secret"), at("kept/2026/12")).unwrap();
        std::os::unix::fs::symlink(at("secret/r-c-2.jsonl"), at("kept/2026/11/r-c-3.jsonl")).unwrap();
        let files = [format!("{}/kept/*/*/*-{{conversation}}.jsonl", dir.path().display())];
        assert_eq!(of_conversation(&files, "c-1"), Some(at("kept/2026/11/r-c-1.jsonl")));
        for other in ["c-2", "c-3", "*", "", "../11/r-c-1", "c-"] {
            assert_eq!(of_conversation(&files, other), None, "{other}");
        }
        assert!(open(&at("kept/2026/11/r-c-3.jsonl")).is_err() && open(dir.path()).is_err());
        assert_eq!(find(&files[0].replace(CONVERSATION, "*")), [at("kept/2026/11/r-c-1.jsonl")]);
    }

    #[test]
    fn a_place_is_spelled_by_the_environment_of_the_program() {
        let env = BTreeMap::from([("HOME".to_owned(), "/h".to_owned()), ("D".to_owned(), "/d".to_owned())]);
        let place = |spelled| place(spelled, &env);
        assert_eq!(place("~/a/*.jsonl").as_deref(), Some("/h/a/*.jsonl"));
        assert_eq!(place("${D}/a").as_deref(), Some("/d/a"));
        assert_eq!((place("${E}/a"), place("a/b")), (None, None));
    }
}
