//! Random lives: commands, lost, late, duplicate and reordered reports, and time, on random graphs. After every step
//! the invariants hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::world::{World, approval, done, exited, id, key, phase, poll, script};
use crate::domain::agent_report::AgentReport;
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::effect::{Effect, Report, SessionEnd, Signs};
use crate::domain::event::{Event, Recorded, TicketEvent};
use crate::domain::fleet::{Fleet, Input, Outbox, Replay};
use crate::domain::gate::{Before, Check, CheckReport, Gate, GateResult};
use crate::domain::ids::{AgentName, RequestId, SessionId};
use crate::domain::rules::{AgentRules, Faces, TakesUp};
use crate::domain::session::{Ask, Outcome};
use crate::domain::ticket::{AfterStop, Failure, FailureClass, Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Asks, Phase, PhaseKind, Retry};
use crate::domain::zone::placement;

const TICKETS: [&str; 5] = ["A", "B", "C", "D", "E"];
const PHASES: [&str; 4] = ["p0", "p1", "p2", "done"];

/// What may happen next. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Happening {
    /// The world answers the n-th open effect, well or badly.
    Answer { nth: usize, how: u8 },
    /// The world answers an effect that it answered before.
    Again { nth: usize, how: u8 },
    /// A person does something.
    Act { ticket: usize, action: TicketAction },
    /// The agent says something.
    Say { ticket: usize, what: u8 },
    /// A person does something to everything at once.
    Whole(Whole),
    /// Time passes.
    Wait(u64),
    /// The machine sleeps and its clock is set.
    Jump { stepped: i64, asleep: i64 },
    /// The engine is restarted: effects under way are forgotten.
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Whole {
    Stop,
    StopNow,
    Freeze,
    Resume,
}

fn action() -> impl Strategy<Value = TicketAction> {
    prop_oneof![
        Just(TicketAction::Approve { seen: Seen::default(), note: Some("ok".into()) }),
        Just(TicketAction::Reject { seen: Seen::default(), note: "no".into() }),
        Just(TicketAction::Reply { request: None, text: "blue".into() }),
        Just(TicketAction::Retry { interrupt: true }),
        (0..PHASES.len()).prop_map(|n| TicketAction::Skip { to: id(PHASES[n]) }),
        Just(TicketAction::Pause),
        Just(TicketAction::Resume),
        Just(TicketAction::Stop),
        Just(TicketAction::TakeOver),
        Just(TicketAction::HandBack),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (any::<usize>(), any::<u8>()).prop_map(|(nth, how)| Happening::Answer { nth, how }),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(nth, how)| Happening::Again { nth, how }),
        1 => prop::sample::select(vec![Whole::Stop, Whole::StopNow, Whole::Freeze, Whole::Resume, Whole::Resume])
            .prop_map(Happening::Whole),
        1 => (-100_000_i64..100_000, 0_i64..100_000).prop_map(|(stepped, asleep)| Happening::Jump { stepped, asleep }),
        4 => (0..TICKETS.len(), action()).prop_map(|(ticket, action)| Happening::Act { ticket, action }),
        2 => (0..TICKETS.len(), any::<u8>()).prop_map(|(ticket, what)| Happening::Say { ticket, what }),
        2 => (0_u64..200).prop_map(Happening::Wait),
        1 => Just(Happening::Restart),
    ]
}

