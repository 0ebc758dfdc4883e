//! The ground of a run: a home, a repository, a workflow with every kind of phase, tickets, and a person who answers.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use aotui::domain::fleet::Fleet;
use aotui::domain::session::Ask;
use aotui::domain::ticket::{Status, Ticket};
use aotui::store;

use super::witness::WITNESS;
use crate::harness::Home;

/// Lines every script prints, so that a recording with a hole shows.
pub(super) const LINES: usize = 8;

/// A home with everything in it.
pub(super) struct Field {
    pub(super) home: Home,
    pub(super) repo: PathBuf,
    pub(super) tickets: BTreeSet<String>,
    pub(super) pace: Pace,
}

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Long enough to be killed amid anything.
    Walking,
    /// As short as possible, and without a poll.
    Running,
    /// Through lists and branches.
    Dividing,
}

impl Field {
    pub(super) fn new(pace: Pace, at_once: u64) -> Self {
        let speed = if pace == Pace::Running { 2000 } else { 20 };
        let home = Home::with_speed(speed);
        let repo = home.repo();
        home.git(&repo, &["config", "gc.auto", "0"]);
        home.write("witness/log", "");
        home.write("witness.sh", WITNESS);
        home.write("aotui/config.yaml", &format!("defaultAgent: practice\nmaxConcurrency: {at_once}\n"));
        let workflow = if pace == Pace::Dividing { DIVIDING.to_owned() } else { workflow(pace) };
        home.write("aotui/workflows/mill.yaml", &workflow);
        home.ok(&repo, &["init"]);
        Self { home, repo, tickets: BTreeSet::new(), pace }
    }

    /// Drops tickets into the plan, as a planner does: files, written whole, while an engine may be at work.
    pub(super) fn add(&mut self, count: u64) {
        let dir = self.home.state().join("plans/repo/tickets");
        fs::create_dir_all(&dir).unwrap();
        for _ in 0..count {
            let n = self.tickets.len();
            let id = format!("T-{n}");
            let asks = self.pace == Pace::Running || n.is_multiple_of(3);
            let asks = if asks { "  - permission: {tool: Bash, detail: make}\n" } else { "" };
            let story = format!(
                "```practice\nshape:\n  - say: one two three four five six\n{asks}  - write: {{path: shape/{id}.txt, text: \"{id}\\n\"}}\n  - commit: shape\n```\n"
            );
            let ticket = serde_json::json!({
                "ticketId": id, "title": format!("Make {id}"), "description": story, "workflow": "mill",
            });
            let new = self.home.path("new.json");
            fs::write(&new, ticket.to_string()).unwrap();
            fs::rename(&new, dir.join(format!("{id}.json"))).unwrap();
            self.tickets.insert(id);
        }
    }

    /// Returns what the files say now.
    pub(super) fn fleet(&self) -> Fleet {
        store::read(&self.home.state()).unwrap().fleet
    }

    /// Returns whether every ticket came to its good end and its worktree is gone.
    pub(super) fn is_over(&self, fleet: &Fleet) -> bool {
        self.tickets.len() == fleet.tickets.len()
            && fleet.tickets.values().all(|ticket| {
                matches!(ticket.progress.status, Status::Complete { needs_attention: false, .. })
                    && ticket.progress.workspace.as_ref().is_some_and(|checkout| checkout.removed)
            })
    }

    /// Answers everything that waits for a person.
    pub(super) fn answer(&self) {
        for ticket in self.fleet().tickets.values() {
            if waits(ticket) {
                let id = ticket.brief.key.ticket.as_str();
                // The engine may die while it is told; then it is told again.
                let _told = self.home.command(&self.repo, &["approve", id]).output().unwrap();
            }
        }
    }

    /// Returns the sessions' directory.
    pub(super) fn sessions(&self) -> PathBuf {
        self.home.state().join("sessions")
    }
}

/// Returns whether a ticket waits for a person's yes.
pub(super) fn waits(ticket: &Ticket) -> bool {
    let progress = &ticket.progress;
    let asks = |ask: &Ask| matches!(ask, Ask::Permission { .. });
    matches!(&progress.status, Status::Approval { message, .. } if !message.is_empty())
        || progress.requests.iter().any(|request| asks(&request.ask))
}

/// Items of every list.
pub(super) const ITEMS: usize = 3;

/// A script that reports tasks → a list of them, each checked as it is done → branches at once → landing.
const DIVIDING: &str = r#"
name: mill
phases:
  - id: cut
    type: script
    run: |
      . "$AOTUI_HOME/../witness.sh"
      for task in one two three; do "$AOTUI_EXE" report task "$task"; done
      keep cut
      keep shape
      say over
    onSuccess: parts
  - id: parts
    type: foreach
    over: tasks
    phases:
      - id: make
        type: script
        run: |
          . "$AOTUI_HOME/../witness.sh"
          lines 8 0.02
          mkdir -p parts
          echo "$AOTUI_ITEM" >"parts/$AOTUI_TICKET.$AOTUI_ITEM_NUMBER"
          git add -A
          git diff --cached --quiet || git commit --quiet -m "part $AOTUI_ITEM"
        gates:
          - {name: made, command: 'test -s "parts/$AOTUI_TICKET.$AOTUI_ITEM_NUMBER"'}
          - cleanTree
        onSuccess: show
      - id: show
        type: script
        run: |
          . "$AOTUI_HOME/../witness.sh"
          say over
    onSuccess: views
  - id: views
    type: parallel
    branches:
      - {name: left, type: script, run: '. "$AOTUI_HOME/../witness.sh"; lines 8 0.02; say over'}
      - {name: right, type: script, run: '. "$AOTUI_HOME/../witness.sh"; lines 8 0.02; say over'}
    onSuccess: join
  - id: join
    type: script
    run: |
      . "$AOTUI_HOME/../witness.sh"
      "$AOTUI_EXE" builtin land
      say over
    onSuccess: done
  - id: done
    type: terminal
"#;

/// script → agent → (poll) → approval → landing. The poll finds its answer at the second look.
fn workflow(pace: Pace) -> String {
    let (pause, after_shape) = match pace {
        Pace::Walking => ("0.05", "wait"),
        Pace::Running | Pace::Dividing => ("0", "look"),
    };
    let poll = r#"
  - id: wait
    type: poll
    run: |
      . "$AOTUI_HOME/../witness.sh"
      test -e "$w/$AOTUI_TICKET.asked" || { touch "$w/$AOTUI_TICKET.asked"; exit 1; }
      say over
    intervalSeconds: 1
    onSuccess: look"#;
    let poll = if pace == Pace::Walking { poll } else { "" };
    format!(
        r#"
name: mill
phases:
  - id: cut
    type: script
    run: |
      . "$AOTUI_HOME/../witness.sh"
      AOTUI_FAULTS="$AOTUI_HOME/../faults" "$AOTUI_EXE" report progress cutting || true
      lines {LINES} {pause}
      keep cut
      say over
    capture: {{cut: stdout}}
    onSuccess: shape
  - id: shape
    type: agent
    prompt: "{{{{ title }}}}\n{{{{ description }}}}"
    onSuccess: {after_shape}{poll}
  - id: look
    type: approval
    asks: decision
    message: "Is {{{{ title }}}} good?"
    onSuccess: join
  - id: join
    type: script
    run: |
      . "$AOTUI_HOME/../witness.sh"
      lines {LINES} {pause}
      AOTUI_FAULTS="$AOTUI_HOME/../faults" "$AOTUI_EXE" builtin land
      say over
    onSuccess: done
  - id: done
    type: terminal
"#
    )
}
