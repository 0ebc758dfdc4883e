//! What tickets leave for later work: files by name and version, and what was learned; and which of it is offered to whom.
//! Pure; the contents of files are in the store of artifacts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::fleet::Fleet;
use super::ids::{AgentName, PhaseId};
use super::ticket::Ticket;
use super::time::Timestamp;

/// Most learnings offered to one prompt.
const OFFERED: usize = 8;

/// Most bytes of files that a phase is given to read, all together: what is more would not fit into an agent's head.
pub const MAX_READ: u64 = 8 * 1024 * 1024;

/// Most characters of learnings offered to one prompt.
const OFFERED_CHARS: usize = 2_000;

/// Shortest word that says what something is about, in characters.
const SHORTEST: usize = 4;

/// What a ticket leaves for others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Leaves {
    /// Files, every version, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// What was learned, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learnings: Vec<Learning>,
}

/// One version of a file that a phase left for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Which version, from 1.
    pub version: u32,
    /// The BLAKE3 hash of its content, by which the store knows it.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
    /// The phase that left it.
    pub phase: PhaseId,
    /// Which attempt of it.
    pub attempt: u32,
    /// The agent at work, in agent phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The model it worked with; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Something that was learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Learning {
    /// Its number, which no other has.
    pub n: u32,
    /// What it says.
    pub text: String,
    /// The phase in which it was learned.
    pub phase: PhaseId,
    /// When.
    pub at: Timestamp,
}

/// What others left that a phase may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offered {
    /// Files of its ticket and of what is above it, every version, oldest first.
    pub artifacts: Vec<Artifact>,
    /// What was learned that has to do with the ticket, the most fitting first.
    pub learnings: Vec<String>,
    /// How many more there would be, had they fit.
    pub left_out: usize,
}

impl Leaves {
    /// Returns whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.artifacts.is_empty() && self.learnings.is_empty()
    }

    /// Takes over what a walk below the ticket left.
    pub(super) fn take_in(&mut self, mut below: Self) {
        self.artifacts.append(&mut below.artifacts);
        self.learnings.append(&mut below.learnings);
    }

    /// Changes what a learning says; `None` drops it.
    pub(super) fn change(&mut self, n: u32, text: Option<&str>) {
        match text {
            None => self.learnings.retain(|learning| learning.n != n),
            Some(text) => {
                self.learnings
                    .iter_mut()
                    .filter(|learning| learning.n == n)
                    .for_each(|learning| learning.text = text.into());
            }
        }
    }
}

impl Offered {
    /// Returns the newest version of the file called `name`.
    pub fn artifact(&self, name: &str) -> Option<&Artifact> {
        self.artifacts.iter().rev().find(|artifact| artifact.name == name)
    }

    /// Returns the newest versions of the files that a phase reads, in its order, each with whether it is given them: all
    /// together are no larger than [`MAX_READ`].
    pub fn read<'a>(&'a self, names: &'a [String]) -> impl Iterator<Item = (&'a Artifact, bool)> {
        names.iter().filter_map(|name| self.artifact(name)).scan(MAX_READ, |room, artifact| {
            let rest = room.checked_sub(artifact.bytes);
            *room = rest.unwrap_or(*room);
            Some((artifact, rest.is_some()))
        })
    }
}

impl Fleet {
    /// Returns every learning with the ticket it is from, in the order of their numbers.
    pub fn learnings(&self) -> Vec<(&Ticket, &Learning)> {
        let all = self
            .walks()
            .flat_map(|ticket| ticket.progress.leaves.learnings.iter().map(move |learning| (&**ticket, learning)));
        let mut all: Vec<_> = all.collect();
        all.sort_by_key(|(_, learning)| learning.n);
        all
    }

    /// Returns the number of the next learning.
    pub(super) fn next_learning(&self) -> u32 {
        self.walks().flat_map(|ticket| &ticket.progress.leaves.learnings).map(|learning| learning.n).max().unwrap_or(0)
            + 1
    }

    /// Returns what others left that the ticket's phase may use.
    pub(super) fn offered(&self, ticket: &Ticket) -> Offered {
        let key = &ticket.brief.key;
        let mut artifacts = Vec::new();
        for depth in 0..key.walk.len() {
            let mut above = key.clone();
            above.walk.truncate(depth);
            artifacts.extend(self.ticket(&above).into_iter().flat_map(|above| above.progress.leaves.artifacts.clone()));
        }
        artifacts.extend(ticket.progress.leaves.artifacts.iter().cloned());
        let (learnings, left_out) = relevant(&self.learnings(), ticket);
        Offered { artifacts, learnings, left_out }
    }
}

