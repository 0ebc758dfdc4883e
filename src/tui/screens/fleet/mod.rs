//! The table of tickets in their zones, with the selected ticket beside it.

mod beside;
mod brief;
mod model;
mod row;
mod table;
mod view;

pub(in crate::tui) use brief::lines as brief;
pub(in crate::tui) use model::FleetScreen;
pub(in crate::tui) use view::draw;
