//! `aotui import`: the tickets of a list, all of them or none. Proposes, and shows what it proposes; adds nothing itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use unicode_width::UnicodeWidthStr;

use super::add::{Surroundings, check_agent, check_repository, check_workflow, choose_plan};
use super::init::new_plan;
use crate::cli::exit::Failure;
use crate::cli::output::{Style, plain};
use crate::cli::repository::{needed_repository, repository_of};
use crate::config::template::DEFAULT_WORKFLOW;
use crate::domain::command::{Command, NewTicket};
use crate::domain::fleet::{Fleet, Input, Outbox};
use crate::domain::ids::{AgentName, PlanId, TicketId, WorkflowName};
use crate::domain::plain::short_line;
use crate::domain::plan::Plan;
use crate::domain::problem::Problem;
use crate::domain::time::Timestamp;
use crate::intake::{self, Choice, Form, Ground, List, Marked, PlanWords, Settled, settle};

/// Largest list that is read, in bytes.
const MAX_LIST: u64 = 16 << 20;

/// Longest title shown in a review, in characters.
const MAX_TITLE: usize = 60;

/// A list as it was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// What the user calls it.
    label: String,
    list: List,
}

impl Source {
    /// Reads a list from a file, or from stdin for `-`.
    pub fn read(file: &Path, cwd: &Path) -> Result<Self, Failure> {
        let (label, reader): (String, Box<dyn Read>) = if file == Path::new("-") {
            ("stdin".to_owned(), Box::new(io::stdin()))
        } else {
            let opened = File::open(cwd.join(file))
                .and_then(|opened| {
                    if opened.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(opened) }
                })
                .map_err(|error| Failure::usage(format!("cannot read the list `{}`: {error}", file.display())))?;
            (file.display().to_string(), Box::new(opened))
        };
        let mut bytes = Vec::new();
        let cannot = |error: io::Error| Failure::usage(format!("cannot read the list from `{label}`: {error}"));
        reader.take(MAX_LIST + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > MAX_LIST {
            return Err(Failure::usage(format!("`{label}` is larger than 16 MiB")).hint("split it"));
        }
        let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        let text =
            text.ok_or_else(|| Failure::usage(format!("`{label}` is not UTF-8 text")).hint("save it as UTF-8"))?;
        let form = Form::of(&label, &text);
        let list = intake::read(&label, &text, form).map_err(|problems| defective(&label, problems))?;
        Ok(Self { label, list })
    }
}

/// What is chosen besides what the list says.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// The plan, as typed.
    pub plan: Option<String>,
    /// The workflow of tickets that name none.
    pub workflow: Option<WorkflowName>,
    /// The base branch of a new plan.
    pub base: Option<String>,
    /// The workflows of single tickets that fit no rule, and who chose them.
    pub single: BTreeMap<TicketId, (WorkflowName, String)>,
}

/// What would be added.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    plan: Plan,
    is_new: bool,
    settled: Settled,
}

/// Says what would be added for a list, or every reason why it cannot be.
pub fn propose(
    fleet: &Fleet,
    around: &Surroundings<'_>,
    source: &Source,
    choices: &Choices,
) -> Result<Proposal, Failure> {
    let (plan, is_new) = plan_of(fleet, around, source, choices)?;
    let repo = plan.repo.clone().map(PathBuf::from);
    check_repository(&plan, repo.as_deref())?;
    if let Some(workflow) = &choices.workflow {
        check_workflow(around.library, &plan, repo.as_deref(), Some(workflow))?;
    }
    let judge = |choice: Choice<'_>| {
        let judged = match choice {
            Choice::Workflow(name) => {
                let found = around.library.workflow(repo.as_deref(), name.as_str());
                return found.map(drop).map_err(|problems| {
                    let told = problems.into_iter().next().unwrap_or_else(|| Problem::in_file("", "it is defective"));
                    (format!("workflow `{name}` cannot be used: {}", told.message), told.hint.unwrap_or_default())
                });
            }
            Choice::Agent(name) => check_agent(around.settings, name),
            Choice::Repository(path) if Path::new(path).is_absolute() && is_root(Path::new(path)) => Ok(()),
            Choice::Repository(path) => Err(Failure::usage(format!("`{path}` is not the root of a git repository"))
                .hint("name one by its absolute path")),
        };
        judged.map_err(|failure| failure.into_parts())
    };
    let settled = settle(
        &source.list,
        &Ground {
            label: &source.label,
            fleet,
            plan: &plan.id,
            workflow: choices.workflow.as_ref(),
            triage: &around.settings.triage,
            chosen: &choices.single,
            judge: &judge,
        },
    )
    .map_err(|problems| defective(&source.label, problems))?;
    let by_default = settled.tickets.iter().any(|one| one.ticket.brief.workflow.is_none());
    if by_default {
        check_workflow(around.library, &plan, repo.as_deref(), None)?;
    }
    let by_rule = settled.tickets.iter().filter(|one| one.why.is_some());
    for brief in by_rule.map(|one| &one.ticket.brief) {
        check_workflow(around.library, &plan, repo.as_deref(), brief.workflow.as_ref())?;
        brief.agent.as_ref().map_or(Ok(()), |agent| check_agent(around.settings, agent))?;
    }
    let proposal = Proposal { plan, is_new, settled };
    proposal.try_on(&mut fleet.clone())?;
    Ok(proposal)
}

