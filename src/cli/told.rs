//! What each verb was told, as data.

use std::path::PathBuf;

use crate::actions::Action;

/// What can be done about everything at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WholeVerb {
    /// Start nothing new.
    Stop {
        /// Whether to end what runs.
        now: bool,
    },
    /// Pause what runs.
    Freeze,
    /// Let everything go on.
    Resume,
    /// Let everything work until the next night.
    RunNow,
}

/// What `run` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunArgs {
    /// One plan alone.
    pub plan: Option<String>,
    /// These tickets alone; empty means all.
    pub tickets: Vec<String>,
    /// Whether to let everything go on first that was stopped or frozen.
    pub resume: bool,
    /// Whether to let it work until the next night.
    pub now: bool,
    /// When to end.
    pub until: Until,
    /// Most sessions at a time; `None` means as the settings say.
    pub concurrency: Option<u32>,
    /// The agent of whoever names none; `None` means as the settings say.
    pub agent: Option<String>,
    /// Whether to print JSON.
    pub json: bool,
}

/// When a run that works on everything ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is stopped.
    Stopped,
    /// When nothing goes on without a person.
    Done,
    /// When nothing runs and nothing can start, whatever may come with time.
    Idle,
}

/// What a verb of the catalogue is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SteerArgs {
    /// What to do.
    pub action: Action,
    /// The ticket, as typed.
    pub ticket: String,
    /// The phase, where the action takes one.
    pub phase: Option<String>,
    /// The text, where the action takes one.
    pub text: Option<String>,
    /// The note.
    pub note: Option<String>,
    /// The request.
    pub request: Option<String>,
}

/// What `events` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsArgs {
    /// Whether to go on as more happens.
    pub follow: bool,
    /// Whether to print JSON.
    pub json: bool,
    /// One ticket alone, as typed.
    pub ticket: Option<String>,
    /// From when on, as typed.
    pub since: Option<String>,
}

/// What `logs` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsArgs {
    /// The ticket, as typed.
    pub ticket: String,
    /// Whether to go on until the session ends.
    pub follow: bool,
    /// Which session; `None` is the one a person means.
    pub session: Option<u32>,
    /// Whether to list the sessions instead.
    pub list: bool,
    /// Whether to print the recorded bytes.
    pub raw: bool,
}

/// What `add` is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddArgs {
    /// One line that says what is wanted.
    pub title: String,
    /// The plan; `None` is the one of the repository.
    pub plan: Option<String>,
    /// The id; `None` takes a free one.
    pub id: Option<String>,
    /// The description: text, `-` or `@FILE`.
    pub description: Option<String>,
    /// What has to be true at the end.
    pub criteria: Vec<String>,
    /// The workflow.
    pub workflow: Option<String>,
    /// The agent.
    pub agent: Option<String>,
    /// How its agents meet people: `terminal` or `headless`.
    pub face: Option<String>,
    /// What its agents may use up, as `tokens=200k,cost=5`.
    pub budget: Option<String>,
    /// What has to be complete before.
    pub blocked_by: Vec<String>,
    /// The base branch of a new plan.
    pub base: Option<String>,
    /// What the rules of triage may go by.
    pub labels: Vec<String>,
}

/// What `plan` is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanArgs {
    /// What is wanted: a text, or a file that says it; `None` leaves that to the conversation.
    pub wish: Option<String>,
    /// The repository; `None` is that of the current directory.
    pub repo: Option<PathBuf>,
    /// The workflow that is preferred.
    pub workflow: Option<String>,
    /// The agent to plan with; `None` is the default one.
    pub agent: Option<String>,
    /// Where worktrees of a new plan are made.
    pub worktree_root: Option<PathBuf>,
    /// Whether to go on with what was drafted last.
    pub resume: bool,
}

/// What `import` is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportArgs {
    /// The list; `-` is stdin.
    pub file: PathBuf,
    /// The plan; `None` is the one the list names, else that of the repository.
    pub plan: Option<String>,
    /// The workflow of tickets that name none.
    pub workflow: Option<String>,
    /// The agent that chooses workflows for tickets that name none.
    pub triage_by: Option<String>,
    /// The base branch of a new plan.
    pub base: Option<String>,
    /// Whether to show what would be added and leave it at that.
    pub dry_run: bool,
    /// Whether to add without asking.
    pub yes: bool,
}

/// What `gc` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcArgs {
    /// Whether to delete what is safe.
    pub delete: bool,
    /// Whether to print JSON.
    pub json: bool,
}

/// What `doctor` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorArgs {
    /// Whether to put right what needs no decision.
    pub fix: bool,
    /// Whether to print JSON.
    pub json: bool,
}

/// What `demo` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoArgs {
    /// Whether without a screen.
    pub headless: bool,
    /// Where the sandbox is made.
    pub dir: Option<PathBuf>,
    /// Whether to start afresh.
    pub reset: bool,
}

/// What `workflow` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowVerb {
    /// List them.
    List,
    /// Say what one does.
    Show {
        /// Its name, or the path of its file.
        name: String,
    },
    /// Draw one.
    Graph {
        /// Its name, or the path of its file.
        name: String,
        /// Whether as Mermaid text.
        mermaid: bool,
    },
    /// Walk one without running anything.
    Simulate {
        /// Its name, or the path of its file.
        name: String,
        /// Chosen outcomes, as they were typed.
        outcomes: Vec<String>,
        /// How many items lists have.
        items: u32,
    },
    /// Check one file, or all.
    Check {
        /// The file.
        file: Option<PathBuf>,
    },
}

/// What `artifacts` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactsArgs {
    /// The ticket, as typed.
    pub ticket: String,
    /// The file to print, as `NAME` or `NAME@VERSION`; `None` lists them.
    pub name: Option<String>,
    /// Whether to print JSON.
    pub json: bool,
}

/// What `learnings` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearningsArgs {
    /// One ticket alone, as typed.
    pub ticket: Option<String>,
    /// The one to change, and what it says from now on; `None` drops it.
    pub change: Option<(u32, Option<String>)>,
    /// Whether to print JSON.
    pub json: bool,
}

/// What `report` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportArgs {
    /// What the agent does now.
    Progress {
        /// A few words.
        text: String,
    },
    /// Something to do, or done.
    Task {
        /// What, in a line.
        text: String,
        /// Whether it is done.
        done: bool,
    },
    /// A permission request.
    Permission {
        /// The tool.
        tool: String,
        /// The exact command, path or diff.
        detail: String,
        /// Why.
        reason: Option<String>,
    },
    /// A verdict.
    Verdict {
        /// The word.
        verdict: String,
        /// Why.
        reason: String,
    },
    /// Something learned.
    Learning {
        /// What.
        text: String,
    },
    /// A file for other phases.
    Artifact {
        /// Its name.
        name: String,
        /// Where it is.
        file: PathBuf,
    },
    /// A question.
    Question {
        /// The question.
        text: String,
        /// Suggested answers.
        options: Vec<String>,
    },
}

/// What `sessions` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionsArgs {
    /// One ticket or walk alone.
    pub ticket: Option<String>,
    /// One phase alone.
    pub phase: Option<String>,
    /// Whether as JSON.
    pub json: bool,
}

/// What `resume-session` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeSessionArgs {
    /// The ticket or session.
    pub session: String,
    /// Which conversation or session of the ticket; `None` is the newest.
    pub conversation: Option<String>,
    /// The phase it was in; `None` means any.
    pub phase: Option<String>,
}
