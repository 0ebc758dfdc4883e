//! What the screen shows.

use super::*;
use crate::domain::limit::LimitWindow;

#[test]
fn the_fleet_screen_at_every_size() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60), (40, 12)] {
        let model = model(columns, rows).at("PAY-114");
        assert_snapshot!(format!("fleet_{columns}x{rows}"), styled(&model));
    }
}

#[test]
fn an_attached_terminal_and_a_zoomed_one() {
    let mut attached = model(120, 20).at("PAY-114");
    attached.press(&["enter"]);
    assert_snapshot!("attached_120x20", styled(&attached));
    let mut narrow = model(80, 16).at("PAY-114");
    narrow.press(&["enter"]);
    assert_snapshot!("attached_80x16", styled(&narrow));
}

#[test]
fn what_lies_over_the_table() {
    for (name, keys) in [
        ("request", &["space"][..]),
        ("detail", &["i"]),
        ("help", &["?"]),
        ("palette", &[":", "p", "a", "u"]),
        ("reject_form", &["x", "n", "o"]),
        ("skip_picker", &["s"]),
        ("stop_confirm", &["K"]),
        ("filter", &["/", "v", "e", "r"]),
    ] {
        let mut model = model(100, 30).at("PAY-114");
        model.press(keys);
        assert_snapshot!(name, styled(&model));
    }
    let mut model = model(100, 30).at("PAY-112");
    model.press(&["a", "tab"]);
    assert_snapshot!("reply_form", styled(&model));
}

#[test]
fn a_ticket_that_has_not_started_shows_what_is_wanted() {
    assert_snapshot!("brief", styled(&model(120, 24).at("PAY-119")));
}

#[test]
fn a_refusal_is_shown_with_its_hint() {
    let mut model = model(120, 40);
    let result = Err(Rejection::new("`PAY-1` is done").hint("skip to a phase to run it again"));
    model.update(NOW, Msg::Answered { what: "x".to_owned(), result });
    let seen = text(&model);
    assert!(seen.contains("`PAY-1` is done  skip to a phase to run it again"), "{seen}");
}

#[test]
fn defective_files_are_told_and_hide_no_ticket() {
    let mut model = model(120, 40);
    let mut broken = Fleet::clone(&fleet());
    broken.live.problems = vec![Problem::in_file("plan/x.json", "a comma is missing").at(3, 7).hint("add it")];
    let broken = Arc::new(broken);
    model.update(NOW, Msg::Fleet(Arc::clone(&broken)));
    let seen = text(&model);
    assert!(seen.contains("1 defective file !") && seen.contains("plan/x.json:3:7: a comma is missing"), "{seen}");
    assert!(seen.contains("PAY-114"));
    model.update(NOW, Msg::Fleet(fleet()));
    assert!(!text(&model).contains("a comma is missing"), "what is mended is told no longer: {}", text(&model));
    model.update(NOW, Msg::Fleet(broken));
    model.press(&["!"]);
    assert!(text(&model).contains("add it"));
}

#[test]
fn quitting_says_what_goes_on() {
    assert_eq!(model(120, 40).farewell(), "5 sessions go on working; `aotui` brings you back.");
    let mut client = model(120, 40);
    client.setup.who = Role::Client;
    assert!(client.farewell().starts_with("The engine and its agents go on"));
}

#[test]
fn times_on_screen_say_when_they_change() {
    let fleet = FleetBuilder::new().ticket("T-1", "x", "implement", running("T-1", 1, None, ago(61))).build();
    assert_eq!(Model::new(setup(), fleet, (80, 24), NOW).unchanged_for(), Some(59_000));
    let idle = FleetBuilder::new().ticket("T-1", "x", "", Status::Queued).build();
    assert_eq!(Model::new(setup(), idle, (80, 24), NOW).unchanged_for(), None);
}

#[test]
fn the_window_that_is_used_up_most_stands_at_the_top_where_there_is_room() {
    let mut fleet = FleetBuilder::new().ticket("T-1", "x", "", Status::Queued).build();
    let resets_at = ahead(7_800);
    let told = |name: &str, used| LimitWindow { name: name.into(), used_percent: Some(used), resets_at };
    let limits = &mut Arc::make_mut(&mut fleet).live.limits;
    assert!(limits.note("claude", told("7d", 31), NOW) && limits.note("claude", told("5h", 62), NOW));
    let top = |fleet: &Arc<Fleet>, columns, now| {
        let model = Model::new(setup(), Arc::clone(fleet), (columns, 24), now);
        text(&model).lines().next().unwrap_or_default().trim_end().to_owned()
    };
    let wide = top(&fleet, 120, NOW);
    assert!(wide.ends_with("   5h window ▕█████░░░▏ 62 %  resets in 2h10"), "{wide}");
    assert!(!top(&fleet, 60, NOW).contains("window"), "{}", top(&fleet, 60, NOW));
    assert!(!top(&fleet, 120, resets_at).contains("window"));
    let model = Model::new(setup(), Arc::clone(&fleet), (120, 24), NOW);
    assert!(model.unchanged_for().is_some_and(|millis| millis <= 60_000));
    let limits = &mut Arc::make_mut(&mut fleet).live.limits;
    assert!(limits.note("codex", told("5h", 90), NOW));
    assert!(top(&fleet, 120, NOW).contains("codex 5h window"), "{}", top(&fleet, 120, NOW));
}

#[test]
fn a_thousand_tickets_are_drawn_in_no_time() {
    let fleet = crowd(1000);
    let start = std::time::Instant::now();
    let mut model = Model::new(setup(), fleet, (120, 40), NOW);
    let _first = drawn(&model);
    let first = start.elapsed();
    let start = std::time::Instant::now();
    for _ in 0..20 {
        model.press(&["j"]);
        let _frame = drawn(&model);
    }
    let frame = start.elapsed() / 20;
    println!("first frame {first:?}, then {frame:?} per key and frame");
    // Measured without optimisation on a busy machine; an optimised build is about ten times faster.
    assert!(first.as_millis() < 1000 && frame.as_millis() < 100, "{first:?} {frame:?}");
}
