//! Looks at one agent: is its program there, which version is it, is there a login, has the person trusted this
//! repository, and what will it be allowed to do. Starts the program for its version alone; reads no credential.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::adapters::process::{Call, inherited_env};
use crate::app::house::House;
use crate::cli::output;
use crate::cli::verbs::doctor::Finding;
use crate::config::agents::{AgentRecord, Trust};
use crate::domain::agent_run::Face;
use crate::domain::ids::AgentName;

/// How long an agent may take to tell its version.
const LIMIT: Duration = Duration::from_secs(10);
/// Largest file in which a note of trust is looked for, in bytes.
const MAX_NOTES: u64 = 16 * 1024 * 1024;
const AREA: &str = "agents";

/// An agent and where it would work.
pub(in crate::app) struct Subject<'a> {
    pub(in crate::app) name: &'a AgentName,
    pub(in crate::app) record: &'a AgentRecord,
    pub(in crate::app) house: &'a House,
    /// The repository it would work in; `None` where none is meant.
    pub(in crate::app) repo: Option<&'a Path>,
}

/// Looks at everything; `needed_by` says who depends on the agent.
pub(in crate::app) async fn all(subject: &Subject<'_>, needed_by: &BTreeSet<String>) -> Vec<Finding> {
    let Subject { name, record, house, .. } = subject;
    if !house.library().has_program(&record.command) {
        let by = if needed_by.is_empty() { String::new() } else { format!(", needed by {}", listed(needed_by)) };
        let text = format!("{name} is not installed (no program `{}`){by}", record.command);
        let how = record.about.install.as_ref().map(|how| format!(" (`{how}`)")).unwrap_or_default();
        let fix = format!("install it{how}, correct `agents.{name}.command`, or name another agent");
        return vec![Finding::fail(AREA, text, fix)];
    }
    let version = version(record).await;
    let of_version = version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
    let mut found = vec![Finding::ok(AREA, format!("{name}{of_version} is installed: {}", line(record)))];
    if version.is_none() && !record.about.version_args.is_empty() {
        let said =
            format!("{name} does not tell its version (`{} {}`)", record.command, record.about.version_args.join(" "));
        found.push(Finding::warn(AREA, said, "see that it starts at all, or install it again"));
    }
    found.extend(login(subject));
    found.extend(trust(subject));
    found.push(allowed(subject));
    found
}

fn login(subject: &Subject<'_>) -> Option<Finding> {
    let Subject { name, record, .. } = subject;
    let login = &record.about.login;
    if login.env.is_empty() && login.files.is_empty() {
        return None;
    }
    let set = |variable: &&String| subject.variable(variable).is_some();
    if let Some(variable) = login.env.iter().find(set) {
        return Some(Finding::ok(AREA, format!("{name} gets ${variable}")));
    }
    if let Some(file) = login.files.iter().filter_map(|file| subject.path(file)).find(|file| file.is_file()) {
        return Some(Finding::ok(AREA, format!("{name} has a login in {}", file.display())));
    }
    let looked = login.env.iter().map(|name| format!("${name}")).chain(login.files.iter().cloned());
    let text = format!("no login of {name} was found (looked for {})", looked.collect::<Vec<_>>().join(", "));
    let how = login.how.as_deref().unwrap_or("log in with the program itself");
    Some(Finding::warn(AREA, text, format!("{how}; if it keeps its login elsewhere, nothing is wrong")))
}

fn trust(subject: &Subject<'_>) -> Option<Finding> {
    let (name, repo) = (subject.name, subject.repo?);
    let trust = subject.record.about.trust.as_ref()?;
    let shown = repo.display();
    if subject.trusts(trust, repo) {
        return Some(Finding::ok(AREA, format!("{name} knows that you trust {shown}")));
    }
    if subject.record.usual_face() == Face::Headless {
        let text = format!("{name} was not told to trust {shown}; it asks only in a terminal of its own");
        return Some(Finding::ok(AREA, text));
    }
    let fix = format!("start `{}` there once and answer it, or answer it in the session", subject.record.command);
    Some(Finding::warn(AREA, format!("{name} will ask whether you trust {shown}"), fix))
}

fn allowed(subject: &Subject<'_>) -> Finding {
    let Subject { name, record, .. } = subject;
    let headless =
        record.headless.iter().flat_map(|headless| headless.args.iter().chain(&headless.resume_args).flatten());
    let terminal = record.terminal.iter();
    let terminal = terminal.flat_map(|terminal| terminal.args.iter().chain(&terminal.resume_args).flatten());
    let mut args = record.args.iter().chain(headless).chain(terminal);
    if let Some(arg) = args.find(|arg| record.about.unasked.contains(arg)) {
        let text = format!("{name} does everything without asking: `{arg}` is among its arguments");
        return Finding::warn(AREA, text, "take it out, or run aotui in a sandbox");
    }
    let may = record.about.may.as_deref().unwrap_or("does what its own settings let it");
    let tools = match record.allowed_tools.as_slice() {
        [] => String::new(),
        tools => format!(" (allowed beforehand: {})", tools.join(", ")),
    };
    Finding::ok(AREA, format!("{name} {may}{tools}"))
}

impl Subject<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.house.variable(name)
    }

    fn path(&self, spelled: &str) -> Option<PathBuf> {
        self.house.path_of_agent(spelled)
    }

    fn trusts(&self, trust: &Trust, repo: &Path) -> bool {
        let file = trust.files.iter().filter_map(|file| self.path(file)).find(|file| file.is_file());
        let notes = file.and_then(|file| notes(&file)).unwrap_or_default();
        let repo = repo.to_string_lossy();
        let note = trust.keys.iter().try_fold(&notes, |notes, key| notes.get(key.replace("{repo}", &repo)));
        match note {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(word)) => {
                !word.to_lowercase().contains("untrusted") && !word.to_lowercase().contains("not_trust")
            }
            _ => false,
        }
    }
}

/// Returns what a JSON or TOML file holds.
fn notes(file: &Path) -> Option<Value> {
    if std::fs::metadata(file).ok()?.len() > MAX_NOTES {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    match file.extension()?.to_str()? {
        "toml" => toml::from_str(&text).ok(),
        _ => serde_json::from_str(&text).ok(),
    }
}

/// Returns the first few of those who need something.
pub(in crate::app) fn listed(who: &BTreeSet<String>) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = who.iter().take(SHOWN).map(String::as_str).collect();
    let more = who.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Returns how an agent is started, as written in its record.
fn line(record: &AgentRecord) -> String {
    let args = record.headless.as_ref().and_then(|headless| headless.args.as_ref()).unwrap_or(&record.args);
    let words = std::iter::once(&record.command).chain(args);
    words.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns what an agent says of its version; `None` where its record does not say how to ask.
async fn version(record: &AgentRecord) -> Option<String> {
    if record.about.version_args.is_empty() {
        return None;
    }
    let call =
        Call::new(&record.command, "/").args(&record.about.version_args).envs(inherited_env(|_| true)).limit(LIMIT);
    let said = call.run().await.ok().filter(|said| said.status.success())?;
    // Some print it among their complaints.
    let text = [said.stdout, said.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    Some(output::plain(text.lines().find(|line| !line.trim().is_empty())?))
}
