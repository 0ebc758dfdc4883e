//! Leftovers of the state itself: recordings that are old, damaged files that were put aside, demos, dead sockets.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::{Found, Ground, Target, disk, is_done};
use crate::app::demo;
use crate::app::house::House;
use crate::cli::verbs::gc::{Fate, Kind, Leftover};
use crate::domain::ids::{SessionId, TicketKey};
use crate::holder::files::SessionDir;
use crate::runtime_dir;
use crate::store;

/// How many seconds a socket is left alone, because it may be about to be listened at.
const SOCKET_PATIENCE: u64 = 60;
/// How deep below the state directory damaged files are looked for.
const DEPTH: usize = 4;

/// Finds them.
pub(super) fn find(ground: &Ground<'_>) -> Vec<Found> {
    let mut found = sessions(ground);
    found.extend(artifacts(ground));
    found.extend(desks(ground));
    found.extend(put_aside(ground.house.layout().root(), 0));
    found.extend(demo::usual_places().into_iter().filter_map(|root| demo_sandbox(ground.house, root)));
    found.extend(sockets(ground.house));
    found
}

/// Finds recordings that are older than they have to be kept, by ticket.
fn sessions(ground: &Ground<'_>) -> Vec<Found> {
    let mut old: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in entries(&ground.house.layout().sessions()) {
        let Some(session) = entry.file_name().and_then(|name| name.to_str()?.parse::<SessionId>().ok()) else {
            continue;
        };
        if is_old(ground, &session, &entry).is_ok() {
            old.entry(session.ticket.to_string()).or_default().push(entry);
        }
    }
    let days = days(ground);
    let all = old.into_iter().map(|(ticket, mut dirs)| {
        dirs.sort();
        let bytes = dirs.iter().map(|dir| disk::bytes(dir)).sum();
        let count = if dirs.len() == 1 { "1 session".to_owned() } else { format!("{} sessions", dirs.len()) };
        Found {
            leftover: Leftover {
                kind: Kind::Sessions,
                name: format!("{count} of {ticket}"),
                repo: None,
                bytes: Some(bytes),
                age_seconds: dirs.iter().filter_map(|dir| disk::age(dir)).min(),
                fate: Fate::Safe,
                why: format!("ended more than {days} days ago, which is how long recordings are kept (`keepDays`)"),
            },
            target: Target::Sessions(dirs),
        }
    });
    all.collect()
}

/// Makes sure that nobody needs a session's directory any more.
fn is_old(ground: &Ground<'_>, session: &SessionId, dir: &Path) -> Result<(), String> {
    if let Some(ticket) = ground.fleet.ticket(&session.ticket) {
        let newest = ticket.progress.sessions == session.n;
        if !is_done(ticket) && newest {
            return Err(format!("it is the newest of {}", session.ticket));
        }
    }
    if SessionDir::new(dir).is_held() {
        return Err("it runs".to_owned());
    }
    is_aged(days(ground), dir)
}

/// Deletes the directories of sessions, each if it is still not needed.
pub(super) fn delete_sessions(ground: &Ground<'_>, dirs: &[PathBuf]) -> Result<(), String> {
    for dir in dirs {
        let session = dir.file_name().and_then(|name| name.to_str()?.parse::<SessionId>().ok());
        is_old(ground, &session.ok_or_else(|| format!("{} is no session", dir.display()))?, dir)?;
        remove(dir)?;
    }
    Ok(())
}

/// Finds the files that phases of finished tickets, and of tickets nobody knows, left for each other.
fn artifacts(ground: &Ground<'_>) -> Vec<Found> {
    let days = days(ground);
    let old = entries(&ground.house.layout().artifacts()).into_iter().filter(|dir| are_old(ground, dir).is_ok());
    let found = old.map(|dir| {
        let why = format!("of a ticket that is done or gone, and older than {days} days (`keepDays`)");
        Found { leftover: leftover(Kind::Artifacts, &dir, Fate::Safe, &why), target: Target::Artifacts(dir) }
    });
    found.collect()
}

/// Makes sure that no ticket needs its artifacts any more.
fn are_old(ground: &Ground<'_>, dir: &Path) -> Result<(), String> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let key = name.replacen('~', "/", 1).parse::<TicketKey>().map_err(|bad| bad.to_string())?;
    ground.still_done(&key)?;
    is_aged(days(ground), dir)
}

/// Deletes the artifacts of a ticket, if still nobody needs them.
pub(super) fn delete_artifacts(ground: &Ground<'_>, dir: &Path) -> Result<(), String> {
    are_old(ground, dir)?;
    remove(dir)
}

/// Finds what is left of conversations about plans: drafts that nobody took in are kept as long as recordings.
fn desks(ground: &Ground<'_>) -> Vec<Found> {
    let all = entries(&ground.house.layout().planning()).into_iter();
    let old = all.filter(|dir| dir.is_dir() && is_aged(desk_days(ground), dir).is_ok());
    let found = old.map(|dir| {
        let why = format!("drafts that nobody went on with for {} days (`keepDays`)", desk_days(ground));
        Found { leftover: leftover(Kind::Drafts, &dir, Fate::Safe, &why), target: Target::Desk(dir) }
    });
    found.collect()
}

