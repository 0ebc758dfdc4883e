use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;
use crate::domain::ids::RequestId;
use crate::domain::session::{Answer, Ask};

fn session() -> SessionId {
    "demo~LED-1~3".parse().unwrap()
}

fn request() -> RequestId {
    RequestId::new("7f3c").unwrap()
}

#[test]
fn what_an_agent_sends_is_what_the_engine_reads_in_order_and_nothing_else_is_left_in_the_spool() {
    let spool = tempfile::tempdir().unwrap();
    let sent: Vec<_> = (0..50)
        .map(|n| send(spool.path(), &session(), AgentReport::Progress { text: format!("step {n}") }).unwrap())
        .collect();
    let mut found: Vec<_> = fs::read_dir(spool.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert_eq!(found, sent);
    let last = read(&found[49]).unwrap();
    assert_eq!(last.session, session());
    assert_eq!(last.report, AgentReport::Progress { text: "step 49".into() });
}

#[test]
fn hostile_files_are_refused_with_a_reason_and_never_block() {
    let spool = tempfile::tempdir().unwrap();
    let path = |name: &str| spool.path().join(name);
    let write = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    write("demo~LED-1~3.1-1.json", "{");
    write("demo~LED-1~3.2-1.json", &" ".repeat(1024 * 1024 + 1));
    write(
        "demo~LED-2~1.3-1.json",
        r#"{"session":"demo~LED-1~3","at":"2024-01-01T00:00:00Z","report":{"kind":"progress","text":"x"}}"#,
    );
    symlink("/etc/passwd", path("demo~LED-1~3.4-1.json")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path("demo~LED-1~3.5-1.json"), Mode::from_raw_mode(0o600)).unwrap();
    for (name, why) in [
        ("demo~LED-1~3.1-1.json", "not a report"),
        ("demo~LED-1~3.2-1.json", "larger than 1 MiB"),
        ("demo~LED-2~1.3-1.json", "speaks for session demo~LED-1~3"),
        ("demo~LED-1~3.4-1.json", "symbolic links"),
        ("demo~LED-1~3.5-1.json", "not a regular file"),
    ] {
        let error = read(&path(name)).unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
}

#[test]
fn an_answer_reaches_the_agent_that_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let spool = tempfile::tempdir().unwrap();
    let reporter = Reporter::new(session(), spool.path().into(), directory.path().into());
    let waiting = std::thread::spawn(move || reporter.permission("Bash", "rm -rf build", None).unwrap());
    let asked = loop {
        let found = fs::read_dir(spool.path()).unwrap().filter_map(|entry| read(&entry.unwrap().path()).ok()).next();
        if let Some(ReportFile { report: AgentReport::Ask { request, ask }, .. }) = found {
            assert!(matches!(ask, Ask::Permission { tool, .. } if tool == "Bash"));
            break request;
        }
        std::thread::yield_now();
    };
    let no = Answer::Deny { message: "keep it".into() };
    answer(directory.path(), &asked, &no).unwrap();
    assert_eq!(waiting.join().unwrap(), no);
}

#[test]
fn waiting_ends_at_the_deadline_and_an_earlier_answer_is_found_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let wait = || wait_answer(directory.path(), &request(), Some(Duration::from_millis(20))).unwrap();
    assert_eq!(wait(), None);
    answer(directory.path(), &request(), &Answer::Allow).unwrap();
    answer(directory.path(), &request(), &Answer::Allow).unwrap();
    assert_eq!(wait(), Some(Answer::Allow));
}
