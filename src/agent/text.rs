//! Reads a program that prints text for people.

use super::signal::Signal;
use super::trouble::{TextRule, Trouble};
use crate::domain::usage::Usage;

/// Returns what a line of text says: its words, an error that one of `errors` knows, and what was used up where the
/// line fits `usage`, a text in which `{inputTokens}`, `{outputTokens}` and `{cost}` stand for numbers.
pub fn read_text(line: &str, usage: Option<&str>, errors: &[TextRule]) -> Vec<Signal> {
    let mut signals = vec![Signal::Part { text: format!("{line}\n") }];
    let small = line.to_lowercase();
    if errors.iter().any(|rule| small.contains(&rule.contains)) {
        signals.push(Signal::Failed { trouble: Trouble { text: line.trim().to_owned(), ..Trouble::default() } });
    }
    signals.extend(usage.and_then(|pattern| used(line, pattern)).map(|usage| Signal::Used { usage }));
    signals
}

fn used(line: &str, pattern: &str) -> Option<Usage> {
    let mut usage = Usage::default();
    let (start, mut pattern) = pattern.split_once('{')?;
    let mut rest = line.trim_start().strip_prefix(start)?;
    loop {
        let (name, after) = pattern.split_once('}')?;
        let (literal, next) = after.split_once('{').map_or((after, None), |(literal, next)| (literal, Some(next)));
        let (value, left) = if literal.is_empty() { (rest, "") } else { rest.split_once(literal)? };
        let value = number(value)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded, and never negative")]
        let whole = |value: f64| value.clamp(0.0, 1e15).round() as u64;
        match name {
            "inputTokens" => usage.input = whole(value),
            "outputTokens" => usage.output = whole(value),
            "cost" => usage.cost_micros = Some(whole(value * 1e6)),
            _ => return None,
        }
        rest = left;
        match next {
            Some(next) => pattern = next,
            None => return Some(usage),
        }
    }
}

/// Reads a number as people write it: `1,200`, `2.5k`, `1.2M`, `$0.10`.
fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches('$').replace(',', "");
    let (digits, times) = match text.chars().last()? {
        'k' | 'K' => (text.get(..text.len() - 1)?, 1e3),
        'm' | 'M' => (text.get(..text.len() - 1)?, 1e6),
        _ => (text.as_str(), 1.0),
    };
    digits.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| number * times)
}
