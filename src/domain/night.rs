//! The hours in which work starts that nobody looks after: from when to when, by the clock on the wall.

use jiff::Timestamp as Moment;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::budget::Budget;
use super::time::Timestamp;

/// The hours of a day, over midnight where they end earlier than they start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Night {
    /// When work starts.
    pub start: Minute,
    /// From when on nothing new is begun; what runs goes on.
    pub drain: Minute,
    /// When what still runs is ended, to go on in the next night.
    pub stop: Minute,
    /// The days on whose evening there is one; never empty.
    pub days: Vec<Day>,
    /// Whose clocks are meant.
    pub zone: ZoneName,
    /// What all agents together may use up in one of them; `None` means as much as they like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// A time of day, in minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minute(pub u16);

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A time zone with the rules by which its clocks are set, known by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneName(TimeZone);

/// How a moment lies to the nights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Whether work starts, is let run out, or rests.
    pub part: Part,
    /// When that changes.
    pub until: Timestamp,
    /// When the last night began that did; `None` where none did within a fortnight.
    pub began: Option<Timestamp>,
    /// When the last night was over that is; `None` as above.
    pub over: Option<Timestamp>,
    /// When the next night begins.
    pub begins: Timestamp,
}

impl Hours {
    /// Says why nothing starts, as half a sentence; `start` is what the wall shows then.
    pub fn why(&self, start: Minute) -> String {
        match self.part {
            Part::Night => String::new(),
            Part::Drain => format!("the night runs out: nothing new starts until {start}"),
            Part::Day => format!("outside the night window, which starts at {start}"),
        }
    }
}

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// It is night: work starts.
    Night,
    /// The night ends: what runs goes on.
    Drain,
    /// It is day: nothing works by itself.
    Day,
}

impl Day {
    /// All of them with their short names, the first one of the week first.
    pub const ALL: [(&'static str, Self); 7] = [
        ("mon", Self::Mon),
        ("tue", Self::Tue),
        ("wed", Self::Wed),
        ("thu", Self::Thu),
        ("fri", Self::Fri),
        ("sat", Self::Sat),
        ("sun", Self::Sun),
    ];

    fn is(self, weekday: Weekday) -> bool {
        self as i8 == weekday.to_monday_zero_offset()
    }
}

impl Minute {
    /// Reads `22:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let plain = |text: &str| text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hour, minute): (u16, u16) =
            (hour.parse().ok().filter(|_| plain(hour))?, minute.parse().ok().filter(|_| plain(minute))?);
        (hour < 24 && minute < 60).then_some(Self(hour * 60 + minute))
    }

    fn time(self) -> Time {
        let part = |n: u16| i8::try_from(n).unwrap_or_default();
        Time::new(part(self.0 / 60 % 24), part(self.0 % 60), 0, 0).unwrap_or_default()
    }

    /// Returns how many minutes it is after `earlier`, tomorrow where it has to be.
    pub fn after(self, earlier: Self) -> u16 {
        (self.0 + 1440 - earlier.0 % 1440) % 1440
    }
}

impl std::fmt::Display for Minute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl ZoneName {
    /// Returns the zone that is called so; `None` where nobody knows it.
    pub fn new(name: &str) -> Option<Self> {
        let zone = TimeZone::get(name).ok()?;
        zone.iana_name().is_some().then_some(Self(zone))
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Returns the moment at which its clocks show this; where they are set then, the first moment after it.
    fn moment(&self, date: Date, minute: Minute) -> Option<Timestamp> {
        let zoned = date.to_datetime(minute.time()).to_zoned(self.0.clone()).ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond()))
    }
}

impl Serialize for ZoneName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::new(&name).ok_or_else(|| de::Error::custom(format!("there is no time zone `{name}`")))
    }
}

/// Days that are looked at to find a night: a week and a day, and one more for those who skip a day.
const DAYS: i64 = 9;

impl Night {
    /// Says how `now` lies to the nights; `None` where no clock can tell.
    pub fn at(&self, now: Timestamp) -> Option<Hours> {
        let today = Moment::from_millisecond(now.0).ok()?.to_zoned(self.zone.0.clone()).date();
        let nights: Vec<[Timestamp; 3]> = (-DAYS..=DAYS).filter_map(|days| self.on(today, days)).collect();
        let begins = nights.iter().map(|[start, ..]| *start).find(|start| *start > now)?;
        let began = nights.iter().map(|[start, ..]| *start).rfind(|start| *start <= now);
        let over = nights.iter().map(|[_, _, stop]| *stop).rfind(|stop| *stop <= now);
        let current = nights.iter().find(|[start, _, stop]| (*start..*stop).contains(&now));
        let (part, until) = match current {
            Some([_, drain, _]) if now < *drain => (Part::Night, *drain),
            Some([_, _, stop]) => (Part::Drain, *stop),
            None => (Part::Day, begins),
        };
        Some(Hours { part, until, began, over, begins })
    }