impl Proposal {
    /// Returns what adds all of these, or none.
    pub fn all(proposals: &[Self]) -> Command {
        let new = proposals.iter().filter(|proposal| proposal.is_new);
        Command::AddTickets {
            plans: new.map(|proposal| proposal.plan.clone()).collect(),
            tickets: proposals.iter().flat_map(Self::tickets).cloned().collect(),
        }
    }

    /// Adds it to a copy of the fleet, or says why the engine would refuse it.
    pub fn try_on(&self, fleet: &mut Fleet) -> Result<(), Failure> {
        let mut out = Outbox::default();
        fleet.policy.dispatch = false;
        fleet.step(Timestamp(0), Input::Command(Self::all(std::slice::from_ref(self))), &mut out);
        out.rejection.map_or(Ok(()), |rejection| Err(rejection.into()))
    }

    fn tickets(&self) -> impl Iterator<Item = &NewTicket> {
        self.settled.tickets.iter().map(|one| &one.ticket)
    }

    /// Returns the tickets whose workflow nobody chose.
    pub fn undecided(&self) -> impl Iterator<Item = &intake::Settling> {
        self.settled.tickets.iter().filter(|one| one.ticket.brief.workflow.is_none())
    }

    /// Returns whether both would add the same, however the moments differ at which their plans were made.
    pub fn is_same(&self, other: &Self) -> bool {
        let plan = |one: &Self| Plan { created_at: None, ..one.plan.clone() };
        plan(self) == plan(other) && self.is_new == other.is_new && self.settled.tickets == other.settled.tickets
    }

    /// Returns how many tickets it would add.
    pub fn len(&self) -> usize {
        self.settled.tickets.len()
    }

    /// Returns whether it would add nothing.
    pub fn is_empty(&self) -> bool {
        self.settled.tickets.is_empty()
    }

    /// Returns what a person reads before saying yes.
    pub fn review(&self, style: Style) -> String {
        let plan = &self.plan;
        let mut text = format!(
            "plan {}{} · {} · from {}\n",
            plan.id,
            if self.is_new { " (new)" } else { "" },
            plan.repo.as_deref().map_or("no repository".to_owned(), plain),
            plan.base.as_deref().map_or("its default branch".to_owned(), plain),
        );
        let default = plan.workflow.as_ref().map_or(DEFAULT_WORKFLOW, WorkflowName::as_str);
        let rows: Vec<[String; 4]> = self.settled.tickets.iter().map(|one| row(one, default)).collect();
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&table(&rows, style));
        }
        if !self.settled.notes.is_empty() {
            text.push_str("\nto be looked at:\n");
            for note in &self.settled.notes {
                text.push_str(&format!("  {}\n", plain(&note.to_string())));
            }
        }
        text.push('\n');
        text
    }
}

fn is_root(path: &Path) -> bool {
    repository_of(path).is_some_and(|root| path.canonicalize().is_ok_and(|path| path == root))
}

