//! How the model changes: one message in, effects out. Pure.

use std::sync::Arc;

use super::effect::Effect;
use super::focus::Focus;
use super::input::{KeyPress, Mouse, MouseKind};
use super::model::{Gone, Model, Notice, Role};
use super::msg::Msg;
use super::overlays;
use crate::actions::{Action, Context};
use crate::domain::fleet::Fleet;
use crate::domain::problem::Problem;
use crate::domain::time::Timestamp;
use ratatui::layout::Position;

/// Milliseconds within which leaving a terminal twice means the key itself.
const TWICE: u64 = 600;

/// Lines one turn of the wheel moves.
const WHEEL: isize = 3;

impl Model {
    /// Reacts to one message at the moment `now`.
    pub(super) fn update(&mut self, now: Timestamp, msg: Msg) -> Vec<Effect> {
        self.now = now;
        let effects = match msg {
            Msg::Key(key) => self.on_key(key),
            Msg::Paste(text) => self.on_paste(text),
            Msg::Mouse(mouse) => self.on_mouse(mouse),
            Msg::Resize(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Msg::Fleet(fleet) => {
                self.on_fleet(fleet);
                Vec::new()
            }
            Msg::EngineGone => {
                self.gone = Some(Gone { since: now, starting: false, why: None });
                Vec::new()
            }
            Msg::EngineBack { fleet, who } => {
                self.on_engine_back(fleet, who);
                Vec::new()
            }
            Msg::NoEngine(why) => {
                if let Some(gone) = &mut self.gone {
                    gone.starting = false;
                    gone.why = Some(why.to_string());
                }
                Vec::new()
            }
            Msg::Answered { what, result } => {
                self.notice = Some(match result {
                    Ok(()) => Notice::info(what),
                    Err(rejection) => rejection.into(),
                });
                Vec::new()
            }
        };
        self.settle();
        effects
    }

    fn on_fleet(&mut self, fleet: Arc<Fleet>) {
        let problems = fleet.live.problems.len();
        if problems > self.fleet.live.problems.len()
            && let Some(problem) = fleet.live.problems.last()
        {
            let hint = format!("{} lists them", self.key(Action::Problems));
            self.notice = Some(Notice { hint: Some(hint), ..Notice::error(problem.to_string()) });
        }
        let mended = |problem: &Problem| !fleet.live.problems.contains(problem);
        let mut told = self.fleet.live.problems.iter().filter(|problem| mended(problem)).map(Problem::to_string);
        if told.any(|text| self.notice.as_ref().is_some_and(|notice| notice.text == text)) {
            self.notice = None;
        }
        match (&self.fleet.live.stalled, &fleet.live.stalled) {
            (known, Some(why)) if known.as_ref() != Some(why) => {
                let hint = "nothing new starts, sessions go on, and the rest does by itself once this is settled";
                self.notice = Some(Notice { hint: Some(hint.to_owned()), ..Notice::error(why.clone()) });
            }
            (Some(_), None) => self.notice = Some(Notice::info("the disk takes events again: work goes on")),
            _ => {}
        }
        self.fleet = fleet;
        self.refresh();
        self.show_the_only_one();
        self.follow_the_conversation();
        let stale = self.overlays.last().is_some_and(|overlay| overlay.is_stale(&self.fleet));
        if stale && let Some(key) = self.overlays.last().and_then(overlays::Overlay::ticket) {
            self.notice = Some(Notice::info(format!("{} no longer waits for this", key.ticket)));
        }
    }

    fn on_engine_back(&mut self, fleet: Arc<Fleet>, who: Role) {
        self.gone = None;
        self.setup.who = who;
        self.on_fleet(fleet);
        self.notice = Some(Notice::info(match who {
            Role::Owner => "the engine works in this screen now, and ends with it",
            Role::Client => "an engine is at work again",
        }));
    }

    fn refresh(&mut self) {
        self.table.refresh(&self.fleet, self.setup.plan.as_ref());
    }

    /// Returns what has the keys, innermost first.
    fn contexts(&self) -> &'static [Context] {
        match (self.overlays.last(), &self.focus) {
            (Some(overlay), _) => overlay.contexts(),
            (None, Focus::Table) => &[Context::Fleet],
            (None, Focus::Filter) => &[Context::List],
            (None, Focus::Terminal(_)) => &[Context::Terminal],
        }
    }

    fn on_key(&mut self, key: KeyPress) -> Vec<Effect> {
        let contexts = self.contexts();
        let takes_alt = [Context::Form, Context::Terminal].iter().any(|context| contexts.contains(context));
        let bound = key.chord.is_some_and(|chord| self.setup.keymap.resolve(contexts, chord).is_some());
        match key.without_alt().filter(|_| !takes_alt && !bound) {
            // Escape and the next key came so fast that they look like one.
            Some(two) => two.into_iter().flat_map(|key| self.on_one_key(key)).collect(),
            None => self.on_one_key(key),
        }
    }

