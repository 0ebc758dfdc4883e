//! Stories about real repositories in temporary directories; nothing outside of them is read or written.

mod changing;
mod contending;
mod hostile;
mod landing;
mod mending;
mod preparing;
mod removing;
mod rescuing;
mod tidying;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::*;

/// A repository with one commit on `main`, and room for worktrees.
struct Ground {
    /// Removed with everything in it at the end of the story.
    _dir: TempDir,
    repo: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let ground = Self::empty();
        ground.commit(&ground.repo, "README", "hello\n");
        ground
    }

    /// Returns a repository without a commit.
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = fs::canonicalize(dir.path()).unwrap().join("repo");
        fs::create_dir(&repo).unwrap();
        fs::write(dir.path().join("gitconfig"), "[user]\nname = Ann\nemail = ann@example.org\n").unwrap();
        let ground = Self { _dir: dir, repo };
        ground.git(&ground.repo, &["init", "-q", "-b", "main"]);
        ground
    }

    /// Returns a repository whose `main` is at `origin` too.
    fn with_origin() -> Self {
        let ground = Self::new();
        let origin = ground.at("origin.git");
        ground.git(&ground.repo, &["clone", "-q", "--bare", ".", origin.to_str().unwrap()]);
        ground.git(&ground.repo, &["remote", "add", "origin", origin.to_str().unwrap()]);
        ground.git(&ground.repo, &["fetch", "-q", "origin"]);
        ground
    }

    fn at(&self, name: &str) -> PathBuf {
        self.repo.parent().unwrap().join(name)
    }

    fn env(&self) -> Vec<(OsString, OsString)> {
        let mut env = vec![
            ("HOME".into(), self.at("home").into()),
            ("GIT_CONFIG_GLOBAL".into(), self.at("gitconfig").into()),
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
        ];
        env.extend(std::env::var_os("PATH").map(|path| ("PATH".into(), path)));
        env
    }

    /// Runs git as the user or an agent would; it has to succeed.
    fn git(&self, dir: &Path, args: &[&str]) -> String {
        let (ok, text) = self.try_git(dir, args);
        assert!(ok, "git {args:?}: {text}");
        text
    }

    fn try_git(&self, dir: &Path, args: &[&str]) -> (bool, String) {
        let output = Command::new("git").args(args).current_dir(dir).env_clear().envs(self.env()).output().unwrap();
        let text = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Commits `text` as `file` and returns the commit.
    fn commit(&self, dir: &Path, file: &str, text: &str) -> String {
        fs::write(dir.join(file), text).unwrap();
        self.git(dir, &["add", file]);
        self.git(dir, &["commit", "-q", "-m", &format!("change {file}")]);
        self.tip(dir, "HEAD")
    }

    /// Commits on `main` at `origin` as someone else would, and returns the commit.
    fn commit_at_origin(&self, file: &str) -> String {
        let other = self.at("other");
        if !other.exists() {
            self.git(&self.repo, &["clone", "-q", self.at("origin.git").to_str().unwrap(), other.to_str().unwrap()]);
        }
        let commit = self.commit(&other, file, "theirs\n");
        self.git(&other, &["push", "-q", "origin", "main"]);
        commit
    }

    fn tip(&self, dir: &Path, name: &str) -> String {
        self.git(dir, &["rev-parse", "--verify", name])
    }

    fn has_ref(&self, name: &str) -> bool {
        self.try_git(&self.repo, &["rev-parse", "--verify", "--quiet", name]).0
    }

    /// Returns what a commit holds, file by file.
    fn files_of(&self, commit: &str) -> Vec<String> {
        let list = self.git(&self.repo, &["ls-tree", "-r", "--name-only", commit]);
        list.lines().map(str::to_owned).collect()
    }

    fn content(&self, commit: &str, file: &str) -> String {
        self.git(&self.repo, &["show", &format!("{commit}:{file}")])
    }

    /// Where git keeps what it knows of a worktree.
    fn registration(&self, ticket: &str) -> PathBuf {
        self.repo.join(".git/worktrees").join(ticket)
    }

    fn git_of_ours(&self) -> Git {
        Git::with_env(self.env())
    }

    /// Returns the adapter as a freshly started aotui has it.
    fn workspaces(&self) -> GitWorkspace {
        GitWorkspace::with_git(self.git_of_ours())
    }

    fn request(&self, ticket: &str) -> WorkspaceRequest {
        WorkspaceRequest {
            ticket: format!("plan/{ticket}").parse().unwrap(),
            repo: self.repo.clone(),
            path: self.at("trees").join("plan").join(ticket),
            branch: format!("aotui/{ticket}"),
            base: None,
        }
    }

    async fn prepared(&self, ticket: &str) -> WorkspaceReady {
        self.workspaces().prepare(self.request(ticket)).await.unwrap()
    }

    /// Everything of the user's own checkout that must not change.
    fn users_checkout(&self) -> (String, String, Vec<u8>, String, String) {
        let index = fs::read(self.repo.join(".git/index")).unwrap_or_default();
        let head = fs::read_to_string(self.repo.join(".git/HEAD")).unwrap();
        let status = self.git(&self.repo, &["--no-optional-locks", "status", "--porcelain"]);
        let diff = self.git(&self.repo, &["--no-optional-locks", "diff", "HEAD"]);
        (status, head, index, diff, self.git(&self.repo, &["stash", "list"]))
    }

    async fn land(&self, branch: &str) -> Result<Landed, LandError> {
        let (branch, base) = (branch.to_owned(), "main".to_owned());
        let request = LandRequest { repo: self.repo.clone(), branch, base, message: String::new() };
        land::land_with(&self.git_of_ours(), request).await
    }
}
