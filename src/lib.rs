pub mod bus;
pub mod domain;
pub mod engine;
pub mod slots;
pub mod store;
