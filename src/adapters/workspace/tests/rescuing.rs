//! Whatever is in a worktree is on a ref before it goes.

use super::removing::{kept, removed};
use super::*;

#[tokio::test]
async fn staged_changed_and_untracked_files_are_on_the_rescue_ref() {
    let ground = Ground::new();
    ground.commit(&ground.repo, ".gitignore", "target\n");
    let ready = ground.prepared("T-1").await;
    let work = ground.commit(&ready.path, "done", "work\n");
    fs::write(ready.path.join("README"), "staged\n").unwrap();
    ground.git(&ready.path, &["add", "README"]);
    fs::write(ready.path.join("README"), "changed after that\n").unwrap();
    fs::create_dir(ready.path.join("new")).unwrap();
    fs::write(ready.path.join("new/file \u{e9}"), "untracked\n").unwrap();
    fs::write(ready.path.join("target"), "build output\n").unwrap();
    fs::remove_file(ready.path.join("done")).unwrap();
    let rescue = removed(&ground, "T-1").await;
    assert_eq!(ground.content(&rescue, "README"), "changed after that");
    assert_eq!(ground.content(&rescue, "new/file \u{e9}"), "untracked");
    assert_eq!(ground.content(&format!("{rescue}^2"), "README"), "staged");
    assert_eq!(ground.tip(&ground.repo, &format!("{rescue}^1")), work);
    assert_eq!(ground.files_of(&rescue).len(), 3, "neither what was ignored nor what was deleted");
    assert_eq!(ground.tip(&ground.repo, "aotui/T-1"), work, "the branch is as it was");
}

#[tokio::test]
async fn the_same_work_is_kept_once_however_often_its_removal_is_begun() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    fs::write(ready.path.join("new"), "untracked\n").unwrap();
    let open = fs::File::open(ready.path.join("new")).unwrap();
    for _ in 0..2 {
        kept(&ground, "T-1").await;
    }
    drop(open);
    assert_eq!(removed(&ground, "T-1").await, "refs/aotui/rescue/plan/T-1");
    assert!(!ground.has_ref("refs/aotui/rescue/plan/T-1@2"));
    assert_eq!(ground.content("refs/aotui/rescue/plan/T-1", "new"), "untracked");
}

#[tokio::test]
async fn changes_git_was_told_not_to_look_at_are_kept_too() {
    let ground = Ground::new();
    ground.commit(&ground.repo, "config", "default\n");
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["update-index", "--assume-unchanged", "README"]);
    ground.git(&ready.path, &["update-index", "--skip-worktree", "config"]);
    for file in ["README", "config"] {
        fs::write(ready.path.join(file), "changed in secret\n").unwrap();
    }
    assert_eq!(ground.git(&ready.path, &["status", "--porcelain"]), "");
    let rescue = removed(&ground, "T-1").await;
    for file in ["README", "config"] {
        assert_eq!(ground.content(&rescue, file), "changed in secret");
    }
}

#[tokio::test]
async fn a_sparse_checkout_is_not_taken_for_one_with_deleted_files() {
    let ground = Ground::new();
    fs::create_dir_all(ground.repo.join("big")).unwrap();
    ground.commit(&ground.repo, "big/file", "x\n");
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["sparse-checkout", "set", "--no-cone", "/README"]);
    assert!(!ready.path.join("big").exists());
    fs::write(ready.path.join("README"), "changed\n").unwrap();
    let rescue = removed(&ground, "T-1").await;
    assert_eq!(ground.files_of(&rescue), ["README", "big/file"]);
    assert_eq!(ground.content(&rescue, "README"), "changed");
}

#[tokio::test]
async fn a_rebase_in_conflict_is_kept_with_both_of_its_sides() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let ours = ground.commit(&ready.path, "README", "ours\n");
    let theirs = ground.commit(&ground.repo, "README", "theirs\n");
    assert!(!ground.try_git(&ready.path, &["rebase", "-q", "main"]).0);
    ground.git(&ground.repo, &["update-ref", "-d", "refs/heads/aotui/T-1"]);
    let rescue = removed(&ground, "T-1").await;
    assert!(ground.content(&rescue, "README").contains("<<<<<<<"));
    let parents = ground.git(&ground.repo, &["rev-list", "--parents", "-1", &rescue]);
    assert!(parents.contains(&ours) && parents.contains(&theirs), "{parents}");
}

#[tokio::test]
async fn a_merge_half_done_is_kept_even_when_its_files_look_clean() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["switch", "-q", "-c", "side"]);
    let side = ground.commit(&ready.path, "side", "x\n");
    ground.git(&ready.path, &["switch", "-q", "aotui/T-1"]);
    ground.commit(&ready.path, "one", "x\n");
    ground.git(&ready.path, &["merge", "-q", "--no-commit", "-s", "ours", "--no-ff", "side"]);
    ground.git(&ground.repo, &["branch", "-D", "side"]);
    let rescue = removed(&ground, "T-1").await;
    assert!(ground.git(&ground.repo, &["rev-list", &rescue]).contains(&side));
}

