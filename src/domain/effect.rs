//! What the engine wants done in the world, and what the world says back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::agent_report::AgentReport;
use super::agent_run::AgentEnd;
use super::gate::{CheckReport, Gate};
use super::ids::{AgentName, PhaseId, RequestId, SessionId, TicketKey};
use super::leaves::Offered;
use super::permission::PermissionRule;
use super::plan::Plan;
use super::session::{Answer, StoppedBy};
use super::ticket::{Checkout, Failure, Ticket};
use super::time::Timestamp;
use super::workflow::{Phase, Workflow};

/// IO the engine wants done. Every effect may be carried out again after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Finds the workflow and makes the workspace of a ticket; answered by [`Report::Prepared`].
    Prepare {
        /// The plan.
        plan: Box<Plan>,
        /// The ticket.
        ticket: Arc<Ticket>,
    },
    /// Starts the session if it is not there yet and waits for its end; answered by [`Report::SessionEnded`].
    RunSession {
        /// What to run.
        order: Box<WorkOrder>,
        /// Whether an earlier engine was to start it: then it is started only where it never was.
        reattach: bool,
    },
    /// Ends a session. Its end is reported by whoever runs it.
    StopSession {
        /// The session.
        session: SessionId,
        /// Who has it ended.
        by: StoppedBy,
    },
    /// Pauses the processes of a session, or lets them go on; the last wish for a session counts.
    FreezeSession {
        /// The session.
        session: SessionId,
        /// Whether to pause them.
        frozen: bool,
    },
    /// Looks for signs of life of a running session, and for results of its work; answered by [`Report::Looked`].
    Look {
        /// What it runs.
        order: Box<WorkOrder>,
    },
    /// Renders what an approval phase asks; answered by [`Report::Question`].
    Question {
        /// The phase to ask for; its session does not exist.
        order: Box<WorkOrder>,
    },
    /// Reads the list of a phase from its file; answered by [`Report::Listed`].
    ReadList {
        /// The phase to read it for; its session does not exist.
        order: Box<WorkOrder>,
    },
    /// Keeps a rule for good.
    KeepRule {
        /// The rule.
        rule: PermissionRule,
    },
    /// Gives an agent its answer.
    DeliverAnswer {
        /// The session.
        session: SessionId,
        /// The request.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// Waits until the process that asks is gone; answered by [`Report::Agent`], which withdraws the request.
    WatchAsker {
        /// The session.
        session: SessionId,
        /// The request.
        request: RequestId,
    },
    /// Has an agent leave whose turn is over, once nobody looks at it any more. Its end is reported by whoever runs it.
    LeaveSession {
        /// The session.
        session: SessionId,
    },
    /// Takes that back: somebody told the agent more.
    KeepSession {
        /// The session.
        session: SessionId,
    },
    /// Has the agent of a session break off what it does on its own screen.
    Interrupt {
        /// The session.
        session: SessionId,
    },
    /// Tells the agent of a session more; answered by [`Report::Prompted`].
    Prompt {
        /// The session.
        session: SessionId,
        /// What it is told.
        text: String,
    },
    /// Removes a workspace if nothing can be lost; answered by [`Report::WorkspaceGone`] or [`Report::WorkspaceKept`].
    RemoveWorkspace {
        /// The plan.
        plan: Box<Plan>,
        /// The ticket.
        ticket: Arc<Ticket>,
    },
}

/// One attempt of a phase that is about to run. `ticket.progress` is as it stands with this attempt counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrder {
    /// The session it will run in.
    pub session: SessionId,
    /// The plan.
    pub plan: Plan,
    /// The ticket; its workspace is there.
    pub ticket: Arc<Ticket>,
    /// The phase.
    pub phase: Phase,
    /// The agent, for agent phases; `None` means the configured default.
    pub agent: Option<AgentName>,
    /// The keys that phases of the workflow capture, whether they did so yet or not.
    pub captures: BTreeSet<String>,
    /// What others left that it may use.
    pub offered: Offered,
    /// Tests whose results are kept before anything is changed; empty unless this is its ticket's first look.
    pub begin: Vec<Gate>,
}

