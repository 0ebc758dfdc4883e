pub mod domain;
pub mod slots;
