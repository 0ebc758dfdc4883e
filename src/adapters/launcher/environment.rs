//! The environment of sessions: built from a list of what may pass, never inherited.
//!
//! Agents get the keys of their vendors; tokens of trackers and forges reach scripts only.

use std::collections::BTreeMap;

use super::{Desk, repo};
use crate::slots::launcher::WorkOrder;

/// Longest value, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Most bytes of all captures together; the kernel limits the environment as a whole.
const MAX_CAPTURES: usize = 512 * 1024;

/// Variables every session gets.
const EVERYONE: [&str; 30] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TZ",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOCACHE",
    "JAVA_HOME",
    "NVM_DIR",
    "VOLTA_HOME",
    "PYENV_ROOT",
    "NIX_PATH",
    "NIX_PROFILES",
    "NIX_SSL_CERT_FILE",
];

/// Starts of names of variables every session gets.
const EVERYONE_STARTS: [&str; 2] = ["LC_", "XDG_"];

/// Where control sockets are, aotui's own among them; an agent gets it only where its record asks for it.
const SOCKETS: &str = "XDG_RUNTIME_DIR";

/// Starts of names of variables agents get besides.
const AGENT_STARTS: [&str; 13] = [
    "AIDER_",
    "OPENCODE_",
    "PI_",
    "ANTHROPIC_",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_",
    "CLAUDE_CODE_MAX_RETRIES",
    "CODEX_",
    "GEMINI_",
    "GOOGLE_",
    "OPENAI_",
    "OPENROUTER_",
];

/// Starts of names of variables scripts get besides.
const SCRIPT_STARTS: [&str; 9] =
    ["GH_", "GITHUB_", "GITLAB_", "GITEA_", "FORGEJO_", "BITBUCKET_", "LINEAR_", "JIRA_", "AOTUI_HOME"];

/// What runs in a session, by what it may see of the user's environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// An agent: the keys of its vendors.
    Agent,
    /// A script of the workflow: tokens of trackers and forges.
    Script,
    /// The gates, which run what an agent wrote: neither.
    Gates,
}

/// Returns the environment of a session of this order.
pub(super) fn of(order: &WorkOrder, desk: &Desk, who: Who) -> BTreeMap<String, String> {
    let extra: &[&str] = match who {
        Who::Agent => &AGENT_STARTS,
        Who::Script => &SCRIPT_STARTS,
        Who::Gates => &[],
    };
    let passes = |name: &str| {
        let listed =
            EVERYONE.contains(&name) || EVERYONE_STARTS.iter().chain(extra).any(|start| name.starts_with(start));
        listed && name != SOCKETS
    };
    let mut env: BTreeMap<String, String> =
        desk.env.iter().filter(|(name, _)| passes(name)).map(|(name, value)| (name.clone(), clean(value))).collect();
    // What the screen of a session understands, whatever the terminal it is shown in.
    let screen = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
    env.extend(screen.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut left = MAX_CAPTURES;
    for (key, value) in order.ticket.progress.known() {
        let value = clean(value);
        let Some(rest) = left.checked_sub(value.len()) else { continue };
        left = rest;
        env.insert(capture_name(key), value);
    }
    env.extend(own(order, desk).map(|(name, value)| (name.to_owned(), clean(&value))));
    env
}

/// Returns the variables that say what the session is for.
fn own(order: &WorkOrder, desk: &Desk) -> impl Iterator<Item = (&'static str, String)> {
    let (brief, progress) = (&order.ticket.brief, &order.ticket.progress);
    let from = progress.walks.from.as_deref();
    let checkout = progress.workspace.clone();
    let of_checkout = |part: fn(&crate::domain::ticket::Checkout) -> &String| {
        checkout.as_ref().map(|checkout| part(checkout).clone()).unwrap_or_default()
    };
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let session = order.session.to_string();
    [
        ("AOTUI_TICKET", brief.key.ticket.to_string()),
        ("AOTUI_PLAN", brief.key.plan.to_string()),
        ("AOTUI_PHASE", order.phase.id.to_string()),
        ("AOTUI_VISIT", progress.visits.get(&order.phase.id).copied().unwrap_or(1).to_string()),
        ("AOTUI_ATTEMPT", progress.attempt.max(1).to_string()),
        ("AOTUI_TITLE", brief.title.clone()),
        ("AOTUI_REPO", repo(&order.plan, &order.ticket).map(|repo| path(&repo)).unwrap_or_default()),
        ("AOTUI_WORKTREE", of_checkout(|checkout| &checkout.path)),
        ("AOTUI_BRANCH", of_checkout(|checkout| &checkout.branch)),
        ("AOTUI_BASE", of_checkout(|checkout| &checkout.base_branch)),
        ("AOTUI_BASE_COMMIT", of_checkout(|checkout| &checkout.base_commit)),
        ("AOTUI_WALK", brief.key.walk.iter().map(|walk| walk.as_str()).collect::<Vec<_>>().join("/")),
        ("AOTUI_ITEM", from.and_then(|from| from.item.clone()).unwrap_or_default()),
        ("AOTUI_ITEM_NUMBER", from.and_then(|from| from.number).map(|number| number.to_string()).unwrap_or_default()),
        ("AOTUI_FEEDBACK", progress.feedback.clone().unwrap_or_default()),
        ("AOTUI_ARTIFACTS", desk.artifacts(order).map(|dir| path(&dir)).unwrap_or_default()),
        ("AOTUI_SPOOL", path(&desk.spool_dir)),
        ("AOTUI_SESSION_DIR", path(&desk.sessions_dir.join(&session))),
        ("AOTUI_SESSION_ID", session),
        ("AOTUI_EXE", path(&desk.exe)),
    ]
    .into_iter()
}

/// Returns the variable a capture is passed in.
fn capture_name(key: &str) -> String {
    let key: String =
        key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("AOTUI_CTX_{key}")
}

/// Returns a value as the kernel takes it: without NUL, not longer than 64 KiB.
pub(super) fn clean(value: &str) -> String {
    let mut value = value.replace('\0', "");
    if value.len() > MAX_VALUE {
        let cut = (0..=MAX_VALUE).rev().find(|at| value.is_char_boundary(*at)).unwrap_or(0);
        value.truncate(cut);
    }
    value
}
