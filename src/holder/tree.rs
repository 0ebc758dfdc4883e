//! The processes of one session: which ones they are, and the only way to signal them.
//!
//! A process belongs to a session if it descends from the session's holder (who adopts what its parents leave behind),
//! if it is in the session of the operating system that the program leads, if it carries the session's mark in its
//! environment, or if it descends from such a one. So neither `setsid` nor `nohup` nor a double fork leads out of it,
//! and what a killed holder left is still found. No process is signalled that was not proven to belong at that moment:
//! it is held by a descriptor (a pidfd), so that one which takes over its number is never hit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::proc::{Stat, boot, pids, was_given};
use super::record::{HolderRecord, ProcessRecord};

/// The variable that carries the mark of a session.
pub(crate) const MARK: &str = "AOTUI_SESSION_MARK";

/// How long the processes may take until the last of them stands still.
const FREEZE_LIMIT: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The processes of one session.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    entry: Option<String>,
    holder: ProcessRecord,
    leader: Option<ProcessRecord>,
    boot: String,
}

/// One living process of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Which process.
    pub(crate) process: ProcessRecord,
    /// The name of its program, as it calls itself.
    pub(crate) name: String,
    /// Processor time it and children it waited for have taken, in clock ticks.
    pub(crate) ticks: u64,
    is_stopped: bool,
    is_blocked: bool,
}

impl Tree {
    /// Returns the tree of the session that was held as the record says, whether or not its holder lives.
    pub(crate) fn of(record: &HolderRecord) -> Self {
        let entry = Some(&record.mark).filter(|mark| !mark.is_empty()).map(|mark| format!("{MARK}={mark}"));
        Self { entry, holder: record.holder, leader: record.child, boot: record.boot.clone() }
    }

    /// Returns the session's program, living or dead; `None` if it was never recorded.
    pub(crate) fn leader(&self) -> Option<ProcessRecord> {
        self.leader
    }

    /// Looks for the living processes of the session, oldest first. The holder is none of them.
    pub(crate) fn members(&self) -> Vec<Member> {
        if self.boot != boot() {
            return Vec::new();
        }
        let all: BTreeMap<u32, Stat> = pids().into_iter().filter_map(|pid| Some((pid, Stat::of(pid)?))).collect();
        let holder = self.alive(Some(self.holder), &all);
        let leader = self.alive(self.leader, &all);
        let others = [std::process::id(), self.holder.pid];
        let mut ours: BTreeSet<u32> = BTreeSet::new();
        for (pid, stat) in all.iter().filter(|(pid, _)| !others.contains(pid)) {
            let is_led = leader.is_some_and(|leader| stat.session == leader);
            if is_led || holder.is_some_and(|holder| stat.parent == holder) {
                ours.insert(*pid);
            }
        }
        add_descendants(&mut ours, &all, &others);
        if let Some(entry) = &self.entry {
            // What started before the holder cannot have the mark: there is no need to look.
            let may_be = |pid: &u32, stat: &Stat| {
                stat.start_time >= self.holder.start_time && !ours.contains(pid) && !others.contains(pid)
            };
            let strangers = all.iter().filter(|(pid, stat)| may_be(pid, stat)).map(|(pid, _)| *pid);
            let marked: Vec<u32> = strangers.filter(|pid| was_given(*pid, entry)).collect();
            ours.extend(marked);
            add_descendants(&mut ours, &all, &others);
        }
        let mut members: Vec<Member> = ours.iter().filter_map(|pid| member(*pid, all.get(pid)?)).collect();
        members.sort_by_key(|member| (member.process.start_time, member.process.pid));
        members
    }

    /// Returns the id of a recorded process if it is still that one.
    fn alive(&self, record: Option<ProcessRecord>, all: &BTreeMap<u32, Stat>) -> Option<u32> {
        let record = record?;
        all.get(&record.pid).is_some_and(|stat| stat.start_time == record.start_time).then_some(record.pid)
    }

