//! What was asked for, as data.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use clap_complete::Shell;

use super::agents::{self, AgentsVerb};
use super::args::command;
use super::older;
use super::told::{
    AddArgs, ArtifactsArgs, DemoArgs, DoctorArgs, EventsArgs, GcArgs, ImportArgs, LearningsArgs, LogsArgs, PlanArgs,
    ReportArgs, ResumeSessionArgs, RunArgs, SessionsArgs, SteerArgs, Until, WholeVerb, WorkflowVerb,
};
use crate::actions::Action;

/// One call of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The settings file, where one was named.
    pub config: Option<PathBuf>,
    /// What to do.
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Open the table.
    Screen,
    /// Work without a screen.
    Run(RunArgs),
    /// Show every ticket.
    Status {
        /// One plan alone.
        plan: Option<String>,
        /// Whether as JSON.
        json: bool,
    },
    /// Say what agents used up.
    Cost {
        /// The plan; `None` means all.
        plan: Option<String>,
        /// By what sums are made.
        by: String,
        /// Whether as JSON.
        json: bool,
    },
    /// Say all about one ticket.
    Explain {
        /// The ticket.
        ticket: String,
        /// Whether as JSON.
        json: bool,
    },
    /// Print what happened.
    Events(EventsArgs),
    /// Decide a journal again.
    Replay {
        /// A journal file or a state directory; `None` is the one in use.
        journal: Option<PathBuf>,
    },
    /// Do something about one ticket.
    Steer(SteerArgs),
    /// Stop, freeze or resume everything.
    Whole(WholeVerb),
    /// Hold a plan or let it go on.
    HoldPlan {
        /// The plan.
        plan: String,
        /// Whether to hold it.
        pause: bool,
    },
    /// Open the terminal of a ticket's session.
    Attach {
        /// The ticket.
        ticket: String,
    },
    /// Print what a session printed.
    Logs(LogsArgs),
    /// List what phases left for each other, or print one.
    Artifacts(ArtifactsArgs),
    /// List, change or drop what was learned.
    Learnings(LearningsArgs),
    /// Write the settings, start a plan.
    Init {
        /// The repository; `None` is the current directory.
        dir: Option<PathBuf>,
        /// The directory that settings and state go to; `None` is where they always are.
        home: Option<PathBuf>,
    },
    /// Add a ticket.
    Add(AddArgs),
    /// Add the tickets of a list.
    Import(ImportArgs),
    /// Plan with an agent.
    Plan(PlanArgs),
    /// Check what a planning agent drafted.
    CheckDrafts {
        /// Where the drafts are; `None` is where a planning agent was told to leave them.
        dir: Option<PathBuf>,
    },
    /// Try it on a sandbox.
    Demo(DemoArgs),
    /// Agree to what a repository brings.
    Trust {
        /// The repository; `None` is the current directory.
        repo: Option<PathBuf>,
    },
    /// List sessions.
    Sessions(SessionsArgs),
    /// Take up a session's conversation.
    ResumeSession(ResumeSessionArgs),
    /// List, show, check or add agents.
    Agents(AgentsVerb),
    /// List or check workflows.
    Workflow(WorkflowVerb),
    /// List what is left over, or delete what is safe.
    Gc(GcArgs),
    /// Look at everything that work depends on.
    Doctor(DoctorArgs),
    /// Print the schema of a kind of files.
    Schema {
        /// Which.
        name: String,
    },
    /// Print completions.
    Completions(Shell),
    /// Tell aotui something from inside a session.
    Report(ReportArgs),
    /// Land the branch of the session's ticket.
    Land,
}

impl Verb {
    /// Returns whether it decides or steers, which is a person's business: inside a session it is refused. The demo has
    /// a home of its own.
    pub fn is_for_people(&self) -> bool {
        match self {
            Verb::Screen
            | Verb::Run(_)
            | Verb::Steer(_)
            | Verb::Whole(_)
            | Verb::HoldPlan { .. }
            | Verb::Attach { .. }
            | Verb::Init { .. }
            | Verb::Add(_)
            | Verb::Import(_)
            | Verb::Plan(_)
            | Verb::Trust { .. } => true,
            Verb::ResumeSession(_) => true,
            Verb::Sessions { .. } => false,
            Verb::Gc(args) => args.delete,
            Verb::Agents(verb) => matches!(verb, AgentsVerb::Add(_)),
            Verb::Doctor(args) => args.fix,
            Verb::Learnings(args) => args.change.is_some(),
            Verb::Status { .. }
            | Verb::Cost { .. }
            | Verb::Logs(_)
            | Verb::Artifacts(_)
            | Verb::Demo(_)
            | Verb::Workflow(_)
            | Verb::Completions(_)
            | Verb::Schema { .. }
            | Verb::Report(_)
            | Verb::Explain { .. }
            | Verb::Events(_)
            | Verb::Replay { .. }
            | Verb::CheckDrafts { .. }
            | Verb::Land => false,
        }
    }
}

