//! Which face an agent wears in a session, and what it needs for it: an order for the driver, or hooks and rules for its own
//! screen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::Value;

use super::{Bench, argv, misconfigured, write_private};
use crate::adapters::transcripts;
use crate::config::agents::{AgentRecord, FirstPrompt, Headless, Hooks, PromptVia, Protocol, Terminal};
use crate::domain::agent_run::Face;
use crate::domain::workflow::PhaseKind;
use crate::driver::DriveOrder;
use crate::hook::{FaceOrder, TranscriptOrder, claude_settings};
use crate::slots::SlotError;
use crate::slots::launcher::WorkOrder;

/// Name of the file in a session's directory that has the agent's hooks.
const HOOKS_FILE: &str = "hooks.json";

/// How an agent works in a session.
#[derive(Clone, Copy)]
pub(super) enum Worn<'a> {
    /// Driven, without a screen of its own.
    Headless(&'a Headless),
    /// On a screen of its own, of which something is known.
    Terminal(&'a Terminal),
    /// In a terminal, as it comes.
    Plain,
}

/// Returns the face that the phase asks for, else the ticket, else the record; an agent without that face wears the other.
pub(super) fn of<'a>(order: &WorkOrder, record: &'a AgentRecord) -> Worn<'a> {
    let asked = match &order.phase.kind {
        PhaseKind::Agent { face, .. } => *face,
        PhaseKind::Script { .. }
        | PhaseKind::Poll { .. }
        | PhaseKind::Approval(_)
        | PhaseKind::Parallel { .. }
        | PhaseKind::Foreach { .. }
        | PhaseKind::Workflow { .. }
        | PhaseKind::Terminal { .. } => None,
    };
    let for_person = order.ticket.progress.person_since.map(|_| Face::Terminal);
    let worn = record.rules().faces.worn(for_person.or(asked).or(order.ticket.brief.face));
    match (worn, &record.headless, &record.terminal) {
        (Some(Face::Terminal), _, Some(terminal)) => Worn::Terminal(terminal),
        (Some(Face::Headless), Some(headless), _) => Worn::Headless(headless),
        _ => Worn::Plain,
    }
}

/// Returns whether the agent takes its conversation about this phase up again.
pub(super) fn resumes(order: &WorkOrder, face: Worn<'_>) -> bool {
    let takes_up = match face {
        Worn::Headless(headless) => headless.resume_args.is_some(),
        Worn::Terminal(terminal) => terminal.resume_args.is_some(),
        Worn::Plain => false,
    };
    takes_up && order.ticket.progress.conversation_to_resume(&order.phase.id, order.agent.as_ref()).is_some()
}

/// Returns the variables that arguments for this face may use besides.
pub(super) fn variables(
    bench: &Bench,
    order: &WorkOrder,
    face: Worn<'_>,
) -> Result<Vec<(&'static str, Value)>, SlotError> {
    let Worn::Terminal(Terminal { hooks: Some(hooks), .. }) = face else {
        return Ok(vec![("hooksFile", Value::from("")), ("hookCommand", Value::from("[]"))]);
    };
    let file = argv::text(&session_dir(bench, order).join(HOOKS_FILE))?;
    let command = [argv::text(&bench.desk.exe)?, "hook".to_owned(), hooks.name().to_owned()];
    let command = serde_json::to_string(&command).map_err(misconfigured)?;
    Ok(vec![("hooksFile", Value::from(file)), ("hookCommand", Value::from(command))])
}

/// Returns where the program that gets this environment keeps its conversation; `None` where the record does not say.
fn transcript(
    terminal: &Terminal,
    values: &argv::Values<'_>,
    env: &BTreeMap<String, String>,
) -> Option<TranscriptOrder> {
    let spelled = &values.record().about.transcripts;
    let files: Vec<String> = spelled.iter().filter_map(|spelled| transcripts::place(spelled, env)).collect();
    if files.is_empty() || terminal.transcript.rules.is_empty() {
        return None;
    }
    let is_told = argv::tells_conversation(terminal.args.as_ref()) || values.resumed().is_some();
    let conversation = is_told.then(|| values.conversation().to_owned());
    let file = conversation.as_ref().and_then(|id| transcripts::of_conversation(&files, id));
    let from = file.and_then(|path| std::fs::metadata(path).ok()).map_or(0, |meta| meta.len());
    Some(TranscriptOrder { files, conversation, from, rules: terminal.transcript.clone() })
}

