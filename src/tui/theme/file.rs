//! Theme files: TOML with a palette and a style for each role. Reads text, never a file.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::role::Role;
use crate::domain::problem::nearest;

/// A theme as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThemeFile {
    /// The theme whose palette and roles it starts from.
    #[serde(default)]
    pub(super) inherits: Option<String>,
    /// The background the theme is made for; it is not painted.
    #[serde(default)]
    pub(super) backdrop: Option<String>,
    /// Names for colours.
    #[serde(default)]
    pub(super) palette: BTreeMap<String, String>,
    /// Styles by role name.
    #[serde(default)]
    pub(super) roles: BTreeMap<String, StyleEntry>,
}

/// A style as it is written: a colour, or more than that.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum StyleEntry {
    /// The colour of the text.
    Color(String),
    /// Colours and modifiers.
    Full {
        #[serde(default)]
        fg: Option<String>,
        #[serde(default)]
        bg: Option<String>,
        #[serde(default)]
        modifiers: Vec<String>,
    },
}

impl StyleEntry {
    /// Returns the style; what cannot be read is left out and added to `errors`.
    pub(super) fn style(&self, palette: &BTreeMap<String, String>, errors: &mut Vec<String>) -> Style {
        let mut style = Style::new();
        match self {
            StyleEntry::Color(fg) => style.fg = color(fg, palette, errors),
            StyleEntry::Full { fg, bg, modifiers } => {
                style.fg = fg.as_ref().and_then(|fg| color(fg, palette, errors));
                style.bg = bg.as_ref().and_then(|bg| color(bg, palette, errors));
                for name in modifiers {
                    match modifier(name) {
                        Some(modifier) => style = style.add_modifier(modifier),
                        None => errors.push(format!("`{name}` is no modifier: use {}", modifier_names())),
                    }
                }
            }
        }
        style
    }
}

const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
];

fn modifier(name: &str) -> Option<Modifier> {
    MODIFIERS.iter().find(|(known, _)| *known == name).map(|(_, modifier)| *modifier)
}

fn modifier_names() -> String {
    MODIFIERS.map(|(name, _)| name).join(", ")
}

/// Reads a colour: a name of the palette, `#rrggbb`, a colour of the terminal, or `default`.
pub(super) fn color(text: &str, palette: &BTreeMap<String, String>, errors: &mut Vec<String>) -> Option<Color> {
    let meant = palette.get(text).map_or(text, String::as_str);
    if meant == "default" {
        return Some(Color::Reset);
    }
    let found = meant.parse().ok();
    if found.is_none() {
        let hint = match nearest(text, palette.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write it as #rrggbb or name it in [palette]".to_owned(),
        };
        errors.push(format!("`{text}` is no colour ({hint})"));
    }
    found
}

/// Says which role is meant by a name that is none.
pub(super) fn unknown_role(name: &str) -> String {
    match nearest(name, Role::ALL.iter().map(|role| role.name())) {
        Some(near) => format!("there is no role `{name}` (did you mean `{near}`?)"),
        None => format!("there is no role `{name}`"),
    }
}
