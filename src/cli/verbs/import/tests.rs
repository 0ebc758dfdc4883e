use std::fs;

use super::*;
use crate::cli::exit::Exit;
use crate::config::library::Library;
use crate::config::paths::Places;
use crate::config::settings::Settings;

struct World {
    _temp: tempfile::TempDir,
    repo: PathBuf,
    settings: Settings,
    library: Library,
    fleet: Fleet,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let repo = root.join("shop");
        fs::create_dir_all(repo.join(".git")).unwrap();
        let home = root.join("home").display().to_string();
        let places = Places::find(None, &root, |name| (name == "AOTUI_HOME").then(|| home.clone())).unwrap();
        let settings = Settings::defaults(&places, Path::new("/bin/aotui"));
        let library = Library::new(&settings, "/usr/bin:/bin");
        Self { _temp: temp, repo, settings, library, fleet: Fleet::default() }
    }

    fn propose(&self, name: &str, text: &str, choices: &Choices) -> Result<Proposal, Failure> {
        fs::write(self.repo.join(name), text).unwrap();
        let around = Surroundings { settings: &self.settings, library: &self.library, cwd: &self.repo };
        propose(&self.fleet, &around, &Source::read(Path::new(name), &self.repo)?, choices)
    }

    fn minimal() -> Choices {
        Choices { workflow: WorkflowName::new("minimal").ok(), ..Choices::default() }
    }
}

#[test]
fn the_review_says_what_would_be_added_and_what_would_not() {
    let world = World::new();
    let text = "- [ ] Sort\n- [ ] Filter, wide 日本 (after: Sort)\n- [x] Gone\n";
    let proposal = world.propose("list.md", text, &World::minimal()).unwrap();
    let review = proposal.review(Style::plain()).replace(&world.repo.display().to_string(), "REPO");
    insta::assert_snapshot!(review, @r"
    plan shop (new) · REPO · from its default branch

      id   title              workflow  blocked by
      T-1  Sort               minimal
      T-2  Filter, wide 日本  minimal   T-1

    to be looked at:
      list.md:3:1: left out, it is checked: “Gone”
    ");
}

#[test]
fn a_list_may_bring_its_plan() {
    let world = World::new();
    let text =
        r#"{"id": "pay", "name": "Payments", "workflow": "minimal", "base": "dev", "tickets": [{"title": "Sort"}]}"#;
    let proposal = world.propose("plan.json", text, &Choices::default()).unwrap();
    assert_eq!((proposal.plan.id.as_str(), proposal.plan.base.as_deref()), ("pay", Some("dev")));
    assert_eq!(proposal.plan.repo.as_deref(), world.repo.to_str());
    let mut fleet = world.fleet.clone();
    proposal.try_on(&mut fleet).unwrap();
    assert_eq!(fleet.tickets.len(), 1);
    let around = Surroundings { settings: &world.settings, library: &world.library, cwd: &world.repo };
    let source = Source::read(Path::new("plan.json"), &world.repo).unwrap();
    assert!(propose(&fleet, &around, &source, &Choices::default()).unwrap().is_empty());
}

#[test]
fn whatever_is_wrong_is_said_with_its_place() {
    let world = World::new();
    for (name, text, expected) in [
        ("a.md", "- [ ] x (workflow: minimol)\n", "a.md:1:20: workflow `minimol` cannot be used"),
        ("a.md", "- [ ] x (agent: practise)\n", "a.md:1:17: there is no agent `practise` (did you mean `practice`?)"),
        ("a.json", "[{\"title\": \"x\",}]", "a.json:1:16: this is not JSON: key must be a string"),
        ("b.json", "{\"id\": \"../x\", \"tickets\": [{\"title\": \"x\"}]}", "b.json:1:8: plan id `../x` is not valid"),
        ("c.json", "{\"id\": \"x\", \"repo\": \"shop\", \"tickets\": [{\"title\": \"x\"}]}", "is not an absolute path"),
        (
            "d.json",
            "{\"tickets\": [{\"title\": \"x\", \"repo\": \"/nowhere\"}]}",
            "d.json:1:37: `/nowhere` is not the root of a git repository",
        ),
        (
            "e.json",
            "{\"tickets\": [{\"title\": \"x\", \"blocked\": 1}]}",
            "e.json:1:40: unknown key `blocked` in a ticket",
        ),
    ] {
        let failure = world.propose(name, text, &World::minimal()).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    let gone = Source::read(Path::new("gone.md"), &world.repo).unwrap_err();
    assert!(gone.to_string().contains("cannot read the list `gone.md`"), "{gone}");
    assert!(Source::read(Path::new("."), &world.repo).is_err());
}
