//! What commits made in agents' sessions say of who made them, and what git never sees of agents.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::agents::{TEN_LINES, program, ran, with_ticket};
use crate::harness::Home;

/// Ends an agent's turn as its record has it.
const BYE: &str = "\necho '{\"kind\":\"bye\",\"in\":1,\"out\":1,\"dollars\":0}'\n";

/// Makes a ticket whose agent does what `work` says in its worktree, with these lines after its record.
fn ticket(home: &Home, work: &str, more: &str) -> PathBuf {
    let hello = r#"echo '{"kind":"hello","chat":"c-7","brain":"small-1"}'"#;
    // What it says is heard by another process.
    let heard = "while [ ! -s \"$AOTUI_SESSION_DIR/model-trailer\" ]; do sleep 0.02; done";
    let program = program(home, "bin/mine", &format!("set -e\ncat >/dev/null\n{hello}\n{heard}\n{work}{BYE}"));
    with_ticket(home, &format!("{}{more}", TEN_LINES.replace("PROGRAM", &program)), "mine")
}

/// Has the agent do its work.
fn work(home: &Home, repo: &Path) {
    let (code, ticket) = ran(home, repo);
    assert_eq!(code, 0, "{ticket:#}\n{}", home.ok(repo, &["logs", "T"]));
}

