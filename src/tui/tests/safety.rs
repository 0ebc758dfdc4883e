//! What no key, no size and no text may do.

use super::*;

/// Everything hostile at once: it would clear, recolour, retitle, turn round or hide.
const HOSTILE: &str =
    "evil\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{202e}txt\u{2066}\u{200b}\u{e0041}\u{0}\r\u{8}\n\u{85}end";

fn hostile_fleet() -> Arc<Fleet> {
    let text = || HOSTILE.to_owned();
    let permission = Ask::Permission { tool: text(), detail: text(), reason: Some(text()), target: None };
    let question = Ask::Question { text: text(), options: vec![text()] };
    let builder = FleetBuilder::new()
        .ticket("T-1", HOSTILE, "implement", running("T-1", 1, None, NOW))
        .doing("T-1", HOSTILE)
        .with("T-1", |ticket| ticket.progress.feedback = Some(text()))
        .ticket("T-2", HOSTILE, "implement", running("T-2", 1, None, NOW))
        .asks("T-2", "r", permission, NOW)
        .ticket("T-3", HOSTILE, "implement", running("T-3", 1, None, NOW))
        .asks("T-3", "q", question, NOW)
        .ticket("T-4", HOSTILE, "verify", failed(HOSTILE, NOW))
        .ticket("T-5", HOSTILE, "review", approval(HOSTILE, NOW));
    let mut fleet = Fleet::clone(&builder.build());
    fleet.live.problems = vec![Problem::in_file(text(), text()).hint(text())];
    fleet.plans.values_mut().for_each(|plan| plan.name = text());
    Arc::new(fleet)
}

#[test]
fn nothing_hostile_reaches_the_terminal() {
    for id in ["T-1", "T-2", "T-3", "T-4", "T-5"] {
        for keys in [&[][..], &["i"], &[":", "e", "v"], &["K"], &["space"], &["a", "tab"], &["x"], &["!"], &["s"]] {
            let mut model = Model::new(setup(), hostile_fleet(), (100, 30), NOW).at(id);
            model
                .update(NOW, Msg::Answered { what: String::new(), result: Err(Rejection::new(HOSTILE).hint(HOSTILE)) });
            model.press(keys);
            let bytes = String::from_utf8(written(&model)).unwrap();
            // Moving, colours and the cursor; nothing else starts with an escape, and there is no other control.
            let mut rest = bytes.as_str();
            while let Some(at) = rest.find(|c: char| c.is_control() || "\u{202e}\u{2066}\u{200b}\u{e0041}".contains(c))
            {
                let sequence =
                    rest[at..].strip_prefix("\u{1b}[").unwrap_or_else(|| panic!("{id} {keys:?}: {:?}", &rest[at..]));
                let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                assert!("mHhl".contains(&sequence[end..=end]), "{id} {keys:?}: {sequence:?}");
                rest = &sequence[end..];
            }
        }
    }
}

fn any_key() -> impl Strategy<Value = String> {
    let named = ["enter", "esc", "space", "tab", "up", "down", "pagedown", "end", "ctrl-\\", "backspace", "alt-enter"];
    prop_oneof![
        3 => "[ -~]".prop_map(|text| match text.as_str() {
            " " => "space".to_owned(),
            "-" => "minus".to_owned(),
            other => other.to_owned(),
        }),
        1 => prop::sample::select(named.to_vec()).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn no_key_and_no_size_is_too_much(
        keys in prop::collection::vec(any_key(), 0..40),
        sizes in prop::collection::vec((0u16..140, 0u16..50), 1..4),
        clicks in prop::collection::vec((0u16..140, 0u16..50), 0..4),
    ) {
        let mut model = model(sizes[0].0, sizes[0].1);
        for (n, key) in keys.iter().enumerate() {
            let press = press_of(key);
            model.update(NOW, Msg::Key(press));
            let (columns, rows) = sizes[n % sizes.len()];
            if n % 5 == 0 {
                model.update(NOW, Msg::Resize(columns, rows));
                for (x, y) in &clicks {
                    model.update(NOW, click(*x, *y));
                }
            }
            if n % 3 == 0 {
                let _frame = drawn(&model);
            }
            if n % 11 == 0 {
                model.update(NOW, Msg::Fleet(if n % 2 == 0 { crowd(7) } else { fleet() }));
            }
        }
        let _frame = drawn(&model);
    }
}

#[test]
fn the_smallest_screens_do_no_harm() {
    for (columns, rows) in [(0, 0), (1, 1), (2, 1), (1, 9), (9, 2), (40, 12)] {
        for keys in [&[][..], &["?"], &["i"], &["x"], &[":"], &["s"], &["K"], &["space"], &["enter"], &["/"], &["z"]] {
            let mut model = model(columns, rows).at("PAY-114");
            model.press(keys);
            let _frame = drawn(&model);
        }
    }
}
