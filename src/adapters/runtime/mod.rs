//! The runtime slot over holders: every session is a holder process and a directory.
//!
//! It owns the starting and ending of holders. It never owns a terminal itself and never signals a process that is not
//! proven to belong to the session.

mod asker;
mod end;
mod face;
mod freeze;
mod signs;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use tokio::sync::{Notify, Semaphore};

use crate::adapters::gates;
use crate::domain::agent_run::AgentEnd;
use crate::domain::effect::Signs;
use crate::domain::gate::CheckReport;
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::session::{Answer, StoppedBy};
use crate::driver;
use crate::faults;
use crate::holder::READY;
use crate::holder::client::{Client, Hint};
use crate::holder::files::SessionDir;
use crate::holder::recording::{Piece, Recording};
use crate::report;
use crate::slots::runtime::{Launch, Observed, Runtime, Tell};
use crate::slots::{ErrorClass, SlotError, SlotFuture};
use crate::terminal::{Pane, Screen};

/// How much of the end of a recording [`Runtime::tail`] looks at, in bytes.
const TAIL_BYTES: u64 = 64 * 1024;
/// How long a holder may take from its start until its program runs.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often a holder that cannot be reached is looked at again: it is about to serve, or about to leave.
const RETRY: Duration = Duration::from_millis(10);
const RETRY_LIMIT: Duration = Duration::from_millis(500);
/// How long the last reports of a session are waited for.
const REPORTS_LIMIT: Duration = Duration::from_secs(5);
/// More starts at the same time only make each of them slower.
const STARTS_AT_ONCE: usize = 8;
/// Longest message taken from a holder that could not start, in bytes.
const MAX_COMPLAINT: u64 = 4096;

/// What a holder gets of our environment: enough to find its socket and a home.
const HOLDER_ENV: [&str; 4] = ["XDG_RUNTIME_DIR", "HOME", "PATH", faults::DIR];

/// Runs sessions in holder processes.
pub struct HolderRuntime {
    sessions_dir: PathBuf,
    holder_command: Vec<OsString>,
    starts: Semaphore,
    watches: asker::Watches,
}

impl HolderRuntime {
    /// Returns a runtime that keeps its sessions in `sessions_dir` and starts holders with `holder_command` and the
    /// directory of the session as the last argument.
    pub fn new(sessions_dir: PathBuf, holder_command: Vec<OsString>) -> Self {
        Self {
            sessions_dir,
            holder_command,
            starts: Semaphore::new(STARTS_AT_ONCE),
            watches: asker::Watches::default(),
        }
    }

    /// Returns the directory of a session.
    pub fn session_dir(&self, session: &SessionId) -> SessionDir {
        SessionDir::new(self.sessions_dir.join(session.to_string()))
    }

    async fn start_holder(&self, launch: &Launch) -> Result<(), SlotError> {
        let dir = self.session_dir(&launch.session);
        if dir.was_started() {
            return Ok(());
        }
        let _turn = self.starts.acquire().await.map_err(|_| bug("the runtime is closed"))?;
        let written = faults::point("launch.write").and_then(|()| dir.create()).and_then(|()| dir.write_launch(launch));
        written.map_err(|error| {
            let path = dir.path().display();
            SlotError::new(
                ErrorClass::of(&error),
                format!("session {} cannot be written to `{path}`: {error}", launch.session),
            )
        })?;
        let why = match self.spawn(&dir).await {
            Ok(Started::Running) => return Ok(()),
            Ok(Started::Complained(words)) => format!("did not start: {words}"),
            Ok(Started::Lost(why)) => {
                // Its holder is dead by now; what it may have started must not work beside the next attempt.
                end::vanished(&dir, &launch.session).await;
                why
            }
            Err(error) => format!("did not start: its holder could not be run: {error}"),
        };
        Err(SlotError::new(ErrorClass::Transient, format!("session {} {why}", launch.session)))
    }

    /// Starts a holder and waits for its word. One whose word does not come is killed.
    async fn spawn(&self, dir: &SessionDir) -> io::Result<Started> {
        let (program, arguments) = self.holder_command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        // Any process of the user can read a holder's environment, so secrets of ours do not go there.
        faults::point("holder.spawn")?;
        let kept = HOLDER_ENV.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut holder = Command::new(program)
            .args(arguments)
            .arg(std::path::absolute(dir.path())?)
            .env_clear()
            .envs(kept)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let word = holder.stdout.take();
        let started = tokio::time::timeout(START_LIMIT, async {
            faults::point("holder.spawned")?;
            first_word(word.ok_or(io::ErrorKind::BrokenPipe)?).await
        });
        let started = match started.await {
            Ok(Ok(started)) => started,
            Ok(Err(error)) => Started::Lost(format!("did not start: its holder could not be heard: {error}")),
            Err(_late) => Started::Lost(format!("did not start within {} s", START_LIMIT.as_secs())),
        };
        if matches!(started, Started::Lost(_)) {
            holder.kill().await?;
        }
        // Reaps the holder when it leaves; it stays if this process goes first.
        tokio::spawn(async move { holder.wait().await });
        Ok(started)
    }
}

