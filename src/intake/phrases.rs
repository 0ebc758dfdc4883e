//! Dependencies as people write them: "depends on #12", "blocked by PAY-3 and PAY-4".

/// What stands before the names of what has to be complete first. Longer ones come before those they begin with.
const BEGINNINGS: [&str; 8] =
    ["depends on", "dependent on", "blocked by", "blocked on", "waits for", "requires", "after", "needs"];

/// A name and where it stands in the text.
pub(super) type Found<'a> = (usize, &'a str);

/// Returns every name that a text says has to be complete before.
pub(super) fn names(text: &str) -> Vec<Found<'_>> {
    let lower = text.to_ascii_lowercase();
    let mut found: Vec<Found<'_>> = Vec::new();
    for beginning in BEGINNINGS {
        for (at, _) in lower.match_indices(beginning) {
            let before = lower.get(..at).and_then(|before| before.chars().next_back());
            if before.is_none_or(|c| !c.is_alphanumeric()) {
                found.extend(listed(text, at + beginning.len()));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns what a text says in so many words: `after: A, B` or `depends on A`; `None` where it says something else.
pub(super) fn explicit(text: &str) -> Option<Vec<Found<'_>>> {
    let lower = text.to_ascii_lowercase();
    let begin = lower.len() - lower.trim_start().len();
    let beginning = BEGINNINGS.iter().find(|beginning| lower.trim_start().starts_with(**beginning))?;
    let rest = text.get(begin + beginning.len()..)?;
    let skipped = rest.len() - rest.trim_start_matches([':', ' ']).len();
    if skipped == 0 {
        return None;
    }
    let mut at = begin + beginning.len() + skipped;
    let mut found = Vec::new();
    for part in text.get(at..)?.split([',', ';']) {
        let name = part.trim().trim_matches('`');
        let lead = part.find(name).unwrap_or_default();
        if !name.is_empty() {
            found.push((at + lead, name));
        }
        at += part.len() + 1;
    }
    (!found.is_empty()).then_some(found)
}

/// Returns the names that stand right behind `from`: `#1`, `A-1` and so on, with commas or an "and" between them.
fn listed(text: &str, mut from: usize) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    while let Some(rest) = text.get(from..) {
        let start = from + rest.len() - rest.trim_start_matches([' ', ':', ',', '`', '*', '[', '\t']).len();
        let Some(rest) = text.get(start..) else { break };
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "#-_".contains(c))).unwrap_or(rest.len());
        let Some(name) = rest.get(..end) else { break };
        if name.eq_ignore_ascii_case("and") && !found.is_empty() {
            from = start + end;
            continue;
        }
        if !is_name(name) {
            break;
        }
        found.push((start, name));
        // What follows a closing mark belongs to it.
        from =
            start + end + rest.get(end..).map_or(0, |rest| rest.len() - rest.trim_start_matches(['`', '*', ']']).len());
    }
    found
}

/// Returns whether a word names an item: `#12` or `PAY-3`.
pub(super) fn is_name(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(number) = word.strip_prefix('#') {
        return digits(number);
    }
    word.rsplit_once('-').is_some_and(|(start, number)| {
        digits(number)
            && start.starts_with(|c: char| c.is_ascii_alphabetic())
            && start.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<'a>(found: &[Found<'a>]) -> Vec<&'a str> {
        found.iter().map(|(_, name)| *name).collect()
    }

    #[test]
    fn prose_names_what_comes_first() {
        for (text, expected) in [
            ("This depends on #12, #13 and PAY-4.", &["#12", "#13", "PAY-4"][..]),
            ("Blocked by: `T-1`\nand more", &["T-1"]),
            ("only after #7 is merged; requires [#8]", &["#7", "#8"]),
            ("after lunch, needs work, thereafter #9", &[]),
            ("see #3", &[]),
        ] {
            assert_eq!(words(&names(text)), expected, "{text}");
        }
        let text = "é depends on #12";
        assert_eq!(names(text), [(text.find('#').unwrap(), "#12")]);
    }

    #[test]
    fn what_is_said_in_so_many_words_may_be_any_name() {
        assert_eq!(words(&explicit("after: T-1, Fix the login").unwrap()), ["T-1", "Fix the login"]);
        assert_eq!(words(&explicit("depends on #3").unwrap()), ["#3"]);
        assert_eq!(explicit("afterwards"), None);
        assert_eq!(explicit("after:"), None);
        assert_eq!(explicit("see below"), None);
    }
}
