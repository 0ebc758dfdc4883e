//! The help page: the catalogue with the keys in force, and why an action does nothing now.

use ratatui::text::{Line, Span};

use crate::actions::{Action, Group};
use crate::tui::format::{fit, width, wrap};
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// A page at least this wide shows names, which the palette and the settings know.
const WITH_NAMES: usize = 60;
/// Columns several keys of one action may take together.
const KEYS: usize = 14;

pub(super) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = &model.setup.theme;
    let keys = |action: Action| keys(model, action);
    let key_width = Action::ALL.iter().map(|action| width(&keys(*action))).max().unwrap_or(0).min(columns / 3);
    let names = Action::ALL.iter().map(|action| width(action.name())).max().unwrap_or(0);
    let ellipsis = model.setup.symbols.ellipsis;
    let mut lines = Vec::new();
    for group in Group::ALL {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(group.title(), theme.style(Role::Muted)));
        for action in Action::ALL.iter().filter(|action| action.spec().group == group) {
            let keys = keys(*action);
            let why = model.available(*action, model.ticket().map(AsRef::as_ref)).err();
            let text = match &why {
                Some(why) => format!("{} Not now: {why}.", action.spec().doc),
                None => action.spec().doc.to_owned(),
            };
            let (key, name, role) = match why {
                Some(_) => (Role::Muted, Role::Muted, Role::Muted),
                None => (Role::Key, Role::Strong, Role::Text),
            };
            let name_width = if columns >= WITH_NAMES { names + 2 } else { 0 };
            let room = columns.saturating_sub(key_width + 2 + name_width);
            for (at, part) in wrap(&text, room).into_iter().enumerate() {
                let first = |text: &str, width| fit(if at == 0 { text } else { "" }, width, ellipsis);
                lines.push(Line::from(vec![
                    Span::styled(first(&keys, key_width + 2), theme.style(key)),
                    Span::styled(first(action.name(), name_width), theme.style(name)),
                    Span::styled(part, theme.style(role)),
                ]));
            }
        }
    }
    lines
}

/// Returns the keys of an action, the first one and as many more as there is room for.
fn keys(model: &Model, action: Action) -> String {
    let mut keys = String::new();
    for chord in model.setup.keymap.chords(action) {
        let key = model.setup.symbols.chord(*chord);
        if keys.is_empty() {
            keys = key;
        } else if width(&keys) + 1 + width(&key) <= KEYS {
            keys = format!("{keys} {key}");
        }
    }
    keys
}
