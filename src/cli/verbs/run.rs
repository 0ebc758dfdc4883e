//! `aotui run`: watches an engine without a screen and decides when it is over.

use std::future::Future;
use std::sync::Once;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::bus::{Batch, Link};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{self, Style, plain};
use crate::cli::progress::Progress;
use crate::cli::steering::{find_plan, find_ticket};
use crate::cli::told::{RunArgs, Until};
use crate::domain::fleet::Fleet;
use crate::domain::ids::TicketKey;
use crate::domain::problem::Problem;
use crate::domain::zone::{Placement, Zone, placement};

/// How long finished tickets may take to have their workspaces removed before it ends anyway.
const TIDY_PATIENCE: Duration = Duration::from_secs(10);

/// What a run works on and when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// These tickets alone; `None` means all there are and will be.
    pub only: Option<Vec<TicketKey>>,
    /// When it ends, where nothing else ends it.
    pub until: Until,
    /// Whether it prints JSON.
    pub json: bool,
}

impl Scope {
    /// Returns what `args` mean in `fleet`. Refuses a plan with defects: `problems` of files below `plan_dir` of it.
    pub fn of(args: &RunArgs, fleet: &Fleet, problems: &[Problem], plans_dir: &str) -> Result<Self, Failure> {
        let mut only = Vec::new();
        if let Some(plan) = &args.plan {
            let plan = find_plan(fleet, plan)?;
            let below = format!("{plans_dir}/{plan}/");
            let defects: Vec<Problem> =
                problems.iter().filter(|problem| problem.file.starts_with(&below)).cloned().collect();
            if !defects.is_empty() {
                return Err(Failure::problems(format!("plan `{plan}` has defects, so it is not run"), defects)
                    .hint("correct the files and run it again"));
            }
            only.extend(fleet.tickets_of(&plan).into_iter().map(|ticket| ticket.brief.key.clone()));
        }
        for ticket in &args.tickets {
            only.push(find_ticket(fleet, ticket)?.brief.key.clone());
        }
        let named = args.plan.is_some() || !args.tickets.is_empty();
        Ok(Self { only: named.then_some(only), until: args.until, json: args.json })
    }

    /// Returns whether it ends by itself, so that ending before is ending early.
    fn has_end(&self) -> bool {
        self.until != Until::Stopped || self.only.is_some()
    }

    fn concerns(&self, key: &TicketKey) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(key))
    }
}

/// Watches until it is over, or until `stop` says so, and returns how it ended.
pub async fn watch(link: &Link, scope: &Scope, stop: impl Future<Output = ()>) -> Result<Exit, Failure> {
    let mut batches = link.subscribe();
    let fleet = link.fleet();
    let mut progress = Progress::new((*fleet).clone(), if scope.json { Style::plain() } else { Style::of_stdout() });
    let mut alive = link.watch();
    tokio::pin!(stop);
    loop {
        if is_over(progress.fleet(), scope) {
            break;
        }
        tokio::select! {
            () = &mut stop => {
                output::note("stopped; agents that run go on, and `aotui` or `aotui run` takes them up again");
                return Ok(if scope.has_end() { Exit::Stopped } else { Exit::Done });
            }
            received = batches.recv() => take(received, &mut progress, link, scope),
            gone = closed(&mut alive) => {
                let () = gone;
                return Err(Failure::error("the engine ended").hint("its log says why"));
            }
        }
    }
    let deadline = tokio::time::Instant::now() + TIDY_PATIENCE;
    while !progress.is_tidy() {
        match tokio::time::timeout_at(deadline, batches.recv()).await {
            Ok(received) => take(received, &mut progress, link, scope),
            Err(_late) => break,
        }
    }
    let summary = Summary::of(progress.fleet(), scope);
    print(&if scope.json { summary.json() } else { summary.table(Style::of_stdout()) });
    if summary.exit == Exit::Stopped {
        output::note("everything is stopped; `aotui resume` lets it go on");
    }
    Ok(summary.exit)
}

fn take(received: Result<std::sync::Arc<Batch>, RecvError>, progress: &mut Progress, link: &Link, scope: &Scope) {
    let Ok(batch) = received else {
        return progress.resync(&link.fleet());
    };
    if batch.live_changed
        && let Some(line) = progress.on_stalled(link.fleet().live.stalled.as_deref())
    {
        output::note(&line);
    }
    for recorded in &batch.events {
        let line = progress.on_event(recorded);
        if scope.json {
            let mut line = serde_json::to_string(recorded).unwrap_or_default();
            line.push('\n');
            print(&line);
        } else if let Some(line) = line {
            print(&line);
        }
    }
}

