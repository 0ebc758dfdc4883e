//! `aotui doctor`: what is as it should be, what is not, and what to do about it.

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::output::{Style, plain};
use crate::domain::zone::Zone;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Work goes on, but not as well as it could.
    Warn,
    /// Work does not go on, or something is damaged.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it belongs to, one word.
    pub area: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do about it; `None` where nothing has to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Whether `--fix` does it.
    pub fixable: bool,
    /// Whether it was put right just now.
    pub fixed: bool,
}

impl Finding {
    /// Returns something that is as it should be.
    pub fn ok(area: &'static str, text: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, text: text.into(), fix: None, fixable: false, fixed: false }
    }

    /// Returns something that could be better.
    pub fn warn(area: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warn, fix: Some(fix.into()), ..Self::ok(area, text) }
    }

    /// Returns something that stops work.
    pub fn fail(area: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Fail, ..Self::warn(area, text, fix) }
    }
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What was found, by area.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Returns how the verb ends: with an error where something fails.
    pub fn exit(&self) -> Exit {
        if self.count(Level::Fail) > 0 { Exit::Error } else { Exit::Done }
    }

    /// Returns the findings for people, areas in the order they were looked at.
    pub fn table(&self, style: Style) -> String {
        let widest = self.findings.iter().map(|finding| finding.area.len()).max().unwrap_or(0);
        let mut text = String::new();
        let mut area = "";
        for finding in &self.findings {
            let name = if finding.area == area { "" } else { finding.area };
            area = finding.area;
            let (mark, zone) = match (finding.fixed, finding.level) {
                (true, _) => ("fixed", Zone::Done),
                (_, Level::Ok) => ("ok", Zone::Done),
                (_, Level::Warn) => ("warn", Zone::Respond),
                (_, Level::Fail) => ("fail", Zone::Failed),
            };
            let mark = style.zone(zone, &format!("{mark:5}"));
            text.push_str(&format!("{name:widest$}  {mark}  {}\n", plain(&finding.text)));
            if let Some(fix) = finding.fix.as_ref().filter(|_| !finding.fixed) {
                let indent = widest + 9;
                let by_itself = if finding.fixable { " (or `aotui doctor --fix`)" } else { "" };
                text.push_str(&style.dim(&format!("{:indent$}{}{by_itself}", "", plain(fix))));
                text.push('\n');
            }
        }
        let (warnings, failures) = (self.count(Level::Warn), self.count(Level::Fail));
        text.push_str(&match (warnings, failures) {
            (0, 0) => "everything is as it should be\n".to_owned(),
            _ => format!("{failures} failed, {warnings} to look at\n"),
        });
        text
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level && !finding.fixed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_is_wrong_and_what_to_do() {
        let fixable = Finding { fixable: true, ..Finding::warn("state", "others can read /s", "run `chmod 700 /s`") };
        let report = Report {
            findings: vec![
                Finding::ok("git", "git version 2.47.3"),
                Finding::fail("git", "there is no \u{1b}identity", "run `git config --global user.name NAME`"),
                fixable.clone(),
                Finding { fixed: true, ..fixable },
            ],
        };
        assert_eq!(report.exit(), Exit::Error);
        insta::assert_snapshot!(report.table(Style::plain()), @r"
        git    ok     git version 2.47.3
               fail   there is no  identity
                      run `git config --global user.name NAME`
        state  warn   others can read /s
                      run `chmod 700 /s` (or `aotui doctor --fix`)
               fixed  others can read /s
        1 failed, 1 to look at
        ");
    }

    #[test]
    fn what_was_put_right_does_not_fail() {
        let report = Report { findings: vec![Finding { fixed: true, ..Finding::fail("state", "x", "y") }] };
        assert_eq!(report.exit(), Exit::Done);
        assert!(report.table(Style::plain()).ends_with("everything is as it should be\n"));
    }
}
