//! Every state that a kill between two steps can leave is taken over or made anew, or left alone with one message.

use super::*;

/// The steps in which git makes a worktree, by what each leaves; a kill may come after any of them.
const STEPS: [&str; 8] = ["nothing", "registration", "lock", "gitdir", "link", "commondir", "head", "half the files"];

/// Leaves what a `git worktree add` that was killed after `step` leaves.
fn leave(ground: &Ground, ticket: &str, step: usize) {
    let (path, registration) = (ground.request(ticket).path, ground.registration(ticket));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    ground.git(&ground.repo, &["branch", &format!("aotui/{ticket}")]);
    let link = path.join(".git");
    let write = |file: &str, text: String| fs::write(registration.join(file), text).unwrap();
    let steps: [&dyn Fn(); 8] = [
        &|| {},
        &|| fs::create_dir_all(&registration).unwrap(),
        &|| write("locked", "initializing".to_owned()),
        &|| write("gitdir", format!("{}\n", link.display())),
        &|| {
            fs::create_dir(&path).unwrap();
            fs::write(&link, format!("gitdir: {}\n", registration.display())).unwrap();
        },
        &|| write("commondir", "../..\n".to_owned()),
        &|| write("HEAD", format!("ref: refs/heads/aotui/{ticket}\n")),
        &|| {
            write("index.lock", String::new());
            fs::write(path.join("README"), "hel").unwrap();
        },
    ];
    steps[..=step].iter().for_each(|step| step());
}

async fn whole(ground: &Ground, ticket: &str, after: &str) {
    let ready = ground.workspaces().prepare(ground.request(ticket)).await;
    let ready = ready.unwrap_or_else(|error| panic!("after {after}: {error}"));
    assert_eq!(ground.git(&ready.path, &["status", "--porcelain"]), "", "after {after}");
    assert_eq!(ground.git(&ready.path, &["branch", "--show-current"]), format!("aotui/{ticket}"), "after {after}");
    assert_eq!(fs::read_to_string(ready.path.join("README")).unwrap(), "hello\n", "after {after}");
    let list = ground.git(&ground.repo, &["worktree", "list", "--porcelain"]);
    assert!(list.contains(&format!("locked aotui plan/{ticket}")), "after {after}: {list}");
    ground.commit(&ready.path, "work", "it can be worked in\n");
}

#[tokio::test]
async fn a_worktree_git_was_killed_in_is_made_whole_after_every_step() {
    for (step, name) in STEPS.iter().enumerate() {
        let ground = Ground::new();
        leave(&ground, "T-1", step);
        whole(&ground, "T-1", name).await;
    }
    let ground = Ground::new();
    ground.prepared("T-1").await;
    fs::write(ground.registration("T-1").join("locked"), "initializing").unwrap();
    whole(&ground, "T-1", "all files, before git unlocked it").await;
}

#[tokio::test]
async fn a_lock_that_was_not_made_yet_is_made() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.git(&ready.path, &["worktree", "unlock", "."]);
    whole(&ground, "T-1", "git was done").await;
}

#[tokio::test]
async fn a_lock_whose_reason_was_not_written_yet_is_made_again() {
    let ground = Ground::new();
    ground.prepared("T-1").await;
    fs::write(ground.registration("T-1").join("locked"), "").unwrap();
    whole(&ground, "T-1", "git was writing down why it is locked").await;
}

