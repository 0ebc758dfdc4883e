//! Commits the work of an agent that cannot, in its session and by its rights, so that the repository's hooks have their say.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::domain::plain::plain_line;

/// Longest complaint of git that is passed on, in characters.
const MAX_COMPLAINT: usize = 400;
/// Longest message, in characters.
const MAX_MESSAGE: usize = 200;

/// Commits everything in a worktree that is not ignored with this message, one line of it; returns a line for the
/// transcript, or what git complained. `None` means there was nothing to commit.
pub fn commit(worktree: &Path, message: &str) -> Result<Option<String>, String> {
    let message = plain_line(message, MAX_MESSAGE);
    let git = |args: &[&str], input| git(worktree, args, input);
    let added = git(&["add", "--all"], None)?;
    if !added.status.success() {
        return Err(complaint(&added));
    }
    if git(&["diff", "--cached", "--quiet"], None)?.status.success() {
        return Ok(None);
    }
    let committed = git(&["commit", "--quiet", "--file", "-"], Some(message.as_str()))?;
    if !committed.status.success() {
        return Err(complaint(&committed));
    }
    let shown = git(&["log", "-1", "--format=%h %s"], None)?;
    Ok(Some(plain_line(&String::from_utf8_lossy(&shown.stdout), MAX_COMPLAINT)))
}

fn git(worktree: &Path, args: &[&str], input: Option<&str>) -> Result<Output, String> {
    run(worktree, args, input).map_err(|error| format!("git cannot be started: {error}"))
}

fn run(worktree: &Path, args: &[&str], input: Option<&str>) -> io::Result<Output> {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut git = Command::new("git");
    git.args(args).current_dir(worktree);
    let mut child = git.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // A git that refuses before it reads says why itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}

fn complaint(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git does not say why");
    plain_line(last, MAX_COMPLAINT)
}
