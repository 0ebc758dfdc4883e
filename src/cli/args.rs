//! The tree of verbs. Verbs that steer a ticket come from the catalogue of actions, so that keys and verbs agree.

use std::io;

use clap::builder::{Styles, styling::AnsiColor};
use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;

use super::agents::agents;
use super::exit::Exit;
use crate::actions::{Action, Arg as ActionArg};

/// Returns the whole command line.
pub fn command() -> Command {
    Command::new("aotui")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Supervise coding agents: tickets walk a workflow in worktrees, and you see which one needs you")
        .long_about(
            "Takes tickets, walks each one through a workflow, runs agents and scripts for its phases in git worktrees, \
             and shows in one table which of them need a person. Without a verb it opens that table.",
        )
        .after_help(root_help())
        .styles(Styles::styled().header(AnsiColor::Yellow.on_default().bold()).literal(AnsiColor::Cyan.on_default()))
        .max_term_width(100)
        .subcommand_help_heading("Verbs")
        .disable_help_subcommand(false)
        .arg(
            Arg::new("config")
                .long("config")
                .short('C')
                .value_name("FILE")
                .global(true)
                .value_parser(value_parser!(std::path::PathBuf))
                .help("Uses this settings file instead of $AOTUI_HOME/config.yaml or ~/.config/aotui/config.yaml"),
        )
        .subcommands([init(), add(), import(), plan(), run(), status(), explain(), events()])
        .subcommands(Action::verbs().map(steer))
        .subcommands([resume(), stop(), freeze()])
        .subcommands([plan_verb(Action::PausePlan), plan_verb(Action::ResumePlan)])
        .subcommands([logs(), artifacts(), learnings(), workflow(), agents(), trust(), gc(), doctor(), demo(), report(), replay(), completions_verb()])
        .subcommand(builtin())
}

/// Writes the completions for a shell.
pub fn completions(shell: Shell, out: &mut dyn io::Write) {
    clap_complete::generate(shell, &mut command(), "aotui", out);
}

fn root_help() -> String {
    let mut text = String::from(
        "Examples:\n  \
         aotui demo                          try it on a sandbox, with an agent that costs nothing\n  \
         aotui init && aotui add \"Fix login\"  start a plan for the repository you are in\n  \
         aotui                               work through it on the screen\n  \
         aotui run --until-done              work through it without a screen\n\nExit codes:\n",
    );
    for exit in Exit::ALL {
        text.push_str(&format!("  {}  {}\n", exit.code(), exit.meaning()));
    }
    text.push_str("\nState: $AOTUI_HOME/state or ~/.local/state/aotui. `aotui help VERB` says more.");
    text
}

pub(super) fn verb(name: &'static str, about: &'static str, examples: &[&str]) -> Command {
    let lines: Vec<String> = examples.iter().map(|example| format!("  {example}")).collect();
    Command::new(name).about(about).after_help(format!("Examples:\n{}", lines.join("\n")))
}

pub(super) fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

pub(super) fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

pub(super) fn many(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    option(name, value, help).action(ArgAction::Append)
}

fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).value_name(value).value_parser(value_parser!(std::path::PathBuf)).help(help)
}

fn ticket() -> Arg {
    Arg::new("ticket").value_name("TICKET").required(true).help(ActionArg::Ticket.doc())
}

pub(super) fn json() -> Arg {
    flag("json", "Prints JSON")
}

/// Returns the verb of an action about one ticket.
fn steer(action: Action) -> Command {
    let spec = action.spec();
    let mut verb = verb(spec.name, spec.doc, steer_examples(action));
    for arg in spec.args {
        let name = arg.name();
        verb = verb.arg(match arg {
            ActionArg::Ticket => ticket(),
            ActionArg::Phase => Arg::new(name).value_name("PHASE").required(true).help(arg.doc()),
            ActionArg::Text => Arg::new(name).value_name("TEXT").required(true).help(arg.doc()),
            ActionArg::Note => option(name, "TEXT", arg.doc()).short('m'),
            ActionArg::Request => option(name, "ID", arg.doc()),
            ActionArg::Decided => option(name, "PHASE", arg.doc()).conflicts_with("request"),
        });
    }
    verb
}

