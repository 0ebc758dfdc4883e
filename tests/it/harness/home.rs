//! A home, a repository and the state of one story.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::until;

/// Everything a story owns, gone when it ends: its sessions are stopped first.
pub(crate) struct Home {
    root: tempfile::TempDir,
    /// How many times faster than life the practice agent works.
    speed: u32,
    /// What else is in the environment of everything a story starts.
    extra: Vec<(String, String)>,
}

impl Home {
    /// Makes an empty home with a configuration that uses the practice agent.
    pub(crate) fn new() -> Self {
        Self::with_speed(20)
    }

    /// Makes one in which the practice agent works so many times faster than life.
    pub(crate) fn with_speed(speed: u32) -> Self {
        let home = Self { root: tempfile::tempdir().unwrap(), speed, extra: Vec::new() };
        fs::create_dir_all(home.aotui_home().join("workflows")).unwrap();
        fs::create_dir_all(home.path("run")).unwrap();
        home.write("aotui/config.yaml", "defaultAgent: practice\n");
        home
    }

    /// Adds to the environment of everything the story starts from now on.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.extra.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn aotui_home(&self) -> PathBuf {
        self.path("aotui")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.aotui_home().join("state")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes a repository with a little history.
    pub(crate) fn repo(&self) -> PathBuf {
        let repo = self.path("repo");
        fs::create_dir_all(&repo).unwrap();
        self.git(&repo, &["init", "--quiet", "-b", "main"]);
        self.git(&repo, &["config", "user.name", "Ada"]);
        self.git(&repo, &["config", "user.email", "ada@localhost"]);
        for (file, text) in [("README.md", "# Things\n"), ("list.txt", "one\ntwo\n")] {
            fs::write(repo.join(file), text).unwrap();
            self.git(&repo, &["add", "."]);
            self.git(&repo, &["commit", "--quiet", "-m", &format!("Add {file}")]);
        }
        repo
    }

    /// The environment of everything a story starts.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap();
        [
            ("PATH", path.as_str()),
            ("HOME", &self.root.path().display().to_string()),
            ("AOTUI_HOME", &self.aotui_home().display().to_string()),
            ("XDG_RUNTIME_DIR", &self.path("run").display().to_string()),
            ("AOTUI_PRACTICE_SPEED", &self.speed.to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("LANG", "C.UTF-8"),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("SHELL", "/bin/sh"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .chain(self.extra.iter().cloned())
        .collect()
    }

    pub(crate) fn git(&self, dir: &Path, args: &[&str]) -> String {
        let output = Command::new("git").args(args).current_dir(dir).env_clear().envs(self.env()).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Returns the command `aotui args…` in `dir`.
    pub(crate) fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aotui"));
        command.args(args).current_dir(dir).env_clear().envs(self.env());
        command
    }

    /// Runs `aotui args…` in `dir` to its end.
    pub(crate) fn aotui(&self, dir: &Path, args: &[&str]) -> Ran {
        Ran::of(&self.command(dir, args).output().unwrap(), args)
    }

    /// Runs `aotui args…` and insists that it works.
    pub(crate) fn ok(&self, dir: &Path, args: &[&str]) -> String {
        let ran = self.aotui(dir, args);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    }

    /// Returns what `aotui status --json` says of a ticket.
    pub(crate) fn ticket(&self, dir: &Path, id: &str) -> serde_json::Value {
        self.find_ticket(dir, id).unwrap_or_else(|| panic!("no ticket {id} in {}", self.ok(dir, &["status"])))
    }

    fn find_ticket(&self, dir: &Path, id: &str) -> Option<serde_json::Value> {
        let status: serde_json::Value = serde_json::from_str(&self.ok(dir, &["status", "--json"])).unwrap();
        let plans = status["plans"].as_array().unwrap();
        let mut tickets = plans.iter().flat_map(|plan| plan["tickets"].as_array().unwrap());
        tickets.find(|ticket| ticket["id"] == id).cloned()
    }

    /// Waits until a ticket is in a zone.
    pub(crate) fn wait_zone(&self, dir: &Path, id: &str, zone: &str) {
        let seen = || format!("{:#?}", self.find_ticket(dir, id));
        let is_there = || self.find_ticket(dir, id).is_some_and(|ticket| ticket["zone"] == zone).then_some(());
        until(&format!("{id} in zone {zone}"), seen, is_there);
    }

    /// Returns the pids of processes of this home's sessions.
    pub(crate) fn processes(&self) -> Vec<i32> {
        self.processes_naming(&self.state().join("sessions").display().to_string())
    }

    /// Waits until nothing of any session is left: a holder leaves a moment after the end it wrote down.
    pub(crate) fn nothing_runs(&self) {
        let left = || format!("{:?}", self.processes());
        super::until("nothing of a session is left", left, || self.processes().is_empty().then_some(()));
    }

    /// Returns the pids of processes with `marker` in their environment or command line.
    pub(crate) fn processes_naming(&self, marker: &str) -> Vec<i32> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let holds = |file: &str| fs::read(entry.path().join(file)).is_ok_and(|text| contains(&text, marker));
            if holds("environ") || holds("cmdline") {
                found.push(pid);
            }
        }
        found
    }
}

impl Drop for Home {
    /// Ends what a story left running: only processes that name this home's own temporary directory.
    fn drop(&mut self) {
        let marker = self.root.path().display().to_string();
        let gone = |home: &Self| home.processes_naming(&marker).is_empty();
        let deadline = std::time::Instant::now() + super::PATIENCE;
        while !gone(self) && std::time::Instant::now() < deadline {
            for pid in self.processes_naming(&marker) {
                if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                    let _gone_already = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        }
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: &Output, args: &[&str]) -> Self {
        let code = output.status.code().unwrap_or_else(|| panic!("aotui {args:?} was ended by a signal"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}
