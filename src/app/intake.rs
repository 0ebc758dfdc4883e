//! `aotui import`: shows what a list would add, asks, and has it added.

use std::collections::BTreeMap;

use super::house::House;
use super::{needs_commit, say, steering, triage};
use crate::cli::output::Style;
use crate::cli::verbs::add::Surroundings;
use crate::cli::verbs::import::{Choices, Proposal, Source, propose};
use crate::cli::{Exit, Failure, ImportArgs, confirm};
use crate::domain::ids::WorkflowName;

/// Imports a list.
pub(super) fn import(house: &House, args: &ImportArgs) -> Result<Exit, Failure> {
    needs_commit(&house.cwd)?;
    let source = Source::read(&args.file, &house.cwd)?;
    let mut choices = Choices {
        plan: args.plan.clone(),
        workflow: args.workflow.clone().map(WorkflowName::new).transpose()?,
        base: args.base.clone(),
        single: BTreeMap::new(),
    };
    let mut proposals = propose_all(house, std::slice::from_ref(&source), &choices)?;
    if let Some(agent) = &args.triage_by {
        choices.single = triage::ask(house, agent, &proposals)?;
        proposals = propose_all(house, std::slice::from_ref(&source), &choices)?;
    }
    say(&review(&proposals))?;
    if args.dry_run {
        return Ok(Exit::Done);
    }
    take_in(house, &[source], &choices, &proposals, args.yes)
}

/// Says what all lists together would add, as everything stands.
pub(super) fn propose_all(house: &House, sources: &[Source], choices: &Choices) -> Result<Vec<Proposal>, Failure> {
    let (fleet, _) = steering::look(house)?;
    each(house, (*fleet).clone(), sources, choices)
}

fn each(
    house: &House,
    mut fleet: crate::domain::fleet::Fleet,
    sources: &[Source],
    choices: &Choices,
) -> Result<Vec<Proposal>, Failure> {
    let library = house.library();
    let around = Surroundings { settings: &house.settings, library: &library, cwd: &house.cwd };
    let one = |source| {
        let proposal = propose(&fleet, &around, source, choices)?;
        proposal.try_on(&mut fleet)?;
        Ok(proposal)
    };
    sources.iter().map(one).collect()
}

/// Returns what a person reads before saying yes.
pub(super) fn review(proposals: &[Proposal]) -> String {
    proposals.iter().map(|proposal| proposal.review(Style::of_stdout())).collect()
}

/// Asks, unless told not to, and adds everything or nothing.
pub(super) fn take_in(
    house: &House,
    sources: &[Source],
    choices: &Choices,
    shown: &[Proposal],
    yes: bool,
) -> Result<Exit, Failure> {
    let count: usize = shown.iter().map(Proposal::len).sum();
    if count == 0 {
        return say("nothing to add\n");
    }
    let tickets = if count == 1 { "1 ticket".to_owned() } else { format!("{count} tickets") };
    if !yes && !confirm(&format!("Add {tickets}?"), "add `--yes` to add without asking")? {
        return say("nothing was added\n");
    }
    // Whoever reads takes as long as they like, and nobody else waits for that: it is looked at again.
    let _turn = steering::one_at_a_time(house)?;
    let mut steering = steering::open(house)?;
    let now = each(house, steering.fleet().clone(), sources, choices)?;
    if now.len() != shown.len() || !now.iter().zip(shown).all(|(now, shown)| now.is_same(shown)) {
        return Err(Failure::new(Exit::Refused, "the plan changed meanwhile, so nothing was added")
            .hint("do the same again to see what would be added now"));
    }
    steering.command(vec![Proposal::all(&now)])?;
    say(&format!("added {tickets}\n"))
}
