//! What a person can ask for, by key, palette or command line: one catalogue drives them all.
//!
//! Where things go: a new action is one row in [`catalogue`], its condition an arm in [`availability`], and its
//! meaning an arm in the screen's update and, for verbs, in the command line. Pure: no terminal, no IO.

pub mod availability;
pub mod catalogue;
pub mod keymap;
pub mod keys;
mod spec;

pub use availability::{Why, available, possible};
pub use catalogue::Action;
pub use keymap::{Keymap, KeymapError};
pub use keys::{BadChord, Chord, Key};
pub use spec::{ActionSpec, Arg, Context, Group};
