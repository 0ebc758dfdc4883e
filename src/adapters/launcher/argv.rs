//! Programs and their arguments. Each template becomes exactly one argument; nothing is split, nothing is quoted.

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::Value;

use super::{Bench, failed, misconfigured, repo};
use crate::config::agents::{AgentRecord, ENVIRONMENT, PromptVia};
use crate::config::template;
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
        let path = script.map_err(|problem| failed(&problem))?;
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

fn text(path: &Path) -> Result<String, SlotError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| misconfigured(format!("the path {} is not UTF-8 text", path.display())))
}

/// An agent record with the values its templates may use.
pub(super) struct Values<'a> {
    record: &'a AgentRecord,
    variables: Value,
    prompt: String,
    file: String,
    model: Option<String>,
    tools: Vec<String>,
    max_turns: Option<u32>,
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
        let environment: BTreeMap<String, String> = user_env.clone();
        let mut variables = template::variables(order);
        variables.extend([
            ("prompt".to_owned(), Value::from(&prompt)),
            ("promptFile".to_owned(), Value::from(&file)),
            ("model".to_owned(), Value::from(model.clone().unwrap_or_default())),
            ("maxTurns".to_owned(), max_turns.map_or_else(|| Value::from(""), Value::from)),
            (ENVIRONMENT.to_owned(), Value::from(environment)),
        ]);
        Self { record, variables: Value::from(variables), prompt, file, model, tools, max_turns }
    }

    /// Renders one template of the record.
    pub(super) fn render(&self, source: &str) -> Result<String, SlotError> {
        let rendered = template::render("agent record", source, &self.variables, |_| None);
        rendered.map_err(|problem| failed(&problem))
    }
}

/// Returns what starts an agent.
pub(super) fn of_agent(values: &Values<'_>) -> Result<Vec<String>, SlotError> {
    let record = values.record;
    let mut argv = vec![values.render(&record.command)?];
    // Options go before the record's own arguments, so that none of them can be taken for the prompt.
    if let (Some(option), Some(model)) = (&record.model_arg, &values.model) {
        argv.extend([option.clone(), model.clone()]);
    }
    if let (Some(option), false) = (&record.allowed_tools_arg, values.tools.is_empty()) {
        argv.extend([option.clone(), values.tools.join(",")]);
    }
    if let (Some(option), Some(most)) = (&record.max_turns_arg, values.max_turns) {
        argv.extend([option.clone(), most.to_string()]);
    }
    for arg in &record.args {
        argv.push(values.render(arg)?);
    }
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
