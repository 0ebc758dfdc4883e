//! `aotui events`: the journal as a person reads it, one line for each fact, or as JSON lines.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};

use crate::cli::exit::Failure;
use crate::cli::output::{Style, plain};
use crate::cli::progress::Progress;
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::Fleet;
use crate::domain::ids::TicketKey;
use crate::domain::time::Timestamp;

/// Which facts are printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those about this ticket alone.
    pub ticket: Option<TicketKey>,
    /// Those from this moment on.
    pub since: Option<Timestamp>,
}

impl Filter {
    fn lets(&self, recorded: &Recorded) -> bool {
        let about = match &recorded.event {
            Event::Ticket { key, .. } => Some(key),
            Event::TicketPut { brief, .. } => Some(&brief.key),
            _ => None,
        };
        self.ticket.as_ref().is_none_or(|ticket| about == Some(ticket))
            && self.since.is_none_or(|since| recorded.at >= since)
    }
}

/// Tells one fact after the other.
#[derive(Debug)]
pub struct Teller {
    progress: Progress,
    filter: Filter,
    json: bool,
}

impl Teller {
    /// Starts with how everything stood before the first fact.
    pub fn new(before: Fleet, filter: Filter, json: bool) -> Self {
        let style = if json { Style::plain() } else { Style::of_stdout() };
        Self { progress: Progress::of_everything(before, style), filter, json }
    }

    /// Returns the last fact that was told or left out.
    pub fn seq(&self) -> u64 {
        self.progress.fleet().seq
    }

    /// Takes in facts and returns the lines to print; what is known already is left out.
    pub fn tell(&mut self, events: &[Recorded]) -> String {
        let mut text = String::new();
        for recorded in events.iter().filter(|recorded| recorded.seq > self.progress.fleet().seq).collect::<Vec<_>>() {
            let line = self.progress.on_event(recorded);
            if !self.filter.lets(recorded) {
                continue;
            }
            if self.json {
                text.push_str(&serde_json::to_string(recorded).unwrap_or_default());
                text.push('\n');
            } else {
                text.push_str(&line.unwrap_or_default());
            }
        }
        text
    }
}

/// Understands when: `90m`, `2h30m`, `14:05`, `2026-01-31`, or a whole date and time.
pub fn since(typed: &str, now: &Zoned) -> Result<Timestamp, Failure> {
    let typed = typed.trim();
    let moment = |zoned: Zoned| Timestamp(zoned.timestamp().as_millisecond());
    let at = |date: Date, time: Time| date.to_datetime(time).to_zoned(TimeZone::system()).ok().map(moment);
    if let Ok(time) = typed.parse::<Time>().or_else(|_| format!("{typed}:00").parse::<Time>())
        && typed.contains(':')
        && !typed.contains('-')
    {
        let today = now.date();
        // A time that is still to come today is yesterday's.
        let day = if time > now.time() { today.yesterday().unwrap_or(today) } else { today };
        return at(day, time).ok_or_else(|| not_a_moment(typed));
    }
    if let Ok(duration) = typed.parse::<SignedDuration>() {
        let back = now.timestamp().checked_sub(duration.abs()).map_err(|_| not_a_moment(typed))?;
        return Ok(Timestamp(back.as_millisecond()));
    }
    if let Ok(timestamp) = typed.parse::<jiff::Timestamp>() {
        return Ok(Timestamp(timestamp.as_millisecond()));
    }
    let civil = typed.parse::<jiff::civil::DateTime>().ok();
    civil.and_then(|civil| at(civil.date(), civil.time())).ok_or_else(|| not_a_moment(typed))
}

fn not_a_moment(typed: &str) -> Failure {
    Failure::usage(format!("`{}` is no moment", plain(typed)))
        .hint("write how long ago, `90m` or `2h30m`, a time, `14:05`, or a date, `2026-01-31` or `2026-01-31T14:05`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::fixtures::{fleet, key};
    use crate::domain::event::TicketEvent;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn noted(seq: u64, id: &str, what: TicketEvent) -> Recorded {
        Recorded { seq, at: NOW, event: Event::Ticket { key: key(id), what } }
    }

    #[test]
    fn every_fact_is_a_line_even_those_a_run_does_not_mention() {
        let mut teller = Teller::new(fleet(NOW), Filter::default(), false);
        let events = [
            noted(1, "PAY-4", TicketEvent::Started),
            noted(2, "PAY-5", TicketEvent::WaitOver),
            noted(3, "PAY-5", TicketEvent::WorkspaceRemoved { kept_ref: "refs/heads/x\u{1b}[2J".into() }),
            noted(4, "PAY-1", TicketEvent::Paused),
        ];
        let told = teller.tell(&events);
        let words: Vec<&str> = told.lines().map(|line| line.splitn(3, ' ').nth(2).unwrap()).collect();
        assert_eq!(
            words,
            [
                "PAY-4 gets its workspace",
                "PAY-5 may go on",
                "PAY-5 has no workspace any more; its work is on refs/heads/x [2J",
                "PAY-1 held",
            ]
        );
        assert_eq!(teller.tell(&events), "", "nothing is told twice");
        let filter = Filter { ticket: Some(key("PAY-1")), since: Some(NOW) };
        assert_eq!(Teller::new(fleet(NOW), filter, true).tell(&events).lines().count(), 1);
    }

    #[test]
    fn when_is_said_as_people_say_it() {
        let now: Zoned = "2026-01-31T12:00:00[UTC]".parse().unwrap();
        let before = |typed: &str| now.timestamp().as_millisecond() - since(typed, &now).unwrap().0;
        assert_eq!(before("90m"), 90 * 60_000);
        assert_eq!(before("2h30m"), 150 * 60_000);
        assert_eq!(before("2026-01-31T11:00:00Z"), 3_600_000);
        assert!(before("2026-01-30") > 0 && before("23:59") > 0);
        assert!(since("yesterday-ish", &now).unwrap_err().to_string().contains("14:05"));
    }
}
