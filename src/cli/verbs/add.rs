//! `aotui add`: a new ticket. Everything is checked before anything is made.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::cli::repository::{needed_repository, repository_of};
use crate::cli::steering::{Steering, find_plan};
use crate::cli::told::AddArgs;
use crate::cli::verbs::init::new_plan;
use crate::config::library::Library;
use crate::config::settings::Settings;
use crate::domain::agent_run::Face;
use crate::domain::budget::Budget;
use crate::domain::command::Command;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{AgentName, TicketId, TicketKey, WorkflowName};
use crate::domain::plan::Plan;
use crate::domain::problem::nearest;
use crate::domain::ticket::Brief;

/// The workflow of tickets and plans that name none.
const DEFAULT_WORKFLOW: &str = "standard";

/// Longest title, in characters.
const MAX_TITLE: usize = 200;

/// Longest description that is read, in bytes.
const MAX_DESCRIPTION: u64 = 512 * 1024;

/// What a ticket is checked against.
pub struct Surroundings<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// The library.
    pub library: &'a Library,
    /// Where the verb was called.
    pub cwd: &'a Path,
}

/// Adds a ticket and says so.
pub fn add(steering: &mut dyn Steering, around: &Surroundings<'_>, args: &AddArgs) -> Result<String, Failure> {
    let fleet = steering.fleet();
    let (plan, is_new) = choose_plan(fleet, around, args.plan.as_deref(), args.base.as_deref())?;
    let repo = plan.repo.clone().map(PathBuf::from);
    check_repository(&plan, repo.as_deref())?;
    let new = Brief::new(TicketKey::new(plan.id.clone(), choose_id(fleet, &plan, args)?), title(&args.title)?);
    let mut brief = Brief {
        description: args
            .description
            .as_deref()
            .map(|text| description(text, around.cwd))
            .transpose()?
            .unwrap_or_default(),
        acceptance_criteria: args.criteria.clone(),
        workflow: args.workflow.clone().map(WorkflowName::new).transpose()?,
        agent: args.agent.clone().map(AgentName::new).transpose()?,
        face: args.face.as_deref().map(|face| if face == "terminal" { Face::Terminal } else { Face::Headless }),
        budget: args.budget.as_deref().map(Budget::parse).transpose().map_err(limits)?,
        ..new
    };
    let why = triage(around.settings, &mut brief, &args.labels);
    check_workflow(around.library, &plan, repo.as_deref(), brief.workflow.as_ref())?;
    if let Some(agent) = brief.agent.as_ref().or(plan.agent.as_ref()) {
        check_agent(around.settings, agent)?;
    }
    let blocked_by = args.blocked_by.iter().map(|typed| blocker(fleet, &plan, typed)).collect::<Result<_, _>>()?;
    let last = fleet.tickets_of(&plan.id).last().map_or(0, |ticket| ticket.order);
    let mut said =
        format!("added {} “{}”{}\n", brief.key, plain(&brief.title), if is_new { " to a new plan" } else { "" });
    if let Some(why) = why {
        said.push_str(&plain(&why));
        said.push('\n');
    }
    let put = Command::PutTicket { brief, order: last.saturating_add(10), blocked_by };
    steering.command(if is_new { vec![Command::PutPlan { plan }, put] } else { vec![put] })?;
    Ok(said)
}

/// Returns the plan that was named, or that of the repository; whether it has to be made comes with it.
pub(super) fn choose_plan(
    fleet: &Fleet,
    around: &Surroundings<'_>,
    plan: Option<&str>,
    base: Option<&str>,
) -> Result<(Plan, bool), Failure> {
    let known = match plan {
        Some(typed) => fleet.plans.get(&find_plan(fleet, typed)?).cloned(),
        None => {
            let repo = repository_of(around.cwd);
            let here = |plan: &&Plan| plan.repo.as_deref().map(Path::new) == repo.as_deref() && repo.is_some();
            match fleet.plans.values().filter(here).collect::<Vec<_>>().as_slice() {
                [] => None,
                [only] => Some((*only).clone()),
                several => {
                    let names: Vec<&str> = several.iter().map(|plan| plan.id.as_str()).collect();
                    return Err(Failure::usage("several plans work on this repository")
                        .hint(format!("name one with --plan: {}", names.join(", "))));
                }
            }
        }
    };
    match known {
        Some(plan) if base.is_some() && base != plan.base.as_deref() => {
            let base = plan.base.as_deref().unwrap_or("the repository's default branch");
            Err(Failure::usage(format!(
                "plan `{}` starts from and lands on {base}, so --base cannot be another",
                plan.id
            ))
            .hint("leave --base out, or add the ticket to another plan"))
        }
        Some(plan) => Ok((plan, false)),
        None => {
            let repo = needed_repository(around.cwd)?;
            let plan = new_plan(fleet, &repo)?;
            Ok((Plan { base: base.map(str::to_owned), ..plan }, true))
        }
    }
}

/// Chooses workflow and agent by the rules of the settings where nobody named them, and says by which.
fn triage(settings: &Settings, brief: &mut Brief, labels: &[String]) -> Option<String> {
    let rule = settings.triage.iter().find(|rule| rule.fits(&brief.title, labels))?;
    let workflow = rule.workflow.as_ref().filter(|_| brief.workflow.is_none());
    let agent = rule.agent.as_ref().filter(|_| brief.agent.is_none());
    let words = workflow.map(|name| format!("workflow {name}")).into_iter();
    let words: Vec<String> = words.chain(agent.map(|name| format!("agent {name}"))).collect();
    brief.workflow = workflow.or(brief.workflow.as_ref()).cloned();
    brief.agent = agent.or(brief.agent.as_ref()).cloned();
    (!words.is_empty()).then(|| format!("{} by the rule “{}”", words.join(" and "), rule.words()))
}

