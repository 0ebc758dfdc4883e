//! `aotui gc` and `aotui doctor`: what is left over, what is wrong, and that nothing is deleted that anyone needs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::harness::{Home, Ran, until};

/// Commits a file, and leaves a repository of its own behind, which keeps the worktree.
const WORK: &str = "
name: work
phases:
  - id: work
    type: script
    run: 'echo \"$AOTUI_TICKET\" > \"$AOTUI_TICKET.txt\" && git add . && git commit -qm work && git init -q nested'
    onSuccess: done
  - id: done
    type: terminal
";

const ASK: &str = "
name: ask
phases:
  - id: ask
    type: approval
    message: 'Go on?'
    onSuccess: done
    onFailure: done
  - id: done
    type: terminal
";

fn ready() -> (Home, PathBuf) {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/work.yaml", WORK);
    home.write("aotui/workflows/ask.yaml", ASK);
    home.ok(&repo, &["init"]);
    (home, repo)
}

/// A home whose ticket T-1 is done and whose worktree is still there.
fn worked() -> (Home, PathBuf, PathBuf) {
    let (home, repo) = ready();
    home.ok(&repo, &["add", "Work", "--id", "T-1", "--workflow", "work"]);
    home.ok(&repo, &["run", "--until-done"]);
    let worktree = PathBuf::from(home.ticket(&repo, "T-1")["worktree"].as_str().unwrap());
    assert!(worktree.exists());
    (home, repo, worktree)
}

/// Runs `aotui` where no demo of the person who runs the tests is in reach.
fn aotui(home: &Home, repo: &Path, args: &[&str]) -> Ran {
    Ran::of(&home.command(repo, args).env("TMPDIR", home.path("run")).output().unwrap(), args)
}

/// Lists leftovers; dead sockets of other programs of this user are none of ours.
fn leftovers(home: &Home, repo: &Path, args: &[&str]) -> Vec<Value> {
    let ran = aotui(home, repo, &[&["gc", "--json"], args].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let own = home.path("").display().to_string();
    let mut found = report["leftovers"].as_array().unwrap().clone();
    found.retain(|leftover| leftover["kind"] != "socket" || leftover["name"].as_str().unwrap().contains(&own));
    found
}

fn one<'a>(leftovers: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = leftovers.iter().filter(|leftover| leftover["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind} in {leftovers:#?}");
    found[0]
}

#[test]
fn a_worktree_that_was_kept_goes_once_nothing_keeps_it_and_its_unfinished_work_stays_on_a_ref() {
    let (home, repo, worktree) = worked();
    let found = leftovers(&home, &repo, &["--delete"]);
    let kept = one(&found, "worktree");
    assert_eq!(kept["fate"], "kept");
    assert!(kept["why"].as_str().unwrap().contains("nested"), "{kept:#}");
    assert!(kept["bytes"].as_u64().unwrap() > 0 && kept["ageSeconds"].is_u64());
    assert!(worktree.join("nested").exists());

    fs::remove_dir_all(worktree.join("nested")).unwrap();
    fs::write(worktree.join("wip"), "unfinished\n").unwrap();
    assert!(aotui(&home, &repo, &["gc"]).stdout.contains("`aotui gc --delete` deletes what is safe"));
    assert!(worktree.exists(), "without --delete it only lists");
    let found = leftovers(&home, &repo, &["--delete"]);
    let gone = one(&found, "worktree");
    assert_eq!(gone["fate"], "deleted");
    assert!(!worktree.exists());
    let rescue = gone["why"].as_str().unwrap().rsplit(' ').next().unwrap();
    assert_eq!(home.git(&repo, &["show", &format!("{rescue}:wip")]), "unfinished");
    assert_eq!(home.git(&repo, &["show", &format!("{rescue}:T-1.txt")]), "T-1");
}

#[test]
fn a_branch_goes_once_its_work_has_landed_even_as_one_squashed_commit() {
    let (home, repo, worktree) = worked();
    fs::remove_dir_all(worktree.join("nested")).unwrap();
    leftovers(&home, &repo, &["--delete"]);
    let found = leftovers(&home, &repo, &["--delete"]);
    let branch = one(&found, "branch");
    assert_eq!(branch["fate"], "kept");
    assert!(branch["why"].as_str().unwrap().contains("its work is not on main"), "{branch:#}");

    let name = branch["name"].as_str().unwrap().to_owned();
    let tip = home.git(&repo, &["rev-parse", &name]);
    home.git(&repo, &["merge", "--quiet", "--squash", &name]);
    home.git(&repo, &["commit", "--quiet", "-m", "squashed"]);
    let found = leftovers(&home, &repo, &[]);
    assert!(one(&found, "branch")["why"].as_str().unwrap().contains("main has the same change as "), "{found:#?}");
    assert_eq!(home.git(&repo, &["rev-parse", &name]), tip, "without --delete it only lists");
    let found = leftovers(&home, &repo, &["--delete"]);
    assert_eq!(one(&found, "branch")["fate"], "deleted");
    assert!(home.git(&repo, &["branch", "--list", "aotui/*"]).is_empty());
}

