//! Colours: theme files become one style per role, resolved once, with the colours the terminal has.

mod depth;
mod file;
mod role;
mod symbols;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

#[cfg(test)]
use ratatui::style::Color;
use ratatui::style::Style;

pub(super) use depth::Depth;
use file::{StyleEntry, ThemeFile};
pub(super) use role::Role;
pub(super) use symbols::Symbols;

use crate::domain::problem::nearest;
use crate::domain::zone::Zone;

/// The themes every installation has, the default first.
const BUNDLED: [(&str, &str); 3] = [
    ("dusk", include_str!("../../../themes/dusk.toml")),
    ("paper", include_str!("../../../themes/paper.toml")),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// Most themes that may inherit from one another in a row.
const MAX_INHERITANCE: usize = 8;

/// A style for every role.
#[derive(Debug, Clone)]
pub(super) struct Theme {
    styles: Vec<Style>,
    #[cfg(test)]
    backdrop: Color,
}

impl Theme {
    /// Builds the theme called `name` from the user's themes (name and text) and the bundled ones. What is wrong is
    /// left out, and said in one line each.
    pub(super) fn load(name: &str, users: &BTreeMap<String, String>, depth: Depth) -> (Self, Vec<String>) {
        let mut errors = Vec::new();
        let mut merged = Merged::default();
        let name = if name.is_empty() { "dusk" } else { name };
        merge(name, users, &mut merged, &mut errors, MAX_INHERITANCE);
        let mut styles: Vec<Style> = Vec::new();
        for role in Role::ALL {
            let base = role.fallback().and_then(|role| styles.get(role as usize).copied()).unwrap_or_default();
            let own = merged.roles.get(role.name()).map(|entry| entry.style(&merged.palette, &mut errors));
            styles.push(own.map_or(base, |own| base.patch(own)));
        }
        for name in merged.roles.keys().filter(|name| !Role::ALL.iter().any(|role| role.name() == *name)) {
            errors.push(file::unknown_role(name));
        }
        errors.iter_mut().for_each(|error| error.insert_str(0, &format!("theme {name}: ")));
        let styles = styles.into_iter().map(|style| depth.reduce(style)).collect();
        let theme = Self {
            styles,
            #[cfg(test)]
            backdrop: merged.backdrop(),
        };
        (theme, errors)
    }

    /// Returns the style of a role.
    pub(super) fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// Returns the style of a zone.
    pub(super) fn zone(&self, zone: Zone) -> Style {
        self.style(match zone {
            Zone::Respond => Role::Respond,
            Zone::Failed => Role::Failed,
            Zone::Merge => Role::Merge,
            Zone::Review => Role::Review,
            Zone::Working => Role::Working,
            Zone::Waiting => Role::Waiting,
            Zone::Done => Role::Done,
        })
    }
}

/// Returns what is wrong with the text of a theme.
#[cfg(test)]
pub(crate) fn problems_of_theme(text: &str) -> Vec<String> {
    let users = BTreeMap::from([("own".to_owned(), text.to_owned())]);
    Theme::load("own", &users, Depth::True).1
}

/// Returns the names of everything that a theme gives a style.
#[cfg(test)]
pub(crate) fn names_of_roles() -> Vec<&'static str> {
    Role::ALL.iter().map(|role| role.name()).collect()
}

/// A theme with everything it inherits.
#[derive(Default)]
struct Merged {
    #[cfg(test)]
    backdrop: Option<String>,
    palette: BTreeMap<String, String>,
    roles: BTreeMap<String, StyleEntry>,
}

#[cfg(test)]
impl Merged {
    fn backdrop(&self) -> Color {
        let named = self.backdrop.as_deref().unwrap_or("default");
        file::color(named, &self.palette, &mut Vec::new()).unwrap_or_default()
    }
}

fn merge(name: &str, users: &BTreeMap<String, String>, into: &mut Merged, errors: &mut Vec<String>, depth_left: usize) {
    let bundled = || BUNDLED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let Some(text) = users.get(name).map(String::as_str).or_else(bundled) else {
        errors.push(unknown(name, users));
        return fall_back(name, users, into, errors);
    };
    let file: ThemeFile = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            errors.push(error.message().to_owned());
            return fall_back(name, users, into, errors);
        }
    };
    if let Some(parent) = &file.inherits {
        match depth_left.checked_sub(1) {
            // A user's theme may have the name of a bundled one and start from it.
            Some(_) if parent == name => merge(parent, &BTreeMap::new(), into, errors, 0),
            Some(left) => merge(parent, users, into, errors, left),
            None => {
                errors.push(format!("`{name}` inherits from `{parent}` in a circle"));
                fall_back(name, users, into, errors);
            }
        }
    }
    #[cfg(test)]
    {
        into.backdrop = file.backdrop.clone().or(into.backdrop.take());
    }
    if let Some(backdrop) = &file.backdrop {
        let _checked = file::color(backdrop, &file.palette, errors);
    }
    into.palette.extend(file.palette);
    into.roles.extend(file.roles);
}

/// Takes the default theme where a theme cannot be used.
fn fall_back(name: &str, users: &BTreeMap<String, String>, into: &mut Merged, errors: &mut Vec<String>) {
    if name != "dusk" {
        merge("dusk", users, into, errors, 1);
    } else if users.contains_key(name) {
        merge("dusk", &BTreeMap::new(), into, errors, 0);
    }
}

fn unknown(name: &str, users: &BTreeMap<String, String>) -> String {
    let known: Vec<&str> = BUNDLED.iter().map(|(name, _)| *name).chain(users.keys().map(String::as_str)).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("there is no such theme (did you mean `{near}`?)"),
        None => format!("there is no such theme: use {}", known.join(", ")),
    }
}
