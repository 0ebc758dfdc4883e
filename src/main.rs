//! Hands the command line over; hidden verbs that run once per session take a short way.

use std::path::Path;
use std::process::ExitCode;

fn main() -> color_eyre::Result<ExitCode> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    match args.as_slice() {
        [verb, dir] if verb == "hold" => aotui::holder::hold(Path::new(dir)).map(|()| ExitCode::SUCCESS),
        [verb, prompt] if verb == "practice-agent" => Ok(ExitCode::from(aotui::practice::run(Path::new(prompt))?)),
        _ => Ok(ExitCode::from(2)),
    }
}
