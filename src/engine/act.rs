//! Carrying out one verb when no engine runs: under the lock, on the journal, without starting anything.

use super::now;
use crate::domain::command::{Command, Rejection};
use crate::domain::fleet::{Fleet, Input, Outbox, Policy, Step};
use crate::domain::rules::Rules;
use crate::store::{Loaded, Store, StoreError, Touched};

/// Why a verb did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The state said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fleet said no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

/// Carries out commands one after the other on an opened store; stops at the first refusal. What was accepted is on
/// disk, snapshots included, when it returns. The policy has to start nothing.
pub fn act(store: &mut Store, loaded: Loaded, policy: Policy, commands: Vec<Command>) -> Result<Fleet, ActError> {
    let mut fleet = loaded.fleet;
    fleet.policy = policy;
    let mut touched = Touched::default();
    let mut refused = None;
    for (command, ours) in loaded.wanted.into_iter().map(|c| (c, false)).chain(commands.into_iter().map(|c| (c, true)))
    {
        let mut out = Outbox::default();
        let (input, policy) = (Input::Command(command), fleet.policy.clone());
        fleet.step(now(), input.clone(), &mut out);
        touched.add(&out.events);
        store.journal.append(&[Step { input, policy, events: out.events }])?;
        refused = out.rejection.filter(|_| ours);
        if refused.is_some() {
            break;
        }
    }
    store.snapshot_now(&std::sync::Arc::new(fleet.clone()), touched);
    match refused {
        Some(rejection) => Err(rejection.into()),
        None => Ok(fleet),
    }
}

/// Returns the policy under which nothing starts and these rules hold.
pub fn read_only(rules: Rules) -> Policy {
    Policy { dispatch: false, rules: std::sync::Arc::new(rules), ..Policy::default() }
}
