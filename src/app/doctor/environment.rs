//! The terminal, the language and the git around us.

use std::io::{self, IsTerminal};
use std::path::Path;

use super::Checked;
use crate::adapters::workspace::GitWorkspace;
use crate::app::house::House;
use crate::cli::verbs::doctor::Finding;
use crate::runtime_dir;

/// The smallest terminal in which the table is readable, in columns and rows.
const SMALLEST: (u16, u16) = (60, 15);

/// Looks at the terminal, the language and the place for sockets.
pub(super) fn check(house: &House) -> Vec<Checked> {
    vec![terminal(house).into(), language(house).into(), sockets(house).into()]
}

fn terminal(house: &House) -> Finding {
    let term = house.env.get("TERM").map_or("", String::as_str);
    if term.is_empty() || term == "dumb" {
        let text = format!("TERM is `{term}`: the screen cannot be shown here");
        return Finding::warn("terminal", text, "use a terminal that sets TERM, or `aotui run` without a screen");
    }
    if !io::stdout().is_terminal() {
        return Finding::ok("terminal", format!("TERM is {term}; the output goes elsewhere"));
    }
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col < SMALLEST.0 || size.ws_row < SMALLEST.1 => {
            let text = format!("{} columns × {} rows are few for the table", size.ws_col, size.ws_row);
            Finding::warn("terminal", text, format!("make it at least {} × {}", SMALLEST.0, SMALLEST.1))
        }
        Ok(size) => Finding::ok("terminal", format!("{term}, {} columns × {} rows", size.ws_col, size.ws_row)),
        Err(error) => Finding::warn("terminal", format!("its size is not known: {error}"), "use another terminal"),
    }
}

fn language(house: &House) -> Finding {
    let set = |name: &str| house.env.get(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let is_utf8 = |locale: &String| ["UTF-8", "UTF8"].iter().any(|name| locale.to_uppercase().ends_with(name));
    match locale {
        Some(locale) if is_utf8(locale) => Finding::ok("language", locale.clone()),
        other => {
            let text = format!("the locale is `{}`, not a UTF-8 one", other.map_or("C", String::as_str));
            Finding::warn("language", text, "set `LANG=C.UTF-8`: agents and the screen print more than ASCII")
        }
    }
}

fn sockets(house: &House) -> Finding {
    let dir = house.env.get("XDG_RUNTIME_DIR").map(Path::new);
    match house.socket() {
        Ok(socket) => {
            let place = socket.parent().unwrap_or(&socket).display().to_string();
            match dir.filter(|dir| !socket.starts_with(dir)) {
                Some(unused) => {
                    let text = format!("sockets are in {place}, because {} cannot be used", unused.display());
                    Finding::warn(
                        "sockets",
                        text,
                        "make $XDG_RUNTIME_DIR a short path of a directory of yours, mode 0700",
                    )
                }
                None => Finding::ok("sockets", place),
            }
        }
        Err(failure) => {
            let places = runtime_dir::places(dir);
            let shown: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
            let fix = format!("remove what is at {} or make it a directory of yours, mode 0700", shown.join(" and "));
            Finding::fail("sockets", failure.to_string(), fix)
        }
    }
}

/// Looks at git and at who it takes the user for.
pub(super) async fn git(git: &GitWorkspace) -> Vec<Checked> {
    let facts = git.facts().await;
    let version = match facts.version {
        Ok(version) => Finding::ok("git", version),
        Err(why) => return vec![Finding::fail("git", why, "install a newer git").into()],
    };
    let mut found: Vec<Checked> = vec![version.into()];
    // Where it is not set for all of the user's repositories, each of those that matter is looked at for itself.
    if let (Some(name), Some(email)) = (facts.name, facts.email) {
        found.push(Finding::ok("git", format!("commits are by {name} <{email}>")).into());
    }
    found
}
