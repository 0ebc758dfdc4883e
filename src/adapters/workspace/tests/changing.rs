//! When work in a checkout last left a trace.

use std::time::{Duration, SystemTime};

use super::*;

/// Says that a file was written so many seconds ago.
fn age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
}

async fn seconds_since(ground: &Ground) -> i64 {
    let changed = ground.workspaces().last_change(ground.request("A")).await.unwrap().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() - changed.0 / 1000
}

#[tokio::test]
async fn commits_and_changes_are_traces_of_work_and_ignored_files_are_not() {
    let ground = Ground::new();
    let ready = ground.prepared("A").await;
    let log = ground.registration("A").join("logs/HEAD");
    age(&log, 5000);
    fs::write(ready.path.join(".gitignore"), "target\n").unwrap();
    age(&ready.path.join(".gitignore"), 3000);
    assert!((2990..3100).contains(&seconds_since(&ground).await));
    fs::create_dir(ready.path.join("target")).unwrap();
    fs::write(ready.path.join("target/out"), "x").unwrap();
    assert!((2990..3100).contains(&seconds_since(&ground).await), "a build alone is no result");
    fs::create_dir_all(ready.path.join("new dir/ü")).unwrap();
    fs::write(ready.path.join("new dir/ü/file"), "x").unwrap();
    assert!((0..100).contains(&seconds_since(&ground).await));
    age(&ready.path.join("new dir/ü/file"), 4000);
    ground.commit(&ready.path, "more", "x\n");
    assert!((0..100).contains(&seconds_since(&ground).await), "a commit is");
    assert_eq!(ground.workspaces().last_change(ground.request("B")).await.unwrap(), None);
}
