//! The repositories of the plans: whether tickets can work there, and whether their own files may be used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Checked, Ground, Mend};
use crate::cli::verbs::doctor::{Finding, Level};
use crate::config::consent::{Consent, Trust};
use crate::domain::problem::Problem;

/// Looks at each repository with each of the branches its plans start from.
pub(super) async fn check(ground: &Ground<'_>) -> Vec<Checked> {
    let fleet = &ground.fleet;
    let of_plans =
        fleet.plans.values().filter_map(|plan| Some((PathBuf::from(plan.repo.as_ref()?), plan.base.clone())));
    let of_tickets = fleet.tickets.values().filter_map(|ticket| {
        let plan = fleet.plans.get(&ticket.brief.key.plan)?;
        Some((PathBuf::from(ticket.brief.repo.as_ref()?), plan.base.clone()))
    });
    let all: BTreeSet<(PathBuf, Option<String>)> = of_plans.chain(of_tickets).collect();
    let mut found: Vec<Checked> = Vec::new();
    for (repo, base) in &all {
        let shown = repo.display();
        match ground.git.examine(repo, base.as_deref()).await {
            Err(error) => found.push(Finding::fail("repository", error.message, "correct it in plan.json").into()),
            Ok((branch, remarks)) => {
                found.push(Finding::ok("repository", format!("{shown}: tickets start from {branch}")).into());
                found.extend(remarks.into_iter().map(|remark| {
                    let text = format!("{shown}: {}", remark.text);
                    let level = if remark.stops_work { Level::Fail } else { Level::Warn };
                    let finding = Finding { level, ..Finding::warn("repository", text, remark.fix) };
                    match remark.mend {
                        Some(mend) => Checked::mended_by(finding, Mend::Git(mend)),
                        None => finding.into(),
                    }
                }));
            }
        }
    }
    let repos: BTreeSet<&PathBuf> = all.iter().map(|(repo, _)| repo).collect();
    let warned: BTreeSet<(String, Option<String>)> =
        repos.iter().map(|repo| Some(repo.as_path())).chain([None]).flat_map(|repo| warnings(ground, repo)).collect();
    found.extend(repos.into_iter().filter_map(|repo| consent(ground, repo)).map(Checked::from));
    let of_workflow = |(text, fix): (String, Option<String>)| Finding::warn("workflow", text, fix.unwrap_or_default());
    found.extend(warned.into_iter().map(of_workflow).map(Checked::from));
    found
}

/// Lists what is doubtful in the workflows that tickets on `repo` can use, and what to do about it.
fn warnings(ground: &Ground<'_>, repo: Option<&Path>) -> Vec<(String, Option<String>)> {
    let sound = ground.house.library().workflows(repo).into_iter().filter_map(|one| one.result.ok());
    let split = |warning: Problem| (Problem { hint: None, ..warning.clone() }.to_string(), warning.hint);
    sound.flat_map(|loaded| loaded.warnings).map(split).collect()
}

/// Says whether the repository's own files wait for consent.
fn consent(ground: &Ground<'_>, repo: &Path) -> Option<Finding> {
    let shown = repo.display();
    let fix = format!("look at its `.aotui` and `aotui.yaml`, then run `aotui trust {shown}`");
    match Consent::new(&ground.house.settings.state_dir).trust(repo) {
        Ok(Trust::Nothing) => None,
        Ok(Trust::Given) => Some(Finding::ok("trust", format!("you agreed to what {shown} brings"))),
        Ok(Trust::Missing) => {
            Some(Finding::warn("trust", format!("{shown} brings workflows, prompts or scripts"), fix))
        }
        Ok(Trust::Changed) => {
            Some(Finding::warn("trust", format!("what {shown} brings is not what you agreed to"), fix))
        }
        Err(problem) if !repo.is_dir() => {
            tracing::debug!("{problem}");
            None
        }
        Err(problem) => Some(Finding::warn("trust", format!("{shown}: {problem}"), "nothing of it is used until then")),
    }
}
