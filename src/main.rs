//! Hands the command line over. What runs once per session takes a short way: no settings, no runtime, no reports.

use std::path::Path;
use std::process::ExitCode;

fn main() -> color_eyre::Result<ExitCode> {
    let args: Vec<_> = std::env::args_os().collect();
    Ok(match args.get(1..).unwrap_or_default() {
        [verb, dir] if verb == "hold" => aotui::holder::hold(Path::new(dir)).map(|()| ExitCode::SUCCESS)?,
        [verb, order] if verb == "check" => ExitCode::from(aotui::adapters::gates::check(Path::new(order))?),
        [verb, order] if verb == "drive" => ExitCode::from(aotui::driver::drive(Path::new(order))?),
        [verb, kind] if verb == "hook" => aotui::app::hook(kind, None),
        [verb, kind, payload] if verb == "hook" => aotui::app::hook(kind, Some(payload)),
        [verb, prompt] if verb == "practice-agent" => ExitCode::from(aotui::practice::run(Path::new(prompt))?),
        _ => {
            color_eyre::install()?;
            aotui::app::run(args)
        }
    })
}