#[test]
fn what_a_running_engine_works_on_is_not_left_over() {
    let (home, repo, worktree) = worked();
    home.ok(&repo, &["add", "Ask", "--id", "T-2", "--workflow", "ask"]);
    let mut run = home.command(&repo, &["run"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    home.wait_zone(&repo, "T-2", "respond");
    fs::remove_dir_all(worktree.join("nested")).unwrap();
    let found = leftovers(&home, &repo, &["--delete"]);
    assert_eq!(one(&found, "worktree")["fate"], "deleted", "{found:#?}");
    let asking = PathBuf::from(home.ticket(&repo, "T-2")["worktree"].as_str().unwrap());
    assert!(asking.join("README.md").exists());
    assert!(!found.iter().any(|leftover| leftover["name"].as_str().unwrap().contains("T-2")), "{found:#?}");
    assert_eq!(home.aotui(&repo, &["doctor"]).code, 0, "{}", home.aotui(&repo, &["doctor"]).stdout);
    home.ok(&repo, &["approve", "T-2"]);
    home.wait_zone(&repo, "T-2", "done");
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn recordings_go_when_they_are_older_than_they_have_to_be_kept() {
    let (home, repo, _) = worked();
    assert!(leftovers(&home, &repo, &[]).iter().all(|leftover| leftover["kind"] != "sessions"));
    home.write("aotui/config.yaml", "defaultAgent: practice\nkeepDays: 0\n");
    let found = leftovers(&home, &repo, &["--delete"]);
    let sessions = one(&found, "sessions");
    assert_eq!((&sessions["fate"], sessions["bytes"].as_u64() > Some(0)), (&Value::from("deleted"), true));
    assert_eq!(fs::read_dir(home.state().join("sessions")).unwrap().count(), 0);
    home.ok(&repo, &["status"]);
}

#[test]
fn artifacts_of_finished_tickets_and_drafts_that_nobody_took_in_go_with_the_recordings() {
    let (home, repo, _) = worked();
    let files = |name: &str| home.state().join(name);
    for (ticket, file) in [("repo~T-1", "done"), ("repo~GONE", "gone"), ("repo~T-9", "open")] {
        home.write(&format!("aotui/state/artifacts/{ticket}/{file}"), "x");
    }
    home.write("aotui/state/planning/2026-01-01/drafts/a.json", "{}");
    home.ok(&repo, &["add", "Later", "--id", "T-9"]);
    let kinds = |found: &[Value]| {
        let left = found.iter().map(|one| one["kind"].as_str().unwrap().to_owned());
        left.filter(|kind| ["artifacts", "drafts"].contains(&kind.as_str())).collect::<Vec<_>>()
    };
    assert!(kinds(&leftovers(&home, &repo, &["--delete"])).is_empty(), "they are young");
    home.write("aotui/config.yaml", "defaultAgent: practice\nkeepDays: 0\n");
    assert_eq!(kinds(&leftovers(&home, &repo, &["--delete"])), ["artifacts", "artifacts"], "drafts of today stay");
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 24 * 60 * 60);
    for dir in ["planning/2026-01-01/drafts", "planning/2026-01-01"] {
        fs::File::open(files(dir)).unwrap().set_modified(before).unwrap();
    }
    assert_eq!(kinds(&leftovers(&home, &repo, &["--delete"])), ["drafts"]);
    let there = |name: &str| files(name).exists();
    assert!(!there("artifacts/repo~T-1") && !there("artifacts/repo~GONE") && !there("planning/2026-01-01"));
    assert!(there("artifacts/repo~T-9/open"), "its ticket is not done");
}

#[test]
fn what_cannot_be_proven_to_be_useless_is_listed_and_kept() {
    let (home, repo) = ready();
    let strange = home.state().join("worktrees/repo/strange");
    fs::create_dir_all(&strange).unwrap();
    fs::write(strange.join("precious"), "x").unwrap();
    let quarantine = home.state().join("plans/plan.json.corrupt-1");
    fs::write(&quarantine, "{").unwrap();
    let sockets = home.path("run/aotui");
    let (dead, alive) = (sockets.join("dead.sock"), sockets.join("alive.sock"));
    fs::create_dir_all(&sockets).unwrap();
    fs::set_permissions(&sockets, Permissions::from_mode(0o700)).unwrap();
    drop(UnixListener::bind(&dead).unwrap());
    let _listens = UnixListener::bind(&alive).unwrap();
    let long_ago = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
        last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
    };
    for socket in [&dead, &alive] {
        rustix::fs::utimensat(rustix::fs::CWD, socket, &long_ago, rustix::fs::AtFlags::empty()).unwrap();
    }
    let found = leftovers(&home, &repo, &["-y"]);
    assert_eq!(one(&found, "worktree")["fate"], "kept");
    assert_eq!(one(&found, "quarantine")["fate"], "kept");
    assert!(strange.join("precious").exists() && quarantine.exists());
    assert_eq!(one(&found, "socket")["fate"], "deleted");
    assert!(!dead.exists() && alive.exists());
}

fn findings(home: &Home, repo: &Path, args: &[&str]) -> (i32, Vec<Value>) {
    let ran = home.aotui(repo, &[&["doctor", "--json"], args].concat());
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran.code, report["findings"].as_array().unwrap().clone())
}

