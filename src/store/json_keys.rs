//! Unknown keys of the files people write: each with its place and the nearest name that exists.

use serde_json::{Map, Value};

use crate::domain::problem::{Problem, nearest};

/// Returns the first key of `extra` that is neither of a person's nor of other programs' `known` ones; keys that begin
/// with `x-` are a person's own. `hint` says more about keys that belong elsewhere.
pub(super) fn unknown_key(
    name: &str,
    text: &str,
    extra: &Map<String, Value>,
    (known, others): (&[&str], &[&str]),
    hint: impl Fn(&str) -> Option<String>,
) -> Option<Problem> {
    let is_known = |key: &str| key.starts_with("x-") || known.contains(&key) || others.contains(&key);
    let key = extra.keys().find(|key| !is_known(key))?;
    let (line, column) = place_of(text, key);
    let problem = Problem::in_file(name, format!("unknown key `{key}`")).at(line, column);
    let near = || nearest(key, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    Some(problem.hint(hint(key).or_else(near).unwrap_or_else(|| "remove it, or call it `x-…` to keep it".to_owned())))
}

/// Returns what `strange` finds among the keys of a file that makes no sense: a misspelt key is why another is missing.
pub(super) fn misspelt(text: &str, strange: impl Fn(&Map<String, Value>) -> Option<Problem>) -> Option<Problem> {
    strange(&serde_json::from_str(text).ok()?)
}

/// Returns line and column of a key of the outermost object, from 1. `text` is JSON.
fn place_of(text: &str, key: &str) -> (u32, u32) {
    let wanted = serde_json::to_string(key).unwrap_or_default();
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    let mut at = 0;
    for (offset, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => {
                in_string = !in_string;
                let rest = text.get(offset..).unwrap_or_default();
                let is_key = |rest: &str| rest.trim_start().starts_with(':');
                if in_string && depth == 1 && rest.strip_prefix(&wanted).is_some_and(is_key) {
                    at = offset;
                    break;
                }
            }
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let before = text.get(..at).unwrap_or_default();
    let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    (number(before.matches('\n').count()), number(before.chars().rev().take_while(|c| *c != '\n').count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_is_one_of_the_outermost_object() {
        let text = "{\n  \"title\": \"say \\\"order\\\": 1\",\n  \"state\": {\"order\": 2},\n    \"order\": 3\n}";
        assert_eq!(place_of(text, "order"), (4, 5));
    }
}
