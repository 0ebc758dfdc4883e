use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::house::Instead;
use super::*;
use crate::bus::Link;
use crate::config::paths::Places;
use crate::config::settings::Settings;
use crate::domain::command::Command;
use crate::domain::fleet::Fleet;
use crate::domain::ids::AgentName;
use crate::domain::plan::Plan;

const PATIENCE: Duration = Duration::from_secs(20);

fn house(root: &Path) -> House {
    let root = root.canonicalize().unwrap();
    let at = |name: &str| root.join(name).display().to_string();
    let env: BTreeMap<String, String> = [
        ("AOTUI_HOME".to_owned(), at("home")),
        ("XDG_RUNTIME_DIR".to_owned(), root.display().to_string()),
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
    ]
    .into();
    let places = Places::find(None, &root, |name| env.get(name).cloned()).unwrap();
    let exe = Path::new("/nowhere/aotui").to_path_buf();
    let settings = Settings::defaults(&places, &exe);
    House::new(places, settings, exe, root, env)
}

fn put_plan(id: &str) -> Command {
    let plan: Plan = serde_json::from_value(serde_json::json!({ "id": id, "name": id })).unwrap();
    Command::PutPlan { plan }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Starts an engine. Programs that other tests are starting hold on to the lock of an engine that ended until they run.
async fn start(house: &House) -> compose::Running {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match compose::start(house, None).await {
            Ok(running) => return running,
            Err(failure) => assert!(tokio::time::Instant::now() < deadline, "{failure}"),
        }
        tokio::task::yield_now().await;
    }
}

async fn wait_until(link: &Link, what: &str, met: impl Fn(&Fleet) -> bool) {
    let mut fleets = link.watch();
    let waited = tokio::time::timeout(PATIENCE, fleets.wait_for(|fleet| met(fleet))).await;
    assert!(matches!(waited, Ok(Ok(_))), "never: {what}");
}

fn plans(fleet: &Fleet) -> Vec<&str> {
    fleet.plans.keys().map(|plan| plan.as_str()).collect()
}

#[test]
fn without_an_engine_a_verb_acts_on_the_state_itself() {
    let temp = tempfile::tempdir().unwrap();
    let house = house(temp.path());
    let mut steering = steering::open(&house).unwrap();
    steering.command(vec![put_plan("pay")]).unwrap();
    drop(steering);
    let (fleet, engine) = steering::look(&house).unwrap();
    assert_eq!((plans(&fleet), engine), (vec!["pay"], None));
}

