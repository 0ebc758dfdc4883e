//! `aotui status`: every ticket by zone, for people and for programs.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::cli::exit::Failure;
use crate::cli::output::{Style, plain};
use crate::cli::steering::find_plan;
use crate::cli::verbs::cost::Amount;
use crate::domain::activity::Activity;
use crate::domain::cost::Item;
use crate::domain::fleet::Fleet;
use crate::domain::gate::GateResult;
use crate::domain::ids::{PlanId, TicketKey};
use crate::domain::limit::LimitWindow;
use crate::domain::mode::Mode;
use crate::domain::night::Part;
use crate::domain::problem::Problem;
use crate::domain::session::Request;
use crate::domain::ticket::{Status, Ticket};
use crate::domain::time::Timestamp;
use crate::domain::zone::{Placement, Zone, placement};

/// Widest title in the table, in cells.
const TITLE: usize = 36;

/// What is shown.
#[derive(Debug)]
pub struct View<'a> {
    fleet: &'a Fleet,
    plans: Vec<PlanId>,
    /// Process id of the engine that runs; `None` where none does.
    engine: Option<u32>,
}

impl<'a> View<'a> {
    /// Returns a view of all plans, or of the one that was named. `engine` is the process id of the running engine.
    pub fn new(fleet: &'a Fleet, plan: Option<&str>, engine: Option<u32>) -> Result<Self, Failure> {
        let plans = match plan {
            Some(typed) => vec![find_plan(fleet, typed)?],
            None => fleet.plans.keys().cloned().collect(),
        };
        Ok(Self { fleet, plans, engine })
    }

    fn limits(&self, now: Timestamp) -> Vec<LimitJson<'a>> {
        let open = self.fleet.live.limits.open(now);
        open.into_iter().map(|(account, window)| LimitJson { account, window }).collect()
    }

    /// Returns the stable structure for programs, as it is at `now`.
    pub fn json(&self, now: Timestamp) -> StatusJson<'a> {
        let plans = self.plans.iter().filter_map(|id| self.fleet.plans.get(id)).map(|plan| PlanJson {
            id: plan.id.as_str(),
            name: &plan.name,
            repo: plan.repo.as_deref(),
            paused: plan.paused,
            tickets: self
                .fleet
                .tickets_of(&plan.id)
                .into_iter()
                .map(|ticket| ticket_json(self.fleet, ticket))
                .collect(),
        });
        let live = &self.fleet.live;
        StatusJson {
            engine: self.engine,
            mode: self.fleet.mode,
            stalled: live.stalled.as_deref(),
            plans: plans.collect(),
            limits: self.limits(now),
            problems: &live.problems,
        }
    }

    /// Returns the table for people as it is at `now`.
    pub fn table(&self, style: Style, now: Timestamp) -> String {
        let mut rows: Vec<Row> = self
            .plans
            .iter()
            .flat_map(|plan| self.fleet.tickets_of(plan))
            .flat_map(|ticket| self.rows(ticket, now))
            .collect();
        let mut text = String::new();
        if rows.is_empty() {
            text.push_str("no tickets yet: `aotui add \"…\"` adds one\n");
        }
        let widths = Widths::of(&rows);
        for zone in Zone::ALL {
            let (here, rest): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.zone == zone);
            rows = rest;
            if !here.is_empty() {
                let count = here.iter().filter(|row| !row.is_walk).count();
                text.push_str(&format!("{} {}\n", style.zone(zone, zone.name()), style.dim(&count.to_string())));
            }
            for row in here {
                text.push_str(&fit(row.line(&widths), style.width));
                text.push('\n');
            }
        }
        let problems = &self.fleet.live.problems;
        if !problems.is_empty() {
            text.push_str(&format!("{} {}\n", style.zone(Zone::Failed, "problems"), problems.len()));
            for problem in problems {
                text.push_str(&format!("  {}\n", plain(&problem.to_string())));
            }
        }
        let items: Vec<Item> = self
            .plans
            .iter()
            .flat_map(|plan| self.fleet.tickets_of(plan))
            .flat_map(|ticket| self.fleet.items(ticket))
            .collect();
        let bill = self.fleet.bill(&items);
        if !bill.is_empty() {
            text.push_str(&style.dim(&format!("used {bill}; `aotui cost` says for what")));
            text.push('\n');
        }
        for (account, hold) in &self.fleet.accounts {
            let until = hold.until.map(|until| format!(", goes on {}", distance(until, now))).unwrap_or_default();
            let line =
                format!("{}{until}; `aotui retry` on a ticket that waits for it tries at once", hold.why(account));
            text.push_str(&format!("{}\n", plain(&line)));
        }
        for (account, window) in self.fleet.live.limits.open(now) {
            text.push_str(&format!("{}\n", style.dim(&plain(&window_line(account, window, now)))));
        }
        if let Some(why) = &self.fleet.live.stalled {
            text.push_str(&format!("{} nothing new starts: {}\n", style.zone(Zone::Failed, "stalled"), plain(why)));
        }
        if let Some(line) = night_line(self.fleet, now) {
            text.push_str(&format!("{}\n", style.dim(&line)));
        }
        if let Some(why) = self.fleet.mode.why() {
            let since = self.fleet.mode.since().map(|since| distance(since, now)).unwrap_or_default();
            let at_work = match self.fleet.at_work() {
                0 => String::new(),
                n => format!(", {n} at work"),
            };
            let all = format!("{why} since {since}{at_work}; `aotui resume` lets it go on");
            text.push_str(&style.zone(Zone::Failed, &all));
            text.push('\n');
        }
        let engine = match self.engine {
            Some(pid) => format!("an engine is at work (process {pid})"),
            None => "no engine is at work: `aotui` or `aotui run` starts one".to_owned(),
        };
        text.push_str(&style.dim(&engine));
        text.push('\n');
        text
    }

    /// Returns the row of a ticket and those of the walks below it, which stand in its zone.
    fn rows(&self, ticket: &Ticket, now: Timestamp) -> Vec<Row> {
        let own = self.row(ticket, now);
        let zone = own.zone;
        let walks = self.fleet.below(ticket).into_iter().map(|walk| Row { zone, ..self.row(walk, now) });
        std::iter::once(own).chain(walks).collect()
    }

    fn row(&self, ticket: &Ticket, now: Timestamp) -> Row {
        let Placement { zone, why, moment } = placement(self.fleet, ticket);
        let key = &ticket.brief.key;
        let item = ticket.progress.walks.from.as_ref().and_then(|from| from.item.as_deref()).unwrap_or_default();
        let (name, title) = match key.walk.last() {
            Some(walk) => (format!("{}{walk}", "  ".repeat(key.walk.len())), item),
            None if self.plans.len() > 1 => (key.to_string(), ticket.brief.title.as_str()),
            None => (key.ticket.to_string(), ticket.brief.title.as_str()),
        };
        Row {
            zone,
            is_walk: key.is_walk(),
            cells: [
                name,
                cut(&plain(title), TITLE),
                ticket.progress.phase.as_ref().map(ToString::to_string).unwrap_or_default(),
                agent(self.fleet, ticket).unwrap_or_default(),
                moment.map(|moment| distance(moment, now)).unwrap_or_default(),
            ],
            why: plain(&why),
        }
    }
}

