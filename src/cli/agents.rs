//! `aotui agents …` on the command line.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::args::{flag, json, many, option, verb};

/// What `agents` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentsVerb {
    /// List them.
    List {
        /// Whether as JSON.
        json: bool,
    },
    /// Print one record.
    Show {
        /// The agent.
        name: String,
    },
    /// Look at what one, or all, need.
    Check {
        /// The agent; `None` is all that are installed or needed.
        name: Option<String>,
        /// Whether as JSON.
        json: bool,
    },
    /// Let the agents of a held account go on.
    Release {
        /// The agent or the account.
        name: String,
    },
    /// Add a record to the settings.
    Add(AddAgentArgs),
}

/// What `agents add` is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddAgentArgs {
    /// The name.
    pub name: String,
    /// The program; `None` where another record is copied, which names one.
    pub command: Option<String>,
    /// The record to copy.
    pub like: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// How the prompt reaches it.
    pub prompt_via: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The option that names the model.
    pub model_arg: Option<String>,
    /// Whether it has no terminal of its own and prints text.
    pub text: bool,
    /// Whether to print what would be added, and add nothing.
    pub dry_run: bool,
}

pub(super) fn agents() -> Command {
    verb(
        "agents",
        "Lists, shows, checks and adds agents, and lets those go on whose account is held back",
        &["aotui agents list", "aotui agents check claude", "aotui agents release claude"],
    )
    .subcommand_required(true)
    .subcommand(
        verb("list", "Lists the agents, which are installed, and which wait for their account", &["aotui agents list"])
            .arg(json()),
    )
    .subcommand(
        verb(
            "show",
            "Prints an agent's record as it counts: the bundled one with your settings over it",
            &["aotui agents show claude", "aotui agents show claude > my-claude.yaml"],
        )
        .arg(name().required(true)),
    )
    .subcommand(
        verb(
            "check",
            "Says whether an agent is installed and logged in, and what it may do; sends and reads no secrets",
            &["aotui agents check", "aotui agents check claude"],
        )
        .arg(name().help("The agent; all that are installed or needed unless given"))
        .arg(json()),
    )
    .subcommand(
        verb(
            "release",
            "Lets the agents of an account go on now that waits for the end of a usage limit, or for its login",
            &["aotui agents release claude"],
        )
        .arg(name().required(true).help("The agent, or its account as `aotui agents list` names it")),
    )
    .subcommand(add())
}

fn name() -> Arg {
    Arg::new("name").value_name("NAME").help("The agent")
}

fn add() -> Command {
    verb(
        "add",
        "Adds an agent to your settings, whose other lines stay as they are",
        &[
            "aotui agents add mine --command my-agent --prompt-via stdin",
            "aotui agents add mine --command my-agent --arg=--file --arg '{{ promptFile }}' --prompt-via file --text",
            "aotui agents add opus --like claude --model opus",
        ],
    )
    .arg(name().required(true).help("What it is called"))
    .arg(option("command", "PROGRAM", "The program").required_unless_present("like"))
    .arg(option("like", "AGENT", "Copies the record of this agent first"))
    .arg(many("arg", "TEXT", "An argument, a template; may be repeated").allow_hyphen_values(true))
    .arg(
        option("prompt-via", "HOW", "How the prompt reaches it: argument, stdin or file")
            .value_parser(["argument", "stdin", "file"]),
    )
    .arg(option("model", "MODEL", "The model where a phase names none"))
    .arg(option("model-arg", "OPTION", "Its option that names the model").allow_hyphen_values(true))
    .arg(flag("text", "It has no terminal of its own and prints plain text"))
    .arg(flag("dry-run", "Prints what would be added, and adds nothing").short('n').value_parser(value_parser!(bool)))
}

pub(super) fn parse(matches: &ArgMatches) -> AgentsVerb {
    let text = |matches: &ArgMatches, name: &str| matches.get_one::<String>(name).cloned();
    match matches.subcommand() {
        Some(("show", matches)) => AgentsVerb::Show { name: text(matches, "name").unwrap_or_default() },
        Some(("check", matches)) => AgentsVerb::Check { name: text(matches, "name"), json: matches.get_flag("json") },
        Some(("release", matches)) => AgentsVerb::Release { name: text(matches, "name").unwrap_or_default() },
        Some(("add", matches)) => AgentsVerb::Add(AddAgentArgs {
            name: text(matches, "name").unwrap_or_default(),
            command: text(matches, "command"),
            like: text(matches, "like"),
            args: matches.get_many::<String>("arg").unwrap_or_default().cloned().collect(),
            prompt_via: text(matches, "prompt-via"),
            model: text(matches, "model"),
            model_arg: text(matches, "model-arg"),
            text: matches.get_flag("text"),
            dry_run: matches.get_flag("dry-run"),
        }),
        Some((_, matches)) => AgentsVerb::List { json: matches.get_flag("json") },
        None => AgentsVerb::List { json: false },
    }
}
