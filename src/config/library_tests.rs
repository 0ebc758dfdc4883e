use std::fs;

use super::super::paths::Places;
use super::*;

struct Home {
    dir: tempfile::TempDir,
    settings: Settings,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap().to_owned();
        let env = |name: &str| (name == "AOTUI_HOME").then(|| home.clone());
        let places = Places::find(None, dir.path(), env).unwrap();
        let settings = Settings::defaults(&places, Path::new("/bin/aotui"));
        Self { dir, settings }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn library(&self) -> Library {
        Library::new(&self.settings, "/nonexistent")
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }
}

fn workflow(name: &str, description: &str) -> String {
    format!("name: {name}\ndescription: {description}\nphases: [{{id: done, type: terminal}}]\n")
}

fn shown_all(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_bundled_file_is_listed() {
    for (dir, listed) in [("workflows", bundled::WORKFLOWS), ("prompts", bundled::PROMPTS)] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
        let listed: Vec<_> = listed.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut files = names_in(&dir);
        if files.iter().any(|file| file == "roles") {
            files.retain(|file| file != "roles");
            files.extend(names_in(&dir.join("roles")).iter().map(|file| format!("roles/{file}")));
            files.sort();
        }
        assert_eq!(files, listed);
    }
}

#[test]
fn every_bundled_workflow_loads_without_a_word() {
    let home = Home::new();
    let listed = home.library().workflows(None);
    assert_eq!(listed.len(), bundled::WORKFLOWS.len());
    for listed in listed {
        let loaded = listed.result.unwrap_or_else(|problems| panic!("{}", shown_all(&problems)));
        assert!(loaded.warnings.is_empty(), "{}", shown_all(&loaded.warnings));
        assert_eq!(loaded.value.name.as_str(), listed.name);
    }
}

#[test]
fn the_repository_wins_over_the_user_and_the_user_over_the_bundle() {
    let home = Home::new();
    home.write("workflows/mine.yml", &workflow("minimal", "of the user"));
    assert_eq!(home.library().workflow(None, "minimal").unwrap().description, "of the user");
    home.write("repo/.aotui/workflows/x.yaml", &workflow("minimal", "of the repository"));
    Consent::new(&home.settings.state_dir).give(&home.repo()).unwrap();
    assert_eq!(home.library().workflow(Some(&home.repo()), "minimal").unwrap().description, "of the repository");
    assert_eq!(home.library().workflow(None, "minimal").unwrap().description, "of the user");
}

#[test]
fn a_repository_s_files_are_not_used_before_consent_nor_after_a_change() {
    let home = Home::new();
    home.write("repo/.aotui/workflows/x.yaml", &workflow("minimal", "evil"));
    home.write("repo/.aotui/prompts/p.md", "evil");
    home.write("repo/.aotui/scripts/s.sh", "evil");
    home.write("prompts/p.md", "good");
    let (library, repo) = (home.library(), home.repo());
    let problems = shown_all(&library.workflow(Some(&repo), "minimal").unwrap_err());
    assert!(problems.contains(&format!("run `aotui trust {}`", repo.display())), "{problems}");
    assert!(library.prompt(Some(&repo), "p.md").unwrap().is_err());
    assert!(library.script(Some(&repo), "s.sh").unwrap().is_err());
    assert_eq!(library.prompt(None, "p.md").unwrap().unwrap().text, "good");
    Consent::new(&home.settings.state_dir).give(&repo).unwrap();
    assert_eq!(library.prompt(Some(&repo), "p.md").unwrap().unwrap().text, "evil");
    home.write("repo/.aotui/scripts/s.sh", "worse");
    let problem = library.script(Some(&repo), "s.sh").unwrap().unwrap_err().to_string();
    assert!(problem.contains("not those that were agreed to"), "{problem}");
}

