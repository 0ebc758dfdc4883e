//! The few git commands the practice agent uses, without hooks and without signing.

use std::path::Path;
use std::process::{Command, Stdio};

use super::files;
use super::player::Halt;

/// Runs git in one workspace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Git<'a> {
    root: &'a Path,
}

/// What a merge did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// There was nothing to merge.
    UpToDate,
    /// It is committed; these files needed both sides put together.
    Done {
        /// The files that were in conflict.
        joined: Vec<String>,
    },
}

impl<'a> Git<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Runs git and returns what it printed.
    pub(super) fn run(self, args: &[&str]) -> Result<String, Halt> {
        let output = Command::new("git")
            .args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "merge.conflictStyle=merge"])
            .args(args)
            .current_dir(self.root)
            .env("GIT_EDITOR", "true")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Halt::Failed(format!("cannot run git: {error}")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let why = String::from_utf8_lossy(&output.stderr);
        Err(Halt::Failed(format!("git {} failed: {}", args.join(" "), why.trim())))
    }

    /// Runs git as the configured author, or as the practice agent where none is configured.
    fn run_as_author(self, args: &[&str]) -> Result<String, Halt> {
        if self.run(&["config", "user.email"]).is_ok() {
            return self.run(args);
        }
        let identity = ["-c", "user.name=Practice Agent", "-c", "user.email=practice@localhost"];
        self.run(&[&identity, args].concat())
    }

    /// Commits everything and returns the short id; `None` where nothing changed.
    pub(super) fn commit_all(self, message: &str) -> Result<Option<String>, Halt> {
        self.run(&["add", "--all"])?;
        let merging = self.run(&["rev-parse", "--verify", "--quiet", "MERGE_HEAD"]).is_ok();
        if !merging && self.run(&["status", "--porcelain"])?.trim().is_empty() {
            return Ok(None);
        }
        self.run_as_author(&["commit", "--quiet", "--no-verify", "--message", message])?;
        Ok(Some(self.run(&["rev-parse", "--short", "HEAD"])?.trim().to_owned()))
    }

    /// Merges `branch`; where both sides changed the same lines, keeps ours and then theirs.
    pub(super) fn merge_keeping_both(self, branch: &str, message: &str) -> Result<Merged, Halt> {
        let commit = format!("{branch}^{{commit}}");
        let theirs = self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        let theirs = theirs.trim();
        if self.run(&["merge-base", "--is-ancestor", theirs, "HEAD"]).is_ok() {
            return Ok(Merged::UpToDate);
        }
        let clean = self.run_as_author(&["merge", "--no-ff", "--no-commit", "--quiet", theirs]);
        let joined: Vec<String> = self
            .run(&["diff", "--name-only", "--diff-filter=U", "-z"])?
            .split_terminator('\0')
            .map(str::to_owned)
            .collect();
        if joined.is_empty() {
            clean?;
        }
        for path in &joined {
            if let Some(text) = files::read(self.root, path)? {
                files::write(self.root, path, &both_sides(&text))?;
            }
        }
        self.commit_all(message)?;
        Ok(Merged::Done { joined })
    }
}

/// Removes conflict markers, keeping what stands between them.
fn both_sides(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        let marker = match bare.get(..7) {
            Some("<<<<<<<") => {
                inside = true;
                true
            }
            Some(">>>>>>>") if inside => {
                inside = false;
                true
            }
            Some("=======") => inside && bare.len() == 7,
            _ => false,
        };
        if !marker {
            kept.push_str(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_conflict_stay_and_ordinary_lines_are_not_taken_for_markers() {
        let text = "Title\n=======\none\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> main\nend\n";
        assert_eq!(both_sides(text), "Title\n=======\none\nours\ntheirs\nend\n");
    }
}
