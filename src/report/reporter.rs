//! The agent's side: what `aotui report …` does, for any agent or hook inside a session.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::answers::directory_in;
use super::presence::show;
use super::{ReportError, read_answer, send, wait_answer};
use crate::domain::activity::Sighting;
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::gate::Verdict;
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::limit::LimitWindow;
use crate::domain::session::{Answer, Ask, Target};

/// A request that waits: open for as long as this exists, and until it is answered or withdrawn.
#[derive(Debug)]
pub struct Asking {
    /// Names the request within the session.
    pub id: RequestId,
    /// Closed by the system when this process ends.
    _shown: Option<File>,
}

/// Speaks for one session.
#[derive(Debug, Clone)]
pub struct Reporter {
    session: SessionId,
    spool: PathBuf,
    session_dir: PathBuf,
}

impl Reporter {
    /// Returns a reporter for `session`.
    pub fn new(session: SessionId, spool: PathBuf, session_dir: PathBuf) -> Self {
        Self { session, spool, session_dir }
    }

    /// Returns the reporter of the session this process runs in, by `AOTUI_SESSION_ID`, `AOTUI_SPOOL` and
    /// `AOTUI_SESSION_DIR`.
    pub fn from_env() -> Result<Self, ReportError> {
        let get = |name: &'static str| {
            env::var(name).map_err(|error| ReportError::NotInSession { name, why: error.to_string() })
        };
        let name = "AOTUI_SESSION_ID";
        let session = get(name)?
            .parse()
            .map_err(|error| ReportError::NotInSession { name, why: format!("not a session id ({error})") })?;
        Ok(Self::new(session, get("AOTUI_SPOOL")?.into(), get("AOTUI_SESSION_DIR")?.into()))
    }

    /// Says what the agent does now.
    pub fn progress(&self, text: &str) -> Result<(), ReportError> {
        self.send(AgentReport::Progress { text: text.into() })
    }

    /// Says that there is something to do, or that it is done.
    pub fn task(&self, text: &str, done: bool) -> Result<(), ReportError> {
        self.send(AgentReport::Task { text: text.into(), done })
    }

    /// Says what the agent's conversation is called, by which it can be taken up.
    pub fn conversation(&self, id: &str) -> Result<(), ReportError> {
        self.send(AgentReport::Conversation { id: id.into() })
    }

    /// Returns the directory of the session.
    pub fn session_dir(&self) -> &Path {
        &self.session_dir
    }

    /// Says what the agent was heard to do.
    pub fn activity(&self, sighting: Sighting) -> Result<(), ReportError> {
        self.send(AgentReport::Activity { sighting })
    }

    /// Says what the agent used up so far.
    pub fn used(&self, end: AgentEnd) -> Result<(), ReportError> {
        self.send(AgentReport::Used { end: Box::new(end) })
    }

    /// Says how much of what the agent's provider allows is used up.
    pub fn limit(&self, window: LimitWindow) -> Result<(), ReportError> {
        self.send(AgentReport::Limit { window })
    }

    /// Says that the agent took a prompt.
    pub fn turn_began(&self) -> Result<(), ReportError> {
        self.send(AgentReport::TurnBegan)
    }

    /// Says that the agent's turn is over, and what the run came to so far.
    pub fn turn_ended(&self, end: AgentEnd) -> Result<(), ReportError> {
        self.send(AgentReport::TurnEnded { end: Box::new(end) })
    }

    /// Judges what the session was to look at.
    pub fn verdict(&self, verdict: &str, reason: &str) -> Result<(), ReportError> {
        self.send(AgentReport::Verdict { verdict: Verdict { verdict: verdict.into(), reason: reason.into() } })
    }

    /// Writes down what later work should know.
    pub fn learning(&self, text: &str) -> Result<(), ReportError> {
        self.send(AgentReport::Learning { text: text.into() })
    }

    /// Leaves `content` for other phases as the artifact called `name`.
    pub fn artifact(name: &str, content: &[u8]) -> Result<PathBuf, ReportError> {
        let variable = "AOTUI_ARTIFACTS";
        let not_here = |why: String| ReportError::NotInSession { name: variable, why };
        let dir = env::var(variable).ok().filter(|dir| !dir.is_empty());
        let dir = dir.ok_or_else(|| not_here("not set (the phase has no `artifacts` in its workflow)".to_owned()))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(not_here(format!("fine, but `{name}` is no name of an artifact")));
        }
        let path = PathBuf::from(dir).join(name);
        let write = || {
            let mut new = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
            new.write_all(content)?;
            new.persist(&path)?;
            Ok(())
        };
        write().map_err(ReportError::io(&path))?;
        Ok(path)
    }

    /// Asks whether `tool` may be used in exactly the way `detail` says, and waits for the answer.
    pub fn permission(&self, tool: &str, detail: &str, reason: Option<&str>) -> Result<Answer, ReportError> {
        let reason = reason.map(str::to_owned);
        // What a shell is to run is said by the words themselves.
        let is_shell = ["bash", "sh", "shell"].iter().any(|name| tool.eq_ignore_ascii_case(name));
        let target = is_shell.then(|| Target::Command { command: detail.to_owned() });
        self.ask_and_wait(Ask::Permission { tool: tool.into(), detail: detail.into(), reason, target })
    }

    /// Asks a question, with suggested answers where there are any, and waits for the answer.
    pub fn question(&self, text: &str, options: &[String]) -> Result<Answer, ReportError> {
        self.ask_and_wait(Ask::Question { text: text.into(), options: options.to_vec() })
    }

    /// Puts a request to the person without waiting for the answer.
    pub fn ask(&self, ask: Ask) -> Result<Asking, ReportError> {
        let id = fresh_request()?;
        directory_in(&self.session_dir)?;
        // Where there can be no pipe the request stays open until it is answered, withdrawn or the session ends.
        let shown = show(&self.session_dir, &id).ok();
        let ask = with_real_path(ask, env::var_os("AOTUI_WORKTREE").map(PathBuf::from));
        self.send(AgentReport::Ask { request: id.clone(), ask })?;
        Ok(Asking { id, _shown: shown })
    }

    /// Returns the answer to a request where there is one by now.
    pub fn answered(&self, request: &RequestId) -> Option<Answer> {
        read_answer(&self.session_dir, request)
    }

    /// Says that nobody needs to answer any more.
    pub fn withdraw(&self, request: RequestId) -> Result<(), ReportError> {
        self.send(AgentReport::Withdraw { request })
    }

    fn ask_and_wait(&self, ask: Ask) -> Result<Answer, ReportError> {
        let asking = self.ask(ask)?;
        self.wait_for(&asking)
    }

    /// Waits for the answer to a request.
    pub fn wait_for(&self, asking: &Asking) -> Result<Answer, ReportError> {
        loop {
            if let Some(answer) = wait_answer(&self.session_dir, &asking.id, None)? {
                return Ok(answer);
            }
        }
    }

    fn send(&self, report: AgentReport) -> Result<(), ReportError> {
        send(&self.spool, &self.session, report).map(|_| ())
    }
}