fn says(findings: &[Value], level: &str, words: &str) -> Value {
    let found =
        findings.iter().find(|finding| finding["level"] == level && finding["text"].as_str().unwrap().contains(words));
    found.unwrap_or_else(|| panic!("no {level} with `{words}` in {findings:#?}")).clone()
}

#[test]
fn a_sound_place_passes_and_says_what_it_looked_at() {
    let (home, repo) = ready();
    home.write(".gitconfig", "[user]\nname = Ada\nemail = ada@localhost\n");
    let ran = home.aotui(&repo, &["doctor"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    for words in ["git version", "practice", "yours alone", "none is at work", "tickets start from main"] {
        assert!(ran.stdout.contains(words), "`{words}` in\n{}", ran.stdout);
    }
    let foreign = |line: &&str| line.contains("/tmp/aotui-");
    let odd = ran.stdout.lines().filter(|line| line.contains(" warn ") || line.contains(" fail "));
    assert_eq!(odd.filter(|line| !foreign(line)).count(), 0, "{}", ran.stdout);
}

#[test]
fn defects_of_the_settings_are_told_with_their_place_and_the_rest_is_looked_at_all_the_same() {
    let (home, repo) = ready();
    home.write("aotui/config.yaml", "defaultAgent: practice\nmaxConcurrency: none\n");
    let (code, found) = findings(&home, &repo, &[]);
    assert_eq!(code, 1);
    let defect = says(&found, "fail", "config.yaml:2:17");
    assert!(defect["fix"].is_string());
    says(&found, "ok", "tickets start from main");
}

#[test]
fn what_stops_tickets_is_named_with_what_to_do() {
    let (home, repo) = ready();
    home.write("aotui/config.yaml", "defaultAgent: nobody\nagents: {nobody: {command: no-such-program}}\n");
    fs::rename(&repo, home.path("moved")).unwrap();
    let (code, found) = findings(&home, &home.path("moved"), &[]);
    assert_eq!(code, 1);
    let agent = says(&found, "fail", "no program `no-such-program`");
    assert!(agent["fix"].as_str().unwrap().contains("install it"), "{agent:#}");
    says(&found, "fail", "is not a directory");
}

#[test]
fn what_needs_no_decision_is_put_right_and_the_rest_is_not_touched() {
    let (home, repo, _) = worked();
    home.write(".gitconfig", "[user]\nname = Ada\nemail = ada@localhost\n");
    fs::set_permissions(home.state(), Permissions::from_mode(0o755)).unwrap();
    let old = SystemTime::now() - Duration::from_secs(3600);
    let own = repo.join(".git/worktrees/T-1/index.lock");
    let shared = repo.join(".git/config.lock");
    for lock in [&own, &shared] {
        File::create(lock).unwrap().set_modified(old).unwrap();
    }
    let (code, found) = findings(&home, &repo, &["--fix"]);
    assert_eq!(code, 1);
    assert_eq!(says(&found, "warn", "others can enter")["fixed"], true);
    assert_eq!(says(&found, "fail", "T-1/index.lock")["fixed"], true);
    let told = says(&found, "fail", "config.lock");
    assert_eq!(told["fixed"], false);
    assert!(told["fix"].as_str().unwrap().contains("rm "), "{told:#}");
    assert!(!own.exists() && shared.exists());
    assert_eq!(home.state().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    fs::remove_file(shared).unwrap();
    assert_eq!(findings(&home, &repo, &[]).0, 0);
}

#[test]
fn sessions_and_engines_that_are_not_what_the_state_says_are_found() {
    let (home, repo) = ready();
    home.write(
        "aotui/workflows/wait.yaml",
        "name: wait\nphases:\n  - {id: wait, type: script, run: 'sleep 600', onSuccess: done}\n  - {id: done, type: terminal}\n",
    );
    home.ok(&repo, &["add", "Wait", "--id", "T-1", "--workflow", "wait"]);
    let mut run = home.command(&repo, &["run"]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    home.wait_zone(&repo, "T-1", "working");
    let running = || says_maybe(&findings(&home, &repo, &[]).1, "ok", "1 run");
    until("the session runs", String::new, || running().then_some(()));
    says(&findings(&home, &repo, &[]).1, "ok", "is at work and answers");
    run.kill().unwrap();
    run.wait().unwrap();
    says(&findings(&home, &repo, &[]).1, "ok", "1 run");
    for pid in home.processes() {
        let _gone_already =
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL);
    }
    let vanished = || says_maybe(&findings(&home, &repo, &[]).1, "warn", "vanished without a record");
    until("the session vanished", String::new, || vanished().then_some(()));
}

fn says_maybe(findings: &[Value], level: &str, words: &str) -> bool {
    findings.iter().any(|finding| finding["level"] == level && finding["text"].as_str().unwrap().contains(words))
}
