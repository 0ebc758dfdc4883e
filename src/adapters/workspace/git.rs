//! The one way aotui runs the git program on the host.
//!
//! Owns the environment of every git command: nothing of git's own variables is inherited (but where the user keeps
//! the configuration and how it authenticates), no prompt can appear, and what the repository's configuration would
//! run is replaced (see [`super::distrust`], looked at before each command). A command is told its git directory, so a
//! directory that is no working tree any more never makes git act on the one above it. Must never be given a ref or
//! path that could be read as an option: callers pass object ids, full ref names and absolute paths.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::contention::{self, Wait};
use super::distrust::{self, Setting};
use super::seen::{Fingerprint, Seen};
use super::turns::Turn;
use crate::adapters::process::{Call, Output, RunError, inherited_env};
use crate::slots::{ErrorClass, SlotError};

/// The oldest git that has `merge-tree --write-tree`.
const OLDEST: (u32, u32) = (2, 38);
/// How long one command may take where the caller says nothing.
const LIMIT: Duration = Duration::from_secs(120);
/// How long a command that changes something waits for another git that holds a lock.
const PATIENCE: Duration = Duration::from_secs(60);
/// Git's variables that are the user's and not about one repository.
const KEPT: [&str; 6] =
    ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS"];
/// Commands that would run external diff programs unless told not to.
const DIFFING: [&str; 7] = ["diff", "diff-files", "diff-index", "diff-tree", "format-patch", "log", "show"];

/// The git program with the environment aotui gives it.
#[derive(Debug)]
pub(crate) struct Git {
    env: Vec<(OsString, OsString)>,
    checked: OnceCell<String>,
    seen: Seen,
    patience: Duration,
}

/// Where a command works.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
}

impl Place {
    /// Returns the repository itself, without any checkout.
    pub(crate) fn repository(common_dir: &Path) -> Self {
        Self { git_dir: common_dir.to_owned(), work_tree: None }
    }

    /// Returns one checkout: its own git directory and its files.
    pub(crate) fn checkout(git_dir: &Path, work_tree: &Path) -> Self {
        Self { git_dir: git_dir.to_owned(), work_tree: Some(work_tree.to_owned()) }
    }

    /// Returns where commands run: among the files of the checkout, or in the repository without one.
    pub(super) fn files(&self) -> &Path {
        self.work_tree.as_ref().unwrap_or(&self.git_dir)
    }
}

/// One git command.
#[derive(Debug, Clone)]
pub(crate) struct GitCall {
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
    held: Option<Arc<OwnedFd>>,
    limit: Duration,
    writes: bool,
    room: Option<usize>,
}

impl GitCall {
    /// Returns a command that only looks: it takes no optional locks and is not repeated.
    pub(crate) fn read<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        let args = with_plain_diffs(args);
        Self { args, env: Vec::new(), stdin: None, held: None, limit: LIMIT, writes: false, room: None }
    }

    /// Returns a command that changes the repository: it is repeated while another git holds a lock.
    pub(crate) fn write<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { writes: true, ..Self::read(args) }
    }

    /// Adds an environment variable.
    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Gives the command something to read.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Keeps the turn until the command is over, though aotui be killed before.
    pub(super) fn holding(mut self, turn: &Turn) -> Self {
        self.held = Some(turn.lock());
        self
    }

    /// Sets how many bytes it may print; more than that is an error.
    pub(super) fn room(mut self, bytes: usize) -> Self {
        self.room = Some(bytes);
        self
    }

    /// Sets how long one attempt may take.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// Says why git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// Git is not there or too old.
    #[error("{0}")]
    Unusable(String),
    /// Git did not come to its end.
    #[error("{0}")]
    Run(#[from] RunError),
    /// Git ended with an error.
    #[error("{message}")]
    Failed {
        /// The command and git's own words.
        message: String,
        /// Whether another git was in the way all the time.
        contended: bool,
    },
}

impl From<GitError> for SlotError {
    fn from(error: GitError) -> Self {
        let class = match &error {
            GitError::Run(error) => error.class(),
            GitError::Failed { contended: true, .. } => ErrorClass::Transient,
            GitError::Unusable(_) | GitError::Failed { .. } => ErrorClass::Misconfigured,
        };
        Self::new(class, error.to_string())
    }
}

