//! Random workflows of all types of phase, walked to their end: lost, late and duplicate reports, and every outcome.
//! However it goes, it halts, keeps its caps, takes no edge that the file does not have, and is decided the same again.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::world::{World, approval, exited, phase, poll, script, workflow};
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::effect::{Effect, Report, SessionEnd};
use crate::domain::event::{Event, TicketEvent};
use crate::domain::fleet::{Fleet, Input, Outbox, Replay};
use crate::domain::ids::{BranchName, PhaseId, TicketKey};
use crate::domain::ticket::{Failure, FailureClass, Status};
use crate::domain::workflow::{Asks, Branch, Items, Join, Phase, PhaseKind, Retry, Workflow};

/// Sessions that may be at work at the same time.
const PLACES: u32 = 2;
/// Far more steps than the bounds of any of these graphs allow.
const MOST_STEPS: usize = 60_000;

/// What a random phase is.
#[derive(Debug, Clone)]
struct Spec {
    kind: u8,
    edges: [Option<usize>; 2],
    attempts: u32,
    visits: u32,
    timeout: Option<u64>,
    below: Vec<Vec<Spec>>,
    join: u32,
}

fn specs(depth: u32) -> BoxedStrategy<Vec<Spec>> {
    let below =
        if depth == 0 { Just(Vec::new()).boxed() } else { prop::collection::vec(specs(depth - 1), 1..3).boxed() };
    let edge = || prop::option::of(0_usize..4);
    let one = (0_u8..9, [edge(), edge()], 1_u32..3, 1_u32..3, prop::option::of(5_u64..90), below, 0_u32..4);
    let spec = one.prop_map(|(kind, edges, attempts, visits, timeout, below, join)| {
        let kind = if below.is_empty() { kind % 5 } else { kind };
        Spec { kind, edges, attempts, visits, timeout, below, join }
    });
    prop::collection::vec(spec, 1..4).boxed()
}

fn graph(specs: &[Spec]) -> Vec<Phase> {
    let name = |n: usize| if n < specs.len() { format!("p{n}") } else { "end".to_owned() };
    let mut phases: Vec<Phase> = specs
        .iter()
        .enumerate()
        .map(|(n, spec)| {
            let [ok, bad] = spec.edges.map(|to| to.map(name));
            let mut phase = phase(&name(n), kind(spec), ok.as_deref(), bad.as_deref());
            phase.retry = Retry { attempts: spec.attempts, ..phase.retry };
            phase.max_visits = spec.visits;
            phase.timeout_seconds = spec.timeout;
            phase
        })
        .collect();
    let needs_attention = specs.len().is_multiple_of(2);
    phases.push(phase("end", PhaseKind::Terminal { needs_attention }, None, None));
    phases
}

fn kind(spec: &Spec) -> PhaseKind {
    let inner = |specs: &Vec<Spec>| workflow(graph(specs));
    match (spec.kind, spec.below.first()) {
        (0, _) => poll(10),
        (1, _) => approval(Asks::Review),
        (5 | 6, Some(_)) => {
            let name = |n: usize| BranchName::new(format!("b{n}")).unwrap();
            let branches =
                spec.below.iter().enumerate().map(|(n, below)| Branch { name: name(n), workflow: inner(below) });
            let branches: Vec<Branch> = branches.collect();
            let join = match spec.join {
                0 => Join::Any,
                1 => Join::Atleast { n: u32::try_from(branches.len()).unwrap() },
                _ => Join::All,
            };
            PhaseKind::Parallel { branches, join, fail_fast: spec.join == 3 }
        }
        (7, Some(below)) => {
            let over = Items::File { path: "list".into(), pointer: None };
            PhaseKind::Foreach { over, body: inner(below), concurrency: spec.join.max(1) }
        }
        (8, Some(below)) => PhaseKind::Workflow { workflow: inner(below) },
        _ => script(),
    }
}