/// Returns the plan that is meant, and whether it has to be made.
fn plan_of(
    fleet: &Fleet,
    around: &Surroundings<'_>,
    source: &Source,
    choices: &Choices,
) -> Result<(Plan, bool), Failure> {
    let words = source.list.plan.clone().unwrap_or_default();
    let Some(id) = words.id.as_ref().filter(|_| choices.plan.is_none()) else {
        let (plan, is_new) = choose_plan(fleet, around, choices.plan.as_deref(), choices.base.as_deref())?;
        return if is_new { Ok((worded(plan, &words, source)?, true)) } else { Ok((plan, false)) };
    };
    if let Some(known) = fleet.plans.keys().find(|known| known.as_str().eq_ignore_ascii_case(&id.text)) {
        return choose_plan(fleet, around, Some(known.as_str()), choices.base.as_deref());
    }
    let repo = match &words.repo {
        Some(repo) if Path::new(&repo.text).is_absolute() => PathBuf::from(&repo.text),
        Some(repo) => {
            let problem = repo.problem(&source.label, format!("`{}` is not an absolute path", repo.text));
            return Err(defective(&source.label, vec![problem.hint("write it from the root on")]));
        }
        None => needed_repository(around.cwd)?,
    };
    let bad = |error: crate::domain::ids::BadName| {
        defective(&source.label, vec![id.problem(&source.label, error.to_string())])
    };
    let plan_id = PlanId::new(id.text.clone()).map_err(bad)?;
    let plan = Plan { id: plan_id, base: choices.base.clone(), ..new_plan(fleet, &repo)? };
    Ok((worded(plan, &words, source)?, true))
}

/// Lays what a list says of a new plan over it.
fn worded(plan: Plan, words: &PlanWords, source: &Source) -> Result<Plan, Failure> {
    let bad = |word: &Marked, error: crate::domain::ids::BadName| {
        defective(&source.label, vec![word.problem(&source.label, error.to_string())])
    };
    let text = |word: &Option<Marked>| word.as_ref().map(|word| word.text.clone());
    let workflow = words.workflow.as_ref();
    let workflow = workflow.map(|word| WorkflowName::new(word.text.clone()).map_err(|error| bad(word, error)));
    let agent = words.agent.as_ref();
    let agent = agent.map(|word| AgentName::new(word.text.clone()).map_err(|error| bad(word, error)));
    Ok(Plan {
        name: text(&words.name).unwrap_or(plan.name),
        workflow: workflow.transpose()?.or(plan.workflow),
        agent: agent.transpose()?.or(plan.agent),
        base: plan.base.or(text(&words.base)),
        worktree_root: text(&words.worktree_root).or(plan.worktree_root),
        ..plan
    })
}

fn defective(label: &str, problems: Vec<Problem>) -> Failure {
    let count = if problems.len() == 1 { "1 defect".to_owned() } else { format!("{} defects", problems.len()) };
    let problems =
        problems.into_iter().map(|problem| Problem { message: plain(&problem.message), ..problem }).collect();
    Failure::problems(format!("`{label}` has {count}, so nothing was added"), problems)
}

fn row(one: &intake::Settling, default: &str) -> [String; 4] {
    let brief = &one.ticket.brief;
    let mut workflow = brief.workflow.as_ref().map_or(default, WorkflowName::as_str).to_owned();
    if let Some(agent) = &brief.agent {
        workflow.push_str(&format!(" · {agent}"));
    }
    if let Some(why) = &one.why {
        workflow.push_str(&format!(" ({})", plain(why)));
    }
    let blockers: Vec<&str> = one.ticket.blocked_by.iter().map(|key| key.ticket.as_str()).collect();
    [brief.key.ticket.to_string(), short_line(&brief.title, MAX_TITLE), workflow, blockers.join(", ")]
}

fn table(rows: &[[String; 4]], style: Style) -> String {
    let header = ["id", "title", "workflow", "blocked by"].map(str::to_owned);
    let mut widths = [0; 4];
    for row in std::iter::once(&header).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |row: &[String; 4]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let body = rows.iter().map(|row| format!("{}\n", line(row)));
    format!("{}\n{}", style.dim(&line(&header)), body.collect::<String>())
}

#[cfg(test)]
mod tests;
