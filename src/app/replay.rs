//! `aotui replay`: finds the journal that is meant, and what belongs to it.

use std::path::Path;

use super::house::House;
use super::say;
use crate::cli::verbs::replay::{Material, replay};
use crate::cli::{Exit, Failure};
use crate::domain::fleet::Fleet;
use crate::store::{self, Layout};

/// Replays a journal file, a state directory, or this one's.
pub(super) fn run(house: &House, path: Option<&Path>) -> Result<Exit, Failure> {
    let path = path.map_or(house.settings.state_dir.clone(), |path| house.cwd.join(path));
    if !path.exists() {
        return Err(
            Failure::usage(format!("there is no {}", path.display())).hint("name a journal file or a state directory")
        );
    }
    let layout = Layout::new(&path);
    let is_state = path.is_dir();
    let journal = if is_state { layout.journal() } else { path };
    let material = Material {
        before: Some(Fleet::default()),
        steps: store::read_steps(&journal)?,
        problems: store::read_journal(&journal, 0)?.problems,
        snapshots: if is_state { store::snapshots(&layout) } else { Vec::new() },
    };
    say(&replay(material)?)
}
