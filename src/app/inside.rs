//! Inside a session: `aotui report …`, the built-in steps of workflows, and no for verbs that are a person's.

use std::io;
use std::path::PathBuf;

use super::say;
use crate::adapters::workspace::{LandRequest, Landed, land as land_branch};
use crate::cli::{Exit, Failure, ReportArgs};
use crate::domain::plain::plain_line;
use crate::domain::session::Answer;
use crate::report::{ReportError, Reporter};

/// The variable that every process of a session has.
const SESSION: &str = "AOTUI_SESSION_ID";

/// The variable that every process of a planning agent has.
pub(super) const PLANNING: &str = "AOTUI_PLANNING";

/// Exit code of `aotui report` where a person said no.
const DENIED: u8 = 3;

/// Longest title in a merge commit's subject, in characters.
const MAX_SUBJECT: usize = 100;

/// Refuses a verb by which an agent would decide about its own work. A fence, not a wall: what runs as the same user can
/// do what the user can.
pub(super) fn refuse() -> Result<(), Failure> {
    if std::env::var_os(PLANNING).is_some_and(|value| !value.is_empty()) {
        return Err(Failure::new(Exit::Refused, "this runs inside a planning session, and only a person decides")
            .hint("write drafts into $AOTUI_DRAFTS and check them with `aotui plan check`"));
    }
    match std::env::var(SESSION) {
        Ok(session) if !session.is_empty() => {
            let session = plain_line(&session, MAX_SUBJECT);
            Err(Failure::new(Exit::Refused, format!("this runs inside session {session}, and only a person decides"))
                .hint("an agent asks with `aotui report permission …` or `aotui report question …`"))
        }
        _ => Ok(()),
    }
}

/// Passes on what the agent says; where it asks, waits for the answer and prints it. Returns the exit code.
pub(super) fn report(args: ReportArgs) -> Result<u8, Failure> {
    let reporter = Reporter::from_env().map_err(|error| failed(&error))?;
    let answer = match args {
        ReportArgs::Verdict { verdict, reason } => return done(reporter.verdict(&verdict, &reason)),
        ReportArgs::Learning { text } => return done(reporter.learning(&text)),
        ReportArgs::Artifact { name, file } => {
            let content = std::fs::read(&file)
                .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))?;
            return done(Reporter::artifact(&name, &content).map(drop));
        }
        ReportArgs::Progress { text } => {
            reporter.progress(&text).map_err(|error| failed(&error))?;
            return Ok(Exit::Done.code());
        }
        ReportArgs::Task { text, done } => {
            reporter.task(&text, done).map_err(|error| failed(&error))?;
            return Ok(Exit::Done.code());
        }
        ReportArgs::Permission { tool, detail, reason } => reporter.permission(&tool, &detail, reason.as_deref()),
        ReportArgs::Question { text, options } => reporter.question(&text, &options),
    };
    let (text, code) = match answer.map_err(|error| failed(&error))? {
        Answer::Allow => ("allowed".to_owned(), Exit::Done.code()),
        Answer::Reply { text } => (text, Exit::Done.code()),
        Answer::Deny { message } if message.trim().is_empty() => ("denied".to_owned(), DENIED),
        Answer::Deny { message } => (message, DENIED),
    };
    say(&format!("{text}\n"))?;
    Ok(code)
}

fn done(reported: Result<(), ReportError>) -> Result<u8, Failure> {
    reported.map(|()| Exit::Done.code()).map_err(|error| failed(&error))
}

fn failed(error: &ReportError) -> Failure {
    match error {
        ReportError::NotInSession { .. } => Failure::usage(error.to_string()),
        ReportError::Io { path, source } if is_full(source) => {
            let path = path.display();
            Failure::error(format!("the disk with {path} is full, so this was not reported: {source}"))
                .hint("report it again when there is room")
        }
        ReportError::Io { .. } | ReportError::Invalid { .. } => {
            Failure::error(format!("this was not reported: {error}"))
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Lands the branch of the session's ticket on its base.
pub(super) fn land() -> Result<Exit, Failure> {
    let get = |name: &str| match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Failure::usage(format!("{name} is not set")).hint("this is a step of a workflow: aotui calls it")),
    };
    let ticket = get("AOTUI_TICKET")?;
    let title = plain_line(&get("AOTUI_TITLE").unwrap_or_default(), MAX_SUBJECT);
    let request = LandRequest {
        repo: PathBuf::from(get("AOTUI_REPO")?),
        branch: get("AOTUI_BRANCH")?,
        base: get("AOTUI_BASE")?,
        message: format!("{}\n", format!("{ticket}: {title}").trim_end_matches([':', ' '])),
    };
    let (branch, base) = (request.branch.clone(), request.base.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start the runtime: {error}")))?;
    match runtime.block_on(land_branch(request)).map_err(|error| Failure::error(error.to_string()))? {
        Landed::Merged { commit, .. } => say(&format!("landed {branch} on {base} as {commit}\n")),
        Landed::AlreadyThere { commit } => say(&format!("{base} has all of {branch} already, at {commit}\n")),
    }
}
