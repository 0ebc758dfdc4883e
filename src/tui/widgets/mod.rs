//! Pieces that several parts of the screen are made of.

pub(super) mod chooser;
pub(super) mod hint_bar;
pub(super) mod pen;
pub(super) mod reader;
pub(super) mod text_line;
