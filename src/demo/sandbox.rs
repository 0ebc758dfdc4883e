//! The sandbox repository: a small shell program with tests and a few commits of history.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use color_eyre::eyre::{Result, WrapErr, bail};

/// A file of the sandbox: where it goes, and what is in it.
type File = (&'static str, &'static str);

macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../assets/demo/ledger/", $path)))
    };
}

/// The history, oldest commit first: message and new files.
const HISTORY: &[(&str, &[File])] = &[
    (
        "Begin a ledger in plain shell",
        &[
            file!("README.md"),
            file!("ledger"),
            file!("books/home.txt"),
            file!("commands/list.sh"),
            file!("lib/money.sh"),
        ],
    ),
    ("Add everything up", &[file!("commands/total.sh")]),
    (
        "Test against a small book whose sums are known",
        &[
            file!("tests.sh"),
            file!("lib/expect.sh"),
            file!("books/sample.txt"),
            file!("tests/list.sh"),
            file!("tests/total.sh"),
        ],
    ),
    (
        "List the commands, and test that each is there",
        &[file!("docs/commands.txt"), file!("commands/help.sh"), file!("tests/commands.sh")],
    ),
    ("Say how the repository is tested", &[file!(".aotui/test")]),
    ("Close the release window until the manual is written", &[file!("release/window")]),
];

/// Seconds since the epoch of the first commit; the others follow an hour apart, so that every sandbox is the same.
const FIRST_COMMIT: usize = 1_717_200_000;

/// Makes the repository at `repo`, a path below `root`; it appears there only when it is complete.
pub(super) fn make(root: &Path, repo: &Path) -> Result<()> {
    let draft =
        tempfile::Builder::new().prefix(".repo-").tempdir_in(root).wrap_err("cannot make the demo repository")?;
    let at = draft.path();
    git(at, 0, &["init", "--quiet", "--template=", "--initial-branch=main"])?;
    for (key, value) in [
        ("user.name", "Ledger Keeper"),
        ("user.email", "keeper@localhost"),
        ("commit.gpgSign", "false"),
        ("tag.gpgSign", "false"),
        ("core.hooksPath", "/dev/null"),
    ] {
        git(at, 0, &["config", "--local", key, value])?;
    }
    for (nth, (message, files)) in HISTORY.iter().enumerate() {
        for (path, text) in *files {
            write(&at.join(path), text)?;
        }
        git(at, nth, &["add", "--all"])?;
        git(at, nth, &["commit", "--quiet", "--message", message])?;
    }
    fs::rename(draft.keep(), repo).wrap_err_with(|| format!("cannot put the demo repository at {}", repo.display()))
}

/// Writes a file; what starts as a script can be run.
fn write(path: &Path, text: &str) -> Result<()> {
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    let made = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text))
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)));
    made.wrap_err_with(|| format!("cannot write {}", path.display()))
}

/// Runs git with the repository's own configuration only, at the time of the `nth` commit.
fn git(repo: &Path, nth: usize, args: &[&str]) -> Result<()> {
    let date = format!("@{} +0000", FIRST_COMMIT + nth * 3600);
    let output = Command::new("git")
        .args(args)
        .current_dir(repo)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_COUNT", "0")
        .env_remove("GIT_CONFIG_PARAMETERS")
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_DATE", &date)
        .env_remove("GIT_AUTHOR_NAME")
        .env_remove("GIT_AUTHOR_EMAIL")
        .env_remove("GIT_COMMITTER_NAME")
        .env_remove("GIT_COMMITTER_EMAIL")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_OBJECT_DIRECTORY")
        .env_remove("GIT_TEMPLATE_DIR")
        .stdin(Stdio::null())
        .output()
        .wrap_err("cannot run git: install it and try again")?;
    if !output.status.success() {
        bail!(
            "git {} failed in {}: {}",
            args.join(" "),
            repo.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
