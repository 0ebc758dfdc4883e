//! Finds a value in the JSON that a program printed.

use serde_json::Value;

/// Returns what is at `pointer` (`/a/0/b`, RFC 6901) in the last JSON of what a program printed: all of it, else its last
/// line that is JSON. A text comes without its quotes. `None` where there is nothing.
pub(super) fn pointed(printed: &str, pointer: &str) -> Option<String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text.trim()).ok();
    let json = parse(printed).or_else(|| printed.lines().rev().find_map(parse))?;
    Some(match json.pointer(pointer)? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_the_last_json_that_was_printed() {
        let printed = "checking …\n{\"pr\": {\"number\": 1}}\n{\"pr\": {\"number\": 7, \"labels\": [\"bug\"]}}\ndone\n";
        assert_eq!(pointed(printed, "/pr/number").as_deref(), Some("7"));
        assert_eq!(pointed(printed, "/pr/labels/0").as_deref(), Some("bug"));
        assert_eq!(pointed("{\n  \"a\": [1,\n 2]\n}\n", "/a").as_deref(), Some("[1,2]"));
        assert_eq!((pointed(printed, "/pr/title"), pointed("no json", "/a")), (None, None));
    }
}
