//! `aotui explain`: why a ticket is where it is, what it waits for, what comes next, and what can be done.

mod decisions;

use std::path::Path;

use serde::Serialize;

use decisions::Decision;

use super::status::{distance, span};
use crate::actions::{Action, Keymap, possible};
use crate::cli::output::{Style, plain};
use crate::domain::activity::Activity;
use crate::domain::event::Recorded;
use crate::domain::explain::{Explanation, Point, explain};
use crate::domain::fleet::Fleet;
use crate::domain::gate::GateResult;
use crate::domain::session::Outcome;
use crate::domain::ticket::{HistoryEntry, Ticket};
use crate::domain::time::Timestamp;

/// Most lines of evidence printed for a failed attempt, the last ones.
const EVIDENCE: usize = 4;

/// What is printed. As JSON, fields are only ever added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    #[serde(flatten)]
    explanation: Explanation,
    /// What a person can do now.
    actions: Vec<Can>,
    /// What its agents asked and who decided it, oldest first.
    decisions: Vec<Decision>,
    /// Where its things are.
    places: Places,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Can {
    /// The action's name.
    action: &'static str,
    /// Its key on the screen; empty where it has none.
    key: String,
    /// Its verb; the rest of a command line is to be added where it takes more than a ticket.
    verb: String,
    doc: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Places {
    /// Null before the ticket starts, and again once it is removed.
    worktree: Option<String>,
    branch: Option<String>,
    base: Option<String>,
    /// The directory of its newest session: recording, exit record, prompt.
    session: Option<String>,
}

impl View {
    /// Returns all there is to say about a ticket; `sessions` is where the directories of sessions are.
    pub fn new(fleet: &Fleet, ticket: &Ticket, keys: &Keymap, sessions: &Path) -> Self {
        let explanation = explain(fleet, ticket);
        let checkout = ticket.progress.workspace.as_ref();
        let places = Places {
            worktree: checkout.filter(|checkout| !checkout.removed).map(|checkout| checkout.path.clone()),
            branch: checkout.map(|checkout| checkout.branch.clone()),
            base: checkout.map(|checkout| checkout.base_branch.clone()),
            session: explanation
                .session
                .as_ref()
                .map(|session| sessions.join(session.to_string()).display().to_string()),
        };
        let actions = possible(fleet, ticket).into_iter().map(|action| can(action, ticket, keys)).collect();
        Self { explanation, actions, decisions: Vec::new(), places }
    }

    /// Adds what happened, as far as the journal still tells.
    #[must_use]
    pub fn and_what_happened(mut self, events: &[Recorded]) -> Self {
        self.decisions = Decision::of(events, &self.explanation.key);
        self
    }

    /// Returns it for people, as it is at `now`.
    pub fn text(&self, style: Style, now: Timestamp) -> String {
        let Explanation { key, title, placement, rule, .. } = &self.explanation;
        let zone = style.zone(placement.zone, placement.zone.name());
        let mut text = format!("{key}  {}\n{zone}", plain(title));
        let when = placement.moment.map(|moment| format!("  {}", distance(moment, now))).unwrap_or_default();
        let why = if placement.why.is_empty() { String::new() } else { format!("  {}", plain(&placement.why)) };
        text.push_str(&format!("{}{why}\n  {}\n", style.dim(&when), style.dim(rule)));
        let mut section = |heading: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                text.push_str(&format!("\n{}\n", style.dim(heading)));
                lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
            }
        };
        let points = |points: &[Point]| points.iter().map(|point| said(point, now)).collect();
        section("it does", self.explanation.activity.iter().flat_map(|activity| does(activity, now)).collect());
        section("waits for", points(&self.explanation.waits_for));
        section("then", points(&self.explanation.next));
        section("last attempts", self.explanation.attempts.iter().flat_map(|entry| attempt(entry, now)).collect());
        section("decided", self.decisions.iter().map(|decision| decision.line(now)).collect());
        section("you can", self.actions.iter().map(|can| can.line(&self.actions)).collect());
        section("where", self.places.lines());
        text
    }
}

fn does(activity: &Activity, now: Timestamp) -> [String; 2] {
    let words = format!("{} (for {})", plain(&activity.sighting.words()), distance(activity.at, now));
    [words, plain(&activity.how())]
}

fn said(point: &Point, now: Timestamp) -> String {
    let when = match point.moment {
        Some(moment) if moment > now => format!(" ({})", distance(moment, now)),
        Some(moment) => format!(" (for {})", distance(moment, now)),
        None => String::new(),
    };
    format!("{}{when}", plain(&point.text))
}

