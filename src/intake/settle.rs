//! Makes new tickets of the items of a list: ids, workflows, agents and blockers, or every reason why not.

use std::collections::{BTreeMap, BTreeSet};

use super::{Item, List, MAX_TITLE, Marked, Need};
use crate::config::fields::Report;
use crate::config::triage::TriageRule;
use crate::config::yaml::Mark;
use crate::domain::agent_run::Face;
use crate::domain::budget::Budget;
use crate::domain::command::NewTicket;
use crate::domain::fleet::{Fleet, circles};
use crate::domain::ids::{AgentName, PlanId, TicketId, TicketKey, WorkflowName};
use crate::domain::plain::{plain_line, short_line};
use crate::domain::plan::PlanEntry;
use crate::domain::problem::{Problem, nearest};
use crate::domain::ticket::Brief;

/// Steps between the orders of two tickets, so that one can be put between them by hand.
const STEP: i64 = 10;

/// Something that a list chooses and that has to be there.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// A workflow.
    Workflow(&'a WorkflowName),
    /// An agent.
    Agent(&'a AgentName),
    /// A repository.
    Repository(&'a str),
}

/// Whether a choice is there, else what is wrong with it and what to do.
pub type Judged = Result<(), (String, String)>;

/// What new tickets are settled on.
pub struct Ground<'a> {
    /// What the user calls the list.
    pub label: &'a str,
    /// How everything stands.
    pub fleet: &'a Fleet,
    /// The plan they belong to; it may be new.
    pub plan: &'a PlanId,
    /// The workflow of all that name none.
    pub workflow: Option<&'a WorkflowName>,
    /// The rules for those that name none, where none is named for all.
    pub triage: &'a [TriageRule],
    /// What was chosen for single tickets that no rule is about, and by whom.
    pub chosen: &'a BTreeMap<TicketId, (WorkflowName, String)>,
    /// Says what is wrong with a choice, and what to do.
    pub judge: &'a dyn Fn(Choice<'_>) -> Judged,
}

/// A new ticket and how it came to be so.
#[derive(Debug, Clone, PartialEq)]
pub struct Settling {
    /// The ticket.
    pub ticket: NewTicket,
    /// Why it has its workflow or agent; `None` where the list or the caller says so, or the plan.
    pub why: Option<String>,
    /// Its labels in the list.
    pub labels: Vec<String>,
}

/// What becomes of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settled {
    /// The new tickets in order.
    pub tickets: Vec<Settling>,
    /// What was left out, and why.
    pub notes: Vec<Problem>,
}

/// Settles a list; every defect is returned with its place.
pub fn settle(list: &List, ground: &Ground<'_>) -> Result<Settled, Vec<Problem>> {
    let mut report = Report::new(ground.label);
    let (left, names) = name_all(list, ground, &mut report);
    let last = ground.fleet.tickets_of(ground.plan).last().map_or(0, |ticket| ticket.order);
    let mut tickets = Vec::new();
    for (n, (item, id)) in left.iter().enumerate() {
        let order = last.saturating_add(STEP.saturating_mul(i64::try_from(n).unwrap_or(i64::MAX).saturating_add(1)));
        tickets.push(one(item, id, order, &names, ground, &mut report));
    }
    circle(&left, &tickets, &mut report);
    let mut notes = list.notes.clone();
    notes.append(&mut report.warnings);
    notes.sort_by_key(|note| (note.line, note.column));
    notes.dedup();
    if report.errors.is_empty() {
        return Ok(Settled { tickets, notes });
    }
    report.errors.sort_by_key(|problem| (problem.line, problem.column));
    Err(report.errors)
}

/// What items call each other.
#[derive(Default)]
struct Names {
    /// The ticket that is meant; `None` where nothing is to be done for the item.
    known: BTreeMap<String, Option<TicketId>>,
    /// Names that several have.
    several: BTreeSet<String>,
}

impl Names {
    fn add(&mut self, name: &str, meant: Option<&TicketId>) {
        let name = name.trim().to_lowercase();
        if self.known.get(&name).is_some_and(|known| known.as_ref() != meant) {
            self.several.insert(name.clone());
        }
        self.known.entry(name).or_insert_with(|| meant.cloned());
    }
}