/// Understands a command line. The error prints itself, and help and version are errors too.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let matches = command().try_get_matches_from(older::as_ours(args))?;
    let config = matches.get_one::<PathBuf>("config").cloned();
    let verb = match matches.subcommand() {
        None => Verb::Screen,
        Some((name, matches)) => verb(name, matches),
    };
    Ok(Invocation { config, verb })
}

fn sessions(matches: &ArgMatches) -> SessionsArgs {
    let (ticket, phase) = (text(matches, "ticket"), text(matches, "phase"));
    SessionsArgs { ticket, phase, json: matches.get_flag("json") }
}

fn resume_session(matches: &ArgMatches) -> ResumeSessionArgs {
    let (conversation, phase) = (text(matches, "conversation"), text(matches, "phase"));
    ResumeSessionArgs { session: needed(matches, "session"), conversation, phase }
}

fn verb(name: &str, matches: &ArgMatches) -> Verb {
    match name {
        "run" => Verb::Run(RunArgs {
            plan: text(matches, "plan"),
            tickets: texts(matches, "ticket"),
            resume: matches.get_flag("resume"),
            now: matches.get_flag("now"),
            until: match (matches.get_flag("until-done"), matches.get_flag("once")) {
                (true, _) => Until::Done,
                (false, true) => Until::Idle,
                (false, false) => Until::Stopped,
            },
            concurrency: matches.get_one("concurrency").copied(),
            agent: text(matches, "agent"),
            json: matches.get_flag("json"),
        }),
        "status" => Verb::Status { plan: text(matches, "plan"), json: matches.get_flag("json") },
        "events" => Verb::Events(EventsArgs {
            follow: matches.get_flag("follow"),
            json: matches.get_flag("json"),
            ticket: text(matches, "ticket"),
            since: text(matches, "since"),
        }),
        "cost" => cost(matches),
        "replay" => Verb::Replay { journal: matches.get_one("journal").cloned() },
        "explain" => Verb::Explain { ticket: needed(matches, "ticket"), json: matches.get_flag("json") },
        "stop" if !matches.contains_id("ticket") => Verb::Whole(WholeVerb::Stop { now: matches.get_flag("now") }),
        "run-now" if !matches.contains_id("ticket") => Verb::Whole(WholeVerb::RunNow),
        "resume" if !matches.contains_id("ticket") => Verb::Whole(WholeVerb::Resume),
        "freeze" => Verb::Whole(WholeVerb::Freeze),
        "pause-plan" | "resume-plan" => Verb::HoldPlan { plan: needed(matches, "plan"), pause: name == "pause-plan" },
        "attach" => Verb::Attach { ticket: needed(matches, "ticket") },
        "logs" => Verb::Logs(LogsArgs {
            ticket: needed(matches, "ticket"),
            follow: matches.get_flag("follow"),
            session: matches.get_one("session").copied(),
            list: matches.get_flag("list"),
            raw: matches.get_flag("raw"),
        }),
        "artifacts" => Verb::Artifacts(ArtifactsArgs {
            ticket: needed(matches, "ticket"),
            name: text(matches, "name"),
            json: matches.get_flag("json"),
        }),
        "learnings" => Verb::Learnings(LearningsArgs {
            ticket: text(matches, "ticket"),
            change: match (matches.get_one("drop"), matches.get_one("edit")) {
                (Some(n), _) => Some((*n, None)),
                (None, Some(n)) => Some((*n, text(matches, "text"))),
                (None, None) => None,
            },
            json: matches.get_flag("json"),
        }),
        "init" => Verb::Init { dir: matches.get_one("dir").cloned(), home: matches.get_one("home").cloned() },
        "add" => Verb::Add(add(matches)),
        "import" => Verb::Import(import(matches)),
        "plan" => match matches.subcommand() {
            Some((_, matches)) => Verb::CheckDrafts { dir: matches.get_one("dir").cloned() },
            None => Verb::Plan(plan(matches)),
        },
        "demo" => Verb::Demo(DemoArgs {
            headless: matches.get_flag("headless"),
            dir: matches.get_one("dir").cloned(),
            reset: matches.get_flag("reset"),
        }),
        "gc" => Verb::Gc(GcArgs { delete: matches.get_flag("delete"), json: matches.get_flag("json") }),
        "doctor" => Verb::Doctor(DoctorArgs { fix: matches.get_flag("fix"), json: matches.get_flag("json") }),
        "sessions" => Verb::Sessions(sessions(matches)),
        "resume-session" => Verb::ResumeSession(resume_session(matches)),
        "agents" => Verb::Agents(agents::parse(matches)),
        "trust" => Verb::Trust { repo: matches.get_one("repo").cloned() },
        "workflow" => Verb::Workflow(workflow(matches)),
        "schema" => Verb::Schema { name: needed(matches, "name") },
        "completions" => matches.get_one("shell").copied().map_or(Verb::Screen, Verb::Completions),
        "report" => matches.subcommand().map_or(Verb::Screen, |(name, matches)| Verb::Report(report(name, matches))),
        "builtin" => Verb::Land,
        _ => steer(name, matches),
    }
}