/// Says how much of a rate-limit window is used up and when it begins anew.
pub(crate) fn window_line(account: &str, window: &LimitWindow, now: Timestamp) -> String {
    let used = window.used_percent.map(|used| format!("{used} % used, ")).unwrap_or_default();
    format!("{} window of {account}: {used}resets {}", window.name, distance(window.resets_at, now))
}

/// Says that it is not night; `None` where it is, or where everything works by day.
fn night_line(fleet: &Fleet, now: Timestamp) -> Option<String> {
    let night = fleet.policy.rules.night.as_ref()?;
    let hours = night.at(now).filter(|hours| hours.part != Part::Night)?;
    let begins = distance(hours.begins, now);
    Some(match fleet.works_until.filter(|until| *until >= hours.begins) {
        Some(_) => format!("everything works by day until the night begins {begins}"),
        None => format!("{}, {begins}; `aotui run-now` lets everything work until then", hours.why(night.start)),
    })
}

struct Row {
    /// The zone it stands in.
    zone: Zone,
    is_walk: bool,
    cells: [String; 5],
    why: String,
}

struct Widths([usize; 5]);

impl Widths {
    fn of(rows: &[Row]) -> Self {
        let mut widths = [0; 5];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.width());
            }
        }
        Self(widths)
    }
}

impl Row {
    fn line(&self, widths: &Widths) -> String {
        let mut line = String::new();
        for (cell, width) in self.cells.iter().zip(widths.0).filter(|(_, width)| *width > 0) {
            line.push_str("  ");
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
        }
        format!("{line}  {}", self.why).trim_end().to_owned()
    }
}

/// Returns the agent at work on the ticket, or the one that would be.
fn agent(fleet: &Fleet, ticket: &Ticket) -> Option<String> {
    match &ticket.progress.status {
        Status::Running { agent, .. } | Status::Stopping { agent, .. } => agent.as_ref().map(ToString::to_string),
        _ => match fleet.phase_of(ticket) {
            Some(phase) => fleet.agent_of(ticket, phase).map(|agent| agent.to_string()),
            None => fleet.agent_for(ticket, None).map(|agent| agent.to_string()),
        },
    }
}

