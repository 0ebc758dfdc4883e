//! The terminal face of an agent: what its title and its screen say about what it does. Pure; the rules are data.
//!
//! What no rule knows is nothing: whoever asks gets no guess.

use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

use crate::domain::activity::{Doing, Sighting, Source};

/// Lines looked at by a rule that does not say how many: the last ones that are not blank.
const LAST: usize = 16;

/// How an agent shows what it does; the first rule that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaceRules(pub Vec<FaceRule>);

/// One thing an agent shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaceRule {
    /// What it does then.
    pub is: Doing,
    /// What its title looks like; `None` means any title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Pattern>,
    /// What lines of its screen look like, each at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sees: Vec<Pattern>,
    /// What no line of its screen looks like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Pattern>,
    /// How many of the last lines that are not blank are looked at.
    #[serde(default = "last")]
    pub last: usize,
}

/// Returns how many lines a rule looks at that does not say.
pub fn last() -> usize {
    LAST
}

/// A regular expression.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Pattern(Regex);

impl FaceRules {
    /// Returns what a terminal says that has this title and shows these lines; `None` where no rule knows.
    pub fn read(&self, title: &str, lines: &[String]) -> Option<Sighting> {
        self.0.iter().find_map(|rule| rule.read(title, lines))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FaceRule {
    fn read(&self, title: &str, lines: &[String]) -> Option<Sighting> {
        if self.title.as_ref().is_some_and(|pattern| !pattern.0.is_match(title)) {
            return None;
        }
        let full: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.trim().is_empty()).collect();
        let shown = full.get(full.len().saturating_sub(self.last)..).unwrap_or_default();
        // From below: what is asked last is what is asked now.
        let find = |pattern: &Pattern| shown.iter().rev().find(|line| pattern.0.is_match(line)).copied();
        if self.unless.iter().any(|pattern| find(pattern).is_some()) {
            return None;
        }
        let seen: Option<Vec<&str>> = self.sees.iter().map(find).collect();
        let (seen, first) = (seen?, self.sees.first());
        let text = first.zip(seen.first()).and_then(|(pattern, line)| Some(pattern.0.captures(line)?.get(1)?.as_str()));
        let (source, evidence) = match seen.first() {
            Some(line) => (Source::Screen, line.trim()),
            None => (Source::Title, title),
        };
        Some(Sighting {
            doing: self.is,
            text: text.unwrap_or_default().to_owned(),
            source,
            evidence: evidence.to_owned(),
            rule: Some(self.to_string()),
        })
    }
}

impl fmt::Display for FaceRule {
    /// Writes the rule as its file has it, as far as it says what has to be seen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.title.iter().map(|pattern| format!("title {:?}", pattern.0.as_str()));
        let sees = self.sees.iter().map(|pattern| format!("sees {:?}", pattern.0.as_str()));
        let unless = self.unless.iter().map(|pattern| format!("unless {:?}", pattern.0.as_str()));
        f.write_str(&title.chain(sees).chain(unless).collect::<Vec<_>>().join(", "))
    }
}

impl Pattern {
    /// Returns what its first group has in a text, where it has one, else what all of it has; `None` where it does not fit.
    pub(super) fn capture<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.captures(text)?;
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_str())
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text).map(Self).map_err(|error| error.to_string().replace('\n', " "))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::activity::Wait;

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    fn rules() -> FaceRules {
        let rule = |is, title: Option<&str>, sees: &[&str]| FaceRule {
            is,
            title: title.map(pattern),
            sees: sees.iter().map(|text| pattern(text)).collect(),
            unless: Vec::new(),
            last: 3,
        };
        FaceRules(vec![
            rule(Doing::Waiting { what: Wait::Permission }, None, &["^May I (.*)\\?$", "^> yes"]),
            rule(Doing::Working, Some("^[◐◑] "), &[]),
        ])
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_dialog_is_known_by_all_of_its_lines_near_the_end_of_the_screen() {
        let seen = rules().read("◐ x", &lines("May I run make?\n\n> yes\n  no\n")).unwrap();
        assert_eq!((seen.doing, seen.text.as_str()), (Doing::Waiting { what: Wait::Permission }, "run make"));
        assert_eq!((seen.source, seen.evidence.as_str()), (Source::Screen, "May I run make?"));
        assert_eq!(seen.rule.unwrap(), r#"sees "^May I (.*)\\?$", sees "^> yes""#);
        let quoted = rules().read("", &lines("May I run make?\n> yes\n1\n2\n3"));
        assert_eq!(quoted, None, "what scrolled up is a quotation");
    }

    #[test]
    fn a_title_is_enough_where_the_rule_says_so_and_what_nobody_knows_is_not_guessed() {
        let seen = rules().read("◑ x", &lines("whatever")).unwrap();
        assert_eq!((seen.doing, seen.source, seen.evidence.as_str()), (Doing::Working, Source::Title, "◑ x"));
        assert_eq!(rules().read("✳ x", &lines("May I run make?")), None);
    }
}
