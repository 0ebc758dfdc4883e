//! `aotui gc`: finds what is left over, and deletes what is proven safe.
//!
//! Owns the order: everything is listed first; with `--delete` each safe leftover is judged again right before it goes.
//! While it deletes, no engine can start, and one that runs is asked anew each time what its tickets do.

mod disk;
mod refs;
mod state;
mod worktrees;

use std::sync::Arc;

use super::house::House;
use super::{block_on, say, steering};
use crate::adapters::workspace::GitWorkspace;
use crate::cli::output::Style;
use crate::cli::verbs::gc::{Fate, Leftover, Report};
use crate::cli::{Exit, Failure, GcArgs};
use crate::domain::fleet::Fleet;
use crate::domain::ids::TicketKey;
use crate::domain::ticket::{Status, Ticket};
use crate::slots::workspace::WorkspaceRequest;

pub(super) use state::{dead_sockets, delete_socket};

/// What was found, and how it would be deleted.
struct Found {
    leftover: Leftover,
    target: Target,
}

/// What deleting a leftover means.
enum Target {
    /// Nothing: only a person can decide.
    None,
    Worktree(WorkspaceRequest),
    Rest(std::path::PathBuf),
    Branch(WorkspaceRequest),
    Rescue {
        repo: std::path::PathBuf,
        base: Option<String>,
        name: String,
    },
    Sessions(Vec<std::path::PathBuf>),
    Artifacts(std::path::PathBuf),
    Desk(std::path::PathBuf),
    Demo(std::path::PathBuf),
    Socket(std::path::PathBuf),
}

/// Everything the searches look at.
struct Ground<'a> {
    house: &'a House,
    fleet: Arc<Fleet>,
    git: GitWorkspace,
}

/// Lists leftovers; with `--delete` deletes those that are safe.
pub(super) fn gc(house: &House, args: &GcArgs) -> Result<Exit, Failure> {
    // Held until the end: no engine starts meanwhile. One that runs is asked instead.
    let _engine_or_lock = if args.delete { Some(steering::open(house)?) } else { None };
    let (fleet, _) = steering::look(house)?;
    let ground = Ground { house, fleet, git: GitWorkspace::new() };
    let report = block_on(async { Ok(ground.collect(args.delete).await) })?;
    let failed = report.leftovers.iter().any(|leftover| args.delete && leftover.fate == Fate::Safe);
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::error(error.to_string()))?;
        say(&format!("{text}\n"))?;
    } else {
        say(&report.table(Style::of_stdout(), args.delete))?;
    }
    Ok(if failed { Exit::Error } else { Exit::Done })
}

impl Ground<'_> {
    async fn collect(&self, delete: bool) -> Report {
        let mut unseen = Vec::new();
        let mut found = worktrees::find(self, &mut unseen).await;
        found.extend(refs::find(self, &mut unseen).await);
        found.extend(state::find(self));
        if delete {
            for one in found.iter_mut().filter(|one| one.leftover.fate == Fate::Safe) {
                match self.delete(&one.target).await {
                    Ok(None) => one.leftover.fate = Fate::Deleted,
                    Ok(Some(why)) => {
                        one.leftover.fate = Fate::Deleted;
                        one.leftover.why = why;
                    }
                    Err(why) => {
                        one.leftover.fate = Fate::Kept;
                        one.leftover.why = why;
                    }
                }
            }
        }
        Report { leftovers: found.into_iter().map(|one| one.leftover).collect(), unseen }
    }

    /// Deletes one leftover and says where its work is now, if that matters; the error says why it stays.
    async fn delete(&self, target: &Target) -> Result<Option<String>, String> {
        match target {
            Target::None => Err("only a person can decide about it".to_owned()),
            Target::Worktree(request) => worktrees::delete(self, request).await.map(Some),
            Target::Rest(path) => worktrees::finish(self, path).await.map(|()| None),
            Target::Branch(request) => refs::delete_branch(self, request).await.map(Some),
            Target::Rescue { repo, base, name } => {
                refs::delete_rescue(self, repo, base.as_deref(), name).await.map(Some)
            }
            Target::Sessions(dirs) => state::delete_sessions(self, dirs).map(|()| None),
            Target::Artifacts(dir) => state::delete_artifacts(self, dir).map(|()| None),
            Target::Desk(dir) => state::delete_desk(self, dir).map(|()| None),
            Target::Demo(root) => state::delete_demo(root).map(|()| None),
            Target::Socket(path) => state::delete_socket(path).map(|()| None),
        }
    }

    /// Makes sure, as things stand now, that a ticket is done or gone.
    fn still_done(&self, key: &TicketKey) -> Result<(), String> {
        let (fleet, _) = steering::look(self.house).map_err(|failure| failure.to_string())?;
        match fleet.ticket(key) {
            Some(ticket) if !is_done(ticket) => Err(format!("ticket {key} goes on meanwhile")),
            _ => Ok(()),
        }
    }
}

/// Whether nothing of a ticket is needed any more: it is complete, and nobody has to look at it.
fn is_done(ticket: &Ticket) -> bool {
    matches!(ticket.progress.status, Status::Complete { needs_attention: false, .. })
}