fn steer_examples(action: Action) -> &'static [&'static str] {
    match action {
        Action::Approve => &[
            "aotui approve PAY-114",
            "aotui approve billing/PAY-114 -m 'keep the old API'",
            "aotui approve PAY-114 --phase review     nothing else, whatever it waits for by then",
        ],
        Action::Reject => &["aotui reject PAY-114 -m 'the test proves nothing'"],
        Action::Reply => &["aotui reply PAY-114 'use the second one'"],
        Action::Tell => &["aotui tell PAY-114 'and add a test for zero'"],
        Action::Attach => &["aotui attach PAY-114"],
        Action::Retry => &["aotui retry PAY-114"],
        Action::Skip => &["aotui skip PAY-114 land"],
        _ => &["aotui pause PAY-114"],
    }
}

fn plan_verb(action: Action) -> Command {
    let (about, example): (_, &[&str]) = match action {
        Action::PausePlan => ("Holds a plan: what runs goes on, nothing new starts.", &["aotui pause-plan billing"]),
        _ => ("Lets a held plan go on.", &["aotui resume-plan billing"]),
    };
    verb(action.name(), about, example).arg(Arg::new("plan").value_name("PLAN").required(true).help("The plan"))
}

fn ticket_or_all() -> Arg {
    Arg::new("ticket").value_name("TICKET").help("The ticket, as TICKET or PLAN/TICKET; everything unless given")
}

fn stop() -> Command {
    verb(
        "stop",
        "Stops everything once what runs has finished its phase; or ends the session of one ticket and holds it",
        &[
            "aotui stop                         nothing new starts, what runs finishes its phase, the engine ends",
            "aotui stop --now                   ends all sessions; their phases run again after `aotui resume`",
            "aotui stop PAY-114                 ends the session of one ticket and holds it",
        ],
    )
    .arg(ticket_or_all())
    .arg(flag("now", "Ends all sessions at once and waits until they are gone").conflicts_with("ticket"))
}

fn freeze() -> Command {
    verb(
        "freeze",
        "Pauses every session where it stands and starts nothing new, until `aotui resume`",
        &["aotui freeze"],
    )
}

fn resume() -> Command {
    verb(
        "resume",
        "Lets everything go on that was stopped or frozen; or one ticket that was held",
        &["aotui resume", "aotui resume PAY-114"],
    )
    .arg(ticket_or_all())
}

