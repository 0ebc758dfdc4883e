//! Verbs that steer a ticket or a plan.

use crate::actions::Action;
use crate::cli::exit::Failure;
use crate::cli::invocation::SteerArgs;
use crate::cli::steering::{Steering, find_plan, find_ticket};
use crate::domain::command::{Command, TicketAction};
use crate::domain::ids::{PhaseId, RequestId};

/// Does something about one ticket and says what was done.
pub fn ticket(steering: &mut dyn Steering, args: SteerArgs) -> Result<String, Failure> {
    let key = find_ticket(steering.fleet(), &args.ticket)?.brief.key.clone();
    let done = match args.action {
        Action::Approve => "approved",
        Action::Reject => "rejected",
        Action::Reply => "answered",
        Action::Retry => "tried again",
        Action::Skip => "sent on",
        Action::Pause => "held",
        Action::Resume => "released",
        Action::Stop => "told to stop",
        _ => "done",
    };
    let action = ticket_action(args)?;
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

fn ticket_action(args: SteerArgs) -> Result<TicketAction, Failure> {
    let SteerArgs { action, phase, text, note, request, .. } = args;
    let request = request.map(RequestId::new).transpose()?;
    Ok(match action {
        Action::Approve => TicketAction::Approve { request, note },
        Action::Reject => TicketAction::Reject { request, note: note.unwrap_or_default() },
        Action::Reply => TicketAction::Reply { request, text: text.unwrap_or_default() },
        Action::Retry => TicketAction::Retry,
        Action::Skip => TicketAction::Skip { to: PhaseId::new(phase.unwrap_or_default())? },
        Action::Pause => TicketAction::Pause,
        Action::Resume => TicketAction::Resume,
        Action::Stop => TicketAction::Stop,
        other => return Err(Failure::usage(format!("`{other}` is not something a command line can do"))),
    })
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
            assert_eq!(ticket(&mut house, args(Action::Approve, typed)).unwrap(), "pay/PAY-1 approved\n");
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
    fn a_plan_is_held_and_released() {
        let mut house = house();
        assert!(plan(&mut house, "PAY", true).unwrap().starts_with("plan pay held"));
        assert!(house.0.plans.values().all(|plan| plan.paused));
        plan(&mut house, "pay", false).unwrap();
        assert!(house.0.plans.values().all(|plan| !plan.paused));
    }
}
