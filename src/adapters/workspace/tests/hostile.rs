use super::*;

/// Plants everything known that git would run for an agent that writes the repository's configuration and hooks.
fn plant_canaries(ground: &Ground) {
    let canary = ground.at("canary");
    let run = |what: &str| format!("echo {what} >> {}; cat", canary.display());
    let hooks = ground.repo.join(".git/hooks");
    let names = ["post-checkout", "reference-transaction", "post-merge", "post-index-change", "transport"];
    let places = [hooks, ground.at("evil-hooks")];
    for dir in &places {
        fs::create_dir_all(dir).unwrap();
        for name in names {
            let file = dir.join(name);
            fs::write(&file, format!("#!/bin/sh\n{}\n", run(name))).unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    }
    let evil_hooks = ground.at("evil-hooks");
    let settings = [
        ("core.hooksPath", evil_hooks.to_str().unwrap().to_owned()),
        ("core.fsmonitor", run("fsmonitor")),
        ("filter.evil.clean", run("clean")),
        ("filter.evil.smudge", run("smudge")),
        ("filter.evil.process", run("process")),
        ("filter.e=vil.clean", run("clean")),
        ("merge.evil.driver", run("driver")),
        ("diff.evil.textconv", run("textconv")),
        ("diff.external", run("external")),
        ("core.sshCommand", run("ssh")),
        ("core.askPass", run("askpass")),
        ("credential.helper", format!("!{}", run("helper"))),
        ("remote.origin.uploadpack", run("uploadpack")),
        ("remote.origin.url", format!("ext::{}", evil_hooks.join("transport").display())),
        ("protocol.ext.allow", "always".to_owned()),
        ("gpg.program", run("gpg")),
    ];
    for (key, value) in settings {
        ground.git(&ground.repo, &["config", key, &value]);
    }
    fs::write(ground.repo.join(".git/info/attributes"), "* filter=evil merge=evil diff=evil\n").unwrap();
}

fn fired(ground: &Ground) -> String {
    fs::read_to_string(ground.at("canary")).unwrap_or_default()
}

/// Makes git look at the files again instead of trusting their times.
fn touch(path: &Path) {
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    fs::File::options().append(true).open(path).unwrap().set_modified(later).unwrap();
}

#[tokio::test]
async fn nothing_a_repository_names_runs_while_its_workspaces_are_made_landed_and_removed() {
    let ground = Ground::with_origin();
    let first = ground.prepared("T-1").await;
    ground.commit(&first.path, "one", "x\n");
    ground.commit(&ground.repo, "two", "x\n");
    plant_canaries(&ground);

    let second = ground.workspaces().prepare(ground.request("T-2")).await.unwrap();
    assert_eq!(fired(&ground), "", "prepare ran something");
    touch(&second.path.join("README"));
    let removal = ground.workspaces().remove(ground.request("T-2")).await.unwrap();
    assert_eq!(fired(&ground), "", "remove ran something");
    assert!(matches!(removal, Removal::Removed { .. }), "{removal:?}");

    let held = ground.land("aotui/T-1").await.unwrap_err();
    assert!(held.to_string().contains("sets filters (e=vil, evil)"), "{held}");
    assert!(held.to_string().contains("set them in your global git config, or run `git merge "), "{held}");
    assert!(!held.to_string().contains("stash"), "nothing there is in the way: {held}");
    ground.git(&ground.repo, &["symbolic-ref", "HEAD", "refs/heads/elsewhere"]);
    let _ = fs::remove_file(ground.at("canary"));
    assert!(matches!(ground.land("aotui/T-1").await, Ok(Landed::Merged { .. })));
    assert_eq!(fired(&ground), "", "land ran something");
}

#[tokio::test]
async fn a_fetch_runs_no_transport_program_of_the_repository() {
    let ground = Ground::with_origin();
    ground.commit_at_origin("theirs");
    let url = ground.git(&ground.repo, &["config", "remote.origin.url"]);
    plant_canaries(&ground);
    ground.git(&ground.repo, &["config", "remote.origin.url", &url]);
    let ready = ground.workspaces().prepare(ground.request("T-1")).await.unwrap();
    assert_eq!(fired(&ground), "");
    assert_eq!(ready.base_commit, ground.tip(&ground.repo, "main"), "it went on with what is here");
}

#[tokio::test]
async fn the_configuration_of_a_single_worktree_is_not_trusted_either() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    let run = format!("echo clean >> {}; cat", ground.at("canary").display());
    ground.git(&ready.path, &["config", "extensions.worktreeConfig", "true"]);
    ground.git(&ready.path, &["config", "--worktree", "filter.evil.clean", &run]);
    fs::write(ground.repo.join(".git/info/attributes"), "* filter=evil\n").unwrap();
    touch(&ready.path.join("README"));
    let removal = ground.workspaces().remove(ground.request("T-1")).await.unwrap();
    assert!(matches!(removal, Removal::Removed { .. }), "{removal:?}");
    assert_eq!(fired(&ground), "");
}

#[tokio::test]
async fn the_canaries_do_sing_where_git_is_run_carelessly() {
    let ground = Ground::with_origin();
    plant_canaries(&ground);
    touch(&ground.repo.join("README"));
    let _ = ground.try_git(&ground.repo, &["status"]);
    let _ = ground.try_git(&ground.repo, &["checkout", "-b", "x"]);
    let fired = fired(&ground);
    assert!(fired.contains("fsmonitor") && fired.contains("post-checkout"), "{fired}");
}

#[tokio::test]
async fn a_merge_driver_of_the_repository_makes_a_conflict_instead_of_running() {
    let ground = Ground::new();
    let ready = ground.prepared("T-1").await;
    ground.commit(&ready.path, "README", "hello\nours\n");
    ground.commit(&ground.repo, "README", "theirs\nhello\n");
    ground.git(&ground.repo, &["checkout", "-q", "--detach"]);
    let canary = ground.at("canary");
    ground.git(&ground.repo, &["config", "merge.evil.driver", &format!("touch {}", canary.display())]);
    fs::write(ground.repo.join(".git/info/attributes"), "* merge=evil\n").unwrap();
    let error = ground.land("aotui/T-1").await.unwrap_err();
    assert!(matches!(error, LandError::Conflict { .. }), "{error}");
    assert!(!canary.exists());
}

#[tokio::test]
async fn a_filter_the_repository_requires_stops_the_checkout_instead_of_writing_wrong_files() {
    let ground = Ground::new();
    ground.commit(&ground.repo, ".gitattributes", "secret filter=crypt\n");
    ground.commit(&ground.repo, "secret", "encrypted\n");
    ground.git(&ground.repo, &["config", "filter.crypt.smudge", "tr a-z b-za"]);
    ground.git(&ground.repo, &["config", "filter.crypt.required", "true"]);
    let error = ground.workspaces().prepare(ground.request("T-1")).await.unwrap_err();
    assert!(error.message.contains("set this one in your global git config"), "{error}");
    assert!(!ground.has_ref("refs/heads/aotui/T-1"));
}

#[tokio::test]
async fn nothing_of_an_outer_git_is_inherited() {
    let ground = Ground::new();
    let git = Git::new();
    let call = git::GitCall::read(["rev-parse", "--git-dir"]);
    let place = git::Place::repository(&ground.repo.join(".git"));
    assert_eq!(git.text(&place, &call).await.unwrap(), ground.repo.join(".git").to_str().unwrap());
}