fn graph() -> impl Strategy<Value = Vec<Phase>> {
    let edge = || prop::option::of(0..PHASES.len());
    let one = (0_u8..5, edge(), edge(), 1_u32..4, 0_u64..20, prop::option::of(1_u64..100), 1_u32..4);
    prop::collection::vec(one, 3).prop_map(|specs| {
        let mut phases: Vec<Phase> = specs
            .into_iter()
            .enumerate()
            .map(|(n, (kind, ok, bad, attempts, backoff_seconds, timeout_seconds, max_visits))| {
                let kind = match kind {
                    0 => poll(10),
                    1 => approval(Asks::Review),
                    2 => PhaseKind::Agent {
                        prompt: crate::domain::workflow::Prompt::Inline { text: String::new() },
                        agent: None,
                        role: None,
                        face: None,
                        allowed_tools: Vec::new(),
                        max_turns: None,
                        model: None,
                        stronger: Vec::new(),
                        instead: Vec::new(),
                    },
                    _ => script(),
                };
                let mut phase = phase(PHASES[n], kind, ok.map(|n| PHASES[n]), bad.map(|n| PHASES[n]));
                phase.retry = Retry::new(attempts, backoff_seconds);
                phase.timeout_seconds = timeout_seconds;
                phase.max_visits = max_visits;
                if matches!(phase.kind, PhaseKind::Script { .. } | PhaseKind::Agent { .. }) && attempts > 1 {
                    let check = Check::Commit { since_base: true };
                    phase.gates.push(Gate { name: "commit".into(), check, timeout_seconds: 30 });
                }
                phase
            })
            .collect();
        phases.push(done());
        phases
    })
}

/// Five tickets, and an agent that people can take over.
fn world(graph: Vec<Phase>) -> World {
    let mut world = World::new(graph, &[("A", &[]), ("B", &[]), ("C", &["A"]), ("D", &["B", "C"]), ("E", &[])]);
    let agent = AgentName::new("duo").unwrap();
    let takes_up = Some(TakesUp::Conversations);
    let faces = Faces { preferred: None, headless: takes_up, terminal: takes_up };
    let rules = Arc::make_mut(&mut world.fleet.policy.rules);
    rules.default_agent = Some(agent.clone());
    rules.agents.insert(agent, AgentRules { faces, ..AgentRules::default() });
    world
}

/// What gates find.
fn found(passed: bool) -> CheckReport {
    let result = GateResult {
        gate: "commit".into(),
        passed,
        says: "so it is".into(),
        command: None,
        exit_code: None,
        evidence: String::new(),
        tree: "t".into(),
        millis: 1,
        tests: None,
    };
    CheckReport {
        stands: Before { head: "h".into(), tree: "t".into(), ..Before::default() },
        results: vec![result],
        made: Vec::new(),
    }
}

/// The world's answer to an effect.
fn answer(world: &World, effect: &Effect, how: u8) -> Option<Report> {
    let class = if how < 128 { FailureClass::Workspace } else { FailureClass::Infra };
    let failure = || Failure { class, message: "no".into(), evidence: String::new() };
    Some(match effect {
        Effect::Prepare { ticket, .. } => {
            let result = if how.is_multiple_of(5) { Err(failure()) } else { Ok(world.ready()) };
            Report::Prepared { key: ticket.brief.key.clone(), result }
        }
        Effect::RunSession { order, .. } => {
            let looks = order.ticket.progress.proof.step.is_some();
            let end = match how % 8 {
                2.. if looks => SessionEnd::Checked { report: found(how.is_multiple_of(3)) },
                0 => SessionEnd::Vanished,
                1 => SessionEnd::NotStarted { failure: failure() },
                2 => exited(2, world.now),
                3 | 4 => exited(1, world.now),
                _ => exited(0, world.now),
            };
            Report::SessionEnded { session: order.session.clone(), end }
        }
        Effect::KeepRule { .. } => return None,
        Effect::Look { order } => {
            let seen = how.is_multiple_of(3).then_some(world.now);
            let signs = Signs { life: seen, result: seen, busy: how.is_multiple_of(2) };
            Report::Looked { session: order.session.clone(), signs }
        }
        Effect::Question { order } => {
            let result = if how.is_multiple_of(7) { Err(failure()) } else { Ok("good?".into()) };
            Report::Question { key: order.ticket.brief.key.clone(), phase: order.phase.id.clone(), result }
        }
        Effect::ReadList { order } => {
            let items = ["one", "two", "three"].iter().take(usize::from(how % 4)).map(|item| (*item).to_owned());
            let result = if how.is_multiple_of(9) { Err(failure()) } else { Ok(items.collect()) };
            Report::Listed { key: order.ticket.brief.key.clone(), phase: order.phase.id.clone(), result }
        }
        Effect::RemoveWorkspace { ticket, .. } => {
            let key = ticket.brief.key.clone();
            if how.is_multiple_of(2) {
                Report::WorkspaceGone { key, kept_ref: "refs/x".into() }
            } else {
                Report::WorkspaceKept { key, why: "dirty".into() }
            }
        }
        Effect::WatchAsker { session, request } if how.is_multiple_of(2) => {
            Report::Agent { session: session.clone(), report: AgentReport::Withdraw { request: request.clone() } }
        }
        Effect::WatchAsker { .. }
        | Effect::StopSession { .. }
        | Effect::FreezeSession { .. }
        | Effect::DeliverAnswer { .. }
        | Effect::Interrupt { .. }
        | Effect::KeepSession { .. } => return None,
        Effect::LeaveSession { session } => {
            Report::SessionEnded { session: session.clone(), end: exited(i32::from(how % 2), world.now) }
        }
        Effect::Prompt { session, .. } => {
            let result = if how.is_multiple_of(2) { Ok(()) } else { Err("no".into()) };
            Report::Prompted { session: session.clone(), result }
        }
    })
}