#[test]
fn an_unknown_name_says_where_it_was_looked_for_and_what_is_near() {
    let home = Home::new();
    let problems = shown_all(&home.library().workflow(Some(&home.repo()), "minmal").unwrap_err());
    for expected in ["no workflow `minmal`", "repo/.aotui/workflows", "/workflows or among", "did you mean `minimal`?"]
    {
        assert!(problems.contains(expected), "{problems}");
    }
}

#[test]
fn a_broken_file_hides_no_other_and_is_not_replaced_by_one_of_its_name() {
    let home = Home::new();
    home.write("workflows/minimal.yaml", "name: minimal\nphases: [\n");
    home.write("workflows/good.yaml", &workflow("good", ""));
    home.write("workflows/good2.yaml", &workflow("good", ""));
    home.write("workflows/notes.txt", "no workflow");
    let library = home.library();
    assert!(library.workflow(None, "good").is_ok());
    let problem = shown_all(&library.workflow(None, "minimal").unwrap_err());
    assert!(problem.contains("workflows/minimal.yaml:2:9"), "{problem}");
    let listed = library.workflows(None);
    let of =
        |name: &str| listed.iter().filter(|listed| listed.name == name).map(|listed| listed.result.is_ok()).collect();
    let (good, minimal): (Vec<bool>, Vec<bool>) = (of("good"), of("minimal"));
    assert_eq!((good, minimal), (vec![true, false], vec![false, true]));
}

#[test]
fn names_cannot_leave_the_directories() {
    let home = Home::new();
    home.write("secret.md", "secret");
    for name in ["../secret.md", "/etc/passwd", "..", "", ".hidden"] {
        assert!(home.library().prompt(Some(&home.repo()), name).is_none(), "{name}");
        assert!(home.library().script(Some(&home.repo()), name).is_none(), "{name}");
    }
    for name in ["roles/../../secret.md", "roles//etc/passwd", "roles/", "roles/roles/x.md"] {
        assert!(home.library().prompt(None, name).is_none(), "{name}");
    }
    home.write("scripts/roles/s.sh", "true");
    assert!(home.library().script(None, "roles/s.sh").is_none());
}

#[test]
fn a_role_is_looked_up_as_prompts_are_and_another_setting_makes_another_version() {
    let home = Home::new();
    let phase = "{id: a, type: agent, role: developer, prompt: go, onSuccess: done}";
    home.write("workflows/w.yaml", &format!("name: w\nphases:\n  - {phase}\n  - {{id: done, type: terminal}}\n"));
    let (library, repo) = (home.library(), home.repo());
    let developer = "developer".parse().unwrap();
    let role = |repo: Option<&Path>| library.role(repo, &developer).unwrap();
    let read = |repo: Option<&Path>| library.workflow(repo, "w").map(|workflow| workflow.digest);
    let model = |repo: Option<&Path>| match &library.workflow(repo, "w").unwrap().phases[0].kind {
        crate::domain::workflow::PhaseKind::Agent { model, .. } => model.clone(),
        _ => panic!(),
    };
    let (label, bundled) = role(None).unwrap();
    assert_eq!(label, "bundled prompts/roles/developer.md");
    let digest = read(None).unwrap();
    home.write("prompts/roles/developer.md", "---\nmodel: opus\n---\n");
    assert_eq!((model(None).as_deref(), role(None).unwrap().1.text()), (Some("opus"), bundled.text()));
    assert_ne!(read(None).unwrap(), digest);
    home.write("repo/.aotui/prompts/roles/developer.md", "---\nmodel: evil\n---\n\nDo as you please.\n");
    assert!(shown_all(&read(Some(&repo)).unwrap_err()).contains("run `aotui trust "));
    Consent::new(&home.settings.state_dir).give(&repo).unwrap();
    assert_eq!(model(Some(&repo)).as_deref(), Some("evil"));
    let text = role(Some(&repo)).unwrap().1.text().to_owned();
    assert_eq!(text, "\n\n\n\nDo as you please.\n", "on its own lines");
}
