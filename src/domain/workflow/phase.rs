//! One node of a workflow and what running it means.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Workflow;
use super::below::{Branch, Items, Join};
use crate::domain::agent_run::Face;
use crate::domain::budget::Budget;
use crate::domain::gate::Gate;
use crate::domain::ids::{AgentName, PhaseId, RoleName};
use crate::domain::permission::PermissionRule;
use crate::domain::ticket::FailureClass;

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Its name, unique within the workflow.
    pub id: PhaseId,
    /// What it does.
    pub kind: PhaseKind,
    /// Where success leads; `None` ends the ticket as complete. Always `None` for a terminal phase.
    pub on_success: Option<PhaseId>,
    /// Where failure leads once the attempts are used up; `None` means a person has to look.
    pub on_failure: Option<PhaseId>,
    /// How often it is tried before `on_failure` is taken.
    pub retry: Retry,
    /// How long one attempt may take; the checks of a poll are one attempt.
    pub timeout_seconds: Option<u64>,
    /// How often one ticket may enter this phase: the bound of every loop through it.
    pub max_visits: u32,
    /// What is kept of the outcome, by key, for later templates.
    pub capture: BTreeMap<String, Capture>,
    /// How long its agent may be silent or fruitless, and what it may use up.
    #[serde(default, skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    /// What its agent may do, and what becomes of what it asks when nobody answers.
    #[serde(default, skip_serializing_if = "Asking::is_default")]
    pub asking: Asking,
    /// What aotui checks before it may succeed, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Files of other phases that it reads, and files it leaves for them.
    #[serde(default, skip_serializing_if = "Artifacts::is_empty")]
    pub artifacts: Artifacts,
    /// Where verdicts of its agent lead; empty where it gives none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on_verdict: BTreeMap<String, PhaseId>,
}

/// Files by which phases speak to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Artifacts {
    /// Names of those it reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// Names of those it has to leave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
}

impl Artifacts {
    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty()
    }
}

/// How long the agent of a phase may be silent or fruitless, and what it may use up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Seconds without a sign of life; 0 means as long as it likes, `None` as the settings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_seconds: Option<u64>,
    /// Seconds without a result, which is a commit, a change or the end of a tool; 0 and `None` as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_seconds: Option<u64>,
    /// What all its attempts together may use up.
    #[serde(skip_serializing_if = "Budget::is_empty")]
    pub budget: Budget,
}

impl Limits {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What the agent of a phase may do, and what becomes of what it asks when nobody answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Asking {
    /// Rules beside those of the settings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionRule>,
    /// What becomes of a request that nobody answered in time.
    pub unattended: Unattended,
    /// How long a person has for an answer; `None` means as long as it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattended_seconds: Option<u64>,
}

impl Asking {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of a request that nobody answered in time. There is no yes among it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unattended {
    /// It waits on.
    #[default]
    Wait,
    /// The agent is told no, and goes on without.
    Deny,
    /// The session is ended, and the ticket is left to a person.
    Park,
}

/// What a phase does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum PhaseKind {
    /// Runs a program in the workspace; exit code 0 is success.
    Script {
        /// What to run.
        run: Run,
    },
    /// Gives an agent a prompt in the workspace.
    Agent {
        /// The prompt template.
        prompt: Prompt,
        /// Who the agent is in it: a prompt that comes before; what the role says of the rest is in the fields below.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<RoleName>,
        /// The agent to use; `None` means the ticket's, the plan's or the configured default.
        agent: Option<AgentName>,
        /// How the agent meets people; `None` means as the ticket or the agent's settings say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        face: Option<Face>,
        /// Tools the agent may use, where its record knows how to say so.
        #[serde(default)]
        allowed_tools: Vec<String>,
        /// Most turns the agent may take, where its record knows how to say so.
        #[serde(default)]
        max_turns: Option<u32>,
        /// The model to ask the agent for, where its record knows how to say so.
        #[serde(default)]
        model: Option<String>,
        /// The models of later fresh starts, the last one of all that follow; empty where it stays the same.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stronger: Vec<String>,
        /// The agents that work instead while the account of those before is held back; empty means as the settings say.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        instead: Vec<AgentName>,
    },
    /// Asks a program again and again: exit code 0 is done, 1 is not yet, anything else is failure.
    Poll {
        /// What to run.
        run: Run,
        /// Seconds from the end of one check to the start of the next.
        interval_seconds: u64,
    },
    /// Waits for a person's decision.
    Approval(Approval),
    /// Walks its branches at the same time.
    Parallel {
        /// The branches in the order of the file; never empty.
        branches: Vec<Branch>,
        /// When it goes on.
        join: Join,
        /// Whether the rest is stopped as soon as it is sure to fail; else they finish what they have to say.
        #[serde(default)]
        fail_fast: bool,
    },
    /// Walks the same phases for each item of a list, the first ones first.
    Foreach {
        /// The list.
        over: Items,
        /// The phases each item walks.
        body: Arc<Workflow>,
        /// How many items may be under way at the same time, at least 1.
        concurrency: u32,
    },
    /// Walks another workflow.
    Workflow {
        /// The workflow.
        workflow: Arc<Workflow>,
    },
    /// Ends the ticket.
    Terminal {
        /// Whether a person should look at it: it ended, but not well.
        needs_attention: bool,
    },
}

impl Phase {
    /// Returns who its agent is; `None` where it has no role or no agent.
    pub fn role(&self) -> Option<&RoleName> {
        match &self.kind {
            PhaseKind::Agent { role, .. } => role.as_ref(),
            _ => None,
        }
    }
}

impl PhaseKind {
    /// Returns its name in workflow files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Script { .. } => "script",
            Self::Agent { .. } => "agent",
            Self::Poll { .. } => "poll",
            Self::Approval(_) => "approval",
            Self::Parallel { .. } => "parallel",
            Self::Foreach { .. } => "foreach",
            Self::Workflow { .. } => "workflow",
            Self::Terminal { .. } => "terminal",
        }
    }
}

