//! `aotui init`: the settings file, and a plan for a repository.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::cli::exit::Failure;
use crate::cli::repository::repository_of;
use crate::cli::steering::Steering;
use crate::config::paths::Places;
use crate::config::settings::Settings;
use crate::domain::command::Command;
use crate::domain::fleet::Fleet;
use crate::domain::ids::PlanId;
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;

/// Longest plan id that is made of a directory's name, in bytes; leaves room for a number.
const MAX_ID: usize = 56;

/// Writes what is not there yet, and says what it did and what comes next.
pub fn init(steering: &mut dyn Steering, places: &Places, state_dir: &Path, dir: &Path) -> Result<String, Failure> {
    if !dir.is_dir() {
        return Err(Failure::usage(format!("`{}` is not a directory", dir.display())));
    }
    let mut said = String::new();
    let written = write_settings(&places.config_file)?;
    let config = places.config_file.display();
    said.push_str(&format!("settings  {config} ({})\n", if written { "written" } else { "was there" }));
    said.push_str(&format!("state     {}\n", state_dir.display()));
    let Some(repo) = repository_of(dir) else {
        said.push_str("plan      none: this is not in a git repository\n\nnext:\n  cd to a repository\n  aotui init\n");
        return Ok(said);
    };
    let known =
        steering.fleet().plans.values().find(|plan| plan.repo.as_deref().map(Path::new) == Some(&repo)).cloned();
    let (plan, made) = match known {
        Some(plan) => (plan, false),
        None => (new_plan(steering.fleet(), &repo)?, true),
    };
    said.push_str(&format!(
        "plan      {} for {} ({})\n\nnext:\n  aotui add \"what is wanted\"\n  aotui\n",
        plan.id,
        repo.display(),
        if made { "made" } else { "was there" }
    ));
    if made {
        steering.command(vec![Command::PutPlan { plan }])?;
    }
    Ok(said)
}

/// Returns a plan for a repository, named after its directory.
pub(super) fn new_plan(fleet: &Fleet, repo: &Path) -> Result<Plan, Failure> {
    let name = repo.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(path) = repo.to_str() else {
        return Err(Failure::usage(format!("the path `{}` is not UTF-8 text", repo.display()))
            .hint("move the repository to another path"));
    };
    Ok(Plan {
        repo: Some(path.to_owned()),
        created_at: Some(Timestamp(jiff::Timestamp::now().as_millisecond())),
        ..Plan::new(free_plan_id(fleet, &name)?, name)
    })
}

/// Makes an id of a directory's name that no plan has.
fn free_plan_id(fleet: &Fleet, name: &str) -> Result<PlanId, Failure> {
    let mut id = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !id.ends_with('.')) {
            id.push(c);
        } else if !id.ends_with('-') {
            id.push('-');
        }
    }
    let id: String = id.trim_matches(['-', '.', '_']).chars().take(MAX_ID).collect();
    let id = id.trim_end_matches(".lock").trim_end_matches(['-', '.', '_']);
    let base = if id.is_empty() { "plan" } else { id };
    let is_free = |id: &PlanId| !fleet.plans.keys().any(|known| known.as_str().eq_ignore_ascii_case(id.as_str()));
    let numbered = (2..1000).map(|n| format!("{base}-{n}"));
    std::iter::once(base.to_owned())
        .chain(numbered)
        .filter_map(|id| PlanId::new(id).ok())
        .find(is_free)
        .ok_or_else(|| Failure::usage(format!("no plan id can be made of `{name}`")))
}

/// Writes the settings file where there is none; returns whether it did.
fn write_settings(path: &Path) -> Result<bool, Failure> {
    let cannot = |error: io::Error| Failure::error(format!("cannot write {}: {error}", path.display()));
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(cannot)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file.write_all(Settings::init_file().as_bytes()).map(|()| true).map_err(cannot),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(cannot(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::verbs::fixtures::InMemory;

    #[test]
    fn a_repository_gets_a_plan_once_and_the_settings_are_not_overwritten() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("shop/.git")).unwrap();
        let home = root.join("home").display().to_string();
        let places = Places::find(None, &root, |name| (name == "AOTUI_HOME").then(|| home.clone())).unwrap();
        let mut house = InMemory(Fleet::default());
        let said = init(&mut house, &places, &places.state_dir, &root.join("shop")).unwrap();
        assert!(
            said.contains("(written)") && said.contains("plan      shop for") && said.contains("aotui add"),
            "{said}"
        );
        fs::write(&places.config_file, "maxConcurrency: 5\n").unwrap();
        let again = init(&mut house, &places, &places.state_dir, &root.join("shop")).unwrap();
        assert_eq!(again.matches("(was there)").count(), 2, "{again}");
        assert_eq!(fs::read_to_string(&places.config_file).unwrap(), "maxConcurrency: 5\n");
        assert_eq!(house.0.plans.len(), 1);
        assert!(init(&mut house, &places, &places.state_dir, &root).unwrap().contains("plan      none"));
    }

    #[test]
    fn any_directory_name_gives_a_valid_id() {
        let mut fleet = Fleet::default();
        for (name, id) in [
            ("shop", "shop"),
            ("My Shop!", "My-Shop"),
            ("..", "plan"),
            ("-rf", "rf"),
            ("a..b", "a.-b"),
            ("x.lock", "x"),
            ("é", "plan"),
        ] {
            assert_eq!(free_plan_id(&fleet, name).unwrap().as_str(), id, "{name}");
        }
        assert!(free_plan_id(&fleet, &"x".repeat(300)).is_ok());
        let plan = new_plan(&fleet, Path::new("/src/shop")).unwrap();
        fleet.plans.insert(plan.id.clone(), plan);
        assert_eq!(free_plan_id(&fleet, "Shop").unwrap().as_str(), "Shop-2");
    }
}
