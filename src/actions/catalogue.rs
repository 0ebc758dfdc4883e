//! The table of all actions.

use std::fmt;
use std::str::FromStr;

use super::spec::{ActionSpec, Arg, Context, Group};
use crate::domain::problem::nearest;

macro_rules! catalogue {
    ($(
        #[doc = $doc:literal]
        $action:ident = $name:literal ($label:literal), $group:ident, in [$($context:ident),*], keys [$($key:literal),*]
        $(, danger $danger:literal)? $(, cli [$($arg:ident),*])?;
    )*) => {
        /// Something a person can ask for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = $doc] $action,)*
        }

        impl Action {
            /// Every action, in the order of the help page.
            pub const ALL: &'static [Action] = &[$(Action::$action),*];

            /// Returns its row of the catalogue.
            pub fn spec(self) -> &'static ActionSpec {
                match self {
                    $(Action::$action => {
                        const VERB: Option<&[Arg]> = catalogue!(@verb $([$($arg),*])?);
                        const SPEC: ActionSpec = ActionSpec {
                            name: $name,
                            label: $label,
                            doc: $doc.trim_ascii(),
                            group: Group::$group,
                            contexts: &[$(Context::$context),*],
                            keys: &[$($key),*],
                            danger: catalogue!(@danger $($danger)?),
                            cli: VERB.is_some(),
                            args: match VERB { Some(args) => args, None => &[] },
                        };
                        &SPEC
                    })*
                }
            }
        }
    };
    (@verb) => { None };
    (@verb [$($arg:ident),*]) => { Some(&[$(Arg::$arg),*]) };
    (@danger) => { None };
    (@danger $danger:literal) => { Some($danger) };
}

