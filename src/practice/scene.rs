//! Where the practice agent stands: what the session's environment says about ticket, phase and workspace.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::git::Git;
use super::story::Cue;
use crate::domain::ids::{PhaseId, TicketId, WalkName};
use crate::domain::plain::plain_line;
use crate::report::Reporter;

/// Longest title shown, in characters.
const MAX_TITLE: usize = 200;

/// The surroundings of one run.
#[derive(Debug)]
pub(super) struct Scene {
    /// The ticket's id; `practice` outside a session.
    pub(super) ticket: String,
    /// The ticket's title, one plain line; may be empty.
    pub(super) title: String,
    /// The phase; `implement` outside a session.
    pub(super) phase: String,
    /// The part of its ticket that it works on; empty for the ticket itself.
    pub(super) part: String,
    /// How often the phase was entered, from 1.
    pub(super) visit: u32,
    /// How often the phase was played in this workspace, from 1.
    pub(super) performance: u32,
    /// The branch the ticket lands on, where known.
    pub(super) base: Option<String>,
    /// The workspace.
    pub(super) root: PathBuf,
    /// How many times faster than life.
    pub(super) speed: f64,
    /// The way to aotui; `None` outside a session.
    pub(super) reporter: Option<Reporter>,
}

impl Scene {
    /// Reads the environment of this process.
    pub(super) fn from_env() -> color_eyre::Result<Self> {
        let get = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let root = env::current_dir()?.canonicalize()?;
        let ticket = get("AOTUI_TICKET").and_then(|text| TicketId::new(text).ok());
        let phase = get("AOTUI_PHASE").and_then(|text| PhaseId::new(text).ok());
        let phase = phase.map_or_else(|| "implement".into(), String::from);
        let speed = get("AOTUI_PRACTICE_SPEED").and_then(|text| text.parse::<f64>().ok());
        // Every id in the key of a walk was checked when the walk began.
        let walk = get("AOTUI_WALK").and_then(|walk| walk.rsplit('/').next()?.parse::<WalkName>().ok());
        let part = walk.and_then(|walk| Some(walk.as_str().split_once('.')?.1.to_owned())).unwrap_or_default();
        let played = if part.is_empty() { phase.clone() } else { format!("{part}.{phase}") };
        Ok(Self {
            performance: count_performance(&root, &played),
            part,
            ticket: ticket.map_or_else(|| "practice".into(), String::from),
            title: plain_line(&get("AOTUI_TITLE").unwrap_or_default(), MAX_TITLE),
            visit: get("AOTUI_VISIT").and_then(|text| text.parse().ok()).unwrap_or(1),
            base: get("AOTUI_BASE"),
            speed: speed.filter(|speed| speed.is_finite() && *speed > 0.0).unwrap_or(1.0),
            reporter: Reporter::from_env().ok(),
            phase,
            root,
        })
    }

    /// Returns where in its story the ticket is.
    pub(super) fn cue(&self) -> Cue {
        Cue {
            phase: self.phase.clone(),
            part: self.part.clone(),
            visit: self.visit,
            performance: self.performance,
            ticket: self.ticket.clone(),
            title: self.title.clone(),
        }
    }
}

/// Counts this run of `phase` in the workspace's own git directory, where no commit and no merge can see it.
/// Without a repository every run is the first.
fn count_performance(root: &Path, phase: &str) -> u32 {
    let Ok(git_dir) = Git::new(root).run(&["rev-parse", "--absolute-git-dir"]) else {
        return 1;
    };
    let directory = Path::new(git_dir.trim()).join("aotui-practice");
    let file = directory.join(phase);
    let before: u32 = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let now = before.saturating_add(1);
    // Where it cannot be counted, the story tells itself as if for the first time.
    let _ = fs::create_dir_all(&directory).and_then(|()| fs::write(&file, now.to_string()));
    now
}