impl Git {
    /// Returns the git found on PATH.
    pub(crate) fn new() -> Self {
        Self::with_env(inherited_env(|key| {
            let key = key.to_string_lossy();
            !key.starts_with("GIT_") || KEPT.contains(&&*key)
        }))
    }

    pub(super) fn with_env(mut env: Vec<(OsString, OsString)>) -> Self {
        if !env.iter().any(|(key, _)| key == "SSH_ASKPASS") {
            env.push(("SSH_ASKPASS".into(), "false".into()));
        }
        // Without this ssh asks on the terminal, which is the screen's.
        env.push(("SSH_ASKPASS_REQUIRE".into(), "force".into()));
        env.push(("GIT_TERMINAL_PROMPT".into(), "0".into()));
        Self { env, checked: OnceCell::new(), seen: Seen::default(), patience: PATIENCE }
    }

    /// Sets how long a command waits for another git that holds a lock.
    #[cfg(test)]
    pub(super) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs a command and returns how it ended, whatever its exit code.
    pub(crate) async fn run(&self, place: &Place, call: &GitCall) -> Result<Output, GitError> {
        self.checked.get_or_try_init(|| self.version()).await?;
        let mut wait = Wait::new(self.patience);
        loop {
            let output = self.once(place, call).await?;
            let contended = call.writes && !output.status.success() && is_contention(&output);
            if !contended || !wait.pause(&output, place.files()).await {
                return Ok(output);
            }
        }
    }

    /// Runs a command that has to succeed and returns its standard output without the final line end.
    pub(crate) async fn text(&self, place: &Place, call: &GitCall) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.bytes(place, call).await?).trim_end().to_owned())
    }

    /// Runs a command that has to succeed and returns its standard output.
    pub(super) async fn bytes(&self, place: &Place, call: &GitCall) -> Result<Vec<u8>, GitError> {
        let output = self.run(place, call).await?;
        if output.status.success() { Ok(output.stdout) } else { Err(failed(&output)) }
    }

    /// Returns one value of the user's own configuration; `None` where it is not set.
    pub(super) async fn setting(&self, key: &str) -> Option<String> {
        let call = Call::new("git", "/").envs(self.env.clone()).args(["config", "--get", key]);
        let output = call.run().await.ok()?;
        let value = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !value.is_empty()).then_some(value)
    }

    /// Returns the names of content filters that the repository defines and that are not run.
    pub(super) async fn filters_off(&self, place: &Place) -> Result<Vec<String>, GitError> {
        Ok(distrust::overrides(&self.configuration(place).await?).filters_off)
    }

    async fn once(&self, place: &Place, call: &GitCall) -> Result<Output, GitError> {
        let overrides = distrust::overrides(&self.configuration(place).await?);
        let mut run = self.call(place, &overrides.settings).args(&call.args).limit(call.limit).envs(call.env.clone());
        if !call.writes {
            run = run.envs([("GIT_OPTIONAL_LOCKS", "0")]);
        }
        if let Some(bytes) = call.room {
            run = run.stdout_kept(bytes);
        }
        if let Some(bytes) = &call.stdin {
            run = run.stdin(bytes.clone());
        }
        if let Some(lock) = &call.held {
            run = run.holding(Arc::clone(lock));
        }
        let output = run.run().await?;
        if output.cut {
            let message = format!("`{}` printed more than aotui reads", output.line);
            return Err(GitError::Failed { message, contended: false });
        }
        Ok(output)
    }

    /// Lists the configuration that is in force in a place, with the scope of each setting. What was listed before
    /// counts for as long as no file that it came from changed.
    async fn configuration(&self, place: &Place) -> Result<Arc<Vec<u8>>, GitError> {
        let key = (place.git_dir.clone(), place.work_tree.clone());
        if let Some(listing) = self.seen.listing(&key).await {
            return Ok(listing);
        }
        let before = Fingerprint::of(&place.git_dir, &self.env).await;
        let list = self.call(place, &distrust::always()).args(["config", "--list", "-z", "--show-scope"]);
        let output = list.run().await?;
        if !output.status.success() || output.cut {
            return Err(failed(&output));
        }
        let listing = Arc::new(output.stdout);
        if !distrust::includes(&listing) {
            self.seen.keep(key, before, Arc::clone(&listing));
        }
        Ok(listing)
    }

    fn call(&self, place: &Place, settings: &[Setting]) -> Call {
        let mut call = Call::new("git", place.files()).envs(self.env.clone()).envs([("GIT_DIR", &place.git_dir)]);
        if let Some(tree) = &place.work_tree {
            call = call.envs([("GIT_WORK_TREE", tree)]);
        }
        call = call.envs([("GIT_CONFIG_COUNT", settings.len().to_string())]);
        call.envs(settings.iter().enumerate().flat_map(|(n, (key, value))| {
            let pair = [("KEY", key), ("VALUE", value)];
            pair.map(|(what, bytes)| (format!("GIT_CONFIG_{what}_{n}"), OsString::from_vec(bytes.clone())))
        }))
    }

    /// Returns what git says its version is, if it can be used.
    pub(super) async fn version(&self) -> Result<String, GitError> {
        let needs = format!("aotui needs git {}.{} or newer", OLDEST.0, OLDEST.1);
        let call = Call::new("git", "/").envs(self.env.clone()).args(["version"]);
        let output = call.run().await.map_err(|error| match error.class() {
            ErrorClass::Transient => GitError::Run(error),
            _ => GitError::Unusable(format!("{needs}: {error}")),
        })?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match version_in(&said) {
            Some(version) if version >= OLDEST => Ok(said),
            _ => Err(GitError::Unusable(format!("{needs}; the one on PATH says `{said}`"))),
        }
    }
}