/// Deletes the drafts of a conversation, if it is still over.
pub(super) fn delete_desk(ground: &Ground<'_>, dir: &Path) -> Result<(), String> {
    is_aged(desk_days(ground), dir)?;
    remove(dir)
}

fn days(ground: &Ground<'_>) -> u64 {
    u64::from(ground.house.settings.recordings.days)
}

/// Somebody may be in the middle of a conversation, however short recordings are kept.
fn desk_days(ground: &Ground<'_>) -> u64 {
    days(ground).max(1)
}

fn is_aged(days: u64, dir: &Path) -> Result<(), String> {
    let age = disk::age(dir).unwrap_or_default();
    if age < days.saturating_mul(24 * 60 * 60) { Err(format!("it was used less than {days} days ago")) } else { Ok(()) }
}

/// Removes a directory of ours; links in it are removed, not followed.
fn remove(dir: &Path) -> Result<(), String> {
    fs::remove_dir_all(dir).map_err(|error| format!("{} cannot be deleted: {error}", dir.display()))
}

/// Finds what was put aside because it was damaged or taken out.
fn put_aside(dir: &Path, depth: usize) -> Vec<Found> {
    let mut found = Vec::new();
    for path in entries(dir) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_dir = path.symlink_metadata().is_ok_and(|found| found.is_dir());
        let (kind, why) = if name.contains(".corrupt-") {
            (Kind::Quarantine, "it was damaged and put aside: look at it, then remove it yourself")
        } else if depth == 0 && name == "archive" {
            (Kind::Archive, "what was removed from the plans: remove it yourself when nobody will ask for it")
        } else {
            if is_dir
                && depth < DEPTH
                && !(depth == 0 && ["sessions", "worktrees", "artifacts", "planning"].contains(&name.as_str()))
            {
                found.extend(put_aside(&path, depth + 1));
            }
            continue;
        };
        found.push(Found { leftover: leftover(kind, &path, Fate::Kept, why), target: Target::None });
    }
    found
}

/// Judges a sandbox that `aotui demo` made where it was not told another place.
fn demo_sandbox(house: &House, root: PathBuf) -> Option<Found> {
    if !root.is_dir() || house.settings.state_dir.starts_with(&root) {
        return None;
    }
    let (fate, why) = match demo_in_use(&root) {
        Ok(()) => (Fate::Safe, "nobody plays it; `aotui demo` makes another one".to_owned()),
        Err(why) => (Fate::Kept, why),
    };
    Some(Found { leftover: leftover(Kind::Demo, &root, fate, &why), target: Target::Demo(root) })
}

fn demo_in_use(root: &Path) -> Result<(), String> {
    let house = House::at(&root.join("home")).map_err(|failure| failure.to_string())?;
    if let Some(holder) = store::holder(&house.layout()) {
        return Err(format!("it is open in {holder}"));
    }
    match entries(&house.layout().sessions()).into_iter().find(|dir| SessionDir::new(dir).is_held()) {
        Some(dir) => Err(format!("a session of it runs ({})", dir.display())),
        None => Ok(()),
    }
}

/// Deletes the sandbox of a demo, if nobody plays it.
pub(super) fn delete_demo(root: &Path) -> Result<(), String> {
    demo_in_use(root)?;
    crate::demo::reset(root).map_err(|error| format!("{error:#}"))
}

/// Finds sockets at which nobody listens any more.
fn sockets(house: &House) -> Vec<Found> {
    let dead = dead_sockets(house).into_iter().map(|path| {
        let leftover = leftover(Kind::Socket, &path, Fate::Safe, "nobody listens at it");
        Found { leftover: Leftover { bytes: None, ..leftover }, target: Target::Socket(path) }
    });
    dead.collect()
}

/// Returns the sockets of this user's aotui at which nobody listens any more.
pub(crate) fn dead_sockets(house: &House) -> Vec<PathBuf> {
    let dirs = runtime_dir::places(house.env.get("XDG_RUNTIME_DIR").map(Path::new));
    let all = dirs.iter().flat_map(|dir| entries(dir));
    all.filter(|path| is_dead(path).is_ok()).collect()
}

fn is_dead(path: &Path) -> Result<(), String> {
    if !path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket()) {
        return Err("it is no socket".to_owned());
    }
    if disk::age(path).is_none_or(|age| age < SOCKET_PATIENCE) {
        return Err("it is too young".to_owned());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        _ => Err("somebody listens at it".to_owned()),
    }
}

/// Deletes a socket, if still nobody listens at it.
pub(crate) fn delete_socket(path: &Path) -> Result<(), String> {
    is_dead(path)?;
    fs::remove_file(path).map_err(|error| format!("{} cannot be deleted: {error}", path.display()))
}

fn leftover(kind: Kind, path: &Path, fate: Fate, why: &str) -> Leftover {
    Leftover {
        kind,
        name: path.display().to_string(),
        repo: None,
        bytes: Some(disk::bytes(path)),
        age_seconds: disk::age(path),
        fate,
        why: why.to_owned(),
    }
}

/// Returns what is in a directory, sorted.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
