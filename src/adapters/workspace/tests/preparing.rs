use std::os::unix::fs::PermissionsExt;

use futures_util::future::join_all;

use super::super::base::Fetches;
use super::*;

#[tokio::test]
async fn a_ticket_gets_a_checkout_of_its_own_and_the_users_is_untouched() {
    let ground = Ground::new();
    fs::write(ground.repo.join("README"), "in the middle of something\n").unwrap();
    fs::write(ground.repo.join("untracked"), "mine\n").unwrap();
    ground.git(&ground.repo, &["stash", "-q"]);
    fs::write(ground.repo.join("README"), "more of it\n").unwrap();
    let before = ground.users_checkout();
    let ready = ground.prepared("T-1").await;
    assert_eq!(ground.users_checkout(), before);
    assert_eq!((ready.branch.as_str(), ready.base_branch.as_str(), ready.adopted), ("aotui/T-1", "main", false));
    assert_eq!(ready.base_commit, ground.tip(&ground.repo, "main"));
    assert_eq!(fs::read_to_string(ready.path.join("README")).unwrap(), "hello\n");
    assert_eq!(ground.git(&ready.path, &["branch", "--show-current"]), "aotui/T-1");
    let mode = ground.at("trees").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let list = ground.git(&ground.repo, &["worktree", "list", "--porcelain"]);
    assert!(list.contains("locked aotui plan/T-1"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_tickets_start_at_once_in_one_repository() {
    let ground = Ground::with_origin();
    let fresh = ground.commit_at_origin("theirs");
    let workspaces = ground.workspaces();
    let tickets: Vec<String> = (0..20).map(|n| format!("T-{n}")).collect();
    let all = join_all(tickets.iter().map(|ticket| workspaces.prepare(ground.request(ticket)))).await;
    for ready in all {
        let ready = ready.unwrap();
        assert_eq!(ready.base_commit, fresh);
        assert!(ready.path.join("theirs").exists());
    }
    assert_eq!(ground.git(&ground.repo, &["worktree", "list"]).lines().count(), 21);
}

#[tokio::test]
async fn tickets_that_start_together_share_a_fetch() {
    let ground = Ground::with_origin();
    let (tools, log) = (ground.at("tools"), ground.at("log"));
    let path = std::env::var("PATH").unwrap();
    fs::create_dir(&tools).unwrap();
    let script = format!("#!/bin/sh\necho \"$1\" >> '{}'\nPATH='{path}' exec git \"$@\"\n", log.display());
    fs::write(tools.join("git"), script).unwrap();
    fs::set_permissions(tools.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut env = ground.env();
    env.retain(|(key, _)| key != "PATH");
    env.push(("PATH".into(), format!("{}:{path}", tools.display()).into()));
    let (git, fetches, common_dir) = (Git::with_env(env), Fetches::default(), ground.repo.join(".git"));
    let theirs = ground.commit_at_origin("theirs");
    join_all((0..6).map(|_| fetches.refresh(&git, &common_dir, "main"))).await;
    assert_eq!(ground.tip(&ground.repo, "origin/main"), theirs);
    let count = fs::read_to_string(log).unwrap().lines().filter(|line| *line == "fetch").count();
    assert_eq!(count, 2, "the first one's, and one for all who asked after it began");
}

#[tokio::test]
async fn after_a_restart_the_checkout_is_taken_over_as_it_is() {
    let ground = Ground::new();
    let first = ground.prepared("T-1").await;
    fs::write(first.path.join("half-done"), "wip\n").unwrap();
    ground.commit(&first.path, "done", "work\n");
    ground.commit(&ground.repo, "elsewhere", "main moved on\n");
    let again = ground.prepared("T-1").await;
    assert!(again.adopted);
    assert_eq!(again.base_commit, first.base_commit, "where branch and base parted");
    assert_eq!(fs::read_to_string(again.path.join("half-done")).unwrap(), "wip\n");
}

#[tokio::test]
async fn a_checkout_in_the_middle_of_a_rebase_is_taken_over_too() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.commit(&ready.path, "README", "ours\n");
    ground.commit(&ground.repo, "README", "theirs\n");
    assert!(!ground.try_git(&ready.path, &["rebase", "-q", "main"]).0);
    assert!(ground.prepared("T-1").await.adopted);
}

#[tokio::test]
async fn a_branch_without_a_checkout_gets_one() {
    let ground = Ground::new();
    let start = ground.tip(&ground.repo, "main");
    ground.git(&ground.repo, &["branch", "aotui/T-1"]);
    ground.commit(&ground.repo, "later", "x\n");
    let ready = ground.prepared("T-1").await;
    assert!(!ready.adopted);
    assert_eq!(ready.base_commit, start);
    assert!(!ready.path.join("later").exists());
}

#[tokio::test]
async fn a_directory_deleted_by_hand_comes_back_from_its_branch() {
    let ground = Ground::new();
    let (ready, other) = (ground.prepared("T-1").await, ground.prepared("T-2").await);
    let work = ground.commit(&ready.path, "done", "work\n");
    ground.git(&ready.path, &["checkout", "-q", "--detach"]);
    let loose = ground.commit(&ready.path, "loose", "on no branch\n");
    fs::remove_dir_all(&ready.path).unwrap();
    fs::remove_dir_all(&other.path).unwrap();
    let again = ground.prepared("T-1").await;
    assert_eq!(ground.tip(&again.path, "HEAD"), work);
    assert_eq!(ground.tip(&ground.repo, "refs/aotui/rescue/plan/T-1"), loose);
    let list = ground.git(&ground.repo, &["worktree", "list"]);
    assert!(list.contains("T-2"), "only the one entry was forgotten: {list}");
}

#[tokio::test]
async fn something_else_in_the_place_is_left_alone() {
    let ground = Ground::new();
    let request = ground.request("T-1");
    fs::create_dir_all(&request.path).unwrap();
    fs::write(request.path.join("precious"), "x").unwrap();
    let error = ground.workspaces().prepare(request.clone()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains("is in the way"), "{error}");
    assert!(request.path.join("precious").exists());
    assert!(!ground.has_ref("refs/heads/aotui/T-1"));
}

#[tokio::test]
async fn a_branch_checked_out_elsewhere_is_named_with_its_place() {
    let ground = Ground::new();
    ground.git(&ground.repo, &["switch", "-q", "-c", "aotui/T-1"]);
    let request = WorkspaceRequest { base: Some("main".into()), ..ground.request("T-1") };
    let error = ground.workspaces().prepare(request).await.unwrap_err();
    let place = ground.repo.display().to_string();
    assert!(error.class == ErrorClass::Conflict && error.message.contains(&place), "{error}");
}

#[tokio::test]
async fn a_checkout_that_fails_leaves_no_branch_behind() {
    let ground = Ground::new();
    ground.commit(&ground.repo, ".gitattributes", "README filter=f\n");
    let filter = "[filter \"f\"]\nsmudge = false\nrequired = true\n";
    fs::write(ground.at("gitconfig"), filter).unwrap();
    let error = ground.workspaces().prepare(ground.request("T-1")).await.unwrap_err();
    assert!(error.message.contains("smudge filter f failed"), "{error}");
    assert!(!ground.has_ref("refs/heads/aotui/T-1"));
    assert!(!ground.request("T-1").path.exists());
}

#[tokio::test]
async fn the_base_is_as_fresh_as_it_can_be() {
    let ground = Ground::with_origin();
    let theirs = ground.commit_at_origin("one");
    assert_eq!(ground.prepared("behind").await.base_commit, theirs, "the local base is only behind");

    ground.git(&ground.repo, &["merge", "-q", "--ff-only", "origin/main"]);
    let ours = ground.commit(&ground.repo, "ours", "x\n");
    assert_eq!(ground.prepared("ahead").await.base_commit, ours);

    ground.commit_at_origin("two");
    assert_eq!(ground.prepared("diverged").await.base_commit, ours);

    fs::rename(ground.at("origin.git"), ground.at("no-network")).unwrap();
    assert_eq!(ground.prepared("offline").await.base_commit, ours);
}

#[tokio::test]
async fn a_base_that_is_only_at_origin_is_found_and_a_missing_one_is_named() {
    let ground = Ground::with_origin();
    let theirs = ground.commit_at_origin("one");
    ground.git(&ground.at("other"), &["push", "-q", "origin", "main:release"]);
    let request = WorkspaceRequest { base: Some("release".into()), ..ground.request("T-1") };
    let ready = ground.workspaces().prepare(request).await.unwrap();
    assert_eq!((ready.base_branch.as_str(), &ready.base_commit), ("release", &theirs));

    let request = WorkspaceRequest { base: Some("nonsense".into()), ..ground.request("T-2") };
    let error = ground.workspaces().prepare(request).await.unwrap_err();
    assert!(error.class == ErrorClass::NotFound && error.message.contains("`nonsense`"), "{error}");
}

#[tokio::test]
async fn origins_default_branch_goes_before_the_one_checked_out() {
    let ground = Ground::with_origin();
    ground.git(&ground.repo, &["remote", "set-head", "origin", "main"]);
    ground.git(&ground.repo, &["switch", "-q", "-c", "side"]);
    ground.commit(&ground.repo, "side", "x\n");
    assert_eq!(ground.prepared("T-1").await.base_branch, "main");
    ground.git(&ground.repo, &["remote", "set-head", "origin", "-d"]);
    assert_eq!(ground.prepared("T-2").await.base_branch, "side");
}

#[tokio::test]
async fn a_bare_repository_serves_as_well() {
    let ground = Ground::with_origin();
    let request = WorkspaceRequest { repo: ground.at("origin.git"), ..ground.request("T-1") };
    let ready = ground.workspaces().prepare(request.clone()).await.unwrap();
    assert!(ready.path.join("README").exists());
    assert!(matches!(ground.workspaces().remove(request).await.unwrap(), Removal::Removed { .. }));
}

#[tokio::test]
async fn what_is_no_repository_or_an_empty_one_is_said_to_be() {
    let ground = Ground::empty();
    let error = ground.workspaces().prepare(ground.request("T-1")).await.unwrap_err();
    assert!(error.message.contains("has no commits yet"), "{error}");

    let inside = ground.repo.join("sub");
    fs::create_dir(&inside).unwrap();
    for (place, words) in [(inside, "is not a git repository"), (ground.at("nowhere"), "is not a directory")] {
        let request = WorkspaceRequest { repo: place, ..ground.request("T-1") };
        let error = ground.workspaces().prepare(request).await.unwrap_err();
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn branch_names_follow_gits_rules() {
    let ground = Ground::new();
    let names =
        ["-rf", "a..b", "x.lock", "a b", "", "HEAD", "a~1", "@{-1}", "a//b", "/a", "a/", ".a", "a\n", "a:b", "a\\b"];
    for name in names {
        let request = WorkspaceRequest { branch: name.into(), ..ground.request("T-1") };
        let error = ground.workspaces().prepare(request).await.unwrap_err();
        assert!(error.message.contains("cannot be a branch name"), "{name:?}: {error}");
        let full = format!("refs/heads/{name}");
        let git_agrees = !ground.try_git(&ground.repo, &["check-ref-format", &full]).0;
        assert!(git_agrees || ["-rf", "HEAD"].contains(&name), "{name:?}");
    }
    let odd = WorkspaceRequest { branch: "$(touch${IFS}pwned)".into(), ..ground.request("odd") };
    let ready = ground.workspaces().prepare(odd).await.unwrap();
    assert_eq!(ground.git(&ready.path, &["branch", "--show-current"]), "$(touch${IFS}pwned)");
    for dir in [&ground.repo, &ready.path, &ground.repo.join(".git")] {
        assert!(!dir.join("pwned").exists());
    }
}

#[tokio::test]
async fn branches_that_cannot_exist_side_by_side_are_named() {
    let ground = Ground::new();
    ground.git(&ground.repo, &["branch", "agent"]);
    ground.git(&ground.repo, &["branch", "team/one/two"]);
    for (wanted, there) in [("agent/1", "`agent`"), ("team/one", "`team/one/two`")] {
        let request = WorkspaceRequest { branch: wanted.into(), ..ground.request("T-1") };
        let error = ground.workspaces().prepare(request).await.unwrap_err();
        assert!(error.message.contains(there), "{error}");
    }
    let request = WorkspaceRequest { branch: "main".into(), ..ground.request("T-1") };
    let error = ground.workspaces().prepare(request).await.unwrap_err();
    assert!(error.message.contains("is the base branch itself"), "{error}");
}

#[tokio::test]
async fn a_branch_may_be_called_what_only_windows_refuses() {
    let ground = Ground::new();
    assert_eq!(ground.prepared("CON").await.branch, "aotui/CON");
}
