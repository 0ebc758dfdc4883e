//! What a person answers, and what reaches the engine.

use super::*;

#[test]
fn an_approval_of_a_permission_is_bound_to_the_request_on_screen() {
    let mut model = model(120, 40).at("PAY-114");
    let (ticket, action) = command(&model.press(&["a"]));
    assert_eq!((ticket.as_str(), action), ("PAY-114", TicketAction::Approve { seen: request("7f3c"), note: None }));
}

#[test]
fn the_request_overlay_answers_and_closes() {
    let mut model = model(120, 40).at("PAY-114");
    let (_, action) = command(&model.press(&["space", "a"]));
    assert_eq!(action, TicketAction::Approve { seen: request("7f3c"), note: None });
    assert!(model.overlays.is_empty());
}

#[test]
fn an_approval_phase_is_approved_and_landed_without_a_request() {
    let (_, action) = command(&model(120, 40).at("PAY-109").press(&["a"]));
    assert_eq!(action, TicketAction::Approve { seen: Seen::phase(phase_id("approve-spec")), note: None });
    let (ticket, action) = command(&model(120, 40).at("PAY-101").press(&["m"]));
    assert_eq!(
        (ticket.as_str(), action),
        ("PAY-101", TicketAction::Approve { seen: Seen::phase(phase_id("land")), note: None })
    );
}

#[test]
fn a_rejection_takes_a_note() {
    let mut model = model(120, 40).at("PAY-114");
    assert_eq!(model.press(&["x"]), []);
    model.write("not on the live data");
    let (_, action) = command(&model.press(&["enter"]));
    let note = "not on the live data".to_owned();
    assert_eq!(action, TicketAction::Reject { seen: request("7f3c"), note });
}

#[test]
fn a_question_is_answered_with_words_or_a_suggestion() {
    let mut model = model(120, 40).at("PAY-112");
    assert_eq!(model.press(&["a", "enter"]), []);
    assert_eq!(notice(&model), "write something first");
    let (_, action) = command(&model.press(&["tab", "tab", "enter"]));
    assert_eq!(action, TicketAction::Reply { request: request("q1").request, text: "half even".to_owned() });
}

#[test]
fn a_failure_is_retried_or_goes_on_with_a_chosen_phase() {
    let (_, action) = command(&model(120, 40).at("PAY-103").press(&["r"]));
    assert_eq!(action, TicketAction::Retry { interrupt: false });
    let mut model = model(120, 40).at("PAY-103");
    let (_, action) = command(&model.press(&["s", "i", "m", "p", "enter"]));
    assert_eq!(action, TicketAction::Skip { to: phase_id("implement") });
}

#[test]
fn a_session_is_stopped_only_after_a_yes() {
    let mut model = model(120, 40).at("PAY-115");
    assert_eq!(model.press(&["K", "esc"]), []);
    assert_eq!(command(&model.press(&["K", "y"])).1, TicketAction::Stop);
}

#[test]
fn a_retry_that_would_end_a_session_asks_first_and_only_about_that_session() {
    let mut model = model(120, 40).at("PAY-115");
    assert_eq!(model.press(&["r", "esc"]), []);
    assert_eq!(command(&model.press(&["r", "y"])).1, TicketAction::Retry { interrupt: true });
    assert_eq!(model.press(&["r"]), []);
    let mut later = Fleet::clone(&fleet());
    Arc::make_mut(later.tickets.get_mut(&key("PAY-115")).unwrap()).progress.status = running("PAY-115", 2, None, NOW);
    model.update(NOW, Msg::Fleet(Arc::new(later)));
    assert!(model.overlays.is_empty(), "the next session was not asked about");
}

#[test]
fn an_approval_is_bound_to_its_phase_and_its_overlay_closes_when_the_ticket_goes_on() {
    let mut model = model(120, 40).at("PAY-109");
    model.press(&["x"]);
    model.write("no");
    let mut later = Fleet::clone(&fleet());
    let ticket = Arc::make_mut(later.tickets.get_mut(&key("PAY-109")).unwrap());
    ticket.progress.phase = Some(phase_id("next-approval"));
    model.update(NOW, Msg::Fleet(Arc::new(later)));
    assert!(model.overlays.is_empty(), "a no to one phase is not given to the next");
}

