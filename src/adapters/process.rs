//! Runs one program to completion: the only way an adapter starts a subprocess (git, a forge CLI, a check).
//!
//! Owns the child's process group from start to end: at the deadline, or when the call is dropped, the whole group is
//! asked to stop (so that git can remove its lock files) and then killed. The child sees exactly the environment it is
//! given and no shell is ever involved. What a program leaves in the background on purpose after it ended well (a
//! credential cache) is left alone and not waited for.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use crate::slots::ErrorClass;

/// How long a group that was asked to stop may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is still read after the program itself ended.
const DRAIN: Duration = Duration::from_millis(500);
/// How much of the end of the error output is kept, in bytes.
const STDERR_KEPT: usize = 16 * 1024;
/// How much standard output is kept where the caller says nothing, in bytes.
const STDOUT_KEPT: usize = 16 * 1024 * 1024;
/// How much of the error output goes into a message, in characters.
const STDERR_SHOWN: usize = 800;

/// One program to run, and the bounds it runs in.
#[derive(Debug, Clone)]
pub struct Call {
    program: OsString,
    args: Vec<OsString>,
    dir: PathBuf,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    held: Option<Arc<OwnedFd>>,
    limit: Duration,
    stdout_kept: usize,
}

impl Call {
    /// Returns a call of `program` in directory `dir` with an empty environment and a deadline of one minute.
    pub fn new(program: impl Into<OsString>, dir: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            dir: dir.into(),
            env: Vec::new(),
            stdin: None,
            held: None,
            limit: Duration::from_secs(60),
            stdout_kept: STDOUT_KEPT,
        }
    }

    /// Adds arguments, passed on as they are.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds environment variables; a later value replaces an earlier one.
    pub fn envs<K: Into<OsString>, V: Into<OsString>>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(vars.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Gives the program `bytes` to read; without this it reads nothing.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Keeps the lock on an open file until the program is over, though aotui be killed before: its standard input is
    /// that file. Not for a program that is given something to read.
    pub fn holding(mut self, lock: Arc<OwnedFd>) -> Self {
        self.held = Some(lock);
        self
    }

    /// Sets how long the program may run.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how many bytes of standard output are kept; what comes after them is read and thrown away.
    pub fn stdout_kept(mut self, bytes: usize) -> Self {
        self.stdout_kept = bytes;
        self
    }

    /// Returns the command line for a person to read; never meant to be given to a shell.
    pub fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.args);
        words.map(|word| shown_word(word)).collect::<Vec<_>>().join(" ")
    }

    fn input(&self) -> io::Result<Stdio> {
        Ok(match (&self.stdin, &self.held) {
            (Some(_), _) => Stdio::piped(),
            (None, Some(lock)) => Stdio::from(lock.try_clone()?),
            (None, None) => Stdio::null(),
        })
    }

    /// Runs the program to its end.
    pub async fn run(self) -> Result<Output, RunError> {
        let line = self.line();
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.dir).env_clear();
        command.envs(self.env.iter().map(|(key, value)| (key, value))).env("LC_ALL", "C");
        command.stdin(self.input().map_err(|error| self.not_started(error))?);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().map_err(|error| self.not_started(error))?;
        let mut running = Running(Some(Group { child }));

        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let ended = {
            let Some(child) = running.0.as_mut().map(|group| &mut group.child) else {
                return Err(RunError::Lost { line, source: io::ErrorKind::NotFound.into() });
            };
            let (input, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let pumping = async {
                tokio::join!(
                    feed(input, self.stdin.as_deref().unwrap_or_default()),
                    keep_head(out, &mut stdout, self.stdout_kept),
                    keep_tail(err, &mut stderr),
                );
            };
            tokio::pin!(pumping);
            let mut pumped = false;
            let ended = timeout(self.limit, async {
                loop {
                    tokio::select! {
                        status = child.wait() => break status,
                        () = &mut pumping, if !pumped => pumped = true,
                    }
                }
            })
            .await;
            if ended.is_ok() && !pumped {
                let _ = timeout(DRAIN, pumping).await;
            }
            ended
        };
        let Ok(status) = ended else {
            running.stop().await;
            return Err(RunError::TimedOut { line, limit: self.limit, stderr: shown_tail(&stderr) });
        };
        let status = status.map_err(|source| RunError::Lost { line: line.clone(), source })?;
        let cut = stdout.len() > self.stdout_kept;
        stdout.truncate(self.stdout_kept);
        Ok(Output { line, status, stdout, stderr, cut })
    }

    fn not_started(&self, source: io::Error) -> RunError {
        if source.kind() == io::ErrorKind::NotFound && self.dir.is_dir() {
            return RunError::NotFound { program: shown_word(&self.program) };
        }
        RunError::NotStarted { line: self.line(), dir: self.dir.clone(), source }
    }
}

