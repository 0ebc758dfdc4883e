//! Markdown checklists: every open top-level item is a ticket, what is nested in it is what has to be true at the end.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{Item, List, Marked, Need, Places, phrases};
use crate::config::fields::Report;

/// Reads a checklist. Where no item has a box, every top-level item is open.
pub(super) fn read(text: &str, report: &mut Report) -> List {
    let reader = Reader::of(text);
    let boxes = reader.roots.iter().any(|root| root.checked.is_some());
    let mut list = List::default();
    for root in reader.roots.iter().filter(|root| !boxes || root.checked.is_some()) {
        list.items.push(reader.item(root, report));
    }
    list
}

/// Returns the unchecked boxes of a text, as what has to be true at the end.
pub(super) fn open_boxes(text: &str) -> Vec<String> {
    let reader = Reader::of(text);
    let mut boxes = Vec::new();
    let mut left: Vec<&Open> = reader.roots.iter().rev().collect();
    while let Some(open) = left.pop() {
        if open.checked == Some(false) {
            boxes.push(reader.line(open));
        }
        left.extend(open.nested.iter().rev());
    }
    boxes.retain(|text| !text.is_empty());
    boxes
}

/// A list item.
#[derive(Debug, Default, Clone)]
struct Open {
    at: usize,
    checked: Option<bool>,
    /// Its first paragraph.
    head: Option<Range<usize>>,
    head_is_over: bool,
    /// What follows that is no list.
    rest: Vec<Range<usize>>,
    nested: Vec<Open>,
    /// The headings it stands below.
    groups: Vec<String>,
}

#[derive(Debug)]
struct Reader<'t> {
    text: &'t str,
    places: Places<'t>,
    roots: Vec<Open>,
    stack: Vec<Open>,
    /// Up to where everything belongs to a block that was taken as a whole.
    taken: usize,
    groups: Vec<(usize, String)>,
    heading: Option<String>,
}

impl<'t> Reader<'t> {
    fn of(text: &'t str) -> Self {
        let (places, groups) = (Places::new(text), Vec::new());
        let mut reader = Self { text, places, roots: Vec::new(), stack: Vec::new(), taken: 0, groups, heading: None };
        let options = Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            reader.take(&event, range);
        }
        reader
    }

    fn take(&mut self, event: &Event<'_>, range: Range<usize>) {
        if let Event::End(TagEnd::Item) = event {
            if let Some(open) = self.stack.pop() {
                let siblings = self.stack.last_mut().map_or(&mut self.roots, |above| &mut above.nested);
                siblings.push(open);
            }
            return;
        }
        if let Event::Start(Tag::Item) = event {
            let groups = self.groups.iter().map(|(_, title)| title.clone()).collect();
            self.stack.push(Open { at: range.start, groups, ..Open::default() });
            return;
        }
        if range.start < self.taken {
            return;
        }
        match self.stack.last_mut() {
            Some(open) => {
                if let Some(end) = open.take(event, range) {
                    self.taken = end;
                }
            }
            None => self.heading(event),
        }
    }

    fn heading(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                self.groups.retain(|(above, _)| *above < *level as usize);
                self.groups.push((*level as usize, String::new()));
                self.heading = Some(String::new());
            }
            Event::End(TagEnd::Heading(_)) => {
                let title = self.heading.take().unwrap_or_default();
                if let Some((_, group)) = self.groups.last_mut() {
                    *group = title.split_whitespace().collect::<Vec<_>>().join(" ");
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut self.heading {
                    heading.push_str(text);
                }
            }
            _ => {}
        }
    }

    /// Returns the text of an item's first paragraph on one line.
    fn line(&self, open: &Open) -> String {
        one_line(open.head.clone().and_then(|head| self.text.get(head)).unwrap_or_default())
    }

    fn item(&self, open: &Open, report: &mut Report) -> Item {
        let at = self.places.at(open.at);
        let range = open.head.clone().unwrap_or(open.at..open.at);
        let mut head =
            Head { text: self.text, places: &self.places, left: range, item: Item { at, ..Item::default() } };
        head.take_endings();
        head.take_id();
        let (left, mut item) = (head.left, head.item);
        item.title = one_line(self.text.get(left.clone()).unwrap_or_default());
        for (offset, name) in self.text.get(left.clone()).map(phrases::names).unwrap_or_default() {
            let name = Marked { text: name.to_owned(), at: self.places.at(left.start + offset) };
            item.needs.push(Need { name, explicit: false });
        }
        if open.checked == Some(true) {
            item.done = Some("it is checked".to_owned());
        }
        let mut parts: Vec<String> = open.rest.iter().map(|range| self.block(range.clone())).collect();
        for (range, part) in open.rest.iter().zip(&parts) {
            for (_, name) in phrases::names(part) {
                let at = self.text.get(range.clone()).and_then(|source| source.find(name)).unwrap_or_default();
                let name = Marked { text: name.to_owned(), at: self.places.at(range.start + at) };
                item.needs.push(Need { name, explicit: false });
            }
        }
        let groups: Vec<&str> = open.groups.iter().map(String::as_str).filter(|group| !group.is_empty()).collect();
        if !groups.is_empty() {
            parts.push(format!("Part of: {}", groups.join(" / ")));
        }
        item.description = parts.join("\n\n");
        item.labels.extend(open.groups.iter().filter(|group| !group.is_empty()).cloned());
        if item.done.is_none() {
            self.criteria(open, &mut item.criteria, report);
        }
        item
    }

    fn criteria(&self, open: &Open, criteria: &mut Vec<String>, report: &mut Report) {
        for nested in &open.nested {
            let parts =
                std::iter::once(self.line(nested)).chain(nested.rest.iter().map(|rest| self.block(rest.clone())));
            let text = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
            if nested.checked == Some(true) {
                let message = format!("left out, it is checked: “{}”", one_line(&text));
                report.warn(self.places.at(nested.at), message, "");
                continue;
            }
            if !text.is_empty() {
                criteria.push(text);
            }
            self.criteria(nested, criteria, report);
        }
    }

    /// Returns a block without the indentation that its item gives it.
    fn block(&self, range: Range<usize>) -> String {
        let indent = usize::try_from(self.places.at(range.start).column).unwrap_or(1).saturating_sub(1);
        let mut lines = self.text.get(range).unwrap_or_default().trim_end().lines();
        let first = lines.next().unwrap_or_default().to_owned();
        let rest = lines.map(|line| {
            let blank = line.chars().take(indent).take_while(|c| c.is_whitespace()).map(char::len_utf8).sum::<usize>();
            line.get(blank..).unwrap_or_default()
        });
        std::iter::once(first.as_str()).chain(rest).collect::<Vec<_>>().join("\n")
    }
}

