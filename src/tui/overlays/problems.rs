//! What keeps everything from going on, and the defective files: what is wrong where, and what to do about it.

use ratatui::text::Line;

use crate::tui::format::wrap;
use crate::tui::model::Model;
use crate::tui::theme::Role;

const NOTHING_STARTS: &str = "nothing can be recorded, so nothing starts";
const GOES_ON: &str = "sessions go on, and so does everything else by itself once this is settled";

pub(super) fn lines(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = &model.setup.theme;
    let mut lines = Vec::new();
    if let Some(why) = &model.fleet.live.stalled {
        let text = [(NOTHING_STARTS, Role::Strong), (why, Role::Bad), (GOES_ON, Role::Muted)];
        for (text, role) in text {
            lines.extend(wrap(text, columns).into_iter().map(|line| Line::styled(line, theme.style(role))));
        }
        lines.push(Line::default());
    }
    for problem in &model.fleet.live.problems {
        let place = match problem.line {
            Some(line) => format!("{}:{line}:{}", problem.file, problem.column.unwrap_or(1)),
            None => problem.file.clone(),
        };
        let hint = problem.hint.as_deref().unwrap_or_default();
        for (text, role) in [(place.as_str(), Role::Strong), (&problem.message, Role::Bad), (hint, Role::Muted)] {
            lines.extend(wrap(text, columns).into_iter().map(|line| Line::styled(line, theme.style(role))));
        }
        lines.push(Line::default());
    }
    lines.pop();
    lines
}
