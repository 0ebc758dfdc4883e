//! The practice agent as a real process in a real terminal.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aotui::domain::agent_report::AgentReport;
use aotui::domain::ids::RequestId;
use aotui::domain::session::{Answer, Ask};
use aotui::report;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A workspace with one commit, and what surrounds a session.
struct Stage {
    home: tempfile::TempDir,
    speed: &'static str,
}

/// A running agent and what it has shown.
struct Play {
    child: Box<dyn Child + Send + Sync>,
    terminal: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    shown: Arc<Mutex<Vec<u8>>>,
    spool: PathBuf,
    session: PathBuf,
}

fn git(root: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@localhost"])
        .args(args)
        .current_dir(root)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn until(what: &str, shown: impl Fn() -> String, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}; it showed:\n{}", shown());
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Stage {
    fn new() -> Self {
        let stage = Self { home: tempfile::tempdir().unwrap(), speed: "1000" };
        for name in ["work", "spool", "session"] {
            fs::create_dir(stage.path(name)).unwrap();
        }
        git(&stage.work(), &["init", "--quiet", "-b", "main"]);
        fs::write(stage.work().join("list.txt"), "one\n").unwrap();
        git(&stage.work(), &["add", "."]);
        git(&stage.work(), &["commit", "--quiet", "-m", "Begin"]);
        git(&stage.work(), &["checkout", "--quiet", "-b", "ticket"]);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn work(&self) -> PathBuf {
        self.path("work")
    }

    fn log(&self) -> String {
        git(&self.work(), &["log", "--format=%B", "main..ticket"])
    }

    fn prompt(&self, story: &str) -> PathBuf {
        let path = self.path("prompt.md");
        let block = if story.is_empty() { String::new() } else { format!("````practice\n{story}\n````\n") };
        fs::write(&path, format!("Work on the ticket.\n\n{block}")).unwrap();
        path
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", text(self.path("none"))),
            ("TERM", "xterm-256color".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("AOTUI_TICKET", "LED-1".into()),
            ("AOTUI_TITLE", "Add months".into()),
            ("AOTUI_PHASE", "implement".into()),
            ("AOTUI_VISIT", "1".into()),
            ("AOTUI_BASE", "main".into()),
            ("AOTUI_SESSION_ID", "demo~LED-1~1".into()),
            ("AOTUI_SPOOL", text(self.path("spool"))),
            ("AOTUI_SESSION_DIR", text(self.path("session"))),
            ("AOTUI_PRACTICE_SPEED", self.speed.into()),
        ]
    }

    fn play(&self, story: &str) -> Play {
        let pty = native_pty_system();
        let pair = pty.openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_aotui"));
        command.args(["practice-agent".as_ref(), self.prompt(story).as_os_str()]);
        command.cwd(self.work());
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let sink = shown.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Play { child, terminal: pair.master, keys, shown, spool: self.path("spool"), session: self.path("session") }
    }
}

impl Play {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    fn shows(&self, text: &str) {
        until(text, || self.text(), || self.text().contains(text));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn reports(&self) -> Vec<AgentReport> {
        let mut files: Vec<_> = fs::read_dir(&self.spool).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
        files.sort();
        files.iter().map(|path| report::read(path).unwrap().report).collect()
    }

    fn request(&self) -> (RequestId, Ask) {
        let mut found = None;
        until(
            "a request",
            || self.text(),
            || {
                found = self.reports().into_iter().find_map(|report| match report {
                    AgentReport::Ask { request, ask } => Some((request, ask)),
                    _ => None,
                });
                found.is_some()
            },
        );
        found.unwrap()
    }

    fn answer(&self, answer: &Answer) {
        report::answer(&self.session, &self.request().0, answer).unwrap();
    }

    /// Waits for the end; the outcome is an exit code or the name of a signal.
    fn end(&mut self) -> Result<u32, String> {
        let mut status = None;
        let shown = self.shown.clone();
        let text = || String::from_utf8_lossy(&shown.lock().unwrap()).into_owned();
        until("the end", text, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let status = status.unwrap();
        status.signal().map_or(Ok(status.exit_code()), |signal| Err(signal.to_owned()))
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_edits_commits_and_says_what_it_does() {
    let stage = Stage::new();
    let mut play = stage.play(
        "implement:\n  - say: I will add a file and then say so in many more words than fit on one line of this terminal.\n  - write: { path: src/new.txt, text: \"hello\\n\" }\n  - append: { path: list.txt, text: \"two\\n\" }\n  - tool: { name: Bash, detail: sh tests.sh, result: \"3 passed\\n0 failed\" }\n  - commit: Add a file",
    );
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    play.shows("● Write(src/new.txt)");
    play.shows("⎿ 3 passed");
    play.shows("✓ done");
    assert_eq!(git(&stage.work(), &["show", "ticket:list.txt"]), "one\ntwo");
    assert_eq!(stage.log().trim(), "LED-1: Add a file");
    assert_eq!(git(&stage.work(), &["log", "-1", "--format=%an <%ae>"]), "Practice Agent <practice@localhost>");
    assert_eq!(git(&stage.work(), &["status", "--porcelain"]), "");
    let said = AgentReport::Progress { text: "running sh tests.sh".into() };
    assert!(play.reports().contains(&said), "{:?}", play.reports());
}

#[test]
fn without_a_story_it_leaves_a_committed_note() {
    let stage = Stage::new();
    assert_eq!(stage.play("").end(), Ok(0));
    assert!(git(&stage.work(), &["show", "ticket:notes/LED-1.md"]).starts_with("# Add months"));
}

#[test]
fn it_works_without_a_terminal_in_plain_lines() {
    let stage = Stage::new();
    let output = Command::new(env!("CARGO_BIN_EXE_aotui"))
        .arg("practice-agent")
        .arg(stage.prompt("implement:\n  - say: hello there\n  - append: { path: a.txt, text: a }\n  - commit: Add a"))
        .current_dir(stage.work())
        .env_clear()
        .envs(stage.environment())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\nhello there\n"), "{text}");
    assert!(!text.contains('\x1b') && !text.contains('\r'), "{text:?}");
}

const ASKS: &str = "implement:\n  - permission:\n      tool: Bash\n      detail: rm -rf cache\n      reason: It is stale.\n      then:\n        - write: { path: cache.txt, text: fresh }\n  - append: { path: list.txt, text: more }\n  - commit: Tidy up";

#[test]
fn an_allowed_tool_is_used() {
    let stage = Stage::new();
    let mut play = stage.play(ASKS);
    let (_, ask) = play.request();
    assert!(matches!(ask, Ask::Permission { tool, detail, .. } if tool == "Bash" && detail == "rm -rf cache"));
    play.answer(&Answer::Allow);
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    assert!(stage.work().join("cache.txt").exists());
}

#[test]
fn a_denied_tool_is_not_used_and_the_message_is_followed() {
    let stage = Stage::new();
    let mut play = stage.play(ASKS);
    play.answer(&Answer::Deny { message: "keep the cache".into() });
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    assert!(!stage.work().join("cache.txt").exists());
    assert!(stage.log().contains("- keep the cache"), "{}", stage.log());
}

#[test]
fn a_person_in_the_terminal_answers_with_one_key_and_the_request_is_withdrawn() {
    let stage = Stage::new();
    let mut play = stage.play(ASKS);
    let (request, _) = play.request();
    play.shows("y yes, this once");
    play.press("y");
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    assert!(stage.work().join("cache.txt").exists());
    assert!(play.reports().contains(&AgentReport::Withdraw { request }));
}

#[test]
fn a_question_is_answered_by_number_in_the_terminal_or_in_words_through_aotui() {
    let story = "implement:\n  - question: { text: 'Which separator?', options: [comma, tab], path: docs/choice.md }\n  - commit: Decide";
    let stage = Stage::new();
    let mut play = stage.play(story);
    play.shows("2 tab");
    play.press("2\r");
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    assert_eq!(git(&stage.work(), &["show", "ticket:docs/choice.md"]), "Which separator?\n  tab");

    let stage = Stage::new();
    let mut play = stage.play(story);
    play.answer(&Answer::Reply { text: "a pipe".into() });
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    assert_eq!(git(&stage.work(), &["show", "ticket:docs/choice.md"]), "Which separator?\n  a pipe");
}

#[test]
fn what_a_person_types_while_it_works_ends_up_in_the_commit_and_the_status_line_follows_the_size() {
    let mut stage = Stage::new();
    stage.speed = "1";
    let mut play = stage.play(
        "implement:\n  - append: { path: list.txt, text: two }\n  - sleep: 600\n  - commit: Never reached\nlater: []",
    );
    play.shows("Waiting…");
    play.terminal.resize(PtySize { rows: 10, cols: 30, pixel_width: 0, pixel_height: 0 }).unwrap();
    play.press("please keep it short\r");
    play.shows("noted: please keep it short");
    play.press("\x03");
    assert_eq!(play.end(), Ok(130));

    stage.speed = "20";
    let mut play = stage.play("implement:\n  - sleep: 60\n  - commit: Add two");
    play.press("use the other list\r");
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    assert!(stage.log().contains("LED-1: Add two\n\nSaid in the terminal:\n- use the other list"), "{}", stage.log());
}

#[test]
fn an_impossible_story_ends_with_code_2_and_says_why() {
    let stage = Stage::new();
    let mut play = stage.play("implement:\n  - dance: wildly");
    assert_eq!(play.end(), Ok(2));
    play.shows("dance");
    let mut play = stage.play("implement:\n  - write: { path: ../escaped.txt, text: x }");
    assert_eq!(play.end(), Ok(2));
    play.shows("`../escaped.txt` is not allowed");
    assert!(!stage.path("escaped.txt").exists());
}

#[test]
fn it_fails_exits_and_crashes_as_told() {
    let stage = Stage::new();
    let mut play = stage.play("implement:\n  - fail: I cannot read the statement");
    assert_eq!(play.end(), Ok(1));
    play.shows("✗ I cannot read the statement");
    assert_eq!(stage.play("implement:\n  - exit: 7").end(), Ok(7));
    assert!(stage.play("implement:\n  - crash: true").end().is_err());
}

#[test]
fn a_story_may_fail_the_first_time_and_succeed_when_it_is_tried_again() {
    let stage = Stage::new();
    let story =
        "implement@1:\n  - fail: not today\nimplement:\n  - append: { path: list.txt, text: two }\n  - commit: Do it";
    assert_eq!(stage.play(story).end(), Ok(1));
    assert_eq!(stage.play(story).end(), Ok(0));
    assert_eq!(stage.log().trim(), "LED-1: Do it");
}

#[test]
fn it_resolves_a_conflict_with_the_base_by_keeping_both_sides() {
    let stage = Stage::new();
    let work = stage.work();
    fs::write(work.join("list.txt"), "one\nours\n").unwrap();
    git(&work, &["commit", "--quiet", "-am", "Ours"]);
    git(&work, &["checkout", "--quiet", "main"]);
    fs::write(work.join("list.txt"), "one\ntheirs\n").unwrap();
    git(&work, &["commit", "--quiet", "-am", "Theirs"]);
    git(&work, &["checkout", "--quiet", "ticket"]);
    let mut play = stage.play("implement:\n  - merge: base");
    assert_eq!(play.end(), Ok(0), "{}", play.text());
    play.shows("conflicts in list.txt: kept both sides");
    assert_eq!(git(&work, &["show", "ticket:list.txt"]), "one\nours\ntheirs");
    assert_eq!(git(&work, &["rev-list", "--count", "--merges", "main..ticket"]), "1");
}
