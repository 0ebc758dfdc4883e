//! The stories of the demo, played by the real practice agent on the real sandbox with the real tests as the gate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use aotui::demo::{self, DemoPlan, DemoStory, Expectation};
use aotui::domain::agent_report::AgentReport;
use aotui::domain::ticket::Brief;
use aotui::report;

fn git(root: &Path, args: &[&str]) -> Output {
    let identity = ["-c", "user.name=T", "-c", "user.email=t@localhost"];
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.args(identity).args(args).current_dir(root).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// One ticket in its worktree, with what a session would find around it.
struct Walk<'a> {
    brief: &'a Brief,
    story: &'a DemoStory,
    repo: PathBuf,
    home: tempfile::TempDir,
    visits: BTreeMap<&'static str, u32>,
    /// What a person had to do.
    done: Vec<Expectation>,
}

impl<'a> Walk<'a> {
    fn new(demo: &'a DemoPlan, nth: usize) -> Self {
        let home = tempfile::tempdir().unwrap();
        for name in ["spool", "session"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        let (brief, story, repo) = (&demo.briefs[nth], &demo.stories[nth], demo.root.join("repo"));
        let walk = Self { brief, story, repo, home, visits: BTreeMap::new(), done: Vec::new() };
        let made = git(&walk.repo, &["worktree", "add", "-b", walk.ticket(), walk.work().to_str().unwrap(), "main"]);
        assert!(made.status.success(), "{}", said(&made));
        walk
    }

    fn ticket(&self) -> &'a str {
        self.brief.key.ticket.as_str()
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Plays one phase; a failure that the story announces is tried again.
    fn play(&mut self, phase: &'static str) {
        let visit = self.visits.entry(phase).and_modify(|visit| *visit += 1).or_insert(1).to_string();
        let mut code = self.session(phase, &visit);
        if code != Some(0) && self.story.expects.contains(&Expectation::Failure) {
            self.done.push(Expectation::Failure);
            code = self.session(phase, &visit);
        }
        assert_eq!(code, Some(0), "{} {phase}", self.ticket());
    }

    fn session(&mut self, phase: &str, visit: &str) -> Option<i32> {
        let path = |name: &str| self.home.path().join(name);
        fs::write(path("prompt.md"), format!("# {}\n\n{}", self.brief.title, self.brief.description)).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_aotui"))
            .arg("practice-agent")
            .arg(path("prompt.md"))
            .current_dir(self.work())
            .env("AOTUI_TICKET", self.ticket())
            .env("AOTUI_TITLE", &self.brief.title)
            .env("AOTUI_PHASE", phase)
            .env("AOTUI_VISIT", visit)
            .env("AOTUI_BASE", "main")
            .env("AOTUI_SESSION_ID", format!("demo~{}~1", self.ticket()))
            .env("AOTUI_SPOOL", path("spool"))
            .env("AOTUI_SESSION_DIR", path("session"))
            .env("AOTUI_PRACTICE_SPEED", "1000")
            .stdout(fs::File::create(path("output")).unwrap())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = agent.try_wait().unwrap() {
                return status.code();
            }
            self.answer();
            assert!(Instant::now() < deadline, "{} {phase} does not end", self.ticket());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Answers what the agent asks as the story says.
    fn answer(&mut self) {
        let spool = fs::read_dir(self.home.path().join("spool")).unwrap();
        for path in spool.map(|entry| entry.unwrap().path()) {
            let Ok(file) = report::read(&path) else { continue };
            fs::remove_file(&path).unwrap();
            if let AgentReport::Ask { request, ask } = file.report {
                let mut scripted = self.story.expects.iter().filter_map(|one| Some((one, one.answer(&ask)?)));
                let (expected, answer) = scripted.next().unwrap();
                self.done.push(expected.clone());
                report::answer(&self.home.path().join("session"), &request, &answer).unwrap();
            }
        }
    }

    fn tests(&self) -> Output {
        assert_eq!(said(&git(&self.work(), &["status", "--porcelain"])), "", "{}", self.ticket());
        Command::new("./.aotui/test").current_dir(self.work()).output().unwrap()
    }

    /// Merges into `main` as landing does; whether it went without a conflict.
    fn lands(&self) -> bool {
        let merged = git(&self.repo, &["merge", "--no-ff", "-m", self.ticket(), self.ticket()]);
        if !merged.status.success() {
            git(&self.repo, &["merge", "--abort"]);
        }
        merged.status.success()
    }
}

#[test]
fn every_ticket_of_the_demo_lands_and_shows_what_it_promises() {
    let home = tempfile::tempdir().unwrap();
    let demo = demo::prepare(home.path()).unwrap();
    let (mut healed, mut resolved) = (Vec::new(), Vec::new());
    let last = demo.briefs.len() - 1;
    let mut walks: Vec<_> = (0..last).map(|nth| Walk::new(&demo, nth)).collect();
    while !walks.is_empty() {
        for walk in &mut walks {
            let ticket = walk.ticket();
            if walk.brief.workflow.as_ref().unwrap().as_str() == "demo-spec" {
                walk.play("spec");
            }
            walk.play("implement");
            let first = walk.tests();
            if !first.status.success() {
                assert!(said(&first).contains("a refund of a few cents"), "{ticket}: {}", said(&first));
                healed.push(ticket);
                walk.play("implement");
            }
            let outcome = walk.tests();
            assert!(outcome.status.success(), "{ticket}: {}", said(&outcome));
            if !walk.lands() {
                resolved.push(ticket);
                walk.play("resolve");
                let outcome = walk.tests();
                assert!(outcome.status.success(), "{ticket}: {}", said(&outcome));
                assert!(walk.lands(), "{ticket} did not land after its conflict was resolved");
            }
            let mut expected = walk.story.expects.clone();
            expected.retain(|one| !matches!(one, Expectation::Approval(_)));
            assert_eq!(walk.done, expected, "{ticket}");
        }
        let more = walks.len() > 1;
        walks = if more { vec![Walk::new(&demo, last)] } else { Vec::new() };
    }
    assert_eq!((healed, resolved), (vec!["LED-10"], vec!["LED-2"]));
    let repo = demo.root.join("repo");
    let outcome = Command::new("./.aotui/test").current_dir(&repo).output().unwrap();
    assert!(said(&outcome).contains("11 passed, 0 failed"), "{}", said(&outcome));
    assert_eq!(said(&git(&repo, &["show", "main:release/window"])), "open\n");
    assert_eq!(said(&git(&repo, &["show", "main:VERSION"])), "1.1\n");
}
