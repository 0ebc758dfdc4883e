//! The verbs of sessions, and of what sessions left.

use clap::{Arg, Command, value_parser};

use super::{flag, json, many, option, path, ticket, verb};

pub(super) fn report() -> Command {
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

pub(super) fn artifacts() -> Command {
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

pub(super) fn learnings() -> Command {
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

pub(super) fn builtin() -> Command {
    verb("builtin", "Carries out a built-in step of a workflow", &["aotui builtin land"])
        .hide(true)
        .subcommand_required(true)
        .subcommand(verb("land", "Lands the branch of the session's ticket", &["aotui builtin land"]))
}
