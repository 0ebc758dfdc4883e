use futures_util::future::join_all;

use super::*;

/// Makes a branch with one commit that sets `file`, in a worktree of its own.
async fn branch_with(ground: &Ground, ticket: &str, file: &str, text: &str) -> WorkspaceReady {
    let ready = ground.prepared(ticket).await;
    ground.commit(&ready.path, file, text);
    ready
}

/// Frees `main` from the user's checkout.
fn step_aside(ground: &Ground) {
    ground.git(&ground.repo, &["checkout", "-q", "--detach"]);
    ground.git(&ground.repo, &["remote", "add", "origin", "/nowhere"]);
    ground.git(&ground.repo, &["update-ref", "refs/remotes/origin/main", "main"]);
    ground.git(&ground.repo, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
}

#[tokio::test]
async fn a_branch_lands_as_a_merge_and_a_second_time_is_no_harm() {
    let ground = Ground::new();
    step_aside(&ground);
    let ready = branch_with(&ground, "T-1", "one", "x\n").await;
    let before = ground.users_checkout();
    let landed = ground.land("aotui/T-1").await.unwrap();
    let tip = ground.tip(&ground.repo, "main");
    assert_eq!(landed, Landed::Merged { commit: tip.clone(), checkout: None });
    assert_eq!(ground.users_checkout(), before);
    let parents = ground.git(&ground.repo, &["log", "-1", "--format=%P|%an <%ae>|%s", "main"]);
    let branch = ground.tip(&ready.path, "HEAD");
    assert_eq!(
        parents,
        format!("{} {branch}|Ann <ann@example.org>|Merge branch 'aotui/T-1' into main", ready.base_commit)
    );
    assert_eq!(ground.git(&ground.repo, &["show", "main:one"]), "x");
    assert_eq!(ground.land("aotui/T-1").await.unwrap(), Landed::AlreadyThere { commit: tip.clone() });
    assert_eq!(ground.tip(&ground.repo, "main"), tip);
}

#[tokio::test]
async fn a_machine_without_an_identity_lands_as_aotui() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "one", "x\n").await;
    fs::write(ground.at("gitconfig"), "[user]\nuseConfigOnly = true\n").unwrap();
    ground.land("aotui/T-1").await.unwrap();
    assert_eq!(ground.git(&ground.repo, &["log", "-1", "--format=%cn <%ce>", "main"]), "aotui <aotui@localhost>");
}

#[tokio::test]
async fn a_conflict_names_the_files_and_changes_nothing() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "README", "ours\n").await;
    ground.commit(&ground.repo, "README", "theirs\n");
    let (tip, before) = (ground.tip(&ground.repo, "main"), ground.users_checkout());
    let error = ground.land("aotui/T-1").await.unwrap_err();
    assert!(matches!(&error, LandError::Conflict { paths, .. } if paths == &["README"]), "{error}");
    assert!(error.to_string().contains("conflicts with `main` in README"), "{error}");
    assert_eq!((ground.tip(&ground.repo, "main"), ground.users_checkout()), (tip, before));
}

#[tokio::test]
async fn a_checkout_of_the_base_follows_and_keeps_what_is_not_in_the_way() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "one", "x\n").await;
    fs::write(ground.repo.join("README"), "in the middle of something\n").unwrap();
    let landed = ground.land("aotui/T-1").await.unwrap();
    assert!(matches!(landed, Landed::Merged { checkout: Some(path), .. } if path == ground.repo));
    assert_eq!(fs::read_to_string(ground.repo.join("one")).unwrap(), "x\n");
    assert_eq!(fs::read_to_string(ground.repo.join("README")).unwrap(), "in the middle of something\n");
    assert_eq!(ground.git(&ground.repo, &["status", "--porcelain"]), "M README");
}

#[tokio::test]
async fn work_in_the_way_holds_a_landing_and_is_untouched() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "README", "ours\n").await;
    branch_with(&ground, "T-2", "new", "ours\n").await;
    fs::write(ground.repo.join("README"), "in the middle of something\n").unwrap();
    fs::write(ground.repo.join("new"), "untracked\n").unwrap();
    let (tip, before) = (ground.tip(&ground.repo, "main"), ground.users_checkout());
    for branch in ["aotui/T-1", "aotui/T-2"] {
        let error = ground.land(branch).await.unwrap_err();
        assert!(matches!(&error, LandError::CheckoutInTheWay { path, .. } if *path == ground.repo), "{error}");
        assert!(error.to_string().contains("would be overwritten by merge"), "{error}");
    }
    assert_eq!((ground.tip(&ground.repo, "main"), ground.users_checkout()), (tip, before));
    assert_eq!(fs::read_to_string(ground.repo.join("new")).unwrap(), "untracked\n");
}