/// Returns the workflow that `key` walks, by what the files say alone.
fn walked(root: &Arc<Workflow>, key: &TicketKey) -> Arc<Workflow> {
    key.walk.iter().fold(Arc::clone(root), |workflow, walk| {
        let below = workflow.phases.iter().find_map(|phase| phase.workflow_below(walk));
        Arc::clone(below.unwrap_or_else(|| panic!("no phase begins {walk}")))
    })
}

struct Walk<'a> {
    world: World,
    open: Vec<Effect>,
    past: Vec<Report>,
    at: BTreeMap<TicketKey, PhaseId>,
    chance: &'a [u8],
    drawn: usize,
}

impl Walk<'_> {
    /// Draws the next number; where there are none left, everything goes well.
    fn draw(&mut self) -> u8 {
        self.drawn += 1;
        self.chance.get(self.drawn - 1).copied().unwrap_or(7)
    }

    fn step(&mut self, input: Input) {
        let out = self.world.step(input);
        self.open.extend(out.effects.iter().cloned());
        self.edges_exist(&out);
        let fleet = &self.world.fleet;
        let starts =
            |effect: &Effect| matches!(effect, Effect::RunSession { order, reattach: false } if !order.phase.is_poll());
        let working = fleet.walks().filter(|ticket| {
            ticket.progress.status.session().is_some() && !fleet.phase_of(ticket).is_some_and(Phase::is_poll)
        });
        assert!(!out.effects.iter().any(starts) || working.count() <= PLACES as usize, "more works than may");
        for ticket in fleet.walks() {
            let key = &ticket.brief.key;
            let Some(phase) = fleet.phase_of(ticket) else { continue };
            let visits = ticket.progress.visits.get(&phase.id).copied().unwrap_or_default();
            assert!(visits <= phase.max_visits, "{key} went round more often than it may");
            assert!(ticket.progress.attempt <= phase.retry.attempts, "{key} is tried more often than it may");
            let joins = matches!(ticket.progress.status, Status::Joining { .. });
            assert!(joins || ticket.progress.walks.open.is_empty(), "{key} went on without its walks");
            if let (PhaseKind::Foreach { concurrency, .. }, true) = (&phase.kind, joins) {
                assert!(
                    ticket.progress.walks.open.len() <= *concurrency as usize,
                    "{key} has more items under way than may"
                );
            }
        }
    }

    /// Every phase that is entered is the first, or the target of an edge of the phase before.
    fn edges_exist(&mut self, out: &Outbox) {
        for recorded in &out.events {
            let Event::Ticket { key, what } = &recorded.event else { continue };
            match what {
                TicketEvent::PhaseEntered { phase } => {
                    let workflow = walked(&self.world.workflow, key);
                    let fits = match self.at.get(key).and_then(|at| workflow.phase(at)) {
                        Some(before) => [&before.on_success, &before.on_failure].contains(&&Some(phase.clone())),
                        None => workflow.first().is_some_and(|first| first.id == *phase),
                    };
                    assert!(fits, "{key} went from {:?} to {phase}, where no edge leads", self.at.get(key));
                    self.at.insert(key.clone(), phase.clone());
                }
                TicketEvent::WalkBegun { walk, .. } => {
                    let below = key.below(walk.clone());
                    self.at.retain(|known, _| !(known.walk.starts_with(&below.walk) && known.root() == below.root()));
                }
                _ => {}
            }
        }
    }

    /// Has the world answer one effect; returns whether there was one.
    fn answer(&mut self) -> bool {
        if self.open.is_empty() {
            return false;
        }
        let nth = usize::from(self.draw()) % self.open.len();
        let effect = self.open.swap_remove(nth);
        let how = self.draw();
        let failure = || Failure { class: FailureClass::Walks, message: "no".into(), evidence: String::new() };
        let report = match &effect {
            Effect::Prepare { ticket, .. } => {
                Some(Report::Prepared { key: ticket.brief.key.clone(), result: Ok(self.world.ready()) })
            }
            Effect::RunSession { order, .. } => {
                let end = match how % 8 {
                    0 => SessionEnd::Vanished,
                    1 | 2 => exited(2, self.world.now),
                    3 => exited(1, self.world.now),
                    _ => exited(0, self.world.now),
                };
                Some(Report::SessionEnded { session: order.session.clone(), end })
            }
            Effect::ReadList { order } => {
                let items = (0..how % 4).map(|n| format!("item {n}")).collect();
                let result = if how.is_multiple_of(7) && how > 0 { Err(failure()) } else { Ok(items) };
                Some(Report::Listed { key: order.ticket.brief.key.clone(), phase: order.phase.id.clone(), result })
            }
            Effect::Question { order } => Some(Report::Question {
                key: order.ticket.brief.key.clone(),
                phase: order.phase.id.clone(),
                result: Ok("good?".into()),
            }),
            _ => None,
        };
        if let Some(report) = report {
            self.step(Input::Report(report.clone()));
            // Once in a while it comes again, now or much later.
            if how.is_multiple_of(5) {
                self.step(Input::Report(report.clone()));
            }
            self.past.push(report);
        }
        if how.is_multiple_of(11) {
            let nth = usize::from(self.draw());
            if let Some(late) = self.past.get(nth % self.past.len().max(1)).cloned() {
                self.step(Input::Report(late));
            }
        }
        if how.is_multiple_of(13) {
            // The engine dies and what was under way is forgotten with it.
            self.open.clear();
            self.step(Input::Recover { wanted: Vec::new() });
        }
        true
    }

    /// Has a person decide something that waits; returns whether there was something.
    fn decide(&mut self) -> bool {
        let waits = self.world.fleet.walks().find(|ticket| matches!(ticket.progress.status, Status::Approval { .. }));
        let Some(key) = waits.map(|ticket| ticket.brief.key.clone()) else { return false };
        let action = match self.draw() % 3 {
            0 => TicketAction::Reject { seen: Seen::default(), note: "no".into() },
            _ => TicketAction::Approve { seen: Seen::default(), note: None },
        };
        self.step(Input::Command(Command::Ticket { key, action }));
        true
    }

    /// Walks until nothing goes on without a person who repairs something.
    fn until_the_end(&mut self) {
        for _ in 0..MOST_STEPS {
            if self.answer() || self.decide() {
                continue;
            }
            match self.world.fleet.next_due() {
                Some(due) => {
                    self.world.pass(due.millis_since(self.world.now).div_ceil(1000).max(1));
                    self.step(Input::Due);
                }
                None => return,
            }
        }
        panic!("it does not halt: {:#?}", self.world.ticket("A").progress);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_workflow_halts_within_its_bounds_and_on_its_edges(
        specs in specs(2),
        chance in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut world = World::new(graph(&specs), &[("A", &[])]);
        world.fleet.policy.max_concurrency = PLACES;
        let open = std::mem::take(&mut world.effects);
        let mut walk = Walk { world, open, past: Vec::new(), at: BTreeMap::new(), chance: &chance, drawn: 0 };
        walk.until_the_end();
        let fleet = &walk.world.fleet;
        let over = fleet.walks().all(|ticket| match &ticket.progress.status {
            Status::Complete { .. } | Status::Failed { .. } => true,
            // Walks below it wait for a person, or for nothing but it.
            Status::Joining { .. } => fleet.below(ticket).iter().any(|walk| matches!(walk.progress.status, Status::Failed { .. })),
            _ => false,
        });
        prop_assert!(over, "{:#?}", walk.world.ticket("A").progress);
        let mut replay = Replay::new(Fleet::default());
        for told in walk.world.told {
            prop_assert_eq!(replay.take(told), Ok(()));
        }
        prop_assert_eq!(&replay.fleet().tickets, &walk.world.fleet.tickets);
    }
}