    /// Stops every process where it stands; returns those that could not be stopped, in time or at all.
    pub(crate) fn freeze(&self) -> Vec<Member> {
        let deadline = Instant::now() + FREEZE_LIMIT;
        let mut told = BTreeSet::new();
        loop {
            // Looked for again until all stand still: whoever ran until now may have started others. One that is blocked
            // stops before it does anything else, and may be blocked by one that was stopped.
            let moves = |member: &Member| !(member.is_stopped || member.is_blocked && told.contains(&member.process));
            let moving: Vec<Member> = self.members().into_iter().filter(moves).collect();
            if moving.is_empty() || Instant::now() >= deadline {
                return moving;
            }
            // Parents first, so that none of them sees its child stop and draws conclusions.
            for member in &moving {
                member.signal(Signal::STOP);
                told.insert(member.process);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Lets every process go on.
    pub(crate) fn thaw(&self) {
        // Also those that do not stand still: they may be about to.
        for member in self.members().iter().rev() {
            member.signal(Signal::CONT);
        }
    }
}

impl Member {
    /// Signals the process, unless it is gone.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}

fn member(pid: u32, stat: &Stat) -> Option<Member> {
    let process = ProcessRecord { pid, start_time: stat.start_time };
    (!stat.is_over).then(|| Member {
        process,
        name: stat.name.clone(),
        ticks: stat.ticks,
        is_stopped: stat.is_stopped,
        is_blocked: stat.is_blocked,
    })
}

fn add_descendants(ours: &mut BTreeSet<u32>, all: &BTreeMap<u32, Stat>, others: &[u32]) {
    loop {
        let is_child = |(pid, stat): &(&u32, &Stat)| {
            // A child is never older than its parent: then the parent's number has changed hands since.
            let parent = all.get(&stat.parent).filter(|parent| parent.start_time <= stat.start_time);
            parent.is_some() && ours.contains(&stat.parent) && !ours.contains(pid) && !others.contains(pid)
        };
        let children: Vec<u32> = all.iter().filter(is_child).map(|(pid, _)| *pid).collect();
        if children.is_empty() {
            return;
        }
        ours.extend(children);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn record(mark: &str) -> HolderRecord {
        HolderRecord {
            version: 1,
            holder: ProcessRecord { pid: 0, start_time: 0 },
            child: None,
            socket: "/none".into(),
            started_at: crate::domain::time::Timestamp(0),
            mark: mark.to_owned(),
            boot: boot(),
        }
    }

    fn marked(mark: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", "read line"]).env(MARK, mark).stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn pids_of(tree: &Tree) -> Vec<u32> {
        tree.members().iter().map(|member| member.process.pid).collect()
    }

    fn until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    #[test]
    fn the_mark_alone_finds_a_process_and_only_its_own_session() {
        let mark = format!("test-{}-finds", std::process::id());
        let (mut ours, mut other) = (marked(&mark), marked(&format!("{mark}-not")));
        let tree = Tree::of(&record(&mark));
        until("it is found", || pids_of(&tree) == [ours.id()]);
        let elsewhere = Tree::of(&HolderRecord { boot: "before".to_owned(), ..record(&mark) });
        assert!(pids_of(&elsewhere).is_empty(), "numbers of another start of the machine mean nothing");
        assert!(pids_of(&Tree::of(&record(""))).is_empty(), "no mark is not everyone's mark");
        for child in [&mut ours, &mut other] {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    #[test]
    fn a_frozen_tree_stands_still_until_it_is_let_go() {
        let mark = format!("test-{}-freezes", std::process::id());
        let mut child = marked(&mark);
        let tree = Tree::of(&record(&mark));
        until("it is found", || pids_of(&tree) == [child.id()]);
        for _ in 0..2 {
            assert!(tree.freeze().is_empty());
            assert!(Stat::of(child.id()).unwrap().is_stopped);
        }
        drop(child.stdin.take());
        tree.thaw();
        child.wait().unwrap();
    }
}
