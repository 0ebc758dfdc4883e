//! Phases that walk other phases: beginning their walks, and going on when it is sure how these end.

use std::collections::BTreeMap;

use super::step::Turn;
use crate::domain::effect::Effect;
use crate::domain::event::TicketEvent;
use crate::domain::ids::{PhaseId, TicketKey, WalkName};
use crate::domain::session::StoppedBy;
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Progress, Status, Ticket};
use crate::domain::walks::{Item, Stand};
use crate::domain::workflow::{Items, Phase, PhaseKind, items_of};

/// Longest text of what failed walks said, in bytes.
const MOST_SAID: usize = 24 << 10;

impl Turn<'_> {
    /// Divides a ticket into the walks that its phase wants.
    pub(super) fn divide(&mut self, ticket: &Ticket) {
        let key = &ticket.brief.key;
        let Some((_, phase)) = self.at_phase(key) else { return };
        let deadline = phase.timeout_seconds.map(|seconds| self.now.plus_seconds(seconds));
        let listed = !matches!(phase.kind, PhaseKind::Foreach { .. });
        self.note(key, TicketEvent::Divided { deadline, listed });
        match &phase.kind {
            PhaseKind::Parallel { branches, .. } => {
                branches.iter().for_each(|branch| self.begin(key, &phase, branch.name.as_str(), None));
            }
            PhaseKind::Workflow { workflow } => self.begin(key, &phase, workflow.name.as_str(), None),
            PhaseKind::Foreach { over, .. } => self.list(key, &phase, over),
            PhaseKind::Script { .. }
            | PhaseKind::Agent { .. }
            | PhaseKind::Poll { .. }
            | PhaseKind::Approval(_)
            | PhaseKind::Terminal { .. } => {}
        }
    }

    /// Begins one walk, unless what is above it went on meanwhile.
    fn begin(&mut self, key: &TicketKey, phase: &Phase, part: &str, item: Option<u32>) {
        let waits = self.at_phase(key).is_some_and(|(ticket, at)| at.id == phase.id && is_joining(&ticket.progress));
        if !waits {
            return;
        }
        let walk = match WalkName::below(&phase.id, part) {
            Ok(walk) => walk,
            Err(bad) => return self.attempt_failed(key, phase, misconfigured(bad.to_string())),
        };
        let first = phase.workflow_below(&walk).and_then(|workflow| workflow.first()).map(|first| first.id.clone());
        self.note(key, TicketEvent::WalkBegun { walk: walk.clone(), item });
        if let Some(first) = first {
            self.enter(&key.below(walk), &first);
        }
    }

    /// Finds out what the items of a list are, or has its file read.
    fn list(&mut self, key: &TicketKey, phase: &Phase, over: &Items) {
        let Some(ticket) = self.fleet.ticket(key).cloned() else { return };
        let items = match over {
            Items::Capture { key: capture, pointer } => match ticket.progress.known().get(capture.as_str()) {
                Some(text) => items_of(text, pointer.as_deref()).map_err(|why| unusable(format!("`{capture}`: {why}"))),
                None => Err(unusable(format!("nothing was captured as `{capture}` yet"))),
            },
            Items::Tasks => {
                let open = ticket.progress.walks.tasks.iter().filter(|task| !task.done);
                Ok(open.map(|task| task.text.clone()).collect())
            }
            Items::File { .. } => return self.read_list(key),
        };
        self.listed(key, phase, items);
    }

    /// Wants the file of a list read.
    pub(super) fn read_list(&mut self, key: &TicketKey) {
        let sessions = self.fleet.ticket(key).map_or(0, |ticket| ticket.progress.sessions);
        if let Some(order) = self.order(key, sessions) {
            self.want(Effect::ReadList { order });
        }
    }

    /// Goes on once a file was read.
    pub(super) fn on_listed(&mut self, key: &TicketKey, phase: &PhaseId, items: Result<Vec<String>, Failure>) {
        let Some((ticket, at)) = self.at_phase(key).filter(|(_, at)| at.id == *phase) else { return };
        if matches!(ticket.progress.status, Status::Joining { listed: false, then: None, .. }) {
            self.listed(key, &at, items);
        }
    }

    fn listed(&mut self, key: &TicketKey, phase: &Phase, items: Result<Vec<String>, Failure>) {
        match items {
            Ok(items) => {
                self.note(key, TicketEvent::Listed { items });
                self.join(key);
            }
            Err(failure) => self.attempt_failed(key, phase, failure),
        }
    }

    /// Looks how the walks below a ticket stand, and goes on where that is decided. Called whenever one of them ended.
    pub(super) fn join(&mut self, key: &TicketKey) {
        let Some((mut ticket, phase)) = self.at_phase(key) else { return };
        match &ticket.progress.status {
            Status::Joining { then: Some(then), .. } if ticket.progress.walks.open.is_empty() => {
                return self.after_stop(key, &phase, then.clone());
            }
            Status::Joining { listed: true, then: None, .. } => {}
            _ => return,
        }
        if matches!(phase.kind, PhaseKind::Foreach { .. }) {
            for walk in standing(&ticket.progress, Stand::Succeeded) {
                self.note(key, TicketEvent::WalkLeft { walk });
            }
            let Some(now) = self.fleet.ticket(key).cloned() else { return };
            ticket = now;
        }
        let tally = Tally::of(&ticket.progress, &phase);
        let Some(good) = tally.verdict(&phase) else {
            return self.begin_items(key, &phase, &ticket.progress, tally);
        };
        for walk in standing(&ticket.progress, Stand::Open) {
            self.leave(&key.below(walk));
        }
        // One that was left may have brought the ticket on already.
        let Some(ticket) = self.fleet.ticket(key).filter(|ticket| is_joining(&ticket.progress)).cloned() else {
            return;
        };
        if !standing(&ticket.progress, Stand::Open).is_empty() {
            return;
        }
        match good {
            true => self.succeed(key, &phase, captures(&ticket.progress, &phase)),
            false => self.attempt_failed(key, &phase, failure(&ticket.progress, &phase)),
        }
    }

    /// Begins as many items as may be under way, the first open ones of the list.
    fn begin_items(&mut self, key: &TicketKey, phase: &Phase, progress: &Progress, tally: Tally) {
        let PhaseKind::Foreach { concurrency, .. } = &phase.kind else { return };
        if tally.failed > 0 {
            return;
        }
        let list = progress.walks.lists.get(&phase.id).map(Vec::as_slice).unwrap_or_default();
        let begun = |number: u32| {
            let of = |walk: &std::sync::Arc<Ticket>| walk.progress.walks.from.as_ref().and_then(|from| from.number);
            progress.walks.open.values().any(|walk| of(walk) == Some(number))
        };
        let free = usize::try_from(*concurrency).unwrap_or(usize::MAX).saturating_sub(tally.open);
        let waiting = (1..).zip(list).filter(|(number, item)| !item.done && !begun(*number));
        for (number, _) in waiting.take(free) {
            self.begin(key, phase, &number.to_string(), Some(number));
        }
    }

    /// Has everything below a ticket end, and then does with it what `then` says.
    pub(super) fn recall(&mut self, key: &TicketKey, then: AfterStop) {
        let Some(ticket) = self.fleet.ticket(key).cloned() else { return };
        self.note(key, TicketEvent::RecallRequested { then });
        for walk in ticket.progress.walks.open.keys() {
            self.leave(&key.below(walk.clone()));
        }
        self.join(key);
    }

    /// Leaves a walk as it is: its sessions are ended first.
    fn leave(&mut self, key: &TicketKey) {
        let Some(ticket) = self.fleet.ticket(key).cloned() else { return };
        match &ticket.progress.status {
            Status::Running { session, .. } => {
                self.note(key, TicketEvent::StopRequested { then: AfterStop::Leave });
                self.want(Effect::StopSession { session: session.clone(), by: StoppedBy::Person });
            }
            Status::Stopping { then: AfterStop::Leave, .. } | Status::Joining { then: Some(AfterStop::Leave), .. } => {}
            Status::Stopping { .. } => self.note(key, TicketEvent::StopRequested { then: AfterStop::Leave }),
            Status::Joining { .. } => self.recall(key, AfterStop::Leave),
            Status::Queued
            | Status::Preparing
            | Status::Polling { .. }
            | Status::Backoff { .. }
            | Status::Approval { .. }
            | Status::Failed { .. }
            | Status::Complete { .. } => self.left(key),
        }
    }

    /// Makes a walk that nobody waits for part of the history.
    pub(super) fn left(&mut self, key: &TicketKey) {
        if let (Some(above), Some(walk)) = (key.above(), key.walk.last().cloned()) {
            self.note(&above, TicketEvent::WalkLeft { walk });
        }
    }
}