/// What a program that came to its end left.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// The beginning of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its error output.
    pub stderr: Vec<u8>,
    /// Whether there was more standard output than was kept.
    pub cut: bool,
}

impl Output {
    /// Says in words how the program failed: command line, exit and the end of its error output.
    pub fn failure(&self) -> String {
        let tail = shown_tail(&self.stderr);
        let tail = if tail.is_empty() { "no error output".to_owned() } else { tail };
        format!("`{}` failed ({}): {tail}", self.line, self.status)
    }

    /// Returns the error output as clean text.
    pub fn stderr_text(&self) -> String {
        shown_tail(&self.stderr)
    }
}

/// Says why a program did not come to its own end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such program.
    #[error("`{program}` was not found on PATH; install it or correct PATH")]
    NotFound {
        /// What was looked for.
        program: String,
    },
    /// The operating system refused to start it.
    #[error("`{line}` could not be started in {}: {source}", dir.display())]
    NotStarted {
        /// The command line.
        line: String,
        /// The directory it was to run in.
        dir: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It was stopped because it took too long.
    #[error("`{line}` was stopped after {} s: {stderr}", limit.as_secs_f32())]
    TimedOut {
        /// The command line.
        line: String,
        /// How long it was allowed to run.
        limit: Duration,
        /// The end of its error output.
        stderr: String,
    },
    /// Its end could not be observed.
    #[error("the end of `{line}` could not be observed: {source}")]
    Lost {
        /// The command line.
        line: String,
        /// What the operating system said.
        source: io::Error,
    },
}

impl RunError {
    /// Returns what policy goes by.
    pub fn class(&self) -> ErrorClass {
        match self {
            RunError::NotFound { .. } => ErrorClass::Misconfigured,
            RunError::NotStarted { source, .. } => ErrorClass::of(source),
            RunError::TimedOut { .. } | RunError::Lost { .. } => ErrorClass::Transient,
        }
    }
}

/// Returns aotui's own environment without the variables `keep` refuses.
pub fn inherited_env(keep: impl Fn(&OsStr) -> bool) -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(key, _)| keep(key)).collect()
}

/// A running call; dropping it stops its group in the background, or at once where no runtime is left to do it.
struct Running(Option<Group>);

impl Running {
    async fn stop(&mut self) {
        if let Some(group) = self.0.take() {
            group.stop().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(group) = self.0.take() else { return };
        if let (Some(_), Ok(runtime)) = (group.id(), Handle::try_current()) {
            runtime.spawn(group.stop());
        }
    }
}

/// A child that leads its own process group; a group that was not stopped before it is dropped is killed.
struct Group {
    child: Child,
}

impl Group {
    /// Returns the id of the group; `None` once the child was collected, because the id may be another's from then on.
    fn id(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Asks the group to stop, kills what is left of it, and collects the child last.
    async fn stop(mut self) {
        let Some(id) = self.id() else { return };
        let _ = kill_process_group(id, Signal::TERM);
        let patience = Instant::now() + GRACE;
        while Instant::now() < patience && !is_over(id) {
            sleep(Duration::from_millis(10)).await;
        }
        let _ = kill_process_group(id, Signal::KILL);
        let _ = self.child.wait().await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id() {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// Says whether the child ended, without collecting it.
fn is_over(id: Pid) -> bool {
    let asked = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(id), asked), Ok(None))
}

/// Writes `bytes` and closes the pipe; a program that does not read them is no error.
async fn feed(pipe: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut pipe) = pipe {
        let _ = pipe.write_all(bytes).await;
    }
}

/// Reads to the end and keeps the first `limit` bytes and one more, which tells that there was more.
async fn keep_head(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, limit: usize) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = pipe.read(&mut chunk).await {
        let room = limit.saturating_add(1).saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..n.min(room)]);
    }
}

/// Reads to the end and keeps the last [`STDERR_KEPT`] bytes.
async fn keep_tail(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 4 * 1024];
    while let Ok(n @ 1..) = pipe.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..n]);
        kept.drain(..kept.len().saturating_sub(STDERR_KEPT));
    }
}

/// Returns one word of a command line, quoted where a reader could mistake it.
fn shown_word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@+%^{}~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    let shown: String = word.chars().take(200).map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("'{}'", shown.replace('\'', "'\\''"))
}

/// Returns the end of an error output as clean text: no control characters, `\n` between lines.
fn shown_tail(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let clean: Vec<char> = text.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    clean[clean.len().saturating_sub(STDERR_SHOWN)..].iter().collect()
}

#[cfg(test)]
mod tests;
