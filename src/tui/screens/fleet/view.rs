//! Draws the fleet screen: the top line, the rules, and the parts in between.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use super::beside::{draw_bar, draw_pane};
use super::table::draw_table;
use crate::actions::Action;
use crate::domain::cost::Item;
use crate::domain::ids::PlanId;
use crate::domain::zone::Zone;
use crate::tui::format::{clean, count, cut, distance};
use crate::tui::model::{Model, Role as Who};
use crate::tui::theme::Role;
use crate::tui::view::PaneView;
use crate::tui::widgets::pen::Pen;

/// A screen narrower than this has room for the most important count alone.
const NARROW: usize = 64;

/// Draws everything below the overlays. Returns where the cursor is, if a terminal has the keys.
pub(in crate::tui) fn draw(model: &Model, pane: Option<PaneView<'_>>, buffer: &mut Buffer) -> Option<Position> {
    let areas = model.areas();
    draw_top(model, areas.top, buffer);
    draw_rules(model, buffer);
    draw_table(model, areas.table, buffer);
    if model.gone.is_some() {
        // How it stood, not how it stands.
        buffer.set_style(areas.table, model.setup.theme.style(Role::Muted));
    }
    draw_bar(model, areas.bar, buffer);
    draw_pane(model, pane, areas.terminal, buffer)
}

fn draw_top(model: &Model, area: Rect, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let symbols = &model.setup.symbols;
    let mut pen = Pen::new(area, buffer);
    pen.put(" ", Style::new());
    pen.put("aotui", theme.style(Role::Accent).add_modifier(Modifier::BOLD));
    pen.put("  ", Style::new());
    let columns = usize::from(area.width);
    pen.put(&cut(&plan_name(model), columns / 3, symbols.ellipsis), theme.style(Role::Strong));
    let (sign, word, role) = state(model);
    let narrow = columns < NARROW;
    let word = if narrow && role == Role::Good { String::new() } else { format!(" {word}") };
    pen.put(&format!("  {sign}{word}"), theme.style(role));
    draw_counts(model, &mut pen, narrow);
    let filter = model.table.filter.text();
    if !filter.is_empty() {
        pen.put(&format!("   /{filter}"), theme.style(Role::Accent));
    }
    let problems = model.fleet.live.problems.len();
    if problems > 0 {
        let text = count(problems, "defective file", "defective files");
        pen.right(&format!("{text} {} ", model.key(Action::Problems)), theme.style(Role::Bad));
    }
    if let Some(text) = limit(model) {
        pen.right(&text, theme.style(Role::Muted));
    }
}

/// Says how much of the rate-limit window that is used up most is, and when it begins anew; `None` where none is known.
fn limit(model: &Model) -> Option<String> {
    const CELLS: usize = 8;
    let open = model.fleet.live.limits.open(model.now);
    let (account, window) = *open.first()?;
    let of = if open.iter().all(|(other, _)| *other == account) { "" } else { account };
    let [begin, full, empty, end] = model.setup.symbols.gauge;
    let used = window.used_percent.map(usize::from).map(|used| {
        let cells = (used * CELLS).div_ceil(100).min(CELLS);
        format!("{begin}{}{}{end} {used} %  ", full.repeat(cells), empty.repeat(CELLS - cells))
    });
    let name = clean(&window.name);
    let resets = distance(window.resets_at, model.now);
    let what = format!("{} {name} window", clean(of));
    Some(format!("   {} {}resets {resets} ", what.trim(), used.unwrap_or_default()))
}