fn workflow(matches: &ArgMatches) -> WorkflowVerb {
    match matches.subcommand() {
        Some(("show", matches)) => WorkflowVerb::Show { name: needed(matches, "name") },
        Some(("graph", matches)) => {
            WorkflowVerb::Graph { name: needed(matches, "name"), mermaid: matches.get_flag("mermaid") }
        }
        Some(("simulate", matches)) => WorkflowVerb::Simulate {
            name: needed(matches, "name"),
            outcomes: texts(matches, "outcome"),
            items: matches.get_one("items").copied().unwrap_or(3),
        },
        Some(("check", matches)) => WorkflowVerb::Check { file: matches.get_one("file").cloned() },
        _ => WorkflowVerb::List,
    }
}

fn cost(matches: &ArgMatches) -> Verb {
    Verb::Cost {
        plan: text(matches, "plan"),
        by: text(matches, "by").unwrap_or_else(|| "ticket".to_owned()),
        json: matches.get_flag("json"),
    }
}

fn steer(name: &str, matches: &ArgMatches) -> Verb {
    let Ok(action) = name.parse::<Action>() else { return Verb::Screen };
    Verb::Steer(SteerArgs {
        action,
        ticket: needed(matches, "ticket"),
        phase: text(matches, "phase"),
        text: text(matches, "text"),
        note: text(matches, "note"),
        request: text(matches, "request"),
    })
}

fn add(matches: &ArgMatches) -> AddArgs {
    AddArgs {
        title: needed(matches, "title"),
        plan: text(matches, "plan"),
        id: text(matches, "id"),
        description: text(matches, "description"),
        criteria: texts(matches, "criterion"),
        workflow: text(matches, "workflow"),
        agent: text(matches, "agent"),
        face: text(matches, "face"),
        budget: text(matches, "budget"),
        blocked_by: texts(matches, "blocked-by"),
        base: text(matches, "base"),
        labels: texts(matches, "label"),
    }
}

fn plan(matches: &ArgMatches) -> PlanArgs {
    PlanArgs {
        wish: text(matches, "wish"),
        repo: matches.get_one("repo").cloned(),
        workflow: text(matches, "workflow"),
        agent: text(matches, "agent"),
        worktree_root: matches.get_one("worktree-root").cloned(),
        resume: matches.get_flag("resume"),
    }
}

fn import(matches: &ArgMatches) -> ImportArgs {
    ImportArgs {
        file: matches.get_one("file").cloned().unwrap_or_default(),
        plan: text(matches, "plan"),
        workflow: text(matches, "workflow"),
        triage_by: text(matches, "triage-by"),
        base: text(matches, "base"),
        dry_run: matches.get_flag("dry-run"),
        yes: matches.get_flag("yes"),
    }
}

