//! Disks that are full or broken while aotui works on them: nothing is lost, what runs goes on, and so does everything
//! else by itself once the disk takes it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Home, Ran, until};

/// The variable that says to a test that it is inside a namespace of its own.
const INSIDE: &str = "AOTUI_TEST_INSIDE";

/// Bytes of the small disk: enough for the state and a worktree of a few files.
const SMALL: &str = "size=2m";

const GATE: &str = r#"
name: gate
phases:
  - id: work
    type: script
    run: 'echo begun; until test -e "$HOME/go"; do sleep 0.05; done; echo over'
    onSuccess: more
  - {id: more, type: script, run: ':', onSuccess: done}
  - {id: done, type: terminal}
"#;

/// A home with a plan of two tickets of which one may work at a time.
fn two_tickets() -> (Home, std::path::PathBuf) {
    let home = Home::new();
    let repo = home.repo();
    home.write("aotui/workflows/gate.yaml", GATE);
    home.write("aotui/config.yaml", "maxConcurrency: 1\n");
    (home, repo)
}

fn add_tickets(home: &Home, repo: &Path) {
    home.ok(repo, &["init"]);
    for id in ["A", "B"] {
        home.ok(repo, &["add", id, "--id", id, "--workflow", "gate"]);
    }
}

/// An engine without a screen, killed with its story.
struct Engine(Child);

impl Engine {
    fn start(home: &Home, repo: &Path) -> Self {
        let mut run = home.command(repo, &["run", "--until-done"]);
        Self(run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn exit_code(&mut self, home: &Home, repo: &Path) -> i32 {
        let seen = || home.ok(repo, &["status"]);
        until("the run ends", seen, || self.0.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

fn status(home: &Home, repo: &Path) -> Value {
    serde_json::from_str(&home.ok(repo, &["status", "--json"])).unwrap()
}

/// Waits until `aotui status` says that the engine is stalled, and why.
fn stalled(home: &Home, repo: &Path) -> String {
    let seen = || home.ok(repo, &["status"]);
    until("it is stalled", seen, || status(home, repo)["stalled"].as_str().map(str::to_owned))
}

fn flows(home: &Home, repo: &Path) {
    let seen = || home.ok(repo, &["status"]);
    until("it goes on", seen, || status(home, repo)["stalled"].is_null().then_some(()));
}

/// Returns what the journal says happened, in order, after checking that no number is missing or used twice.
fn facts(home: &Home) -> Vec<Value> {
    let text = fs::read_to_string(home.state().join("journal.jsonl")).unwrap();
    let mut facts = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["seq"].as_u64().unwrap(), facts.len() as u64 + 1, "{text}");
        facts.extend(line["events"].as_array().unwrap().iter().cloned());
    }
    facts
}

/// Checks that both tickets are complete and that every phase of theirs ran once.
fn everything_happened_once(home: &Home, repo: &Path) {
    for id in ["A", "B"] {
        assert_eq!(home.ticket(repo, id)["zone"], "done");
    }
    let facts = facts(home);
    let count = |what: &str| facts.iter().filter(|fact| fact["what"]["is"] == what).count();
    assert_eq!((count("sessionIntended"), count("attemptEnded"), count("completed")), (4, 4, 2));
}

/// Runs a test again in a mount namespace of its own, where it may mount things that are gone with it. Returns whether
/// that is possible here.
fn ran_in_namespace(test: &str) -> bool {
    let unshare = |program: &mut Command| program.stdin(Stdio::null()).output();
    let possible = unshare(Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "-o", SMALL, "tmpfs", "/mnt"]));
    if !possible.is_ok_and(|output| output.status.success()) {
        return false;
    }
    let mut inside = Command::new("unshare");
    inside.arg("-rm").arg(std::env::current_exe().unwrap()).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = unshare(&mut inside).unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    true
}

fn a_works(home: &Home, repo: &Path) {
    let begun = || home.aotui(repo, &["logs", "A"]).stdout.contains("begun").then_some(());
    until("A works", || home.ok(repo, &["status"]), begun);
}

/// Fills the disk to its last byte.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 16, 1 << 10, 1] {
        while file.write_all(&vec![b'x'; size]).is_ok() {}
    }
}