#[tokio::test]
async fn a_rebase_of_the_base_is_not_pulled_from_under_the_user() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "one", "x\n").await;
    ground.git(&ground.repo, &["branch", "side"]);
    ground.commit(&ground.repo, "README", "main\n");
    ground.git(&ground.repo, &["switch", "-q", "side"]);
    ground.commit(&ground.repo, "README", "side\n");
    ground.git(&ground.repo, &["switch", "-q", "main"]);
    assert!(!ground.try_git(&ground.repo, &["rebase", "-q", "side"]).0);
    let tip = ground.tip(&ground.repo, "refs/heads/main");
    let error = ground.land("aotui/T-1").await.unwrap_err();
    assert!(error.to_string().contains("a rebase is unfinished"), "{error}");
    assert_eq!(ground.tip(&ground.repo, "refs/heads/main"), tip);
}

#[tokio::test]
async fn a_branch_without_work_and_a_branch_that_is_not_there_are_told_apart() {
    let ground = Ground::new();
    ground.prepared("T-1").await;
    ground.commit(&ground.repo, "later", "x\n");
    let error = ground.land("aotui/T-1").await.unwrap_err();
    assert!(matches!(error, LandError::NothingToLand { .. }), "{error}");
    let error = ground.land("aotui/T-9").await.unwrap_err();
    assert!(matches!(error, LandError::NoSuchBranch { .. }), "{error}");
    let error = ground.land("--all").await.unwrap_err();
    assert!(matches!(error, LandError::Repository(_)), "{error}");
}

#[tokio::test]
async fn work_that_came_in_another_way_counts_as_landed() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "one", "x\n").await;
    ground.commit(&ground.repo, "two", "y\n");
    let tip = ground.commit(&ground.repo, "one", "x\n");
    assert_eq!(ground.land("aotui/T-1").await.unwrap(), Landed::AlreadyThere { commit: tip });
}

#[tokio::test(flavor = "multi_thread")]
async fn five_landings_at_once_all_end_in_the_base() {
    for checked_out in [true, false] {
        let ground = Ground::new();
        if !checked_out {
            step_aside(&ground);
        }
        let branches: Vec<String> = (0..5).map(|n| format!("aotui/T-{n}")).collect();
        for n in 0..5 {
            branch_with(&ground, &format!("T-{n}"), &format!("file-{n}"), "x\n").await;
        }
        let all = join_all(branches.iter().map(|branch| ground.land(branch))).await;
        assert!(all.iter().all(|landed| matches!(landed, Ok(Landed::Merged { .. }))), "{all:?}");
        let files = ground.git(&ground.repo, &["ls-tree", "--name-only", "main"]);
        assert_eq!(files.matches("file-").count(), 5, "{files}");
        assert_eq!(ground.git(&ground.repo, &["status", "--porcelain"]), "");
    }
}

#[tokio::test]
async fn a_landing_waits_for_another_process_that_is_landing() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "one", "x\n").await;
    let lock = fs::File::create(ground.repo.join(".git/aotui-land.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let landing = ground.land("aotui/T-1");
    tokio::pin!(landing);
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut landing).await;
    assert!(early.is_err(), "it did not wait");
    drop(lock);
    assert!(matches!(landing.await, Ok(Landed::Merged { .. })));
}

#[tokio::test]
async fn a_landing_outlasts_a_lock_of_another_git() {
    let ground = Ground::new();
    branch_with(&ground, "T-1", "one", "x\n").await;
    step_aside(&ground);
    let lock = ground.repo.join(".git/refs/heads/main.lock");
    fs::write(&lock, "").unwrap();
    let landing = ground.land("aotui/T-1");
    tokio::pin!(landing);
    let early = tokio::time::timeout(std::time::Duration::from_millis(500), &mut landing).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    fs::remove_file(&lock).unwrap();
    assert!(matches!(landing.await, Ok(Landed::Merged { .. })));
}