fn attempt(entry: &HistoryEntry, now: Timestamp) -> Vec<String> {
    let took = span(entry.ended_at.millis_since(entry.started_at));
    let (how, evidence) = match &entry.outcome {
        Outcome::Success => ("succeeded".to_owned(), ""),
        Outcome::Failed { failure } => (format!("failed: {}", plain(&failure.message)), failure.evidence.as_str()),
        Outcome::Skipped => ("skipped".to_owned(), ""),
        Outcome::Stopped => ("stopped with everything else, runs again later".to_owned(), ""),
        Outcome::HandedOver => ("went on in another session, which counts for nothing".to_owned(), ""),
        Outcome::Interrupted => ("interrupted, which counts for nothing".to_owned(), ""),
    };
    let attempt = if entry.attempt > 0 { format!(" attempt {}", entry.attempt) } else { String::new() };
    let agent = entry.agent.as_ref().map(|agent| format!(" ({agent})")).unwrap_or_default();
    let ago = distance(entry.ended_at, now);
    let mut lines = vec![format!("{}{attempt}{agent}: {how}, {ago} ago after {took}", entry.phase)];
    lines.extend(entry.gates.iter().map(gate));
    let evidence: Vec<&str> = evidence.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = evidence.iter().skip(evidence.len().saturating_sub(EVIDENCE));
    lines.extend(last.map(|line| format!("  | {}", plain(line))));
    lines
}

fn gate(result: &GateResult) -> String {
    let mark = if result.passed { "passed" } else { "failed" };
    let took = span(result.millis);
    format!("  {mark}  {}: {} ({took}, tree {:.8})", plain(&result.gate), plain(&result.says), plain(&result.tree))
}

fn can(action: Action, ticket: &Ticket, keys: &Keymap) -> Can {
    let key = &ticket.brief.key;
    let verb = match action {
        Action::Land => format!("aotui {} {key}", Action::Approve.name()),
        Action::TogglePause if ticket.progress.paused => format!("aotui {} {key}", Action::Resume.name()),
        Action::TogglePause => format!("aotui {} {key}", Action::Pause.name()),
        Action::PausePlan | Action::ResumePlan => format!("aotui {} {}", action.name(), key.plan),
        Action::Skip => format!("aotui {} {key} PHASE", action.name()),
        Action::Reply | Action::Tell => format!("aotui {} {key} TEXT", action.name()),
        _ => format!("aotui {} {key}", action.name()),
    };
    let chord = keys.chords(action).first().map(ToString::to_string).unwrap_or_default();
    Can { action: action.name(), key: chord, verb, doc: action.spec().doc }
}

impl Can {
    fn line(&self, all: &[Can]) -> String {
        let widest = |text: fn(&Can) -> &str| all.iter().map(|can| text(can).chars().count()).max().unwrap_or(0);
        let (keys, verbs) = (widest(|can| &can.key), widest(|can| &can.verb));
        format!("{:keys$}  {:verbs$}  {}", self.key, self.verb, self.doc)
    }
}

impl Places {
    fn lines(&self) -> Vec<String> {
        let base = self.base.as_ref().map(|base| format!(", from {base}")).unwrap_or_default();
        let branch = self.branch.as_ref().map(|branch| format!("{branch}{base}"));
        let all = [("worktree", &self.worktree), ("branch", &branch), ("session", &self.session)];
        all.iter().filter_map(|(name, place)| Some(format!("{name:8}  {}", plain(place.as_ref()?)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::fixtures::{fleet, key};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn view(id: &str) -> View {
        let fleet = fleet(NOW);
        View::new(&fleet, fleet.ticket(&key(id)).unwrap(), &Keymap::default(), Path::new("/state/sessions"))
    }

    #[test]
    fn a_person_reads_why_what_next_and_what_to_do() {
        let text = view("PAY-1").text(Style::plain(), NOW);
        insta::assert_snapshot!(text.split("you can").next().unwrap(), @r"
        pay/PAY-1  Reject negative amounts
        respond  2m  wants to use Bash: rm -rf build
          its agent asks something, or a phase asks for a decision it cannot go on without

        waits for
          your answer to request r1, to use Bash: rm -rf build (for 2m)
          the end of session pay~PAY-1~1 of phase `implement` (for 3m)
        ");
        let place: Vec<&str> = text.split("\nwhere").nth(1).unwrap().lines().map(str::trim).skip(1).collect();
        assert_eq!(
            place,
            [
                "worktree  /state/worktrees/pay/PAY-1",
                "branch    aotui/pay/PAY-1, from main",
                "session   /state/sessions/pay~PAY-1~1",
            ]
        );
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for line in ["a aotui approve pay/PAY-1 Says yes", "p aotui pause pay/PAY-1 Holds the ticket"] {
            assert!(words.contains(line), "{text}");
        }
    }

    #[test]
    fn a_program_reads_the_same() {
        let json = serde_json::to_value(view("PAY-2")).unwrap();
        assert_eq!((json["zone"].as_str(), json["key"].as_str()), (Some("failed"), Some("pay/PAY-2")));
        assert_eq!(json["actions"][0]["verb"], "aotui retry pay/PAY-2");
        assert!(!view("PAY-2").text(Style::plain(), NOW).contains('\u{1b}'));
    }
}
