//! A text for an agent: why not, or the answer to its question.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Widget;
use tui_textarea::TextArea;

use crate::actions::Action;
use crate::domain::decision::Seen;
use crate::domain::ids::{RequestId, TicketKey};
use crate::domain::session::Ask;
use crate::domain::ticket::Ticket;
use crate::tui::format::{clean, wrap};
use crate::tui::input::KeyPress;
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// Longest text, in bytes.
const MAX: usize = 64 * 1024;

/// What the text is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) enum Purpose {
    /// Says no to what was seen.
    Reject(Seen),
    /// Answers a question.
    Reply(RequestId),
    /// Tells the agent more.
    Tell,
}

impl Purpose {
    /// Returns what is decided on.
    pub(super) fn seen(&self) -> Seen {
        match self {
            Purpose::Reject(seen) => seen.clone(),
            Purpose::Reply(request) => Seen::request(request.clone()),
            Purpose::Tell => Seen::default(),
        }
    }
}

/// A text being written.
#[derive(Debug)]
pub(in crate::tui) struct Form {
    pub(in crate::tui) ticket: TicketKey,
    pub(in crate::tui) purpose: Purpose,
    /// What is asked; empty where the title says it all.
    question: String,
    /// Answers the agent suggests.
    pub(in crate::tui) options: Vec<String>,
    suggested: usize,
    area: TextArea<'static>,
}

impl Form {
    pub(in crate::tui) fn new(ticket: &Ticket, purpose: Purpose) -> Self {
        let seen = purpose.seen();
        let request = ticket.progress.requests.iter().find(|request| Some(&request.id) == seen.request.as_ref());
        let (question, options) = match request.map(|request| &request.ask) {
            Some(Ask::Question { text, options }) => (text.clone(), options.clone()),
            Some(Ask::Permission { tool, detail, .. }) => (format!("{tool}: {detail}"), Vec::new()),
            None => (String::new(), Vec::new()),
        };
        let options = if matches!(purpose, Purpose::Reply(_)) { options } else { Vec::new() };
        let options = options.iter().map(|option| clean(option)).collect();
        Self { ticket: ticket.brief.key.clone(), purpose, question, options, suggested: 0, area: area(String::new()) }
    }

    pub(in crate::tui) fn text(&self) -> String {
        self.area.lines().join("\n").trim().to_owned()
    }

    pub(super) fn press(&mut self, key: KeyPress) {
        if self.area.lines().iter().map(String::len).sum::<usize>() < MAX {
            self.area.input(key.event);
        } else {
            self.area.delete_char();
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        let text: String = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<String> = text.split('\n').map(clean).collect();
        let room = MAX.saturating_sub(self.text().len());
        self.area.insert_str(lines.join("\n").chars().take(room / 4).collect::<String>());
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::NewLine => self.area.insert_newline(),
            Action::Suggest => {
                if let Some(option) = self.options.get(self.suggested) {
                    self.area = area(option.clone());
                    self.suggested = (self.suggested + 1) % self.options.len();
                }
            }
            _ => {}
        }
    }

    pub(super) fn title(&self) -> String {
        match self.purpose {
            Purpose::Reject(_) => format!("{}: why not? The agent reads it", self.ticket.ticket),
            Purpose::Reply(_) => format!("{} asks", self.ticket.ticket),
            Purpose::Tell => format!("{}: what else? The agent reads it", self.ticket.ticket),
        }
    }

    /// Returns what stands above the text.
    pub(super) fn lines(&self, model: &Model, columns: usize) -> Vec<Line<'static>> {
        let theme = &model.setup.theme;
        let styled = |text: &str, role| -> Vec<Line<'static>> {
            wrap(text, columns).into_iter().map(|line| Line::styled(line, theme.style(role))).collect()
        };
        let mut lines = styled(&self.question, Role::Text);
        for option in &self.options {
            lines.extend(styled(&format!("{} {option}", model.setup.symbols.dot), Role::Muted));
        }
        lines
    }

    /// Returns how many lines the text would like.
    pub(super) fn text_height(&self) -> usize {
        self.area.lines().len().clamp(3, 10)
    }

    pub(super) fn draw(&self, model: &Model, inner: Rect, buffer: &mut Buffer) {
        let lines = self.lines(model, usize::from(inner.width));
        // The text being written comes first where there is not room for both.
        let room = inner.height.saturating_sub(u16::try_from(self.text_height()).unwrap_or(3).min(inner.height));
        let above = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(room);
        for (y, line) in (inner.y..inner.y + above).zip(&lines) {
            line.render(Rect { y, height: 1, ..inner }, buffer);
        }
        let area = Rect { y: inner.y + above, height: inner.height - above, ..inner };
        if !area.is_empty() {
            self.area.render(area, buffer);
            let (text, key) = (model.setup.theme.style(Role::Text), model.setup.theme.style(Role::Muted));
            buffer.set_style(area, text);
            if self.area.is_empty() && area.width > 2 {
                let placeholder = match self.purpose {
                    Purpose::Reject(_) => "a note, or nothing",
                    Purpose::Reply(_) => "your answer",
                    Purpose::Tell => "what it shall do",
                };
                buffer.set_stringn(area.x + 2, area.y, placeholder, usize::from(area.width - 2), key);
            }
        }
    }
}

fn area(text: String) -> TextArea<'static> {
    let mut area = TextArea::new(vec![text]);
    area.set_cursor_line_style(Style::default());
    area.set_wrap_mode(tui_textarea::WrapMode::WordOrGlyph);
    area.move_cursor(tui_textarea::CursorMove::End);
    area
}
