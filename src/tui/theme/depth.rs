//! How many colours the terminal shows, and the nearest of them.

use ratatui::style::{Color, Modifier, Style};

/// How many colours there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All.
    True,
    /// The 256 of xterm.
    Indexed,
    /// The 16 of the terminal's own palette.
    Ansi,
    /// None: only modifiers.
    None,
}

impl Depth {
    /// Decides by the variables of the environment; `get` returns a variable.
    pub(crate) fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name| get(name).unwrap_or_default();
        let term = get("TERM");
        if !get("NO_COLOR").is_empty() || term == "dumb" {
            return Depth::None;
        }
        if ["truecolor", "24bit"].contains(&get("COLORTERM").as_str()) || term.ends_with("-direct") {
            return Depth::True;
        }
        if term.contains("256") || term.contains("kitty") || term.contains("ghostty") || term.contains("alacritty") {
            return Depth::Indexed;
        }
        Depth::Ansi
    }

    /// Returns the style with colours the terminal has. Where there are none, a background becomes reversed text.
    pub(super) fn reduce(self, mut style: Style) -> Style {
        if self == Depth::None && style.bg.is_some_and(|bg| bg != Color::Reset) {
            style = style.add_modifier(Modifier::REVERSED);
        }
        style.fg = style.fg.and_then(|fg| self.color(fg));
        style.bg = style.bg.and_then(|bg| self.color(bg));
        style
    }

    fn color(self, color: Color) -> Option<Color> {
        let Color::Rgb(r, g, b) = color else { return (self != Depth::None).then_some(color) };
        match self {
            Depth::True => Some(color),
            Depth::Indexed => Some(Color::Indexed(nearest_index((r, g, b)))),
            Depth::Ansi => Some(nearest_ansi((r, g, b))),
            Depth::None => None,
        }
    }
}

type Rgb = (u8, u8, u8);

/// Levels of the colour cube of xterm.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_index(rgb: Rgb) -> u8 {
    let level = |value: u8| {
        let distance = |i: &u8| LEVELS.get(usize::from(*i)).map_or(255, |level| level.abs_diff(value));
        (0..6u8).min_by_key(distance).unwrap_or(0)
    };
    let at = |i: u8| LEVELS.get(usize::from(i)).copied().unwrap_or(0);
    let (r, g, b) = (level(rgb.0), level(rgb.1), level(rgb.2));
    let cube = (at(r), at(g), at(b));
    let mean = (u32::from(rgb.0) + u32::from(rgb.1) + u32::from(rgb.2)) / 3;
    let step = u8::try_from(mean.saturating_sub(3) / 10).unwrap_or(23).min(23);
    let grey = 8 + 10 * step;
    if distance(rgb, (grey, grey, grey)) < distance(rgb, cube) { 232 + step } else { 16 + 36 * r + 6 * g + b }
}

const ANSI: [(Color, Rgb); 16] = [
    (Color::Black, (0, 0, 0)),
    (Color::Red, (170, 0, 0)),
    (Color::Green, (0, 170, 0)),
    (Color::Yellow, (170, 85, 0)),
    (Color::Blue, (0, 0, 170)),
    (Color::Magenta, (170, 0, 170)),
    (Color::Cyan, (0, 170, 170)),
    (Color::Gray, (170, 170, 170)),
    (Color::DarkGray, (85, 85, 85)),
    (Color::LightRed, (255, 85, 85)),
    (Color::LightGreen, (85, 255, 85)),
    (Color::LightYellow, (255, 255, 85)),
    (Color::LightBlue, (85, 85, 255)),
    (Color::LightMagenta, (255, 85, 255)),
    (Color::LightCyan, (85, 255, 255)),
    (Color::White, (255, 255, 255)),
];

fn nearest_ansi(rgb: Rgb) -> Color {
    ANSI.iter().min_by_key(|(_, known)| distance(rgb, *known)).map_or(Color::Reset, |(color, _)| *color)
}

fn distance(a: Rgb, b: Rgb) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    // Eyes tell greens apart best and blues worst.
    3 * square(a.0, b.0) + 4 * square(a.1, b.1) + 2 * square(a.2, b.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(set: &[(&str, &str)]) -> Depth {
        Depth::detect(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_environment_says_how_many_colours_there_are() {
        assert_eq!(detect(&[("COLORTERM", "truecolor"), ("TERM", "xterm")]), Depth::True);
        assert_eq!(detect(&[("TERM", "tmux-256color")]), Depth::Indexed);
        assert_eq!(detect(&[("TERM", "xterm")]), Depth::Ansi);
        assert_eq!(detect(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")]), Depth::None);
        assert_eq!(detect(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), Depth::None);
    }

    #[test]
    fn colours_go_to_the_nearest_there_is() {
        assert_eq!(Depth::Indexed.color(Color::Rgb(255, 0, 0)), Some(Color::Indexed(196)));
        assert_eq!(Depth::Indexed.color(Color::Rgb(40, 40, 40)), Some(Color::Indexed(235)));
        assert_eq!(Depth::Ansi.color(Color::Rgb(250, 90, 90)), Some(Color::LightRed));
        assert_eq!(Depth::None.color(Color::Rgb(250, 90, 90)), None);
    }

    #[test]
    fn without_colours_a_background_is_still_seen() {
        let style = Depth::None.reduce(Style::new().bg(Color::Rgb(1, 2, 3)));
        assert!(style.add_modifier.contains(Modifier::REVERSED) && style.bg.is_none());
    }
}
