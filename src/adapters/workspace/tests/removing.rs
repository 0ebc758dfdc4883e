use std::process::Stdio;

use super::*;

/// Asks for removal and returns why it was refused; the checkout has to be still there.
pub(super) async fn kept(ground: &Ground, ticket: &str) -> String {
    let request = ground.request(ticket);
    match ground.workspaces().remove(request.clone()).await.unwrap() {
        Removal::Kept { why } => {
            assert!(request.path.exists(), "{why}");
            why
        }
        Removal::Removed { kept_ref } => panic!("it was removed and kept at {kept_ref}"),
    }
}

pub(super) async fn removed(ground: &Ground, ticket: &str) -> String {
    let request = ground.request(ticket);
    match ground.workspaces().remove(request.clone()).await.unwrap() {
        Removal::Removed { kept_ref } => {
            assert!(!request.path.exists());
            kept_ref
        }
        Removal::Kept { why } => panic!("it was kept: {why}"),
    }
}

#[tokio::test]
async fn a_clean_checkout_goes_and_its_work_stays_reachable() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let work = ground.commit(&ready.path, "done", "work\n");
    fs::write(ground.repo.join("README"), "dirty\n").unwrap();
    let before = ground.users_checkout();
    assert_eq!(removed(&ground, "T-1").await, "refs/aotui/rescue/plan/T-1");
    assert_eq!(ground.users_checkout(), before);
    assert_eq!(ground.tip(&ground.repo, "refs/aotui/rescue/plan/T-1"), work);
    assert_eq!(ground.tip(&ground.repo, "refs/heads/aotui/T-1"), work);
    assert_eq!(removed(&ground, "T-1").await, "refs/aotui/rescue/plan/T-1", "it may be repeated");
}

#[tokio::test]
async fn a_second_life_of_a_ticket_does_not_overwrite_the_rescue_of_the_first() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let first = ground.commit(&ready.path, "first", "x\n");
    removed(&ground, "T-1").await;
    ground.git(&ground.repo, &["branch", "-D", "aotui/T-1"]);
    let ready = ground.prepared("T-1").await;
    let second = ground.commit(&ready.path, "second", "x\n");
    assert_eq!(removed(&ground, "T-1").await, "refs/aotui/rescue/plan/T-1@2");
    assert_eq!(ground.tip(&ground.repo, "refs/aotui/rescue/plan/T-1"), first);
    assert_eq!(ground.tip(&ground.repo, "refs/aotui/rescue/plan/T-1@2"), second);
}

#[tokio::test]
async fn ignored_files_do_not_keep_it() {
    let ground = Ground::new();
    ground.commit(&ground.repo, ".gitignore", "target\n");
    let ready = ground.prepared("T-1").await;
    fs::write(ready.path.join("target"), "build output").unwrap();
    removed(&ground, "T-1").await;
}

#[tokio::test]
async fn what_someone_else_locked_is_kept() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["worktree", "unlock", "."]);
    ground.git(&ready.path, &["worktree", "lock", "--reason", "mine, says Ann", "."]);
    assert!(kept(&ground, "T-1").await.contains("mine, says Ann"));
}

#[tokio::test]
async fn a_file_someone_has_open_keeps_it() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let open = fs::File::open(ready.path.join("README")).unwrap();
    let why = kept(&ground, "T-1").await;
    assert!(why.contains(&format!("process {}", std::process::id())), "{why}");
    let list = ground.git(&ground.repo, &["worktree", "list", "--porcelain"]);
    assert!(list.contains("locked aotui plan/T-1"), "it is as protected as before: {list}");
    drop(open);
    removed(&ground, "T-1").await;
}

#[tokio::test]
async fn a_checkout_someone_works_in_is_kept() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let mut command = Command::new("sh");
    command.args(["-c", "echo; read x"]).current_dir(&ready.path);
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let why = kept(&ground, "T-1").await;
    assert!(why.contains(&format!("process {}", shell.id())), "{why}");
    drop(shell.stdin.take());
    shell.wait().unwrap();
    removed(&ground, "T-1").await;
}

#[tokio::test]
async fn what_is_not_a_worktree_of_this_repository_is_kept() {
    let ground = Ground::new();
    let path = ground.request("T-1").path;
    fs::create_dir_all(&path).unwrap();
    assert!(kept(&ground, "T-1").await.contains("is not a worktree of"));

    let ready = ground.prepared("T-2").await;
    fs::write(ready.path.join(".git"), "gitdir: /nowhere\n").unwrap();
    assert!(kept(&ground, "T-2").await.contains("is not a working tree"));

    let request = WorkspaceRequest { path: ground.repo.clone(), ..ground.request("T-3") };
    let removal = ground.workspaces().remove(request).await.unwrap();
    assert!(matches!(removal, Removal::Kept { .. }), "{removal:?}");
    assert!(ground.repo.join("README").exists());
}

#[tokio::test]
async fn a_directory_deleted_by_hand_is_only_forgotten() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let work = ground.commit(&ready.path, "done", "work\n");
    fs::remove_dir_all(&ready.path).unwrap();
    let kept_ref = removed(&ground, "T-1").await;
    assert_eq!(ground.tip(&ground.repo, &kept_ref), work);
    assert_eq!(ground.git(&ground.repo, &["worktree", "list"]).lines().count(), 1);
}
