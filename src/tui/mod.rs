//! The screen: a pure model that messages change and frames show, and a loop around it.
//!
//! `input` and `msg` say what came in, `update` and `act` change the `model`, `view` draws it, `effect` says what is
//! to be done, and `run` does it. Nothing here decides anything about tickets: it asks the engine over the bus.

mod act;
mod clipboard;
mod effect;
mod engines;
mod focus;
mod format;
mod guard;
mod input;
mod layout;
mod model;
mod msg;
mod options;
mod overlays;
mod panes;
mod run;
mod screens;
mod theme;
mod update;
mod view;
mod widgets;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use engines::{Engines, Joined};
pub use guard::install_panic_hook;
pub use model::Role;
pub use options::{Quit, TuiOptions};
pub use run::run;
#[cfg(test)]
pub(crate) use theme::{names_of_roles, problems_of_theme};
