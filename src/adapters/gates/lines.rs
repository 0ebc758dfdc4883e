//! Looks at the lines a ticket added: for words that say that something is still to be done, and for secrets.

use std::sync::LazyLock;

use regex_lite::Regex;

use crate::adapters::workspace::Added;

/// Kinds of secrets by how they look.
const SECRETS: [(&str, &str); 10] = [
    ("a private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})\b"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}\b"),
    ("an Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}\b"),
    ("an OpenAI key", r"\bsk-(?:proj-)?[A-Za-z0-9_-]{32,}\b"),
    ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    (
        "a password or token in quotes",
        r#"(?i)\b(?:password|passwd|secret|api_?key|access_?token|auth_?token)\b["']?\s*[:=]\s*["'][^"'\s$<>{}]{12,}["']"#,
    ),
];

static KNOWN: LazyLock<Vec<(&str, Regex)>> =
    LazyLock::new(|| SECRETS.iter().filter_map(|(what, regex)| Some((*what, Regex::new(regex).ok()?))).collect());

/// Returns each added line that has one of the words, with its place.
pub(super) fn todos(added: &[Added], words: &[String]) -> Vec<String> {
    let has = |line: &str| words.iter().any(|word| has_word(line, word));
    let found = added.iter().filter(|line| has(&line.text));
    found.map(|line| format!("{}:{}: {}", line.path, line.line, line.text.trim())).collect()
}

/// Returns whether a line has the word, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let longer = before.ends_with(part) || word.ends_with(part) && after.starts_with(part);
        !longer
    })
}

/// Returns the place of each added line that looks like a secret, and what it looks like, but not the secret.
pub(super) fn secrets(added: &[Added]) -> Vec<String> {
    let found = added.iter().filter_map(|line| {
        let (what, _) = KNOWN.iter().find(|(_, regex)| regex.is_match(&line.text))?;
        Some(format!("{}:{}: looks like {what}", line.path, line.line))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str) -> Vec<Added> {
        vec![Added { path: "a.rs".into(), line: 7, text: text.into() }]
    }

    #[test]
    fn only_whole_words_say_that_something_is_to_be_done() {
        let words = ["TODO", "todo!"].map(str::to_owned);
        assert_eq!(todos(&added("  // TODO: later"), &words), ["a.rs:7: // TODO: later"]);
        assert_eq!(todos(&added("todo!()"), &words).len(), 1);
        assert!(todos(&added("TODOS and myTODO"), &words).is_empty());
    }

    #[test]
    fn secrets_are_named_and_not_shown() {
        let key = format!("ghp_{}", "a1B2".repeat(9));
        let found = secrets(&added(&format!("token = \"{key}\"")));
        assert_eq!(found, ["a.rs:7: looks like a GitHub token"]);
        assert_eq!(secrets(&added("password: \"correct horse\" # no: a space")).len(), 0);
        assert_eq!(secrets(&added("api_key = 'abcdef0123456789'")).len(), 1);
        assert!(secrets(&added("api_key = '${API_KEY_FROM_ENV}'")).is_empty());
    }
}
