//! The items of a list that somebody wrote: a JSON array, or lines, Markdown or plain.

use serde_json::Value;

/// Most items of a list.
const MOST: usize = 500;

/// Longest item, in bytes.
const LONGEST: usize = 16 << 10;

/// Takes a list apart. `pointer` (RFC 6901) says where in a JSON text the array is. Items of a JSON array that are not
/// texts are given as JSON. In a Markdown text only the entries of its lists count, and of those that can be ticked only
/// the open ones.
pub fn items_of(text: &str, pointer: Option<&str>) -> Result<Vec<String>, String> {
    let text = text.trim();
    let items = if pointer.is_some() || text.starts_with('[') && !text.starts_with("[ ]") && !text.starts_with("[x]") {
        of_json(text, pointer.unwrap_or_default())?
    } else {
        of_lines(text)
    };
    if items.len() > MOST {
        return Err(format!("the list has {} items, more than {MOST}", items.len()));
    }
    match items.iter().position(|item| item.len() > LONGEST) {
        Some(n) => Err(format!("item {} of the list is longer than {LONGEST} bytes", n + 1)),
        None => Ok(items),
    }
}

fn of_json(text: &str, pointer: &str) -> Result<Vec<String>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("the list is no JSON: {error}"))?;
    let found = value.pointer(pointer).ok_or_else(|| format!("the JSON text has nothing at `{pointer}`"))?;
    let Value::Array(items) = found else {
        let at = if pointer.is_empty() { String::new() } else { format!(" at `{pointer}`") };
        return Err(format!("what the JSON text has{at} is no array"));
    };
    let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    Ok(items.iter().map(text).collect())
}

fn of_lines(text: &str) -> Vec<String> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let entries: Vec<&str> = lines().filter_map(entry).collect();
    if entries.is_empty() {
        return lines().map(str::to_owned).collect();
    }
    let open = |entry: &str| match (entry.strip_prefix("[ ]"), entry.get(..3)) {
        (Some(open), _) => Some(open.trim().to_owned()),
        (None, Some("[x]" | "[X]")) => None,
        (None, _) => Some(entry.to_owned()),
    };
    entries.into_iter().filter_map(open).collect()
}

/// Returns what an entry of a Markdown list says; `None` where the line is none.
fn entry(line: &str) -> Option<&str> {
    let bullet = ["- ", "* ", "+ "].iter().find_map(|bullet| line.strip_prefix(bullet));
    let numbered = || {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < line.len()).then(|| rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")))?
    };
    bullet.or_else(numbered).map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<String> {
        items_of(text, None).unwrap()
    }

    #[test]
    fn arrays_lines_and_checklists_are_lists() {
        assert_eq!(items("one\n\n  two \n"), ["one", "two"]);
        assert_eq!(items("[\"a\", {\"title\": \"b\"}, 3]"), ["a", "{\"title\":\"b\"}", "3"]);
        assert_eq!(
            items("# Tasks\n\nThe parts:\n- [x] done\n- [ ] open\n* plain\n2. third\n"),
            ["open", "plain", "third"]
        );
        assert_eq!(items("- [x] all\n- [x] done\n"), [""; 0]);
        assert!(items(" \n").is_empty());
        assert_eq!(items_of("{\"plan\":{\"tasks\":[\"x\"]}}", Some("/plan/tasks")).unwrap(), ["x"]);
    }

    #[test]
    fn what_is_no_list_says_so() {
        assert!(items_of("[1, 2", None).unwrap_err().contains("no JSON"));
        assert!(items_of("{}", Some("/tasks")).unwrap_err().contains("nothing at `/tasks`"));
        assert!(items_of("{\"tasks\": 3}", Some("/tasks")).unwrap_err().contains("no array"));
        assert!(items_of(&"x\n".repeat(501), None).unwrap_err().contains("501 items"));
        assert!(items_of(&"x".repeat(20_000), None).unwrap_err().contains("item 1"));
    }
}
