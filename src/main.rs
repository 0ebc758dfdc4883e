use std::path::Path;

fn main() -> color_eyre::Result<()> {
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next()) {
        (Some(verb), Some(dir)) if verb == "hold" => aotui::holder::hold(Path::new(&dir)),
        _ => Ok(()),
    }
}
