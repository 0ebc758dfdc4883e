//! `aotui workflow` and `aotui trust`: what the library has, whether it is sound, and whose files it may use.

mod graph;
mod simulate;

use std::path::Path;

use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::cli::repository::needed_repository;
use crate::config::consent::Consent;
use crate::config::library::{Library, Source};
use crate::domain::problem::Problem;
use crate::domain::workflow::Workflow;

/// Lists the workflows that tickets on `repo` can use.
pub fn list(library: &Library, repo: Option<&Path>) -> String {
    let listed = library.workflows(repo);
    let widest = listed.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for one in listed {
        let source = match one.source {
            Source::Repository => "repository",
            Source::User => "user",
            Source::Bundled => "bundled",
        };
        let about = match one.result {
            Ok(loaded) => plain(&loaded.value.description),
            Err(problems) => problems.first().map(|first| format!("defective: {first}")).unwrap_or_default(),
        };
        let line = format!("{:widest$}  {source:10}  {about}", plain(&one.name));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Checks one file, or every workflow that tickets on `repo` can use; says what is sound, fails with every defect.
pub fn check(library: &Library, repo: Option<&Path>, file: Option<&Path>) -> Result<String, Failure> {
    let mut said = String::new();
    let mut defects: Vec<Problem> = Vec::new();
    let results = match file {
        Some(file) => vec![library.check(repo, file)],
        None => library.workflows(repo).into_iter().map(|one| one.result).collect(),
    };
    for result in results {
        match result {
            Ok(loaded) => {
                said.push_str(&format!("{}: {} phases, no defects\n", loaded.value.name, loaded.value.phases.len()));
                for warning in loaded.warnings {
                    said.push_str(&format!("  warning: {}\n", plain(&warning.to_string())));
                }
            }
            Err(problems) => defects.extend(problems),
        }
    }
    if defects.is_empty() {
        return Ok(said);
    }
    let defects_are = if defects.len() == 1 {
        "there is 1 defect".to_owned()
    } else {
        format!("there are {} defects", defects.len())
    };
    Err(Failure::problems(defects_are, defects))
}

/// Returns the workflow called `name`, or the one in the file of that path.
fn found(library: &Library, repo: Option<&Path>, name: &str) -> Result<Workflow, Failure> {
    let path = Path::new(name);
    let is_file = name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml");
    let read =
        if is_file { library.check(repo, path).map(|loaded| loaded.value) } else { library.workflow(repo, name) };
    read.map_err(|problems| Failure::problems(format!("`{}` cannot be read", plain(name)), problems))
}

/// Says what a workflow does, phase by phase.
pub fn show(library: &Library, repo: Option<&Path>, name: &str) -> Result<String, Failure> {
    let workflow = found(library, repo, name)?;
    let mut text = format!("{}: {}\n\n", workflow.name, plain(&workflow.description));
    text.push_str(&graph::drawn(&workflow));
    text.push_str("\nlimits\n");
    for phase in &workflow.phases {
        let mut said = vec![format!("at most {} visits", phase.max_visits)];
        if phase.retry.attempts > 1 {
            said.push(format!("{} attempts", phase.retry.attempts));
        }
        said.extend(phase.timeout_seconds.map(|seconds| format!("{seconds} s each")));
        if !phase.gates.is_empty() {
            said.push(format!("{} gates", phase.gates.len()));
        }
        if !phase.capture.is_empty() {
            let keys: Vec<&str> = phase.capture.keys().map(String::as_str).collect();
            said.push(format!("captures {}", keys.join(", ")));
        }
        text.push_str(&format!("  {}: {}\n", phase.id, said.join(", ")));
    }
    Ok(text)
}

/// Draws a workflow's graph.
pub fn graph(library: &Library, repo: Option<&Path>, name: &str, mermaid: bool) -> Result<String, Failure> {
    let workflow = found(library, repo, name)?;
    Ok(if mermaid { graph::mermaid(&workflow) } else { graph::drawn(&workflow) })
}

/// Walks a workflow without running anything.
pub fn simulate(
    library: &Library,
    repo: Option<&Path>,
    name: &str,
    outcomes: &[String],
    items: usize,
) -> Result<String, Failure> {
    simulate::told(&found(library, repo, name)?, &simulate::choices(outcomes)?, items)
}

/// Agrees to what a repository brings, and says to what.
pub fn trust(state_dir: &Path, dir: &Path) -> Result<String, Failure> {
    let repo = needed_repository(dir)?;
    let given = Consent::new(state_dir).give(&repo);
    match given.map_err(|problem| Failure::problems("the consent cannot be recorded", vec![problem]))? {
        Some(digest) => Ok(format!(
            "the workflows, prompts and scripts of {} may be used as they are now ({})\n",
            repo.display(),
            digest.chars().take(12).collect::<String>()
        )),
        None => Ok(format!("{} brings no workflows, prompts or scripts: nothing to agree to\n", repo.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::exit::Exit;
    use crate::config::paths::Places;
    use crate::config::settings::Settings;

    fn library(root: &Path) -> Library {
        let home = root.join("home").display().to_string();
        let places = Places::find(None, root, |name| (name == "AOTUI_HOME").then(|| home.clone())).unwrap();
        Library::new(&Settings::defaults(&places, Path::new("/bin/aotui")), "/usr/bin:/bin")
    }

    #[test]
    fn the_bundled_workflows_are_listed_and_sound() {
        let temp = tempfile::tempdir().unwrap();
        let library = library(temp.path());
        let listed = list(&library, None);
        assert!(listed.lines().any(|line| line.starts_with("minimal") && line.contains("bundled")), "{listed}");
        assert!(check(&library, None, None).unwrap().contains("minimal: "));
    }

    #[test]
    fn a_defective_file_is_pointed_at() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("mine.yaml");
        fs::write(&file, "name: mine\nphases:\n  - id: a\n    type: script\n    run: 'true'\n    onSuccess: nowhere\n")
            .unwrap();
        let failure = check(&library(temp.path()), None, Some(&file)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains("mine.yaml:6:"), "{failure}");
    }

    #[test]
    fn a_workflow_is_shown_drawn_and_walked_without_running_anything() {
        let temp = tempfile::tempdir().unwrap();
        let library = library(temp.path());
        let drawn = graph(&library, None, "standard", false).unwrap();
        assert!(drawn.contains("┌ implement  agent: implement.md"), "{drawn}");
        assert!(drawn.contains("success ↓ review   failure ↑ implement"), "{drawn}");
        assert!(show(&library, None, "standard").unwrap().contains("implement: at most 5 visits, 3600 s each"));
        let roles = show(&library, None, "six-roles").unwrap();
        assert!(roles.contains("architect  agent: architect, document.md"), "{roles}");
        let mermaid = graph(&library, None, "standard", true).unwrap();
        assert!(mermaid.contains("test -. failure .-> implement"), "{mermaid}");
        let outcomes = |given: &[&str]| given.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let walked = simulate(&library, None, "standard", &outcomes(&["test=fail,pass", "review=pass"]), 3).unwrap();
        let lines: Vec<&str> = walked.lines().collect();
        assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["test", "script", "fail", "→", "implement"]);
        assert_eq!(lines.last(), Some(&"complete"), "{walked}");
        let left = simulate(&library, None, "standard", &outcomes(&["test=fail,fail,fail,fail,fail"]), 3).unwrap();
        assert!(left.ends_with("as often as its maxVisits allows\n"), "{left}");
        let unknown = simulate(&library, None, "standard", &outcomes(&["tset=fail"]), 3).unwrap_err();
        assert!(unknown.to_string().contains("no phase `tset` was tried"), "{unknown}");
        assert!(simulate(&library, None, "standard", &outcomes(&["test"]), 3).is_err());
        assert!(graph(&library, None, "standrad", false).unwrap_err().to_string().contains("standard"));
    }

    #[test]
    fn trust_says_what_it_agreed_to() {
        let temp = tempfile::tempdir().unwrap();
        let repo = temp.path().join("repo");
        fs::create_dir_all(repo.join(".git")).unwrap();
        assert!(trust(temp.path(), &repo).unwrap().contains("nothing to agree to"));
        fs::create_dir_all(repo.join(".aotui/workflows")).unwrap();
        fs::write(repo.join(".aotui/workflows/w.yaml"), "name: w\n").unwrap();
        assert!(trust(temp.path(), &repo).unwrap().contains("may be used as they are now"));
        assert!(trust(temp.path(), &temp.path().join("gone")).is_err());
    }
}
