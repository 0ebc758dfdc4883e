//! What may be deleted of a repository, and that nothing else is.

use super::*;

async fn fate(ground: &Ground, ticket: &str) -> Fate {
    ground.workspaces().fate_of_branch(&ground.request(ticket)).await.unwrap()
}

/// Returns the request of a ticket that worked and whose worktree is gone.
async fn worked(ground: &Ground, ticket: &str) -> WorkspaceRequest {
    let ready = ground.prepared(ticket).await;
    ground.commit(&ready.path, "one", "1\n");
    ground.commit(&ready.path, "two", "2\n");
    ground.workspaces().remove(ground.request(ticket)).await.unwrap();
    ground.request(ticket)
}

fn safe(fate: &Fate, words: &str) {
    assert!(matches!(fate, Fate::Safe(why) if why.contains(words)), "{fate:?}");
}

fn kept(fate: &Fate, words: &str) {
    assert!(matches!(fate, Fate::Kept(why) if why.contains(words)), "{fate:?}");
}

#[tokio::test]
async fn a_branch_is_safe_when_its_work_landed_in_whatever_way() {
    let ground = Ground::new();
    for ticket in ["merged", "squashed", "overtaken"] {
        worked(&ground, ticket).await;
        kept(&fate(&ground, ticket).await, "its work is not on main");
        let branch = format!("aotui/{ticket}");
        match ticket {
            "merged" => drop(ground.git(&ground.repo, &["merge", "-q", "--no-ff", "-m", "merged", &branch])),
            _ => drop(ground.git(&ground.repo, &["merge", "-q", "--squash", &branch])),
        }
        if ticket != "merged" {
            ground.git(&ground.repo, &["commit", "-q", "-m", "squashed"]);
        }
        if ticket == "overtaken" {
            ground.git(&ground.repo, &["commit", "-q", "--amend", "--allow-empty", "-m", "and more"]);
            ground.commit(&ground.repo, "one", "1\nand more in the same place\n");
        }
        let words = if ticket == "merged" { "main has all its commits" } else { "main has the same change as " };
        safe(&fate(&ground, ticket).await, words);
        ground.git(&ground.repo, &["rm", "-q", "one", "two"]);
        ground.git(&ground.repo, &["commit", "-q", "-m", "make room for the next"]);
    }
}

#[tokio::test]
async fn a_squashed_branch_goes_and_its_commits_stay_on_the_rescue_ref() {
    let ground = Ground::new();
    let request = worked(&ground, "T-1").await;
    let tip = ground.tip(&ground.repo, "aotui/T-1");
    ground.git(&ground.repo, &["update-ref", "-d", "refs/aotui/rescue/plan/T-1"]);
    ground.git(&ground.repo, &["merge", "-q", "--squash", "aotui/T-1"]);
    ground.git(&ground.repo, &["commit", "-q", "-m", "squashed"]);
    let removal = ground.workspaces().delete_branch(&request, || Ok(())).await.unwrap();
    assert_eq!(removal, Removal::Removed { kept_ref: "refs/aotui/rescue/plan/T-1".to_owned() });
    assert!(!ground.has_ref("refs/heads/aotui/T-1"));
    assert_eq!(ground.tip(&ground.repo, "refs/aotui/rescue/plan/T-1"), tip);
}

#[tokio::test]
async fn what_landed_and_was_reverted_is_still_in_the_history_of_the_base() {
    let ground = Ground::new();
    worked(&ground, "T-1").await;
    ground.git(&ground.repo, &["merge", "-q", "--squash", "aotui/T-1"]);
    ground.git(&ground.repo, &["commit", "-q", "-m", "squashed"]);
    ground.git(&ground.repo, &["revert", "--no-edit", "HEAD"]);
    safe(&fate(&ground, "T-1").await, "the same change as");
}

#[tokio::test]
async fn a_branch_that_is_in_use_or_whose_ticket_goes_on_is_kept() {
    let ground = Ground::new();
    ground.prepared("T-1").await;
    kept(&fate(&ground, "T-1").await, "it is checked out at");
    let request = worked(&ground, "T-2").await;
    ground.git(&ground.repo, &["merge", "-q", "aotui/T-2"]);
    let removal = ground.workspaces().delete_branch(&request, || Err("it goes on".to_owned())).await.unwrap();
    assert_eq!(removal, Removal::Kept { why: "it goes on".to_owned() });
    assert!(ground.has_ref("refs/heads/aotui/T-2"));
}

