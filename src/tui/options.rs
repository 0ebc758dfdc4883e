//! What the screen is told at its start, and what it says at its end.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::model::{Role, Setup};
use super::theme::{Depth, Symbols, Theme};
use crate::actions::{Action, Keymap};
use crate::domain::ids::{PlanId, TicketKey};

/// How the screen is set up.
#[derive(Debug, Clone)]
pub struct TuiOptions {
    /// Where the directories of sessions are.
    pub sessions_dir: PathBuf,
    /// Name of the theme; empty means the default.
    pub theme: String,
    /// The user's own themes: text of the file by name.
    pub user_themes: BTreeMap<String, String>,
    /// Keys by action name, on top of the defaults.
    pub key_overrides: BTreeMap<String, Vec<String>>,
    /// The key that leaves an agent's terminal; empty means the default.
    pub leave_chord: String,
    /// Whose engine is shown.
    pub who: Role,
    /// Show only this plan.
    pub plan: Option<PlanId>,
    /// Show only this ticket's terminal; leaving it ends the program.
    pub attach: Option<TicketKey>,
}

/// How the screen was left. Prints as what to tell the person; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quit {
    /// What goes on without the screen.
    pub farewell: String,
    /// Whether a signal or the end of the terminal ended it, not the person.
    pub forced: bool,
}

impl fmt::Display for Quit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.farewell)
    }
}

/// Resolves keys, theme and signs; what is wrong is left out, and said in one line each. `get` returns a variable of
/// the environment.
pub(super) fn setup(options: TuiOptions, get: impl Fn(&str) -> Option<String>) -> (Setup, Vec<String>) {
    let mut overrides = options.key_overrides;
    if !options.leave_chord.is_empty() {
        overrides.insert(Action::Leave.name().to_owned(), vec![options.leave_chord]);
    }
    let (mut keymap, errors) = Keymap::new(&overrides);
    let mut errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    if keymap.chords(Action::Leave).is_empty() {
        overrides.remove(Action::Leave.name());
        keymap = Keymap::new(&overrides).0;
    }
    let (theme, theme_errors) = Theme::load(&options.theme, &options.user_themes, Depth::detect(&get));
    errors.extend(theme_errors);
    let symbols = Symbols::detect(&get);
    let TuiOptions { sessions_dir, who, plan, attach: only, .. } = options;
    let setup = Setup { keymap, theme, symbols, sessions_dir, who, plan, only };
    (setup, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> TuiOptions {
        TuiOptions {
            sessions_dir: PathBuf::new(),
            theme: String::new(),
            user_themes: BTreeMap::new(),
            key_overrides: BTreeMap::new(),
            leave_chord: String::new(),
            who: Role::Owner,
            plan: None,
            attach: None,
        }
    }

    fn leaves_with(leave_chord: &str) -> (String, usize) {
        let (setup, errors) = setup(TuiOptions { leave_chord: leave_chord.to_owned(), ..options() }, |_| None);
        (setup.keymap.chords(Action::Leave)[0].to_string(), errors.len())
    }

    #[test]
    fn the_key_that_leaves_is_the_users_and_never_missing() {
        assert_eq!(leaves_with(""), ("ctrl-\\".to_owned(), 0));
        assert_eq!(leaves_with("ctrl-q"), ("ctrl-q".to_owned(), 0));
        assert_eq!(leaves_with("nonsense"), ("ctrl-\\".to_owned(), 1));
    }

    #[test]
    fn what_is_wrong_with_keys_and_theme_is_said() {
        let key_overrides = BTreeMap::from([("aprove".to_owned(), vec!["y".to_owned()])]);
        let (_, errors) = setup(TuiOptions { theme: "dsk".to_owned(), key_overrides, ..options() }, |_| None);
        assert_eq!(errors.len(), 2, "{errors:#?}");
    }
}
