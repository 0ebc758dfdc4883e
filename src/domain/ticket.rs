//! A ticket: what a person asked for ([`Brief`]) and how far it got ([`Progress`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent_run::{AgentEnd, AgentTurn, Conversation, Face, Spent};
use super::budget::Budget;
use super::gate::{GateResult, Proof};
use super::ids::{AgentName, PhaseId, RequestId, SessionId, TicketKey, WalkName, WorkflowName};
use super::leaves::Leaves;
use super::plain::short_line;
use super::session::{Answer, Outcome, Request, StoppedBy};
use super::time::Timestamp;
use super::usage::Usage;
use super::walks::Walks;

/// What a person or a planner says about a ticket. The engine never changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// Which ticket of which plan.
    pub key: TicketKey,
    /// One line that says what is wanted.
    pub title: String,
    /// Everything the agent should know, Markdown.
    #[serde(default)]
    pub description: String,
    /// What has to be true at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<String>,
    /// Where it came from, a URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Repository, absolute path; `None` means the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Workflow; `None` means the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<WorkflowName>,
    /// Agent; `None` means the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// What all agents together may use up for it; `None` means as much as they like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How its agents meet people, where a phase does not say; `None` leaves it to the agent's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<Face>,
    /// Branch; `None` means `aotui/<plan>/<ticket>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Checkout, absolute path; `None` means below the plan's worktree root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
}

impl Brief {
    /// Returns a brief that leaves everything else to the plan and the settings.
    pub fn new(key: TicketKey, title: impl Into<String>) -> Self {
        Self {
            key,
            title: title.into(),
            description: String::new(),
            acceptance_criteria: Vec::new(),
            link: None,
            repo: None,
            workflow: None,
            agent: None,
            face: None,
            budget: None,
            branch: None,
            worktree: None,
        }
    }
}

/// A ticket with its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// What is wanted.
    pub brief: Brief,
    /// Lower starts first.
    pub order: i64,
    /// Tickets that have to be complete before, all of the same plan.
    pub blocked_by: Vec<TicketKey>,
    /// How far it got.
    pub progress: Progress,
}

/// How far a ticket got. Only events change it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Where it stands.
    pub status: Status,
    /// Whether a person holds it: what runs goes on, nothing new starts.
    #[serde(default)]
    pub paused: bool,
    /// Digest of the workflow version it walks, once started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_digest: Option<String>,
    /// The phase it is in or about to enter; `None` before the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseId>,
    /// The phase it begins with once it has a workspace, where another runner brought it that far; `None` means the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<PhaseId>,
    /// How often each phase was entered.
    #[serde(default)]
    pub visits: BTreeMap<PhaseId, u32>,
    /// Attempts of the current visit so far, the running one included.
    #[serde(default)]
    pub attempt: u32,
    /// The attempt under way; `None` between two attempts. The checks of a poll are one attempt, and so are the making
    /// of a workspace and the start of a session that are tried again for a reason that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
    /// When the current phase was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_since: Option<Timestamp>,
    /// Its checkout, once made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<Checkout>,
    /// Sessions started so far; numbers the next one.
    #[serde(default)]
    pub sessions: u32,
    /// What phases captured, by key.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// What the last failed phase or rejection left for the next agent to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<String>,
    /// Since when a person has its agent's conversation, in the agent's own terminal; `None` while the agent works alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person_since: Option<Timestamp>,
    /// What an agent waits for a person to answer, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// Answers given to the running session; delivered again after a restart, forgotten when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<(RequestId, Answer)>,
    /// Conversations of its agents, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conversations: Vec<Conversation>,
    /// When a person last let it go on; budgets of its own count from then. `None` where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_at: Option<Timestamp>,
    /// Until which night a person let it work by day; `None` where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub works_until: Option<Timestamp>,
    /// What its agents used up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<Spent>,
    /// How far the agent of the current session is; `None` where it has not told, or never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<AgentTurn>,
    /// What the run of the current session's agent came to as far as it told, until the session has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_end: Option<AgentEnd>,
    /// What it leaves for others: files, and what was learned.
    #[serde(default, skip_serializing_if = "Leaves::is_empty")]
    pub leaves: Leaves,
    /// What its gates know and do.
    #[serde(default, skip_serializing_if = "Proof::is_empty")]
    pub proof: Proof,
    /// Every finished attempt, oldest first; those of walks below it as well, once they are over.
    #[serde(default)]
    pub history: Vec<HistoryEntry>,
    /// Walks below it, lists it works through, and what it got from above where it is such a walk itself.
    #[serde(default, skip_serializing_if = "Walks::is_empty")]
    pub walks: Walks,
}