#[test]
fn a_full_disk_stops_nothing_that_runs_and_everything_goes_on_when_there_is_room() {
    if std::env::var_os(INSIDE).is_none() {
        let test = "disk::a_full_disk_stops_nothing_that_runs_and_everything_goes_on_when_there_is_room";
        if ran_in_namespace(test) {
            println!("ran on a real file system of 2 MiB");
        } else {
            println!("no file system can be mounted here: ran with faults on demand instead");
            a_disk_that_takes_no_more("full", "is full");
        }
        return;
    }
    let (home, repo) = two_tickets();
    fs::create_dir_all(home.state()).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SMALL, "tmpfs"]).arg(home.state()).status();
    assert!(mounted.unwrap().success());
    add_tickets(&home, &repo);
    let mut engine = Engine::start(&home, &repo);
    a_works(&home, &repo);

    let filler = home.state().join("filler");
    fill(&filler);
    // What the journal's last block has room for is still recorded.
    let mut verbs = ["pause", "resume"].into_iter().cycle();
    let mut change = || Some(home.aotui(&repo, &[verbs.next()?, "B"])).filter(|ran| ran.code != 0);
    let refused = until("a change is refused", String::new, &mut change);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("the disk with") && refused.stderr.contains("is full"), "{refused:?}");
    assert!(stalled(&home, &repo).contains("is full"));
    assert_eq!(home.ticket(&repo, "A")["zone"], "working");
    assert!(!home.processes().is_empty(), "the session goes on");

    let session = home.state().join("sessions/repo~A~1");
    let mut report = home.command(&repo, &["report", "progress", "half way"]);
    report.env("AOTUI_SESSION_ID", "repo~A~1").env("AOTUI_SPOOL", home.state().join("spool"));
    let report = Ran::of(&report.env("AOTUI_SESSION_DIR", session).output().unwrap(), &["report"]);
    assert!(report.code == 1 && report.stderr.contains("is full, so this was not reported"), "{report:?}");

    // An engine that starts on the full disk waits too.
    engine.kill();
    let Ran { code, stderr, .. } = until("a change fails", String::new, &mut change);
    assert!(code == 1 && stderr.contains("is full"), "without an engine: {stderr}");
    let mut engine = Engine::start(&home, &repo);
    flows_or_stalls(&home, &repo);
    fs::remove_file(&filler).unwrap();
    flows(&home, &repo);
    home.ok(&repo, &["resume", "B"]);
    home.write("go", "");
    assert_eq!(engine.exit_code(&home, &repo), 0);
    everything_happened_once(&home, &repo);
}

/// Waits until an engine answers.
fn flows_or_stalls(home: &Home, repo: &Path) {
    until("an engine answers", || home.ok(repo, &["status"]), || status(home, repo)["engine"].is_u64().then_some(()));
}

#[test]
fn a_disk_that_cannot_be_written_for_a_while_costs_time_and_nothing_else() {
    a_disk_that_takes_no_more("broken", "Input/output error");
}

/// Lets every write of the journal fail from some moment on, then none.
fn a_disk_that_takes_no_more(fault: &str, said: &str) {
    for point in ["journal.append", "journal.sync", "journal.synced"] {
        let (mut home, repo) = two_tickets();
        add_tickets(&home, &repo);
        let faults = home.path("faults");
        fs::create_dir_all(&faults).unwrap();
        home.set_env("AOTUI_FAULTS", &faults.display().to_string());
        let mut engine = Engine::start(&home, &repo);
        a_works(&home, &repo);
        fs::write(faults.join("wish"), format!("{point} {fault} 1 1000000\n")).unwrap();
        home.write("go", "");
        let why = stalled(&home, &repo);
        assert!(why.contains(said), "{point}: {why}");
        assert_eq!(home.ticket(&repo, "A")["zone"], "working", "{point}");
        let refused = home.aotui(&repo, &["pause", "B"]);
        assert!(refused.code == 5 && refused.stderr.contains(said), "{point}: {refused:?}");
        fs::remove_file(faults.join("wish")).unwrap();
        assert_eq!(engine.exit_code(&home, &repo), 0, "{point}");
        everything_happened_once(&home, &repo);
    }
}
