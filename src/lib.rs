pub mod bus;
pub mod domain;
pub mod slots;
