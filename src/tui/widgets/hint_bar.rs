//! The last line: the keys that do something now, or a notice.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::actions::{Action, available};
use crate::domain::fleet::Fleet;
use crate::domain::ticket::Ticket;
use crate::domain::zone::{Zone, placement};
use crate::tui::focus::Focus;
use crate::tui::format::{clean, cut, distance, width};
use crate::tui::model::{Gone, Model};
use crate::tui::overlays::Overlay;
use crate::tui::theme::Role;

/// Returns the actions that answer what a ticket needs a person for, the first one first.
pub(in crate::tui) fn answers(fleet: &Fleet, ticket: &Ticket) -> Vec<Action> {
    let wanted: &[Action] = match placement(fleet, ticket).zone {
        Zone::Respond | Zone::Review => &[Action::Approve, Action::Reply, Action::Reject],
        Zone::Failed => &[Action::Retry, Action::Skip],
        Zone::Merge => &[Action::Land, Action::Reject],
        Zone::Working | Zone::Waiting | Zone::Done => &[],
    };
    wanted.iter().copied().filter(|action| available(*action, fleet, Some(ticket)).is_ok()).collect()
}

/// Draws the notice if there is one, else the hints.
pub(in crate::tui) fn draw(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let ellipsis = model.setup.symbols.ellipsis;
    let columns = usize::from(area.width).saturating_sub(1);
    if area.is_empty() {
        return;
    }
    if let Some(notice) = &model.notice {
        let role = if notice.is_error { Role::Bad } else { Role::Good };
        let text = cut(&clean(&notice.text), columns, ellipsis);
        let (x, _) = buffer.set_stringn(area.x + 1, area.y, &text, columns, theme.style(role));
        if let Some(hint) = &notice.hint {
            let room = usize::from(area.right().saturating_sub(x + 2));
            let hint = cut(&clean(hint), room, ellipsis);
            buffer.set_stringn(x + 2, area.y, hint, room, theme.style(Role::Muted));
        }
        return;
    }
    if model.overlays.is_empty() && model.focus == Focus::Filter {
        return draw_filter(model, area, buffer);
    }
    if let Some(gone) = model.gone.as_ref().filter(|_| model.overlays.is_empty() && !model.attached()) {
        return draw_gone(model, gone, area, buffer);
    }
    let (left, right) = hints(model);
    let right_width: usize = right.iter().map(|hint| hint.width() + 2).sum();
    let fits = right_width + 2 < columns;
    let end = area.right().saturating_sub(if fits { u16::try_from(right_width).unwrap_or(0) } else { 0 });
    let mut x = area.x + 1;
    for hint in left {
        if x + u16::try_from(hint.width() + 2).unwrap_or(u16::MAX).min(1000) > end {
            break;
        }
        x = hint.draw(model, x, area, buffer) + 2;
    }
    let mut x = end;
    for hint in right.iter().filter(|_| fits) {
        x = hint.draw(model, x, area, buffer) + 2;
    }
}

fn draw_filter(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let columns = usize::from(area.width).saturating_sub(1);
    let text = format!("/{}", model.table.filter.text());
    let (x, _) = buffer.set_stringn(area.x + 1, area.y, &text, columns, theme.style(Role::Strong));
    let keys = format!("{} keep  {} clear", model.key(Action::Accept), model.key(Action::Back));
    let at = area.right().saturating_sub(u16::try_from(width(&keys) + 1).unwrap_or(0));
    if at > x + 2 {
        buffer.set_stringn(at, area.y, keys, columns, theme.style(Role::Muted));
    }
}