/// Chooses what was learned that has to do with a ticket: by the words in common, rarer ones counting more.
fn relevant(all: &[(&Ticket, &Learning)], ticket: &Ticket) -> (Vec<String>, usize) {
    if all.is_empty() {
        return (Vec::new(), 0);
    }
    let brief = &ticket.brief;
    let about = words(&format!("{} {} {}", brief.title, brief.description, brief.acceptance_criteria.join(" ")));
    let told: Vec<BTreeSet<String>> = all.iter().map(|(_, learning)| words(&learning.text)).collect();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    told.iter().flatten().for_each(|word| *counts.entry(word).or_default() += 1);
    let weight = |word: &String| 1000 / u64::from(counts.get(word.as_str()).copied().unwrap_or(1));
    let mut scored: Vec<(u64, &Learning)> = all
        .iter()
        .zip(&told)
        .map(|((from, learning), told)| {
            let common: u64 = told.intersection(&about).map(weight).sum();
            // What was learned about the ticket itself has to do with it.
            let own = from.brief.key.plan == brief.key.plan && from.brief.key.ticket == brief.key.ticket;
            (common + if own { 500 } else { 0 }, *learning)
        })
        .filter(|(score, _)| *score > 0)
        .collect();
    scored.sort_by_key(|(score, learning)| (std::cmp::Reverse(*score), std::cmp::Reverse(learning.n)));
    let mut left = OFFERED_CHARS;
    let mut chosen = Vec::new();
    for (_, learning) in &scored {
        let Some(rest) = left.checked_sub(learning.text.chars().count()) else { continue };
        if chosen.len() < OFFERED {
            left = rest;
            chosen.push(learning.text.clone());
        }
    }
    let left_out = scored.len() - chosen.len();
    (chosen, left_out)
}

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.chars().count() >= SHORTEST);
    words.map(str::to_lowercase).filter(|word| !COMMON.contains(&word.as_str())).collect()
}

/// Words that say nothing about what a text is about.
const COMMON: [&str; 44] = [
    "about", "after", "again", "agent", "also", "always", "before", "been", "being", "both", "does", "done", "each",
    "every", "file", "files", "from", "have", "into", "just", "like", "make", "more", "must", "never", "only", "other",
    "over", "should", "some", "such", "than", "that", "their", "them", "then", "there", "they", "this", "were", "what",
    "when", "which", "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(id: &str, title: &str, learned: &[&str]) -> Ticket {
        let learnings: Vec<_> = learned
            .iter()
            .enumerate()
            .map(|(n, text)| serde_json::json!({"n": n + 1, "text": text, "phase": "x", "at": Timestamp(0)}))
            .collect();
        let leaves = serde_json::json!({ "learnings": learnings });
        let progress = serde_json::json!({ "status": {"is": "queued"}, "leaves": leaves });
        let json = serde_json::json!({
            "brief": {"key": format!("p/{id}"), "title": title}, "order": 0, "blockedBy": [], "progress": progress
        });
        serde_json::from_value(json).unwrap()
    }

    fn offered(learned: &[&str], title: &str) -> (Vec<String>, usize) {
        let from = ticket("A", "Old", learned);
        let all: Vec<_> = from.progress.leaves.learnings.iter().map(|learning| (&from, learning)).collect();
        relevant(&all, &ticket("B", title, &[]))
    }

    #[test]
    fn what_has_rare_words_in_common_comes_first_and_what_has_none_is_not_offered() {
        let learned = ["The invoice parser needs a locale", "Run the linter first", "Invoice totals round half even"];
        let (chosen, left_out) = offered(&learned, "Rounding of invoice totals");
        assert_eq!(chosen, ["Invoice totals round half even", "The invoice parser needs a locale"]);
        assert_eq!(left_out, 0);
    }

    #[test]
    fn a_phase_is_given_the_newest_files_it_reads_as_far_as_there_is_room_for_them() {
        let file = |name: &str, version: u32, bytes: u64| {
            let json = serde_json::json!({"name": name, "version": version, "hash": "h", "bytes": bytes, "phase": "x",
                "attempt": 1, "at": Timestamp(0)});
            serde_json::from_value(json).unwrap()
        };
        let artifacts = vec![file("a", 1, 9), file("a", 2, MAX_READ - 1), file("b", 1, 2), file("c", 1, 1)];
        let offered = Offered { artifacts, ..Offered::default() };
        let names = ["a", "b", "none", "c"].map(str::to_owned);
        let given: Vec<_> = offered.read(&names).map(|(file, fits)| (file.name.as_str(), file.version, fits)).collect();
        assert_eq!(given, [("a", 2, true), ("b", 1, false), ("c", 1, true)]);
    }

    #[test]
    fn a_prompt_gets_no_more_than_fits_and_the_rest_is_counted() {
        let long = format!("invoice {}", "x".repeat(900));
        let (chosen, left_out) = offered(&[&long, &long, &long, "invoice: short"], "Fix the invoice");
        assert_eq!((chosen.len(), left_out), (3, 1));
        let many: Vec<String> = (0..30).map(|n| format!("invoice {n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(offered(&many, "Fix the invoice"), (offered(&many, "Fix the invoice").0, 22));
    }
}
