//! `aotui logs`: what a session printed, made harmless.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::house::House;
use super::{say, steering};
use crate::cli::verbs::sessions;
use crate::cli::{Exit, Failure, LogsArgs, PlainText, find_ticket_or_past, output};
use crate::domain::ids::{SessionId, TicketKey};
use crate::holder::files::SessionDir;
use crate::holder::recording::{Piece, Recording, left_out};

/// How often a recording that is followed is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Prints the recording of a session.
pub(super) fn print(house: &House, args: &LogsArgs) -> Result<Exit, Failure> {
    if args.raw && io::stdout().is_terminal() {
        return Err(Failure::usage("--raw would have this terminal obey what was recorded")
            .hint("write it to a file or a pipe, or leave --raw out"));
    }
    let (fleet, _) = steering::look(house)?;
    let ticket = find_ticket_or_past(&fleet, &args.ticket)?;
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
    let recording = match Recording::open(&dir) {
        Ok(recording) => recording,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(
                Failure::usage(format!("session {n} of `{key}` has printed nothing")).hint("it may be about to start")
            );
        }
        Err(error) => return Err(cannot(error)),
    };
    let mut printer = Printer { recording, offset: 0, text: (!args.raw).then(PlainText::default) };
    loop {
        // Looked at before reading, so that what was printed last is not missed.
        let over = !args.follow || !dir.is_held();
        if !printer.copy().map_err(cannot)? {
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
    recording: Recording,
    offset: u64,
    /// `None` prints the bytes as they are.
    text: Option<PlainText>,
}

impl Printer {
    /// Prints all there is now; returns false when nobody reads any more.
    fn copy(&mut self) -> io::Result<bool> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let piece = match self.recording.read_at(&mut buffer, self.offset)? {
                Piece::End => return Ok(true),
                Piece::Bytes(n) => {
                    self.offset += n as u64;
                    buffer.get(..n).unwrap_or_default()
                }
                Piece::LeftOut { to } => {
                    let note = left_out(to - self.offset);
                    self.offset = to;
                    match &mut self.text {
                        // Ends whatever sequence the cut is in.
                        Some(text) => {
                            if !written(text.push(format!("\x18\r\n{note}\r\n").as_bytes()).as_bytes()) {
                                return Ok(false);
                            }
                        }
                        // Bytes that were not printed by the session do not belong between those that were.
                        None => output::note(&note),
                    }
                    continue;
                }
            };
            let goes_on = match &mut self.text {
                Some(text) => written(text.push(piece).as_bytes()),
                None => written(piece),
            };
            if !goes_on {
                return Ok(false);
            }
        }
    }
}

/// Prints bytes; returns false when nobody reads any more.
fn written(bytes: &[u8]) -> bool {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != io::ErrorKind::BrokenPipe {
                output::note(&format!("error: cannot write to stdout: {error}"));
            }
            false
        }
    }
}
