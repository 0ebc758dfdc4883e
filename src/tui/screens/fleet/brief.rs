//! Everything about one ticket, as lines to read: in the pane before its first session, and in the detail overlay.

use ratatui::text::{Line, Span};

use crate::actions::possible;
use crate::domain::cost::By;
use crate::domain::explain::{Point, explain, rule};
use crate::domain::session::{Ask, Outcome};
use crate::domain::ticket::{HistoryEntry, Status, Ticket};
use crate::domain::zone::placement;
use crate::tui::format::{clean, distance, wrap};
use crate::tui::model::{Model, last_session};
use crate::tui::theme::Role;

/// Most attempts listed, the newest ones.
const ATTEMPTS: usize = 30;

/// Returns the lines, at most `columns` wide.
pub(in crate::tui) fn lines(model: &Model, ticket: &Ticket, columns: usize) -> Vec<Line<'static>> {
    let mut page = Page { model, columns, lines: Vec::new() };
    page.text(&ticket.brief.title, Role::Strong);
    page.facts(ticket);
    page.gap();
    page.standing(ticket);
    // Of a ticket that has not started, what it is about is of more interest than what it waits for.
    let started = ticket.progress.phase.is_some();
    if started {
        page.text(rule(placement(&model.fleet, ticket).zone), Role::Muted);
        page.explained(ticket);
    }
    page.phases(ticket);
    page.section("wanted", &ticket.brief.description);
    if !ticket.brief.acceptance_criteria.is_empty() {
        page.heading("done when");
        for criterion in &ticket.brief.acceptance_criteria {
            page.item(criterion);
        }
    }
    if !started {
        page.explained(ticket);
    }
    page.possible(ticket);
    if let Some(feedback) = ticket.progress.feedback.as_ref().filter(|text| !text.is_empty()) {
        page.section("left for the next agent", feedback);
    }
    page.history(ticket);
    page.lines
}

struct Page<'a> {
    model: &'a Model,
    columns: usize,
    lines: Vec<Line<'static>>,
}