#[tokio::test]
async fn commits_that_only_the_worktree_knows_are_kept() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["checkout", "-q", "--detach"]);
    let loose = ground.commit(&ready.path, "loose", "on no branch\n");
    ground.git(&ready.path, &["switch", "-q", "aotui/T-1"]);
    let work = ground.commit(&ready.path, "work", "x\n");
    let bisected = ground.git(&ready.path, &["commit-tree", "HEAD^{tree}", "-m", "in a ref of its own"]);
    ground.git(&ready.path, &["update-ref", "refs/worktree/mine", &bisected]);
    let rescue = removed(&ground, "T-1").await;
    let kept = ground.git(&ground.repo, &["rev-list", &rescue]);
    assert!([&loose, &work, &bisected].iter().all(|commit| kept.contains(*commit)), "{kept}");
    assert_eq!(ground.files_of(&rescue), ["README", "work"]);
}

#[tokio::test]
async fn work_on_a_branch_without_a_commit_is_kept() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["switch", "-q", "--orphan", "fresh"]);
    fs::write(ready.path.join("first"), "x\n").unwrap();
    let rescue = removed(&ground, "T-1").await;
    assert_eq!(ground.files_of(&rescue), ["first"]);
}

#[tokio::test]
async fn a_repository_within_keeps_the_worktree() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let nested = ready.path.join("nested");
    ground.git(&ready.path, &["init", "-q", "nested"]);
    assert!(kept(&ground, "T-1").await.contains("nested"), "without a commit");
    ground.commit(&nested, "inner", "x\n");
    let why = kept(&ground, "T-1").await;
    assert!(why.contains("nested is a repository of its own"), "{why}");
    ground.git(&ready.path, &["-c", "advice.addEmbeddedRepo=false", "add", "nested"]);
    ground.git(&ready.path, &["commit", "-q", "-m", "as a submodule would be"]);
    let why = kept(&ground, "T-1").await;
    assert!(why.contains("nested is a repository of its own"), "tracked and clean: {why}");
}

#[tokio::test]
async fn files_that_are_too_heavy_for_a_ref_keep_the_worktree() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let heavy = fs::File::create(ready.path.join("heavy")).unwrap();
    heavy.set_len(600 * 1024 * 1024).unwrap();
    drop(heavy);
    let why = kept(&ground, "T-1").await;
    assert!(why.contains("1 untracked files weigh 600 MiB (heavy, …)"), "{why}");
}

#[tokio::test]
async fn links_in_a_worktree_go_and_what_they_lead_to_stays() {
    let ground = Ground::new();
    ground.commit(&ground.repo, ".gitignore", "out\nto-*\n");
    let ready = ground.prepared("T-1").await;
    let canary = ground.at("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("precious"), "x").unwrap();
    fs::create_dir(ready.path.join("out")).unwrap();
    for link in ["to-canary", "out/to-canary"] {
        std::os::unix::fs::symlink(&canary, ready.path.join(link)).unwrap();
    }
    removed(&ground, "T-1").await;
    assert!(canary.join("precious").exists());
}

#[tokio::test]
async fn what_a_killed_removal_left_is_put_back_or_finished() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let place = ready.path.with_file_name(".T-1.leaving");
    fs::write(ready.path.join("new"), "not yet on a ref\n").unwrap();
    fs::rename(&ready.path, &place).unwrap();
    assert!(ground.prepared("T-1").await.adopted, "git still knew it, so it was put back");
    assert!(ready.path.join("new").exists());

    fs::rename(&ready.path, &place).unwrap();
    let rescue = removed(&ground, "T-1").await;
    assert_eq!(ground.content(&rescue, "new"), "not yet on a ref");
    assert!(!place.exists());

    let ready = ground.prepared("T-2").await;
    let place = ready.path.with_file_name(".T-2.leaving");
    fs::rename(&ready.path, &place).unwrap();
    ground.git(&ground.repo, &["worktree", "remove", "-f", "-f", ready.path.to_str().unwrap()]);
    fs::remove_file(place.join("README")).unwrap();
    assert!(!ground.prepared("T-2").await.adopted, "git had forgotten it, so the deletion was finished");
    assert!(!place.exists() && ready.path.join("README").exists());

    fs::rename(&ready.path, &place).unwrap();
    fs::remove_file(ground.repo.join(".git/worktrees/T-2/gitdir")).unwrap();
    assert!(!ground.prepared("T-2").await.adopted, "git was about to forget it");
    assert!(!place.exists() && ready.path.join("README").exists());

    removed(&ground, "T-2").await;
    fs::create_dir(&place).unwrap();
    removed(&ground, "T-2").await;
    assert!(!place.exists(), "the last step of the deletion was left");
}

#[tokio::test]
async fn a_directory_that_only_has_the_name_of_a_removal_is_left_alone() {
    let ground = Ground::new();
    ground.prepared("T-1").await;
    let place = ground.request("T-1").path.with_file_name(".T-1.leaving");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("precious"), "x").unwrap();
    let why = kept(&ground, "T-1").await;
    assert!(why.contains("cannot be moved to"), "{why}");
    assert!(place.join("precious").exists());
}
