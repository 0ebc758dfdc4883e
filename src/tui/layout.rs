//! Where everything is: one pure function, used by drawing and by the mouse.

use ratatui::layout::Rect;

/// Narrower than this there is the table or the terminal, not both.
const SPLIT: u16 = 70;

/// Narrower than this a terminal that has the keys takes the whole screen.
const SPLIT_ATTACHED: u16 = 100;

/// Lower than this there are no rules across.
const RULES: u16 = 14;

/// A program is told the width of the pane only from here on; a narrower pane shows a part of its screen.
const NARROWEST_TERMINAL: u16 = 50;

/// What decides the layout besides the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Whether the terminal was given the whole screen.
    pub(super) zoomed: bool,
    /// Whether the terminal has the keys.
    pub(super) attached: bool,
}

/// Where everything is. What is not shown has no area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Areas {
    /// The top line: product, plan, counts.
    pub(super) top: Rect,
    /// The rule below it.
    pub(super) top_rule: Rect,
    /// The table of tickets.
    pub(super) table: Rect,
    /// The rule between table and pane.
    pub(super) rule: Rect,
    /// The line above the terminal: ticket, phase, agent.
    pub(super) bar: Rect,
    /// The terminal.
    pub(super) terminal: Rect,
    /// The rule above the hints.
    pub(super) bottom_rule: Rect,
    /// Hints or a notice.
    pub(super) hints: Rect,
}

impl Areas {
    /// Returns what an overlay may cover: everything between the top line and the hints with the rule above them.
    pub(super) fn body(&self) -> Rect {
        self.top_rule.union(self.table).union(self.bar).union(self.terminal)
    }

    /// Returns the size a session's program should have, or `None` if it should keep its own.
    pub(super) fn terminal_size(&self, attached: bool) -> Option<(u16, u16)> {
        let Rect { width, height, .. } = self.terminal;
        let shown = width > 1 && height > 1 && (attached || width >= NARROWEST_TERMINAL);
        shown.then_some((width, height))
    }
}

/// Lays out a screen.
pub(super) fn areas(screen: Rect, shape: Shape) -> Areas {
    let alone = shape.zoomed || (shape.attached && screen.width < SPLIT_ATTACHED);
    if alone {
        return terminal_alone(screen, shape.attached);
    }
    let ruled = screen.height >= RULES;
    let mut rest = screen;
    let mut areas = Areas { top: take_top(&mut rest, 1), ..Areas::default() };
    areas.hints = take_bottom(&mut rest, 1);
    areas.top_rule = take_top(&mut rest, u16::from(ruled));
    areas.bottom_rule = take_bottom(&mut rest, u16::from(ruled));
    if screen.width < SPLIT {
        areas.table = rest;
        return areas;
    }
    let table = (screen.width.min(1000) * 13 / 25).clamp(38, 88);
    areas.table = Rect { width: table, ..rest };
    areas.rule = Rect { x: table, width: 1, ..rest };
    rest = Rect { x: table + 1, width: rest.width.saturating_sub(table + 1), ..rest };
    areas.bar = take_top(&mut rest, 1);
    areas.terminal = rest;
    areas
}

fn terminal_alone(screen: Rect, attached: bool) -> Areas {
    let mut rest = screen;
    let mut areas = Areas { bar: take_top(&mut rest, 1), ..Areas::default() };
    areas.hints = take_bottom(&mut rest, u16::from(!attached));
    areas.terminal = rest;
    areas
}

fn take_top(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    let taken = Rect { height, ..*rest };
    rest.y += height;
    rest.height -= height;
    taken
}

fn take_bottom(rest: &mut Rect, height: u16) -> Rect {
    let height = height.min(rest.height);
    rest.height -= height;
    Rect { y: rest.y + rest.height, height, ..*rest }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(width: u16, height: u16, zoomed: bool, attached: bool) -> Areas {
        areas(Rect::new(0, 0, width, height), Shape { zoomed, attached })
    }

    #[test]
    fn wide_screens_show_both_and_narrow_ones_the_table() {
        assert_eq!(at(125, 40, false, false).table.width, 65);
        assert_eq!(at(125, 40, false, false).terminal, Rect::new(66, 3, 59, 35));
        assert_eq!(at(60, 20, false, false).terminal, Rect::default());
        assert_eq!(at(60, 20, true, false).terminal, Rect::new(0, 1, 60, 18));
        assert_eq!(at(80, 24, false, true).terminal, Rect::new(0, 1, 80, 23));
    }

    #[test]
    fn a_narrow_preview_leaves_the_program_its_size() {
        assert_eq!(at(80, 24, false, false).terminal_size(false), None);
        assert_eq!(at(125, 40, false, false).terminal_size(false), Some((59, 35)));
    }

    proptest! {
        #[test]
        fn nothing_overlaps_and_nothing_is_outside(w in 0u16..300, h in 0u16..100, zoomed: bool, attached: bool) {
            let a = at(w, h, zoomed, attached);
            let all = [a.top, a.top_rule, a.table, a.rule, a.bar, a.terminal, a.bottom_rule, a.hints];
            for (i, one) in all.iter().enumerate() {
                prop_assert_eq!(one.intersection(Rect::new(0, 0, w, h)).area(), one.area());
                for other in &all[i + 1..] {
                    prop_assert_eq!(one.intersection(*other).area(), 0);
                }
            }
        }
    }
}