fn report(name: &str, matches: &ArgMatches) -> ReportArgs {
    match name {
        "permission" => ReportArgs::Permission {
            tool: needed(matches, "tool"),
            detail: needed(matches, "detail"),
            reason: text(matches, "reason"),
        },
        "verdict" => ReportArgs::Verdict {
            verdict: needed(matches, "verdict"),
            reason: text(matches, "reason").unwrap_or_default(),
        },
        "learning" => ReportArgs::Learning { text: needed(matches, "text") },
        "artifact" => ReportArgs::Artifact {
            name: needed(matches, "name"),
            file: matches.get_one("file").cloned().unwrap_or_default(),
        },
        "question" => ReportArgs::Question { text: needed(matches, "text"), options: texts(matches, "option") },
        "task" => ReportArgs::Task { text: needed(matches, "text"), done: matches.get_flag("done") },
        _ => ReportArgs::Progress { text: needed(matches, "text") },
    }
}

/// Returns the value of an argument that clap requires.
fn needed(matches: &ArgMatches, name: &str) -> String {
    text(matches, name).unwrap_or_default()
}

/// Returns the value of an argument; `None` where it was not given or the verb does not take it.
fn text(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_one::<String>(name).ok().flatten().cloned()
}

fn texts(matches: &ArgMatches, name: &str) -> Vec<String> {
    matches.get_many::<String>(name).unwrap_or_default().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb_of(line: &str) -> Verb {
        parse(line.split(' ').map(OsString::from)).unwrap().verb
    }

    #[test]
    fn verbs_come_with_what_they_were_told() {
        assert_eq!(parse(["aotui".into()]).unwrap(), Invocation { config: None, verb: Verb::Screen });
        let Verb::Steer(steer) = verb_of("aotui reject billing/PAY-1 -m no --request r1") else { panic!("no steer") };
        assert_eq!((steer.action, steer.ticket.as_str()), (Action::Reject, "billing/PAY-1"));
        assert_eq!((steer.note.as_deref(), steer.request.as_deref()), (Some("no"), Some("r1")));
        let Verb::Steer(skip) = verb_of("aotui skip PAY-1 land") else { panic!("no steer") };
        assert_eq!(skip.phase.as_deref(), Some("land"));
        assert_eq!(verb_of("aotui stop --now"), Verb::Whole(WholeVerb::Stop { now: true }));
        assert_eq!(verb_of("aotui resume"), Verb::Whole(WholeVerb::Resume));
        let Verb::Steer(stop) = verb_of("aotui stop PAY-1") else { panic!("no steer") };
        assert_eq!((stop.action, stop.ticket.as_str()), (Action::Stop, "PAY-1"));
        assert_eq!(verb_of("aotui pause-plan billing"), Verb::HoldPlan { plan: "billing".into(), pause: true });
        assert_eq!(verb_of("aotui attach PAY-1"), Verb::Attach { ticket: "PAY-1".into() });
        let Verb::Run(run) = verb_of("aotui run --ticket A --ticket B --until-done") else { panic!("no run") };
        assert_eq!((run.tickets.len(), run.until, run.json), (2, Until::Done, false));
        assert_eq!(verb_of("aotui builtin land"), Verb::Land);
        let report = Verb::Report(ReportArgs::Progress { text: "testing".into() });
        assert_eq!(verb_of("aotui report progress testing"), report);
    }

    #[test]
    fn the_settings_file_may_be_named_anywhere() {
        for line in ["aotui --config c.yaml status", "aotui status --config c.yaml"] {
            let invocation = parse(line.split(' ').map(OsString::from)).unwrap();
            assert_eq!(invocation.config, Some(PathBuf::from("c.yaml")));
        }
    }

    #[test]
    fn a_verb_that_does_not_exist_is_bad_usage_with_the_nearest_one() {
        let error = parse(["aotui".into(), "aprove".into(), "PAY-1".into()]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("'approve'"), "{error}");
    }

    #[test]
    fn a_ticket_that_looks_like_an_option_is_bad_usage() {
        assert_eq!(parse(["aotui".into(), "retry".into(), "-rf".into()]).unwrap_err().exit_code(), 2);
        assert_eq!(parse(["aotui".into(), "skip".into(), "PAY-1".into()]).unwrap_err().exit_code(), 2);
    }
}
