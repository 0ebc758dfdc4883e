//! `aotui import --triage-by AGENT`: asks an agent once which workflows fit tickets that name none. Its answer is data: only
//! workflows that are there are taken from it, and only for tickets it was asked about.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use super::house::House;
use super::inside::PLANNING;
use crate::adapters::launcher::fresh_conversation;
use crate::agent::Signal;
use crate::cli::output::plain;
use crate::cli::verbs::import::Proposal;
use crate::cli::{Failure, output};
use crate::config::agents::{AgentRecord, ENVIRONMENT, PromptVia, Protocol, with_environment};
use crate::config::template::rendered;
use crate::domain::ids::{AgentName, TicketId, WorkflowName};
use crate::domain::plain::short_line;
use crate::driver::claude_message;

/// How long the agent may think.
const PATIENCE: Duration = Duration::from_secs(300);

/// Most of its answer that is read, in bytes.
const MAX_ANSWER: u64 = 8 << 20;

/// Longest part of a description that is told, in characters.
const MAX_TOLD: usize = 600;

/// Workflows of single tickets, and who chose them.
pub(super) type Chosen = BTreeMap<TicketId, (WorkflowName, String)>;

/// Asks an agent for workflows for the tickets of these proposals that have none.
pub(super) fn ask(house: &House, name: &str, proposals: &[Proposal]) -> Result<Chosen, Failure> {
    let name = AgentName::new(name)?;
    let Some(record) = house.settings.agents.get(&name) else {
        return Err(Failure::usage(format!("there is no agent `{name}`")).hint("`aotui agents` lists them"));
    };
    let library = house.library();
    let workflows = library.workflows(Some(&house.cwd)).into_iter().filter_map(|listed| {
        let workflow = listed.result.ok()?.value;
        Some((listed.name, workflow.description))
    });
    let workflows: BTreeMap<String, String> = workflows.collect();
    let open: BTreeMap<&TicketId, Value> = proposals.iter().flat_map(Proposal::undecided).map(told).collect();
    if open.is_empty() {
        return Ok(Chosen::new());
    }
    let known = workflows.iter().map(|(name, description)| json!({ "name": name, "description": description }));
    let about = json!({ "workflows": known.collect::<Vec<_>>(), "tickets": open.values().collect::<Vec<_>>() });
    let prompt = library.rendered(Some(&house.cwd), "choose-workflow.md", &about);
    let prompt =
        prompt.map_err(|problem| Failure::problems("the prompt `choose-workflow.md` cannot be used", vec![problem]))?;
    output::note(&format!("asking agent `{name}` about {} tickets …", open.len()));
    let said = answer(house, &name, record, &prompt)?;
    let Some(answer) = last_object(&said) else {
        return Err(Failure::error(format!("agent `{name}` gave no answer that is a JSON object"))
            .hint(format!("it said: {}", short_line(&said, 300))));
    };
    let mut chosen = Chosen::new();
    for (id, workflow) in answer {
        let asked = open.keys().find(|asked| asked.as_str() == id);
        let known = workflow
            .as_str()
            .filter(|name| workflows.contains_key(*name))
            .and_then(|name| WorkflowName::new(name).ok());
        match (asked, known) {
            (Some(asked), Some(workflow)) => {
                chosen.insert((*asked).clone(), (workflow, format!("by {name}")));
            }
            (Some(asked), None) => {
                let workflow = short_line(&workflow.to_string(), 80);
                output::note(&format!("{asked}: {workflow} is no workflow here, so it gets the plan's"));
            }
            (None, _) => output::note(&format!("`{}` is no ticket that was asked about", plain(&short_line(&id, 80)))),
        }
    }
    Ok(chosen)
}

fn told(one: &crate::intake::Settling) -> (&TicketId, Value) {
    let brief = &one.ticket.brief;
    let description = short_line(&brief.description, MAX_TOLD);
    let about =
        json!({ "id": brief.key.ticket, "title": brief.title, "labels": one.labels, "description": description });
    (&brief.key.ticket, about)
}