catalogue! {
    /// Says yes to what the ticket waits for: its agent's permission request, or its approval.
    Approve = "approve" ("approve"), Answer, in [Fleet, Ticket], keys ["a"], cli [Ticket, Request, Decided, Note];
    /// Says yes to the agent's permission request, and to exactly the same from now on, by a rule that you see first.
    AllowAlways = "allow-always" ("always"), Answer, in [Fleet, Ticket], keys ["A"];
    /// Says no to what the ticket waits for, with a note that tells the agent why.
    Reject = "reject" ("reject"), Answer, in [Fleet, Ticket], keys ["x"], cli [Ticket, Request, Decided, Note];
    /// Answers the question of the ticket's agent.
    Reply = "reply" ("reply"), Answer, in [Fleet, Ticket], keys ["c"], cli [Ticket, Text, Request];
    /// Tells the ticket's agent more, once it is at its prompt.
    Tell = "tell" ("tell"), Answer, in [Fleet, Ticket], keys ["t"], cli [Ticket, Text];
    /// Has the ticket's agent break off what it does on its own screen, and wait there for you.
    Interrupt = "interrupt" ("interrupt"), Steer, in [Fleet, Ticket], keys ["I"], cli [Ticket];
    /// Gives the go-ahead to land finished work.
    Land = "land" ("land"), Answer, in [Fleet, Ticket], keys ["m"];
    /// Opens the terminal of the ticket's session, live if it runs; every key goes to the agent until you leave.
    Attach = "attach" ("attach"), Look, in [Fleet, Ticket], keys ["enter"], cli [Ticket];
    /// Gives the keys back to the table; pressed twice, the agent gets this key itself.
    Leave = "leave" ("leave"), Look, in [Terminal], keys ["ctrl-\\"];
    /// Shows exactly what the ticket's agent asks for.
    Peek = "peek" ("peek"), Look, in [Fleet], keys ["space"];
    /// Shows everything about the ticket: what is wanted, where it stands and how it got there.
    Detail = "detail" ("detail"), Look, in [Fleet], keys ["i"];
    /// Gives the terminal the whole screen, or takes it back.
    Zoom = "zoom" ("zoom"), Look, in [Fleet], keys ["z"];
    /// Shows the terminal's earlier output.
    ScrollUp = "scroll-up" ("earlier output"), Look, in [Fleet, Terminal], keys ["shift-pageup"];
    /// Goes back down to the terminal's newest output.
    ScrollDown = "scroll-down" ("later output"), Look, in [Fleet, Terminal], keys ["shift-pagedown"];
    /// Lists the files that have defects, and what to do about them.
    Problems = "problems" ("problems"), Look, in [Fleet], keys ["!"];
    /// Copies the path of the ticket's workspace to the clipboard.
    CopyPath = "copy-path" ("copy path"), Look, in [Fleet, Ticket], keys ["y"];
    /// Runs the failed or current phase again; a session that runs is ended for it.
    Retry = "retry" ("retry"), Steer, in [Fleet, Ticket], keys ["r"],
        danger "Its session runs and ends now; what it has not committed stays in the workspace.", cli [Ticket];
    /// Goes on with another phase, which you choose.
    Skip = "skip" ("skip"), Steer, in [Fleet, Ticket], keys ["s"], cli [Ticket, Phase];
    /// Takes over what the agent does: its conversation goes on in the agent's own terminal, where you type.
    TakeOver = "take-over" ("take over"), Steer, in [Fleet, Ticket, Terminal], keys ["ctrl-t"], cli [Ticket];
    /// Hands the conversation you took over back: its agent goes on alone, up to the gates of the phase.
    HandBack = "hand-back" ("hand back"), Steer, in [Fleet, Ticket, Terminal], keys ["ctrl-]"], cli [Ticket];
    /// Holds the ticket, or lets it go on.
    TogglePause = "toggle-pause" ("pause"), Steer, in [Fleet, Ticket], keys ["p"];
    /// Holds the ticket: what runs goes on, nothing new starts.
    Pause = "pause" ("pause"), Steer, in [Fleet], keys [], cli [Ticket];
    /// Lets a held ticket go on.
    Resume = "resume" ("resume"), Steer, in [Fleet], keys [];
    /// Ends the running session and holds the ticket.
    Stop = "stop" ("stop"), Steer, in [Fleet, Ticket], keys ["K"],
        danger "Its session ends now; what it has not committed stays in the workspace.";
    /// Lets the ticket work by day, until the next night begins.
    RunNow = "run-now" ("run now"), Steer, in [Fleet, Ticket], keys ["N"];
    /// Lets everything work by day, until the next night begins.
    RunAllNow = "run-all-now" ("run all now"), Steer, in [Fleet], keys [];
    /// Holds the ticket's whole plan: what runs goes on, nothing new starts.
    PausePlan = "pause-plan" ("pause plan"), Steer, in [Fleet], keys ["P"];
    /// Lets the ticket's held plan go on.
    ResumePlan = "resume-plan" ("resume plan"), Steer, in [Fleet], keys ["R"];
    /// Starts nothing new in any plan; what runs finishes its phase.
    StopAll = "stop-all" ("stop all"), Steer, in [Fleet], keys ["S"],
        danger "What runs finishes its phase; then everything stands still until you resume it.";
    /// Ends every session now and starts nothing new; the phases run again once everything is resumed.
    StopAllNow = "stop-all-now" ("stop all now"), Steer, in [Fleet], keys [],
        danger "All sessions end now; their phases run again from the start once you resume everything.";
    /// Pauses every session where it stands and starts nothing new; timeouts stand still too.
    FreezeAll = "freeze-all" ("freeze all"), Steer, in [Fleet], keys ["F"],
        danger "All sessions are paused where they stand until you resume everything.";
    /// Lets everything go on that was stopped or frozen.
    ResumeAll = "resume-all" ("resume all"), Steer, in [Fleet], keys ["ctrl-r"];
    /// Selects the next ticket that needs you.
    NextNeedingYou = "next-needing-you" ("next"), Move, in [Fleet], keys ["n", "tab"];
    /// Selects the ticket above, or scrolls up.
    Up = "up" ("up"), Move, in [Fleet, Reader], keys ["up", "k"];
    /// Selects the ticket below, or scrolls down.
    Down = "down" ("down"), Move, in [Fleet, Reader], keys ["down", "j"];
    /// Goes up by a page.
    PageUp = "page-up" ("page up"), Move, in [Fleet, Reader], keys ["pageup"];
    /// Goes down by a page.
    PageDown = "page-down" ("page down"), Move, in [Fleet, Reader], keys ["pagedown"];
    /// Goes to the first line.
    Top = "top" ("top"), Move, in [Fleet, Reader], keys ["g", "home"];
    /// Goes to the last line.
    Bottom = "bottom" ("bottom"), Move, in [Fleet, Reader], keys ["G", "end"];
    /// Moves to the choice above.
    Previous = "previous" ("up"), Move, in [List], keys ["up", "ctrl-p"];
    /// Moves to the choice below.
    Next = "next" ("down"), Move, in [List], keys ["down", "ctrl-n"];
    /// Folds what is below the selected ticket away, then its zone, or opens both again.
    ToggleZoneCollapse = "toggle-zone-collapse" ("fold"), Look, in [Fleet], keys ["o"];
    /// Narrows the table to the tickets that match what you type.
    Filter = "filter" ("filter"), Look, in [Fleet], keys ["/"];
    /// Finds any action or ticket by a few letters of its name.
    Palette = "palette" ("palette"), Program, in [Fleet], keys [":"];
    /// Lists the keys, and says why one does nothing now.
    Help = "help" ("keys"), Program, in [Fleet], keys ["?"];
    /// Takes the choice, or sends what you wrote.
    Accept = "accept" ("ok"), Program, in [List, Form, Confirm], keys ["enter"];
    /// Answers yes.
    Yes = "yes" ("yes"), Program, in [Confirm], keys ["y"];
    /// Starts a new line.
    NewLine = "new-line" ("new line"), Program, in [Form], keys ["alt-enter", "shift-enter", "ctrl-j"];
    /// Writes the next suggested answer.
    Suggest = "suggest" ("suggested answer"), Program, in [Form], keys ["tab"];
    /// Closes what is open, or clears the filter.
    Back = "back" ("back"), Program, in [Fleet, Reader, List, Form, Confirm], keys ["esc"];
    /// Closes what is being read.
    Close = "close" ("close"), Program, in [Reader], keys ["q", "?"];
    /// Starts an engine in this screen, where the one it showed is gone.
    StartEngine = "start-engine" ("start an engine here"), Program, in [Fleet], keys ["E"];
    /// Leaves the screen; sessions that run go on.
    Quit = "quit" ("quit"), Program, in [Fleet], keys ["q", "ctrl-c"];
}

