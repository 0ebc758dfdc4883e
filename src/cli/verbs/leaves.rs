//! What `aotui artifacts` and `aotui learnings` print.

use serde::Serialize;

use super::status::distance;
use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::domain::fleet::Fleet;
use crate::domain::leaves::{Artifact, Learning};
use crate::domain::ticket::Ticket;
use crate::domain::time::Timestamp;

/// Something learned, with where it is from.
#[derive(Debug, Serialize)]
pub struct Learned<'a> {
    ticket: String,
    #[serde(flatten)]
    learning: &'a Learning,
}

/// Returns what was learned, about one ticket or about all.
pub fn of<'a>(fleet: &'a Fleet, only: Option<&Ticket>) -> Vec<Learned<'a>> {
    let same = |ticket: &Ticket| {
        let (own, key) = (&ticket.brief.key, only.map(|only| &only.brief.key));
        key.is_none_or(|key| key.plan == own.plan && key.ticket == own.ticket)
    };
    let all = fleet.learnings().into_iter().filter(|(ticket, _)| same(ticket));
    all.map(|(ticket, learning)| Learned { ticket: ticket.brief.key.to_string(), learning }).collect()
}

/// Returns what was learned for people, as it is at `now`.
pub fn learnings(learnings: &[Learned<'_>], now: Timestamp) -> String {
    if learnings.is_empty() {
        return "nothing was learned yet: agents write it down with `aotui report learning TEXT`\n".to_owned();
    }
    let line = |Learned { ticket, learning }: &Learned<'_>| {
        let text = plain(&learning.text.replace('\n', " "));
        format!("{:>4}  {ticket}  {} ago  {text}\n", learning.n, distance(learning.at, now))
    };
    learnings.iter().map(line).collect()
}

/// Returns the artifacts of a ticket for people, as it is at `now`.
pub fn artifacts(artifacts: &[Artifact], now: Timestamp) -> String {
    if artifacts.is_empty() {
        return "it left nothing yet: phases name what they leave with `artifacts: {writes: [spec.md]}`\n".to_owned();
    }
    let line = |artifact: &Artifact| {
        let Artifact { name, version, hash, bytes, phase, attempt, .. } = artifact;
        let by = [artifact.agent.as_ref().map(ToString::to_string), artifact.model.clone()];
        let by: Vec<String> = by.into_iter().flatten().collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", plain(&by.join(", "))) };
        let ago = distance(artifact.at, now);
        format!("{name}@{version}  {bytes} bytes  {hash:.12}  {phase} attempt {attempt}{by}  {ago} ago\n")
    };
    artifacts.iter().map(line).collect()
}

/// Finds what `typed` means: `NAME`, the newest, or `NAME@VERSION`.
pub fn choose<'a>(artifacts: &'a [Artifact], typed: &str) -> Result<&'a Artifact, Failure> {
    let (name, version) = match typed.rsplit_once('@').map(|(name, version)| (name, version.parse::<u32>())) {
        Some((name, Ok(version))) => (name, Some(version)),
        _ => (typed, None),
    };
    let fits =
        |artifact: &&Artifact| artifact.name == name && version.is_none_or(|version| artifact.version == version);
    artifacts.iter().rev().find(fits).ok_or_else(|| {
        let mut known: Vec<&str> = artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let hint =
            if known.is_empty() { "it left none yet".to_owned() } else { format!("it left {}", known.join(", ")) };
        Failure::usage(format!("there is no artifact `{}`", plain(typed))).hint(hint)
    })
}
