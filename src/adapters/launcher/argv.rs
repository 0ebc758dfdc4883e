//! Programs and their arguments. Each template becomes exactly one argument; nothing is split, nothing is quoted.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::Value;

use super::{Bench, failed, misconfigured, repo};
use crate::config::agents::{AgentRecord, ENVIRONMENT, FirstPrompt, Headless, PromptVia, Protocol, Terminal};
use crate::config::library::Script;
use crate::config::template;
use crate::domain::agent_run::Conversation;
use crate::domain::workflow::{PhaseKind, Run};
use crate::slots::SlotError;
use crate::slots::launcher::WorkOrder;

/// Longest argument, in bytes; the kernel refuses more than 128 KiB.
const MAX_ARG: usize = 100 * 1024;

/// Returns what a script or poll phase runs.
pub(super) fn of_run(bench: &Bench, order: &WorkOrder, run: &Run, cwd: &Path) -> Result<Vec<String>, SlotError> {
    match run {
        Run::Shell { script } => Ok(shell(script)),
        Run::Builtin { builtin } => Ok(vec![text(&bench.desk.exe)?, "builtin".to_owned(), builtin.clone()]),
        Run::Command { command, args } => {
            let mut argv = program(bench, order, command, cwd)?;
            for (n, arg) in args.iter().enumerate() {
                let name = format!("argument {} of phase {}", n + 1, order.phase.id);
                argv.push(bench.render(order, &name, arg)?);
            }
            Ok(argv)
        }
    }
}

/// Returns what runs a text in the shell: it stops at the first failure and at unset variables.
fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-eu", "-c", script].map(str::to_owned).to_vec()
}

fn program(bench: &Bench, order: &WorkOrder, command: &str, cwd: &Path) -> Result<Vec<String>, SlotError> {
    if let Some(script) = bench.library.script(repo(&order.plan, &order.ticket).as_deref(), command) {
        let path = match script.map_err(|problem| failed(&problem))? {
            Script::File(path) => path,
            Script::Text(script) => {
                let call = ["/bin/sh", "-c", script, command];
                return Ok(call.map(str::to_owned).to_vec());
            }
        };
        let own = starts_itself(&path);
        let path = text(&path)?;
        return Ok(if own { vec![path] } else { vec![interpreter().to_owned(), path] });
    }
    if command.contains('/') {
        return Ok(vec![text(&cwd.join(command))?]);
    }
    Ok(vec![command.to_owned()])
}

/// Returns whether the kernel can start the script: it may be executed and names its interpreter.
fn starts_itself(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 2];
    let named = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"#!";
    named && crate::config::consent::is_executable(path)
}

/// Returns the shell for scripts that name none.
pub(super) fn interpreter() -> &'static str {
    if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" }
}

pub(super) fn text(path: &Path) -> Result<String, SlotError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| misconfigured(format!("the path {} is not UTF-8 text", path.display())))
}

/// An agent record with the values its templates may use.
pub(super) struct Values<'a> {
    record: &'a AgentRecord,
    variables: BTreeMap<String, Value>,
    prompt: String,
    file: String,
    model: Option<String>,
    tools: Vec<String>,
    max_turns: Option<u32>,
    conversation: String,
    resumed: Option<Conversation>,
}