impl Action {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Returns the actions that are verbs of the command line.
    pub fn verbs() -> impl Iterator<Item = Action> {
        Action::ALL.iter().copied().filter(|action| action.spec().cli)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Says that there is no such action, and which one may be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no action `{name}`{}", near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default())]
pub struct UnknownAction {
    name: String,
    near: Option<&'static str>,
}

impl FromStr for Action {
    type Err = UnknownAction;
    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        Action::ALL.iter().copied().find(|action| action.name() == name).ok_or_else(|| UnknownAction {
            name: name.to_owned(),
            near: nearest(name, Action::ALL.iter().map(|action| action.name())),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::actions::keys::Chord;

    #[test]
    fn names_are_unique_and_kebab() {
        let mut seen = HashSet::new();
        for action in Action::ALL {
            let name = action.name();
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"), "{name}");
            assert_eq!(name.parse::<Action>().unwrap(), *action);
        }
    }

    #[test]
    fn every_doc_is_one_sentence() {
        for action in Action::ALL {
            let doc = action.spec().doc;
            assert!(doc.ends_with('.') && !doc.contains(". "), "{action}: {doc}");
            assert!(doc.starts_with(|c: char| c.is_ascii_uppercase()), "{action}: {doc}");
            assert!(!action.spec().label.is_empty(), "{action}");
        }
    }

    #[test]
    fn every_chord_prints_and_parses_back() {
        for action in Action::ALL {
            for key in action.spec().keys {
                let chord: Chord = key.parse().unwrap();
                assert_eq!(chord.to_string(), *key, "{action}");
            }
        }
    }

    #[test]
    fn no_chord_means_two_things_in_one_place() {
        for (at, one) in Action::ALL.iter().enumerate() {
            for other in &Action::ALL[at + 1..] {
                let (one, other) = (one.spec(), other.spec());
                let meet = one.contexts.iter().any(|a| other.contexts.iter().any(|b| a.overlaps(*b)));
                let shared = one.keys.iter().find(|key| other.keys.contains(key));
                assert!(!meet || shared.is_none(), "{shared:?} means {} and {}", one.name, other.name);
            }
        }
    }

    #[test]
    fn every_place_can_be_left_and_the_table_has_help_and_quit() {
        for stack in Context::STACKS {
            let leaves = [Action::Back, Action::Leave];
            let out = leaves.iter().any(|action| action.spec().contexts.iter().any(|context| stack.contains(context)));
            assert!(out, "{stack:?} cannot be left");
        }
        for action in [Action::Help, Action::Quit, Action::Palette] {
            assert!(action.spec().contexts.contains(&Context::Fleet) && !action.spec().keys.is_empty());
        }
    }

    #[test]
    fn every_action_has_a_key_or_is_reachable_by_the_palette() {
        for action in Action::ALL {
            let spec = action.spec();
            assert!(!spec.keys.is_empty() || spec.contexts.contains(&Context::Fleet), "{action}");
        }
    }

    #[test]
    fn verbs_say_what_they_take_required_before_optional() {
        let names: Vec<&str> = Action::verbs().map(Action::name).collect();
        assert_eq!(
            names,
            [
                "approve",
                "reject",
                "reply",
                "tell",
                "interrupt",
                "attach",
                "retry",
                "skip",
                "take-over",
                "hand-back",
                "pause"
            ]
        );
        for verb in Action::verbs() {
            let args = verb.spec().args;
            assert_eq!(args.first(), Some(&Arg::Ticket), "{verb}");
            assert!(args.is_sorted_by_key(|arg| !arg.required()), "{verb}");
        }
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        let error = "aprove".parse::<Action>().unwrap_err();
        assert_eq!(error.to_string(), "there is no action `aprove` (did you mean `approve`?)");
    }
}
