use super::*;

fn bundled(name: &str) -> Theme {
    let (theme, errors) = Theme::load(name, &BTreeMap::new(), Depth::True);
    assert_eq!(errors, Vec::<String>::new());
    theme
}

fn luminance(color: Color) -> Option<f64> {
    let Color::Rgb(r, g, b) = color else { return None };
    let part = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    Some(0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b))
}

#[test]
fn every_bundled_theme_loads_and_knows_its_roles() {
    for (name, _) in BUNDLED {
        assert_eq!(bundled(name).styles.len(), Role::ALL.len());
    }
}

#[test]
fn a_role_comes_after_the_one_it_falls_back_to() {
    for role in Role::ALL {
        assert!(role.fallback().is_none_or(|fallback| (fallback as usize) < *role as usize), "{}", role.name());
    }
}

#[test]
fn text_is_readable_on_the_backdrop_and_on_the_selection() {
    for name in ["dusk", "paper"] {
        let theme = bundled(name);
        let selected = theme.style(Role::Selected).bg.unwrap();
        for role in Role::ALL.iter().filter(|role| !matches!(role, Role::Rule | Role::RuleFocus | Role::Selected)) {
            for ground in [theme.backdrop, selected] {
                let fg = luminance(theme.style(*role).fg.unwrap()).unwrap();
                let bg = luminance(ground).unwrap();
                let contrast = (fg.max(bg) + 0.05) / (fg.min(bg) + 0.05);
                assert!(contrast >= 4.5, "{name}: {} on {ground:?} has {contrast:.2}", role.name());
            }
        }
    }
}

#[test]
fn a_users_theme_inherits_and_its_mistakes_are_named() {
    let text = r##"
        inherits = "dusk"
        [palette]
        rose = "#ff88aa"
        [roles]
        "accent" = "rose"
        "zone.mrge" = "rose"
        "good" = "rsoe"
        "bad" = { modifiers = ["blinking"] }
    "##;
    let users = BTreeMap::from([("mine".to_owned(), text.to_owned())]);
    let (theme, errors) = Theme::load("mine", &users, Depth::True);
    assert_eq!(theme.style(Role::Accent).fg, Some(Color::Rgb(0xff, 0x88, 0xaa)));
    assert_eq!(theme.style(Role::Merge), bundled("dusk").style(Role::Merge));
    assert_eq!(errors.len(), 3, "{errors:#?}");
    assert_eq!(errors[0], "theme mine: `rsoe` is no colour (did you mean `rose`?)");
    assert!(errors[1].contains("`blinking` is no modifier"), "{}", errors[1]);
    assert_eq!(errors[2], "theme mine: there is no role `zone.mrge` (did you mean `zone.merge`?)");
}

#[test]
fn a_theme_that_cannot_be_used_gives_the_default_and_a_reason() {
    let users = BTreeMap::from([
        ("broken".to_owned(), "roles = 3".to_owned()),
        ("a".to_owned(), "inherits = \"b\"".to_owned()),
        ("b".to_owned(), "inherits = \"a\"".to_owned()),
        ("dusk".to_owned(), "inherits = \"dusk\"\n[roles]\n\"accent\" = \"#010203\"".to_owned()),
    ]);
    for name in ["broken", "papper", "a"] {
        let (_, errors) = Theme::load(name, &users, Depth::True);
        assert_eq!(errors.len(), 1, "{name}: {errors:#?}");
    }
    let (_, errors) = Theme::load("papper", &users, Depth::True);
    assert_eq!(errors[0], "theme papper: there is no such theme (did you mean `paper`?)");
    let (theme, errors) = Theme::load("dusk", &users, Depth::True);
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(theme.style(Role::Accent).fg, Some(Color::Rgb(1, 2, 3)));
    assert_eq!(theme.style(Role::Good), bundled("dusk").style(Role::Good));
}
