//! What a person does in an agent's terminal.

use super::*;

#[test]
fn all_keys_go_to_the_agent_except_the_one_that_leaves() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&["enter"]);
    let effects = model.press(&["q", "K", "ctrl-c", "esc", "enter"]);
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Type(_))), "{effects:?}");
    assert_eq!(effects.len(), 5);
    assert_eq!(model.press(&["ctrl-\\"]), []);
    assert_eq!(model.focus, Focus::Table);
    assert_eq!(model.press(&["q"]), [Effect::Quit]);
}

#[test]
fn leaving_twice_quickly_types_the_key_itself() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&["enter", "ctrl-\\"]);
    let effects = model.press(&["ctrl-\\"]);
    assert!(matches!(effects.as_slice(), [Effect::Type(_)]) && model.attached(), "{effects:?}");
    model.press(&["ctrl-\\"]);
    model.update(ahead(2), Msg::Key(press_of("ctrl-\\")));
    assert!(!model.attached(), "two slow ones only leave");
}

#[test]
fn what_is_typed_never_reaches_the_next_session_by_surprise() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&["enter"]);
    let next =
        FleetBuilder::new().ticket("PAY-115", "Ledger export", "verify", running("PAY-115", 2, None, NOW)).build();
    model.update(NOW, Msg::Fleet(next));
    assert_eq!(model.session(), Some(SessionId::new(key("PAY-115"), 1)));
    assert!(text(&model).contains("ended"));
    model.press(&["ctrl-\\"]);
    assert_eq!(model.session(), Some(SessionId::new(key("PAY-115"), 2)));
}

#[test]
fn a_paste_goes_to_the_agent_as_one_piece() {
    let mut model = model(120, 40).at("PAY-115");
    assert_eq!(model.update(NOW, Msg::Paste("qqq".to_owned())), []);
    model.press(&["enter"]);
    assert_eq!(model.update(NOW, Msg::Paste("a\nb".to_owned())), [Effect::Paste("a\nb".to_owned())]);
}

#[test]
fn a_screen_for_one_ticket_shows_its_terminal_and_ends_with_it() {
    let mut setup = setup();
    setup.only = Some(key("PAY-115"));
    let mut model = Model::new(setup, fleet(), (100, 30), NOW);
    assert!(model.attached() && model.zoomed);
    assert_eq!(model.press(&["ctrl-\\"]), [Effect::Quit]);
}
