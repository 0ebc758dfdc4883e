//! `aotui plan`: an agent drafts tickets with a person, in their own terminal; aotui checks what it drafted, shows it, asks,
//! and takes it in. What the agent writes is a list like any other: nothing of it is believed, and nothing taken in unseen.

mod agent;
mod desk;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::desk::Desk;
use super::house::House;
use super::intake::{propose_all, review, take_in};
use super::{needs_commit, say, steering};
use crate::cli::verbs::import::{Choices, Proposal, Source};
use crate::cli::{Exit, Failure, PlanArgs, needed_repository, output};
use crate::config::library::Library;
use crate::config::template::DEFAULT_WORKFLOW;
use crate::domain::ids::{AgentName, WorkflowName};
use crate::domain::problem::Problem;

/// Where a planning agent leaves its drafts.
const DRAFTS: &str = "AOTUI_DRAFTS";

/// Longest file that says what is wanted, in bytes.
const MAX_WISH: u64 = 256 * 1024;

/// Plans with an agent.
pub(super) fn plan(house: &House, args: &PlanArgs) -> Result<Exit, Failure> {
    let at = args.repo.as_ref().map_or(house.cwd.clone(), |repo| house.cwd.join(repo));
    let repo = needed_repository(&at)?;
    needs_commit(&repo)?;
    let house = &House { cwd: repo.clone(), ..house.clone() };
    let library = house.library();
    if let Some(workflow) = &args.workflow {
        library.workflow(Some(&repo), workflow).map_err(|problems| {
            Failure::problems(format!("workflow `{workflow}` cannot be used"), problems)
                .hint("`aotui workflow list` shows those that can")
        })?;
    }
    let name = args.agent.clone().map(AgentName::new).transpose()?.unwrap_or(house.settings.default_agent.clone());
    let planner = agent::Planner::find(house, &library, &name)?;
    agent::needs_terminal()?;
    let desk = if args.resume { Desk::last(&house.layout())? } else { Desk::new(&house.layout())? };
    let problems = match desk.drafts().is_empty() {
        true => Vec::new(),
        false => checked(house, &desk.drafts()).err().map_or_else(Vec::new, |failure| failure.into_problems("drafts")),
    };
    let wish = args.wish.as_deref().map(|wish| said(wish, &at)).transpose()?;
    let about = brief(house, &library, args, &desk, wish.as_deref(), &problems)?;
    let prompt = library
        .rendered(Some(&repo), "planner.md", &about)
        .map_err(|problem| Failure::problems("the prompt `planner.md` cannot be used", vec![problem]))?;
    desk.furnish(&prompt)?;
    planner.run(house, &desk, &prompt)?;
    finish(house, &desk)
}

/// Looks at what was drafted.
fn finish(house: &House, desk: &Desk) -> Result<Exit, Failure> {
    let drafts = desk.drafts();
    if drafts.is_empty() {
        desk.clear(&drafts);
        return say("nothing was drafted, so nothing changed\n");
    }
    let (sources, proposals) = checked(house, &drafts).map_err(|failure| {
        failure.hint(format!(
            "the drafts stay in {}; `aotui plan --resume` goes on and tells the agent what is wrong",
            desk.place().display()
        ))
    })?;
    say(&review(&proposals))?;
    let before = steering::look(house)?.0.tickets.len();
    let exit = take_in(house, &sources, &Choices::default(), &proposals, false)?;
    if steering::look(house)?.0.tickets.len() > before || proposals.iter().all(Proposal::is_empty) {
        desk.clear(&drafts);
    } else {
        say(&format!("the drafts stay in {}; `aotui plan --resume` goes on with them\n", desk.place().display()))?;
    }
    Ok(exit)
}

