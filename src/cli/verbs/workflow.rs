//! `aotui workflow` and `aotui trust`: what the library has, whether it is sound, and whose files it may use.

use std::path::Path;

use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::cli::repository::needed_repository;
use crate::config::consent::Consent;
use crate::config::library::{Library, Source};
use crate::domain::problem::Problem;

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
