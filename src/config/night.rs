//! Reads the hours in which work starts by itself.

use super::fields::{At, Fields, Report, meant};
use super::house_rules;
use super::yaml::Node;
use crate::domain::night::{Day, Minute, Night, ZoneName};

/// Reads `night` of the settings.
pub(crate) fn read(node: &Node, report: &mut Report) -> Option<Night> {
    let mut fields = Fields::of(node, "`night`", report)?;
    let errors = report.errors.len();
    let start = minute(&mut fields, "start", report);
    let stop = minute(&mut fields, "stop", report);
    let drain = minute(&mut fields, "drain", report).or(stop);
    let days = days(&mut fields, report);
    let zone = zone(&mut fields, report);
    let budget = fields.get("budget").map(|node| house_rules::budget(node, "`budget` of `night`", report));
    fields.refuse_unknown(report);
    let (Some(start), Some(drain), Some(stop), Some(zone)) = (start, drain, stop, zone) else {
        if report.errors.len() == errors {
            report.error(node.at, "`night` should say when it begins and when it is over", "give `start` and `stop`");
        }
        return None;
    };
    if start == stop {
        report.error(node.at, "`night` has the same `start` and `stop`", "leave `night` out to work at any time");
    } else if drain == start || drain.after(start) > stop.after(start) {
        let hint = format!("it should be after {start} and not after {stop}");
        report.error(node.at, format!("`drain` of `night` is {drain}, which is not in the night"), hint);
    }
    (report.errors.len() == errors).then_some(Night { start, drain, stop, days, zone, budget })
}

fn minute(fields: &mut Fields<'_>, key: &'static str, report: &mut Report) -> Option<Minute> {
    let text = fields.text(key, report)?;
    let minute = Minute::parse(&text.value);
    if minute.is_none() {
        report.error(text.at, format!("`{key}` of `night` should be a time of day"), "write it as \"22:00\"");
    }
    minute
}

fn days(fields: &mut Fields<'_>, report: &mut Report) -> Vec<Day> {
    let Some(texts) = fields.texts("days", report) else { return Day::ALL.map(|(_, day)| day).to_vec() };
    if texts.is_empty() {
        report.error(fields.at, "`days` of `night` names no day", "leave it out for all of them");
    }
    let mut days = Vec::new();
    for At { value, at } in texts {
        match Day::ALL.iter().find(|(name, _)| *name == value.to_lowercase()) {
            Some((_, day)) if days.contains(day) => {}
            Some((_, day)) => days.push(*day),
            None => {
                let hint = meant(&value, Day::ALL.map(|(name, _)| name));
                report.error(at, format!("there is no day `{value}`"), hint);
            }
        }
    }
    days
}

fn zone(fields: &mut Fields<'_>, report: &mut Report) -> Option<ZoneName> {
    if let Some(text) = fields.text("zone", report) {
        let zone = ZoneName::new(&text.value);
        if zone.is_none() {
            let hint = "write it as `Europe/Berlin` or `UTC`";
            report.error(text.at, format!("there is no time zone `{}`", text.value), hint);
        }
        return zone;
    }
    let machine = jiff::tz::TimeZone::system();
    let zone =
        if machine.is_unknown() { ZoneName::new("UTC") } else { ZoneName::new(machine.iana_name().unwrap_or("")) };
    if zone.is_none() {
        let hint = "add it, as in `zone: Europe/Berlin`";
        report.error(fields.at, "`night` has no `zone`, and the machine does not say what its own is called", hint);
    }
    zone
}
