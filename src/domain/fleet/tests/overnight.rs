//! A night of eight hours, simulated: a provider's quota, a dead credential, an agent that falls silent, one that costs too
//! much, one that asks, one that never ends, and a person who has enough to answer in the morning.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::world::{World, decided_again, done, exited, key, phase};
use crate::domain::agent_report::AgentReport;
use crate::domain::agent_run::AgentEnd;
use crate::domain::budget::Budget;
use crate::domain::command::Command;
use crate::domain::effect::{Effect, Report, Signs};
use crate::domain::event::{Event, TicketEvent};
use crate::domain::fleet::Input;
use crate::domain::ids::{AgentName, RequestId, SessionId};
use crate::domain::night::{Day, Minute, Night, ZoneName};
use crate::domain::rules::{Cap, Capped, Rules};
use crate::domain::session::Ask;
use crate::domain::ticket::{Brief, FailureClass};
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;
use crate::domain::workflow::{PhaseKind, Retry};
use crate::domain::zone::Zone;

const MINUTE: u64 = 60;
const HOUR: i64 = 3_600_000;

/// Ten in the evening of the day on which worlds begin.
const EVENING: Timestamp = Timestamp(11 * 24 * HOUR + 22 * HOUR);

/// What an agent does so many seconds after it was started, or last did something.
enum Act {
    /// Ends, after so many tokens.
    Ends(u64),
    /// Is refused, until then where it says so.
    Refused(FailureClass, Option<Timestamp>),
    /// Tells that it used up so many tokens so far, and goes on.
    Uses(u64),
    /// Asks a person.
    Asks,
}

/// Returns what the agents of a ticket do in their session number `n`.
fn script(ticket: &str, n: u32) -> Vec<(u64, Act)> {
    match (ticket, n) {
        ("quota", 1) => {
            let reset = EVENING.plus_millis(4 * HOUR);
            vec![(60 * MINUTE, Act::Refused(FailureClass::UsageLimit, Some(reset)))]
        }
        ("login" | "login2", _) => vec![(MINUTE, Act::Refused(FailureClass::Auth, None))],
        ("silent", 1) | ("endless", _) => Vec::new(),
        ("dear", _) => vec![(10 * MINUTE, Act::Uses(900_000)), (10 * MINUTE, Act::Uses(2_100_000))],
        ("asks", _) => vec![(5 * MINUTE, Act::Asks)],
        _ => vec![(40 * MINUTE, Act::Ends(50_000))],
    }
}

/// The tickets in their order, and whose agent works on them.
const TICKETS: [(&str, &str); 11] = [
    ("quota", "claude"),
    ("claude2", "claude"),
    ("login", "gemini"),
    ("login2", "gemini"),
    ("silent", "codex"),
    ("dear", "codex"),
    ("asks", "pi"),
    ("endless", "pi"),
    ("claude3", "claude"),
    ("codex2", "codex"),
    ("late", "codex"),
];

fn rules() -> Rules {
    let minute = |text| Minute::parse(text).unwrap();
    Rules {
        night: Some(Night {
            start: minute("22:00"),
            drain: minute("05:30"),
            stop: minute("06:00"),
            days: Day::ALL.map(|(_, day)| day).to_vec(),
            zone: ZoneName::new("UTC").unwrap(),
            budget: None,
        }),
        wip_limit: Some(3),
        caps: vec![Cap { of: Capped::Agent, name: "codex".into(), most: 1 }],
        stall_seconds: Some(20 * MINUTE),
        ..Rules::default()
    }
}

/// A world and everything that is going to happen in it by itself.
struct Night8 {
    world: World,
    coming: BTreeMap<(Timestamp, SessionId), Vec<(u64, Act)>>,
    most_at_work: usize,
}

impl Night8 {
    fn spend() -> Self {
        let kind = serde_json::json!({"type": "agent", "prompt": {"from": "inline", "text": "work"}, "agent": null});
        let kind: PhaseKind = serde_json::from_value(kind).unwrap();
        let mut work = phase("work", kind, Some("done"), None);
        work.retry = Retry::new(2, 60);
        let mut world = World::new(vec![work, done()], &[]);
        world.fleet.policy.rules = Arc::new(rules());
        world.fleet.policy.max_concurrency = 3;
        for (n, (ticket, agent)) in TICKETS.into_iter().enumerate() {
            let budget = (ticket == "dear").then(|| Budget { tokens: Some(2_000_000), ..Budget::default() });
            let agent = Some(AgentName::new(agent).unwrap());
            let brief = Brief { agent, budget, ..Brief::new(key(ticket), ticket) };
            world.command(Command::PutTicket { brief, order: n as i64, blocked_by: Vec::new() }).unwrap();
        }
        let mut night = Self { world, coming: BTreeMap::new(), most_at_work: 0 };
        night.until(EVENING.plus_millis(8 * HOUR + 60_000));
        night
    }

    fn until(&mut self, goal: Timestamp) {
        for _ in 0..10_000 {
            self.carry_out();
            let next = self.coming.keys().next().map(|(at, _)| *at);
            let due = self.world.fleet.next_due();
            let Some(at) = next.into_iter().chain(due).min().filter(|at| *at <= goal) else { return };
            let seconds = at.millis_since(self.world.now).div_ceil(1000);
            self.world.pass(seconds);
            if due.is_some_and(|due| due <= self.world.now) {
                self.world.step(Input::Due);
            }
            while let Some(entry) = self.coming.first_entry().filter(|entry| entry.key().0 <= self.world.now) {
                let ((_, session), acts) = entry.remove_entry();
                self.act(session, acts);
            }
        }
        panic!("it goes round and round");
    }

