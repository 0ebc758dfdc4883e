//! What a person does and sees: keys in, effects and frames out.

mod answers;
mod gone;
mod looks;
mod moving;
mod safety;
mod stage;
mod terminal;

use std::sync::Arc;

use crossterm::event::MouseEventKind;
use insta::assert_snapshot;
use proptest::prelude::*;

use self::stage::*;
use super::effect::Effect;
use super::fixture::*;
use super::focus::Focus;
use super::model::{Model, Role};
use super::msg::Msg;
use crate::actions::{Action, available};
use crate::domain::command::{Command, Rejection, TicketAction};
use crate::domain::decision::Seen;
use crate::domain::fleet::{Fleet, Input, Outbox};
use crate::domain::ids::{RequestId, SessionId};
use crate::domain::mode::Mode;
use crate::domain::problem::Problem;
use crate::domain::session::{Answer, Ask};
use crate::domain::ticket::{AfterStop, Status};

/// Returns that a request was seen.
fn request(id: &str) -> Seen {
    Seen::request(RequestId::new(id).unwrap())
}

/// Returns the one command among the effects.
fn command(effects: &[Effect]) -> (String, TicketAction) {
    let [Effect::Send { command, .. }] = effects else { panic!("not one command: {effects:?}") };
    let Command::Ticket { key, action } = &**command else { panic!("not about a ticket: {command:?}") };
    (key.ticket.to_string(), action.clone())
}

/// Returns what is said on the last line.
fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| notice.text.as_str())
}
