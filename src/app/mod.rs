//! The composition root: puts places, settings, library, adapters, store, engine, bus and faces together.
//!
//! The only module that sees all others; nothing imports it but `main`. It decides which parts a verb needs (an engine
//! of its own, the control socket of another, or the lock for a moment) and nothing else.

mod agents;
mod behind;
mod compose;
mod demo;
mod doctor;
mod events;
mod files;
mod gc;
mod house;
mod inside;
mod intake;
mod left;
mod logging;
mod logs;
mod plan;
mod play;
mod replay;
mod schema;
mod screen;
mod sessions;
mod steering;
#[cfg(test)]
mod tests;
mod triage;
mod whole;
mod work;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use crate::actions::Keymap;
use crate::adapters::workspace::has_commits;
use crate::cli::output::Style;
use crate::cli::verbs::{add, cost, explain, init, status, steer, workflow};
use crate::cli::{
    self, AddArgs, AgentsVerb, Exit, Failure, Invocation, Verb, WorkflowVerb, find_ticket, output, repository_of,
};
use house::House;

/// Does what the command line asks for and returns how the process ends.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let invocation = match cli::parse(args) {
        Ok(invocation) => invocation,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code());
            // Nothing can be said where nobody reads.
            let _nobody_reads = error.print();
            return ExitCode::from(code);
        }
    };
    let json = wants_json(&invocation.verb);
    match dispatch(invocation) {
        Ok(exit) => ExitCode::from(exit),
        Err(failure) => {
            output::note(&failure.to_string());
            if json {
                let _nobody_reads = output::print(&format!("{}\n", serde_json::json!({ "error": failure })));
            }
            ExitCode::from(failure.exit().code())
        }
    }
}

fn wants_json(verb: &Verb) -> bool {
    match verb {
        Verb::Run(args) => args.json,
        Verb::Events(args) => args.json,
        Verb::Sessions(args) => args.json,
        Verb::Status { json, .. } | Verb::Cost { json, .. } | Verb::Explain { json, .. } => *json,
        Verb::Gc(args) => args.json,
        Verb::Doctor(args) => args.json,
        Verb::Agents(AgentsVerb::List { json } | AgentsVerb::Check { json, .. }) => *json,
        Verb::Artifacts(args) => args.json,
        Verb::Learnings(args) => args.json,
        _ => false,
    }
}

/// Takes what an agent's program tells its hooks. Whatever goes wrong, the agent goes on: it is told nothing then, and asks
/// by itself.
pub fn hook(kind: &OsStr, payload: Option<&OsString>) -> ExitCode {
    let payload = payload.map(|payload| payload.to_string_lossy());
    match crate::hook::hook(&kind.to_string_lossy(), payload.as_deref()) {
        Ok(None) => {}
        Ok(Some(answer)) => {
            let _nobody_reads = output::print(&format!("{answer}\n"));
        }
        Err(error) => output::note(&error.to_string()),
    }
    ExitCode::SUCCESS
}

/// Returns the exit code of the process.
fn dispatch(invocation: Invocation) -> Result<u8, Failure> {
    if invocation.verb.is_for_people() {
        inside::refuse()?;
    }
    let config = invocation.config.as_deref();
    let exit = match invocation.verb {
        Verb::Completions(shell) => {
            let mut text = Vec::new();
            cli::completions(shell, &mut text);
            say(&String::from_utf8_lossy(&text))?
        }
        Verb::Schema { name } => schema::print(&name)?,
        Verb::Report(args) => return inside::report(args),
        Verb::Land => inside::land()?,
        Verb::Demo(args) => demo::demo(args)?,
        Verb::Gc(args) => gc::gc(&House::open(config)?, &args)?,
        Verb::Doctor(args) => doctor::doctor(config, &args)?,
        Verb::Sessions(args) => sessions::list(&House::open_to_read(config)?, &args)?,
        Verb::ResumeSession(args) => sessions::resume(&House::open(config)?, &args)?,
        Verb::Agents(verb) => agents::agents(config, verb)?,
        Verb::Screen => screen::open(&House::open(config)?, None)?,
        Verb::Attach { ticket } => screen::open(&House::open(config)?, Some(&ticket))?,
        Verb::Run(args) => work::run(House::open(config)?, &args)?,
        Verb::Status { plan, json } => show_status(&House::open_to_read(config)?, plan.as_deref(), json)?,
        Verb::Events(args) => events::print(&House::open_to_read(config)?, &args)?,
        Verb::Cost { plan, by, json } => show_cost(&House::open_to_read(config)?, plan.as_deref(), &by, json)?,
        Verb::Replay { journal } => replay::run(&House::open_to_read(config)?, journal.as_deref())?,
        Verb::Explain { ticket, json } => show_explanation(&House::open_to_read(config)?, &ticket, json)?,
        Verb::Artifacts(args) => left::artifacts(&House::open_to_read(config)?, &args)?,
        Verb::Learnings(args) => left::learnings(config, args)?,
        Verb::Logs(args) => logs::print(&House::open_to_read(config)?, &args)?,
        Verb::Steer(args) => {
            let mut steering = steering::open(&House::open(config)?)?;
            say(&steer::ticket(&mut *steering, args)?)?
        }
        Verb::Whole(verb) => say(&whole::everything(&House::open(config)?, verb)?)?,
        Verb::HoldPlan { plan, pause } => {
            let mut steering = steering::open(&House::open(config)?)?;
            say(&steer::plan(&mut *steering, &plan, pause)?)?
        }
        Verb::Init { dir, home } => {
            let house = match home {
                Some(home) => House::made_at(&home)?,
                None => House::open(config)?,
            };
            let dir = dir.map_or(house.cwd.clone(), |dir| house.cwd.join(dir));
            needs_commit(&dir)?;
            let mut steering = steering::open(&house)?;
            say(&init::init(&mut *steering, &house.places, &house.settings.state_dir, &dir)?)?
        }
        Verb::Add(args) => add_ticket(&House::open(config)?, &args)?,
        Verb::Plan(args) => plan::plan(&House::open(config)?, &args)?,
        Verb::CheckDrafts { dir } => plan::check(&House::open_to_read(config)?, dir)?,
        Verb::Import(args) => intake::import(&House::open(config)?, &args)?,
        Verb::Trust { repo } => {
            let house = House::open(config)?;
            let dir = repo.map_or(house.cwd.clone(), |dir| house.cwd.join(dir));
            say(&workflow::trust(&house.settings.state_dir, &dir)?)?
        }
        Verb::Workflow(verb) => show_workflows(&House::open_to_read(config)?, verb)?,
    };
    Ok(exit.code())
}