    /// Does what the engine wants done, at once.
    fn carry_out(&mut self) {
        while !self.world.effects.is_empty() {
            for effect in std::mem::take(&mut self.world.effects) {
                match effect {
                    Effect::RunSession { order, .. } => {
                        let ticket = order.session.ticket.ticket.to_string();
                        self.plan(order.session.clone(), script(&ticket, order.session.n));
                    }
                    Effect::Prepare { ticket, .. } => {
                        let result = Ok(self.world.ready());
                        self.world.report(Report::Prepared { key: ticket.brief.key.clone(), result });
                    }
                    Effect::StopSession { session, .. } => {
                        self.coming.retain(|(_, known), _| *known != session);
                        let end = exited(143, self.world.now);
                        self.world.report(Report::SessionEnded { session, end });
                    }
                    Effect::Look { order } => {
                        let busy = order.session != SessionId::new(key("silent"), 1);
                        let signs = Signs { busy, ..Signs::default() };
                        self.world.report(Report::Looked { session: order.session, signs });
                    }
                    _ => {}
                }
            }
            self.most_at_work = self.most_at_work.max(self.at_work());
        }
    }

    fn at_work(&self) -> usize {
        let alone = self.world.fleet.walks().filter(|ticket| ticket.progress.requests.is_empty());
        alone.filter(|ticket| ticket.progress.status.session().is_some()).count()
    }

    fn plan(&mut self, session: SessionId, acts: Vec<(u64, Act)>) {
        if let Some((seconds, _)) = acts.first() {
            self.coming.insert((self.world.now.plus_seconds(*seconds), session), acts);
        }
    }

    fn act(&mut self, session: SessionId, mut acts: Vec<(u64, Act)>) {
        let ticket = session.ticket.ticket.to_string();
        let used = |input| Usage { input, turns: 1, ..Usage::default() };
        match acts.remove(0).1 {
            Act::Ends(tokens) => {
                self.world.agent_ends(&ticket, AgentEnd { usage: used(tokens), ..AgentEnd::default() });
            }
            Act::Refused(class, retry_at) => {
                let failure = Some((class, "refused".to_owned()));
                self.world.agent_ends(&ticket, AgentEnd { failure, retry_at, ..AgentEnd::default() });
            }
            Act::Uses(tokens) => {
                let end = Box::new(AgentEnd { usage: used(tokens), ..AgentEnd::default() });
                self.world.report(Report::Agent { session: session.clone(), report: AgentReport::Used { end } });
            }
            Act::Asks => {
                let ask = Ask::Question { text: "Which of both?".into(), options: Vec::new() };
                let request = RequestId::new("r1").unwrap();
                self.world
                    .report(Report::Agent { session: session.clone(), report: AgentReport::Ask { request, ask } });
            }
        }
        self.plan(session, acts);
    }

    /// Where everything stands, one line each.
    fn told(&self) -> String {
        let line = |(ticket, _): &(&str, &str)| {
            let place = self.world.place(ticket);
            format!("{ticket}: {} {} (begun {:?})\n", place.zone.name(), place.why, self.started(ticket))
        };
        TICKETS.iter().map(line).collect()
    }

    /// How long after the evening a ticket was first started, in minutes.
    fn started(&self, ticket: &str) -> Option<u64> {
        let is_start = |event: &Event| matches!(event, Event::Ticket { key: of, what: TicketEvent::SessionIntended { .. } } if *of == key(ticket));
        let first = self.world.journal.iter().find(|told| is_start(&told.event))?;
        Some(first.at.millis_since(EVENING) / 60_000)
    }
}

#[test]
fn eight_hours_end_as_they_should_and_twice_the_same() {
    let night = Night8::spend();
    let world = &night.world;
    let place = |ticket: &str| world.place(ticket);
    let zones = |zone: Zone| -> Vec<&str> {
        TICKETS.iter().map(|(ticket, _)| *ticket).filter(|ticket| place(ticket).zone == zone).collect()
    };
    assert_eq!(night.most_at_work, 3, "never more than there are places");

    // What went through, although claude was used up from eleven to two and codex fell silent once.
    assert_eq!(zones(Zone::Done), ["quota", "claude2", "silent"], "{}", night.told());
    let quota = &world.ticket("quota").progress.history;
    assert_eq!(quota.iter().map(|entry| entry.started_at.millis_since(EVENING) / 60_000).collect::<Vec<_>>(), [0, 240]);
    assert!(
        world
            .journal
            .iter()
            .any(|told| matches!(&told.event, Event::AccountHeld { account, .. } if account == "claude"))
    );
    let silent = &world.ticket("silent").progress.history;
    assert!(format!("{silent:?}").contains("gave no sign of life for 20 min"), "{silent:?}");

    // What a person finds in the morning.
    assert_eq!(zones(Zone::Respond), ["asks"]);
    assert_eq!(zones(Zone::Failed), ["login", "dear"]);
    assert!(
        place("dear").why.contains("the budget of p/dear is used up: 2.10M tokens of 2.00M tokens"),
        "{}",
        place("dear").why
    );

    // What waits, and why.
    assert!(place("login2").why.contains("gemini is not logged in (see p/login)"), "{}", place("login2").why);
    assert_eq!(place("endless").why, "outside the night window, which starts at 22:00");
    assert_eq!(world.ticket("endless").progress.attempt, 0, "the morning cost it no attempt");
    for ticket in ["claude3", "codex2", "late"] {
        assert_eq!(night.started(ticket), None, "{ticket}: three wait for a person");
    }
    assert!(world.fleet.next_due().is_some_and(|due| due == EVENING.plus_millis(24 * HOUR)));
    decided_again(world);

    let again = Night8::spend();
    assert_eq!(again.world.journal, world.journal);
}