impl<'a> Values<'a> {
    /// Returns the values for one work order; `prompt` is the rendered prompt and `file` the file it is in.
    pub(super) fn new(
        order: &WorkOrder,
        record: &'a AgentRecord,
        user_env: &BTreeMap<String, String>,
        prompt: String,
        file: String,
    ) -> Self {
        let (mut model, mut tools, mut max_turns) = (record.model.clone(), record.allowed_tools.clone(), None);
        if let PhaseKind::Agent { model: wanted, allowed_tools, max_turns: most, .. } = &order.phase.kind {
            model = wanted.clone().or(model);
            max_turns = *most;
            if !allowed_tools.is_empty() {
                tools.clone_from(allowed_tools);
            }
        }
        let prompt = match record.prompt_via {
            PromptVia::Argument if prompt.len() > MAX_ARG => format!("Read the file {file} and do what it says."),
            // A prompt may begin with what a ticket says, which must not become an option of the agent.
            PromptVia::Argument if prompt.starts_with('-') => format!(" {prompt}"),
            PromptVia::Argument | PromptVia::Stdin | PromptVia::File => prompt,
        };
        let resumed = order.ticket.progress.conversation_to_resume(&order.phase.id, order.agent.as_ref()).cloned();
        let conversation = resumed.as_ref().map_or_else(fresh_conversation, |conversation| conversation.id.clone());
        let environment: BTreeMap<String, String> = user_env.clone();
        let mut variables = template::variables(order);
        variables.extend([
            ("prompt".to_owned(), Value::from(&prompt)),
            ("promptFile".to_owned(), Value::from(&file)),
            ("conversation".to_owned(), Value::from(&conversation)),
            ("model".to_owned(), Value::from(model.clone().unwrap_or_default())),
            ("maxTurns".to_owned(), max_turns.map_or_else(|| Value::from(""), Value::from)),
            (ENVIRONMENT.to_owned(), Value::from(environment)),
        ]);
        Self { record, variables, prompt, file, model, tools, max_turns, conversation, resumed }
    }

    /// Adds variables.
    pub(super) fn add(&mut self, more: Vec<(&'static str, Value)>) {
        self.variables.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }

    /// Returns the same with another prompt.
    fn told(&self, prompt: &str) -> Self {
        let mut variables = self.variables.clone();
        variables.insert("prompt".to_owned(), Value::from(prompt));
        let Self { record, file, model, tools, max_turns, conversation, resumed, .. } = self;
        Self {
            record,
            variables,
            prompt: prompt.to_owned(),
            file: file.clone(),
            model: model.clone(),
            tools: tools.clone(),
            max_turns: *max_turns,
            conversation: conversation.clone(),
            resumed: resumed.clone(),
        }
    }

    pub(super) fn record(&self) -> &AgentRecord {
        self.record
    }

    /// Returns the model it is to work with; `None` leaves that to the agent.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Returns how many turns it may take; `None` means as many as it likes.
    pub(super) fn max_turns(&self) -> Option<u32> {
        self.max_turns
    }

    /// Returns the path of the file the prompt is in.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Returns the name of the conversation: of the one that goes on, else one that no other has.
    pub(super) fn conversation(&self) -> &str {
        &self.conversation
    }

    /// Returns the conversation that goes on, if one does.
    pub(super) fn resumed(&self) -> Option<&Conversation> {
        self.resumed.as_ref()
    }

    /// Renders one template of the record.
    pub(super) fn render(&self, source: &str) -> Result<String, SlotError> {
        let rendered = template::render("agent record", source, &Value::from(self.variables.clone()), |_| None);
        rendered.map_err(|problem| failed(&problem))
    }
}

/// Returns a name for a conversation that no other has, in the form of a UUID of version 8 (RFC 9562).
pub(crate) fn fresh_conversation() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut mix = blake3::Hasher::new();
    mix.update(&nanos.to_le_bytes()).update(&std::process::id().to_le_bytes());
    mix.update(format!("{:?}", std::thread::current().id()).as_bytes());
    let hex = mix.finalize().to_hex();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
}

/// Returns whether an agent is told by these arguments what its conversation is called.
pub(super) fn tells_conversation(args: Option<&Vec<String>>) -> bool {
    args.into_iter().flatten().any(|arg| arg.contains("conversation"))
}

/// Returns what a driver starts: the agent without a terminal of its own.
pub(super) fn of_headless(values: &Values<'_>, headless: &Headless) -> Result<Vec<String>, SlotError> {
    let resumed = values.resumed.as_ref().and(headless.resume_args.as_ref());
    let args = resumed.or(headless.args.as_ref()).unwrap_or(&values.record.args);
    let mut argv = arguments(values, args, true)?;
    let by_argument = values.record.prompt_via == PromptVia::Argument && headless.protocol != Protocol::Acp;
    if by_argument && !args.iter().any(|arg| arg.contains("prompt")) {
        argv.push(values.prompt.clone());
    }
    Ok(argv)
}