fn fit(line: String, width: Option<usize>) -> String {
    match width {
        Some(width) => cut(&line, width),
        None => line,
    }
}

/// Returns `text` cut to `width` cells, with an ellipsis where something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if kept.width() + unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) + 1 > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// Says how far a moment is from now: `3m`, or `in 3m`.
pub(crate) fn distance(moment: Timestamp, now: Timestamp) -> String {
    if moment > now { format!("in {}", span(moment.millis_since(now))) } else { span(now.millis_since(moment)) }
}

/// Returns a duration in its largest sensible unit.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// What `aotui status --json` prints. Fields are only ever added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusJson<'a> {
    /// Process id of the engine that runs; null where none does.
    engine: Option<u32>,
    /// Why nothing can be recorded, so that nothing starts; null while all is well.
    stalled: Option<&'a str>,
    /// Whether everything works, is stopped or is frozen.
    mode: Mode,
    plans: Vec<PlanJson<'a>>,
    /// Rate-limit windows of accounts as agents told of them, the one that is used up most first.
    limits: Vec<LimitJson<'a>>,
    problems: &'a [Problem],
}

#[derive(Debug, Serialize)]
struct LimitJson<'a> {
    account: &'a str,
    #[serde(flatten)]
    window: &'a LimitWindow,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanJson<'a> {
    id: &'a str,
    name: &'a str,
    repo: Option<&'a str>,
    paused: bool,
    tickets: Vec<TicketJson<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketJson<'a> {
    id: String,
    title: &'a str,
    zone: Zone,
    why: String,
    /// The moment `why` counts to or from.
    moment: Option<Timestamp>,
    status: &'static str,
    paused: bool,
    phase: Option<&'a str>,
    agent: Option<String>,
    attempt: u32,
    /// The newest session; null before the first.
    session: Option<String>,
    #[serde(flatten)]
    workspace: WorkspaceJson<'a>,
    blocked_by: &'a [TicketKey],
    /// The walks it is divided into at the moment, each after what it is below of; their ids are what verbs take.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    walks: Vec<TicketJson<'a>>,
    /// What its agents used up; left out where they told of nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<Amount>,
    /// What an agent waits for a person to answer.
    requests: &'a [Request],
    /// What the gates of its newest attempt that had some found.
    gates: &'a [GateResult],
    /// What its session does, and how that is known; absent where none runs or no engine looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<&'a Activity>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkspaceJson<'a> {
    /// Null before the ticket starts, as are the next two.
    branch: Option<&'a str>,
    base: Option<&'a str>,
    /// Null again once it is removed.
    worktree: Option<&'a str>,
}

fn ticket_json<'a>(fleet: &'a Fleet, ticket: &'a Ticket) -> TicketJson<'a> {
    let Placement { zone, why, moment } = placement(fleet, ticket);
    let progress = &ticket.progress;
    let key = &ticket.brief.key;
    let checkout = progress.workspace.as_ref();
    TicketJson {
        id: key.name(),
        title: &ticket.brief.title,
        zone,
        why,
        moment,
        status: status_name(&progress.status),
        paused: progress.paused,
        phase: progress.phase.as_ref().map(crate::domain::ids::PhaseId::as_str),
        agent: agent(fleet, ticket),
        attempt: progress.attempt,
        session: (progress.sessions > 0)
            .then(|| crate::domain::ids::SessionId::new(key.clone(), progress.sessions).to_string()),
        workspace: WorkspaceJson {
            branch: checkout.map(|checkout| checkout.branch.as_str()),
            base: checkout.map(|checkout| checkout.base_branch.as_str()),
            worktree: checkout.filter(|checkout| !checkout.removed).map(|checkout| checkout.path.as_str()),
        },
        blocked_by: &ticket.blocked_by,
        walks: match key.is_walk() {
            true => Vec::new(),
            false => fleet.below(ticket).into_iter().map(|walk| ticket_json(fleet, walk)).collect(),
        },
        used: Some(fleet.bill_of(ticket)).filter(|bill| !bill.is_empty()).map(Amount::of),
        requests: &progress.requests,
        gates: progress.history.iter().rev().map(|entry| &*entry.gates).find(|gates| !gates.is_empty()).unwrap_or(&[]),
        activity: progress.status.session().and_then(|session| fleet.live.activity.get(session)),
    }
}