fn add_ticket(house: &House, args: &AddArgs) -> Result<Exit, Failure> {
    needs_commit(&house.cwd)?;
    let library = house.library();
    let around = add::Surroundings { settings: &house.settings, library: &library, cwd: &house.cwd };
    let _turn = steering::one_at_a_time(house)?;
    let mut steering = steering::open(house)?;
    say(&add::add(&mut *steering, &around, args)?)
}

/// Refuses a repository in which no ticket could start: worktrees are made from a commit.
fn needs_commit(dir: &Path) -> Result<(), Failure> {
    match repository_of(dir) {
        Some(repo) if has_commits(&repo).is_ok_and(|has| !has) => {
            Err(Failure::usage(format!("the repository {} has no commit yet", repo.display()))
                .hint("make a first commit, for example `git commit --allow-empty -m Begin`"))
        }
        _ => Ok(()),
    }
}

fn show_status(house: &House, plan: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let (fleet, engine) = steering::look(house)?;
    let view = status::View::new(&fleet, plan, engine)?;
    if json {
        return say_json(&view.json(crate::engine::now()));
    }
    say(&view.table(Style::of_stdout(), crate::engine::now()))
}

fn show_cost(house: &House, plan: Option<&str>, by: &str, json: bool) -> Result<Exit, Failure> {
    let (fleet, _) = steering::look(house)?;
    let view = cost::View::new(&fleet, plan, by)?;
    if json { say_json(&view) } else { say(&view.table()) }
}

fn show_workflows(house: &House, verb: WorkflowVerb) -> Result<Exit, Failure> {
    let (library, repo) = (house.library(), repository_of(&house.cwd));
    match verb {
        WorkflowVerb::List => say(&workflow::list(&library, repo.as_deref())),
        WorkflowVerb::Show { name } => say(&workflow::show(&library, repo.as_deref(), &name)?),
        WorkflowVerb::Graph { name, mermaid } => say(&workflow::graph(&library, repo.as_deref(), &name, mermaid)?),
        WorkflowVerb::Simulate { name, outcomes, items } => {
            let items = usize::try_from(items).unwrap_or_default();
            say(&workflow::simulate(&library, repo.as_deref(), &name, &outcomes, items)?)
        }
        WorkflowVerb::Check { file } => {
            let file = file.map(|file| house.cwd.join(file));
            say(&workflow::check(&library, repo.as_deref(), file.as_deref())?)
        }
    }
}

fn show_explanation(house: &House, ticket: &str, json: bool) -> Result<Exit, Failure> {
    let (fleet, _) = steering::look(house)?;
    let ticket = find_ticket(&fleet, ticket)?;
    let (keys, _said_by_the_screen) = Keymap::new(&house.settings.keys);
    let happened = crate::store::history(&house.layout())?.content.events;
    let view = explain::View::new(&fleet, &ticket, &keys, &house.layout().sessions()).and_what_happened(&happened);
    if json { say_json(&view) } else { say(&view.text(Style::of_stdout(), crate::engine::now())) }
}

/// Prints a result as JSON.
fn say_json(result: &impl serde::Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(result).map_err(|error| Failure::error(error.to_string()))?;
    say(&format!("{text}\n"))
}

/// Prints a result.
fn say(text: &str) -> Result<Exit, Failure> {
    output::print(text).map_err(|error| Failure::error(format!("cannot write to stdout: {error}")))?;
    Ok(Exit::Done)
}

/// Runs asynchronous work to its end on all cores.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(work);
    // What still blocks in a thread (a slow disk, a program that hangs) must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}
