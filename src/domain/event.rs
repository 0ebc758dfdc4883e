//! What happened: the facts the journal keeps. State is these, applied in order, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::account::Hold;
use super::agent_run::{AgentEnd, AgentTurn};
use super::clock::Reading;
use super::gate::Proving;
use super::ids::{AgentName, PhaseId, PlanId, RequestId, SessionId, TicketKey, WalkName};
use super::mode::Mode;
use super::plan::Plan;
use super::session::{Answer, Outcome, Request};
use super::ticket::{AfterStop, Brief, Checkout, Failure, Progress};
use super::time::Timestamp;
use super::workflow::Workflow;

/// A fact with its place in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// Counts the facts of a state directory, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// A fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum Event {
    /// A plan was added or edited.
    PlanPut {
        /// The plan, without its entries.
        plan: Plan,
    },
    /// A plan was held.
    PlanPaused {
        /// The plan.
        plan: PlanId,
    },
    /// A held plan goes on.
    PlanResumed {
        /// The plan.
        plan: PlanId,
    },
    /// A version of a workflow came into use.
    WorkflowLoaded {
        /// The workflow.
        workflow: Arc<Workflow>,
    },
    /// A ticket was added or its brief edited.
    TicketPut {
        /// What is wanted.
        brief: Brief,
        /// Lower starts first.
        order: i64,
        /// Tickets that have to be complete before.
        blocked_by: Vec<TicketKey>,
    },
    /// A person stopped or froze everything, or let it go on.
    ModeChanged {
        /// What holds now.
        mode: Mode,
    },
    /// All agents of an account wait.
    AccountHeld {
        /// The account.
        account: String,
        /// What holds it back.
        hold: Hold,
    },
    /// One ticket at a time may try an account that is held.
    AccountTried {
        /// The account.
        account: String,
        /// When all may.
        until: Timestamp,
    },
    /// The agents of an account go on.
    AccountReleased {
        /// The account.
        account: String,
    },
    /// A night is over: what runs since then ends, and goes on in the next one.
    NightOver {
        /// When it was over.
        over: Timestamp,
        /// How many sessions end.
        ends: u32,
    },
    /// A person let everything work until the next night.
    NightLifted {
        /// When that begins.
        until: Timestamp,
    },
    /// The clocks were read: at the first start, and whenever they no longer fit what was read before.
    ClockRead {
        /// What they said.
        reading: Reading,
    },
    /// Something happened to a ticket.
    Ticket {
        /// The ticket.
        key: TicketKey,
        /// What.
        what: TicketEvent,
    },
}