/// What came of the start of a holder.
enum Started {
    /// The session runs, was started before, or is over again.
    Running,
    /// It could not be started, and why.
    Complained(String),
    /// No word came, and why; the holder was killed.
    Lost(String),
}

async fn first_word(mut stdout: ChildStdout) -> io::Result<Started> {
    let mut first = [0];
    if stdout.read(&mut first).await? == 0 {
        // Killed, perhaps after it started its program: what became of that is for who waits for the session to find.
        return Ok(Started::Running);
    }
    if first == [READY] {
        return Ok(Started::Running);
    }
    let mut words = first.to_vec();
    stdout.take(MAX_COMPLAINT).read_to_end(&mut words).await?;
    Ok(Started::Complained(String::from_utf8_lossy(&words).into_owned()))
}

/// Returns what the directory says now; `None` while a holder lives and left no record.
fn ended(dir: &SessionDir) -> Option<Observed> {
    // In this order: a holder takes its lock before it says that it started, and leaves its record before its lock.
    let started = dir.was_started();
    let held = dir.is_held();
    match dir.exit() {
        Ok(Some(exit)) => Some(Observed::Exited(exit)),
        _ if held => None,
        _ if started => Some(Observed::Vanished),
        _ => Some(Observed::Absent),
    }
}

async fn wait_ended(dir: &SessionDir) -> Observed {
    let mut pause = RETRY;
    loop {
        if let Some(observed) = ended(dir) {
            return observed;
        }
        if let Ok(mut client) = Client::connect(dir).await {
            while let Ok(Some(hint)) = client.hints.next().await {
                match hint {
                    // Said before it is written where the disk is full.
                    Hint::Exited(Some(exit)) => return Observed::Exited(exit),
                    Hint::Exited(None) => break,
                    Hint::Grew(_) | Hint::Resized { .. } => {}
                }
            }
            pause = RETRY;
            if let Some(observed) = ended(dir) {
                return observed;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(RETRY_LIMIT);
    }
}

fn read_stdout(dir: &SessionDir, session: &SessionId, cap: usize) -> Result<String, SlotError> {
    let path = dir.stdout();
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(cap as u64).read_to_end(&mut bytes));
    read.map_err(|error| {
        let class = if error.kind() == io::ErrorKind::NotFound { ErrorClass::NotFound } else { ErrorClass::Transient };
        let path = path.display();
        SlotError::new(class, format!("the stdout of session {session} cannot be read from `{path}`: {error}"))
    })?;
    // A character that the cap cuts in two is left out.
    if bytes.len() == cap
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn read_tail(dir: &SessionDir, lines: usize) -> io::Result<String> {
    let recording = Recording::open(dir)?;
    let start = recording.total()?.saturating_sub(TAIL_BYTES);
    let (mut at, mut bytes, mut buffer) = (start, Vec::new(), vec![0; 16 * 1024]);
    while at < start + TAIL_BYTES {
        match recording.read_at(&mut buffer, at)? {
            Piece::Bytes(n) => {
                bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
                at += n as u64;
            }
            Piece::LeftOut { to } => {
                bytes.clear();
                at = to;
            }
            Piece::End => break,
        }
    }
    let (cols, rows) = dir.launch().map_or((80, 24), |launch| (launch.cols, launch.rows));
    let mut screen = Screen::new(cols, rows);
    // A cut recording starts at a line, not amid an escape sequence.
    let whole = if start == 0 { 0 } else { bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1) };
    screen.process(bytes.get(whole..).unwrap_or_default());
    Ok(screen.last_lines(lines).join("\n"))
}

fn bug(message: &str) -> SlotError {
    SlotError::new(ErrorClass::Bug, message)
}

/// Runs file access where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SlotError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| bug(&format!("a file access was cut off: {error}")))
}