/// What came back from the world. Late, duplicate and unknown reports are ignored by rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Report {
    /// A workspace is there, or cannot be made.
    Prepared {
        /// The ticket.
        key: TicketKey,
        /// What it works with, or why not.
        result: Result<Ready, Failure>,
    },
    /// A session is over.
    SessionEnded {
        /// The session.
        session: SessionId,
        /// How.
        end: SessionEnd,
    },
    /// An approval's question is rendered.
    Question {
        /// The ticket.
        key: TicketKey,
        /// The phase that asks.
        phase: PhaseId,
        /// The text, or why it cannot be rendered.
        result: Result<String, Failure>,
    },
    /// The list of a phase was read.
    Listed {
        /// The ticket.
        key: TicketKey,
        /// The phase that works through it.
        phase: PhaseId,
        /// Its items, or why it cannot be read.
        result: Result<Vec<String>, Failure>,
    },
    /// An agent said something.
    Agent {
        /// Its session.
        session: SessionId,
        /// What it said.
        report: AgentReport,
    },
    /// A running session was looked at.
    Looked {
        /// The session.
        session: SessionId,
        /// What was seen.
        signs: Signs,
    },
    /// The agent of a session ended; comes before the end of the session.
    AgentEnded {
        /// The session.
        session: SessionId,
        /// How.
        end: Box<AgentEnd>,
    },
    /// An agent was told more, or could not be.
    Prompted {
        /// Its session.
        session: SessionId,
        /// Why not, in words.
        result: Result<(), String>,
    },
    /// A workspace was removed.
    WorkspaceGone {
        /// The ticket.
        key: TicketKey,
        /// The ref that keeps its work.
        kept_ref: String,
    },
    /// A workspace was left in place.
    WorkspaceKept {
        /// The ticket.
        key: TicketKey,
        /// Why.
        why: String,
    },
}

/// What is seen of a session from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signs {
    /// When it last wrote something, or got an answer; `None` where that is not known.
    pub life: Option<Timestamp>,
    /// When its work last left a result: a commit, a change, the end of a tool; `None` where none is known.
    pub result: Option<Timestamp>,
    /// Whether its processes compute.
    pub busy: bool,
}

/// What a ticket works with once it is prepared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// Digest of the workflow version.
    pub digest: String,
    /// The workflow; `None` where the fleet knows the version, as it does when the journal is read again.
    #[serde(skip)]
    pub workflow: Option<Arc<Workflow>>,
    /// The workspace.
    pub checkout: Checkout,
}

impl Ready {
    /// Returns what a ticket needs that walks `workflow` in `checkout`.
    pub fn new(workflow: Arc<Workflow>, checkout: Checkout) -> Self {
        Self { digest: workflow.digest.clone(), workflow: Some(workflow), checkout }
    }
}

/// How a session was over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "end")]
pub enum SessionEnd {
    /// Its process exited.
    Exited {
        /// Exit code; `None` where a signal ended it.
        code: Option<i32>,
        /// Signal, where one ended it.
        signal: Option<i32>,
        /// When.
        at: Timestamp,
        /// What was captured. After a failure, what could be.
        captures: BTreeMap<String, String>,
        /// The last lines of output, plain text.
        tail: String,
    },
    /// It could not be started.
    NotStarted {
        /// Why.
        failure: Failure,
    },
    /// It ended well, but what its phase captures cannot be had.
    NotCaptured {
        /// Why.
        failure: Failure,
    },
    /// It looked at the worktree for the gates.
    Checked {
        /// What it found.
        report: CheckReport,
    },
    /// It is gone without a record: its holder was killed, or the machine went down.
    Vanished,
}