/// Leaves out what is done or there already, and gives everything else an id.
fn name_all<'l>(list: &'l List, ground: &Ground<'_>, report: &mut Report) -> (Vec<(&'l Item, TicketId)>, Names) {
    let known = ground.fleet.tickets_of(ground.plan);
    let (mut names, mut titles, mut left) = (Names::default(), Names::default(), Vec::new());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for ticket in &known {
        let id = &ticket.brief.key.ticket;
        taken.insert(id.as_str().to_lowercase());
        names.add(id.as_str(), Some(id));
        if let Some(number) = id.as_str().strip_prefix("GH-") {
            names.add(&format!("#{number}"), Some(id));
        }
        titles.add(&ticket.brief.title, Some(id));
    }
    let given: Vec<Option<TicketId>> =
        list.items.iter().map(|item| item.id.as_ref().and_then(|id| valid(id, report))).collect();
    let mut own: BTreeSet<String> = BTreeSet::new();
    for (item, id) in list.items.iter().zip(&given) {
        let title = plain_line(&item.title, MAX_TITLE);
        let skip = |report: &mut Report, why: &str| {
            report.warn(item.at, format!("left out, {why}: “{}”", short_line(&title, 60)), "");
        };
        let there = id.as_ref().filter(|id| taken.contains(&id.as_str().to_lowercase()));
        if let Some(why) = &item.done {
            skip(report, why);
            let names_of = item.id.iter().map(|id| id.text.as_str()).chain(item.alias.as_deref());
            names_of.for_each(|name| names.add(name, there));
        } else if let Some(there) = there {
            skip(report, &format!("plan `{}` has a ticket `{there}` already", ground.plan));
        } else if let (None, Some(Some(same))) = (&item.id, titles.known.get(&title.to_lowercase())) {
            skip(report, &format!("`{same}` of plan `{}` has this title", ground.plan));
        } else if id.as_ref().is_some_and(|id| !own.insert(id.as_str().to_lowercase())) {
            let message = format!("the id `{}` is there twice", id.as_ref().map_or("", TicketId::as_str));
            report.error(item.id.as_ref().map_or(item.at, |id| id.at), message, "give one of them another id");
        } else {
            left.push((item, id.clone()));
        }
    }
    taken.append(&mut own);
    let mut free = (1..=u32::MAX).map(|n| format!("T-{n}")).filter(|id| !taken.contains(&id.to_lowercase()));
    let left: Vec<(&Item, TicketId)> = left
        .into_iter()
        .filter_map(|(item, id)| Some((item, id.or_else(|| TicketId::new(free.next()?).ok())?)))
        .collect();
    for (item, id) in &left {
        names.add(id.as_str(), Some(id));
        item.alias.iter().for_each(|alias| names.add(alias, Some(id)));
        titles.add(&item.title, Some(id));
    }
    // A title is a name only where it is nobody's id.
    for (title, id) in &titles.known {
        if !names.known.contains_key(title) {
            names.add(title, id.as_ref());
            names.several.extend(titles.several.get(title).cloned());
        }
    }
    (left, names)
}

fn valid(id: &Marked, report: &mut Report) -> Option<TicketId> {
    TicketId::new(id.text.clone()).map_err(|bad| report.error(id.at, bad.to_string(), "")).ok()
}

fn one(item: &Item, id: &TicketId, order: i64, names: &Names, ground: &Ground<'_>, report: &mut Report) -> Settling {
    let title = plain_line(&item.title, MAX_TITLE);
    let choose = |word: &Option<Marked>| word.clone().map(|word| (word.text, word.at));
    let (workflow, agent) = (choose(&item.workflow), choose(&item.agent));
    let mut brief = Brief {
        key: TicketKey::new(ground.plan.clone(), id.clone()),
        title,
        description: item.description.clone(),
        acceptance_criteria: item.criteria.clone(),
        link: item.link.clone(),
        repo: item.repo.as_ref().map(|word| word.text.clone()),
        workflow: workflow.and_then(|(text, at)| named(WorkflowName::new(text), at, report)),
        agent: agent.and_then(|(text, at)| named(AgentName::new(text), at, report)),
        face: choose(&item.face).and_then(|(text, at)| face(&text, at, report)),
        budget: choose(&item.budget).and_then(|(text, at)| budget(&text, at, report)),
        branch: item.branch.as_ref().map(|word| word.text.clone()),
        worktree: item.worktree.as_ref().map(|word| word.text.clone()),
    };
    let place = |word: &Option<Marked>| word.as_ref().map_or(item.at, |word| word.at);
    judge(brief.workflow.as_ref().map(Choice::Workflow), place(&item.workflow), ground, report);
    judge(brief.agent.as_ref().map(Choice::Agent), place(&item.agent), ground, report);
    judge(brief.repo.as_deref().map(Choice::Repository), place(&item.repo), ground, report);
    let why = triage(&mut brief, item, ground);
    let mut blocked_by: Vec<TicketKey> = Vec::new();
    for need in &item.needs {
        if let Some(blocker) = resolve(need, id, names, ground, report) {
            let key = TicketKey::new(ground.plan.clone(), blocker);
            if !blocked_by.contains(&key) {
                blocked_by.push(key);
            }
        }
    }
    Settling { ticket: NewTicket { brief, order, blocked_by }, why, labels: item.labels.clone() }
}

