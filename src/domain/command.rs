//! What the engine can be asked to do, and why it may refuse.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decision::Seen;
use super::ids::{PhaseId, PlanId, RequestId, TicketKey};
use super::plan::Plan;
use super::problem::Problem;
use super::rules::Rules;
use super::ticket::{Brief, Progress};

/// A wish, from a key, a CLI verb or a file that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "command")]
pub enum Command {
    /// Something about one ticket.
    Ticket {
        /// The ticket.
        key: TicketKey,
        /// What to do.
        action: TicketAction,
    },
    /// Adds a plan, or takes over an edited one.
    PutPlan {
        /// The plan; its `tickets` are ignored.
        plan: Plan,
    },
    /// Adds a ticket, or takes over an edited brief. A started ticket keeps its state.
    PutTicket {
        /// What is wanted.
        brief: Brief,
        /// Lower starts first.
        order: i64,
        /// Tickets that have to be complete before.
        blocked_by: Vec<TicketKey>,
    },
    /// Adds new tickets, all of them or none, and before them those of their plans that are new.
    AddTickets {
        /// The new plans; their `tickets` are ignored.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        plans: Vec<Plan>,
        /// The tickets.
        tickets: Vec<NewTicket>,
    },
    /// Takes over how far another runner brought a ticket; nothing happens to one that got anywhere here.
    TakeOver {
        /// The ticket.
        key: TicketKey,
        /// How far it got.
        progress: Box<Progress>,
    },
    /// Holds a plan: what runs goes on, nothing new starts.
    PausePlan {
        /// The plan.
        plan: PlanId,
    },
    /// Lets a held plan go on.
    ResumePlan {
        /// The plan.
        plan: PlanId,
    },
    /// Says how many tickets may be at work at the same time from now on.
    SetConcurrency {
        /// That many, over all plans.
        max: u32,
    },
    /// Says what the settings say from now on.
    SetRules {
        /// All of it.
        rules: Arc<Rules>,
    },
    /// Stops everything: nothing new starts, and what runs finishes its phase.
    StopAll {
        /// Whether running sessions are ended at once; their phases run again later.
        now: bool,
    },
    /// Freezes everything: nothing new starts, and the processes of running sessions are paused.
    FreezeAll,
    /// Lets everything go on that was stopped or frozen.
    ResumeAll,
    /// Lets everything work until the next night.
    WorkNow,
    /// Lets the agents of an account go on that is held back.
    ReleaseAccount {
        /// Its name.
        account: String,
    },
    /// Changes something that was learned.
    ChangeLearning {
        /// Its number.
        n: u32,
        /// What it says from now on; `None` drops it.
        text: Option<String>,
    },
    /// Says which files are defective now; replaces what was said before.
    SetProblems {
        /// All of them.
        problems: Vec<Problem>,
    },
}

/// A ticket that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTicket {
    /// What is wanted.
    pub brief: Brief,
    /// Lower starts first.
    pub order: i64,
    /// Tickets of the same plan that have to be complete before; new ones too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<TicketKey>,
}

/// What can be done about a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "action")]
pub enum TicketAction {
    /// Says yes: to the agent's permission request, or to the approval phase.
    Approve {
        /// What was decided on.
        #[serde(flatten)]
        seen: Seen,
        /// What the next agent shall know.
        #[serde(default)]
        note: Option<String>,
    },
    /// Says yes to the agent's permission request, and to exactly the same from now on, by a rule that is kept.
    ApproveAlways {
        /// The request.
        request: RequestId,
    },
    /// Says no: to the agent's permission request, or to the approval phase.
    Reject {
        /// What was decided on.
        #[serde(flatten)]
        seen: Seen,
        /// Why.
        #[serde(default)]
        note: String,
    },
    /// Answers the agent's question.
    Reply {
        /// The request meant; `None` means the only one there is.
        #[serde(default)]
        request: Option<RequestId>,
        /// The answer.
        text: String,
    },
    /// Tells the agent at work more, once it is at its prompt.
    Tell {
        /// What.
        text: String,
    },
    /// Has the agent break off what it does on its own screen, and stay there.
    Interrupt,
    /// Runs the failed or current phase again.
    Retry {
        /// Whether a session that runs may be ended for it.
        #[serde(default)]
        interrupt: bool,
    },
    /// Goes on with another phase.
    Skip {
        /// The phase.
        to: PhaseId,
    },
    /// Lets the ticket work until the next night.
    WorkNow,
    /// Holds the ticket: what runs goes on, nothing new starts.
    Pause,
    /// Lets a held ticket go on.
    Resume,
    /// Ends the running session and holds the ticket.
    Stop,
    /// Goes on with the agent's conversation in its own terminal, for a person.
    TakeOver,
    /// Lets the agent go on alone with the conversation a person has.
    HandBack,
}

/// Why a command was refused: what, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}{}", hint.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
pub struct Rejection {
    /// What is in the way.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
}

impl Rejection {
    /// Returns a refusal.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