/// Counts what works, what needs a person and what is done; on a narrow screen, the second alone.
fn draw_counts(model: &Model, pen: &mut Pen<'_>, narrow: bool) {
    let theme = &model.setup.theme;
    let table = &model.table;
    let needing = table.needing_you();
    let needs = (needing > 0).then(|| (count(needing, "needs you", "need you"), Role::Badge));
    let working = Some((format!("{} working", table.count(Zone::Working)), Role::Text)).filter(|_| !narrow);
    let done = Some((format!("{} done", table.count(Zone::Done)), Role::Muted)).filter(|_| !narrow);
    let mut glue = if narrow { "  " } else { "   " }.to_owned();
    let used = used(model).map(|used| (used, Role::Muted)).filter(|_| !narrow);
    for (text, role) in [working, needs, done, used].into_iter().flatten() {
        pen.put(&glue, theme.style(Role::Muted));
        pen.put(&text, theme.style(role));
        glue = format!(" {} ", model.setup.symbols.dot);
    }
}

/// Says what the agents of everything shown used up; `None` where they told of nothing.
fn used(model: &Model) -> Option<String> {
    let fleet = &model.fleet;
    let shown = |plan: &PlanId| model.setup.plan.as_ref().is_none_or(|only| only == plan);
    let tickets = fleet.tickets.values().filter(|ticket| shown(&ticket.brief.key.plan));
    let items: Vec<Item> = tickets.flat_map(|ticket| fleet.items(ticket)).collect();
    let bill = fleet.bill(&items);
    (!bill.is_empty()).then(|| bill.to_string())
}

fn plan_name(model: &Model) -> String {
    let plans = &model.fleet.plans;
    let only = model.setup.plan.as_ref().and_then(|plan| plans.get(plan));
    match (only, plans.len()) {
        (Some(plan), _) => clean(&plan.name),
        (None, 0) => "no plan yet".to_owned(),
        (None, 1) => plans.values().next().map(|plan| clean(&plan.name)).unwrap_or_default(),
        (None, n) => format!("{n} plans"),
    }
}

/// Says how everything stands: a sign, a word and its colour.
fn state(model: &Model) -> (&'static str, &'static str, Role) {
    let symbols = &model.setup.symbols;
    let fleet = &model.fleet;
    let plans = fleet.plans.values();
    let mut shown = plans.filter(|plan| model.setup.plan.as_ref().is_none_or(|only| plan.id == *only)).peekable();
    let all_paused = shown.peek().is_some() && shown.all(|plan| plan.paused);
    match model.setup.who {
        _ if model.gone.is_some() => (symbols.failed, "no engine", Role::Bad),
        _ if model.fleet.live.stalled.is_some() => (symbols.failed, "stalled: nothing starts", Role::Bad),
        _ if fleet.mode.is_frozen() => (symbols.paused, "frozen", Role::Warn),
        _ if fleet.has_stopped() => (symbols.paused, "stopped", Role::Warn),
        _ if !fleet.mode.is_working() => (symbols.paused, "stopping", Role::Warn),
        _ if all_paused => (symbols.paused, "paused", Role::Warn),
        Who::Owner => (symbols.running, "running", Role::Good),
        Who::Client => (symbols.running, "running elsewhere", Role::Good),
    }
}

fn draw_rules(model: &Model, buffer: &mut Buffer) {
    let theme = &model.setup.theme;
    let [across, down, meets_down, meets_up] = model.setup.symbols.rule;
    let areas = model.areas();
    let quiet = theme.style(Role::Rule);
    let focus = if model.attached() { theme.style(Role::RuleFocus) } else { quiet };
    for (rule, meets) in [(areas.top_rule, meets_down), (areas.bottom_rule, meets_up)] {
        for x in rule.left()..rule.right() {
            let at_split = rule.height > 0 && areas.rule.width > 0 && x == areas.rule.x;
            let right = x >= areas.rule.x && areas.rule.width > 0;
            put(buffer, (x, rule.y), if at_split { meets } else { across }, if right { focus } else { quiet }, rule);
        }
    }
    for y in areas.rule.top()..areas.rule.bottom() {
        put(buffer, (areas.rule.x, y), down, focus, areas.rule);
    }
}

fn put(buffer: &mut Buffer, (x, y): (u16, u16), symbol: &str, style: Style, within: Rect) {
    if within.contains(Position::new(x, y)) {
        buffer.set_stringn(x, y, symbol, 1, style);
    }
}