#[tokio::test]
async fn a_rescue_ref_is_safe_only_while_a_branch_has_its_work() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    fs::write(ready.path.join("wip"), "unfinished\n").unwrap();
    ground.workspaces().remove(ground.request("T-1")).await.unwrap();
    let name = "refs/aotui/rescue/plan/T-1";
    kept(&ground.workspaces().fate_of_rescue(&ground.repo, None, name).await.unwrap(), "no branch has its work");
    let removal = ground.workspaces().delete_rescue(&ground.repo, None, name).await.unwrap();
    assert!(matches!(removal, Removal::Kept { .. }));

    worked(&ground, "T-2").await;
    let name = "refs/aotui/rescue/plan/T-2";
    safe(&ground.workspaces().fate_of_rescue(&ground.repo, None, name).await.unwrap(), "refs/heads/aotui/T-2 reaches");
    let removal = ground.workspaces().delete_rescue(&ground.repo, None, name).await.unwrap();
    assert_eq!(removal, Removal::Removed { kept_ref: "refs/heads/aotui/T-2".to_owned() });
    assert!(!ground.has_ref(name));
    let names: Vec<String> =
        ground.workspaces().own_refs(&ground.repo).await.unwrap().into_iter().map(|own| own.name).collect();
    assert_eq!(names, ["refs/aotui/rescue/plan/T-1", "refs/heads/aotui/T-1", "refs/heads/aotui/T-2"]);
}

#[tokio::test]
async fn what_lies_in_our_place_is_known_for_what_it_is() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let request = WorkspaceRequest { repo: ground.repo.join(".git"), ..ground.request("T-1") };
    assert_eq!(stray(&ready.path).await.unwrap(), Stray::Worktree(request));

    let place = ready.path.with_file_name(".T-1.leaving");
    fs::rename(&ready.path, &place).unwrap();
    assert_eq!(stray(&place).await.unwrap(), Stray::Leaving);
    ground.git(&ground.repo, &["worktree", "remove", "-f", "-f", ready.path.to_str().unwrap()]);
    assert_eq!(stray(&place).await.unwrap(), Stray::Rest);
    ground.workspaces().finish(&place).await.unwrap();
    assert!(!place.exists());

    let theirs = ground.at("trees/plan/theirs");
    ground.git(&ground.repo, &["worktree", "add", "-q", theirs.to_str().unwrap(), "-b", "theirs"]);
    assert!(stray(&theirs).await.unwrap_err().message.contains("aotui did not make it"));
    let other = ground.at("trees/plan/other");
    fs::create_dir(&other).unwrap();
    assert!(stray(&other).await.unwrap_err().message.contains("it is no worktree"));
}

#[tokio::test]
async fn a_repository_is_examined_without_changing_it() {
    let ground = Ground::new();
    ground.prepared("T-1").await;
    let gone = ground.at("gone");
    ground.git(&ground.repo, &["worktree", "add", "-q", gone.to_str().unwrap(), "-b", "gone"]);
    fs::remove_dir_all(&gone).unwrap();
    ground.git(&ground.repo, &["config", "filter.evil.clean", "evil"]);
    let (base, remarks) = ground.workspaces().examine(&ground.repo, None).await.unwrap();
    assert_eq!(base, "main");
    let texts: Vec<&str> = remarks.iter().map(|remark| remark.text.as_str()).collect();
    assert!(texts[0].contains("filters (evil)") && texts[1].contains("lists 1 worktrees"), "{texts:?}");
    assert!(ground.git(&ground.repo, &["worktree", "list"]).contains("prunable"));
    ground.workspaces().put_right(remarks[1].mend.as_ref().unwrap()).await.unwrap();
    assert!(!ground.git(&ground.repo, &["worktree", "list"]).contains("prunable"));
    assert!(ground.request("T-1").path.join("README").exists());
    let error = ground.workspaces().examine(&ground.repo, Some("nonsense")).await.unwrap_err();
    assert!(error.message.contains("`nonsense`"), "{error}");
}