#[tokio::test]
async fn a_git_that_is_really_killed_leaves_nothing_that_stops_a_ticket() {
    let marks = ["locked", "gitdir", "commondir", "HEAD", "index.lock"];
    for (n, mark) in marks.iter().enumerate() {
        let ground = Ground::new();
        for file in 0..50 {
            fs::write(ground.repo.join(format!("file-{file}")), "x\n").unwrap();
        }
        ground.git(&ground.repo, &["add", "."]);
        ground.git(&ground.repo, &["commit", "-q", "-m", "many files"]);
        let (ticket, path) = (format!("T-{n}"), ground.request(&format!("T-{n}")).path);
        let branch = format!("aotui/{ticket}");
        ground.git(&ground.repo, &["branch", &branch]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut add = Command::new("git");
        add.args(["worktree", "add", "-q", path.to_str().unwrap(), &branch]).current_dir(&ground.repo);
        let mut add = add.env_clear().envs(ground.env()).spawn().unwrap();
        let file = ground.registration(&ticket).join(mark);
        while !file.exists() && add.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ended_already = add.kill();
        add.wait().unwrap();
        whole(&ground, &ticket, &format!("a kill when {mark} was there")).await;
    }
}

#[tokio::test]
async fn a_git_that_outlived_its_engine_is_waited_for() {
    let ground = Ground::new();
    ground.commit(&ground.repo, ".gitattributes", "README filter=slow\n");
    let gate = ground.at("gate");
    rustix::fs::mkfifoat(rustix::fs::CWD, &gate, rustix::fs::Mode::RWXU).unwrap();
    let filter = format!("[filter \"slow\"]\nsmudge = read x < '{}'; cat\n", gate.display());
    fs::write(ground.at("gitconfig"), format!("[user]\nname = Ann\nemail = ann@example.org\n{filter}")).unwrap();
    let request = ground.request("T-1");
    ground.git(&ground.repo, &["branch", "aotui/T-1"]);
    fs::create_dir_all(request.path.parent().unwrap()).unwrap();
    let mut add = Command::new("git");
    add.args(["worktree", "add", "-q", request.path.to_str().unwrap(), "aotui/T-1"]).current_dir(&ground.repo);
    let mut add = add.env_clear().envs(ground.env()).spawn().unwrap();
    let workspaces = ground.workspaces();
    let preparing = workspaces.prepare(request);
    let opened = tokio::task::spawn_blocking(move || fs::File::options().write(true).open(gate).unwrap());
    let (ready, ()) = tokio::join!(preparing, async {
        let gate = opened.await.unwrap();
        assert!(add.try_wait().unwrap().is_none(), "it is in the middle of it");
        std::io::Write::write_all(&mut &gate, b"go\n").unwrap();
        tokio::task::spawn_blocking(move || assert!(add.wait().unwrap().success())).await.unwrap();
    });
    assert!(ready.unwrap().adopted);
    assert!(!ground.registration("T-11").exists(), "it was not made a second time");
}

#[tokio::test]
async fn a_link_that_an_agent_deleted_comes_back_with_all_files_as_they_are() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    fs::write(ready.path.join("half-done"), "wip\n").unwrap();
    fs::remove_file(ready.path.join(".git")).unwrap();
    assert!(ground.prepared("T-1").await.adopted);
    assert_eq!(ground.git(&ready.path, &["status", "--porcelain"]), "?? half-done");
}

#[tokio::test]
async fn a_registration_that_someone_pruned_comes_back_with_all_files_as_they_are() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let work = ground.commit(&ready.path, "done", "work\n");
    fs::write(ready.path.join("half-done"), "wip\n").unwrap();
    fs::remove_dir_all(ground.registration("T-1")).unwrap();
    assert!(ground.prepared("T-1").await.adopted);
    assert_eq!(ground.tip(&ready.path, "HEAD"), work);
    assert_eq!(ground.git(&ready.path, &["status", "--porcelain"]), "?? half-done");
    let list = ground.git(&ground.repo, &["worktree", "list", "--porcelain"]);
    assert!(list.contains("locked aotui plan/T-1"), "{list}");
}

