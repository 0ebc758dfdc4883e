//! The tree of verbs. Verbs that steer a ticket come from the catalogue of actions, so that keys and verbs agree.

mod house;
mod inside;

use std::io;

use clap::builder::{Styles, styling::AnsiColor};
use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;

use house::{add, completions_verb, demo, doctor, gc, import, init, plan, schema, trust, workflow};
use inside::{artifacts, builtin, learnings, report};

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
        .subcommands([init(), add(), import(), plan(), run(), status(), cost(), explain(), events()])
        .subcommands(Action::verbs().map(steer))
        .subcommands([resume(), run_now(), stop(), freeze()])
        .subcommands([plan_verb(Action::PausePlan), plan_verb(Action::ResumePlan)])
        .subcommands([logs(), sessions(), resume_session(), artifacts(), learnings(), workflow(), agents(), trust(), gc(), doctor(), demo(), report(), replay(), schema(), completions_verb()])
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
        Action::Interrupt => &["aotui interrupt PAY-114"],
        Action::Attach => &["aotui attach PAY-114"],
        Action::Retry => &["aotui retry PAY-114"],
        Action::Skip => &["aotui skip PAY-114 land"],
        Action::TakeOver => &["aotui take-over PAY-114 && aotui attach PAY-114"],
        Action::HandBack => &["aotui hand-back PAY-114"],
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

fn run_now() -> Command {
    verb(
        "run-now",
        "Lets everything, or one ticket, work outside of the night window until the next night",
        &["aotui run-now", "aotui run-now PAY-114"],
    )
    .arg(ticket_or_all())
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
    .arg(flag("now", "Lets what it works on work outside of the night window, until the next night"))
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

fn cost() -> Command {
    verb(
        "cost",
        "Says what agents used up, tokens first, by ticket, phase, agent or model",
        &["aotui cost", "aotui cost --plan billing --by model", "aotui cost --json | jq .total"],
    )
    .arg(option("plan", "PLAN", "Sums up this plan alone"))
    .arg(
        option("by", "WHAT", "By what sums are made: `ticket` unless given")
            .value_parser(["ticket", "phase", "agent", "model"]),
    )
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

fn sessions() -> Command {
    verb(
        "sessions",
        "Lists the sessions of tickets: phase, agent, how each ended, what it used up, its conversation, its recording",
        &["aotui sessions", "aotui sessions PAY-114 --json | jq '.sessions[].conversation'"],
    )
    .arg(Arg::new("ticket").value_name("TICKET").help("The ticket; all unless given"))
    .arg(option("phase", "PHASE", "Those of this phase alone"))
    .arg(json())
}

fn resume_session() -> Command {
    verb(
        "resume-session",
        "Takes up the conversation of a session in this terminal, with the agent's own program, in the ticket's worktree",
        &["aotui resume-session PAY-114", "aotui resume-session billing~PAY-114~2"],
    )
    .arg(
        Arg::new("session")
            .value_name("TICKET|SESSION")
            .required(true)
            .help("A session, or a ticket: then its newest that has a conversation"),
    )
    .arg(Arg::new("conversation").value_name("ID").help("Which conversation or session of the ticket"))
    .arg(option("phase", "PHASE", "The newest one of this phase"))
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