/// Returns the error for a command that should have succeeded.
pub(super) fn failed(output: &Output) -> GitError {
    let mut message = output.failure();
    if let Some(lock) = contention::wanted(&output.stderr_text(), Path::new("/")) {
        message.push_str(&format!("; {}", contention::holder(&lock)));
    }
    if message.contains(" filter '") || message.contains(" filter ") && message.contains("smudge") {
        message.push_str(
            "\nhint: aotui does not run filters set in the repository's own config, which agents can write; \
             set this one in your global git config",
        );
    }
    GitError::Failed { message, contended: is_contention(output) }
}

/// Says whether another git holds the lock this one wanted.
fn is_contention(output: &Output) -> bool {
    let stderr = String::from_utf8_lossy(&output.stderr);
    stderr.contains(".lock': File exists") || stderr.contains("could not lock config file")
}

fn with_plain_diffs<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    if args.first().is_some_and(|name| DIFFING.iter().any(|diffing| name == diffing)) {
        args.splice(1..1, ["--no-ext-diff".into(), "--no-textconv".into()]);
    }
    args
}

/// Finds `major.minor` in what `git version` says.
fn version_in(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.strip_prefix("git version ")?.split(['.', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_in_all_its_dialects() {
        assert_eq!(version_in("git version 2.47.3"), Some((2, 47)));
        assert_eq!(version_in("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(version_in("git version 2.45.GIT"), Some((2, 45)));
        assert_eq!(version_in("hub version 2"), None);
    }

    #[tokio::test]
    async fn a_missing_git_is_said_clearly() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::with_env(vec![("PATH".into(), dir.path().into())]);
        let error = git.run(&Place::repository(dir.path()), &GitCall::read(["status"])).await.unwrap_err();
        let words = error.to_string();
        assert!(words.contains("needs git 2.38 or newer") && words.contains("not found on PATH"), "{words}");
        assert_eq!(SlotError::from(error).class, ErrorClass::Misconfigured);
    }

    #[tokio::test]
    async fn a_git_that_is_too_old_is_said_clearly() {
        let dir = tempfile::tempdir().unwrap();
        let fake = dir.path().join("git");
        std::fs::write(&fake, "#!/bin/sh\necho git version 2.30.2\n").unwrap();
        std::fs::set_permissions(&fake, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let git = Git::with_env(vec![("PATH".into(), dir.path().into())]);
        let error = git.run(&Place::repository(dir.path()), &GitCall::read(["status"])).await.unwrap_err();
        assert!(error.to_string().contains("says `git version 2.30.2`"), "{error}");
    }

    #[test]
    fn commands_that_print_diffs_never_call_diff_programs() {
        let call = GitCall::read(["log", "-p"]);
        assert_eq!(call.args, ["log", "--no-ext-diff", "--no-textconv", "-p"]);
    }
}
