//! Verbs that steer a ticket or a plan.

use crate::actions::Action;
use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::cli::steering::{Steering, find_plan, find_ticket};
use crate::cli::told::SteerArgs;
use crate::domain::command::{Command, TicketAction};
use crate::domain::decision::{self, Matter, Seen};
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PhaseId, RequestId};
use crate::domain::session::{Ask, Request};
use crate::domain::ticket::Ticket;
use crate::domain::zone::placement;

/// Does something about one ticket and says what was done: what exactly was approved, rejected or ended.
pub fn ticket(steering: &mut dyn Steering, args: SteerArgs) -> Result<String, Failure> {
    let ticket = find_ticket(steering.fleet(), &args.ticket)?;
    let key = ticket.brief.key.clone();
    let (action, done) = wish(steering.fleet(), &ticket, args)?;
    steering.command(vec![Command::Ticket { key: key.clone(), action }])?;
    Ok(format!("{key} {done}\n"))
}

/// Holds a plan or lets it go on, and says so.
pub fn plan(steering: &mut dyn Steering, plan: &str, pause: bool) -> Result<String, Failure> {
    let plan = find_plan(steering.fleet(), plan)?;
    let words = if pause { "held: what runs goes on, nothing new starts" } else { "released" };
    let said = format!("plan {plan} {words}\n");
    steering.command(vec![if pause { Command::PausePlan { plan } } else { Command::ResumePlan { plan } }])?;
    Ok(said)
}

/// Returns what the engine is asked to do and what is said when it did. Decisions are bound to what is there now, so
/// that the engine refuses them where that changed on the way.
fn wish(fleet: &Fleet, ticket: &Ticket, args: SteerArgs) -> Result<(TicketAction, String), Failure> {
    let SteerArgs { action, phase, text, note, request, .. } = args;
    let request = request.map(RequestId::new).transpose()?;
    let phase = phase.map(PhaseId::new).transpose()?;
    let runs = ticket.progress.status.session();
    let ended = runs.map(|session| format!("; session {}, which ran, is ended for it", session.n));
    let said = |action, done: &str| Ok((action, done.to_owned()));
    match action {
        Action::Approve => {
            let matter = decision::to_approve(ticket, &Seen { request, phase })?;
            let said = decided("approved", fleet, ticket, &matter);
            Ok((TicketAction::Approve { seen: matter.seen(), note }, said))
        }
        Action::Reject => {
            let matter = decision::to_reject(ticket, &Seen { request, phase })?;
            let said = decided("rejected", fleet, ticket, &matter);
            Ok((TicketAction::Reject { seen: matter.seen(), note: note.unwrap_or_default() }, said))
        }
        Action::Reply => {
            let question = decision::to_reply(ticket, request.as_ref())?;
            let action = TicketAction::Reply { request: Some(question.id.clone()), text: text.unwrap_or_default() };
            Ok((action, format!("answered: {}", asked(&question))))
        }
        Action::Tell => {
            said(TicketAction::Tell { text: text.unwrap_or_default() }, "is told that once it is at its prompt")
        }
        Action::Interrupt => said(TicketAction::Interrupt, "is interrupted; `aotui tell` or attach to go on"),
        Action::Retry => {
            let said = format!("runs again{}", ended.unwrap_or_default());
            Ok((TicketAction::Retry { interrupt: runs.is_some() }, said))
        }
        Action::Skip => {
            let to = phase.ok_or_else(|| Failure::usage("no phase is named").hint("name the phase to go on with"))?;
            let said = format!("goes on with phase {to}{}", ended.unwrap_or_default());
            Ok((TicketAction::Skip { to }, said))
        }
        Action::TakeOver => said(TicketAction::TakeOver, "is yours once its session has ended: `aotui attach` it"),
        Action::HandBack => said(TicketAction::HandBack, "is its agent's again"),
        Action::RunNow => said(TicketAction::WorkNow, "works until the next night"),
        Action::Pause => said(TicketAction::Pause, "held"),
        Action::Resume => said(TicketAction::Resume, "released"),
        Action::Stop => said(TicketAction::Stop, "told to stop"),
        other => Err(Failure::usage(format!("`{other}` is not something a command line can do"))),
    }
}

/// Says what a yes or a no was given to.
fn decided(done: &str, fleet: &Fleet, ticket: &Ticket, matter: &Matter) -> String {
    match matter {
        Matter::Request(request) => format!("{done}: {}", asked(request)),
        Matter::Approval(phase) => format!("{done}, phase {phase}: {}", plain(&placement(fleet, ticket).why)),
    }
}

/// Says what an agent asks, all of it.
fn asked(request: &Request) -> String {
    match &request.ask {
        Ask::Permission { tool, detail, .. } => format!("{}: {}", plain(tool), lines(detail)),
        Ask::Question { text, .. } => lines(text),
    }
}