/// An attempt that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnderWay {
    /// When it began, moved on by time that does not count.
    pub since: Timestamp,
    /// How often in a row it was postponed.
    #[serde(default)]
    pub postponed: u32,
}

/// Where a ticket stands. Exactly one holds at any time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Status {
    /// Waits for its blockers or for a free place; also between two phases.
    #[default]
    Queued,
    /// Its workspace is being made.
    Preparing,
    /// A session runs.
    Running {
        /// The session.
        session: SessionId,
        /// When it was started.
        since: Timestamp,
        /// When it has to be over; `None` means it may take as long as it likes.
        deadline: Option<Timestamp>,
        /// The agent at work, in agent phases.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentName>,
    },
    /// The session was told to end and has not yet.
    Stopping {
        /// The session.
        session: SessionId,
        /// When it was started.
        since: Timestamp,
        /// The agent at work, in agent phases.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentName>,
        /// What becomes of the ticket when it has ended.
        then: AfterStop,
    },
    /// A poll found nothing yet and looks again later.
    Polling {
        /// When it looks again.
        next: Timestamp,
        /// When it gives up.
        deadline: Option<Timestamp>,
    },
    /// A failed attempt waits before the next.
    Backoff {
        /// When the next attempt may start.
        until: Timestamp,
        /// What is in the way, where nothing failed but it could not be done yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// Walks below it are under way; it goes on when it is sure how they end.
    Joining {
        /// Since when.
        since: Timestamp,
        /// When they have to be over; `None` means they may take as long as they like.
        deadline: Option<Timestamp>,
        /// Whether it is known what walks there are to be; the items of a list may have to be read first.
        listed: bool,
        /// What becomes of it when all of them have left; `None` while they are wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        then: Option<AfterStop>,
    },
    /// A person has to decide.
    Approval {
        /// What they are asked, rendered.
        message: String,
        /// Since when.
        since: Timestamp,
    },
    /// A person has to look: nothing goes on by itself.
    Failed {
        /// Why.
        failure: Failure,
        /// Since when.
        since: Timestamp,
    },
    /// It reached the end of its workflow.
    Complete {
        /// Whether it ended in a phase that asks for attention.
        needs_attention: bool,
        /// When.
        at: Timestamp,
    },
}

/// What becomes of a ticket when the session that was told to end has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "then")]
pub enum AfterStop {
    /// It fails as stopped by a person.
    Hold,
    /// The attempt counts as failed because it took too long.
    TimedOut,
    /// The attempt counts as failed for this reason.
    Fail {
        /// Why.
        failure: Failure,
    },
    /// The phase is run again from the start.
    Retry,
    /// The phase is run again later, as if this session had never been.
    RunLater,
    /// Its agent's conversation goes on in another session: a person takes it over, or hands it back.
    HandOver,
    /// It goes on with another phase.
    Skip {
        /// The phase to go on with.
        to: PhaseId,
    },
    /// It is a walk that what is above it no longer waits for: it is left as it is.
    Leave,
}

impl AfterStop {
    /// Returns who has the session ended.
    pub fn by(&self) -> StoppedBy {
        match self {
            Self::TimedOut | Self::Fail { .. } => StoppedBy::Timeout,
            Self::RunLater => StoppedBy::Shutdown,
            Self::Hold | Self::Retry | Self::HandOver | Self::Skip { .. } | Self::Leave => StoppedBy::Person,
        }
    }
}