fn session_dir(bench: &Bench, order: &WorkOrder) -> PathBuf {
    bench.desk.sessions_dir.join(order.session.to_string())
}

fn write(dir: &Path, name: &str, content: &impl serde::Serialize) -> Result<PathBuf, SlotError> {
    let path = dir.join(name);
    let text = serde_json::to_string(content).map_err(misconfigured)?;
    write_private(dir, &path, &text)
        .map_err(|error| misconfigured(format!("{} cannot be written: {error}", path.display())))?;
    Ok(path)
}

impl Bench {
    /// Returns what starts an agent on a screen of its own, and leaves for its session how it is looked at there.
    pub(super) fn on_screen(
        &self,
        order: &WorkOrder,
        terminal: &Terminal,
        values: &argv::Values<'_>,
        env: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, SlotError> {
        let dir = session_dir(self, order);
        // A person who takes a conversation over says themselves how it goes on.
        let for_person = order.ticket.progress.person_since.is_some();
        let (argv, prompt) = match for_person {
            true => (argv::for_person(values, terminal)?, String::new()),
            false => argv::of_terminal(values, terminal)?,
        };
        if terminal.hooks == Some(Hooks::Claude) {
            write(&dir, HOOKS_FILE, &claude_settings())?;
        }
        let headless = values.record().headless.as_ref();
        let face = FaceOrder {
            shows: terminal.shows.clone(),
            quit: terminal.quit.clone(),
            interrupt: terminal.interrupt.clone(),
            hooks: terminal.hooks.is_some(),
            commit: values.record().leaves.uncommitted.then(|| order.ticket.brief.title.clone()),
            paste: terminal.prompt == FirstPrompt::Paste && !for_person,
            prompt: FaceOrder::digest(&prompt),
            errors: headless.map(|headless| headless.errors.clone()).unwrap_or_default(),
            transcript: transcript(terminal, values, env),
        };
        write(&dir, FaceOrder::FILE, &face)?;
        Ok(argv)
    }

    /// Returns what drives an agent that works without a terminal of its own.
    pub(super) fn driven(
        &self,
        order: &WorkOrder,
        headless: &Headless,
        values: &argv::Values<'_>,
    ) -> Result<Vec<String>, SlotError> {
        let name = order.agent.as_ref().unwrap_or(&self.settings.default_agent);
        let by_protocol = headless.protocol == Protocol::Acp;
        let by_argument = values.record().prompt_via != PromptVia::Stdin && !by_protocol;
        let drive = DriveOrder {
            agent: name.to_string(),
            argv: argv::checked(argv::of_headless(values, headless)?)?,
            prompt: (!by_argument).then(|| PathBuf::from(values.file())),
            headless: headless.clone(),
            model: values.model().map(str::to_owned),
            conversation: match values.resumed() {
                Some(resumed) if by_protocol => Some(resumed.id.clone()),
                _ => argv::tells_conversation(headless.args.as_ref()).then(|| values.conversation().to_owned()),
            },
            resumes: values.resumed().is_some(),
            max_turns: values.max_turns().filter(|_| values.record().max_turns_arg.is_none()),
            before: values.resumed().map(|conversation| conversation.usage).unwrap_or_default(),
            commit: values.record().leaves.uncommitted.then(|| order.ticket.brief.title.clone()),
        };
        let path = write(&session_dir(self, order), "drive.json", &drive)?;
        Ok(vec![argv::text(&self.desk.exe)?, "drive".to_owned(), argv::text(&path)?])
    }
}
