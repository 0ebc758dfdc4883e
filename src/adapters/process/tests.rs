use std::fs;
use std::path::Path;

use super::*;

fn sh(dir: &Path, script: &str) -> Call {
    Call::new("sh", dir).args(["-c", script]).envs(inherited_env(|key| key == "PATH"))
}

/// Waits until `truth` holds.
async fn eventually(what: &str, truth: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(10);
    while !truth() {
        assert!(Instant::now() < patience, "did not happen: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn pid_in(file: &Path) -> Option<Pid> {
    fs::read_to_string(file).ok()?.trim().parse().ok().and_then(Pid::from_raw)
}

fn lives(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_program_reads_its_input_and_sees_only_the_environment_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let call = sh(dir.path(), "cat; echo \"[$LC_ALL][$GIVEN][$HOME]\"; echo oops >&2; exit 3");
    let output = call.envs([("GIVEN", "yes")]).stdin("in\n").run().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "in\n[C][yes][]\n");
    assert_eq!(output.status.code(), Some(3));
    let words = output.failure();
    assert!(words.contains("sh -c") && words.contains("exit status: 3") && words.contains("oops"), "{words}");
}

#[tokio::test]
async fn an_argument_is_never_read_by_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let call = Call::new("ls", dir.path()).args(["-d", "$(touch pwned)"]).envs(inherited_env(|key| key == "PATH"));
    assert!(!call.run().await.unwrap().status.success());
    assert!(!dir.path().join("pwned").exists());
}

#[tokio::test]
async fn output_beyond_the_bound_is_thrown_away_and_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo end >&2";
    let output = sh(dir.path(), script).stdout_kept(100).run().await.unwrap();
    assert!(output.status.success() && output.cut);
    assert_eq!(output.stdout.len(), 100);
    assert_eq!(output.stderr_text(), "end");
}

#[tokio::test]
async fn a_missing_program_is_named_and_a_missing_directory_too() {
    let dir = tempfile::tempdir().unwrap();
    let missing = Call::new("no-such-program", dir.path()).run().await.unwrap_err();
    assert!(matches!(&missing, RunError::NotFound { program } if program == "no-such-program"), "{missing}");
    let nowhere = sh(&dir.path().join("nowhere"), "true").run().await.unwrap_err();
    assert!(nowhere.to_string().contains("nowhere"), "{nowhere}");
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_goes() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sleep 60 & echo $! > child; echo busy >&2; trap '' TERM; while :; do wait; done";
    let error = sh(dir.path(), script).limit(Duration::from_millis(300)).run().await.unwrap_err();
    assert!(error.to_string().contains("was stopped after 0.3 s: busy"), "{error}");
    let child = pid_in(&dir.path().join("child")).unwrap();
    eventually("the grandchild ends", || !lives(child)).await;
}

#[tokio::test]
async fn a_dropped_call_takes_its_group_with_it_and_lets_it_tidy_up() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'touch tidied; exit' TERM; sleep 60 & echo $! > child; wait";
    let call = tokio::spawn(sh(dir.path(), script).run());
    let file = dir.path().join("child");
    eventually("the program starts", || pid_in(&file).is_some()).await;
    call.abort();
    let child = pid_in(&file).unwrap();
    eventually("the grandchild ends", || !lives(child)).await;
    eventually("the program tidies up", || dir.path().join("tidied").exists()).await;
}

#[tokio::test]
async fn a_helper_left_in_the_background_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let before = Instant::now();
    let output = sh(dir.path(), "echo done; sleep 30 & echo $! > child").run().await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(10));
    assert_eq!(output.stdout, b"done\n");
    let helper = pid_in(&dir.path().join("child")).unwrap();
    assert!(lives(helper));
    let _ = rustix::process::kill_process(helper, Signal::KILL);
}