/// A life under way.
struct Life {
    world: World,
    open: Vec<Effect>,
    past: Vec<Effect>,
    intended: BTreeSet<String>,
    /// How many seconds each session worked, frozen ones not.
    worked: BTreeMap<SessionId, u64>,
    /// What was last wished for the processes of each session.
    frozen: BTreeMap<SessionId, bool>,
    jumps: i64,
}

impl Life {
    fn new(world: World) -> Self {
        let open = world.effects.clone();
        let (past, intended) = (Vec::new(), BTreeSet::new());
        Self { world, open, past, intended, worked: BTreeMap::new(), frozen: BTreeMap::new(), jumps: 0 }
    }

    fn step(&mut self, input: Input) {
        let before = self.world.fleet.clone();
        let about = about(&input);
        let mut twin = before.clone();
        let out = self.world.step(input.clone());
        let mut again = Outbox::default();
        twin.step(self.world.now, input, &mut again);
        assert_eq!((&twin, &again.events), (&self.world.fleet, &out.events), "the same step gave something else");
        self.open.extend(out.effects.iter().cloned());
        self.check_whole(&out);
        self.check(&before, about.as_deref(), &out);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Answer { nth, how } if !self.open.is_empty() => {
                let effect = self.open.swap_remove(nth % self.open.len());
                if let Some(report) = answer(&self.world, &effect, how) {
                    self.step(Input::Report(report));
                }
                self.past.push(effect);
            }
            Happening::Again { nth, how } if !self.past.is_empty() => {
                let effect = self.past[nth % self.past.len()].clone();
                let alive = matches!(&effect, Effect::RunSession { order, .. }
                    if self.world.fleet.ticket(&order.session.ticket).unwrap().progress.status.session() == Some(&order.session));
                if let Some(report) = answer(&self.world, &effect, how).filter(|_| !alive) {
                    self.step(Input::Report(report));
                }
            }
            Happening::Answer { .. } | Happening::Again { .. } => {}
            Happening::Act { ticket, action } => {
                self.act(TICKETS[ticket], action);
            }
            Happening::Say { ticket, what } => self.say(TICKETS[ticket], what),
            Happening::Whole(what) => self.step(Input::Command(match what {
                Whole::Stop => Command::StopAll { now: false },
                Whole::StopNow => Command::StopAll { now: true },
                Whole::Freeze => Command::FreezeAll,
                Whole::Resume => Command::ResumeAll,
            })),
            Happening::Wait(seconds) => self.wait(seconds),
            Happening::Jump { stepped, asleep } => {
                self.jumps += 1;
                self.world.clock.elapsed += asleep as u64;
                self.world.clock.at = self.world.clock.at.plus_millis(stepped + asleep);
                self.world.now = self.world.clock.at;
                if self.world.fleet.jump(&self.world.clock).is_some() {
                    self.step(Input::Clock(self.world.clock.clone()));
                }
                self.step(Input::Due);
            }
            Happening::Restart => {
                self.past.append(&mut self.open);
                self.step(Input::Recover { wanted: Vec::new() });
            }
        }
    }

    fn say(&mut self, ticket: &str, what: u8) {
        let Some(session) = self.world.status(ticket).session().cloned() else { return };
        let request = RequestId::new(format!("r{}", what % 3)).unwrap();
        let report = match what % 5 {
            4 => AgentReport::Conversation { id: format!("c-{}", what % 2) },
            0 => AgentReport::Progress { text: "busy".into() },
            1 => AgentReport::Ask { request, ask: Ask::Question { text: "which?".into(), options: Vec::new() } },
            2 => AgentReport::Withdraw { request },
            _ => AgentReport::Ask {
                request,
                ask: Ask::Permission { tool: "Bash".into(), detail: "ls".into(), reason: None, target: None },
            },
        };
        self.step(Input::Report(Report::Agent { session, report }));
    }

    fn wait(&mut self, seconds: u64) {
        self.world.pass(seconds);
        if !self.world.fleet.mode.is_frozen() {
            self.worked.values_mut().for_each(|worked| *worked += seconds);
        }
        self.step(Input::Due);
        self.nothing_works_too_long();
    }

    fn act(&mut self, ticket: &str, action: TicketAction) {
        self.step(Input::Command(Command::Ticket { key: key(ticket), action }));
    }

    /// Follows what everything at once is told, and what time each session had.
    fn check_whole(&mut self, out: &Outbox) {
        let fleet = &self.world.fleet;
        for effect in &out.effects {
            if let Effect::FreezeSession { session, frozen } = effect {
                self.frozen.insert(session.clone(), *frozen);
            }
        }
        for recorded in &out.events {
            let Event::Ticket { key, what } = &recorded.event else { continue };
            match what {
                TicketEvent::Started => assert!(fleet.mode.is_working(), "{key} starts"),
                TicketEvent::SessionIntended { session, .. } => {
                    assert!(fleet.mode.is_working(), "{session} starts");
                    self.worked.insert(session.clone(), 0);
                }
                TicketEvent::StopRequested { then: AfterStop::TimedOut } => {
                    let ticket = fleet.ticket(key).unwrap();
                    let phase = fleet.phase_of(ticket).unwrap();
                    let worked = self.worked[ticket.progress.status.session().unwrap()];
                    let late = worked as i64 + self.tolerance() >= timeout(ticket, phase).unwrap() as i64;
                    assert!(phase.is_poll() || late, "{key} worked {worked} s only");
                }
                _ => {}
            }
        }
        for ticket in fleet.tickets.values() {
            if let Status::Running { session, .. } = &ticket.progress.status {
                let frozen = self.frozen.get(session).copied().unwrap_or_default();
                assert_eq!(frozen, fleet.mode.is_frozen(), "{session} is frozen: {frozen}");
            }
            let history = &ticket.progress.history;
            assert!(history.iter().all(|entry| entry.started_at <= entry.ended_at), "time went back: {history:?}");
        }
    }

    /// Small naps and corrections of the clock are not noticed one by one.
    fn tolerance(&self) -> i64 {
        3 * self.jumps
    }

    fn nothing_works_too_long(&self) {
        let fleet = &self.world.fleet;
        for ticket in fleet.tickets.values().filter(|_| !fleet.mode.is_frozen()) {
            let Some((phase, Status::Running { session, .. })) =
                fleet.phase_of(ticket).zip(Some(&ticket.progress.status))
            else {
                continue;
            };
            let Some(timeout) = timeout(ticket, phase).filter(|_| !phase.is_poll()) else { continue };
            let worked = self.worked[session] as i64;
            assert!(worked <= timeout as i64 + self.tolerance(), "{session} works on after {worked} s");
        }
    }

    fn check(&mut self, before: &Fleet, about: Option<&str>, out: &Outbox) {
        let fleet = &self.world.fleet;
        let mut replayed = Fleet { policy: fleet.policy.clone(), ..Fleet::default() };
        self.world.journal.iter().for_each(|recorded| replayed.apply(recorded));
        assert_eq!(replayed.tickets, fleet.tickets, "the journal does not give the fleet");

        let busy = fleet.tickets.values().filter(|ticket| {
            let is_poll = fleet.phase_of(ticket).is_some_and(Phase::is_poll);
            let status = &ticket.progress.status;
            let asks = !ticket.progress.requests.is_empty() || ticket.progress.person_since.is_some();
            matches!(status, Status::Preparing) || (!is_poll && !asks && status.session().is_some())
        });
        let begins = |effect: &Effect| match effect {
            Effect::Prepare { .. } => true,
            Effect::RunSession { order, reattach } => {
                !reattach && !order.phase.is_poll() && order.ticket.progress.person_since.is_none()
            }
            _ => false,
        };
        // Those who were answered go on working beside those who took their places meanwhile.
        let started = out.effects.iter().any(begins);
        assert!(
            !started || busy.count() <= fleet.policy.max_concurrency as usize,
            "something started without a free place"
        );

        for (key, ticket) in &fleet.tickets {
            let _one_zone = placement(fleet, ticket);
            if let Some(session) = ticket.progress.status.session() {
                assert_eq!(session.n, ticket.progress.sessions, "{key} runs an old session");
                let wanted =
                    |effect: &Effect| matches!(effect, Effect::RunSession { order, .. } if order.session == *session);
                assert!(self.open.iter().any(wanted), "{key} runs but nobody will report its end");
            } else {
                assert!(ticket.progress.requests.is_empty(), "{key} asks though nothing runs");
            }
            if let Some(phase) = fleet.phase_of(ticket) {
                let visits = ticket.progress.visits.get(&phase.id).copied().unwrap_or_default();
                assert!(visits <= phase.max_visits, "{key} went round more often than it may");
                let attempts = ticket.progress.attempt;
                assert!(attempts <= phase.retry.attempts, "{key} is tried more often than it may");
                let failed = ticket.progress.history.iter().rev().take_while(|entry| {
                    let since = ticket.progress.phase_since;
                    entry.phase == phase.id && since.is_some_and(|since| entry.started_at > since)
                });
                let failed = failed
                    .filter(|_| self.jumps == 0)
                    .filter(|entry| matches!(entry.outcome, Outcome::Failed { .. }))
                    .count();
                assert!(failed <= phase.retry.attempts as usize, "{key} failed more often than it may");
            }
            if about.is_some_and(|about| about != key.to_string()) {
                let old = before.tickets.get(key).unwrap();
                let started = out.events.iter().any(|recorded| starts(recorded, key));
                assert!(started || old == ticket, "an input about {about:?} changed {key}");
            }
        }
        for effect in &out.effects {
            if let Effect::RunSession { order, reattach: false } = effect {
                assert!(self.intended.insert(order.session.to_string()), "{} is started twice", order.session);
            }
        }
        edges_exist(out, &self.world);
    }
}

