//! Runs the command of a gate: its output is shown as it comes, and what has to be known of it is kept.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Bytes of output kept from its end; a report of test results is there.
const KEPT: usize = 4 * 1024 * 1024;
/// How long a command that took too long has to leave.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is still read when the command has ended: what it left in the background may hold the pipe.
const DRAIN: Duration = Duration::from_millis(500);
/// Variables by which a process speaks for its session, which code under test must not.
const VOICES: [&str; 2] = ["AOTUI_SPOOL", "AOTUI_SESSION_DIR"];

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// Its exit code; `None` where a signal ended it.
    pub(super) code: Option<i32>,
    /// How it ended, in words.
    pub(super) how: String,
    /// The end of what it wrote to both outputs.
    pub(super) output: String,
    /// Whether that is all of it.
    pub(super) whole: bool,
}

/// Runs `script` with `sh` in `dir`, for at most `limit`.
pub(super) fn run(script: &str, dir: &Path, limit: Duration) -> io::Result<Ran> {
    let (reader, writer) = io::pipe()?;
    let mut command = Command::new("/bin/sh");
    command.args(["-eu", "-c", script]).current_dir(dir).stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer).process_group(0);
    for name in VOICES {
        command.env_remove(name);
    }
    let mut child = command.spawn()?;
    // The command holds the pipe's other end as long as the builder of its process does.
    drop(command);
    let pieces = read_all(reader);
    let mut kept = Kept::default();
    let ended = wait(&mut child, &pieces, &mut kept, Instant::now() + limit)?;
    let (status, in_time) = match ended {
        Some(status) => (status, true),
        None => (end(&mut child, &pieces, &mut kept)?, false),
    };
    let drained = Instant::now() + DRAIN;
    while let Ok(piece) = pieces.recv_timeout(drained.saturating_duration_since(Instant::now())) {
        kept.take(&piece);
    }
    let how = match (in_time, status.code(), status.signal()) {
        (false, _, _) => format!("took longer than its timeout of {} s", limit.as_secs()),
        (true, Some(code), _) => format!("exited with code {code}"),
        (true, None, Some(signal)) => format!("was ended by {}", crate::domain::session::signal_words(signal)),
        (true, None, None) => "ended without an exit code".to_owned(),
    };
    let whole = !kept.lost;
    Ok(Ran { code: status.code().filter(|_| in_time), how, output: kept.text(), whole })
}

/// Shows and keeps output until the command has ended; `None` where its time is up.
fn wait(
    child: &mut Child,
    pieces: &Receiver<Vec<u8>>,
    kept: &mut Kept,
    until: Instant,
) -> io::Result<Option<ExitStatus>> {
    const LOOK: Duration = Duration::from_millis(20);
    let mut open = true;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        match pieces.recv_timeout(LOOK) {
            Ok(piece) => kept.take(&piece),
            Err(RecvTimeoutError::Disconnected) if open => open = false,
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Ends a command that took too long, with everything in its group.
fn end(child: &mut Child, pieces: &Receiver<Vec<u8>>, kept: &mut Kept) -> io::Result<ExitStatus> {
    // It is our own child and not waited for yet, so the number is still its.
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    for signal in [Signal::TERM, Signal::KILL] {
        if let Some(group) = group {
            let _gone_already = kill_process_group(group, signal);
        }
        if let Some(status) = wait(child, pieces, kept, Instant::now() + GRACE)? {
            return Ok(status);
        }
    }
    child.wait()
}

fn read_all(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (to, pieces) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.send(buffer.get(..count).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    });
    pieces
}

/// The end of some output.
#[derive(Debug, Default)]
struct Kept {
    end: VecDeque<u8>,
    /// Whether something before it was lost.
    lost: bool,
}

impl Kept {
    fn take(&mut self, piece: &[u8]) {
        let mut out = io::stdout().lock();
        // Nobody may look; the check goes on.
        let _ = out.write_all(piece).and_then(|()| out.flush());
        self.end.extend(piece);
        let more = self.end.len().saturating_sub(KEPT);
        self.lost |= more > 0;
        self.end.drain(..more);
    }

    /// Returns it as text without escape sequences.
    fn text(mut self) -> String {
        without_escapes(&String::from_utf8_lossy(self.end.make_contiguous()))
    }
}

/// Returns text without the escape sequences of terminals, and with only the last of what a carriage return went over.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
                _ => {}
            },
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' => plain.truncate(plain.rfind('\n').map_or(0, |at| at + 1)),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str, limit: Duration) -> Ran {
        run(script, Path::new("/"), limit).unwrap()
    }

    #[test]
    fn both_outputs_are_kept_in_order_without_colours() {
        let done = ran("echo one; printf '\\033[31mtwo\\033[0m\\n' >&2; exit 3", Duration::from_secs(60));
        assert_eq!((done.code, done.output.as_str()), (Some(3), "one\ntwo\n"));
    }

    #[test]
    fn a_command_that_takes_too_long_goes_with_all_it_started() {
        let begun = Instant::now();
        let done = ran("trap '' TERM; sleep 600 & echo begun; wait; sleep 600", Duration::from_millis(300));
        assert_eq!(done.code, None);
        assert!(done.how.starts_with("took longer") && done.output.contains("begun"), "{done:?}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn progress_that_was_written_over_is_not_kept() {
        assert_eq!(without_escapes("1 of 2\r2 of 2\r\ndone\n\u{1b}]0;title\u{7}x"), "2 of 2\ndone\nx");
    }
}
