//! `aotui doctor`: looks at everything that work depends on, and with `--fix` puts right what needs no decision.
//!
//! Owns the list of what is looked at. It works with a defective settings file and beside a running engine: it takes no
//! lock and writes nothing but what `--fix` says.

mod agents;
mod environment;
mod repositories;
mod state;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::house::House;
use super::{block_on, say, steering};
use crate::adapters::workspace::{GitWorkspace, Mend as GitMend};
use crate::cli::output::Style;
use crate::cli::verbs::doctor::{Finding, Report};
use crate::cli::{DoctorArgs, Exit, Failure};
use crate::domain::fleet::Fleet;
use crate::domain::problem::Problem;

/// A finding with what puts it right.
struct Checked {
    finding: Finding,
    mend: Option<Mend>,
}

/// Something that is put right without asking.
enum Mend {
    /// Makes a file or directory the user's alone.
    Private(PathBuf),
    /// Removes a socket nobody listens at.
    Socket(PathBuf),
    /// Something in a repository.
    Git(GitMend),
}

/// Everything the checks look at.
struct Ground<'a> {
    house: &'a House,
    fleet: Arc<Fleet>,
    git: GitWorkspace,
}

impl From<Finding> for Checked {
    fn from(finding: Finding) -> Self {
        Self { finding, mend: None }
    }
}

impl Checked {
    fn mended_by(finding: Finding, mend: Mend) -> Self {
        Self { finding: Finding { fixable: true, ..finding }, mend: Some(mend) }
    }
}

/// Looks at everything, prints what was found, and ends with an error where something fails.
pub(super) fn doctor(config: Option<&Path>, args: &DoctorArgs) -> Result<Exit, Failure> {
    let (house, defects) = House::open_anyway(config)?;
    let looked = steering::look(&house);
    let (fleet, engine) = looked.as_ref().map_or_else(|_| Default::default(), Clone::clone);
    let ground = Ground { house: &house, fleet, git: GitWorkspace::new() };
    let report = block_on(async {
        let mut all = environment::check(&house);
        all.extend(environment::git(&ground.git).await);
        all.extend(settings(&house, &defects));
        all.extend(agents::check(&ground).await);
        all.extend(state::check(&ground, engine, looked.err().map(|failure| failure.to_string())));
        all.extend(repositories::check(&ground).await);
        if args.fix {
            for one in &mut all {
                ground.put_right(one).await;
            }
        }
        Ok(Report { findings: all.into_iter().map(|one| one.finding).collect() })
    })?;
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::error(error.to_string()))?;
        say(&format!("{text}\n"))?;
    } else {
        say(&report.table(Style::of_stdout()))?;
    }
    Ok(report.exit())
}

impl Ground<'_> {
    async fn put_right(&self, one: &mut Checked) {
        let done = match &one.mend {
            None => return,
            Some(Mend::Private(path)) => state::make_private(path),
            Some(Mend::Socket(path)) => super::gc::delete_socket(path),
            Some(Mend::Git(mend)) => self.git.put_right(mend).await.map_err(|error| error.message),
        };
        match done {
            Ok(()) => one.finding.fixed = true,
            Err(why) => one.finding.text.push_str(&format!("; it could not be put right: {why}")),
        }
    }
}

/// Says what is defective in the settings file.
fn settings(house: &House, defects: &[Problem]) -> Vec<Checked> {
    let file = house.places.config_file.display();
    let mut found: Vec<Checked> = defects
        .iter()
        .map(|problem| {
            let fix = problem.hint.clone().unwrap_or_else(|| "correct it".to_owned());
            Finding::fail("settings", Problem { hint: None, ..problem.clone() }.to_string(), fix).into()
        })
        .collect();
    found.extend(house.warnings.iter().map(|problem| {
        let fix = problem.hint.clone().unwrap_or_else(|| "correct it".to_owned());
        Finding::warn("settings", Problem { hint: None, ..problem.clone() }.to_string(), fix).into()
    }));
    if found.is_empty() {
        let text = if house.places.config_file.exists() {
            format!("{file} is sound")
        } else {
            format!("there is no {file}: defaults hold")
        };
        found.push(Finding::ok("settings", text).into());
    }
    found
}
