//! The state directory: who works on it, whether it is private, sound and has room, and what its sessions do.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{Checked, Ground, Mend};
use crate::app::gc;
use crate::cli::verbs::doctor::Finding;
use crate::cli::verbs::gc::size;
use crate::domain::ids::SessionId;
use crate::holder::PROTOCOL_VERSION;
use crate::holder::files::SessionDir;
use crate::store;

/// Below this much room work is in danger, in bytes.
const LITTLE: u64 = 100 * 1024 * 1024;
/// Below this much room it is time to tidy, in bytes.
const TIGHT: u64 = 2 * 1024 * 1024 * 1024;

/// Looks at the state. `engine` is the process id of the engine that answered, `unread` why the state could not be read.
pub(super) fn check(ground: &Ground<'_>, engine: Option<u32>, unread: Option<String>) -> Vec<Checked> {
    let root = ground.house.settings.state_dir.as_path();
    if !root.exists() {
        return vec![
            Finding::ok("state", format!("{} is not there yet; the first start makes it", root.display())).into(),
        ];
    }
    let mut found = private(root);
    found.extend(private_files(ground));
    found.push(engine_at(ground, engine).into());
    found.push(room(root).into());
    found.extend(unread.map(|why| Finding::fail("state", why, "nothing is lost: keep the directory as it is").into()));
    let settings_file = ground.house.places.config_file.display().to_string();
    let problems = ground.fleet.live.problems.iter().filter(|problem| problem.file != settings_file);
    found.extend(problems.map(|problem| {
        let fix =
            problem.hint.clone().unwrap_or_else(|| "correct the file; the last good version is in force".to_owned());
        let text = crate::domain::problem::Problem { hint: None, ..problem.clone() }.to_string();
        Checked::from(Finding::fail("state", text, fix))
    }));
    found.extend(sessions(ground));
    let dead = gc::dead_sockets(ground.house);
    found.extend(dead.into_iter().map(|socket| {
        let text = format!("nobody listens at {}", socket.display());
        Checked::mended_by(Finding::warn("sockets", text, "remove it"), Mend::Socket(socket))
    }));
    found
}

/// Makes a file or directory the user's alone. Links are not followed.
pub(super) fn make_private(path: &Path) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", path.display());
    let found = fs::symlink_metadata(path).map_err(cannot)?;
    if found.is_symlink() {
        return Err(format!("{} is a link", path.display()));
    }
    fs::set_permissions(path, Permissions::from_mode(found.mode() & 0o700)).map_err(cannot)
}

/// Says whether a directory is this user's alone.
fn private(dir: &Path) -> Vec<Checked> {
    let shown = dir.display();
    let found = match fs::symlink_metadata(dir) {
        Ok(found) => found,
        Err(error) => return vec![Finding::fail("state", format!("{shown}: {error}"), "make it readable").into()],
    };
    if found.uid() != rustix::process::getuid().as_raw() {
        return vec![
            Finding::fail("state", format!("{shown} belongs to another user"), "choose another `stateDir`").into(),
        ];
    }
    if rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_err() {
        return vec![
            Finding::fail("state", format!("{shown} cannot be written"), format!("run `chmod u+rwx {shown}`")).into(),
        ];
    }
    if found.mode() & 0o077 != 0 && !found.is_symlink() {
        let finding = Finding::warn("state", format!("others can enter {shown}"), format!("run `chmod go= {shown}`"));
        return vec![Checked::mended_by(finding, Mend::Private(dir.to_path_buf()))];
    }
    vec![Finding::ok("state", format!("{shown} is yours alone")).into()]
}

/// Finds files of the state that others can read.
fn private_files(ground: &Ground<'_>) -> Vec<Checked> {
    let layout = ground.house.layout();
    let consent = layout.root().join("trust.json");
    let paths = [layout.journal(), layout.checkpoint(), layout.plans(), layout.sessions(), layout.spool(), consent];
    let open = paths
        .into_iter()
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| !found.is_symlink() && found.mode() & 0o077 != 0));
    open.map(|path| {
        let shown = path.display();
        let finding = Finding::warn("state", format!("others may read {shown}"), format!("run `chmod go= {shown}`"));
        Checked::mended_by(finding, Mend::Private(path))
    })
    .collect()
}

fn engine_at(ground: &Ground<'_>, answered: Option<u32>) -> Finding {
    match (store::holder(&ground.house.layout()), answered) {
        (None, _) => Finding::ok("engine", "none is at work; the lock is free"),
        (Some(holder), Some(_)) => Finding::ok("engine", format!("{holder} is at work and answers")),
        (Some(holder), None) => {
            let pid = holder.pid.map_or("PID".to_owned(), |pid| pid.to_string());
            let text = format!("{holder} holds the lock and does not answer");
            Finding::warn(
                "engine",
                text,
                format!("wait a moment; if it stays so, end it (`kill {pid}`): sessions go on"),
            )
        }
    }
}

fn room(root: &Path) -> Finding {
    let Ok(found) = rustix::fs::statvfs(root) else {
        return Finding::warn("disk", "how much room there is cannot be told", "look at `df`");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} free for {}", size(free), root.display());
    let fix = "make room: `aotui gc` lists what is left over";
    match free {
        free if free < LITTLE => Finding::fail("disk", text, fix),
        free if free < TIGHT => Finding::warn("disk", text, fix),
        _ => Finding::ok("disk", text),
    }
}

/// Compares what tickets say of their sessions with what there is.
fn sessions(ground: &Ground<'_>) -> Vec<Checked> {
    let layout = ground.house.layout();
    let fleet = &ground.fleet;
    let believed: Vec<&SessionId> = fleet.walks().filter_map(|ticket| ticket.progress.status.session()).collect();
    let engine = store::holder(&layout).is_some();
    let mut found: Vec<Checked> = Vec::new();
    let (mut alive, mut ended) = (0_usize, 0_usize);
    for session in &believed {
        let dir = SessionDir::new(layout.session(session));
        if dir.is_held() {
            alive += 1;
        } else if matches!(dir.exit(), Ok(Some(_))) {
            ended += 1;
        } else if !engine {
            let text = format!("session {session} vanished without a record");
            found.push(
                Finding::warn("sessions", text, "the next engine runs its phase again; no attempt is lost").into(),
            );
        }
    }
    for entry in fs::read_dir(layout.sessions()).into_iter().flatten().flatten() {
        let Some(session) = entry.file_name().to_str().and_then(|name| name.parse::<SessionId>().ok()) else {
            continue;
        };
        let dir = SessionDir::new(entry.path());
        if !dir.is_held() {
            continue;
        }
        let record = dir.holder().ok().flatten();
        if let Some(record) = record.as_ref().filter(|record| record.version != PROTOCOL_VERSION) {
            let text = format!("session {session} is held by another build of aotui (protocol {})", record.version);
            let fix = "it goes on; attach to it with the build that started it";
            found.push(Finding::warn("sessions", text, fix).into());
        }
        if !believed.contains(&&session) {
            let pid = record.map_or("its holder".to_owned(), |record| format!("process {}", record.holder.pid));
            let text = format!("session {session} runs ({pid}), and no ticket knows of it");
            let fix = "look at it with `aotui logs`, and end it if nobody needs it";
            found.push(Finding::warn("sessions", text, fix).into());
        }
    }
    let text = match ended {
        0 => format!("{alive} run"),
        n => format!("{alive} run, {n} ended while no engine was there to see it"),
    };
    found.insert(0, Finding::ok("sessions", text).into());
    found
}
