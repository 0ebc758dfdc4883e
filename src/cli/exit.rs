//! How a verb ends: the one table of exit codes, and the one form of errors.

use std::fmt;

use serde::Serialize;

use crate::domain::command::Rejection;
use crate::domain::ids::BadName;
use crate::domain::problem::Problem;
use crate::store::StoreError;

/// Exit codes. They are part of the interface: scripts go by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything that was asked for is done; for `run`, every ticket is complete.
    Done,
    /// It went wrong.
    Error,
    /// What was asked for makes no sense: an unknown verb, name or file, or a defective file.
    Usage,
    /// At least one ticket failed.
    TicketFailed,
    /// Something waits for a person.
    NeedsPerson,
    /// The engine refused, or another engine holds the lock.
    Refused,
    /// It was stopped before it was done.
    Stopped,
}

impl Exit {
    /// Every exit code in ascending order.
    pub const ALL: [Exit; 7] =
        [Exit::Done, Exit::Error, Exit::Usage, Exit::TicketFailed, Exit::NeedsPerson, Exit::Refused, Exit::Stopped];

    /// Returns the number the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::TicketFailed => 3,
            Exit::NeedsPerson => 4,
            Exit::Refused => 5,
            Exit::Stopped => 6,
        }
    }

    /// Returns what it means, as the help prints it.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done; for `run`: every ticket is complete",
            Exit::Error => "it went wrong",
            Exit::Usage => "bad usage or input: an unknown name, a defective file",
            Exit::TicketFailed => "`run`: at least one ticket failed",
            Exit::NeedsPerson => "`run`: something waits for a person",
            Exit::Refused => "refused: the state does not allow it, or another engine holds the lock",
            Exit::Stopped => "`run`: it was stopped before all was done; `aotui resume` lets everything go on",
        }
    }
}

/// Why a verb did not do what was asked: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    #[serde(rename = "exit", serialize_with = "exit_code")]
    exit: Exit,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
}

fn exit_code<S: serde::Serializer>(exit: &Exit, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(exit.code())
}

impl Failure {
    /// Returns a failure that ends with `exit`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, problems: Vec::new() }
    }

    /// Returns a failure because the input makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Returns a failure because something did not work.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Exit::Error, message)
    }

    /// Returns a failure because of defective files; all of them are printed.
    pub fn problems(message: impl Into<String>, problems: Vec<Problem>) -> Self {
        Self { problems, ..Self::usage(message) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns what went wrong and what to do, to be told in another place.
    pub fn into_parts(self) -> (String, String) {
        (self.message, self.hint.unwrap_or_default())
    }

    /// Returns everything that is wrong; where no file is to blame, with `place`.
    pub fn into_problems(self, place: &str) -> Vec<Problem> {
        if !self.problems.is_empty() {
            return self.problems;
        }
        let problem = Problem::in_file(place, self.message);
        vec![Problem { hint: self.hint, ..problem }]
    }

    /// Returns what the process ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self { hint: rejection.hint, ..Self::new(Exit::Refused, rejection.message) }
    }
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        Self { message: failure.message, hint: failure.hint }
    }
}

impl From<BadName> for Failure {
    fn from(bad: BadName) -> Self {
        Self::usage(bad.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Locked { .. } => {
                Self::new(Exit::Refused, error.to_string()).hint("`aotui` shows what it does; end it to start another")
            }
            StoreError::Io { .. } | StoreError::Journal(_) => Self::error(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_and_unique() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6]);
        assert!(Exit::ALL.iter().all(|exit| !exit.meaning().is_empty()));
    }

    #[test]
    fn a_failure_says_what_where_and_what_to_do() {
        let problem = Problem::in_file("plans/pay/plan.json", "blockedBy goes in a circle: A → B → A").at(4, 7);
        let failure = Failure::problems("plan `pay` cannot run", vec![problem]).hint("correct it");
        insta::assert_snapshot!(failure, @r"
        error: plan `pay` cannot run
          plans/pay/plan.json:4:7: blockedBy goes in a circle: A → B → A
        hint: correct it
        ");
        insta::assert_snapshot!(
            serde_json::to_string(&Failure::usage("no").hint("yes")).unwrap(),
            @r#"{"exit":2,"message":"no","hint":"yes"}"#
        );
    }
}
