//! The viewer's side of a session: its bytes become a screen here, and keys become bytes.
//!
//! This is the only user of the terminal emulator. Nothing a program prints reaches the host terminal from here but
//! cells whose text was checked. A viewer comes and goes without the program noticing.

mod cells;
mod follow;
mod keys;
mod mouse;
mod pane;
mod queries;
mod replay;
mod screen;

pub use keys::{encode_key, encode_paste};
pub use mouse::encode_mouse;
pub use pane::{Pane, PaneState};
pub use screen::{MouseEncoding, MouseMode, Screen, emulating};
