//! What the table shows and what is selected. Sorted once per snapshot, never per frame.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::row::Row;
use crate::domain::fleet::Fleet;
use crate::domain::ids::{PlanId, TicketKey};
use crate::domain::ticket::Ticket;
use crate::domain::time::Timestamp;
use crate::domain::zone::Zone;
use crate::tui::format::width;
use crate::tui::widgets::text_line::TextLine;

/// A line of the table. Numbers point into the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A zone's heading with its number of tickets.
    Zone(Zone, usize),
    /// A ticket.
    Ticket(usize),
    /// Why the ticket above is where it is, and the keys that answer it.
    Why(usize),
}

/// The table.
#[derive(Debug, Default)]
pub(in crate::tui) struct FleetScreen {
    pub(super) rows: Vec<Row>,
    pub(super) lines: Vec<Line>,
    /// Columns of the longest name, phase and worker.
    pub(super) widest: [usize; 3],
    /// Lines above the first visible one.
    pub(super) offset: usize,
    pub(super) folded: BTreeSet<Zone>,
    /// Tickets whose walks are not shown.
    folded_walks: BTreeSet<TicketKey>,
    pub(in crate::tui) filter: TextLine,
    /// Tickets by zone, those the filter hides included.
    counts: [usize; Zone::ALL.len()],
    selected: Option<TicketKey>,
}

impl FleetScreen {
    /// Takes over a snapshot, or a changed filter. The selection stays on its ticket.
    pub(in crate::tui) fn refresh(&mut self, fleet: &Fleet, plan: Option<&PlanId>) {
        let many_plans = plan.is_none() && fleet.plans.len() > 1;
        let shown = |ticket: &&Arc<Ticket>| plan.is_none_or(|plan| ticket.brief.key.plan == *plan);
        let rows = fleet.tickets.values().filter(shown).map(|ticket| Row::of(fleet, ticket, many_plans));
        let mut rows: Vec<Row> = rows.collect();
        self.counts = [0; Zone::ALL.len()];
        for row in &rows {
            if let Some(count) = self.counts.get_mut(row.zone as usize) {
                *count += 1;
            }
        }
        let words: Vec<String> = self.filter.text().to_lowercase().split_whitespace().map(str::to_owned).collect();
        rows.retain(|row| row.matches(&words));
        rows.sort_by(|a, b| a.rank().cmp(&b.rank()));
        self.folded_walks.retain(|key| fleet.ticket(key).is_some_and(|ticket| !ticket.progress.walks.open.is_empty()));
        let rows: Vec<Row> = rows.into_iter().flat_map(|row| self.with_walks(fleet, row)).collect();
        let place = self.selected_row();
        let widest = |text: fn(&Row) -> &str| rows.iter().map(|row| width(text(row))).max().unwrap_or(0);
        self.widest = [widest(|row| &row.name), widest(|row| &row.phase), widest(|row| &row.agent)];
        self.rows = rows;
        if self.selected_row().is_none() {
            let near = place.unwrap_or(0).min(self.rows.len().saturating_sub(1));
            self.selected = self.rows.get(near).map(|row| row.key.clone());
        }
        self.lay_lines();
    }

    /// Returns a ticket's row and those of the walks below it.
    fn with_walks(&self, fleet: &Fleet, row: Row) -> Vec<Row> {
        let ticket = fleet.ticket(&row.key).filter(|ticket| !ticket.progress.walks.open.is_empty());
        let Some(ticket) = ticket.filter(|_| !self.folded_walks.contains(&row.key)) else { return vec![row] };
        let group = row.group;
        let walks = fleet.below(ticket).into_iter().map(|walk| Row::of_walk(fleet, walk, group));
        std::iter::once(row).chain(walks).collect()
    }

    fn lay_lines(&mut self) {
        self.lines.clear();
        let selected = self.selected_row();
        let mut zone = None;
        for (at, row) in self.rows.iter().enumerate() {
            if zone != Some(row.group) {
                zone = Some(row.group);
                let here = self.rows.iter().skip(at).take_while(|other| other.group == row.group);
                let count = here.filter(|other| !other.key.is_walk()).count();
                self.lines.push(Line::Zone(row.group, count));
            }
            if self.folded.contains(&row.group) {
                continue;
            }
            self.lines.push(Line::Ticket(at));
            let says_what_it_does = row.zone == Zone::Working && !row.why.is_empty();
            // What its walks say is right below it.
            let is_divided = !row.key.is_walk() && self.rows.get(at + 1).is_some_and(|next| next.key.is_walk());
            let asks = row.zone.needs_person() && !is_divided;
            if asks || says_what_it_does || selected == Some(at) {
                self.lines.push(Line::Why(at));
            }
        }
    }

    /// Returns the ticket keys act on; `None` if there is none.
    pub(in crate::tui) fn selected(&self) -> Option<&TicketKey> {
        self.selected.as_ref()
    }

    pub(super) fn selected_row(&self) -> Option<usize> {
        let key = self.selected.as_ref()?;
        self.rows.iter().position(|row| row.key == *key)
    }

    /// Returns how many tickets are in a zone, whatever the filter hides.
    pub(in crate::tui) fn count(&self, zone: Zone) -> usize {
        self.counts.get(zone as usize).copied().unwrap_or(0)
    }