/// A fact about one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum TicketEvent {
    /// Another runner had brought it so far.
    TakenOver {
        /// How far.
        progress: Box<Progress>,
    },
    /// Its workspace is to be made.
    Started,
    /// Its workspace is there and its workflow version is fixed.
    Prepared {
        /// Digest of the workflow.
        digest: String,
        /// The workspace.
        checkout: Checkout,
    },
    /// It came to a phase.
    PhaseEntered {
        /// The phase.
        phase: PhaseId,
    },
    /// A session is to be started: the intent, on disk before the act.
    SessionIntended {
        /// The session.
        session: SessionId,
        /// The agent, in agent phases.
        agent: Option<AgentName>,
        /// When it has to be over.
        deadline: Option<Timestamp>,
        /// Whether it counts as an attempt; further checks of a poll do not.
        counts: bool,
    },
    /// Something about its gates.
    Proof {
        /// What.
        what: Proving,
    },
    /// An attempt ended, or a decision was made.
    AttemptEnded {
        /// How.
        outcome: Outcome,
        /// What was captured.
        captures: BTreeMap<String, String>,
    },
    /// A poll found nothing yet.
    PollPending {
        /// When it looks again.
        next: Timestamp,
        /// When it gives up.
        deadline: Option<Timestamp>,
    },
    /// The attempt that ended just now counts for nothing.
    Spared,
    /// The next attempt waits.
    BackedOff {
        /// Until when.
        until: Timestamp,
        /// What has to pass, where it is not the attempt that was bad.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// It could not be done for a reason that passes; the same attempt goes on later.
    Postponed {
        /// Until when.
        until: Timestamp,
        /// Why.
        failure: Failure,
    },
    /// Time passed that counts for nothing, or the clock was set.
    TimeShifted {
        /// Milliseconds by which the ends of timeouts move.
        timeouts: i64,
        /// Milliseconds by which all other moments move.
        moments: i64,
    },
    /// What it waited for by the clock has come: it may run again.
    WaitOver,
    /// It waits for a person's decision.
    ApprovalAsked {
        /// What they are asked; empty until rendered.
        message: String,
    },
    /// What the last step left for the next agent to read.
    FeedbackLeft {
        /// The text.
        text: String,
    },
    /// A person has to look.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It reached the end of its workflow.
    Completed {
        /// Whether in a phase that asks for attention.
        needs_attention: bool,
    },
    /// A person wants the phase run again.
    Retried {
        /// The phase; `None` runs the ticket from the start.
        phase: Option<PhaseId>,
    },
    /// A person sent it to another phase.
    Skipped {
        /// The phase.
        to: PhaseId,
    },
    /// A person takes its agent's conversation over.
    SteppedIn,
    /// The person handed it back, or quit the agent.
    SteppedOut,
    /// A person let it work until the next night.
    WorksNow {
        /// When that begins.
        until: Timestamp,
    },
    /// A person holds it.
    Paused,
    /// A person lets it go on.
    Resumed,
    /// Its session is to end.
    StopRequested {
        /// What becomes of the ticket then.
        then: AfterStop,
    },
    /// Its agent asks a person.
    Asked {
        /// The request.
        request: Request,
    },
    /// A person answered, or a rule.
    Answered {
        /// The request.
        request: RequestId,
        /// The answer.
        answer: Answer,
        /// The rule or policy that answered; `None` means a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Its agent no longer asks.
    Withdrawn {
        /// The request.
        request: RequestId,
    },
    /// Its agent's conversation has a name.
    ConversationNamed {
        /// The name.
        id: String,
    },
    /// Its agent took a prompt, or is to be told more.
    Turn {
        /// How far it is.
        turn: AgentTurn,
    },
    /// Its agent is done with its prompt; the session goes on.
    TurnEnded {
        /// What the run came to so far.
        end: Box<AgentEnd>,
    },
    /// Its agent told what it used up so far.
    Used {
        /// What its run came to so far.
        end: Box<AgentEnd>,
    },
    /// Its agent's program ended; its session is about to.
    AgentEnded {
        /// How.
        end: Box<AgentEnd>,
    },
    /// It is to be divided into walks below it: an attempt of its own.
    Divided {
        /// When they have to be over.
        deadline: Option<Timestamp>,
        /// Whether it is known what walks there are to be.
        listed: bool,
    },
    /// It is known what the items of its list are.
    Listed {
        /// The items.
        items: Vec<String>,
    },
    /// A walk below it begins.
    WalkBegun {
        /// Its name.
        walk: WalkName,
        /// The item it is about, in a list: its number from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<u32>,
    },
    /// A walk below it is over, or is no longer waited for: what it did becomes part of the history.
    WalkLeft {
        /// Its name.
        walk: WalkName,
    },
    /// Its walks are to end.
    RecallRequested {
        /// What becomes of it then.
        then: AfterStop,
    },
    /// Its agent told of a task.
    TaskReported {
        /// What it is.
        text: String,
        /// Whether it is done.
        done: bool,
    },
    /// Its workspace was removed.
    WorkspaceRemoved {
        /// The ref that keeps its work.
        kept_ref: String,
    },
    /// Its workspace was left in place.
    WorkspaceKept {
        /// Why.
        why: String,
    },
}
