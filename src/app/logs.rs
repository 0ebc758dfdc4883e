//! `aotui logs`: what a session printed, made harmless.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::time::Duration;

use super::house::House;
use super::{say, steering};
use crate::cli::verbs::sessions;
use crate::cli::{Exit, Failure, LogsArgs, PlainText, find_ticket, output};
use crate::domain::ids::{SessionId, TicketKey};
use crate::holder::files::SessionDir;

/// How often a recording that is followed is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Prints the recording of a session.
pub(super) fn print(house: &House, args: &LogsArgs) -> Result<Exit, Failure> {
    if args.raw && io::stdout().is_terminal() {
        return Err(Failure::usage("--raw would have this terminal obey what was recorded")
            .hint("write it to a file or a pipe, or leave --raw out"));
    }
    let (fleet, _) = steering::look(house)?;
    let ticket = find_ticket(&fleet, &args.ticket)?;
    let key = &ticket.brief.key;
    let newest = ticket.progress.sessions;
    let size = |n| std::fs::metadata(session_dir(house, key, n).output()).ok().map(|found| found.len());
    let Some(meant) = sessions::choose(&ticket, |n| size(n).is_some_and(|bytes| bytes > 0)) else {
        return Err(Failure::usage(format!("`{key}` has no session yet")).hint("`aotui status` says what it waits for"));
    };
    if args.list {
        return say(&sessions::table(&ticket, size, crate::engine::now()));
    }
    let n = args.session.unwrap_or(meant);
    if args.session.is_none() && n != newest {
        output::note(&format!("session {n} of `{key}`: nothing newer printed anything (`--list` lists them)"));
    }
    if n > newest {
        return Err(Failure::usage(format!("`{key}` has no session {n}")).hint(format!("its newest is {newest}")));
    }
    let dir = session_dir(house, key, n);
    let cannot = |error: io::Error| Failure::error(format!("cannot read {}: {error}", dir.output().display()));
    let mut recording = match File::open(dir.output()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(
                Failure::usage(format!("session {n} of `{key}` has printed nothing")).hint("it may be about to start")
            );
        }
        Err(error) => return Err(cannot(error)),
    };
    let mut printer = Printer { text: (!args.raw).then(PlainText::default) };
    loop {
        // Looked at before reading, so that what was printed last is not missed.
        let over = !args.follow || !dir.is_held();
        if !printer.copy(&mut recording).map_err(cannot)? {
            return Ok(Exit::Done);
        }
        if over {
            return say(&printer.text.map(PlainText::finish).unwrap_or_default());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn session_dir(house: &House, key: &TicketKey, n: u32) -> SessionDir {
    SessionDir::new(house.layout().session(&SessionId::new(key.clone(), n)))
}

struct Printer {
    /// `None` prints the bytes as they are.
    text: Option<PlainText>,
}

impl Printer {
    /// Prints all there is now; returns false when nobody reads any more.
    fn copy(&mut self, recording: &mut File) -> io::Result<bool> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = recording.read(&mut buffer)?;
            let piece = buffer.get(..n).unwrap_or_default();
            if piece.is_empty() {
                return Ok(true);
            }
            let written = match &mut self.text {
                Some(text) => io::stdout().write_all(text.push(piece).as_bytes()),
                None => io::stdout().write_all(piece),
            };
            match written.and_then(|()| io::stdout().flush()) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
                Err(error) => {
                    output::note(&format!("error: cannot write to stdout: {error}"));
                    return Ok(false);
                }
                Ok(()) => {}
            }
        }
    }
}