/// Checks drafts and shows what would be added.
pub(super) fn check(house: &House, dir: Option<PathBuf>) -> Result<Exit, Failure> {
    let dir = dir.or_else(|| std::env::var_os(DRAFTS).map(PathBuf::from)).ok_or_else(|| {
        Failure::usage("no directory is named, and $AOTUI_DRAFTS is not set").hint("name the one the drafts are in")
    })?;
    let dir = house.cwd.join(dir);
    let drafts = desk::drafts_in(&dir);
    if drafts.is_empty() {
        return Err(Failure::usage(format!("there are no drafts in {}", dir.display()))
            .hint("a draft is a file whose name ends in `.json`"));
    }
    let (_, proposals) = checked(house, &drafts)?;
    say(&review(&proposals))?;
    say("no defects; whoever planned is asked before anything is added\n")
}

/// Reads drafts and says what they would add, or everything that is wrong with them.
fn checked(house: &House, drafts: &[PathBuf]) -> Result<(Vec<Source>, Vec<Proposal>), Failure> {
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for draft in drafts {
        match Source::read(draft, &house.cwd) {
            Ok(source) => sources.push(source),
            Err(failure) => problems.extend(failure.into_problems(&draft.display().to_string())),
        }
    }
    if problems.is_empty() {
        match propose_all(house, &sources, &Choices::default()) {
            Ok(proposals) => return Ok((sources, proposals)),
            Err(failure) => problems.extend(failure.into_problems("drafts")),
        }
    }
    let count = if problems.len() == 1 { "1 defect".to_owned() } else { format!("{} defects", problems.len()) };
    Err(Failure::problems(format!("the drafts have {count}, so nothing was added"), problems))
}

/// Returns what is wanted: the content of a file of this name, else the text itself.
fn said(wish: &str, cwd: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let path = cwd.join(wish);
    if !path.is_file() {
        return Ok(wish.to_owned());
    }
    let mut text = String::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(MAX_WISH).read_to_string(&mut text));
    read.map_err(|error| Failure::usage(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(text)
}

/// Returns what the prompt may speak of.
fn brief(
    house: &House,
    library: &Library,
    args: &PlanArgs,
    desk: &Desk,
    wish: Option<&str>,
    problems: &[Problem],
) -> Result<Value, Failure> {
    let (fleet, _) = steering::look(house)?;
    let workflows = library.workflows(Some(&house.cwd)).into_iter().filter_map(|listed| {
        let workflow = listed.result.ok()?.value;
        let phases: Vec<String> = workflow.phases.iter().map(|phase| phase.id.to_string()).collect();
        Some(json!({ "name": listed.name, "description": workflow.description, "phases": phases.join(" → ") }))
    });
    let plans = fleet.plans.values().map(|plan| {
        let tickets = fleet.tickets_of(&plan.id);
        let tickets =
            tickets.iter().map(|ticket| json!({ "id": ticket.brief.key.ticket, "title": ticket.brief.title }));
        json!({ "id": plan.id, "repo": plan.repo, "tickets": tickets.collect::<Vec<_>>() })
    });
    let rules = house
        .settings
        .triage
        .iter()
        .map(|rule| json!({ "when": rule.words(), "workflow": rule.workflow.as_ref().map(WorkflowName::as_str) }));
    let mut check = house.exe.display().to_string();
    if house.places.named {
        check.push_str(&format!(" --config {}", house.places.config_file.display()));
    }
    Ok(json!({
        "wish": wish.unwrap_or_default(),
        "repo": house.cwd,
        "drafts": desk.drafts_dir(),
        "skills": desk.skills_dir(),
        "workflow": args.workflow.as_deref().unwrap_or_default(),
        "defaultWorkflow": DEFAULT_WORKFLOW,
        "worktreeRoot": args.worktree_root.as_ref().map_or_else(String::new, |dir| house.cwd.join(dir).display().to_string()),
        "workflows": workflows.collect::<Vec<_>>(),
        "agents": house.settings.agents.keys().map(AgentName::as_str).collect::<Vec<_>>(),
        "plans": plans.collect::<Vec<_>>(),
        "triage": rules.collect::<Vec<_>>(),
        "check": format!("{check} plan check"),
        "resumed": args.resume,
        "problems": problems.iter().map(|problem| output::plain(&problem.to_string())).collect::<Vec<_>>(),
    }))
}
