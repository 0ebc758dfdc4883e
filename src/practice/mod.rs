//! The practice agent: behaves like a coding agent's terminal program, costs nothing and does as the ticket says.
//!
//! It streams text, thinks, draws tool calls, asks for permission, asks questions, fails and hangs, and it really edits
//! files and really commits, in the workspace it is started in and nowhere else. The ticket scripts it with a block
//! fenced as `practice` (see [`story`]); without one it does something small and sensible. It speaks to aotui only
//! through [`crate::report`], as any other agent does, and knows nothing of the engine.

mod files;
mod git;
mod keyboard;
mod player;
mod scene;
mod screen;
mod story;
mod wrap;

use std::fs;
use std::path::Path;

use color_eyre::eyre::WrapErr;

use player::{Halt, Player};
use scene::Scene;
use screen::Screen;

/// Largest prompt read, in bytes.
const MAX_PROMPT: u64 = 4 * 1024 * 1024;

/// Works on the prompt in `prompt_file`, in the current directory, and returns the exit code: 0 done, 1 failed,
/// 2 the story cannot be played as it is written.
pub fn run(prompt_file: &Path) -> color_eyre::Result<u8> {
    let prompt = read_prompt(prompt_file)?;
    let scene = Scene::from_env()?;
    let steps = story::steps(&prompt, &scene.cue());
    let mut player = Player::new(scene, Screen::open()?);
    player.introduce();
    let end = match steps {
        Ok(steps) => player.perform(&steps),
        Err(why) => Err(Halt::Unplayable(why)),
    };
    Ok(player.leave(end))
}

fn read_prompt(path: &Path) -> color_eyre::Result<String> {
    let named = || format!("cannot read the prompt {}", path.display());
    let size = fs::metadata(path).wrap_err_with(named)?.len();
    color_eyre::eyre::ensure!(size <= MAX_PROMPT, "the prompt {} is larger than 4 MiB", path.display());
    fs::read_to_string(path).wrap_err_with(named)
}