fn face(text: &str, at: Mark, report: &mut Report) -> Option<Face> {
    let face = serde_json::from_value(serde_json::Value::from(text)).ok();
    if face.is_none() {
        report.error(at, format!("`face` cannot be `{text}`"), "write `terminal` or `headless`");
    }
    face
}

fn budget(text: &str, at: Mark, report: &mut Report) -> Option<Budget> {
    Budget::parse(text).map_err(|(message, hint)| report.error(at, message, hint)).ok()
}

fn named<T, E: ToString>(name: Result<T, E>, at: Mark, report: &mut Report) -> Option<T> {
    name.map_err(|bad| report.error(at, bad.to_string(), "")).ok()
}

fn judge(choice: Option<Choice<'_>>, at: Mark, ground: &Ground<'_>, report: &mut Report) {
    if let Some(Err((message, hint))) = choice.map(|choice| (ground.judge)(choice)) {
        report.error(at, message, hint);
    }
}

/// Chooses workflow and agent of a ticket that names none, and says why.
fn triage(brief: &mut Brief, item: &Item, ground: &Ground<'_>) -> Option<String> {
    if brief.workflow.is_none() {
        brief.workflow = ground.workflow.cloned();
    }
    if brief.workflow.is_some() && brief.agent.is_some() {
        return None;
    }
    let rule = ground.triage.iter().find(|rule| rule.fits(&brief.title, &item.labels));
    let mut why = None;
    if let Some(rule) = rule {
        if brief.workflow.is_none() && rule.workflow.is_some() {
            brief.workflow.clone_from(&rule.workflow);
            why = Some(rule.words());
        }
        if brief.agent.is_none() && rule.agent.is_some() {
            brief.agent.clone_from(&rule.agent);
            why = Some(rule.words());
        }
    }
    if let (None, Some((workflow, by))) = (&brief.workflow, ground.chosen.get(&brief.key.ticket)) {
        brief.workflow = Some(workflow.clone());
        why = Some(by.clone());
    }
    why
}

/// Returns the ticket that is meant; `None` where it is done, or cannot be found and was not named in so many words.
fn resolve(need: &Need, own: &TicketId, names: &Names, ground: &Ground<'_>, report: &mut Report) -> Option<TicketId> {
    let (typed, at) = (&need.name.text, need.name.at);
    // A ticket of this plan may be named with its plan.
    let plan = format!("{}/", ground.plan).to_lowercase();
    let name = typed.trim().to_lowercase();
    let name = name.strip_prefix(&plan).unwrap_or(&name);
    let why = if names.several.contains(name) {
        "is the name of several"
    } else {
        match names.known.get(name) {
            Some(Some(id)) if id != own => return Some(id.clone()),
            // Nothing is to be done for it, so nothing has to wait.
            Some(None) => return None,
            Some(Some(_)) if !need.explicit => return None,
            Some(Some(_)) => "is the ticket itself",
            None => "is neither in the list nor in the plan",
        }
    };
    if !need.explicit {
        report.warn(at, format!("`{own}` seems to depend on `{typed}`, which {why}: not in blockedBy"), "");
        return None;
    }
    let near = nearest(name, names.known.keys().map(String::as_str));
    let hint = near.map_or("correct or remove it".to_owned(), |near| format!("did you mean `{near}`?"));
    report.error(at, format!("`{own}` is blocked by `{typed}`, which {why}"), hint);
    None
}

fn circle(left: &[(&Item, TicketId)], tickets: &[Settling], report: &mut Report) {
    let entries: Vec<PlanEntry> = tickets
        .iter()
        .map(|Settling { ticket, .. }| PlanEntry {
            ticket_id: ticket.brief.key.ticket.clone(),
            order: ticket.order,
            blocked_by: ticket.blocked_by.iter().map(|key| key.ticket.clone()).collect(),
        })
        .collect();
    for circle in circles(&entries) {
        let path: Vec<&str> = circle.iter().chain(circle.first()).map(TicketId::as_str).collect();
        let at = left.iter().find(|(_, id)| circle.first() == Some(id)).map(|(item, _)| item.at).unwrap_or_default();
        let hint = "none of these tickets could ever start; remove one dependency";
        report.error(at, format!("dependencies go in a circle: {}", path.join(" → ")), hint);
    }
}
