//! What a person sees and can do when the engine is gone.

use super::*;

/// A monitor whose engine goes at the fixture's moment.
fn monitor() -> Model {
    let mut setup = setup();
    setup.who = Role::Client;
    let mut model = Model::new(setup, fleet(), (120, 30), NOW).at("PAY-115");
    model.update(NOW, Msg::EngineGone);
    model
}

#[test]
fn the_last_picture_stays_and_is_marked_as_such() {
    let mut model = monitor();
    let then = text(&model);
    let rows = |text: &str| text.lines().skip(2).take(20).map(|line| line.chars().take(60).collect()).collect();
    let before: Vec<String> = rows(&then);
    model.update(ahead(3600), Msg::Resize(120, 30));
    let later = text(&model);
    assert_eq!(rows(&later), before, "no time goes on that nobody knows of");
    assert!(later.lines().next().unwrap().contains("no engine"), "{later}");
    let last = later.lines().last().unwrap().trim();
    assert_snapshot!(last, @"no engine for 1h00: this is how it stood; what ran goes on, nothing new starts         E start an engine here  q quit");
    assert!(styled(&model).lines().skip(2).take(20).all(|line| !line.contains("{k|")), "{}", styled(&model));
}

#[test]
fn one_key_makes_this_screen_the_engine_and_only_then() {
    let mut model = model(120, 30);
    assert_eq!(model.press(&["E"]), []);
    assert_eq!(notice(&model), "start an engine here: an engine is at work");
    let mut model = monitor();
    assert_eq!(model.press(&["E"]), [Effect::StartEngine]);
    assert!(text(&model).contains("starting an engine"));
    assert_eq!(model.press(&["E"]), [], "once is enough");
    model.update(NOW, Msg::NoEngine(Rejection::new("the state is in use by process 7")));
    model.press(&["j"]);
    assert!(text(&model).contains("in use by process 7"), "{}", text(&model));
    assert_eq!(model.press(&["E"]), [Effect::StartEngine], "a refusal is not the end");
    model.update(NOW, Msg::EngineBack { fleet: fleet(), who: Role::Owner });
    assert_eq!(notice(&model), "the engine works in this screen now, and ends with it");
    model.press(&["k"]);
    assert!(!text(&model).contains("no engine"), "{}", text(&model));
    assert!(model.farewell().contains("go on working"), "{}", model.farewell());
}

#[test]
fn who_types_into_an_agent_goes_on_and_is_told() {
    let mut model = monitor();
    model.press(&["enter"]);
    assert!(matches!(model.press(&["a"]).as_slice(), [Effect::Type(_)]));
    assert!(text(&model).contains("no engine"), "{}", text(&model));
    model.update(NOW, Msg::EngineBack { fleet: fleet(), who: Role::Client });
    assert!(model.attached());
    assert!(!text(&model).contains("no engine"), "{}", text(&model));
}