/// Returns how long the running session may take.
fn timeout(ticket: &Ticket, phase: &Phase) -> Option<u64> {
    let start = Timestamp(0);
    match ticket.progress.proof.step {
        Some(_) => Some(phase.look_deadline(&[], start).millis_since(start) / 1000),
        None => phase.timeout_seconds.filter(|_| ticket.progress.person_since.is_none()),
    }
}

/// Says whether an event is the dispatcher's doing, which may follow any input.
fn starts(recorded: &Recorded, key: &crate::domain::ids::TicketKey) -> bool {
    matches!(&recorded.event, Event::Ticket { key: about, what: TicketEvent::Started | TicketEvent::Proof { .. } | TicketEvent::SessionIntended { .. } } if about == key)
}

/// The ticket an input is about.
fn about(input: &Input) -> Option<String> {
    match input {
        Input::Command(Command::Ticket { key, .. }) => Some(key.to_string()),
        Input::Report(Report::SessionEnded { session, .. } | Report::Agent { session, .. }) => {
            Some(session.ticket.to_string())
        }
        Input::Report(Report::Prepared { key, .. } | Report::Question { key, .. }) => Some(key.to_string()),
        _ => None,
    }
}

/// Every phase entered without a person's doing is the first one or the target of an edge the file has.
fn edges_exist(out: &Outbox, world: &World) {
    let mut targets: BTreeMap<String, bool> = BTreeMap::new();
    for phase in &world.workflow.phases {
        for target in [&phase.on_success, &phase.on_failure].into_iter().flatten() {
            targets.insert(target.to_string(), true);
        }
    }
    targets.insert(PHASES[0].to_owned(), true);
    for recorded in &out.events {
        if let Event::Ticket { what: TicketEvent::PhaseEntered { phase }, .. } = &recorded.event {
            assert!(targets.contains_key(phase.as_str()), "{phase} was entered but no edge leads there");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_life_keeps_the_invariants(graph in graph(), life in prop::collection::vec(happening(), 1..120)) {
        let world = world(graph);
        let mut at = Life::new(world);
        for happening in life {
            at.happen(happening);
        }
    }

    #[test]
    fn any_life_is_decided_the_same_again(graph in graph(), life in prop::collection::vec(happening(), 1..80)) {
        let world = world(graph);
        let mut at = Life::new(world);
        for happening in life {
            at.happen(happening);
        }
        let steps = at.world.told.len();
        let mut replay = Replay::new(Fleet::default());
        for told in at.world.told {
            prop_assert_eq!(replay.take(told), Ok(()));
        }
        prop_assert_eq!((replay.decided, replay.applied), (steps, 0));
        prop_assert_eq!(&replay.fleet().tickets, &at.world.fleet.tickets);
    }

    /// However it went before: once people answer and the world works, everything comes to an end.
    #[test]
    fn any_life_can_be_brought_to_an_end(graph in graph(), life in prop::collection::vec(happening(), 1..60)) {
        let world = world(graph);
        let mut at = Life::new(world);
        for happening in life {
            at.happen(happening);
        }
        at.step(Input::Command(Command::ResumeAll));
        for _ in 0..400 {
            while let Some(effect) = at.open.pop() {
                if let Some(report) = answer(&at.world, &effect, 6) {
                    at.step(Input::Report(report));
                }
            }
            for ticket in TICKETS {
                match at.world.status(ticket).clone() {
                    Status::Approval { .. } => at.act(ticket, TicketAction::Approve { seen: Seen::default(), note: None }),
                    Status::Failed { .. } => {
                        at.act(ticket, TicketAction::Skip { to: id("done") });
                        if matches!(at.world.status(ticket), Status::Failed { .. }) {
                            at.act(ticket, TicketAction::Retry { interrupt: true });
                        }
                    }
                    _ => {}
                }
                if at.world.ticket(ticket).progress.paused && !matches!(at.world.status(ticket), Status::Complete { .. }) {
                    at.act(ticket, TicketAction::Resume);
                }
            }
            at.wait(1000);
        }
        for ticket in TICKETS {
            prop_assert!(matches!(at.world.status(ticket), Status::Complete { .. }), "{ticket}: {:?}", at.world.status(ticket));
        }
    }
}
