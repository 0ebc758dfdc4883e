//! The verbs that set things up, bring work in, and keep the house in order.

use clap::{Arg, Command, value_parser};
use clap_complete::Shell;

use super::{flag, json, many, option, path, verb};

pub(super) fn init() -> Command {
    verb(
        "init",
        "Writes the settings file, and starts a plan for the repository you are in",
        &[
            "cd my-repository && aotui init",
            "aotui init ~/src/my-repository",
            "aotui init --home ~/nights        used by `aotui --config ~/nights/config.yaml`",
        ],
    )
    .arg(path("dir", "DIR", "The repository; the current directory unless given"))
    .arg(
        option("home", "DIR", "A directory of its own for settings and state, made if it is not there")
            .short('d')
            .value_parser(value_parser!(std::path::PathBuf)),
    )
}

pub(super) fn add() -> Command {
    verb(
        "add",
        "Adds a ticket to a plan",
        &[
            "aotui add 'Reject negative amounts'",
            "aotui add 'Currency of refunds' --id PAY-114 --description @ticket.md --workflow bugfix",
            "echo 'All the details' | aotui add 'Rounding' --description - --blocked-by PAY-114",
            "aotui add 'Tidy up' --budget tokens=200k,cost=5",
        ],
    )
    .arg(Arg::new("title").value_name("TITLE").required(true).help("One line that says what is wanted"))
    .arg(option("plan", "PLAN", "The plan; the one of the repository you are in unless given"))
    .arg(option("id", "ID", "The ticket's id; T-1, T-2 … unless given"))
    .arg(option("description", "TEXT", "Everything the agent should know; `-` reads stdin, `@FILE` reads a file"))
    .arg(many("criterion", "TEXT", "What has to be true at the end; may be repeated"))
    .arg(option("workflow", "NAME", "The workflow; the plan's unless given"))
    .arg(option("agent", "NAME", "The agent; the plan's unless given"))
    .arg(
        option("face", "FACE", "How its agents meet you: on a `terminal` of their own, or `headless`")
            .value_parser(["terminal", "headless"]),
    )
    .arg(option("budget", "LIMITS", "The most its agents may use up: tokens=200k,cost=5,turns=80,wallClock=2h"))
    .arg(many("blocked-by", "TICKET", "A ticket of the same plan that has to be complete before; may be repeated"))
    .arg(option("base", "BRANCH", "The branch a new plan's tickets start from and land on"))
    .arg(many("label", "TEXT", "What the rules under `triage` in the settings may go by; may be repeated"))
}

pub(super) fn import() -> Command {
    verb(
        "import",
        "Adds the tickets of a list, all of them or none: a Markdown checklist, JSON or CSV",
        &[
            "aotui import backlog.md",
            "aotui import tickets.csv --workflow standard --dry-run",
            "gh issue list --json number,title,body,labels | aotui import - --yes",
        ],
    )
    .arg(path("file", "FILE", "The list; `-` reads stdin").required(true))
    .arg(option("plan", "PLAN", "The plan; the one the list names, or that of the repository you are in, unless given"))
    .arg(option("workflow", "NAME", "The workflow of tickets that name none; a rule's or the plan's unless given"))
    .arg(option("base", "BRANCH", "The branch a new plan's tickets start from and land on"))
    .arg(option("triage-by", "AGENT", "Has this agent choose workflows for tickets that name none and fit no rule"))
    .arg(flag("dry-run", "Shows what would be added and adds nothing").short('n'))
    .arg(flag("yes", "Adds without asking").short('y').conflicts_with("dry-run"))
}

pub(super) fn plan() -> Command {
    let place = |name, short, value, help| {
        option(name, value, help).short(short).value_parser(value_parser!(std::path::PathBuf))
    };
    verb(
        "plan",
        "Plans with an agent in this terminal; what it drafts is checked, shown, and taken in if you say yes",
        &[
            "aotui plan",
            "aotui plan 'split the importer into small tickets' --agent codex",
            "aotui plan wishes.md --workflow standard",
            "aotui plan --resume                goes on with drafts that were not taken in",
        ],
    )
    .visible_alias("interactive")
    .args_conflicts_with_subcommands(true)
    .arg(Arg::new("wish").value_name("FILE|TEXT").help("What you want: a text, or a file that says it"))
    .arg(place("repo", 'r', "REPO", "The repository; that of the current directory unless given"))
    .arg(option("workflow", "NAME", "The workflow that tickets shall have unless there is a reason").short('w'))
    .arg(option("agent", "NAME", "The agent to plan with; the default one unless given").short('a'))
    .arg(
        option("worktree-root", "DIR", "Where a new plan's worktrees are made, an absolute path")
            .value_parser(value_parser!(std::path::PathBuf)),
    )
    .arg(flag("resume", "Goes on with what was drafted last and not taken in"))
    .subcommand(
        verb(
            "check",
            "Checks drafts and shows what would be added; planning agents call it",
            &["aotui plan check", "aotui plan check drafts/"],
        )
        .arg(path("dir", "DIR", "Where the drafts are; $AOTUI_DRAFTS unless given")),
    )
}