/// Says that there is no engine, what that means, and what can be done about it.
fn draw_gone(model: &Model, gone: &Gone, area: Rect, buffer: &mut Buffer) {
    let ago = distance(gone.since, model.now);
    let text = match (&gone.why, gone.starting) {
        (_, true) => "starting an engine".to_owned(),
        (Some(why), _) => clean(why),
        (None, _) => format!("no engine for {ago}: this is how it stood; what ran goes on, nothing new starts"),
    };
    let keys = [Action::StartEngine, Action::Quit].map(|action| Hint::of(model, action));
    let keys: Vec<Hint> = keys.into_iter().flatten().collect();
    let wanted: usize = keys.iter().map(|hint| hint.width() + 2).sum();
    let end = area.right().saturating_sub(u16::try_from(wanted).unwrap_or(u16::MAX)).max(area.x);
    let room = usize::from(end.saturating_sub(area.x + 2));
    let text = cut(&text, room, model.setup.symbols.ellipsis);
    buffer.set_stringn(area.x + 1, area.y, text, room, model.setup.theme.style(Role::Bad));
    let mut x = end;
    for hint in &keys {
        x = hint.draw(model, x, area, buffer) + 2;
    }
}

/// A key and what it does.
struct Hint {
    key: String,
    label: &'static str,
}

impl Hint {
    fn of(model: &Model, action: Action) -> Option<Self> {
        let key = model.key(action);
        (!key.is_empty()).then(|| Self { key, label: action.spec().label })
    }

    fn width(&self) -> usize {
        width(&self.key) + 1 + width(self.label)
    }

    fn draw(&self, model: &Model, x: u16, area: Rect, buffer: &mut Buffer) -> u16 {
        let theme = &model.setup.theme;
        let room = |x: u16| usize::from(area.right().saturating_sub(x));
        let (x, _) = buffer.set_stringn(x, area.y, &self.key, room(x), theme.style(Role::Key));
        let (x, _) = buffer.set_stringn(x + 1, area.y, self.label, room(x + 1), theme.style(Role::Muted));
        x
    }
}

/// Returns the hints for what has the keys: by importance, and those that are always there.
fn hints(model: &Model) -> (Vec<Hint>, Vec<Hint>) {
    let list = |actions: &[Action]| actions.iter().filter_map(|action| Hint::of(model, *action)).collect();
    match model.overlays.last() {
        Some(overlay) => (overlay_hints(model, overlay), Vec::new()),
        None if model.attached() => {
            let ticket = model.ticket().map(AsRef::as_ref);
            let hands = [Action::TakeOver, Action::HandBack].into_iter();
            let hands = hands.filter(|action| available(*action, &model.fleet, ticket).is_ok());
            let actions: Vec<Action> = hands.chain([Action::ScrollUp, Action::ScrollDown]).collect();
            (list(&actions), Vec::new())
        }
        None => (table_hints(model), list(&[Action::Filter, Action::Palette, Action::Help, Action::Quit])),
    }
}

fn table_hints(model: &Model) -> Vec<Hint> {
    let ticket = model.ticket();
    let mut actions = ticket.map_or_else(Vec::new, |ticket| answers(&model.fleet, ticket));
    if !model.fleet.mode.is_working() {
        actions.push(Action::ResumeAll);
    }
    let more = [Action::Attach, Action::Peek, Action::NextNeedingYou, Action::Detail, Action::Retry, Action::Skip];
    let rest = [
        Action::TakeOver,
        Action::HandBack,
        Action::TogglePause,
        Action::Stop,
        Action::Zoom,
        Action::ToggleZoneCollapse,
    ];
    for action in more.into_iter().chain(rest) {
        let ticket = ticket.map(AsRef::as_ref);
        if !actions.contains(&action) && available(action, &model.fleet, ticket).is_ok() {
            actions.push(action);
        }
    }
    let paused = ticket.is_some_and(|ticket| ticket.progress.paused);
    let hint = |action: Action| {
        let mut hint = Hint::of(model, action)?;
        if action == Action::TogglePause && paused {
            hint.label = Action::Resume.spec().label;
        }
        Some(hint)
    };
    actions.into_iter().filter_map(hint).collect()
}

fn overlay_hints(model: &Model, overlay: &Overlay) -> Vec<Hint> {
    let mut actions = Vec::new();
    if let (Some(_), Some(ticket)) = (overlay.ticket(), model.ticket())
        && overlay.acts_on_ticket()
    {
        actions.extend(answers(&model.fleet, ticket));
        if available(Action::Attach, &model.fleet, Some(ticket)).is_ok() {
            actions.push(Action::Attach);
        }
    }
    actions.extend(overlay.hinted());
    actions.into_iter().filter_map(|action| Hint::of(model, action)).collect()
}