#[tokio::test]
async fn a_branch_that_was_deleted_under_its_worktree_comes_back_where_it_was() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let work = ground.commit(&ready.path, "done", "work\n");
    ground.git(&ground.repo, &["update-ref", "-d", "refs/heads/aotui/T-1"]);
    assert!(ground.prepared("T-1").await.adopted);
    assert_eq!(ground.tip(&ground.repo, "refs/heads/aotui/T-1"), work);
    assert_eq!(ground.git(&ready.path, &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn the_lock_of_a_git_that_was_killed_in_the_ticket_s_worktree_is_removed_once_it_is_old() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let lock = ground.registration("T-1").join("index.lock");
    let file = fs::File::create(&lock).unwrap();
    ground.prepared("T-1").await;
    assert!(lock.exists(), "somebody may hold it");
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
    ground.prepared("T-1").await;
    assert!(lock.exists(), "somebody has it open");
    drop(file);
    ground.prepared("T-1").await;
    assert!(!lock.exists());
    ground.commit(&ready.path, "work", "it can be worked in\n");
}

#[tokio::test]
async fn the_locks_of_a_git_that_was_killed_with_its_session_go_at_once_but_none_that_somebody_has() {
    let ground = Ground::new();
    let path = ground.prepared("T-1").await.path;
    let branch = ground.repo.join(".git/refs/heads/aotui/T-1.lock");
    let locks = [ground.registration("T-1").join("index.lock"), ground.registration("T-1").join("HEAD.lock"), branch];
    for lock in &locks {
        fs::write(lock, "").unwrap();
    }
    let held = fs::File::open(&locks[0]).unwrap();
    ground.workspaces().free(ground.request("T-1")).await.unwrap();
    assert_eq!([true, false, false], [0, 1, 2].map(|n: usize| locks[n].exists()));
    drop(held);
    ground.workspaces().free(ground.request("T-1")).await.unwrap();
    ground.commit(&path, "work", "it can be worked in\n");
}

#[tokio::test]
async fn what_cannot_be_proven_is_left_alone_and_said_in_one_message() {
    let ground = Ground::new();
    let path = ground.prepared("T-1").await.path;
    fs::remove_file(path.join(".git")).unwrap();
    ground.git(&path, &["init", "-q"]);
    let error = ground.workspaces().prepare(ground.request("T-1")).await.unwrap_err();
    assert!(error.class == ErrorClass::Conflict && error.message.contains("holds something else"), "{error}");
    assert!(path.join("README").exists() && path.join(".git").is_dir());

    let path = ground.prepared("T-2").await.path;
    ground.git(&path, &["worktree", "unlock", "."]);
    ground.git(&path, &["worktree", "lock", "--reason", "mine, says Ann", "."]);
    fs::remove_file(path.join(".git")).unwrap();
    let error = ground.workspaces().prepare(ground.request("T-2")).await.unwrap_err();
    assert!(error.message.contains("holds something else"), "{error}");
    assert!(!path.join(".git").exists(), "someone else's is not touched");

    let path = ground.prepared("T-3").await.path;
    fs::remove_dir_all(ground.registration("T-3")).unwrap();
    ground.git(&ground.repo, &["switch", "-q", "aotui/T-3"]);
    let request = WorkspaceRequest { base: Some("main".into()), ..ground.request("T-3") };
    let error = ground.workspaces().prepare(request).await.unwrap_err();
    assert!(error.message.contains("is checked out at"), "{error}");
    assert!(path.join("README").exists());
}

#[tokio::test]
async fn a_base_that_is_gone_is_named_and_the_work_is_not_touched() {
    let ground = Ground::new();
    ground.git(&ground.repo, &["switch", "-q", "-c", "release"]);
    let request = WorkspaceRequest { base: Some("release".into()), ..ground.request("T-1") };
    let ready = ground.workspaces().prepare(request.clone()).await.unwrap();
    let work = ground.commit(&ready.path, "done", "work\n");
    ground.git(&ground.repo, &["switch", "-q", "main"]);
    ground.git(&ground.repo, &["branch", "-D", "release"]);
    let error = ground.workspaces().prepare(request).await.unwrap_err();
    assert!(error.class == ErrorClass::NotFound && error.message.contains("`release`"), "{error}");
    assert_eq!(ground.tip(&ready.path, "HEAD"), work);
}
