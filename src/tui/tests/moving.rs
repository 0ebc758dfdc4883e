//! How a person finds a ticket.

use super::*;

#[test]
fn the_mouse_selects_attaches_and_scrolls() {
    let mut model = model(120, 40);
    let areas = model.areas();
    model.update(NOW, click(5, areas.table.y + 3));
    assert_eq!(model.table.selected(), Some(&key("PAY-112")));
    model.update(NOW, click(areas.terminal.x + 4, areas.terminal.y + 2));
    assert!(model.attached());
    let wheel = model.update(NOW, mouse(MouseEventKind::ScrollUp, areas.terminal.x + 4, areas.terminal.y + 2));
    let [Effect::Wheel { lines: 3, forward: Some(event) }] = wheel.as_slice() else { panic!("{wheel:?}") };
    assert_eq!((event.column, event.row), (4, 2));
    model.update(NOW, click(5, areas.table.y + 1));
    assert!(!model.attached() && model.table.selected() == Some(&key("PAY-109")));
    model.update(NOW, click(2, areas.table.y));
    assert!(text(&model).contains("RESPOND 3 …"), "a click on a heading folds its zone");
}

#[test]
fn n_goes_round_those_who_need_you() {
    let mut model = model(120, 40).at("PAY-110");
    model.press(&["n"]);
    assert_eq!(model.table.selected(), Some(&key("PAY-109")));
    model.press(&["tab"]);
    assert_eq!(model.table.selected(), Some(&key("PAY-112")));
}

#[test]
fn folding_hides_a_zone_and_moving_steps_over_it() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&["o"]);
    assert!(!text(&model).contains("PAY-116"));
    model.press(&["j"]);
    assert_eq!(model.table.selected(), Some(&key("PAY-118")));
    model.press(&["k", "o"]);
    assert!(text(&model).contains("PAY-116"));
}

#[test]
fn the_filter_narrows_and_esc_gives_everything_back() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&["/"]);
    model.write("webhook");
    let seen = text(&model);
    assert!(seen.contains("PAY-114") && seen.contains("PAY-119") && !seen.contains("PAY-103"));
    model.press(&["enter", "esc"]);
    assert!(text(&model).contains("PAY-103"));
}

#[test]
fn escape_and_the_next_key_may_come_as_one() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&["?", "alt-/"]);
    model.write("webhook");
    assert!(model.overlays.is_empty() && !text(&model).contains("PAY-103"));
    model.press(&["enter", "alt-/", "enter"]);
    assert!(text(&model).contains("PAY-103"), "the filter was cleared before it was opened again");
}

#[test]
fn the_palette_does_what_its_name_says_and_finds_tickets() {
    let mut model = model(120, 40).at("PAY-115");
    model.press(&[":"]);
    model.write("pause-plan");
    let effects = model.press(&["enter"]);
    let [Effect::Send { command, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert!(matches!(**command, Command::PausePlan { .. }), "{command:?}");
    model.press(&[":"]);
    model.write("chargeback");
    model.press(&["enter"]);
    assert_eq!(model.table.selected(), Some(&key("PAY-90")));
}

#[test]
fn the_selection_stays_on_its_ticket_wherever_that_goes() {
    let mut model = model(120, 40).at("PAY-101");
    let mut landed = Fleet::clone(&fleet());
    Arc::make_mut(landed.tickets.get_mut(&key("PAY-101")).unwrap()).progress.status = complete(NOW);
    model.update(NOW, Msg::Fleet(Arc::new(landed)));
    assert_eq!(model.table.selected(), Some(&key("PAY-101")));
}
