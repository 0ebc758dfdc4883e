//! Text for cells: made harmless, cut by display width, and times in a few characters.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::plain::is_plain;
use crate::domain::time::Timestamp;

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns text from outside as it may be shown: every control character becomes a blank, and what is invisible or
/// turns the direction of writing is left out.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| is_plain(*c)).collect()
}

/// Returns how many columns the text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Cuts the text to `columns`; what is cut ends in `ellipsis`, a character one column wide.
pub(super) fn cut(text: &str, columns: usize, ellipsis: &str) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else { return String::new() };
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept + ellipsis
}

/// Cuts the text to `columns` and fills up with blanks on the right.
pub(super) fn fit(text: &str, columns: usize, ellipsis: &str) -> String {
    let mut text = cut(text, columns, ellipsis);
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(text.width())));
    text
}

/// Breaks the text into lines of at most `columns`, at blanks where there are some.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in clean(paragraph).split(' ') {
            let glue = usize::from(!line.is_empty());
            if line.width() + glue + word.width() <= columns {
                line.extend(std::iter::repeat_n(' ', glue));
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                if line.width() + c.width().unwrap_or(0) > columns {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
    }
    lines
}

/// Returns a length of time in at most five characters; `millis` is in milliseconds.
pub(super) fn span(millis: u64) -> String {
    match millis {
        0..MINUTE => format!("{}s", millis / SECOND),
        MINUTE..HOUR => format!("{}m", millis / MINUTE),
        HOUR..DAY => format!("{}h{:02}", millis / HOUR, millis % HOUR / MINUTE),
        _ => format!("{}d", (millis / DAY).min(9999)),
    }
}

/// Returns how far a moment is away: `6m` ago, or `in 6m`.
pub(super) fn distance(moment: Timestamp, now: Timestamp) -> String {
    if moment > now { format!("in {}", span(moment.millis_since(now))) } else { span(now.millis_since(moment)) }
}

/// Returns after how many milliseconds [`distance`] of the moment reads differently.
pub(super) fn distance_lasts(moment: Timestamp, now: Timestamp) -> u64 {
    let (millis, ahead) =
        if moment > now { (moment.millis_since(now), true) } else { (now.millis_since(moment), false) };
    let step = match millis {
        0..MINUTE => SECOND,
        MINUTE..DAY => MINUTE,
        _ => HOUR,
    };
    // Right at its moment, what was ahead is no longer.
    if ahead { (millis % step + 1).min(millis) } else { step - millis % step }
}

/// Returns a count with its noun, in the singular where it is one.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("{n} {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_loses_what_could_harm_or_mislead() {
        assert_eq!(clean("a\u{1b}[31mb\tc\u{9b}d"), "a [31mb c d");
        assert_eq!(clean("ab\u{202e}cd\u{200b}\u{feff}\u{e0041}\u{2066}"), "abcd");
    }

    #[test]
    fn cutting_counts_columns_and_shows_that_it_cut() {
        assert_eq!(cut("refund webhooks", 8, "…"), "refund…");
        assert_eq!(cut("refunds", 7, "…"), "refunds");
        assert_eq!(cut("日本語です", 6, "…"), "日本…");
        assert_eq!(cut("abc", 0, "…"), "");
        assert_eq!(fit("ab", 4, "…"), "ab  ");
    }

    #[test]
    fn times_are_short() {
        for (millis, text) in [
            (0, "0s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (59 * 60_000, "59m"),
            (3_900_000, "1h05"),
            (23 * 3_600_000, "23h00"),
            (2 * 86_400_000, "2d"),
        ] {
            assert_eq!(span(millis), text);
        }
        assert_eq!(distance(Timestamp(90_000), Timestamp(0)), "in 1m");
        assert_eq!(distance(Timestamp(0), Timestamp(90_000)), "1m");
    }

    #[test]
    fn lines_break_at_blanks_and_never_inside_short_words() {
        assert_eq!(wrap("one two three\n\nfour", 8), ["one two", "three", "", "four"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,40}", columns in 0usize..30) {
            prop_assert!(width(&cut(&clean(&text), columns, "…")) <= columns);
            prop_assert_eq!(width(&fit("日", columns, "…")), columns);
            for line in wrap(&text, columns) {
                prop_assert!(width(&line) <= columns.max(2));
            }
        }

        #[test]
        fn a_distance_reads_the_same_until_it_says_it_changes(at in prop_oneof![-100_000_000i64..100_000_000, -2000i64..2000]) {
            let (moment, now) = (Timestamp(at), Timestamp(0));
            let lasts = i64::try_from(distance_lasts(moment, now)).unwrap();
            prop_assert_eq!(distance(moment, Timestamp(lasts - 1)), distance(moment, now));
        }
    }
}
