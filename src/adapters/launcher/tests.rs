use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;
use crate::config::paths::Places;
use crate::domain::ids::{AgentName, PhaseId, SessionId, TicketKey};
use crate::domain::ticket::Checkout;
use crate::domain::time::Timestamp;
use crate::domain::usage::Usage;
use crate::domain::workflow::{Approval, Asks, Phase, Retry, Run};
use crate::driver::DriveOrder;

/// What a hostile ticket may say.
const EVIL: &str = "$(touch pwned) `touch pwned`; touch pwned\n' \" \\ {{ feedback }} ${GH_TOKEN} -rf --\u{1b}[31m";

struct World {
    dir: tempfile::TempDir,
    settings: Settings,
    desk: Desk,
}

impl World {
    /// A world with these settings, a worktree, and an environment full of secrets.
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_path_buf();
        let home = root.to_str().unwrap().to_owned();
        let places = Places::find(None, &root, |name| (name == "AOTUI_HOME").then(|| home.clone())).unwrap();
        let settings = Settings::parse("config.yaml", config, &places, Path::new("/bin/aotui")).unwrap().value;
        fs::create_dir(root.join("tree")).unwrap();
        fs::create_dir(root.join("bin")).unwrap();
        fs::write(root.join("bin/claude"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(root.join("bin/claude"), fs::Permissions::from_mode(0o755)).unwrap();
        let env = [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", home.as_str()),
            ("GH_TOKEN", "forge-secret"),
            ("LINEAR_API_KEY", "tracker-secret"),
            ("ANTHROPIC_API_KEY", "vendor-secret"),
            ("LD_PRELOAD", "/evil.so"),
            ("BASH_ENV", "/evil.sh"),
            ("GIT_DIR", "/evil"),
            ("LC_TIME", "C"),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let desk = Desk::new(root.join("sessions"), root.join("spool"), "/bin/aotui".into(), env);
        Self { dir, settings, desk }
    }

    fn launcher(&self) -> LibraryLauncher {
        let own = self.dir.path().join("bin");
        let library = Library::new(&self.settings, &format!("{}:/usr/bin:/bin", own.display()));
        LibraryLauncher::new(library, self.settings.clone(), self.desk.clone())
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A work order of the evil ticket for one phase.
    fn order(&self, kind: PhaseKind) -> WorkOrder {
        let key: TicketKey = "p/T-1".parse().unwrap();
        let plan = serde_json::from_value(serde_json::json!({"id": "p", "name": "P", "repo": "/repo"})).unwrap();
        let brief =
            serde_json::json!({"key": "p/T-1", "title": EVIL, "description": "d", "acceptanceCriteria": ["a", "b"]});
        let mut ticket = Ticket {
            brief: serde_json::from_value(brief).unwrap(),
            order: 0,
            blocked_by: Vec::new(),
            progress: serde_json::from_str("{\"status\": {\"is\": \"queued\"}}").unwrap(),
        };
        ticket.progress.workspace = Some(Checkout {
            path: self.dir.path().join("tree").to_str().unwrap().to_owned(),
            branch: "aotui/p/T-1".to_owned(),
            base_branch: "main".to_owned(),
            base_commit: "0".repeat(40),
            removed: false,
        });
        ticket.progress.attempt = 2;
        ticket.progress.feedback = Some("try harder".to_owned());
        ticket.progress.context = [("pr-url", "https://x/1"), ("title", "not the title")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let phase = Phase {
            id: PhaseId::new("work").unwrap(),
            kind,
            on_success: None,
            on_failure: None,
            retry: Retry::new(1, 0),
            timeout_seconds: None,
            max_visits: 10,
            capture: BTreeMap::new(),
            limits: Default::default(),
            asking: Default::default(),
            gates: Vec::new(),
            artifacts: Default::default(),
            on_verdict: Default::default(),
        };
        WorkOrder {
            session: SessionId::new(key, 3),
            plan,
            ticket: Arc::new(ticket),
            phase,
            agent: None,
            captures: Default::default(),
            offered: Default::default(),
            begin: Vec::new(),
        }
    }

    fn script(&self, run: Run) -> WorkOrder {
        self.order(PhaseKind::Script { run })
    }

    fn command(&self, command: &str, args: &[&str]) -> WorkOrder {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.script(Run::Command { command: command.to_owned(), args })
    }

    fn agent(&self, name: &str, prompt: &str) -> WorkOrder {
        let prompt = Prompt::Inline { text: prompt.to_owned() };
        let kind = PhaseKind::Agent {
            prompt,
            agent: None,
            role: None,
            face: None,
            allowed_tools: Vec::new(),
            max_turns: Some(9),
            model: None,
            stronger: Vec::new(),
            instead: Vec::new(),
        };
        WorkOrder { agent: Some(AgentName::new(name).unwrap()), ..self.order(kind) }
    }

    /// Starts what was composed, as a holder would, and returns its stdout.
    fn start(&self, launch: &Launch) -> String {
        let mut command = Command::new(&launch.argv[0]);
        command.args(&launch.argv[1..]).current_dir(&launch.cwd).env_clear().envs(launch.env.iter().cloned());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!self.dir.path().join("tree/pwned").exists(), "ticket text was executed: {:?}", launch.argv);
        String::from_utf8(output.stdout).unwrap()
    }
}

async fn compose(world: &World, order: WorkOrder) -> Launch {
    world.launcher().compose(order).await.unwrap_or_else(|error| panic!("{error}"))
}

fn variable<'a>(launch: &'a Launch, name: &str) -> Option<&'a str> {
    launch.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn what_a_ticket_says_reaches_programs_byte_for_byte_and_is_never_executed() {
    let world = World::new(
        "agents: {echo: {command: printf, args: ['%s', '{{ prompt }}']}, cat: {command: cat, promptVia: stdin}}",
    );
    let launch = compose(&world, world.command("printf", &["%s|%s", "{{ title }}", "{{ context.title }}"])).await;
    assert_eq!(launch.argv.len(), 4);
    assert_eq!(world.start(&launch), format!("{EVIL}|not the title"));
    let shell = Run::Shell { script: "printf %s \"$AOTUI_TITLE\"".to_owned() };
    let launch = compose(&world, world.script(shell)).await;
    assert_eq!(launch.argv[..3], ["/bin/sh", "-eu", "-c"]);
    assert_eq!(world.start(&launch), EVIL);
    for agent in ["echo", "cat"] {
        let launch = compose(&world, world.agent(agent, "Do: {{ title }}")).await;
        assert_eq!(world.start(&launch), format!("Do: {EVIL}"), "{agent}");
    }
    world.write("scripts/show.sh", "printf %s \"$1\"");
    let launch = compose(&world, world.command("show.sh", &["{{ title }}"])).await;
    assert_eq!(world.start(&launch), EVIL);
    let captured = world.launcher().capture(world.command("true", &[]), "printf %s \"$AOTUI_TITLE\"".to_owned()).await;
    assert_eq!(captured.unwrap(), EVIL.trim());
    assert!(!world.dir.path().join("tree/pwned").exists());
}

#[tokio::test]
async fn agents_get_vendor_keys_and_scripts_get_forge_tokens_and_nobody_the_rest() {
    let world = World::new("");
    let script = compose(&world, world.command("true", &[])).await;
    let agent = compose(&world, world.agent("claude", "x")).await;
    let has = |launch: &Launch, name| variable(launch, name).is_some();
    for name in ["LD_PRELOAD", "BASH_ENV", "GIT_DIR"] {
        assert!(!has(&script, name) && !has(&agent, name), "{name}");
    }
    for name in ["PATH", "HOME", "LC_TIME", "TERM"] {
        assert!(has(&script, name) && has(&agent, name), "{name}");
    }
    for name in ["GH_TOKEN", "LINEAR_API_KEY"] {
        assert!(has(&script, name) && !has(&agent, name), "{name}");
    }
    assert!(has(&agent, "ANTHROPIC_API_KEY") && !has(&script, "ANTHROPIC_API_KEY"));
    assert!(!format!("{agent:?}").contains("secret-") && !agent.argv.join(" ").contains("secret"));
}

#[tokio::test]
async fn sessions_are_not_told_where_the_sockets_are_unless_the_agent_record_asks_for_it() {
    let world = World::new("agents:\n  wayland: {command: x, env: {XDG_RUNTIME_DIR: '${XDG_RUNTIME_DIR}'}}\n");
    for order in [world.agent("claude", "x"), world.script(Run::Shell { script: "env".into() })] {
        assert_eq!(variable(&compose(&world, order).await, "XDG_RUNTIME_DIR"), None);
    }
    let asked = compose(&world, world.agent("wayland", "x")).await;
    assert_eq!(variable(&asked, "XDG_RUNTIME_DIR"), Some("/run/user/1"));
}

#[tokio::test]
async fn sessions_know_what_they_are_for() {
    let world = World::new("");
    let launch = compose(&world, world.agent("practice", "Hello {{ ticketId }}\n{{ acceptance_criteria_list }}")).await;
    let session = world.desk.sessions_dir.join("p~T-1~3");
    let prompt = session.join("prompt.md");
    for (name, value) in [
        ("AOTUI_TICKET", "T-1"),
        ("AOTUI_PLAN", "p"),
        ("AOTUI_SESSION_ID", "p~T-1~3"),
        ("AOTUI_PHASE", "work"),
        ("AOTUI_VISIT", "1"),
        ("AOTUI_ATTEMPT", "2"),
        ("AOTUI_TITLE", EVIL),
        ("AOTUI_REPO", "/repo"),
        ("AOTUI_WORKTREE", launch.cwd.to_str().unwrap()),
        ("AOTUI_BRANCH", "aotui/p/T-1"),
        ("AOTUI_BASE", "main"),
        ("AOTUI_FEEDBACK", "try harder"),
        ("AOTUI_PROMPT_FILE", prompt.to_str().unwrap()),
        ("AOTUI_SESSION_DIR", session.to_str().unwrap()),
        ("AOTUI_SPOOL", world.desk.spool_dir.to_str().unwrap()),
        ("AOTUI_EXE", "/bin/aotui"),
        ("AOTUI_CTX_PR_URL", "https://x/1"),
    ] {
        assert_eq!(variable(&launch, name), Some(value), "{name}");
    }
    assert_eq!(launch.argv, ["/bin/aotui", "practice-agent", prompt.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&prompt).unwrap(), "Hello T-1\n- a\n- b");
    assert_eq!(fs::metadata(&prompt).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&session).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn values_are_made_fit_for_the_kernel_or_refused_with_words() {
    let world = World::new("agents: {plain: {command: my-agent}}");
    let mut order = world.command("printf", &["{{ context.big }}"]);
    let ticket = Arc::make_mut(&mut order.ticket);
    ticket.progress.context.insert("big".to_owned(), "é".repeat(100 * 1024));
    ticket.progress.context.insert("nul".to_owned(), "a\0b".to_owned());
    let error = world.launcher().compose(order.clone()).await.unwrap_err();
    assert!(error.message.contains("longer than 100 KiB"), "{error}");
    order.phase.kind = PhaseKind::Script { run: Run::Shell { script: "true".to_owned() } };
    let launch = compose(&world, order).await;
    assert_eq!(variable(&launch, "AOTUI_CTX_BIG").unwrap().len(), 64 * 1024);
    assert_eq!(variable(&launch, "AOTUI_CTX_NUL"), Some("ab"));
    world.start(&launch);
    let launch = compose(&world, world.agent("plain", &"x".repeat(200 * 1024))).await;
    let file = variable(&launch, "AOTUI_PROMPT_FILE").unwrap();
    assert_eq!(launch.argv, ["my-agent".to_owned(), format!("Read the file {file} and do what it says.")]);
    assert_eq!(fs::read_to_string(file).unwrap().len(), 200 * 1024);
}

#[tokio::test]
async fn agent_records_say_how_an_agent_is_started() {
    let world = World::new(
        "agents:\n  mine:\n    command: mine\n    args: [run, '{{ promptFile }}', '{{ maxTurns }}']\n    promptVia: file\n    model: small\n\
         \x20   modelArg: -m\n    allowedToolsArg: --tools\n    allowedTools: [a, b]\n    env: {TOKEN: '${GH_TOKEN}-{{ title }}', NONE: '${NO_SUCH}'}\n",
    );
    let mut order = world.agent("mine", "x");
    let launch = compose(&world, order.clone()).await;
    let file = variable(&launch, "AOTUI_PROMPT_FILE").unwrap();
    assert_eq!(launch.argv, ["mine", "-m", "small", "--tools", "a,b", "run", file, "9"]);
    // A title that looks like a variable of the user's environment stays what it is.
    assert_eq!(variable(&launch, "TOKEN"), Some(format!("forge-secret-{EVIL}").as_str()));
    assert_eq!(variable(&launch, "NONE"), Some(""));
    let PhaseKind::Agent { allowed_tools, model, .. } = &mut order.phase.kind else { panic!() };
    *allowed_tools = vec!["c".to_owned()];
    *model = Some("big".to_owned());
    assert_eq!(compose(&world, order).await.argv[1..5], ["-m", "big", "--tools", "c"]);
    let claude = compose(&world, world.agent("claude", "x")).await;
    assert_eq!(claude.argv[..2], ["/bin/aotui", "drive"]);
    let order: DriveOrder = serde_json::from_str(&fs::read_to_string(&claude.argv[2]).unwrap()).unwrap();
    let argv = order.argv.join(" ");
    assert!(argv.starts_with("claude --allowedTools Bash(git add:*),"), "{argv}");
    assert!(argv.contains("--max-turns 9 -p --input-format stream-json"), "{argv}");
    assert!(argv.ends_with(&format!("--session-id {}", order.conversation.unwrap())), "{argv}");
    assert!(!argv.contains("dangerously") && !argv.contains("bypass"), "{argv}");
}

#[tokio::test]
async fn an_agent_whose_attempt_was_cut_off_goes_on_with_its_conversation() {
    let world = World::new("");
    let mut order = world.agent("claude", "x");
    let progress = &mut Arc::make_mut(&mut order.ticket).progress;
    progress.phase = Some(order.phase.id.clone());
    progress.visits.insert(order.phase.id.clone(), 1);
    let conversation = serde_json::json!([{"phase": order.phase.id, "agent": "claude", "id": "c-1", "usage": Usage { input: 7, ..Usage::default() }}]);
    progress.conversations = serde_json::from_value(conversation).unwrap();
    let ended = |outcome: serde_json::Value| {
        serde_json::from_value(
            serde_json::json!([{"phase": order.phase.id, "visit": 1, "attempt": 1, "outcome": outcome,
            "startedAt": Timestamp(0), "endedAt": Timestamp(1)}]),
        )
        .unwrap()
    };
    let mut tried = Vec::new();
    for outcome in [
        serde_json::json!({"outcome": "interrupted"}),
        serde_json::json!({"outcome": "failed", "failure": {"class": "network", "message": "m"}}),
        serde_json::json!({"outcome": "failed", "failure": {"class": "contextOverflow", "message": "m"}}),
    ] {
        let mut order = order.clone();
        Arc::make_mut(&mut order.ticket).progress.history = ended(outcome);
        let launch = compose(&world, order).await;
        let drive: DriveOrder = serde_json::from_str(&fs::read_to_string(&launch.argv[2]).unwrap()).unwrap();
        tried.push((drive.argv.join(" ").contains("--resume c-1"), drive.before.input));
    }
    assert_eq!(tried, [(true, 7), (true, 7), (false, 0)]);
}

#[tokio::test]
async fn a_prompt_that_begins_with_a_dash_is_no_option_of_the_agent() {
    let world = World::new("agents: {own: {command: agent}}");
    let launch = compose(&world, world.agent("own", "--dangerous {{ ticketId }}")).await;
    assert_eq!(launch.argv, ["agent", " --dangerous T-1"]);
}

#[tokio::test]
async fn scripts_are_found_in_the_library_and_start_as_they_say() {
    let world = World::new("");
    let plain = world.write("scripts/plain.sh", "echo plain");
    let own = world.write("scripts/own.sh", "#!/bin/sh\necho own");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
    let argv = |command: &str| compose(&world, world.command(command, &[]));
    assert_eq!(argv("plain.sh").await.argv, [argv::interpreter(), plain.to_str().unwrap()]);
    assert_eq!(argv("own.sh").await.argv, [own.to_str().unwrap()]);
    assert_eq!(argv("git").await.argv, ["git"]);
    assert_eq!(argv("bin/x").await.argv, [world.dir.path().join("tree/bin/x").to_str().unwrap()]);
    let builtin = world.script(Run::Builtin { builtin: "land".to_owned() });
    assert_eq!(compose(&world, builtin).await.argv, ["/bin/aotui", "builtin", "land"]);
    let mut order = world.command("git", &[]);
    assert!(!compose(&world, order.clone()).await.separate_stdout);
    order.phase.capture.insert("out".to_owned(), Capture::Stdout);
    assert!(compose(&world, order).await.separate_stdout);
}

#[tokio::test]
async fn what_cannot_be_composed_says_what_to_change() {
    let world = World::new("");
    let launcher = world.launcher();
    let error = launcher.compose(world.agent("cluade", "x")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Misconfigured);
    assert!(error.message.contains("no agent `cluade`; the settings have aider, claude, codex"), "{error}");
    let error = launcher.compose(world.agent("claude", "a\n{{ context.pr }}")).await.unwrap_err();
    assert!(error.message.contains("prompt of phase work:2:1: `context.pr` has no value here"), "{error}");
    let included = world.dir.path().join("repo/.aotui/prompts/p.md");
    fs::create_dir_all(included.parent().unwrap()).unwrap();
    fs::write(included, "evil").unwrap();
    let mut order = world.agent("claude", "{% include 'p.md' %}");
    order.plan.repo = Some(world.dir.path().join("repo").to_str().unwrap().to_owned());
    let error = launcher.compose(order).await.unwrap_err();
    assert!(error.message.contains("aotui trust"), "{error}");
    let mut order = world.agent("claude", "x");
    Arc::make_mut(&mut order.ticket).progress.workspace = None;
    assert_eq!(launcher.compose(order).await.unwrap_err().class, ErrorClass::NotFound);
}

#[tokio::test]
async fn workflows_and_workspaces_follow_ticket_plan_and_settings() {
    let world = World::new("worktreeRoot: trees");
    let order = world.command("true", &[]);
    let (launcher, mut plan, mut ticket) = (world.launcher(), order.plan, order.ticket);
    let workflow = launcher.workflow(plan.clone(), Arc::clone(&ticket)).await.unwrap();
    assert_eq!(workflow.name.as_str(), "standard");
    let request = launcher.workspace(&plan, &ticket).unwrap();
    assert_eq!(request.path, world.dir.path().join("trees/p/T-1"));
    assert_eq!((request.branch.as_str(), request.base, request.repo), ("aotui/p/T-1", None, PathBuf::from("/repo")));
    plan.worktree_root = Some("/trees".to_owned());
    assert_eq!(launcher.workspace(&plan, &ticket).unwrap().path, Path::new("/trees/T-1"));
    Arc::make_mut(&mut ticket).brief.worktree = Some("trees".to_owned());
    assert!(launcher.workspace(&plan, &ticket).unwrap_err().message.contains("not an absolute path"));
    plan.repo = None;
    assert!(launcher.workspace(&plan, &ticket).unwrap_err().message.contains("names a repository"));
    plan.workflow = Some("standrad".parse().unwrap());
    let error = launcher.workflow(plan, ticket).await.unwrap_err();
    assert!(error.message.contains("did you mean `standard`?"), "{error}");
}

#[tokio::test]
async fn an_agent_is_told_who_it_is_before_what_it_is_to_do() {
    let world = World::new("");
    let mut order = world.agent("practice", "Do {{ ticketId }}.");
    let PhaseKind::Agent { role, .. } = &mut order.phase.kind else { panic!() };
    *role = Some("tester".parse().unwrap());
    let gone = world.launcher().compose(order.clone()).await.unwrap_err();
    assert!(gone.message.contains("there is no role `tester` any more"), "{gone}");
    let file = world.write("prompts/roles/tester.md", "---\nmodel: x\n---\nYou test {{ branch }}.\n\n");
    let told = |launch: &Launch| fs::read_to_string(variable(launch, "AOTUI_PROMPT_FILE").unwrap()).unwrap();
    assert_eq!(told(&compose(&world, order.clone()).await), "You test aotui/p/T-1.\n\nDo T-1.");
    fs::write(&file, "---\nmodel: x\n---\nYou test {{ odd }}.\n").unwrap();
    let odd = world.launcher().compose(order).await.unwrap_err();
    assert!(odd.message.contains("prompts/roles/tester.md:4:"), "{odd}");
}

#[tokio::test]
async fn an_agent_is_told_which_files_are_left_out_for_their_size() {
    let world = World::new("");
    let mut order = world.agent("practice", "{{ artifacts }}");
    order.phase.artifacts.reads = ["huge.md", "none.md"].map(str::to_owned).to_vec();
    let huge = serde_json::json!({"name": "huge.md", "version": 3, "hash": "h", "bytes": 9_000_000, "phase": "plan",
        "attempt": 1, "at": "2026-01-01T00:00:00Z"});
    order.offered.artifacts.push(serde_json::from_value(huge).unwrap());
    let launch = compose(&world, order).await;
    let told = fs::read_to_string(variable(&launch, "AOTUI_PROMPT_FILE").unwrap()).unwrap();
    let lines = [
        "- huge.md (version 3, by phase plan, 9000000 bytes) is left out: all files to read would be larger than 8 MiB",
        "- none.md is not there: nobody left it yet",
    ];
    assert_eq!(told, lines.join("\n"));
}

#[tokio::test]
async fn a_question_is_rendered_or_made() {
    let world = World::new("");
    let ask = |message: Option<&str>| {
        let approval = Approval { asks: Asks::Review, message: message.map(str::to_owned) };
        let order = world.order(PhaseKind::Approval(approval));
        let launcher = world.launcher();
        async move { launcher.question(order).await.unwrap() }
    };
    assert_eq!(ask(Some("Land {{ branch }}?")).await, "Land aotui/p/T-1?");
    assert_eq!(ask(None).await, "May ticket p/T-1 go on?");
}

#[tokio::test]
async fn an_agent_that_is_not_installed_is_named_before_a_shell_can_hide_it() {
    let world = World::new("");
    fs::remove_file(world.dir.path().join("bin/claude")).unwrap();
    let kind = PhaseKind::Agent {
        prompt: Prompt::Inline { text: "x".to_owned() },
        agent: None,
        role: None,
        face: None,
        model: None,
        stronger: Vec::new(),
        instead: Vec::new(),
        allowed_tools: Vec::new(),
        max_turns: None,
    };
    let error = world.launcher().compose(world.order(kind)).await.unwrap_err();
    assert!(error.message.contains("agent `claude` needs the program `claude`, which is not installed"), "{error}");
}