/// Why a ticket needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind it is.
    pub class: FailureClass,
    /// What happened, one line.
    pub message: String,
    /// The last lines of what was printed, plain text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
}

/// Longest line that says why something failed, in characters.
const MAX_WHY: usize = 300;

impl Failure {
    /// Says on one short line what happened and why: the message, then the last line of the evidence that has a word and
    /// is no hint.
    pub fn why(&self) -> String {
        let message = self.message.lines().next().unwrap_or_default();
        let has_word = |line: &&str| line.chars().any(char::is_alphanumeric) && !line.starts_with("hint:");
        match self.evidence.lines().rev().map(str::trim).find(has_word) {
            // What the session printed at its end often is the message itself.
            Some(last) if !message.contains(last) && !last.contains(message) => {
                short_line(&format!("{message}: {last}"), MAX_WHY)
            }
            _ => short_line(message, MAX_WHY),
        }
    }
}

/// What kind of failure it was; policy goes by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureClass {
    /// The program said no: a non-zero exit code.
    Exit,
    /// A signal ended it.
    Crashed,
    /// It took longer than it may.
    TimedOut,
    /// It could not be started: a missing program, prompt, script or template variable.
    Misconfigured,
    /// The workspace could not be made or is gone.
    Workspace,
    /// Its gates do not let it pass.
    Gate,
    /// A person, or an agent whose verdict counts, rejected it.
    Rejected,
    /// A person stopped it.
    Stopped,
    /// It went round a loop as often as it may.
    LoopBound,
    /// The agent's credential is missing, wrong or expired.
    Auth,
    /// The agent's account cannot pay.
    Billing,
    /// The agent's provider asks for a pause of seconds or minutes.
    RateLimit,
    /// The agent's account used up what it may until a reset.
    UsageLimit,
    /// The agent's provider is overloaded or in error.
    Overloaded,
    /// The agent's conversation no longer fits its model.
    ContextOverflow,
    /// The agent's connection broke.
    Network,
    /// The agent took as many turns as it may, or went in circles.
    MaxTurns,
    /// The agent could not go on without a tool it was denied.
    Denied,
    /// The agent failed in a way that is not known.
    Unknown,
    /// Walks below it failed.
    Walks,
    /// The machine could not do it: no process, file or lock to be had, however often it was tried.
    Infra,
    /// The agent gave no sign of life for too long.
    Stalled,
    /// The agent was busy for too long without a result.
    NoProgress,
    /// It used up what it may.
    Budget,
    /// Nobody answered what the agent asked.
    Unanswered,
}

/// A checkout a ticket works in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkout {
    /// Absolute path.
    pub path: String,
    /// Branch.
    pub branch: String,
    /// Branch it started from and lands on.
    pub base_branch: String,
    /// Commit it started from.
    pub base_commit: String,
    /// Whether it was removed again (its work is on a ref).
    #[serde(default)]
    pub removed: bool,
}

/// What one session of an agent used up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    /// The model; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much.
    pub usage: Usage,
}

impl HistoryEntry {
    /// Returns whether an agent was at work in a session.
    pub fn agent_worked(&self) -> bool {
        self.session.is_some() && (self.agent.is_some() || self.used.is_some())
    }

    /// Returns whether it counts for nothing.
    pub fn is_void(&self) -> bool {
        self.outcome.is_void()
    }
}

/// One finished attempt or decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// The phase.
    pub phase: PhaseId,
    /// Which visit of the phase, from 1.
    pub visit: u32,
    /// Which attempt of the visit, from 1.
    pub attempt: u32,
    /// The session that ran it; `None` for decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The agent that worked on it, for agent phases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The walk below the ticket that it belongs to, outermost first; empty for the ticket's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub walk: Vec<WalkName>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What its agent used up; `None` where it did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// What its gates found; empty where they were not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateResult>,
}