impl Page<'_> {
    fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    fn text(&mut self, text: &str, role: Role) {
        let style = self.model.setup.theme.style(role);
        self.lines.extend(wrap(text, self.columns).into_iter().map(|line| Line::styled(line, style)));
    }

    fn heading(&mut self, text: &str) {
        self.gap();
        self.text(text, Role::Muted);
    }

    fn section(&mut self, heading: &str, text: &str) {
        if !text.trim().is_empty() {
            self.heading(heading);
            self.text(text.trim(), Role::Text);
        }
    }

    fn item(&mut self, text: &str) {
        let theme = &self.model.setup.theme;
        let dot = format!("{} ", self.model.setup.symbols.dot);
        for (at, line) in wrap(text, self.columns.saturating_sub(2)).into_iter().enumerate() {
            let mark = if at == 0 { dot.clone() } else { "  ".to_owned() };
            let mark = Span::styled(mark, theme.style(Role::Muted));
            self.lines.push(Line::from(vec![mark, Span::styled(line, theme.style(Role::Text))]));
        }
    }

    fn facts(&mut self, ticket: &Ticket) {
        let fleet = &self.model.fleet;
        let mut facts = vec![ticket.brief.key.to_string()];
        let plan = fleet.plans.get(&ticket.brief.key.plan);
        let named = ticket.brief.workflow.as_ref().or_else(|| plan?.workflow.as_ref());
        let workflow = fleet.workflow_of(ticket).map(|workflow| &workflow.name).or(named);
        facts.extend(workflow.map(|name| format!("workflow {name}")));
        let phase = fleet.phase_of(ticket);
        let agent = phase.map_or_else(|| fleet.agent_for(ticket, None), |phase| fleet.agent_of(ticket, phase));
        facts.extend(agent.map(|name| format!("agent {name}")));
        facts.extend(phase.and_then(|phase| phase.role()).map(|role| format!("role {role}")));
        facts.extend(phase.and_then(|phase| fleet.model_of(ticket, phase)).map(|model| format!("model {model}")));
        let dot = format!(" {} ", self.model.setup.symbols.dot);
        self.text(&facts.join(&dot), Role::Muted);
        if let Some(checkout) = &ticket.progress.workspace {
            let place = if checkout.removed { "removed" } else { checkout.path.as_str() };
            self.text(&format!("{}{dot}{place}", checkout.branch), Role::Muted);
        }
        if let Some(session) = last_session(ticket) {
            self.text(&self.model.setup.sessions_dir.join(session.to_string()).display().to_string(), Role::Muted);
        }
        let bill = fleet.bill_of(ticket);
        if !bill.is_empty() {
            let phases = fleet.bills(&fleet.items(ticket), By::Phase);
            let parts: Vec<String> = phases.iter().map(|(phase, bill)| format!("{phase} {bill}")).collect();
            let of = if parts.len() > 1 { format!(": {}", parts.join(&dot)) } else { String::new() };
            self.text(&format!("used {bill}{of}"), Role::Muted);
        }
        if let Some(link) = &ticket.brief.link {
            self.text(link, Role::Muted);
        }
    }

    /// Says where the ticket is and why, with all that an agent asks or a failure left.
    fn standing(&mut self, ticket: &Ticket) {
        let place = placement(&self.model.fleet, ticket);
        let theme = &self.model.setup.theme;
        let zone = Span::styled(place.zone.name().to_uppercase(), theme.zone(place.zone));
        let when =
            place.moment.map(|moment| format!("  {}", distance(moment, self.model.seen_at()))).unwrap_or_default();
        self.lines.push(Line::from(vec![zone, Span::styled(when, theme.style(Role::Muted))]));
        match &ticket.progress.status {
            _ if !ticket.progress.requests.is_empty() => {}
            Status::Approval { message, .. } if !message.is_empty() => self.text(message, Role::Text),
            _ => self.text(&place.why, Role::Text),
        }
        for request in &ticket.progress.requests {
            match &request.ask {
                Ask::Permission { tool, detail, reason, .. } => {
                    self.text(&format!("wants to use {tool}:"), Role::Text);
                    self.text(detail, Role::Strong);
                    self.text(reason.as_deref().unwrap_or_default(), Role::Muted);
                }
                Ask::Question { text, options } => {
                    self.text(text, Role::Strong);
                    options.iter().for_each(|option| self.item(option));
                }
            }
        }
        if let Status::Failed { failure, .. } = &ticket.progress.status {
            self.text(&failure.evidence, Role::Muted);
        }
    }

    /// Says what it waits for, and what comes then.
    fn explained(&mut self, ticket: &Ticket) {
        let explanation = explain(&self.model.fleet, ticket);
        if let Some(activity) = &explanation.activity {
            self.heading("it does");
            let age = distance(activity.at, self.model.seen_at());
            self.item(&format!("{}  {age}", clean(&activity.sighting.words())));
            self.item(&clean(&activity.how()));
        }
        for (heading, points) in [("waits for", explanation.waits_for), ("then", explanation.next)] {
            if !points.is_empty() {
                self.heading(heading);
            }
            for Point { text, moment } in points {
                let when = moment.map(|moment| format!("  {}", distance(moment, self.model.seen_at())));
                self.item(&format!("{text}{}", when.unwrap_or_default()));
            }
        }
    }

    /// Lists what a person can do about it.
    fn possible(&mut self, ticket: &Ticket) {
        self.heading("you can");
        for action in possible(&self.model.fleet, ticket) {
            self.item(&format!("{} {}: {}", self.model.key(action), action.spec().label, action.spec().doc));
        }
    }

    /// Draws the workflow as a strip: what is over, where it is, what comes.
    fn phases(&mut self, ticket: &Ticket) {
        let Some(workflow) = self.model.fleet.workflow_of(ticket) else { return };
        let symbols = &self.model.setup.symbols;
        let done = matches!(ticket.progress.status, Status::Complete { .. });
        let strip: Vec<String> = workflow
            .phases
            .iter()
            .map(|phase| {
                let here = ticket.progress.phase.as_ref() == Some(&phase.id);
                let seen = ticket.progress.visits.contains_key(&phase.id);
                let sign = match (here && !done, seen) {
                    (true, _) => symbols.working,
                    (false, true) => symbols.done,
                    (false, false) => symbols.dot,
                };
                format!("{}\u{a0}{sign}", phase.id)
            })
            .collect();
        self.gap();
        let glue = format!(" {} ", symbols.rule[0]);
        self.text(&strip.join(&glue), Role::Muted);
    }

    fn history(&mut self, ticket: &Ticket) {
        let history = &ticket.progress.history;
        if history.is_empty() {
            return;
        }
        self.heading("so far");
        let newest = history.iter().rposition(|entry| !entry.gates.is_empty());
        for (at, entry) in history.iter().enumerate().rev().take(ATTEMPTS) {
            self.attempt(entry);
            if Some(at) == newest {
                self.gates(entry);
            }
        }
    }

    fn gates(&mut self, entry: &HistoryEntry) {
        let symbols = &self.model.setup.symbols;
        for result in &entry.gates {
            let (sign, role) = if result.passed { (symbols.done, Role::Good) } else { (symbols.failed, Role::Bad) };
            let sign = Span::styled(format!("  {sign} {}  ", clean(&result.gate)), self.model.setup.theme.style(role));
            let says = Span::styled(clean(&result.says), self.model.setup.theme.style(Role::Muted));
            self.lines.push(Line::from(vec![sign, says]));
        }
    }

    fn attempt(&mut self, entry: &HistoryEntry) {
        let symbols = &self.model.setup.symbols;
        let (sign, role, what) = match &entry.outcome {
            Outcome::Success => (symbols.done, Role::Good, String::new()),
            Outcome::Failed { failure } => (symbols.failed, Role::Bad, clean(&failure.why())),
            Outcome::Skipped => (symbols.dot, Role::Muted, "skipped".to_owned()),
            Outcome::Stopped => (symbols.paused, Role::Warn, "stopped, runs again later".to_owned()),
            Outcome::HandedOver => (symbols.dot, Role::Muted, "went on in another session".to_owned()),
            Outcome::Interrupted => (symbols.paused, Role::Warn, "interrupted".to_owned()),
        };
        let theme = &self.model.setup.theme;
        let took = crate::tui::format::span(entry.ended_at.millis_since(entry.started_at));
        let who = entry.agent.as_ref().map(|agent| format!(" {agent}")).unwrap_or_default();
        let attempt = if entry.attempt > 1 { format!(" attempt {}", entry.attempt) } else { String::new() };
        let ago = distance(entry.ended_at, self.model.seen_at());
        let head = format!("{sign} {}{attempt}{who}", entry.phase);
        let mut spans = vec![
            Span::styled(head, theme.style(role)),
            Span::styled(format!("  {ago} ago, took {took}"), theme.style(Role::Muted)),
        ];
        if !what.is_empty() {
            spans.push(Span::styled(format!("  {what}"), theme.style(Role::Text)));
        }
        self.lines.push(Line::from(spans));
    }
}
