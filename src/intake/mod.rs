//! Lists of work that people bring: Markdown checklists, JSON, CSV. Text in, items and defects with their places out.
//!
//! A list is read by [`read`] into items as it tells them, and [`settle`] makes new tickets of them: with ids, workflows
//! and blockers, or with every reason why not. Pure: reads no file, changes nothing. What a list says is data: no value of
//! it becomes code, an option or a path unchecked.

mod csv;
mod markdown;
mod objects;
mod phrases;
mod settle;

pub use settle::{Choice, Ground, Judged, Settled, Settling, settle};

use std::cell::Cell;

use crate::config::fields::Report;
use crate::config::yaml::Mark;
use crate::domain::problem::Problem;

/// Most items of one list.
const MAX_ITEMS: usize = 2000;

/// Longest title, in characters.
pub const MAX_TITLE: usize = 200;

/// Longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 512 * 1024;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A Markdown checklist.
    Markdown,
    /// JSON: a plan with its tickets, a list of objects, or what a tracker gives out.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

impl Form {
    /// Returns the form of a list, by the name of its file, else by how it begins.
    pub fn of(name: &str, text: &str) -> Self {
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let first = start.lines().next().unwrap_or_default();
        match ending.as_str() {
            "json" => Self::Json,
            "csv" | "tsv" => Self::Csv,
            "md" | "markdown" => Self::Markdown,
            _ if start.starts_with('{') || start.starts_with("[{") => Self::Json,
            _ if start.starts_with('[') && start.get(1..).is_some_and(|rest| rest.trim_start().starts_with('{')) => {
                Self::Json
            }
            _ if csv::is_header(first) => Self::Csv,
            _ => Self::Markdown,
        }
    }
}

/// What a list says, as it says it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct List {
    /// What it says of the plan; `None` where it speaks of tickets alone.
    pub plan: Option<PlanWords>,
    /// Its items in order.
    items: Vec<Item>,
    /// What was left out or not understood, and does no harm.
    notes: Vec<Problem>,
}

/// What a list says of the plan its items belong to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanWords {
    /// Its id.
    pub id: Option<Marked>,
    /// What people call it.
    pub name: Option<Marked>,
    /// The repository.
    pub repo: Option<Marked>,
    /// The workflow of tickets that name none.
    pub workflow: Option<Marked>,
    /// The agent of tickets that name none.
    pub agent: Option<Marked>,
    /// The branch tickets start from and land on.
    pub base: Option<Marked>,
    /// Where its worktrees are made.
    pub worktree_root: Option<Marked>,
}

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marked {
    /// The word.
    pub text: String,
    at: Mark,
}

impl Marked {
    /// Says what is wrong with it in the list the user calls `label`.
    pub fn problem(&self, label: &str, message: impl Into<String>) -> Problem {
        Problem::in_file(label, message).at(self.at.line, self.at.column)
    }
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Default)]
struct Item {
    at: Mark,
    /// Its id, where the list gives one.
    id: Option<Marked>,
    /// What else other items may call it, as `#12`.
    alias: Option<String>,
    title: String,
    description: String,
    criteria: Vec<String>,
    labels: Vec<String>,
    link: Option<String>,
    workflow: Option<Marked>,
    agent: Option<Marked>,
    face: Option<Marked>,
    /// What its agents may use up, as `tokens=200k,cost=5`.
    budget: Option<Marked>,
    /// Where it is worked on, for lists in our own form.
    repo: Option<Marked>,
    branch: Option<Marked>,
    worktree: Option<Marked>,
    needs: Vec<Need>,
    /// Lower starts first; `None` keeps the order of the list.
    order: Option<f64>,
    /// Why there is nothing to do for it.
    done: Option<String>,
}

/// Another item that has to be complete before.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    name: Marked,
    /// Whether it was said in so many words, so that it must not be overlooked; else it was found in prose.
    explicit: bool,
}

/// Reads a list that the user calls `label`; every defect is returned with its place.
pub fn read(label: &str, text: &str, form: Form) -> Result<List, Vec<Problem>> {
    let mut report = Report::new(label);
    let mut list = match form {
        Form::Markdown => markdown::read(text, &mut report),
        Form::Json => objects::read(label, text, &mut report),
        Form::Csv => csv::read(text, &mut report),
    };
    list.items.sort_by(|a, b| match (a.order, b.order) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => std::cmp::Ordering::Equal,
    });
    for item in &list.items {
        if item.title.is_empty() && item.done.is_none() {
            report.error(item.at, "this has no title", "say in one line what is wanted");
        }
        if item.description.len() > MAX_DESCRIPTION {
            report.error(item.at, "the description is longer than 512 KiB", "shorten it");
        }
    }
    if list.items.len() > MAX_ITEMS {
        let message = format!("the list has {} items, and {MAX_ITEMS} is the most", list.items.len());
        report.error(Mark { line: 1, column: 1 }, message, "split it");
    }
    if list.items.is_empty() && report.errors.is_empty() {
        let hint = match form {
            Form::Markdown => "write one line for each ticket: `- [ ] What is wanted`",
            Form::Json => "it should be a list of objects that have a `title`, or an object with such a list",
            Form::Csv => "its first line should name the columns, one of them `title`",
        };
        report.error(Mark { line: 1, column: 1 }, "there is nothing to be done in this list", hint);
    }
    list.notes.append(&mut report.warnings);
    if report.errors.is_empty() { Ok(list) } else { Err(report.errors) }
}

/// Lines and columns of offsets in a text, from 1. Cheap where offsets mostly ascend.
#[derive(Debug, Clone)]
struct Places<'t> {
    text: &'t str,
    last: Cell<(usize, Mark)>,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, last: Cell::new((0, Mark { line: 1, column: 1 })) }
    }

    fn at(&self, offset: usize) -> Mark {
        let (last, mark) = self.last.get();
        let (from, mut mark) = if last <= offset { (last, mark) } else { (0, Mark { line: 1, column: 1 }) };
        for c in self.text.get(from..offset).unwrap_or_default().chars() {
            mark = if c == '\n' {
                Mark { line: mark.line.saturating_add(1), column: 1 }
            } else {
                Mark { line: mark.line, column: mark.column.saturating_add(1) }
            };
        }
        self.last.set((offset, mark));
        mark
    }
}

#[cfg(test)]
mod tests;
