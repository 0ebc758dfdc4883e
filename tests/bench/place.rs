//! A home, a state directory and a repository of their own for one measurement.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

pub(crate) use crate::figures::Outcome;

/// Everything one measurement owns; gone when it is dropped.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    /// Makes a repository with one commit, and a plan `repo` of the given tickets: id, and what it is blocked by. Their
    /// workflow has `phases` script phases that run `run`. Aotui itself takes the files up.
    pub(crate) fn new(tickets: &[(String, Vec<String>)], phases: usize, run: &str) -> Outcome<Self> {
        let place = Self { root: TempDir::new()? };
        let repo = place.repo();
        for dir in [repo.clone(), place.path("run"), place.path("aotui/workflows"), place.plan().join("tickets")] {
            fs::create_dir_all(dir)?;
        }
        fs::write(repo.join("README.md"), "# Things\n")?;
        for args in [
            &["init", "--quiet", "-b", "main"][..],
            &["config", "user.name", "Ada"],
            &["config", "user.email", "ada@localhost"],
            &["add", "."],
            &["commit", "--quiet", "-m", "Begin"],
        ] {
            finish(place.program("git").args(args))?;
        }
        fs::write(place.path("aotui/workflows/steps.yaml"), workflow(phases, run))?;
        let entries: Vec<_> = tickets.iter().map(|(id, by)| json!({"ticketId": id, "blockedBy": by})).collect();
        let plan = json!({"id": "repo", "repo": repo, "workflow": "steps", "tickets": entries});
        fs::write(place.plan().join("plan.json"), plan.to_string())?;
        for (id, _) in tickets {
            let ticket = json!({"ticketId": id, "title": format!("Make the thing called {id} better")});
            fs::write(place.plan().join(format!("tickets/{id}.json")), ticket.to_string())?;
        }
        Ok(place)
    }

    /// Returns a path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Returns the repository.
    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// Returns the directory of the plan.
    pub(crate) fn plan(&self) -> PathBuf {
        self.path("aotui/state/plans/repo")
    }

    /// Returns the environment of everything that is measured.
    pub(crate) fn env(&self) -> [(&'static str, PathBuf); 6] {
        [
            ("PATH", std::env::var_os("PATH").unwrap_or_default().into()),
            ("HOME", self.path("")),
            ("AOTUI_HOME", self.path("aotui")),
            ("XDG_RUNTIME_DIR", self.path("run")),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("TERM", "xterm-256color".into()),
        ]
    }

    /// Returns a program that will run in the repository and print nowhere.
    pub(crate) fn program(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.repo()).env_clear().envs(self.env());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        command
    }
}

/// The program that is measured.
pub(crate) const AOTUI: &str = env!("CARGO_BIN_EXE_aotui");

/// Runs a program to its end; an exit code other than 0 is an error.
pub(crate) fn finish(command: &mut Command) -> Outcome<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}

/// Returns `count` tickets that do not wait for each other.
pub(crate) fn tickets(count: usize) -> Vec<(String, Vec<String>)> {
    (1..=count).map(|n| (format!("T-{n}"), Vec::new())).collect()
}

fn workflow(phases: usize, run: &str) -> String {
    let mut text = "name: steps\nphases:\n".to_owned();
    for n in 1..=phases {
        let next = if n == phases { "done".to_owned() } else { format!("step-{}", n + 1) };
        text.push_str(&format!("  - {{id: step-{n}, type: script, run: '{run}', onSuccess: {next}}}\n"));
    }
    text + "  - {id: done, type: terminal}\n"
}