fn status_name(status: &Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Preparing => "preparing",
        Status::Running { .. } => "running",
        Status::Stopping { .. } => "stopping",
        Status::Polling { .. } => "polling",
        Status::Backoff { .. } => "backoff",
        Status::Joining { .. } => "joining",
        Status::Approval { .. } => "approval",
        Status::Failed { .. } => "failed",
        Status::Complete { .. } => "complete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::fixtures::fleet;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn the_table_has_what_needs_a_person_first() {
        let fleet = fleet(NOW);
        let table = View::new(&fleet, None, Some(4711)).unwrap().table(Style::plain(), NOW);
        insta::assert_snapshot!(table, @r"
        respond 1
          PAY-1  Reject negative amounts               implement  practice  2m     wants to use Bash: rm -rf build
        failed 1
          PAY-2  Currency of refunds, in the currenc…  verify     claude    1h30m  exit code 1  [2J
        working 1
          PAY-5  Import                                implement  practice  3m
        waiting 1
          PAY-4  Export                                           claude           blocked by PAY-2
        done 1
          PAY-3  Rounding                              done       claude    1d06h  complete
        problems 1
          plans/old/plan.json:3:4: expected `,`
        an engine is at work (process 4711)
        ");
    }

    #[test]
    fn the_table_says_that_everything_is_frozen_and_since_when() {
        let mut fleet = fleet(NOW);
        fleet.mode = Mode::Frozen { since: Timestamp(NOW.0 - 7_200_000) };
        let table = View::new(&fleet, None, Some(4711)).unwrap().table(Style::plain(), NOW);
        assert!(
            table.contains("everything is frozen since 2h00m, 2 at work; `aotui resume` lets it go on\n"),
            "{table}"
        );
        let json = serde_json::to_value(View::new(&fleet, None, None).unwrap().json(NOW)).unwrap();
        assert_eq!(json["mode"]["is"], "frozen");
    }

    #[test]
    fn rate_limit_windows_are_told_until_their_reset() {
        let mut fleet = fleet(NOW);
        let resets_at = NOW.plus_seconds(7_800);
        let window = LimitWindow { name: "5h".into(), used_percent: Some(62), resets_at };
        assert!(fleet.live.limits.note("claude", window, NOW));
        let view = View::new(&fleet, None, None).unwrap();
        let line = "5h window of claude: 62 % used, resets in 2h10m\n";
        assert!(view.table(Style::plain(), NOW).contains(line));
        let json = serde_json::to_value(view.json(NOW)).unwrap();
        let told = serde_json::json!([{"account": "claude", "name": "5h", "usedPercent": 62, "resetsAt": resets_at}]);
        assert_eq!(json["limits"], told);
        assert!(!view.table(Style::plain(), resets_at).contains("window of"));
        assert_eq!(serde_json::to_value(view.json(resets_at)).unwrap()["limits"], serde_json::json!([]));
    }

    #[test]
    fn a_narrow_terminal_cuts_lines_instead_of_wrapping_them() {
        let fleet = fleet(NOW);
        let style = Style { colour: false, width: Some(40) };
        let table = View::new(&fleet, Some("PAY"), None).unwrap().table(style, NOW);
        let widest = table.lines().filter(|line| line.starts_with("  ")).map(UnicodeWidthStr::width).max();
        assert_eq!(widest, Some(40), "{table}");
    }

    #[test]
    fn json_is_complete_and_stable() {
        let fleet = fleet(NOW);
        let json = serde_json::to_value(View::new(&fleet, None, None).unwrap().json(NOW)).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&json["plans"][0]["tickets"][0]).unwrap(), @r#"
        {
          "id": "PAY-1",
          "title": "Reject negative amounts",
          "zone": "respond",
          "why": "wants to use Bash: rm -rf build",
          "moment": "2023-11-14T22:11:20.000Z",
          "status": "running",
          "paused": false,
          "phase": "implement",
          "agent": "practice",
          "attempt": 1,
          "session": "pay~PAY-1~1",
          "branch": "aotui/pay/PAY-1",
          "base": "main",
          "worktree": "/state/worktrees/pay/PAY-1",
          "blockedBy": [],
          "requests": [
            {
              "id": "r1",
              "ask": {
                "ask": "permission",
                "tool": "Bash",
                "detail": "rm -rf build"
              },
              "askedAt": "2023-11-14T22:11:20.000Z"
            }
          ],
          "gates": []
        }
        "#);
        assert_eq!(json["engine"], serde_json::Value::Null);
        assert_eq!(json["problems"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_plan_that_is_not_there_gets_the_nearest_name() {
        let fleet = fleet(NOW);
        let failure = View::new(&fleet, Some("payy"), None).unwrap_err();
        assert!(failure.to_string().contains("did you mean `pay`?"), "{failure}");
    }
}