impl Runtime for HolderRuntime {
    fn start(&self, launch: Launch) -> SlotFuture<'_, Result<(), SlotError>> {
        Box::pin(async move { self.start_holder(&launch).await })
    }

    fn observe(&self, session: SessionId) -> SlotFuture<'_, Observed> {
        let dir = self.session_dir(&session);
        Box::pin(async move { ended(&dir).unwrap_or(Observed::Running) })
    }

    fn wait(&self, session: SessionId) -> SlotFuture<'_, Observed> {
        let dir = self.session_dir(&session);
        Box::pin(async move {
            // A program that asks its terminal something is slow or stuck without an answer. Whoever waits for the
            // session is the one to give it, whether or not a person looks.
            let view = Pane::open(dir.path(), Arc::new(Notify::new()));
            view.answer_queries();
            loop {
                match wait_ended(&dir).await {
                    Observed::Vanished | Observed::Absent if !end::vanished(&dir, &session).await => {}
                    observed => return observed,
                }
            }
        })
    }

    fn stop(&self, session: SessionId, by: StoppedBy, grace: Duration) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { end::end(&dir, &session, by, grace).await })
    }

    fn freeze(&self, session: SessionId) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { blocking(move || freeze::freeze(&dir, &session)).await? })
    }

    fn thaw(&self, session: SessionId) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { blocking(move || freeze::thaw(&dir, &session)).await? })
    }

    fn answer(&self, session: SessionId, request: RequestId, answer: Answer) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move {
            blocking(move || report::answer(dir.path(), &request, &answer)).await?.map_err(|error| {
                SlotError::new(
                    ErrorClass::Transient,
                    format!("the answer for session {session} was not written: {error}"),
                )
            })
        })
    }

    fn watch(&self, session: SessionId, tell: Tell) -> SlotFuture<'_, ()> {
        let dir = self.session_dir(&session);
        Box::pin(async move { face::watch(&dir, tell).await })
    }

    fn leave(&self, session: SessionId, grace: Duration) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move {
            if face::left(&dir).await {
                return Ok(());
            }
            end::end(&dir, &session, StoppedBy::TurnOver, grace).await
        })
    }

    fn interrupt(&self, session: SessionId) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { face::interrupt(&dir).await })
    }

    fn prompt(&self, session: SessionId, text: String) -> SlotFuture<'_, Result<(), SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { face::prompt(&dir, &text).await })
    }

    fn agent_end(&self, session: SessionId) -> SlotFuture<'_, Option<AgentEnd>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { blocking(move || driver::read_outcome(dir.path())).await.ok().flatten() })
    }

    fn reports_taken(&self, session: SessionId) -> SlotFuture<'_, ()> {
        let spool = self.sessions_dir.with_file_name("spool");
        Box::pin(async move {
            let until = tokio::time::Instant::now() + REPORTS_LIMIT;
            loop {
                let (spool, session) = (spool.clone(), session.clone());
                let waiting = blocking(move || report::has_reports(&spool, &session)).await.unwrap_or_default();
                if !waiting || tokio::time::Instant::now() >= until {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
        })
    }

    fn checked(&self, session: SessionId) -> SlotFuture<'_, Option<CheckReport>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { blocking(move || gates::read_report(dir.path())).await.ok().flatten() })
    }

    fn signs(&self, session: SessionId) -> SlotFuture<'_, Signs> {
        let dir = self.session_dir(&session);
        Box::pin(async move {
            let (before, after) = (dir.clone(), dir.clone());
            let before = blocking(move || signs::ticks(&before)).await.unwrap_or_default();
            tokio::time::sleep(signs::WATCHED).await;
            let looked = blocking(move || (signs::ticks(&after), signs::written(&after))).await;
            let Ok((after, seen)) = looked else { return Signs::default() };
            Signs { busy: signs::busy(&before, &after), ..seen }
        })
    }

    fn asker_gone(&self, session: SessionId, request: RequestId) -> SlotFuture<'_, bool> {
        let dir = self.session_dir(&session);
        Box::pin(async move { self.watches.until_gone(&dir, &request).await })
    }

    fn stdout(&self, session: SessionId, cap: usize) -> SlotFuture<'_, Result<String, SlotError>> {
        let dir = self.session_dir(&session);
        Box::pin(async move { blocking(move || read_stdout(&dir, &session, cap)).await? })
    }

    fn tail(&self, session: SessionId, lines: usize) -> SlotFuture<'_, String> {
        let dir = self.session_dir(&session);
        Box::pin(async move {
            let tail = blocking(move || read_tail(&dir, lines)).await;
            tail.ok().and_then(Result::ok).unwrap_or_default()
        })
    }
}
