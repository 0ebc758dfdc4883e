//! `aotui replay`: finds the journal that is meant, and what belongs to it.

use std::path::Path;

use super::house::House;
use super::say;
use crate::cli::verbs::replay::{Material, replay};
use crate::cli::{Exit, Failure};
use crate::domain::fleet::Fleet;
use crate::domain::problem::Problem;
use crate::store::{self, History, JournalContent, Layout};

/// Replays a journal file, a state directory, or this one's.
pub(super) fn run(house: &House, path: Option<&Path>) -> Result<Exit, Failure> {
    let path = path.map_or(house.settings.state_dir.clone(), |path| house.cwd.join(path));
    if !path.exists() {
        return Err(
            Failure::usage(format!("there is no {}", path.display())).hint("name a journal file or a state directory")
        );
    }
    let material = if path.is_dir() {
        let layout = Layout::new(&path);
        let History { before, content } = store::history(&layout)?;
        let steps = store::all_steps(&layout)?;
        Material { before, steps, problems: problems(content), snapshots: store::snapshots(&layout) }
    } else {
        let steps = store::read_steps(&path)?;
        let problems = problems(store::read_journal(&path, 0)?);
        Material { before: Some(Fleet::default()), steps, problems, snapshots: Vec::new() }
    };
    say(&replay(material)?)
}

fn problems(content: JournalContent) -> Vec<Problem> {
    content.problems.into_iter().chain(content.torn).collect()
}
