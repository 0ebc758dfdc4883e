//! `aotui`: a full-screen supervisor for AI coding agents.
//!
//! Tickets walk a deterministic workflow; agents and scripts run in isolated git worktrees, each in a terminal of its own
//! that outlives this program; one person steers all of them by single keys.
//!
//! # The map
//!
//! Two pure state machines with every IO at the edge. The engine's is [`domain::fleet::Fleet::step`]: an input in, events
//! and effects out. The screen's is [`tui`]'s `Model::update` and `view`: a message in, effects and a frame out.
//!
//! ```text
//!             intent                          facts
//!  keys ─► Action ─► Command ─► engine ─► Event + Fleet snapshot ─► tui model ─► frame
//!  CLI, socket ────────┘          │ ▲
//!                         Effect  ▼ │  Report       session output ─► file ─► terminal::Pane ─► frame
//!                              adapters (slots)          └─── never on the bus ───┘
//! ```
//!
//! *Action* is what a person asked for, *Command* what the engine is asked to do, *Effect* the IO the fleet wants done,
//! *Report* what came back, *Event* a fact in the past tense that the journal keeps, *Msg* the screen's inbox.
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | tickets, plans, workflows and the rules that move them; pure |
//! | [`bus`] | commands to the engine, snapshots and events from it |
//! | [`slots`] | contracts between the engine and the world |
//! | [`store`] | journal, snapshots, lock: the state on disk |
//! | [`engine`] | the loop: step, journal, publish, carry out effects |
//! | [`holder`] | the small process that owns one session's terminal |
//! | [`faults`] | durable steps by name, which tests make fail; nothing in release builds |
//! | [`runtime_dir`] | the private directory sockets are in |
//! | [`report`] | what agents tell aotui, as files |
//! | [`agent`] | what agent programs say: event streams, errors, usage; pure |
//! | [`driver`] | drives an agent that has no screen of its own, inside its session |
//! | [`hook`] | what agents with a screen of their own call while they work |
//! | [`terminal`] | the viewing side of a session: screen, keys, panes |
//! | [`config`] | places, settings, workflow files, prompts, consent |
//! | [`adapters`] | the slots implemented: git worktrees, holders, launches |
//! | [`intake`] | lists of work that people bring: Markdown, JSON, CSV; pure |
//! | [`practice`], [`demo`] | the built-in agent and the sandbox it works in |
//! | [`actions`] | the one catalogue behind keys, hints, help, palette and verbs |
//! | [`tui`], [`cli`], [`ipc`] | the faces: screen, command line, control socket |
//! | [`app`] | the composition root, the only module that sees all others |
//!
//! # Invariants
//!
//! - State changes only by applying events; replaying the journal gives the same fleet.
//! - Events are on disk, fsynced, before any effect of theirs starts; each turn of the engine syncs once.
//! - There is no tick: everything waits for an input or for a deadline read from the state.
//! - Sessions do not depend on this process: a holder owns each, and a restart finds it again.
//! - Bytes of a session reach the host terminal only as cells of an emulated screen.
//! - No value of a ticket becomes code, an option or a path unchecked.
//! - Nothing is deleted whose work is not on a ref; only processes proven ours are signalled.
//!
//! Who may import whom, file sizes and who may name which crate are kept by `tests/it/architecture.rs`.

pub mod actions;
pub mod adapters;
pub mod agent;
pub mod app;
pub mod bus;
pub mod cli;
pub mod config;
pub mod demo;
pub mod domain;
pub mod driver;
pub mod engine;
pub mod faults;
pub mod holder;
pub mod hook;
pub mod intake;
pub mod ipc;
pub mod practice;
pub mod report;
pub mod runtime_dir;
pub mod slots;
pub mod store;
pub mod terminal;
pub mod tui;