/// How many walks of a phase stand how.
#[derive(Clone, Copy)]
struct Tally {
    total: usize,
    succeeded: usize,
    failed: usize,
    open: usize,
}

impl Tally {
    fn of(progress: &Progress, phase: &Phase) -> Self {
        let count = |stand| standing(progress, stand).len();
        let (failed, open) = (count(Stand::Failed), count(Stand::Open));
        let (total, succeeded) = match &phase.kind {
            PhaseKind::Foreach { .. } => {
                let list = progress.walks.lists.get(&phase.id).map(Vec::as_slice).unwrap_or_default();
                (list.len(), list.iter().filter(|item| item.done).count())
            }
            PhaseKind::Parallel { branches, .. } => (branches.len(), count(Stand::Succeeded)),
            _ => (1, count(Stand::Succeeded)),
        };
        Self { total, succeeded, failed, open }
    }

    /// Returns whether it ends well; `None` while that is not decided, or those who decided it still have to hear the rest.
    fn verdict(self, phase: &Phase) -> Option<bool> {
        let (needed, fail_fast) = match &phase.kind {
            PhaseKind::Parallel { join, fail_fast, .. } => (join.needed(self.total), *fail_fast),
            _ => (self.total, false),
        };
        if self.succeeded >= needed {
            return Some(true);
        }
        let lost = self.failed > self.total.saturating_sub(needed);
        (lost && (fail_fast || self.open == 0)).then_some(false)
    }
}