    fn on_one_key(&mut self, key: KeyPress) -> Vec<Effect> {
        self.notice = None;
        let left = self.left.take();
        if !self.overlays.is_empty() {
            return self.on_overlay_key(key);
        }
        match self.focus {
            Focus::Filter => self.on_filter_key(key),
            Focus::Terminal(_) => self.on_terminal_key(key),
            Focus::Table => {
                let leaves = key.chord.is_some_and(|chord| self.setup.keymap.chords(Action::Leave).contains(&chord));
                if let Some((session, at)) = left.filter(|(_, at)| leaves && self.now.millis_since(*at) <= TWICE)
                    && at <= self.now
                {
                    self.focus = Focus::Terminal(session);
                    return vec![Effect::Type(key.event)];
                }
                let action = key.chord.and_then(|chord| self.setup.keymap.resolve(&[Context::Fleet], chord));
                action.map_or_else(Vec::new, |action| self.act(action))
            }
        }
    }

    fn on_terminal_key(&mut self, key: KeyPress) -> Vec<Effect> {
        match key.chord.and_then(|chord| self.setup.keymap.resolve(&[Context::Terminal], chord)) {
            // Where there is nothing to hand over, the key is the program's.
            Some(action @ (Action::TakeOver | Action::HandBack))
                if self.available(action, self.ticket().map(AsRef::as_ref)).is_err() =>
            {
                vec![Effect::Type(key.event)]
            }
            Some(action) => self.act(action),
            None => vec![Effect::Type(key.event)],
        }
    }

    fn on_filter_key(&mut self, key: KeyPress) -> Vec<Effect> {
        match key.chord.and_then(|chord| self.setup.keymap.resolve(&[Context::List], chord)) {
            Some(Action::Accept) => self.focus = Focus::Table,
            Some(Action::Back) => {
                self.table.filter.clear();
                self.focus = Focus::Table;
                self.refresh();
            }
            Some(Action::Next) => self.table.move_by(1),
            Some(Action::Previous) => self.table.move_by(-1),
            _ => {
                if key.chord.is_some_and(|chord| self.table.filter.press(chord)) {
                    self.refresh();
                }
            }
        }
        Vec::new()
    }

    fn on_overlay_key(&mut self, key: KeyPress) -> Vec<Effect> {
        let Some(overlay) = self.overlays.last_mut() else { return Vec::new() };
        match key.chord.and_then(|chord| self.setup.keymap.resolve(overlay.contexts(), chord)) {
            None => {
                overlay.press(key);
                Vec::new()
            }
            Some(Action::Back | Action::Close) => {
                self.overlays.pop();
                Vec::new()
            }
            Some(Action::Accept | Action::Yes) => self.accept(),
            Some(action) if action.spec().contexts.contains(&Context::Ticket) => self.act(action),
            Some(action) => {
                self.act_in_overlay(action);
                Vec::new()
            }
        }
    }

    /// Moves within the top overlay.
    pub(super) fn act_in_overlay(&mut self, action: Action) {
        let (lines, height) = overlays::extent(self);
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.act(action, lines, height);
        }
    }

    fn on_paste(&mut self, text: String) -> Vec<Effect> {
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.paste(&text);
            return Vec::new();
        }
        match self.focus {
            Focus::Terminal(_) => return vec![Effect::Paste(text)],
            Focus::Filter => {
                self.table.filter.paste(&text);
                self.refresh();
            }
            Focus::Table => {}
        }
        Vec::new()
    }

    fn on_mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        let at = Position::new(mouse.event.column, mouse.event.row);
        let areas = self.areas();
        if !self.overlays.is_empty() {
            match mouse.kind {
                MouseKind::WheelUp => (0..WHEEL).for_each(|_| self.act_in_overlay(Action::Up)),
                MouseKind::WheelDown => (0..WHEEL).for_each(|_| self.act_in_overlay(Action::Down)),
                MouseKind::Click | MouseKind::Other => {}
            }
            return Vec::new();
        }
        if areas.terminal.contains(at) || areas.bar.contains(at) {
            return self.on_terminal_mouse(mouse, at);
        }
        if !areas.table.contains(at) {
            return Vec::new();
        }
        match mouse.kind {
            MouseKind::Click => {
                self.notice = None;
                if self.table.click(usize::from(at.y - areas.table.y)) {
                    self.focus = Focus::Table;
                }
            }
            MouseKind::WheelUp => self.table.move_by(-1),
            MouseKind::WheelDown => self.table.move_by(1),
            MouseKind::Other => {}
        }
        Vec::new()
    }

    fn on_terminal_mouse(&mut self, mouse: Mouse, at: Position) -> Vec<Effect> {
        let area = self.areas().terminal;
        let rebased = area.contains(at).then(|| mouse.rebased(area.x, area.y)).filter(|_| self.attached());
        let wheel = |lines| vec![Effect::Wheel { lines, forward: rebased }];
        match (mouse.kind, rebased) {
            (MouseKind::WheelUp, _) => wheel(WHEEL),
            (MouseKind::WheelDown, _) => wheel(-WHEEL),
            (MouseKind::Click | MouseKind::Other, Some(event)) => vec![Effect::Mouse(event)],
            (MouseKind::Click, None) if !self.attached() => self.act(Action::Attach),
            (MouseKind::Click | MouseKind::Other, None) => Vec::new(),
        }
    }
}