fn hook(repo: &Path, name: &str, text: &str) {
    let path = repo.join(".git/hooks").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn trailers(home: &Home, repo: &Path, commit: &str) -> String {
    home.git(repo, &["log", "-1", "--format=%(trailers:only)", commit]).trim().to_owned()
}

const SIGNED: &str = "Agent: mine\nTicket: repo/T\nSession: repo~T~1\nModel: small-1";

#[test]
fn every_commit_of_an_agent_names_its_maker_once_however_it_was_made() {
    let home = Home::new();
    let repo = ticket(
        &home,
        r#"
echo a > a && git add a && git commit -q --date='2020-01-02T03:04:05Z' --author='Bob <bob@localhost>' -m 'Add a'
echo b > b && git add b && git commit -q --no-verify -m 'Add b' -m 'Refs: 7'
git commit -q --amend --no-edit
git checkout -q -b side HEAD~1 && echo c > c && git add c && git commit -q -m 'Add c'
git rebase -q aotui/repo/T
git checkout -q --detach aotui/repo/T && echo d > d && git add d && git commit -q -m 'Add d'
git merge -q -m 'Merge side' side
git branch -f aotui/repo/T HEAD
"#,
        "",
    );
    work(&home, &repo);
    for subject in ["Add a", "Add b", "Add c", "Add d", "Merge side"] {
        let commit = home.git(&repo, &["log", "--format=%H", &format!("--grep=^{subject}$"), "aotui/repo/T"]);
        let expected = if subject == "Add b" { format!("Refs: 7\n{SIGNED}") } else { SIGNED.to_owned() };
        assert_eq!(trailers(&home, &repo, &commit), expected, "{subject}");
    }
    let a = home.git(&repo, &["log", "--format=%an %aI", "--grep=^Add a$", "aotui/repo/T"]);
    assert_eq!(a, "Bob 2020-01-02T03:04:05Z");
    assert!(trailers(&home, &repo, "main").is_empty());
    let count = home.git(&repo, &["rev-list", "--count", "main..aotui/repo/T"]);
    assert_eq!(count, "5", "a rebase made nothing twice");
}

#[test]
fn the_repositorys_own_hooks_have_their_say_and_a_repository_of_a_test_is_left_alone() {
    let home = Home::new();
    let repo = ticket(
        &home,
        r#"
echo forbidden > no && git add no
if git commit -q -m 'Not this'; then exit 7; fi
git rm -q --cached no && rm no
echo yes > yes && git add yes && git commit -q -m 'Add yes'
mkdir other && cd other && git init -q . && git config user.name T && git config user.email t@localhost
echo x > x && git add x && git commit -q -m 'In a test' && git log -1 --format=%B > "$AOTUI_SESSION_DIR/other" && cd .. && rm -rf other
"#,
        "",
    );
    hook(
        &repo,
        "pre-commit",
        "echo pre-commit >> \"$AOTUI_SESSION_DIR/hooks\"; ! git diff --cached | grep -q forbidden",
    );
    hook(&repo, "prepare-commit-msg", "echo prepare \"$2\" >> \"$AOTUI_SESSION_DIR/hooks\"");
    hook(&repo, "commit-msg", "printf '\\nReviewed-by: the hook\\n' >> \"$1\"");
    hook(&repo, "post-commit", "echo post-commit >> \"$AOTUI_SESSION_DIR/hooks\"");
    work(&home, &repo);
    let session = home.state().join("sessions/repo~T~1");
    let said = fs::read_to_string(session.join("hooks")).unwrap();
    assert_eq!(said, "pre-commit\npre-commit\nprepare message\npost-commit\n");
    assert_eq!(fs::read_to_string(session.join("other")).unwrap().trim(), "In a test");
    let signed = trailers(&home, &repo, "aotui/repo/T");
    assert!(signed.contains("Reviewed-by: the hook") && signed.contains(SIGNED), "{signed}");
    assert_eq!(home.git(&repo, &["config", "--get", "--default", "none", "core.hooksPath"]), "none");
}

#[test]
fn a_signature_is_of_the_very_commit_that_names_its_maker() {
    let home = Home::new();
    // Signs as GnuPG does, and keeps what it signed.
    let gpg = program(
        &home,
        "bin/gpg",
        "cat > \"$AOTUI_SESSION_DIR/signed\"\necho '[GNUPG:] SIG_CREATED D' >&2\nprintf -- '-----BEGIN PGP SIGNATURE-----\\nxyz\\n-----END PGP SIGNATURE-----\\n'\n",
    );
    let repo = ticket(&home, &format!("git -c gpg.program={gpg} commit -q --allow-empty -S -m 'A signed one'\n"), "");
    work(&home, &repo);
    let commit = home.git(&repo, &["cat-file", "commit", "aotui/repo/T"]);
    assert!(commit.contains("gpgsig -----BEGIN PGP SIGNATURE-----") && commit.contains("Agent: mine"), "{commit}");
    let mut in_signature = false;
    let without: Vec<&str> = commit
        .lines()
        .filter(|line| {
            in_signature = line.starts_with("gpgsig") || in_signature && line.starts_with(' ');
            !in_signature
        })
        .collect();
    let signed = fs::read_to_string(home.state().join("sessions/repo~T~1/signed")).unwrap();
    assert_eq!(signed.trim_end(), without.join("\n"));
}

#[test]
fn the_work_of_an_agent_that_cannot_commit_is_committed_for_it_without_what_it_leaves_of_its_own() {
    let home = Home::new();
    let leaves = "    commits: false\n    excludes: ['.mine*']\n";
    let repo = ticket(&home, "echo hello > greeting\necho noise > .mine.log\n", leaves);
    work(&home, &repo);
    assert_eq!(home.git(&repo, &["log", "-1", "--format=%s", "aotui/repo/T"]), "Write a greeting");
    assert_eq!(trailers(&home, &repo, "aotui/repo/T"), SIGNED);
    let files = home.git(&repo, &["ls-tree", "--name-only", "aotui/repo/T"]);
    assert!(files.contains("greeting") && !files.contains(".mine"), "{files}");
    let exclude = fs::read_to_string(repo.join(".git/info/exclude")).unwrap();
    assert_eq!(exclude.matches(".mine*").count(), 1, "{exclude}");
    assert!(home.git(&repo, &["status", "--porcelain"]).is_empty());
    let log = home.ok(&repo, &["logs", "T"]);
    assert!(log.contains("committed for it"), "{log}");
}

#[test]
fn what_a_hook_refuses_of_the_work_of_such_an_agent_fails_its_phase_with_the_hooks_words() {
    let home = Home::new();
    let repo = ticket(&home, "echo x > x\n", "    commits: false\n");
    hook(&repo, "pre-commit", "echo 'no tabs here' >&2; exit 1");
    let (code, ticket) = ran(&home, &repo);
    assert_eq!((code, ticket["zone"].as_str()), (3, Some("failed")), "{ticket:#}");
    assert!(ticket["why"].as_str().unwrap().contains("no tabs here"), "{ticket:#}");
}

#[test]
fn a_person_who_wants_no_such_lines_gets_none() {
    let home = Home::new();
    let repo = ticket(&home, "git commit -q --allow-empty -m 'Plain'\n", "attribution: false\n");
    work(&home, &repo);
    assert_eq!(home.git(&repo, &["log", "-1", "--format=%B", "aotui/repo/T"]).trim(), "Plain");
}