pub(super) fn trust() -> Command {
    verb(
        "trust",
        "Agrees to the workflows, prompts and scripts that a repository brings, as they are now",
        &["aotui trust", "aotui trust ~/src/my-repository"],
    )
    .arg(path("repo", "REPO", "The repository; the current directory unless given"))
}

pub(super) fn workflow() -> Command {
    let name = || Arg::new("name").value_name("WORKFLOW").required(true).help("Its name, or the path of its file");
    verb(
        "workflow",
        "Lists, checks, shows, draws and simulates workflows",
        &[
            "aotui workflow list",
            "aotui workflow check my.yaml",
            "aotui workflow simulate standard --outcome test=fail",
        ],
    )
    .subcommand_required(true)
    .subcommand(
        verb("show", "Says what a workflow does, phase by phase", &["aotui workflow show standard"]).arg(name()),
    )
    .subcommand(
        verb(
            "graph",
            "Draws a workflow",
            &["aotui workflow graph standard", "aotui workflow graph standard --mermaid > standard.mmd"],
        )
        .arg(name())
        .arg(flag("mermaid", "Prints it as Mermaid text")),
    )
    .subcommand(
        verb(
            "simulate",
            "Walks a workflow without running anything, with the outcomes you choose",
            &[
                "aotui workflow simulate standard",
                "aotui workflow simulate standard --outcome test=fail,pass --outcome review=reject,approve",
                "aotui workflow simulate overnight --outcome reviews.security=verdict:fail",
            ],
        )
        .arg(name())
        .arg(many(
            "outcome",
            "PHASE=OUTCOMES",
            "Outcomes one after the other, then `pass`: `pass`, `fail`, `verdict:WORD` of an agent, `not-yet` of a poll",
        ))
        .arg(
            option("items", "N", "How many items lists have; 3 unless given")
                .value_parser(value_parser!(u32).range(0..=50)),
        ),
    )
    .subcommand(verb("list", "Lists the workflows that tickets can use here", &["aotui workflow list"]))
    .subcommand(
        verb(
            "check",
            "Checks a workflow file, or all workflows, and prints every defect",
            &["aotui workflow check", "aotui workflow check .aotui/workflows/release.yaml"],
        )
        .arg(path("file", "FILE", "The file; all workflows unless given")),
    )
}

pub(super) fn gc() -> Command {
    verb(
        "gc",
        "Lists what is left over: worktrees, branches, rescue refs, recordings, sandboxes, sockets",
        &["aotui gc", "aotui gc --delete                 deletes what is safe", "aotui gc --json | jq '.leftovers[]'"],
    )
    .arg(flag("delete", "Deletes what nothing is lost by, each looked at again right before").short('y'))
    .arg(json())
}

pub(super) fn doctor() -> Command {
    verb(
        "doctor",
        "Looks at everything that work depends on and says what to do about what is wrong",
        &["aotui doctor", "aotui doctor --fix                puts right what needs no decision"],
    )
    .arg(flag("fix", "Puts right what needs no decision: permissions, dead sockets, locks of killed gits"))
    .arg(json())
}

pub(super) fn demo() -> Command {
    verb(
        "demo",
        "Opens a sandbox repository with tickets that a built-in practice agent works on",
        &["aotui demo", "aotui demo --headless            no screen: everything a person would do is done for them"],
    )
    .arg(flag("headless", "Runs it from its beginning to its end without a screen and prints a summary"))
    .arg(
        option("dir", "DIR", "Where the sandbox is made; a directory for temporary files unless given")
            .value_parser(value_parser!(std::path::PathBuf)),
    )
    .arg(flag("reset", "Removes what an earlier demo left there first"))
}

pub(super) fn completions_verb() -> Command {
    verb(
        "completions",
        "Prints completions for a shell",
        &["aotui completions bash > ~/.local/share/bash-completion/completions/aotui"],
    )
    .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)).help("The shell"))
}

pub(super) fn schema() -> Command {
    let names = "Which: settings, workflow, agent, rules, plan, ticket or theme";
    verb(
        "schema",
        "Prints the JSON Schema of a kind of files, with which editors complete and check them",
        &["aotui schema workflow > ~/.config/aotui/workflow.schema.json"],
    )
    .arg(Arg::new("name").value_name("NAME").required(true).help(names))
}