/// Returns what starts an agent on a screen of its own, and the prompt as it is given.
pub(super) fn of_terminal(values: &Values<'_>, terminal: &Terminal) -> Result<(Vec<String>, String), SlotError> {
    let resumed = values.resumed.as_ref().and(terminal.resume_args.as_ref());
    let args = resumed.or(terminal.args.as_ref()).unwrap_or(&values.record.args);
    let mut prompt = values.prompt.clone();
    // A person's signs for commands, files and shells mean something to a screen, whoever gives them to it.
    let is_sign = prompt.starts_with(['/', '!', '#', '@', '&', '?', '-', '\\']);
    if prompt.len() > MAX_ARG || is_sign {
        prompt = format!("Read the file {} and do what it says.", values.file);
    }
    let mut argv = arguments(&values.told(&prompt), args, false)?;
    if terminal.prompt == FirstPrompt::Argument && !args.iter().any(|arg| arg.contains("prompt")) {
        argv.push(prompt.clone());
    }
    Ok((argv, prompt))
}

/// Returns what starts an agent on a screen of its own with the conversation that goes on, for a person.
pub(super) fn for_person(values: &Values<'_>, terminal: &Terminal) -> Result<Vec<String>, SlotError> {
    let (Some(_), Some(args)) = (&values.resumed, &terminal.resume_args) else {
        return Err(misconfigured(
            "its agent cannot take its conversation up in a terminal; hand it back, or retry it",
        ));
    };
    let args: Vec<String> = args.iter().filter(|arg| !arg.contains("prompt")).cloned().collect();
    arguments(&values.told(""), &args, false)
}

/// Returns what starts an agent in a terminal of its own.
pub(super) fn of_agent(values: &Values<'_>) -> Result<Vec<String>, SlotError> {
    let record = values.record;
    let mut argv = arguments(values, &record.args, true)?;
    let mentioned = record.args.iter().any(|arg| arg.contains("prompt"));
    match record.prompt_via {
        PromptVia::Argument if !mentioned => argv.push(values.prompt.clone()),
        PromptVia::Argument | PromptVia::File => {}
        PromptVia::Stdin => {
            // The text is fixed; the file and the program are its arguments.
            let start = ["/bin/sh", "-c", "exec \"$@\" <\"$0\"", values.file.as_str()];
            argv.splice(0..0, start.map(str::to_owned));
        }
    }
    Ok(argv)
}

/// Returns the program and its arguments; `bounded` says whether its turns may be limited, which screens do not know.
fn arguments(values: &Values<'_>, args: &[String], bounded: bool) -> Result<Vec<String>, SlotError> {
    let record = values.record;
    let mut argv = vec![values.render(&record.command)?];
    // Options go before the record's own arguments, so that none of them can be taken for the prompt.
    if let (Some(option), Some(model)) = (&record.model_arg, &values.model) {
        argv.extend([option.clone(), model.clone()]);
    }
    if let (Some(option), false) = (&record.allowed_tools_arg, values.tools.is_empty()) {
        argv.extend([option.clone(), values.tools.join(",")]);
    }
    if let (Some(option), Some(most), true) = (&record.max_turns_arg, values.max_turns, bounded) {
        argv.extend([option.clone(), most.to_string()]);
    }
    for arg in args {
        argv.push(values.render(arg)?);
    }
    Ok(argv)
}

/// Makes arguments fit for the kernel, or says which one is not.
pub(super) fn checked(argv: Vec<String>) -> Result<Vec<String>, SlotError> {
    let mut clean = Vec::with_capacity(argv.len());
    for (n, arg) in argv.into_iter().enumerate() {
        let arg = if arg.contains('\0') { arg.replace('\0', "") } else { arg };
        if arg.len() > MAX_ARG {
            return Err(misconfigured(format!(
                "argument {n} is longer than 100 KiB; shorten the text it comes from, or read it from the environment"
            )));
        }
        clean.push(arg);
    }
    Ok(clean)
}
