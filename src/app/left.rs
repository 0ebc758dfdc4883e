//! `aotui artifacts` and `aotui learnings`: what tickets leave for later work.

use std::io::Write;
use std::path::Path;

use super::house::House;
use super::{say, say_json, steering};
use crate::adapters::gates::{content, store_of};
use crate::cli::verbs::leaves;
use crate::cli::{ArtifactsArgs, Exit, Failure, LearningsArgs, find_ticket};
use crate::domain::command::Command;

/// Lists the artifacts of a ticket, or prints one as it is.
pub(super) fn artifacts(house: &House, args: &ArtifactsArgs) -> Result<Exit, Failure> {
    let (fleet, _) = steering::look(house)?;
    let ticket = find_ticket(&fleet, &args.ticket)?;
    let artifacts = &ticket.progress.leaves.artifacts;
    let Some(name) = &args.name else {
        return if args.json { say_json(artifacts) } else { say(&leaves::artifacts(artifacts, crate::engine::now())) };
    };
    let artifact = leaves::choose(artifacts, name)?;
    let key = &ticket.brief.key;
    let store = store_of(&house.layout().artifacts(), key.plan.as_str(), key.ticket.as_str());
    let bytes = content(&store, artifact)
        .map_err(|error| Failure::error(format!("`{name}` in {} cannot be read: {error}", store.display())))?;
    std::io::stdout().write_all(&bytes).map_err(|error| Failure::error(format!("cannot write to stdout: {error}")))?;
    Ok(Exit::Done)
}

/// Lists what was learned, or changes it.
pub(super) fn learnings(config: Option<&Path>, args: LearningsArgs) -> Result<Exit, Failure> {
    if let Some((n, text)) = args.change {
        let mut steering = steering::open(&House::open(config)?)?;
        let said = if text.is_some() { "changed" } else { "dropped" };
        steering.command(vec![Command::ChangeLearning { n, text }])?;
        return say(&format!("learning {n} {said}\n"));
    }
    let (fleet, _) = steering::look(&House::open_to_read(config)?)?;
    let only = args.ticket.map(|typed| find_ticket(&fleet, &typed)).transpose()?;
    let learnings = leaves::of(&fleet, only.as_deref());
    if args.json { say_json(&learnings) } else { say(&leaves::learnings(&learnings, crate::engine::now())) }
}
