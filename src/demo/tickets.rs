//! The demo's tickets, as written in `assets/demo/plan.yaml`.

use std::path::{Path, PathBuf};

use color_eyre::eyre::{Result, WrapErr};
use serde::Deserialize;

use super::DemoPlan;
use crate::domain::ids::{AgentName, PhaseId, PlanId, TicketId, TicketKey, WorkflowName};
use crate::domain::plan::{Plan, PlanEntry};
use crate::domain::session::{Answer, Ask};
use crate::domain::ticket::Brief;

const PLAN: &str = include_str!("../../assets/demo/plan.yaml");

/// What a ticket is there to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoStory {
    /// The ticket.
    pub ticket: TicketId,
    /// What it shows, in a few words that follow the ticket's name.
    pub shows: String,
    /// What a person has to do until it has landed, in this order.
    pub expects: Vec<Expectation>,
}

/// Something a person has to do; where nobody is there, what stands here is done instead.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Expectation {
    /// Its agent asks for a permission: allow it.
    Permission,
    /// Its agent asks a question: give the first suggested answer.
    Question,
    /// This phase waits for an approval: approve it.
    Approval(PhaseId),
    /// It fails: try again, once.
    Failure,
}

impl Expectation {
    /// Returns the scripted answer to what an agent asks; `None` where this is not what was expected.
    pub fn answer(&self, ask: &Ask) -> Option<Answer> {
        match (self, ask) {
            (Self::Permission, Ask::Permission { .. }) => Some(Answer::Allow),
            (Self::Question, Ask::Question { options, .. }) => {
                Some(Answer::Reply { text: options.first().cloned().unwrap_or_else(|| "yes".into()) })
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    id: TicketId,
    title: String,
    workflow: WorkflowName,
    #[serde(default)]
    blocked_by: Vec<TicketId>,
    shows: String,
    #[serde(default)]
    expects: Vec<Expectation>,
    description: String,
    #[serde(default)]
    acceptance_criteria: Vec<String>,
    story: String,
}

/// Returns the plan for the repository `repo` in the sandbox `root`.
pub(super) fn load(root: PathBuf, repo: &Path) -> Result<DemoPlan> {
    let written: Vec<Written> = serde_saphyr::from_str(PLAN).wrap_err("the demo's plan is not readable")?;
    let id = PlanId::new("demo")?;
    let agent = AgentName::new("practice")?;
    let mut plan = Plan {
        repo: Some(text(repo)?),
        workflow: Some(WorkflowName::new("demo")?),
        agent: Some(agent),
        base: Some("main".into()),
        worktree_root: Some(text(&root.join("worktrees"))?),
        ..Plan::new(id.clone(), "A ledger for the kitchen table")
    };
    let (mut briefs, mut stories) = (Vec::new(), Vec::new());
    for (order, ticket) in (10..).step_by(10).zip(written) {
        let Written { id: ticket_id, blocked_by, shows, expects, .. } = &ticket;
        plan.tickets.push(PlanEntry { ticket_id: ticket_id.clone(), order, blocked_by: blocked_by.clone() });
        stories.push(DemoStory { ticket: ticket_id.clone(), shows: shows.clone(), expects: expects.clone() });
        briefs.push(brief(&id, ticket));
    }
    Ok(DemoPlan { root, plan, briefs, stories })
}

fn brief(plan: &PlanId, ticket: Written) -> Brief {
    Brief {
        description: format!("{}\n````practice\n{}````\n", ticket.description, ticket.story),
        acceptance_criteria: ticket.acceptance_criteria,
        workflow: Some(ticket.workflow),
        ..Brief::new(TicketKey::new(plan.clone(), ticket.id), ticket.title)
    }
}

/// Returns a path as the text that plans hold.
fn text(path: &Path) -> Result<String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| color_eyre::eyre::eyre!("the path {} is not UTF-8: name another directory", path.display()))
}
