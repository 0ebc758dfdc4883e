//! When a limit ends, in the words of agent programs.
//!
//! Known phrasings: `resets 12:50am (America/Los_Angeles)`, `resets at 3pm`, `try again in 2 days 3 hours 5 minutes`,
//! `retry in 34.07s`, `will reset after 5h16m55s`, `retry-after: 7200`, `limit reached|1795224931`, and the member
//! `resetsAt` as seconds since the epoch or as a date.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Moment, Zoned};

use crate::domain::ticket::FailureClass;
use crate::domain::time::Timestamp;

/// Longest wait that is believed.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 31);

/// What time it is, and where.
#[derive(Debug, Clone)]
pub struct Clock(pub Zoned);

impl Clock {
    /// Returns the clock of this machine.
    pub fn now() -> Self {
        Self(Zoned::now())
    }
}

/// Returns when a limit ends that a program tells of; `None` where it does not say, or nothing to be believed.
pub fn reset(words: &str, clock: &Clock) -> Option<Timestamp> {
    let small = words.to_lowercase();
    let found =
        epoch(&small).or_else(|| date(words)).or_else(|| after(&small, clock)).or_else(|| time(words, clock))?;
    let wait = found.duration_since(clock.0.timestamp());
    (wait.is_positive() && wait <= LONGEST).then(|| Timestamp(found.as_millisecond()))
}

/// Returns when another run has a chance after a failure that passes by itself, as far as its words tell.
pub fn next_chance(failure: Option<&(FailureClass, String)>) -> Option<Timestamp> {
    let (class, words) = failure?;
    let passes = matches!(class, FailureClass::UsageLimit | FailureClass::RateLimit | FailureClass::Overloaded);
    passes.then(|| reset(words, &Clock::now())).flatten()
}

/// Reads seconds or milliseconds since the epoch behind a word about resets or a bar.
fn epoch(words: &str) -> Option<Moment> {
    ["resetsat", "resets_at", "reset_at", "resettime", "reached|"].iter().find_map(|sign| {
        let rest = words.split(sign).nth(1)?.trim_start_matches(['"', '\'', ':', '=', ' ']);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let number: i64 = digits.parse().ok()?;
        match digits.len() {
            10 => Moment::from_second(number).ok(),
            13 => Moment::from_millisecond(number).ok(),
            _ => None,
        }
    })
}

/// Reads a whole date and time behind a word about resets.
fn date(words: &str) -> Option<Moment> {
    let at = words.to_lowercase().find("reset")?;
    let is_part = |c: char| c.is_ascii_digit() || "-:TZ.+".contains(c);
    words.get(at..)?.split(|c: char| !is_part(c)).find_map(|word| word.trim_end_matches('.').parse().ok())
}

/// Reads how long it is until then.
fn after(words: &str, clock: &Clock) -> Option<Moment> {
    const SIGNS: [&str; 9] = [
        "retry-after",
        "retry after",
        "retry in",
        "try again in",
        "again after",
        "reset after",
        "resets in",
        "reset in",
        "available in",
    ];
    let rest = SIGNS.iter().find_map(|sign| words.split(sign).nth(1))?;
    let rest = rest.trim_start_matches([':', '=', '"', '\'', ' ']);
    let seconds = span(rest)?;
    clock.0.timestamp().checked_add(SignedDuration::from_secs(seconds)).ok()
}

/// Reads `5h16m55s`, `2 days 3 hours`, `34.07s` or a bare number of seconds from the start of a text.
fn span(text: &str) -> Option<i64> {
    let (mut rest, mut sum, mut found) = (text, 0_f64, false);
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let Ok(number) = rest.get(..end)?.trim_end_matches('.').parse::<f64>() else { break };
        rest = rest.get(end..)?.trim_start_matches(' ');
        let unit: String = rest.chars().take_while(|c| c.is_ascii_alphabetic()).collect();
        let seconds = match unit.as_str() {
            "d" | "day" | "days" => 86_400.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "ms" => 0.001,
            _ if found => break,
            _ => return whole(number),
        };
        rest = rest.get(unit.len()..)?;
        sum += number * seconds;
        found = true;
    }
    if found { whole(sum) } else { None }
}

fn whole(seconds: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
    (0.0..=1e9).contains(&seconds).then(|| seconds.ceil() as i64)
}

/// Reads a time of day, in the named zone or in that of the machine: the next one that comes.
fn time(words: &str, clock: &Clock) -> Option<Moment> {
    let small = words.to_ascii_lowercase();
    let at = ["resets at", "reset at", "resets", "try again at"].iter().find_map(|sign| {
        let start = small.find(sign)? + sign.len();
        words.get(start..)
    })?;
    let at = at.trim_start();
    let end = at.find([' ', ')', '.', ',', ';', '·', '\n']).unwrap_or(at.len());
    let (mut text, mut after) = (at.get(..end)?.to_lowercase(), at.get(end..)?);
    for half in ["am", "pm"] {
        if after.trim_start().to_lowercase().starts_with(half) {
            text.push_str(half);
            after = after.trim_start().get(2..)?;
            break;
        }
    }
    let zone = after.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let zone = zone.and_then(|(name, _)| TimeZone::get(name.trim()).ok());
    let now = clock.0.with_time_zone(zone.unwrap_or_else(|| clock.0.time_zone().clone()));
    let time = time_of_day(&text)?;
    let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
    let next = if today > now { today } else { today.checked_add(jiff::Span::new().days(1)).ok()? };
    Some(next.timestamp())
}

/// Reads `3pm`, `12:50am` or `14:05`.
fn time_of_day(text: &str) -> Option<Time> {
    let (digits, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "0"));
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    match half {
        Some(half) => Time::new((1..=12).contains(&hour).then_some(hour % 12 + half)?, minute, 0, 0).ok(),
        None if digits.contains(':') => Time::new(hour, minute, 0, 0).ok(),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_limit_is_read_from_every_known_phrasing() {
        let clock = Clock("2026-11-21T10:00:00[UTC]".parse().unwrap());
        let now = clock.0.timestamp().as_second();
        let wait = |words: &str| reset(words, &clock).map(|at| at.0 / 1000 - now);
        for (words, seconds) in [
            ("You've hit your limit · resets 12:50pm (UTC)", 10_200),
            ("5-hour limit reached ∙ resets 3pm", 18_000),
            ("resets at 9am (UTC)", 82_800),
            ("resets 12:50am (America/Los_Angeles)", 82_200),
            ("usage limit. Try again in 2 days 3 hours 5 minutes.", 183_900),
            ("Please retry in 34.07s.", 35),
            ("Your quota will reset after 5h16m55s.", 19_015),
            ("429 too many requests, retry-after: 7200", 7200),
            ("Claude AI usage limit reached|1795262400", 1_795_262_400 - now),
            (r#"{"resetsAt":1795262400,"rateLimitType":"five_hour"}"#, 1_795_262_400 - now),
            ("quota resets 2026-11-21T12:00:00Z", 7200),
        ] {
            assert_eq!(wait(words), Some(seconds), "{words}");
        }
        for words in ["usage limit reached", "try again later", "resets soon", "retry in a moment", "resets at 99pm"] {
            assert_eq!(wait(words), None, "{words}");
        }
        assert_eq!(wait("reached|1000000000"), None, "long past");
        assert_eq!(wait("try again in 400 days"), None, "not to be believed");
    }
}
