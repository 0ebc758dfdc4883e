//! Others hold the locks of a repository: it waits, says for whom, and goes on when they are done.

use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;

use super::*;
use crate::adapters::process::Call;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_worktrees_are_made_beside_someone_who_keeps_taking_the_locks() {
    let ground = Ground::with_origin();
    let locks = ["config.lock", "index.lock", "packed-refs.lock", "HEAD.lock", "refs/heads/aotui/T-7.lock"];
    let locks: Vec<PathBuf> = locks.iter().map(|name| ground.repo.join(".git").join(name)).collect();
    fs::create_dir_all(ground.repo.join(".git/refs/heads/aotui")).unwrap();
    locks.iter().for_each(|lock| fs::write(lock, "").unwrap());
    let workspaces = ground.workspaces();
    let tickets: Vec<String> = (0..20).map(|n| format!("T-{n}")).collect();
    let preparing = join_all(tickets.iter().map(|ticket| workspaces.prepare(ground.request(ticket))));
    let freeing = async {
        let begun = ground.repo.join(".git/refs/heads/aotui/T-6");
        let deadline = Instant::now() + Duration::from_secs(30);
        while !begun.exists() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        locks.iter().for_each(|lock| fs::remove_file(lock).unwrap());
    };
    let (all, ()) = tokio::join!(preparing, freeing);
    for ready in all {
        assert!(ready.unwrap().path.join("README").exists());
    }
}

#[tokio::test]
async fn who_gives_up_names_the_holder_and_the_lock() {
    let ground = Ground::new();
    let lock = ground.repo.join(".git/refs/heads/aotui/T-1.lock");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let held = fs::File::create(&lock).unwrap();
    let hasty = || GitWorkspace::with_git(ground.git_of_ours().with_patience(Duration::from_millis(10)));
    let error = hasty().prepare(ground.request("T-1")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Transient);
    let holder = format!("process {} (", std::process::id());
    assert!(error.message.contains(&holder) && error.message.contains("T-1.lock"), "{error}");

    held.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    drop(held);
    let error = hasty().prepare(ground.request("T-1")).await.unwrap_err();
    assert!(error.message.contains("a git that was killed left it") && error.message.contains("rm '"), "{error}");
    assert!(lock.exists(), "a lock that all checkouts share is never removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_take_turns_in_one_repository() {
    let ground = Ground::new();
    let (one, other) = (ground.workspaces(), ground.workspaces());
    let tickets: Vec<String> = (0..6).map(|n| format!("T-{n}")).collect();
    let both =
        tickets.iter().flat_map(|ticket| [one.prepare(ground.request(ticket)), other.prepare(ground.request(ticket))]);
    let ready: Vec<WorkspaceReady> = join_all(both).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(ready.iter().filter(|ready| ready.adopted).count(), 6, "each was made by one and found by the other");
}

#[tokio::test]
async fn the_next_engine_waits_for_the_git_of_one_that_was_killed() {
    let ground = Ground::new();
    let common_dir = ground.repo.join(".git");
    let (one, other) = (turns::Turns::default(), turns::Turns::default());
    let turn = one.take(&common_dir).await.unwrap();
    let hold = ground.at("hold");
    fs::write(&hold, "").unwrap();
    let script = format!("touch '{0}.seen'; while [ -e '{0}' ]; do sleep 0.05; done", hold.display());
    let git = Call::new("/bin/sh", "/").args(["-c", &script]).holding(turn.lock());
    let git = tokio::spawn(git.run());
    while !ground.at("hold.seen").exists() {
        tokio::task::yield_now().await;
    }
    drop(turn);
    let next = other.take(&common_dir);
    tokio::pin!(next);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut next).await.is_err(), "git is not done");
    fs::remove_file(&hold).unwrap();
    next.await.unwrap();
    git.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_repository_configures_is_listed_again_only_after_a_change() {
    let ground = Ground::new();
    let (tools, log) = (ground.at("tools"), ground.at("log"));
    let path = std::env::var("PATH").unwrap();
    fs::create_dir(&tools).unwrap();
    let script = format!("#!/bin/sh\necho \"$1\" >> '{}'\nPATH='{path}' exec git \"$@\"\n", log.display());
    fs::write(tools.join("git"), script).unwrap();
    fs::set_permissions(tools.join("git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut env = ground.env();
    env.retain(|(key, _)| key != "PATH");
    env.push(("PATH".into(), format!("{}:{path}", tools.display()).into()));
    let git = Git::with_env(env);
    let place = git::Place::repository(&ground.repo.join(".git"));
    let call = git::GitCall::read(["rev-parse", "HEAD"]);
    let listings = || fs::read_to_string(&log).unwrap().lines().filter(|line| *line == "config").count();
    for _ in 0..3 {
        git.text(&place, &call).await.unwrap();
    }
    assert_eq!(listings(), 1);
    ground.git(&ground.repo, &["config", "core.sshCommand", "evil"]);
    git.text(&place, &call).await.unwrap();
    assert_eq!(listings(), 2);
    ground.git(&ground.repo, &["config", "include.path", "elsewhere"]);
    for _ in 0..2 {
        git.text(&place, &call).await.unwrap();
    }
    assert_eq!(listings(), 4, "what is included may change without a trace");
}