#[test]
fn what_is_refused_leaves_no_trace() {
    let temp = tempfile::tempdir().unwrap();
    let house = house(temp.path());
    let nowhere = Command::ResumePlan { plan: "nowhere".parse().unwrap() };
    let failure = steering::open(&house).unwrap().command(vec![nowhere]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(steering::look(&house).unwrap().0.plans.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_engine_verbs_go_through_it_and_a_second_engine_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let house = house(temp.path());
    let running = start(&house).await;
    let seen = blocking({
        let house = house.clone();
        move || {
            steering::open(&house).unwrap().command(vec![put_plan("pay")]).unwrap();
            steering::look(&house).unwrap().1
        }
    })
    .await;
    assert_eq!(seen, Some(std::process::id()));
    assert_eq!(plans(&running.link.fleet()), ["pay"]);
    let refused = compose::start(&house, None).await.err().unwrap();
    assert_eq!(refused.exit(), Exit::Refused);
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    running.end().await.unwrap();
    assert!(!house.socket().unwrap().exists(), "the socket goes with its engine");
    assert_eq!(plans(&steering::look(&house).unwrap().0), ["pay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_people_write_are_taken_over_and_defects_come_and_go() {
    let temp = tempfile::tempdir().unwrap();
    let house = house(temp.path());
    let running = start(&house).await;
    let plan = house.layout().plans().join("pay");
    std::fs::create_dir_all(plan.join("tickets")).unwrap();
    std::fs::write(plan.join("plan.json"), r#"{ "id": "pay", "name": "Payments", "status": "paused" }"#).unwrap();
    wait_until(&running.link, "the plan", |fleet| plans(fleet) == ["pay"]).await;
    let ticket = plan.join("tickets/PAY-1.json");
    std::fs::write(&ticket, "{").unwrap();
    wait_until(&running.link, "the defect", |fleet| fleet.live.problems.len() == 1).await;
    std::fs::write(&ticket, r#"{ "ticketId": "PAY-1", "title": "Rounding" }"#).unwrap();
    wait_until(&running.link, "the ticket", |fleet| fleet.find("PAY-1").len() == 1 && fleet.live.problems.is_empty())
        .await;
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_says_holds_however_often_the_settings_are_read() {
    let temp = tempfile::tempdir().unwrap();
    let mut house = house(temp.path());
    house.say_instead(Instead { concurrency: Some(1), agent: Some(AgentName::new("practice").unwrap()) });
    let running = start(&house).await;
    std::fs::write(&house.places.config_file, "maxConcurrency: 9\nstallSeconds: 77\n").unwrap();
    wait_until(&running.link, "the edit", |fleet| fleet.policy.rules.stall_seconds == Some(77)).await;
    let policy = running.link.fleet().policy.clone();
    assert_eq!(policy.max_concurrency, 1);
    assert_eq!(policy.rules.default_agent.as_ref().map(AgentName::as_str), Some("practice"));
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn edited_settings_count_at_once_and_defective_ones_change_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let house = house(temp.path());
    let running = start(&house).await;
    let write = |text: &str| std::fs::write(&house.places.config_file, text).unwrap();
    let said = |fleet: &Fleet| fleet.live.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    write("maxConcurrency: 7\n");
    wait_until(&running.link, "the new number", |fleet| fleet.policy.max_concurrency == 7).await;
    write("maxConcurrency: many\n");
    wait_until(&running.link, "the defect", |fleet| said(fleet).contains("config.yaml:1:17:")).await;
    assert_eq!(running.link.fleet().policy.max_concurrency, 7);
    write("maxConcurrency: 2\ntheme: paper\n");
    wait_until(&running.link, "what counts later", |fleet| {
        fleet.policy.max_concurrency == 2 && said(fleet).contains("`theme` counts from the next start on")
    })
    .await;
    write("maxConcurrency: 2\n");
    wait_until(&running.link, "all is well", |fleet| said(fleet).is_empty()).await;
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planner_may_write_the_plan_long_before_its_tickets() {
    let temp = tempfile::tempdir().unwrap();
    let house = house(temp.path());
    let running = start(&house).await;
    let plan = house.layout().plans().join("pay");
    std::fs::create_dir_all(plan.join("tickets")).unwrap();
    let text = r#"{ "id": "pay", "name": "Payments", "status": "paused", "tickets": [
        { "ticketId": "A", "order": 1 }, { "ticketId": "B", "order": 2, "blockedBy": ["A"] }] }"#;
    std::fs::write(plan.join("plan.json"), text).unwrap();
    wait_until(&running.link, "the plan", |fleet| plans(fleet) == ["pay"]).await;
    running.end().await.unwrap();
    let written = std::fs::read_to_string(plan.join("plan.json")).unwrap();
    assert!(written.contains("\"written\"") && written.contains("\"blockedBy\""), "{written}");

    let running = start(&house).await;
    for id in ["B", "A"] {
        let brief = format!(r#"{{ "ticketId": "{id}", "title": "{id}" }}"#);
        std::fs::write(plan.join(format!("tickets/{id}.json")), brief).unwrap();
    }
    wait_until(&running.link, "both tickets", |fleet| fleet.tickets.len() == 2).await;
    let blocked = running.link.fleet().find("B")[0].blocked_by.clone();
    assert_eq!(blocked.iter().map(ToString::to_string).collect::<Vec<_>>(), ["pay/A"]);
    running.end().await.unwrap();
}