pub(super) fn check_repository(plan: &Plan, repo: Option<&Path>) -> Result<(), Failure> {
    let Some(repo) = repo else {
        return Err(Failure::usage(format!("plan `{}` names no repository", plan.id))
            .hint("add `repo` with an absolute path to its plan.json"));
    };
    if repository_of(repo).is_some_and(|root| repo.canonicalize().is_ok_and(|repo| repo == root)) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{}`, the repository of plan `{}`, is not a git repository", repo.display(), plan.id))
        .hint("correct `repo` in its plan.json"))
}

fn choose_id(fleet: &Fleet, plan: &Plan, args: &AddArgs) -> Result<TicketId, Failure> {
    let Some(id) = &args.id else {
        return fleet
            .free_ticket_id(&plan.id)
            .ok_or_else(|| Failure::usage("no ticket id is free").hint("name one with --id"));
    };
    let id = TicketId::new(id.clone())?;
    let taken = fleet
        .tickets_of(&plan.id)
        .into_iter()
        .any(|known| known.brief.key.ticket.as_str().eq_ignore_ascii_case(id.as_str()));
    if taken {
        return Err(Failure::usage(format!("plan `{}` has a ticket `{id}` already", plan.id))
            .hint("choose another id, or leave --id out"));
    }
    Ok(id)
}

fn limits((message, hint): (String, String)) -> Failure {
    Failure::usage(plain(&message)).hint(hint)
}

fn title(text: &str) -> Result<String, Failure> {
    let title = crate::domain::plain::plain_line(text, MAX_TITLE);
    if title.is_empty() {
        return Err(Failure::usage("the title is empty").hint("say in one line what is wanted"));
    }
    Ok(title)
}

/// Returns the description: as it stands, from stdin (`-`) or from a file (`@FILE`).
fn description(text: &str, cwd: &Path) -> Result<String, Failure> {
    let (name, reader): (String, Box<dyn Read>) = match text.strip_prefix('@') {
        _ if text == "-" => ("stdin".to_owned(), Box::new(std::io::stdin())),
        Some(file) => {
            let opened = std::fs::File::open(cwd.join(file))
                .map_err(|error| Failure::usage(format!("cannot read the description `{file}`: {error}")))?;
            (format!("`{file}`"), Box::new(opened))
        }
        None => return Ok(text.to_owned()),
    };
    let mut bytes = Vec::new();
    reader
        .take(MAX_DESCRIPTION + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot read the description from {name}: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_DESCRIPTION {
        return Err(Failure::usage(format!("the description from {name} is longer than 512 KiB")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("the description from {name} is not UTF-8 text")))
}

pub(super) fn check_workflow(
    library: &Library,
    plan: &Plan,
    repo: Option<&Path>,
    named: Option<&WorkflowName>,
) -> Result<(), Failure> {
    let name = named.or(plan.workflow.as_ref()).map_or(DEFAULT_WORKFLOW, WorkflowName::as_str);
    match library.workflow(repo, name) {
        Ok(_) => Ok(()),
        Err(problems) => Err(Failure::problems(format!("workflow `{name}` cannot be used"), problems)
            .hint("`aotui workflow list` shows those that can")),
    }
}

pub(super) fn check_agent(settings: &Settings, agent: &AgentName) -> Result<(), Failure> {
    known_agent(settings, agent.as_str()).map(drop)
}

/// Returns the agent called `agent`, or says which ones there are.
pub fn known_agent(settings: &Settings, agent: &str) -> Result<AgentName, Failure> {
    if let Some(known) = settings.agents.keys().find(|known| known.as_str() == agent) {
        return Ok(known.clone());
    }
    let names: Vec<&str> = settings.agents.keys().map(AgentName::as_str).collect();
    let hint = match nearest(agent, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known agents: {}; add yours under `agents` in the settings file", names.join(", ")),
    };
    Err(Failure::usage(format!("there is no agent `{agent}`")).hint(hint))
}

fn blocker(fleet: &Fleet, plan: &Plan, typed: &str) -> Result<TicketKey, Failure> {
    let id = match typed.split_once('/') {
        Some((other, _)) if !other.eq_ignore_ascii_case(plan.id.as_str()) => {
            return Err(Failure::usage(format!("`{}` is of another plan", plain(typed)))
                .hint("only tickets of the same plan can block each other"));
        }
        Some((_, id)) => id,
        None => typed,
    };
    let tickets = fleet.tickets_of(&plan.id);
    let mut ids = tickets.iter().map(|ticket| &ticket.brief.key);
    if let Some(key) = ids.clone().find(|key| key.ticket.as_str().eq_ignore_ascii_case(id)) {
        return Ok(key.clone());
    }
    let near = nearest(id, ids.by_ref().map(|key| key.ticket.as_str()));
    let hint = near.map_or("`aotui status` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
    Err(Failure::usage(format!("plan `{}` has no ticket `{}`", plan.id, plain(id))).hint(hint))
}

#[cfg(test)]
mod tests;
