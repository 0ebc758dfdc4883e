//! The command line: what can be asked for, how answers are printed, and how a process ends.
//!
//! Parsing gives an [`Invocation`]; verbs that only read or command are in [`verbs`] and reach the state through a
//! [`Steering`]. It owns no engine and no screen: what needs one is put together in `app`. A new verb is a row in
//! `args`, a variant of [`Verb`] and a file in `verbs`.

mod agents;
mod args;
mod ask;
mod exit;
mod invocation;
mod older;
pub mod output;
mod plain_text;
mod progress;
mod repository;
mod steering;
mod told;
pub mod verbs;

pub use agents::{AddAgentArgs, AgentsVerb};
pub use args::{command, completions};
pub use ask::confirm;
pub use exit::{Exit, Failure};
pub use invocation::{Invocation, Verb, parse};
pub use plain_text::PlainText;
pub use progress::held_line;
pub use repository::{needed_repository, repository_of};
pub use steering::{Steering, find_plan, find_ticket, find_ticket_or_past};
pub use told::{
    AddArgs, ArtifactsArgs, DemoArgs, DoctorArgs, EventsArgs, GcArgs, ImportArgs, LearningsArgs, LogsArgs, PlanArgs,
    ReportArgs, ResumeSessionArgs, RunArgs, SessionsArgs, SteerArgs, WholeVerb, WorkflowVerb,
};