/// Runs the agent without a terminal and returns what it says.
fn answer(house: &House, name: &AgentName, record: &AgentRecord, prompt: &str) -> Result<String, Failure> {
    let place = tempfile::tempdir().map_err(|error| Failure::error(format!("cannot make a directory: {error}")))?;
    let file = place.path().join("prompt.md");
    std::fs::write(&file, prompt)
        .map_err(|error| Failure::error(format!("cannot write {}: {error}", file.display())))?;
    let protocol = record.headless.as_ref().map(|headless| headless.protocol);
    if protocol == Some(Protocol::Acp) {
        return Err(Failure::usage(format!("agent `{name}` cannot be asked this way")).hint("name another"));
    }
    let variables = json!({
        "prompt": prompt,
        "promptFile": file,
        "model": record.model.clone().unwrap_or_default(),
        "conversation": fresh_conversation(),
        ENVIRONMENT: house.env,
    });
    let made = |source: &str| {
        rendered("agent record", source, &variables)
            .map_err(|problem| Failure::problems("the agent's record cannot be used", vec![problem]))
    };
    let mut command = Command::new(&record.command);
    if let (Some(option), Some(model)) = (&record.model_arg, &record.model) {
        command.args([option, model]);
    }
    let args = record.headless.as_ref().and_then(|headless| headless.args.as_ref()).unwrap_or(&record.args);
    for arg in args {
        command.arg(made(arg)?);
    }
    if record.prompt_via == PromptVia::Argument && !args.iter().any(|arg| arg.contains("prompt")) {
        command.arg(prompt);
    }
    for (name, value) in &record.env {
        command.env(name, made(&with_environment(value))?);
    }
    // It is to answer, not to work: nothing of the user's is where it runs.
    command.env(PLANNING, "1").current_dir(place.path());
    let stdin = match (record.prompt_via, protocol) {
        (PromptVia::Stdin, Some(Protocol::Claude)) => format!("{}\n", claude_message(prompt)),
        (PromptVia::Stdin, _) => prompt.to_owned(),
        (PromptVia::Argument | PromptVia::File, _) => String::new(),
    };
    let text = run(command, stdin, name)?;
    Ok(match &record.headless {
        Some(headless) => words(text.lines().flat_map(|line| headless.read(line))),
        None => text,
    })
}

/// Returns what an agent said to people.
fn words(signals: impl Iterator<Item = Signal>) -> String {
    let mut said = String::new();
    for signal in signals {
        match signal {
            Signal::Message { text } => said.push_str(&format!("\n{text}\n")),
            Signal::Part { text } => said.push_str(&text),
            _ => {}
        }
    }
    said
}

/// Runs a program to its end and returns what it printed; ends it when it takes too long.
fn run(mut command: Command, stdin: String, name: &AgentName) -> Result<String, Failure> {
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child =
        started.map_err(|error| Failure::error(format!("cannot start the program of agent `{name}`: {error}")))?;
    if let Some(mut to) = child.stdin.take() {
        // One that leaves early does not read all of it.
        std::thread::spawn(move || to.write_all(stdin.as_bytes()));
    }
    let (done, wait) = mpsc::channel();
    if let Some(from) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = from.take(MAX_ANSWER).read_to_end(&mut bytes);
            done.send(read.map(|_| String::from_utf8_lossy(&bytes).into_owned()))
        });
    }
    let said = wait.recv_timeout(PATIENCE);
    end(&mut child);
    match said {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(Failure::error(format!("agent `{name}` cannot be read: {error}"))),
        Err(_) => Err(Failure::error(format!("agent `{name}` gave no answer within {} s", PATIENCE.as_secs()))),
    }
}

fn end(child: &mut Child) {
    let _ended_already = child.kill();
    let _reaped_already = child.wait();
}

/// Returns the last JSON object in a text.
fn last_object(text: &str) -> Option<serde_json::Map<String, Value>> {
    let begins = text.match_indices('{').map(|(at, _)| at).rev().take(1000);
    let objects = begins.filter_map(|at| {
        let mut values =
            serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<serde_json::Map<String, Value>>();
        values.next()?.ok()
    });
    // The last brace that opens may open something within the answer, which has texts alone.
    let mut found: Vec<_> = objects.filter(|object| object.values().all(Value::is_string)).collect();
    found.sort_by_key(|object| object.is_empty());
    found.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_amid_other_words() {
        let object =
            last_object("I think {so}:\n```json\n{\"T-1\": \"minimal\", \"T-2\": \"a {b}\"}\n```\nDone.").unwrap();
        assert_eq!(object.len(), 2);
        assert_eq!(last_object("no {idea"), None);
    }
}