/// Waits until the engine is gone.
async fn closed(fleets: &mut tokio::sync::watch::Receiver<std::sync::Arc<Fleet>>) {
    while fleets.changed().await.is_ok() {}
}

/// Prints for whoever still reads: a terminal that went away or a disk that is full must not end a run.
fn print(text: &str) {
    static SAID: Once = Once::new();
    if let Err(error) = output::print(text) {
        SAID.call_once(|| tracing::warn!("what happens can no longer be printed: {error}"));
    }
}

fn is_over(fleet: &Fleet, scope: &Scope) -> bool {
    let all_done = || {
        let mut tickets = fleet.tickets.values().filter(|ticket| scope.concerns(&ticket.brief.key));
        tickets.all(|ticket| placement(fleet, ticket).zone == Zone::Done)
    };
    let is_enough = match scope.until {
        Until::Stopped => false,
        Until::Done => !fleet.goes_on_alone(),
        Until::Idle => !fleet.is_busy(),
    };
    fleet.has_stopped() || is_enough || (scope.only.is_some() && all_done())
}

/// How a run ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    #[serde(skip)]
    exit: Exit,
    #[serde(rename = "exit")]
    code: u8,
    tickets: Vec<End>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct End {
    key: TicketKey,
    zone: Zone,
    why: String,
}

impl Summary {
    fn of(fleet: &Fleet, scope: &Scope) -> Self {
        let tickets = fleet.tickets.values().filter(|ticket| scope.concerns(&ticket.brief.key));
        let tickets: Vec<End> = tickets
            .map(|ticket| {
                let Placement { zone, why, .. } = placement(fleet, ticket);
                End { key: ticket.brief.key.clone(), zone, why }
            })
            .collect();
        let left = tickets.iter().any(|end| end.zone != Zone::Done);
        let exit = if fleet.has_stopped() && left {
            Exit::Stopped
        } else if tickets.iter().any(|end| end.zone == Zone::Failed) {
            Exit::TicketFailed
        } else if left {
            Exit::NeedsPerson
        } else {
            Exit::Done
        };
        Self { exit, code: exit.code(), tickets }
    }

    fn json(&self) -> String {
        format!("{}\n", serde_json::json!({ "summary": self }))
    }

