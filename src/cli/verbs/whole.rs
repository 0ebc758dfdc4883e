//! Verbs about everything at once: stop, freeze, resume.

use crate::cli::exit::Failure;
use crate::cli::steering::Steering;
use crate::cli::told::WholeVerb;
use crate::domain::command::Command;
use crate::domain::fleet::Fleet;
use crate::domain::ids::SessionId;
use crate::domain::mode::Mode;

/// What ends every sentence that says that nothing goes on.
const HOW_ON: &str = "`aotui resume` lets everything go on";

/// What has to be done to the sessions themselves, by whoever finds no engine to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// The sessions that may be alive.
    pub sessions: Vec<SessionId>,
    /// What to do to them; `None` where they are left alone.
    pub what: Option<ToSessions>,
}

/// What can be done to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToSessions {
    /// Pause its processes.
    Freeze,
    /// Let its processes go on.
    Thaw,
    /// End it.
    End,
}

/// Has it put down and returns what is left to be done.
pub fn begin(steering: &mut dyn Steering, verb: WholeVerb) -> Result<Rest, Failure> {
    let before = steering.fleet().mode;
    let sessions = steering.fleet().walks().filter_map(|ticket| ticket.progress.status.session().cloned());
    let sessions = sessions.collect();
    let (command, what) = match verb {
        WholeVerb::Stop { now: true } => (Command::StopAll { now: true }, Some(ToSessions::End)),
        WholeVerb::Stop { now: false } => {
            (Command::StopAll { now: false }, before.is_frozen().then_some(ToSessions::Thaw))
        }
        WholeVerb::Freeze => (Command::FreezeAll, Some(ToSessions::Freeze)),
        WholeVerb::Resume => (Command::ResumeAll, Some(ToSessions::Thaw)),
        WholeVerb::RunNow => (Command::WorkNow, None),
    };
    steering.command(vec![command])?;
    Ok(Rest { sessions, what })
}

/// Says what was done to a fleet that was in mode `before` and is now as `fleet` says.
pub fn said(verb: WholeVerb, before: Mode, fleet: &Fleet, has_engine: bool) -> String {
    let at_work = fleet.at_work();
    match verb {
        WholeVerb::Stop { now: true } if at_work == 0 => format!("stopped: all sessions are gone; {HOW_ON}\n"),
        WholeVerb::Stop { .. } if at_work == 0 => format!("stopped: nothing runs and nothing new starts; {HOW_ON}\n"),
        WholeVerb::Stop { .. } if has_engine => {
            format!("stopping: nothing new starts; {} at work until its phase is over; {HOW_ON}\n", names(fleet))
        }
        WholeVerb::Stop { .. } => {
            format!("stopped: nothing new starts; {} at work without an engine; {HOW_ON}\n", names(fleet))
        }
        WholeVerb::Freeze => format!("frozen: nothing new starts, and {at_work} at work stand still; {HOW_ON}\n"),
        WholeVerb::RunNow if has_engine => "everything works until the next night\n".to_owned(),
        WholeVerb::RunNow => {
            "everything works until the next night; no engine is at work: `aotui` or `aotui run` starts one\n"
                .to_owned()
        }
        WholeVerb::Resume if before.is_working() => "nothing was stopped or frozen\n".to_owned(),
        WholeVerb::Resume if has_engine => "everything goes on\n".to_owned(),
        WholeVerb::Resume => {
            "everything may go on; no engine is at work: `aotui` or `aotui run` starts one\n".to_owned()
        }
    }
}

fn names(fleet: &Fleet) -> String {
    let at_work = fleet.walks().filter(|ticket| ticket.progress.status.session().is_some());
    let names: Vec<String> = at_work.map(|ticket| ticket.brief.key.name()).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::fixtures::{InMemory, fleet};
    use crate::domain::time::Timestamp;

    #[test]
    fn everything_is_stopped_frozen_and_resumed_and_each_says_how_to_go_on() {
        let mut house = InMemory(fleet(Timestamp(1_700_000_000_000)));
        house.0.policy.dispatch = false;
        let mut act = |verb| {
            let before = house.0.mode;
            let rest = begin(&mut house, verb).unwrap();
            assert_eq!(rest.sessions.len(), 2, "PAY-1 and PAY-5 run");
            (rest.what, said(verb, before, &house.0, true))
        };
        let (what, text) = act(WholeVerb::Stop { now: false });
        assert_eq!(what, None);
        insta::assert_snapshot!(text, @"stopping: nothing new starts; PAY-1, PAY-5 are at work until its phase is over; `aotui resume` lets everything go on");
        let (what, text) = act(WholeVerb::Freeze);
        assert_eq!(what, Some(ToSessions::Freeze));
        insta::assert_snapshot!(text, @"frozen: nothing new starts, and 2 at work stand still; `aotui resume` lets everything go on");
        assert_eq!(act(WholeVerb::Stop { now: false }).0, Some(ToSessions::Thaw));
        assert_eq!(act(WholeVerb::Resume).1, "everything goes on\n");
        assert_eq!(act(WholeVerb::Resume).1, "nothing was stopped or frozen\n");
        assert_eq!(act(WholeVerb::Stop { now: true }).0, Some(ToSessions::End));
    }
}