fn is_joining(progress: &Progress) -> bool {
    matches!(progress.status, Status::Joining { then: None, .. })
}

fn standing(progress: &Progress, stand: Stand) -> Vec<WalkName> {
    let walks = progress.walks.open.iter().filter(|(_, walk)| walk.progress.stand() == stand);
    walks.map(|(name, _)| name.clone()).collect()
}

fn misconfigured(message: String) -> Failure {
    Failure { class: FailureClass::Misconfigured, message, evidence: String::new() }
}

/// Says that there is no list to work through.
fn unusable(message: String) -> Failure {
    Failure { class: FailureClass::Walks, message, evidence: String::new() }
}

/// Returns the part of a walk's name behind its phase.
fn part<'a>(phase: &Phase, walk: &'a WalkName) -> &'a str {
    walk.as_str().strip_prefix(phase.id.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default()
}

/// Returns what a phase's walks captured, by key, for what comes after it.
fn captures(progress: &Progress, phase: &Phase) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Some(list) = progress.walks.lists.get(&phase.id) {
        let keys = list.iter().flat_map(|item| item.captured.keys());
        let column = |key: &String| {
            let values: Vec<Option<&String>> = list.iter().map(|item: &Item| item.captured.get(key)).collect();
            serde_json::to_string(&values).unwrap_or_default()
        };
        return keys.map(|key| (phase.capture_key(key), column(key))).collect();
    }
    let alone = matches!(phase.kind, PhaseKind::Workflow { .. });
    for (name, walk) in &progress.walks.open {
        let part = part(phase, name);
        if !alone {
            let outcome = if walk.progress.stand() == Stand::Succeeded { "success" } else { "failure" };
            all.insert(phase.capture_key(part), outcome.to_owned());
        }
        for (key, value) in &walk.progress.context {
            let key = if alone { phase.capture_key(key) } else { phase.capture_key(&format!("{part}_{key}")) };
            all.insert(key, value.clone());
        }
    }
    all
}

impl Phase {
    /// Returns the key by which what a walk below this phase captured is known above it.
    pub fn capture_key(&self, key: &str) -> String {
        format!("{}_{key}", self.id).replace(['-', '.'], "_")
    }
}

/// Says which walks failed, and what each said.
fn failure(progress: &Progress, phase: &Phase) -> Failure {
    let failed = standing(progress, Stand::Failed);
    let names: Vec<&str> = failed.iter().map(|walk| part(phase, walk)).collect();
    let message = match &phase.kind {
        PhaseKind::Parallel { branches, .. } => {
            format!("{} of {} branches failed: {}", failed.len(), branches.len(), names.join(", "))
        }
        PhaseKind::Foreach { .. } => {
            let list = progress.walks.lists.get(&phase.id).map_or(0, Vec::len);
            format!("item {} of {list} failed", names.join(", "))
        }
        _ => format!("workflow `{}` failed", names.join(", ")),
    };
    let mut evidence = String::new();
    for walk in failed.iter().filter_map(|name| progress.walks.open.get(name)) {
        let about = walk.progress.walks.from.as_ref().and_then(|from| from.item.as_deref());
        let about = about.map(|item| format!(" ({})", item.lines().next().unwrap_or_default())).unwrap_or_default();
        let said = walk.progress.feedback.as_deref().unwrap_or("it ended in a phase that asks for attention");
        evidence
            .push_str(&format!("## {}{about}\n\n{said}\n\n", walk.brief.key.walk.last().map_or("", WalkName::as_str)));
    }
    let cut = (0..=MOST_SAID.min(evidence.len())).rev().find(|at| evidence.is_char_boundary(*at)).unwrap_or(0);
    evidence.truncate(cut);
    Failure { class: FailureClass::Walks, message, evidence: evidence.trim_end().to_owned() }
}