    /// Returns when the night begins, drains and is over that begins so many days after `today`.
    fn on(&self, today: Date, days: i64) -> Option<[Timestamp; 3]> {
        let date = today.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        if !self.days.iter().any(|day| day.is(date.weekday())) {
            return None;
        }
        let next = date.tomorrow().ok()?;
        let moment = |minute: Minute| self.zone.moment(if minute > self.start { date } else { next }, minute);
        let [start, drain, stop] = [self.zone.moment(date, self.start)?, moment(self.drain)?, moment(self.stop)?];
        Some([start, drain, stop])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(days: &[Day]) -> Night {
        let minute = |text| Minute::parse(text).unwrap();
        Night {
            start: minute("22:00"),
            drain: minute("06:30"),
            stop: minute("07:00"),
            days: days.to_vec(),
            zone: ZoneName::new("Europe/Berlin").unwrap(),
            budget: None,
        }
    }

    fn every() -> Night {
        night(&Day::ALL.map(|(_, day)| day))
    }

    fn moment(text: &str) -> Timestamp {
        let zoned: jiff::Zoned = format!("{text}[Europe/Berlin]").parse().unwrap();
        Timestamp(zoned.timestamp().as_millisecond())
    }

    fn at(night: &Night, text: &str) -> (Part, Timestamp, Timestamp) {
        let hours = night.at(moment(text)).unwrap();
        (hours.part, hours.until, hours.begins)
    }

    #[test]
    fn a_night_goes_over_midnight_and_each_moment_knows_what_comes_next() {
        let day = moment("2026-11-21T22:00");
        assert_eq!(at(&every(), "2026-11-21T21:59:59"), (Part::Day, day, day));
        let next = moment("2026-11-22T22:00");
        assert_eq!(at(&every(), "2026-11-21T22:00"), (Part::Night, moment("2026-11-22T06:30"), next));
        assert_eq!(at(&every(), "2026-11-22T03:00"), (Part::Night, moment("2026-11-22T06:30"), next));
        assert_eq!(at(&every(), "2026-11-22T06:30"), (Part::Drain, moment("2026-11-22T07:00"), next));
        assert_eq!(at(&every(), "2026-11-22T07:00"), (Part::Day, next, next));
        let hours = every().at(moment("2026-11-22T12:00")).unwrap();
        assert_eq!((hours.began, hours.over), (Some(day), Some(moment("2026-11-22T07:00"))));
    }

    #[test]
    fn on_the_days_that_clocks_are_set_the_wall_is_right() {
        // In spring the night of 9 hours has 8, in autumn 10.
        for (evening, morning, hours) in [("2026-03-28", "2026-03-29", 8), ("2026-10-24", "2026-10-25", 10)] {
            let (part, drain, _) = at(&every(), &format!("{evening}T22:30"));
            assert_eq!((part, drain), (Part::Night, moment(&format!("{morning}T06:30"))));
            let stop = at(&every(), &format!("{morning}T06:45")).1;
            assert_eq!(stop.millis_since(moment(&format!("{evening}T22:00"))), hours * 3_600_000);
        }
        let odd = Night { start: Minute(150), drain: Minute(200), stop: Minute(200), ..every() };
        assert_eq!(at(&odd, "2026-03-29T01:00").2, moment("2026-03-29T03:30"), "02:30 does not exist");
    }

    #[test]
    fn nights_of_working_days_begin_on_their_evenings() {
        let week = night(&[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri]);
        // 2026-11-21 is a Saturday.
        assert_eq!(at(&week, "2026-11-21T03:00").0, Part::Night, "Friday's night");
        assert_eq!(at(&week, "2026-11-21T23:00"), (Part::Day, moment("2026-11-23T22:00"), moment("2026-11-23T22:00")));
        let once = night(&[Day::Sat]);
        assert_eq!(at(&once, "2026-11-21T21:00").2, moment("2026-11-21T22:00"));
        assert_eq!(at(&once, "2026-11-21T22:00").2, moment("2026-11-28T22:00"));
    }

    #[test]
    fn it_is_written_and_read_as_it_is() {
        let text = serde_json::to_string(&night(&[Day::Sat])).unwrap();
        assert_eq!(text, r#"{"start":1320,"drain":390,"stop":420,"days":["sat"],"zone":"Europe/Berlin"}"#);
        assert_eq!(serde_json::from_str::<Night>(&text).unwrap(), night(&[Day::Sat]));
        for bad in ["", "25:00", "7", "07:60", "+7:00", "7:5x", "007:00"] {
            assert_eq!(Minute::parse(bad), None, "{bad}");
        }
        assert_eq!(Minute::parse("7:05").map(|minute| minute.to_string()), Some("07:05".into()));
    }
}