    /// Returns how many tickets wait for a person.
    pub(in crate::tui) fn needing_you(&self) -> usize {
        Zone::ALL.into_iter().filter(|zone| zone.needs_person()).map(|zone| self.count(zone)).sum()
    }

    /// Returns the moments that visible times count from or to, where `height` lines are visible.
    pub(in crate::tui) fn visible_moments(&self, height: usize) -> impl Iterator<Item = Timestamp> {
        let visible = self.lines.iter().skip(self.offset).take(height);
        visible.filter_map(|line| match line {
            Line::Ticket(at) => self.rows.get(*at)?.moment,
            Line::Zone(..) | Line::Why(_) => None,
        })
    }

    /// Returns the moment a ticket's time counts from or to.
    pub(in crate::tui) fn moment_of(&self, key: &TicketKey) -> Option<Timestamp> {
        self.rows.iter().find(|row| row.key == *key)?.moment
    }

    /// Selects a ticket, and opens its zone if that is folded. Has no effect for a ticket that is not shown.
    pub(in crate::tui) fn select(&mut self, key: &TicketKey) {
        let Some(row) = self.rows.iter().find(|row| row.key == *key) else { return };
        self.folded.remove(&row.group);
        self.selected = Some(key.clone());
        self.lay_lines();
    }

    /// Selects the ticket `by` places below, above if negative; stops at the ends. A folded zone is one place.
    pub(in crate::tui) fn move_by(&mut self, by: isize) {
        let stops = self.stops();
        let at = self.selected_row().and_then(|row| stops.iter().rposition(|stop| *stop <= row)).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(stops.len().saturating_sub(1));
        self.select_row(stops.get(to).copied());
    }

    /// Selects the next ticket that needs a person, from the top again after the last. Returns whether there is one.
    pub(in crate::tui) fn select_next_needing_you(&mut self) -> bool {
        let after = self.selected_row().map_or(0, |row| row + 1);
        let needs = |at: &usize| self.rows.get(*at).is_some_and(|row| row.zone.needs_person());
        let next = (after..self.rows.len()).find(needs).or_else(|| (0..after).find(needs));
        let key = next.and_then(|at| self.rows.get(at)).map(|row| row.key.clone());
        if let Some(key) = &key {
            self.select(key);
        }
        key.is_some()
    }

    /// Folds the walks below the selected ticket; where it shows none, its zone; or opens both. What is shown of walks
    /// changes with the next [`Self::refresh`].
    pub(in crate::tui) fn toggle_fold(&mut self) {
        let Some(row) = self.selected_row().and_then(|row| self.rows.get(row)) else { return };
        let (ticket, group) = (row.key.root(), row.group);
        let shows_walks = self.rows.iter().any(|row| row.key.is_walk() && row.key.root() == ticket);
        if shows_walks && !self.folded.contains(&group) {
            self.selected = Some(ticket.clone());
            self.folded_walks.insert(ticket);
            return;
        }
        if self.folded.contains(&group) {
            self.folded_walks.remove(&ticket);
        }
        self.toggle_fold_of(group);
    }

    fn toggle_fold_of(&mut self, zone: Zone) {
        if !self.folded.remove(&zone) {
            self.folded.insert(zone);
        }
        self.lay_lines();
    }

    /// Reacts to a click on a visible line, counted from 0. Returns whether it hit something.
    pub(in crate::tui) fn click(&mut self, line: usize) -> bool {
        match self.lines.get(self.offset + line).copied() {
            Some(Line::Ticket(row) | Line::Why(row)) => self.select_row(Some(row)),
            Some(Line::Zone(zone, _)) => self.toggle_fold_of(zone),
            None => return false,
        }
        true
    }

    /// Scrolls so that the selection is within `height` lines, together with its heading where that fits.
    pub(in crate::tui) fn keep_visible(&mut self, height: usize) {
        let (first, last) = self.selected_lines();
        self.offset = self.offset.min(first);
        if last >= self.offset + height {
            self.offset = (last + 1).saturating_sub(height);
        }
        self.offset = self.offset.min(self.lines.len().saturating_sub(height));
    }

    /// Returns the first and last line that should be visible because of the selection.
    fn selected_lines(&self) -> (usize, usize) {
        let Some(selected) = self.selected_row() else { return (0, 0) };
        let of_row = |line: &Line| matches!(line, Line::Ticket(row) | Line::Why(row) if *row == selected);
        let zone = self.rows.get(selected).map(|row| row.group);
        let is_heading = |line: &Line| matches!(line, Line::Zone(of, _) if Some(*of) == zone);
        let heading = self.lines.iter().position(is_heading).unwrap_or(0);
        let first = self.lines.iter().position(of_row).unwrap_or(heading);
        let last = self.lines.iter().rposition(of_row).unwrap_or(heading);
        (if first == heading + 1 { heading } else { first }, last)
    }

    /// Returns the rows that can be selected: all of an open zone, the first of a folded one.
    fn stops(&self) -> Vec<usize> {
        let mut last = None;
        let mut stops = Vec::with_capacity(self.rows.len());
        for (at, row) in self.rows.iter().enumerate() {
            if last != Some(row.group) || !self.folded.contains(&row.group) {
                stops.push(at);
            }
            last = Some(row.group);
        }
        stops
    }

    fn select_row(&mut self, row: Option<usize>) {
        if let Some(row) = row.and_then(|row| self.rows.get(row)) {
            self.selected = Some(row.key.clone());
            self.lay_lines();
        }
    }
}