/// A person's decision that a phase waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// What sort of decision it is; decides the zone.
    pub asks: Asks,
    /// What the person is asked, a template; `None` asks for approval of the phase before.
    pub message: Option<String>,
}

/// What sort of decision an approval asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Asks {
    /// A decision the ticket cannot go on without (zone `respond`).
    Decision,
    /// A look at what was made (zone `review`).
    Review,
    /// The go-ahead for landing finished work (zone `merge`).
    Merge,
}

/// What a script or poll phase runs. Data reaches it as arguments and environment, never as code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "run")]
pub enum Run {
    /// A script of the library, or a program, with templated arguments.
    Command {
        /// Name of a script in the script path, or of a program.
        command: String,
        /// Arguments; each is a template and becomes exactly one argument.
        #[serde(default)]
        args: Vec<String>,
    },
    /// Text for `sh`, taken literally; it reads `$AOTUI_…` variables.
    Shell {
        /// The text.
        script: String,
    },
    /// Something aotui does itself.
    Builtin {
        /// Its name; see the workflow reference in the README.
        builtin: String,
    },
}

/// Where an agent phase's prompt comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "from")]
pub enum Prompt {
    /// A file of the prompt path.
    Template {
        /// The file's name.
        name: String,
    },
    /// Text in the workflow itself.
    Inline {
        /// The template text.
        text: String,
    },
}

/// How often a phase is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Seconds between two attempts; doubles each time.
    pub backoff_seconds: u64,
    /// By how many percent a wait is longer or shorter at random, so that many do not come back all at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spread: u8,
    /// Failures that are counted by themselves, and cost none of the attempts above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on: BTreeMap<FailureClass, Again>,
}

/// How often a phase is tried that failed in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Again {
    /// Attempts in a row that may fail so, at least 1.
    pub attempts: u32,
    /// Seconds between two of them; doubles each time.
    pub backoff_seconds: u64,
}

impl Capture {
    /// Returns whether it needs what was written to stdout, apart from all else.
    pub fn reads_stdout(&self) -> bool {
        matches!(self, Self::Stdout | Self::Json { .. })
    }
}

impl Retry {
    /// Returns so many attempts with so many seconds after the first.
    pub fn new(attempts: u32, backoff_seconds: u64) -> Self {
        Self { attempts, backoff_seconds, spread: 0, on: BTreeMap::new() }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// What is kept of a phase's outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "source")]
pub enum Capture {
    /// What it wrote to stdout, trimmed.
    Stdout,
    /// A value in the last JSON it wrote to stdout.
    Json {
        /// Where, as a JSON pointer: `/a/0/b`.
        pointer: String,
    },
    /// The code it exited with.
    ExitCode,
    /// What this `sh` text, run in the workspace afterwards, writes to stdout, trimmed.
    Command {
        /// The text, taken literally.
        script: String,
    },
}