fn init() -> Command {
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

fn add() -> Command {
    verb(
        "add",
        "Adds a ticket to a plan",
        &[
            "aotui add 'Reject negative amounts'",
            "aotui add 'Currency of refunds' --id PAY-114 --description @ticket.md --workflow bugfix",
            "echo 'All the details' | aotui add 'Rounding' --description - --blocked-by PAY-114",
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
    .arg(many("blocked-by", "TICKET", "A ticket of the same plan that has to be complete before; may be repeated"))
    .arg(option("base", "BRANCH", "The branch a new plan's tickets start from and land on"))
    .arg(many("label", "TEXT", "What the rules under `triage` in the settings may go by; may be repeated"))
}

fn import() -> Command {
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
    .arg(flag("dry-run", "Shows what would be added and adds nothing").short('n'))
    .arg(flag("yes", "Adds without asking").short('y').conflicts_with("dry-run"))
}

fn plan() -> Command {
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

fn run() -> Command {
    verb(
        "run",
        "Works without a screen, until it is stopped or there is nothing left to do",
        &[
            "aotui run",
            "aotui run --until-done             ends when nothing goes on without a person",
            "aotui run --plan billing           ends when that plan is done",
            "aotui run --ticket PAY-114 --json  one JSON object a line, a summary last",
        ],
    )
    .arg(option("plan", "PLAN", "Works on this plan alone, and ends when it is done"))
    .arg(many("ticket", "TICKET", "Works on this ticket alone, and ends when it is done; may be repeated"))
    .arg(flag("resume", "Lets everything go on first that was stopped or frozen"))
    .arg(flag("until-done", "Ends when all is done or nothing goes on without a person"))
    .arg(flag("once", "Ends when nothing runs and nothing can start now").conflicts_with("until-done"))
    .arg(
        option("concurrency", "N", "Most sessions at a time, instead of what the settings say")
            .short('c')
            .value_parser(value_parser!(u32).range(1..=1000)),
    )
    .arg(option("agent", "NAME", "The agent of whoever names none, instead of what the settings say").short('a'))
    .arg(flag("json", "Prints one JSON object a line: what happened, and a summary at the end"))
}

fn status() -> Command {
    verb(
        "status",
        "Shows every ticket, those that need a person first",
        &["aotui status", "aotui status --plan billing", "aotui status --json | jq '.plans[].tickets[].zone'"],
    )
    .arg(option("plan", "PLAN", "Shows this plan alone").short('p'))
    .arg(json())
}

fn explain() -> Command {
    verb(
        "explain",
        "Says why a ticket is where it is, what it waits for, what comes next, and what you can do",
        &["aotui explain PAY-114", "aotui explain PAY-114 --json | jq '.waitsFor'"],
    )
    .arg(ticket())
    .arg(json())
}

fn events() -> Command {
    verb(
        "events",
        "Prints what happened, one line for each fact, as the journal has it",
        &["aotui events --since 2h", "aotui events --ticket PAY-114 --follow", "aotui events --json | jq .event"],
    )
    .arg(flag("follow", "Goes on as more happens").short('f'))
    .arg(flag("json", "Prints one JSON object a line"))
    .arg(option("ticket", "TICKET", "What concerns this ticket alone"))
    .arg(option("since", "WHEN", "What happened from then on: `90m` ago, `14:05`, `2026-01-31`"))
}

fn replay() -> Command {
    verb(
        "replay",
        "Decides a journal again and says whether every decision comes out the same",
        &["aotui replay", "aotui replay /backup/state", "aotui replay journal.jsonl"],
    )
    .arg(path("journal", "JOURNAL", "A journal file or a state directory; the one in use unless given"))
}

fn logs() -> Command {
    verb(
        "logs",
        "Prints what a ticket's session printed",
        &[
            "aotui logs PAY-114",
            "aotui logs PAY-114 --follow",
            "aotui logs PAY-114 --list",
            "aotui logs PAY-114 --session 2 --raw > recording",
        ],
    )
    .arg(ticket())
    .arg(flag("follow", "Goes on as more is printed, until the session ends").short('f'))
    .arg(
        option(
            "session",
            "N",
            "The N-th session of the ticket; the one that runs, else the last that printed, unless given",
        )
        .value_parser(value_parser!(u32).range(1..)),
    )
    .arg(flag("list", "Lists the ticket's sessions").conflicts_with_all(["follow", "session", "raw"]))
    .arg(flag("raw", "Prints every byte as it was recorded; not to a terminal, which would obey them"))
}

fn workflow() -> Command {
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
                "aotui workflow simulate overnight --outcome reviews.security=fail",
            ],
        )
        .arg(name())
        .arg(many(
            "outcome",
            "PHASE=OUTCOMES",
            "Outcomes one after the other, then `pass`: `pass`, `fail`, and `not-yet` of a poll; may be repeated",
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

fn trust() -> Command {
    verb(
        "trust",
        "Agrees to the workflows, prompts and scripts that a repository brings, as they are now",
        &["aotui trust", "aotui trust ~/src/my-repository"],
    )
    .arg(path("repo", "REPO", "The repository; the current directory unless given"))
}

fn gc() -> Command {
    verb(
        "gc",
        "Lists what is left over: worktrees, branches, rescue refs, recordings, sandboxes, sockets",
        &["aotui gc", "aotui gc --delete                 deletes what is safe", "aotui gc --json | jq '.leftovers[]'"],
    )
    .arg(flag("delete", "Deletes what nothing is lost by, each looked at again right before").short('y'))
    .arg(json())
}

fn doctor() -> Command {
    verb(
        "doctor",
        "Looks at everything that work depends on and says what to do about what is wrong",
        &["aotui doctor", "aotui doctor --fix                puts right what needs no decision"],
    )
    .arg(flag("fix", "Puts right what needs no decision: permissions, dead sockets, locks of killed gits"))
    .arg(json())
}

fn demo() -> Command {
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

fn report() -> Command {
    verb(
        "report",
        "Tells aotui something from inside a session; agents and their hooks call it",
        &[
            "aotui report progress 'running the tests'",
            "aotui report task 'parse the header' --done",
            "aotui report permission --tool Bash --detail 'rm -rf build' --reason 'a clean build'",
            "aotui report question 'Which database?' --option sqlite --option postgres",
            "aotui report verdict fail --reason 'the totals are not rounded'",
            "aotui report learning 'The tests need TZ=UTC'",
            "aotui report artifact spec.md docs/spec.md",
        ],
    )
    .subcommand_required(true)
    .subcommand(
        verb(
            "verdict",
            "Judges what was looked at; where it leads is said by the workflow",
            &["aotui report verdict pass", "aotui report verdict fail --reason 'the totals are not rounded'"],
        )
        .arg(Arg::new("verdict").value_name("WORD").required(true).help("`pass`, `fail`, or what the workflow knows"))
        .arg(option("reason", "TEXT", "Why")),
    )
    .subcommand(
        verb("learning", "Writes down what later work should know", &["aotui report learning 'The tests need TZ=UTC'"])
            .arg(Arg::new("text").value_name("TEXT").required(true).help("What was learned, in a few sentences")),
    )
    .subcommand(
        verb("artifact", "Leaves a file for other phases", &["aotui report artifact spec.md docs/spec.md"])
            .arg(Arg::new("name").value_name("NAME").required(true).help("The name the workflow knows it by"))
            .arg(path("file", "FILE", "The file").required(true)),
    )
    .subcommand(
        verb("progress", "Says what the agent does now", &["aotui report progress 'running the tests'"])
            .arg(Arg::new("text").value_name("TEXT").required(true).help("A few words")),
    )
    .subcommand(
        verb(
            "task",
            "Says that there is something to do, or that it is done; a task is known by its text",
            &["aotui report task 'parse the header'", "aotui report task 'parse the header' --done"],
        )
        .arg(Arg::new("text").value_name("TEXT").required(true).help("What, in one line"))
        .arg(flag("done", "Says that it is done")),
    )
    .subcommand(
        verb(
            "permission",
            "Asks a person for permission and waits: exit code 0 is yes, 3 is no; what they say is printed",
            &["aotui report permission --tool Bash --detail 'rm -rf build'"],
        )
        .arg(option("tool", "TOOL", "The tool").required(true))
        .arg(option("detail", "TEXT", "The exact command, path or diff").required(true))
        .arg(option("reason", "TEXT", "Why")),
    )
    .subcommand(
        verb(
            "question",
            "Asks a person a question, waits, and prints the answer; exit code 3 where they refuse one",
            &["aotui report question 'Which database?' --option sqlite --option postgres"],
        )
        .arg(Arg::new("text").value_name("TEXT").required(true).help("The question"))
        .arg(many("option", "TEXT", "An answer to suggest; may be repeated")),
    )
}

fn artifacts() -> Command {
    verb(
        "artifacts",
        "Lists the files that the phases of a ticket left for each other, or prints one",
        &["aotui artifacts PAY-114", "aotui artifacts PAY-114 spec.md", "aotui artifacts PAY-114 spec.md@1"],
    )
    .arg(ticket())
    .arg(
        Arg::new("name").value_name("NAME").help("The file to print, as NAME or NAME@VERSION; the newest unless given"),
    )
    .arg(json())
}

fn learnings() -> Command {
    verb(
        "learnings",
        "Lists what agents learned, changes it or drops it; later prompts are offered what fits them",
        &[
            "aotui learnings",
            "aotui learnings --drop 3",
            "aotui learnings --edit 3 'The tests need TZ=UTC'",
            "aotui learnings --ticket PAY-114 --json",
        ],
    )
    .arg(option("ticket", "TICKET", "What was learned about this ticket alone"))
    .arg(option("drop", "N", "Drops this one").value_parser(value_parser!(u32)))
    .arg(
        option("edit", "N", "Has this one say TEXT from now on")
            .value_parser(value_parser!(u32))
            .conflicts_with("drop")
            .requires("text"),
    )
    .arg(Arg::new("text").value_name("TEXT").requires("edit").help("What it says from now on"))
    .arg(json())
}

fn completions_verb() -> Command {
    verb(
        "completions",
        "Prints completions for a shell",
        &["aotui completions bash > ~/.local/share/bash-completion/completions/aotui"],
    )
    .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)).help("The shell"))
}

fn builtin() -> Command {
    verb("builtin", "Carries out a built-in step of a workflow", &["aotui builtin land"])
        .hide(true)
        .subcommand_required(true)
        .subcommand(verb("land", "Lands the branch of the session's ticket", &["aotui builtin land"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound_and_every_verb_shows_an_example() {
        command().debug_assert();
        check(&command(), "aotui");
    }

    fn check(command: &Command, path: &str) {
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Examples:"), "{path} has no example");
        assert!(help.contains(&format!("  {path}")), "the example of {path} does not call it");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{path}: {help}");
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            check(verb, &format!("{path} {}", verb.get_name()));
        }
    }

    #[test]
    fn every_verb_of_the_catalogue_is_there_with_its_own_words() {
        let tree = command();
        for action in Action::verbs() {
            let verb = tree.find_subcommand(action.name()).unwrap();
            assert_eq!(verb.get_about().unwrap().to_string(), action.spec().doc);
        }
    }

    #[test]
    fn completions_know_the_verbs() {
        let mut out = Vec::new();
        completions(Shell::Bash, &mut out);
        assert!(String::from_utf8(out).unwrap().contains("resume-plan"));
    }
}