    fn table(&self, style: Style) -> String {
        let count = |zone| self.tickets.iter().filter(|end| end.zone == zone).count();
        let mut text = format!("{} of {} complete\n", count(Zone::Done), self.tickets.len());
        for end in self.tickets.iter().filter(|end| end.zone != Zone::Done) {
            let zone = style.zone(end.zone, end.zone.name());
            text.push_str(&format!("  {} {zone}: {}\n", end.key, plain(&end.why)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bus::bus;
    use crate::cli::verbs::fixtures::{fleet, key};
    use crate::domain::event::{Event, Recorded, TicketEvent};
    use crate::domain::mode::Mode;
    use crate::domain::time::Timestamp;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn args(plan: Option<&str>, tickets: &[&str]) -> RunArgs {
        let tickets = tickets.iter().map(|id| (*id).to_owned()).collect();
        RunArgs {
            plan: plan.map(str::to_owned),
            tickets,
            resume: false,
            now: false,
            until: Until::Stopped,
            concurrency: None,
            agent: None,
            json: true,
        }
    }

    #[test]
    fn a_plan_with_defects_is_not_run_and_one_without_is() {
        let fleet = fleet(NOW);
        let bad = Problem::in_file("/state/plans/pay/plan.json", "blockedBy goes in a circle: A → A");
        let failure = Scope::of(&args(Some("pay"), &[]), &fleet, &[bad], "/state/plans").unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains("circle"), "{failure}");
        let other = Problem::in_file("/state/plans/payments/plan.json", "unreadable");
        let scope = Scope::of(&args(Some("pay"), &[]), &fleet, &[other], "/state/plans").unwrap();
        assert_eq!(scope.only.map(|only| only.len()), Some(5));
    }

    #[test]
    fn the_exit_code_says_what_is_left() {
        let fleet = fleet(NOW);
        let exit = |tickets: &[&str]| {
            let scope = Scope::of(&args(None, tickets), &fleet, &[], "").unwrap();
            Summary::of(&fleet, &scope).exit
        };
        assert_eq!(exit(&["PAY-3"]), Exit::Done);
        assert_eq!(exit(&["PAY-3", "PAY-4"]), Exit::NeedsPerson);
        assert_eq!(exit(&["PAY-1"]), Exit::NeedsPerson);
        assert_eq!(exit(&["PAY-1", "PAY-2"]), Exit::TicketFailed);
        assert_eq!(exit(&[]), Exit::TicketFailed);
    }

    #[test]
    fn the_summary_names_what_is_left_and_why() {
        let fleet = fleet(NOW);
        let scope = Scope::of(&args(None, &["PAY-1", "PAY-3", "PAY-4"]), &fleet, &[], "").unwrap();
        insta::assert_snapshot!(Summary::of(&fleet, &scope).table(Style::plain()), @r"
        1 of 3 complete
          pay/PAY-1 respond: wants to use Bash: rm -rf build
          pay/PAY-4 waiting: blocked by PAY-2
        ");
        let expected = r#"{"summary":{"exit":4,"tickets":[{"key":"pay/PAY-1","zone":"respond","why":"wants to use Bash: rm -rf build"},{"key":"pay/PAY-3","zone":"done","why":"complete"},{"key":"pay/PAY-4","zone":"waiting","why":"blocked by PAY-2"}]}}"#;
        assert_eq!(Summary::of(&fleet, &scope).json().trim_end(), expected);
    }

    #[tokio::test]
    async fn it_ends_when_the_ticket_it_was_given_is_complete() {
        let mut fleet = fleet(NOW);
        let scope = Scope::of(&args(None, &["PAY-5"]), &fleet, &[], "").unwrap();
        let (engine, link) = bus(Arc::new(fleet.clone()));
        let watching = tokio::spawn({
            let (link, scope) = (link.clone(), scope.clone());
            async move { watch(&link, &scope, std::future::pending()).await }
        });
        let what = TicketEvent::Completed { needs_attention: false };
        let recorded = Recorded { seq: 1, at: NOW, event: Event::Ticket { key: key("PAY-5"), what } };
        fleet.apply(&recorded);
        tokio::task::yield_now().await;
        engine.publisher.publish(Arc::new(fleet), Batch { events: vec![recorded], live_changed: false });
        assert_eq!(watching.await.unwrap(), Ok(Exit::Done));
    }

    #[tokio::test]
    async fn it_ends_in_error_when_the_engine_does() {
        let fleet = fleet(NOW);
        let scope = Scope { only: None, until: Until::Stopped, json: true };
        let (engine, link) = bus(Arc::new(fleet));
        drop(engine);
        assert_eq!(watch(&link, &scope, std::future::pending()).await.unwrap_err().exit(), Exit::Error);
    }

    #[tokio::test]
    async fn a_stop_is_a_good_end() {
        let (_engine, link) = bus(Arc::new(fleet(NOW)));
        let scope = Scope { only: None, until: Until::Stopped, json: true };
        assert_eq!(watch(&link, &scope, std::future::ready(())).await, Ok(Exit::Done));
    }

    #[tokio::test]
    async fn a_run_that_had_an_end_says_that_it_did_not_come_to_it() {
        let (_engine, link) = bus(Arc::new(fleet(NOW)));
        let scope = Scope { only: None, until: Until::Done, json: true };
        assert_eq!(watch(&link, &scope, std::future::ready(())).await, Ok(Exit::Stopped));
    }

    #[tokio::test]
    async fn it_ends_when_everything_is_stopped_and_nothing_is_at_work_any_more() {
        let mut fleet = fleet(NOW);
        fleet.mode = Mode::Stopped { since: NOW };
        let scope = Scope { only: None, until: Until::Stopped, json: true };
        assert!(!is_over(&fleet, &scope), "PAY-1 and PAY-5 run");
        fleet.tickets.retain(|_, ticket| ticket.progress.status.session().is_none());
        let (_engine, link) = bus(Arc::new(fleet));
        assert_eq!(watch(&link, &scope, std::future::pending()).await, Ok(Exit::Stopped));
    }

    #[test]
    fn a_run_outlasts_a_freeze() {
        let mut fleet = fleet(NOW);
        fleet.mode = Mode::Frozen { since: NOW };
        assert!(!is_over(&fleet, &Scope { only: None, until: Until::Done, json: true }));
    }

    #[test]
    fn until_done_ends_when_everything_left_waits_for_a_person() {
        let mut fleet = fleet(NOW);
        let scope = Scope { only: None, until: Until::Done, json: true };
        assert!(!is_over(&fleet, &scope), "PAY-5 runs");
        fleet.tickets.remove(&key("PAY-5"));
        assert!(is_over(&fleet, &scope), "PAY-1 asks, PAY-2 failed, PAY-4 is blocked by it");
    }
}
