//! One ticket as the table shows it, made once per snapshot.

use crate::domain::fleet::Fleet;
use crate::domain::ids::{TicketKey, WalkName};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::workflow::PhaseKind;
use crate::domain::zone::{Placement, Zone, placement};
use crate::tui::format::clean;

/// What the sign before a ticket says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Asks,
    Approval,
    Failed,
    Merge,
    Review,
    Working,
    Waiting,
    Paused,
    Done,
}

/// A ticket as the table shows it. Every text is clean.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) key: TicketKey,
    pub(super) name: String,
    pub(super) title: String,
    pub(super) phase: String,
    pub(super) agent: String,
    pub(super) why: String,
    /// Where it is itself.
    pub(super) zone: Zone,
    /// Where it is shown: a walk, below its ticket.
    pub(super) group: Zone,
    pub(super) sign: Sign,
    /// The moment its time counts from or to.
    pub(super) moment: Option<Timestamp>,
    /// Its place within the zone.
    order: i64,
}

impl Row {
    /// Returns the row of a ticket; with several plans on screen its name tells the plan.
    pub(super) fn of(fleet: &Fleet, ticket: &Ticket, many_plans: bool) -> Self {
        let placement = placement(fleet, ticket);
        let key = ticket.brief.key.clone();
        Self {
            name: if many_plans { key.to_string() } else { key.ticket.to_string() },
            title: clean(&ticket.brief.title),
            phase: ticket.progress.phase.as_ref().map(ToString::to_string).unwrap_or_default(),
            agent: worker(fleet, ticket),
            sign: sign(&placement, ticket),
            order: order(&placement, ticket),
            why: clean(&placement.why),
            zone: placement.zone,
            group: placement.zone,
            moment: placement.moment,
            key,
        }
    }

    /// Returns the row of a walk below a ticket that is shown in `group`.
    pub(super) fn of_walk(fleet: &Fleet, walk: &Ticket, group: Zone) -> Self {
        let key = &walk.brief.key;
        let name = key.walk.last().map_or("", WalkName::as_str);
        let item = walk.progress.walks.from.as_ref().and_then(|from| from.item.as_deref()).unwrap_or_default();
        Self {
            name: format!("{}{name}", "  ".repeat(key.walk.len())),
            title: clean(item.lines().next().unwrap_or_default()),
            group,
            ..Self::of(fleet, walk, false)
        }
    }

    /// Returns what rows are sorted by: the zone, then what was there first; in `done` the newest first.
    pub(super) fn rank(&self) -> (Zone, i64, &TicketKey) {
        (self.zone, self.order, &self.key)
    }

    /// Returns whether every word occurs in its name, title, phase or zone.
    pub(super) fn matches(&self, words: &[String]) -> bool {
        let has = |text: &str, word: &str| text.to_lowercase().contains(word);
        words.iter().all(|word| {
            [self.name.as_str(), &self.title, &self.phase, self.zone.name(), &self.agent]
                .iter()
                .any(|text| has(text, word))
        })
    }
}

fn order(placement: &Placement, ticket: &Ticket) -> i64 {
    let moment = placement.moment.map_or(0, |moment| moment.0);
    match placement.zone {
        Zone::Respond | Zone::Failed | Zone::Merge | Zone::Review => moment,
        Zone::Working | Zone::Waiting => ticket.order,
        Zone::Done => -moment,
    }
}

fn sign(placement: &Placement, ticket: &Ticket) -> Sign {
    match placement.zone {
        Zone::Respond if ticket.progress.requests.is_empty() => Sign::Approval,
        Zone::Respond => Sign::Asks,
        Zone::Failed => Sign::Failed,
        Zone::Merge => Sign::Merge,
        Zone::Review => Sign::Review,
        Zone::Working => Sign::Working,
        Zone::Waiting if ticket.progress.paused => Sign::Paused,
        Zone::Waiting => Sign::Waiting,
        Zone::Done => Sign::Done,
    }
}

/// Returns who works on the ticket in its phase: an agent's name, the type of a phase without one, or nobody.
pub(in crate::tui) fn worker(fleet: &Fleet, ticket: &Ticket) -> String {
    if let Status::Running { agent: Some(agent), .. } | Status::Stopping { agent: Some(agent), .. } =
        &ticket.progress.status
    {
        return agent.to_string();
    }
    let Some(phase) = fleet.phase_of(ticket) else { return String::new() };
    match &phase.kind {
        PhaseKind::Agent { .. } => {
            fleet.agent_of(ticket, phase).map_or_else(|| "agent".to_owned(), |name| name.to_string())
        }
        PhaseKind::Approval(_) | PhaseKind::Terminal { .. } => String::new(),
        kind => kind.name().to_owned(),
    }
}
