//! What is true: tickets, plans, workflows and the rules that move them. Pure: no clock, no IO, no async.

pub mod account;
pub mod activity;
pub mod agent_report;
pub mod agent_run;
pub mod budget;
pub mod clock;
pub mod command;
pub mod decision;
pub mod effect;
pub mod event;
pub mod explain;
pub mod fleet;
pub mod ids;
pub mod mode;
mod pattern;
pub mod permission;
pub mod plain;
pub mod plan;
pub mod problem;
pub mod rules;
pub mod session;
pub mod ticket;
pub mod time;
pub mod usage;
pub mod walks;
pub mod workflow;
pub mod zone;
