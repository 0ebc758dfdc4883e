//! `aotui gc`: what is left over, and what became of it.

use serde::Serialize;

use super::status::span;
use crate::cli::output::{Style, plain};
use crate::domain::zone::Zone;

/// What kind of leftover it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A worktree of a ticket that is done or that nobody knows.
    Worktree,
    /// A branch of a ticket that is done.
    Branch,
    /// What was in a worktree that is gone.
    Rescue,
    /// Recordings of the sessions of one ticket.
    Sessions,
    /// Files that the phases of one ticket left for each other.
    Artifacts,
    /// Drafts of plans that nobody took in.
    Drafts,
    /// Something damaged that was put aside.
    Quarantine,
    /// Something that was taken out of the way.
    Archive,
    /// The sandbox of a demo.
    Demo,
    /// A socket nobody listens at.
    Socket,
}

impl Kind {
    /// Returns what the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Worktree => "worktree",
            Kind::Branch => "branch",
            Kind::Rescue => "rescue ref",
            Kind::Sessions => "sessions",
            Kind::Artifacts => "artifacts",
            Kind::Drafts => "drafts",
            Kind::Quarantine => "quarantine",
            Kind::Archive => "archive",
            Kind::Demo => "demo",
            Kind::Socket => "socket",
        }
    }
}

/// What became of a leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It may be deleted: nothing is lost by it.
    Safe,
    /// It stays.
    Kept,
    /// It was deleted.
    Deleted,
}

/// Something that is left over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// What it is.
    pub kind: Kind,
    /// Its path, or the full name of a ref.
    pub name: String,
    /// The repository of a ref.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// What it takes on disk, in bytes; `None` where that is next to nothing or not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How long nothing happened to it, in seconds; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u64>,
    /// What becomes or became of it.
    pub fate: Fate,
    /// Why.
    pub why: String,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The leftovers.
    pub leftovers: Vec<Leftover>,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}

impl Report {
    /// Returns the table for people; `deleting` says whether the safe ones were to be deleted.
    pub fn table(&self, style: Style, deleting: bool) -> String {
        let mut text = String::new();
        let heads = [
            (Fate::Deleted, "deleted", Zone::Done),
            (Fate::Safe, "safe to delete", Zone::Done),
            (Fate::Kept, "kept", Zone::Respond),
        ];
        for (fate, head, zone) in heads {
            let here: Vec<&Leftover> = self.leftovers.iter().filter(|leftover| leftover.fate == fate).collect();
            if here.is_empty() {
                continue;
            }
            let bytes: u64 = here.iter().filter_map(|leftover| leftover.bytes).sum();
            let sum = if bytes > 0 { format!("{}, {}", here.len(), size(bytes)) } else { here.len().to_string() };
            text.push_str(&format!("{} {}\n", style.zone(zone, head), style.dim(&sum)));
            for leftover in here {
                text.push_str(&row(leftover, style));
            }
        }
        for unseen in &self.unseen {
            text.push_str(&format!("not looked at: {}\n", plain(unseen)));
        }
        let safe = self.leftovers.iter().any(|leftover| leftover.fate == Fate::Safe);
        text.push_str(match (safe, deleting) {
            (true, false) => "`aotui gc --delete` deletes what is safe, each looked at again right before\n",
            _ if self.leftovers.is_empty() => "nothing is left over\n",
            _ => "",
        });
        text
    }
}

fn row(leftover: &Leftover, style: Style) -> String {
    let size = leftover.bytes.map(size).unwrap_or_default();
    let age = leftover.age_seconds.map(|seconds| span(seconds.saturating_mul(1000))).unwrap_or_default();
    let line = format!("  {:10}  {size:>8}  {age:>6}  {}", leftover.kind.name(), plain(&leftover.name));
    format!("{}\n{}\n", line.trim_end(), style.dim(&format!("{:32}{}", "", plain(&leftover.why))))
}

/// Returns a size in the unit people read.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut unit = "B";
    let mut tenths = 0;
    for next in UNITS {
        if value < 1024 {
            break;
        }
        tenths = value % 1024 * 10 / 1024;
        value /= 1024;
        unit = next;
    }
    if unit == "B" || value >= 10 { format!("{value} {unit}") } else { format!("{value}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leftover(kind: Kind, name: &str, fate: Fate, why: &str) -> Leftover {
        let (bytes, age_seconds) = (Some(3 * 1024 * 1024), Some(7200));
        Leftover { kind, name: name.to_owned(), repo: None, bytes, age_seconds, fate, why: why.to_owned() }
    }

    #[test]
    fn what_is_safe_comes_before_what_stays_each_with_its_reason() {
        let report = Report {
            leftovers: vec![
                leftover(Kind::Worktree, "/w/T-1", Fate::Kept, "process 7 (vim) works in /w/T-1"),
                leftover(Kind::Worktree, "/w/T-\u{1b}2", Fate::Safe, "its work is committed"),
            ],
            unseen: vec!["/gone is not a directory".to_owned()],
        };
        insta::assert_snapshot!(report.table(Style::plain(), false), @r"
        safe to delete 1, 3.0 MiB
          worktree     3.0 MiB   2h00m  /w/T- 2
                                        its work is committed
        kept 1, 3.0 MiB
          worktree     3.0 MiB   2h00m  /w/T-1
                                        process 7 (vim) works in /w/T-1
        not looked at: /gone is not a directory
        `aotui gc --delete` deletes what is safe, each looked at again right before
        ");
    }

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 1023, 1024, 1536, 20 * 1024 * 1024, 5 * 1024 * 1024 * 1024].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "20 MiB", "5.0 GiB"]);
    }
}