#[test]
fn everything_is_stopped_or_frozen_only_after_a_yes_and_resumed_by_one_key() {
    let mut model = model(120, 40);
    assert_eq!(model.press(&["S", "esc", "F", "esc", "ctrl-r"]), []);
    assert_eq!(notice(&model), "resume all: nothing is stopped or frozen");
    let sent = |effects: &[Effect]| match effects {
        [Effect::Send { command, .. }] => Command::clone(command),
        _ => panic!("not one command: {effects:?}"),
    };
    assert_eq!(sent(&model.press(&["S", "y"])), Command::StopAll { now: false });
    assert_eq!(sent(&model.press(&["F", "enter"])), Command::FreezeAll);
    let mut fleet = Fleet::clone(&model.fleet);
    fleet.mode = Mode::Frozen { since: NOW };
    model.update(NOW, Msg::Fleet(Arc::new(fleet)));
    let screen = text(&model);
    assert!(screen.contains("frozen") && screen.contains("ctrl-r resume all"), "{screen}");
    assert_eq!(sent(&model.press(&["ctrl-r"])), Command::ResumeAll);
}

#[test]
fn pausing_is_one_key_both_ways() {
    assert_eq!(command(&model(120, 40).at("PAY-115").press(&["p"])).1, TicketAction::Pause);
    assert_eq!(command(&model(120, 40).at("PAY-120").press(&["p"])).1, TicketAction::Resume);
}

#[test]
fn a_key_that_does_nothing_says_why() {
    let mut model = model(120, 40).at("PAY-115");
    assert_eq!(model.press(&["a"]), []);
    assert_eq!(notice(&model), "approve: it does not wait for a decision");
}

#[test]
fn an_overlay_about_something_answered_elsewhere_closes_itself() {
    let mut model = model(120, 40).at("PAY-114");
    model.press(&["space"]);
    let mut answered = Fleet::clone(&fleet());
    Arc::make_mut(answered.tickets.get_mut(&key("PAY-114")).unwrap()).progress.requests.clear();
    model.update(NOW, Msg::Fleet(Arc::new(answered)));
    assert!(model.overlays.is_empty());
    assert_eq!(notice(&model), "PAY-114 no longer waits for this");
}

#[test]
fn what_is_available_is_what_the_engine_accepts() {
    let seen = fleet();
    let session = |id| SessionId::new(key(id), 1);
    let stopping = Status::Stopping { session: session("S-2"), since: NOW, agent: None, then: AfterStop::Hold };
    let rare = FleetBuilder::new()
        .ticket("S-1", "x", "", Status::Preparing)
        .ticket("S-2", "x", "implement", stopping)
        .ticket("S-3", "x", "verify", Status::Backoff { until: ahead(9), because: None })
        .ticket("S-4", "x", "complete", Status::Complete { needs_attention: true, at: NOW })
        .ticket("S-5", "x", "complete", complete(NOW))
        .with("S-5", |ticket| ticket.progress.workspace.as_mut().unwrap().removed = true)
        .ticket("S-6", "x", "verify", Status::Queued)
        .build();
    let all = [&seen, &rare].into_iter().flat_map(|fleet| fleet.tickets.values().map(move |ticket| (fleet, ticket)));
    for (fleet, ticket) in all {
        let seen = Seen::of(ticket);
        let actions = [
            (Action::Approve, TicketAction::Approve { seen: seen.clone(), note: None }),
            (Action::Reject, TicketAction::Reject { seen: seen.clone(), note: String::new() }),
            (Action::Reply, TicketAction::Reply { request: seen.request, text: "so".to_owned() }),
            (Action::Retry, TicketAction::Retry { interrupt: true }),
            (Action::Skip, TicketAction::Skip { to: phase_id("verify") }),
            (Action::TogglePause, TicketAction::Pause),
            (Action::Stop, TicketAction::Stop),
        ];
        for (action, wish) in actions {
            let mut engine = Fleet::clone(fleet);
            let mut out = Outbox::default();
            let command = Command::Ticket { key: ticket.brief.key.clone(), action: wish };
            engine.step(NOW, Input::Command(command), &mut out);
            let available = available(action, fleet, Some(ticket));
            assert_eq!(
                available.is_ok(),
                out.rejection.is_none(),
                "{action} {}: {:?}",
                ticket.brief.key,
                out.rejection
            );
        }
    }
}

#[test]
fn an_answer_given_on_screen_reaches_the_agent_that_asked() {
    let mut model = model(120, 40).at("PAY-112");
    model.press(&["a"]);
    model.write("half up");
    let effects = model.press(&["enter"]);
    let [Effect::Send { command, .. }] = &effects[..] else { panic!("{effects:?}") };
    let mut engine = Fleet::clone(&model.fleet);
    let mut out = Outbox::default();
    engine.step(NOW, Input::Command(Command::clone(command)), &mut out);
    let answered = &engine.tickets[&key("PAY-112")].progress.answered;
    assert_eq!(answered, &[(RequestId::new("q1").unwrap(), Answer::Reply { text: "half up".to_owned() })]);
}