impl Open {
    /// Takes in what stands in the item; returns where a block ends that is taken as a whole.
    fn take(&mut self, event: &Event<'_>, range: Range<usize>) -> Option<usize> {
        match event {
            Event::TaskListMarker(checked) => self.checked = Some(*checked),
            Event::Start(Tag::Paragraph) if self.head.is_none() => {}
            Event::Start(Tag::List(_)) | Event::End(TagEnd::Paragraph) => self.head_is_over = true,
            Event::End(_) => {}
            Event::Start(
                Tag::Paragraph
                | Tag::CodeBlock(_)
                | Tag::BlockQuote(_)
                | Tag::HtmlBlock
                | Tag::Table(_)
                | Tag::Heading { .. },
            ) => {
                let end = range.end;
                self.head_is_over = true;
                self.rest.push(range);
                return Some(end);
            }
            _ if self.head_is_over => {
                let end = range.end;
                self.rest.push(range);
                return Some(end);
            }
            _ => {
                let start = self.head.as_ref().map_or(range.start, |head| head.start);
                let end = self.head.as_ref().map_or(range.end, |head| head.end.max(range.end));
                self.head = Some(start..end);
            }
        }
        None
    }
}

/// The line that says what is wanted, with what stands in it besides.
struct Head<'r, 't> {
    text: &'t str,
    places: &'r Places<'t>,
    left: Range<usize>,
    item: Item,
}

impl Head<'_, '_> {
    /// Takes `(after: T-1)`, `(workflow: bugfix)`, `(agent: codex)`, `(budget: cost=5)` and `(label: bug)` from the end.
    fn take_endings(&mut self) {
        while let Some(text) = self.text.get(self.left.clone()).map(str::trim_end) {
            let Some(open) = text.ends_with(')').then(|| text.rfind('(')).flatten() else { return };
            let inner = text.get(open + 1..text.len() - 1).unwrap_or_default();
            let begin = self.left.start + open + 1;
            if !self.ending(inner, begin) {
                return;
            }
            self.left.end = begin - 1;
        }
    }

    fn ending(&mut self, inner: &str, begin: usize) -> bool {
        if let Some(found) = phrases::explicit(inner) {
            for (offset, name) in found {
                let name = Marked { text: name.to_owned(), at: self.places.at(begin + offset) };
                self.item.needs.push(Need { name, explicit: true });
            }
            return true;
        }
        let Some((key, value)) = inner.split_once(':') else { return false };
        let offset = key.len() + 1 + value.len() - value.trim_start().len();
        let value = Marked { text: value.trim().to_owned(), at: self.places.at(begin + offset) };
        match key.trim().to_ascii_lowercase().as_str() {
            "workflow" => self.item.workflow = Some(value),
            "agent" => self.item.agent = Some(value),
            "budget" => self.item.budget = Some(value),
            "label" | "labels" => self.item.labels.extend(value.text.split(',').map(|label| label.trim().to_owned())),
            _ => return false,
        }
        true
    }

    /// Takes the id that the line begins with: `T-1: …`, `[T-1] …` or `#12 …`.
    fn take_id(&mut self) {
        let text = self.text.get(self.left.clone()).unwrap_or_default();
        let (lead, inner) = match text.strip_prefix('[') {
            Some(rest) => (1, rest.split_once(']').map(|(word, rest)| (word, rest.trim_start_matches(':')))),
            None => (
                0,
                text.split_once([':', ' ']).filter(|(word, _)| {
                    // A bare number is a name by its sign; a bare word is one only in front of a colon: "UTF-8 in titles".
                    word.starts_with('#') || text.get(word.len()..).is_some_and(|rest| rest.starts_with(':'))
                }),
            ),
        };
        let Some((word, rest)) = inner.filter(|(word, rest)| phrases::is_name(word) && !rest.trim().is_empty()) else {
            return;
        };
        let at = self.places.at(self.left.start + lead);
        let id = match word.strip_prefix('#') {
            Some(number) => {
                self.item.alias = Some(word.to_owned());
                format!("GH-{number}")
            }
            None => word.to_owned(),
        };
        self.item.id = Some(Marked { text: id, at });
        self.left.start = self.left.end - rest.len();
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