/// Returns a request in which the path it is about is where it really leads: relative to the worktree where it is in it,
/// else absolute. Rules go by that, so a link out of the worktree leads out of what they allow.
fn with_real_path(mut ask: Ask, worktree: Option<PathBuf>) -> Ask {
    if let Ask::Permission { target: Some(Target::Path { path }), .. } = &mut ask
        && let Some(real) = real_path(Path::new(path), worktree)
    {
        *path = real;
    }
    ask
}

fn real_path(path: &Path, worktree: Option<PathBuf>) -> Option<String> {
    let tree = worktree?.canonicalize().ok()?;
    let whole = env::current_dir().ok()?.join(path);
    // What is not there yet will be made in the nearest directory that is.
    let (real, rest) = whole.ancestors().find_map(|above| {
        let rest = whole.strip_prefix(above).ok()?;
        Some((above.canonicalize().ok()?, rest.to_owned()))
    })?;
    let real = real.join(rest);
    let inside = real.strip_prefix(&tree).unwrap_or(&real);
    Some(inside.to_str()?.to_owned())
}

/// Returns a short id that no other request of the same session has.
fn fresh_request() -> Result<RequestId, ReportError> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mix = blake3::hash(format!("{nanos} {}", std::process::id()).as_bytes());
    let text: String = mix.to_hex().chars().take(8).collect();
    RequestId::new(text)
        .map_err(|error| ReportError::NotInSession { name: "the request id", why: format!("not usable ({error})") })
}
