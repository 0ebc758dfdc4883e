//! Has commits made in an agent's session say what made them: git gets hooks for this session alone, by its environment.
//!
//! The message is written before the commit is made, so nothing of it is changed afterwards: content, author, dates and
//! signature are the agent's own. The repository's hooks go on working, for ours call them.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::Path;

use super::{Bench, argv, misconfigured, worktree};
use crate::adapters::workspace::exclude;
use crate::domain::plain::plain_line;
use crate::slots::SlotError;
use crate::slots::launcher::WorkOrder;

/// Directory of a session in which git finds its hooks.
const HOOKS_DIR: &str = "git-hooks";
/// The one program behind all of them, which goes by the name it is called by.
const PROGRAM: &str = "hook";
/// What git may call in a repository with a worktree. All are there, or those that a repository has would not be called.
const HOOKS: [&str; 17] = [
    "applypatch-msg",
    "commit-msg",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "prepare-commit-msg",
    "reference-transaction",
    "sendemail-validate",
];
/// Longest value of a trailer, in characters.
const MAX_VALUE: usize = 200;

impl Bench {
    /// Has git in the session know who works there, and leave out what the agent leaves of its own.
    pub(super) fn prepare_git(
        &self,
        order: &WorkOrder,
        values: &argv::Values<'_>,
        env: &mut BTreeMap<String, String>,
    ) -> Result<(), SlotError> {
        let excludes = &values.record().leaves.excludes;
        if let Err(error) = exclude(&worktree(order)?, excludes) {
            tracing::warn!("{excludes:?} cannot be kept from git's eyes for session {}: {error}", order.session);
        }
        if !self.settings.attribution {
            return Ok(());
        }
        let maker = Maker {
            agent: order.agent.as_ref().unwrap_or(&self.settings.default_agent).as_str(),
            model: values.model(),
            ticket: &order.ticket.brief.key.to_string(),
            session: &order.session.to_string(),
        };
        let dir = self.desk.sessions_dir.join(maker.session);
        prepare(&dir, &maker, env)
            .map_err(|error| misconfigured(format!("git's hooks cannot be written to {}: {error}", dir.display())))
    }
}

/// What makes commits.
struct Maker<'a> {
    agent: &'a str,
    /// The model; `None` where it is not known before the agent says.
    model: Option<&'a str>,
    ticket: &'a str,
    session: &'a str,
}

/// Writes what git needs into the session's directory and names it in the environment. May be repeated.
fn prepare(session_dir: &Path, maker: &Maker<'_>, env: &mut BTreeMap<String, String>) -> io::Result<()> {
    let hooks = session_dir.join(HOOKS_DIR);
    DirBuilder::new().recursive(true).mode(0o700).create(&hooks)?;
    let trailers = format!("Agent: {}\nTicket: {}\nSession: {}\n", maker.agent, maker.ticket, maker.session);
    std::fs::write(session_dir.join("trailers"), trailers)?;
    if let Some(model) = maker.model {
        std::fs::write(session_dir.join("model-trailer"), format!("Model: {}\n", plain_line(model, MAX_VALUE)))?;
    }
    let program = hooks.join(PROGRAM);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o700).open(program)?;
    file.write_all(include_str!("commit-hook.sh").as_bytes())?;
    for name in HOOKS {
        match symlink(PROGRAM, hooks.join(name)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let setting = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "core.hooksPath")];
    env.extend(setting.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let hooks = hooks.to_string_lossy().into_owned();
    // Programs that add settings of their own behind ours, as Gemini CLI does, would switch the hooks off; what counts as
    // given on git's own command line comes after all of them.
    let quoted = hooks.replace('\'', "'\\''");
    env.insert("GIT_CONFIG_PARAMETERS".to_owned(), format!("'core.hooksPath={quoted}'"));
    env.insert("GIT_CONFIG_VALUE_0".to_owned(), hooks);
    Ok(())
}
