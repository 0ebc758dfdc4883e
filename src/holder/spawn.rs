//! Opens the terminal of a session and starts its program on it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use portable_pty::{CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::files::SessionDir;
use super::program;
use super::tree::MARK;
use crate::slots::ErrorClass;
use crate::slots::runtime::Launch;

/// Tells a process, and whoever looks at its environment, which session it belongs to.
const SESSION: &str = "AOTUI_SESSION";

/// Sends stdout to the file named in `$0`. The program and its arguments are arguments here, never code.
const REDIRECT: &str = r#"exec "$@" >"$0""#;

/// How much likelier than its holder the kernel ends the program when memory runs out (0..=1000).
const OOM_SCORE: &str = "200";

/// A started program and its terminal.
pub(super) struct Spawned {
    pub(super) master: Box<dyn MasterPty + Send>,
    /// Kept until the program ended, so that the terminal survives a program that closes it and opens it again.
    pub(super) slave: Box<dyn SlavePty + Send>,
    pub(super) pid: u32,
    /// The reading end of a separate stdout; never blocks.
    pub(super) stdout: Option<File>,
}

/// Why a program could not be started.
pub(super) struct NotSpawned {
    /// For a person.
    pub(super) why: String,
    /// Whether the machine was only short of something.
    pub(super) may_start_later: bool,
}

impl From<String> for NotSpawned {
    fn from(why: String) -> Self {
        Self { why, may_start_later: false }
    }
}

impl NotSpawned {
    fn because(error: &io::Error, why: String) -> Self {
        Self { why, may_start_later: ErrorClass::of(error) == ErrorClass::Transient }
    }
}

/// Starts the program with the session's mark, or says for a person why that is not possible.
pub(super) fn spawn(dir: &SessionDir, launch: &Launch, mark: &str) -> Result<Spawned, NotSpawned> {
    let program = program::find(launch)?;
    let size = pty_size(launch.cols, launch.rows);
    // What keeps a terminal from being opened is not said but in words; there are too many of them, as a rule.
    let pair = native_pty_system().openpty(size).map_err(|error| NotSpawned {
        why: format!("no terminal could be opened for it: {error:#}"),
        may_start_later: true,
    })?;
    let stdout = if launch.separate_stdout {
        let fifo = open_fifo(&dir.fifo())
            .map_err(|error| NotSpawned::because(&error, format!("its stdout could not be set up: {error}")))?;
        Some(fifo)
    } else {
        None
    };
    let mut command = command(dir, launch, &program);
    command.env(MARK, mark);
    let child = pair.slave.spawn_command(command).map_err(|error| {
        let why = format!("the program `{}` could not be started: {error:#}", program.display());
        match error.downcast_ref() {
            Some(cause) => NotSpawned::because(cause, why),
            None => NotSpawned::from(why),
        }
    })?;
    let pid = child.process_id().ok_or_else(|| "the program was started, but has no process id".to_owned())?;
    // Where the kernel has no such file the program is as likely to go as its holder; nothing else changes.
    let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE);
    Ok(Spawned { master: pair.master, slave: pair.slave, pid, stdout })
}

/// Returns a size that the terminal and every viewer can handle.
pub(super) fn pty_size(cols: u16, rows: u16) -> PtySize {
    PtySize { cols: cols.clamp(2, 1000), rows: rows.clamp(2, 1000), pixel_width: 0, pixel_height: 0 }
}

fn command(dir: &SessionDir, launch: &Launch, program: &Path) -> CommandBuilder {
    let mut command = if launch.separate_stdout {
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", REDIRECT]);
        command.arg(dir.fifo());
        command.arg(program);
        command
    } else {
        CommandBuilder::new(launch.argv.first().map_or("", String::as_str))
    };
    command.args(launch.argv.iter().skip(1));
    command.cwd(&launch.cwd);
    command.env_clear();
    for (key, value) in &launch.env {
        command.env(key, value);
    }
    command.env(SESSION, launch.session.to_string());
    command
}

fn open_fifo(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // The reader is there before the writer, so that the writer never waits, and opening must not wait for it either.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}