/// Returns a text made harmless; where it has several lines each gets its own, set in.
fn lines(text: &str) -> String {
    match text.trim_end().split_once('\n') {
        None => plain(text),
        Some(_) => text.lines().map(|line| format!("\n  {}", plain(line))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::cli::verbs::fixtures::{InMemory, fleet, ticket as ticket_of};
    use crate::domain::fleet::Policy;
    use crate::domain::ticket::Progress;
    use crate::domain::time::Timestamp;

    fn house() -> InMemory {
        let mut fleet = fleet(Timestamp(1_700_000_000_000));
        fleet.policy = Policy { dispatch: false, ..Policy::default() };
        InMemory(fleet)
    }

    fn args(action: Action, ticket: &str) -> SteerArgs {
        SteerArgs { action, ticket: ticket.into(), phase: None, text: None, note: None, request: None }
    }

    #[test]
    fn a_person_approves_what_an_agent_asks_with_any_spelling_of_the_ticket() {
        for typed in ["pay-1", "PAY-1", "Pay/pay-1"] {
            let mut house = house();
            let said = ticket(&mut house, args(Action::Approve, typed)).unwrap();
            assert_eq!(said, "pay/PAY-1 approved: Bash: rm -rf build\n");
            assert!(house.0.find("PAY-1")[0].progress.requests.is_empty());
        }
    }

    #[test]
    fn a_typo_is_bad_usage_and_names_the_nearest_ticket() {
        let failure = ticket(&mut house(), args(Action::Retry, "PYA-2")).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.to_string().contains("did you mean `PAY-2`?"), "{failure}");
    }

    #[test]
    fn an_id_of_two_plans_has_to_be_told_apart() {
        let mut house = house();
        let mut twin = (*ticket_of("PAY-1", "Another", Progress::default())).clone();
        twin.brief.key = "other/PAY-1".parse().unwrap();
        house.0.tickets.insert(twin.brief.key.clone(), std::sync::Arc::new(twin));
        let failure = ticket(&mut house, args(Action::Retry, "PAY-1")).unwrap_err();
        assert!(failure.to_string().contains("name the plan too: other/PAY-1, pay/PAY-1"), "{failure}");
    }

    #[test]
    fn what_the_state_does_not_allow_is_refused_with_its_own_exit_code() {
        let failure = ticket(&mut house(), args(Action::Approve, "PAY-4")).unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
        let failure = ticket(&mut house(), SteerArgs { phase: Some("../x".into()), ..args(Action::Skip, "PAY-1") });
        assert_eq!(failure.unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn a_decision_on_what_no_longer_waits_is_refused_and_answers_nothing_else() {
        let mut house = house();
        for (request, phase) in [(Some("r0"), None), (None, Some("implement"))] {
            let own = |text: &str| text.to_owned();
            let args = SteerArgs { request: request.map(own), phase: phase.map(own), ..args(Action::Approve, "PAY-1") };
            let failure = ticket(&mut house, args).unwrap_err();
            assert_eq!(failure.exit(), Exit::Refused);
            assert!(failure.to_string().contains("moved on meanwhile"), "{failure}");
            assert_eq!(house.0.find("PAY-1")[0].progress.requests.len(), 1);
        }
    }

    #[test]
    fn a_command_of_several_lines_is_shown_whole_and_harmless() {
        let mut house = house();
        let asks = house.0.tickets.get_mut(&"pay/PAY-1".parse().unwrap()).unwrap();
        std::sync::Arc::make_mut(asks).progress.requests[0].ask = Ask::Permission {
            tool: "Bash".into(),
            detail: "make\nrm -rf /\u{1b}[2J".into(),
            reason: None,
            target: None,
        };
        let said = ticket(&mut house, args(Action::Reject, "PAY-1")).unwrap();
        assert_eq!(said, "pay/PAY-1 rejected: Bash: \n  make\n  rm -rf / [2J\n");
    }

    #[test]
    fn a_retry_that_ends_a_session_says_so() {
        let said = ticket(&mut house(), args(Action::Retry, "PAY-5")).unwrap();
        assert_eq!(said, "pay/PAY-5 runs again; session 1, which ran, is ended for it\n");
        assert_eq!(ticket(&mut house(), args(Action::Retry, "PAY-2")).unwrap(), "pay/PAY-2 runs again\n");
    }

    #[test]
    fn a_plan_is_held_and_released() {
        let mut house = house();
        assert!(plan(&mut house, "PAY", true).unwrap().starts_with("plan pay held"));
        assert!(house.0.plans.values().all(|plan| plan.paused));
        plan(&mut house, "pay", false).unwrap();
        assert!(house.0.plans.values().all(|plan| !plan.paused));
    }
}
