use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::cli::exit::Exit;
use crate::cli::verbs::fixtures::InMemory;
use crate::config::paths::Places;
use crate::domain::fleet::{Fleet, Policy};

struct World {
    _temp: tempfile::TempDir,
    repo: PathBuf,
    settings: Settings,
    library: Library,
    house: InMemory,
}

impl World {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let repo = root.join("My Shop!");
        fs::create_dir_all(repo.join(".git")).unwrap();
        let home = root.join("home").display().to_string();
        let places = Places::find(None, &root, |name| (name == "AOTUI_HOME").then(|| home.clone())).unwrap();
        let settings = Settings::defaults(&places, Path::new("/bin/aotui"));
        let library = Library::new(&settings, "/usr/bin:/bin");
        let house = InMemory(Fleet { policy: Policy { dispatch: false, ..Policy::default() }, ..Fleet::default() });
        Self { _temp: temp, repo, settings, library, house }
    }

    fn add(&mut self, args: &AddArgs) -> Result<String, Failure> {
        let around = Surroundings { settings: &self.settings, library: &self.library, cwd: &self.repo };
        add(&mut self.house, &around, args)
    }
}

fn titled(title: &str) -> AddArgs {
    AddArgs { title: title.into(), workflow: Some("minimal".into()), ..AddArgs::default() }
}

#[test]
fn the_first_ticket_of_a_repository_makes_its_plan_and_the_second_joins_it() {
    let mut world = World::new();
    assert_eq!(
        world.add(&titled("Fix $(touch pwned)")).unwrap(),
        "added My-Shop/T-1 “Fix $(touch pwned)” to a new plan\n"
    );
    let second = AddArgs { blocked_by: vec!["t-1".into()], id: Some("PAY-2".into()), ..titled("Next") };
    assert_eq!(world.add(&second).unwrap(), "added My-Shop/PAY-2 “Next”\n");
    let fleet = &world.house.0;
    let ticket = &fleet.find("pay-2")[0];
    assert_eq!(ticket.blocked_by[0].to_string(), "My-Shop/T-1");
    assert!(ticket.order > fleet.find("t-1")[0].order);
    let plan = fleet.plans.values().next().unwrap();
    assert_eq!(plan.repo.as_deref(), world.repo.to_str());
}

#[test]
fn whatever_is_wrong_is_said_and_nothing_is_made() {
    let cases: Vec<(AddArgs, &str)> = vec![
        (AddArgs { workflow: Some("minimol".into()), ..titled("x") }, "did you mean `minimal`?"),
        (AddArgs { workflow: Some("../x".into()), ..titled("x") }, "workflow name `../x` is not valid"),
        (AddArgs { agent: Some("practise".into()), ..titled("x") }, "did you mean `practice`?"),
        (AddArgs { id: Some("../x".into()), ..titled("x") }, "ticket id `../x` is not valid"),
        (AddArgs { id: Some("-rf".into()), ..titled("x") }, "ticket id `-rf` is not valid"),
        (AddArgs { blocked_by: vec!["T-9".into()], ..titled("x") }, "has no ticket `T-9`"),
        (AddArgs { blocked_by: vec!["other/T-9".into()], ..titled("x") }, "is of another plan"),
        (AddArgs { plan: Some("nope".into()), ..titled("x") }, "there is no plan `nope`"),
        (AddArgs { description: Some("@missing.md".into()), ..titled("x") }, "cannot read the description"),
        (titled(" \n "), "the title is empty"),
    ];
    let mut world = World::new();
    for (args, expected) in cases {
        let failure = world.add(&args).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    assert!(world.house.0.plans.is_empty() && world.house.0.tickets.is_empty());
}

#[test]
fn an_id_that_is_taken_is_refused_whatever_its_case() {
    let mut world = World::new();
    world.add(&AddArgs { id: Some("PAY-1".into()), ..titled("x") }).unwrap();
    let failure = world.add(&AddArgs { id: Some("pay-1".into()), ..titled("y") }).unwrap_err();
    assert!(failure.to_string().contains("has a ticket `pay-1` already"), "{failure}");
    assert_eq!(world.house.0.tickets.len(), 1);
}

#[test]
fn outside_a_repository_it_says_where_to_go() {
    let mut world = World::new();
    world.repo.pop();
    let failure = world.add(&titled("x")).unwrap_err();
    assert!(failure.to_string().contains("is not in a git repository"), "{failure}");
}

#[test]
fn a_plan_whose_repository_is_gone_takes_no_ticket() {
    let mut world = World::new();
    world.add(&titled("x")).unwrap();
    fs::remove_dir_all(world.repo.join(".git")).unwrap();
    let failure = world.add(&AddArgs { plan: Some("my-shop".into()), ..titled("y") }).unwrap_err();
    assert!(failure.to_string().contains("is not a git repository"), "{failure}");
}

#[test]
fn a_description_comes_from_a_file() {
    let mut world = World::new();
    fs::write(world.repo.join("ticket.md"), "all the details").unwrap();
    world.add(&AddArgs { description: Some("@ticket.md".into()), ..titled("x") }).unwrap();
    assert_eq!(world.house.0.find("T-1")[0].brief.description, "all the details");
}

#[test]
fn another_base_than_the_plans_is_refused() {
    let mut world = World::new();
    world.add(&AddArgs { base: Some("develop".into()), ..titled("x") }).unwrap();
    world.add(&AddArgs { base: Some("develop".into()), ..titled("y") }).unwrap();
    let failure = world.add(&AddArgs { base: Some("main".into()), ..titled("z") }).unwrap_err();
    assert!(failure.to_string().contains("lands on develop"), "{failure}");
}

#[test]
fn what_a_ticket_may_use_up_is_said_in_one_line_and_a_slip_adds_nothing() {
    let mut world = World::new();
    let budget = |text: &str| AddArgs { budget: Some(text.into()), ..titled("Tidy up") };
    let failure = world.add(&budget("token=5")).unwrap_err();
    assert_eq!((failure.exit(), failure.to_string().contains("did you mean `tokens`?")), (Exit::Usage, true));
    assert!(world.house.0.tickets.is_empty());
    world.add(&budget("tokens=200k,cost=5")).unwrap();
    let limits = world.house.0.tickets.values().next().unwrap().brief.budget.unwrap();
    assert_eq!((limits.tokens, limits.cost_micros, limits.turns), (Some(200_000), Some(5_000_000), None));
}
