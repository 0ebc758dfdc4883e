//! Walks below a ticket: what a phase that walks other phases leaves in its ticket's progress.
//!
//! A walk is a ticket of its own in all but its checkout, which it shares. Everything that is done about tickets is done
//! about walks in the same way, by their key; when what is above them goes on, they become part of its history.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::{PhaseId, TicketKey, WalkName};
use super::ticket::{Brief, HistoryEntry, Progress, Status, Ticket};

/// Longest captured text of an item that is kept, in bytes.
const LONGEST_CAPTURE: usize = 4 << 10;

/// Most tasks that are kept.
pub const MOST_TASKS: usize = 500;

/// Walks below a ticket, and what belongs to them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Walks {
    /// Those that are not part of the history yet.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub open: BTreeMap<WalkName, Arc<Ticket>>,
    /// The lists its phases work through; what is done of one is kept until all of it is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<PhaseId, Vec<Item>>,
    /// Tasks that its agents reported, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Sessions that were started for walks, by their key without plan and ticket, over all their lives: a ticket's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sessions: BTreeMap<String, u32>,
    /// What it got from above; `None` for a ticket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Box<Origin>>,
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What it says.
    pub text: String,
    /// Whether its walk ended well.
    #[serde(default)]
    pub done: bool,
    /// What its walk captured, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub captured: BTreeMap<String, String>,
}

/// A task that an agent reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// What it is; unique within the ticket.
    pub text: String,
    /// Whether the agent said that it is done.
    #[serde(default)]
    pub done: bool,
}

/// What a walk got from above.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Origin {
    /// The item it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The number of that item, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// What was captured above it, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

impl Walks {
    /// Returns whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How a walk stands for what is above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It goes on, or waits for something or somebody.
    Open,
    /// It ended well.
    Succeeded,
    /// It ended badly.
    Failed,
}

impl Progress {
    /// Returns how this walk stands for what is above it.
    pub fn stand(&self) -> Stand {
        match self.status {
            Status::Complete { needs_attention: false, .. } => Stand::Succeeded,
            Status::Complete { needs_attention: true, .. } => Stand::Failed,
            _ => Stand::Open,
        }
    }

    /// Returns everything that was captured: above it, and by its own phases, which count more.
    pub fn known(&self) -> BTreeMap<&str, &str> {
        let above = self.walks.from.iter().flat_map(|from| &from.context);
        above.chain(&self.context).map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    /// Returns the attempts of its own phases, oldest first; not those of walks below it.
    pub fn own_history(&self) -> impl DoubleEndedIterator<Item = &HistoryEntry> {
        self.history.iter().filter(|entry| entry.walk.is_empty())
    }

    /// Takes over a walk that is over: what it did becomes part of the history.
    pub(super) fn take_in(&mut self, walk: &WalkName) {
        let (Some(below), Some(phase)) = (self.walks.open.remove(walk), self.phase.clone()) else { return };
        let succeeded = below.progress.stand() == Stand::Succeeded;
        let below = Arc::unwrap_or_clone(below).progress;
        self.history.extend(below.history.into_iter().map(|mut entry| {
            entry.walk.insert(0, walk.clone());
            entry
        }));
        for spent in below.spent {
            self.spend(phase.clone(), spent.agent, spent.model, spent.usage);
        }
        for task in below.walks.tasks {
            self.note_task(&task.text, task.done);
        }
        self.leaves.take_in(below.leaves);
        let number = below.walks.from.and_then(|from| from.number);
        let list = self.walks.lists.get_mut(&phase);
        if let (Some(number), Some(list)) = (number.and_then(|n| usize::try_from(n).ok()), list)
            && let Some(item) = list.get_mut(number.wrapping_sub(1))
        {
            item.done |= succeeded;
            item.captured = below.context.into_iter().map(|(key, value)| (key, cut(value))).collect();
        }
    }

    /// Takes a list for a phase: what was done of it before and is in it again stays done.
    pub(super) fn take_list(&mut self, phase: &PhaseId, items: &[String]) {
        let mut before = self.walks.lists.remove(phase).unwrap_or_default();
        let items = items.iter().map(|text| {
            let known = before.iter().position(|item| item.done && item.text == *text);
            let fresh = || Item { text: text.clone(), done: false, captured: BTreeMap::new() };
            known.map_or_else(fresh, |at| before.swap_remove(at))
        });
        let items = items.collect();
        self.walks.lists.insert(phase.clone(), items);
    }

    /// Takes a task that an agent reported.
    pub(super) fn note_task(&mut self, text: &str, done: bool) {
        let tasks = &mut self.walks.tasks;
        let has_room = tasks.len() < MOST_TASKS;
        match tasks.iter_mut().find(|task| task.text == text) {
            Some(task) => task.done |= done,
            None if has_room => tasks.push(Task { text: text.to_owned(), done }),
            None => {}
        }
    }
}

fn cut(mut value: String) -> String {
    let at = (0..=LONGEST_CAPTURE.min(value.len())).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
    value.truncate(at);
    value
}

/// Returns what identifies a walk within its ticket.
pub(super) fn path(key: &TicketKey) -> String {
    key.walk.iter().map(WalkName::as_str).collect::<Vec<_>>().join("/")
}

impl Ticket {
    /// Returns the walks of a ticket that are over, as far as they are known: the sessions that were started for each, and
    /// its attempts.
    pub fn walks_over(&self) -> Vec<Ticket> {
        let mut attempts = Vec::new();
        self.attempts_below(&mut attempts);
        let over = |(path, sessions): (&String, &u32)| {
            let mut key = self.brief.key.clone();
            for name in path.split('/') {
                key.walk.push(name.parse().ok()?);
            }
            let of_it = |entry: &&&HistoryEntry| entry.session.as_ref().is_some_and(|session| session.ticket == key);
            let history =
                attempts.iter().filter(of_it).map(|entry| HistoryEntry { walk: Vec::new(), ..(*entry).clone() });
            let progress = Progress { sessions: *sessions, history: history.collect(), ..Progress::default() };
            let brief = Brief { key, ..self.brief.clone() };
            Some(Ticket { brief, order: self.order, blocked_by: Vec::new(), progress })
        };
        let is_over = |walk: &Ticket| !self.has_open(&walk.brief.key.walk);
        self.progress.walks.sessions.iter().filter_map(over).filter(is_over).collect()
    }

    fn attempts_below<'a>(&'a self, into: &mut Vec<&'a HistoryEntry>) {
        into.extend(&self.progress.history);
        self.progress.walks.open.values().for_each(|walk| walk.attempts_below(into));
    }

    fn has_open(&self, walk: &[WalkName]) -> bool {
        let Some((first, rest)) = walk.split_first() else { return true };
        self.progress.walks.open.get(first).is_some_and(|below| below.has_open(rest))
    }

    /// Returns how many of the walks below it are over, and of how many; `None` where it has none.
    pub fn parts(&self) -> Option<(usize, usize)> {
        let walks = &self.progress.walks;
        let phase = self.progress.phase.as_ref()?;
        if let Some(list) = walks.lists.get(phase).filter(|_| matches!(self.progress.status, Status::Joining { .. })) {
            return Some((list.iter().filter(|item| item.done).count(), list.len()));
        }
        let over = walks.open.values().filter(|walk| walk.progress.stand() != Stand::Open).count();
        (!walks.open.is_empty()).then_some((over, walks.open.len()))
    }
}
