pub mod adapters;
pub mod bus;
pub mod domain;
pub mod engine;
pub mod holder;
pub mod slots;
pub mod store;
pub mod terminal;
