//! The planning agent's own program, in the terminal aotui was called from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};

use super::super::house::House;
use super::super::inside::PLANNING;
use super::DRAFTS;
use super::desk::Desk;
use crate::cli::{Failure, output};
use crate::config::agents::{AgentRecord, ENVIRONMENT, FirstPrompt, PromptVia, with_environment};
use crate::config::library::Library;
use crate::domain::ids::AgentName;
use crate::domain::problem::nearest;

/// Longest prompt that is given as an argument, in bytes; a longer one is read from its file.
const MAX_ARG: usize = 64 * 1024;

/// Takes back what an agent that was killed may have asked of the terminal: mouse, paste and focus reports, other
/// keyboards, a hidden cursor, the second screen, colours.
const RESET: &str = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[>4;0m\x1b[?25h\x1b[?1049l\x1b[0m\r\n";

/// An agent that can plan.
pub(super) struct Planner<'h> {
    name: AgentName,
    record: &'h AgentRecord,
    /// Its arguments, templates, the prompt among them.
    args: Vec<String>,
}

/// Refuses where no person is at a terminal.
pub(super) fn needs_terminal() -> Result<(), Failure> {
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("planning is a conversation, and there is no terminal here")
        .hint("`aotui import FILE --yes` takes in a list without one"))
}

impl<'h> Planner<'h> {
    /// Returns the agent of this name, if it is there and can plan.
    pub(super) fn find(house: &'h House, library: &Library, name: &AgentName) -> Result<Self, Failure> {
        let agents = &house.settings.agents;
        let Some(record) = agents.get(name) else {
            let near = nearest(name.as_str(), agents.keys().map(AgentName::as_str));
            let hint = near.map_or("`aotui agents` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Failure::usage(format!("there is no agent `{name}`")).hint(hint));
        };
        let is_practice = record.command == house.exe.to_string_lossy();
        let Some(args) = arguments(record).filter(|_| !is_practice) else {
            return Err(Failure::usage(format!("agent `{name}` cannot plan: it takes no first prompt at a terminal"))
                .hint("name another with --agent, or give its record `planArgs` under `terminal`"));
        };
        if !library.has_program(&record.command) {
            let install = record.about.install.as_ref().map(|how| format!("install it ({how}), or "));
            return Err(Failure::usage(format!("`{}`, the program of agent `{name}`, is not here", record.command))
                .hint(format!("{}name another with --agent", install.unwrap_or_default())));
        }
        Ok(Self { name: name.clone(), record, args })
    }

    /// Runs it until it ends. However it ends, its drafts tell what came of it.
    pub(super) fn run(&self, house: &House, desk: &Desk, prompt: &str) -> Result<(), Failure> {
        let mut command = self.command(house, desk, prompt)?;
        // Ctrl-C is for the agent, which shares this terminal; aotui has to be there when it has ended.
        let told = Arc::new(AtomicBool::new(false));
        let ignored = [signal_hook::consts::SIGINT, signal_hook::consts::SIGQUIT];
        let ignored = ignored.map(|signal| signal_hook::flag::register(signal, Arc::clone(&told)));
        let modes = rustix::termios::tcgetattr(io::stdin()).ok();
        let ended = command.status();
        if let Some(modes) = modes {
            let when = rustix::termios::OptionalActions::Drain;
            let _terminal_is_gone = rustix::termios::tcsetattr(io::stdin(), when, &modes);
        }
        for id in ignored.into_iter().flatten() {
            signal_hook::low_level::unregister(id);
        }
        let program = &self.record.command;
        let status = ended.map_err(|error| Failure::error(format!("cannot start `{program}`: {error}")))?;
        self.tell(status);
        Ok(())
    }

    fn tell(&self, status: ExitStatus) {
        if let Some(signal) = status.signal() {
            let _nobody_reads = output::print(RESET);
            output::note(&format!("agent `{}` was ended by signal {signal}", self.name));
        } else if let Some(code) = status.code().filter(|code| *code != 0) {
            output::note(&format!("agent `{}` ended with code {code}", self.name));
        }
    }

    fn command(&self, house: &House, desk: &Desk, prompt: &str) -> Result<Command, Failure> {
        let file = desk.prompt_file().display().to_string();
        let told = format!("Read the file {file} and do what it says.");
        let variables = json!({
            "prompt": if prompt.len() > MAX_ARG { &told } else { prompt },
            "promptFile": file,
            "model": self.record.model.clone().unwrap_or_default(),
            "drafts": desk.drafts_dir(),
            "skills": desk.skills_dir(),
            "desk": desk.place(),
            ENVIRONMENT: house.env,
        });
        let mut command = Command::new(&self.record.command);
        if let (Some(option), Some(model)) = (&self.record.model_arg, &self.record.model) {
            command.args([option, model]);
        }
        for arg in &self.args {
            command.arg(rendered(arg, &variables)?);
        }
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.record.env {
            env.insert(name.clone(), rendered(&with_environment(value), &variables)?);
        }
        command.envs(env).env(DRAFTS, desk.drafts_dir()).env("AOTUI_SKILLS", desk.skills_dir()).env(PLANNING, "1");
        command.env("PATH", path_with(house)).current_dir(&house.cwd);
        Ok(command)
    }
}

/// Returns the arguments with which an agent starts on its own screen with a first prompt; `None` means it cannot.
fn arguments(record: &AgentRecord) -> Option<Vec<String>> {
    let with_prompt = |args: &[String]| {
        let named = args.iter().any(|arg| arg.contains("prompt"));
        let prompt = (!named).then(|| "{{ prompt }}".to_owned());
        args.iter().cloned().chain(prompt).collect()
    };
    match &record.terminal {
        Some(terminal) => match (&terminal.plan_args, terminal.prompt) {
            (Some(args), _) => Some(args.clone()),
            (None, FirstPrompt::Argument) => Some(with_prompt(&[])),
            (None, FirstPrompt::Paste) => None,
        },
        None => match record.prompt_via {
            PromptVia::Argument | PromptVia::File => Some(with_prompt(&record.args)),
            PromptVia::Stdin => None,
        },
    }
}

fn rendered(source: &str, variables: &Value) -> Result<String, Failure> {
    crate::config::template::rendered("agent record", source, variables)
        .map_err(|problem| Failure::problems("the agent's record cannot be used", vec![problem]))
}

/// Returns the user's `PATH` with this program's directory at its end, so that the agent can call `aotui plan check`.
fn path_with(house: &House) -> OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&own).chain(house.exe.parent().map(std::path::Path::to_path_buf));
    std::env::join_paths(dirs).unwrap_or(own)
}
