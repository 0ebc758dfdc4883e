//! What gates find by looking alone: commits, changes, lines, files and what the agent said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::check::{Checker, Finding, listed};
use super::{fake, lines, store};
use crate::domain::gate::{Before, Gate, Made};

/// Most places that evidence lists.
const PLACES_SHOWN: usize = 30;

/// What is pinned wherever anything is: what the workflow itself runs from the repository.
const ALWAYS_PINNED: [&str; 2] = [".aotui/**", "aotui.yaml"];

impl Checker {
    pub(super) fn commit(&self, from: &str, now: &Before) -> color_eyre::Result<Finding> {
        let count = self.wait(self.standing.commits(from, &now.head))?;
        if count > 0 {
            return Ok(Finding::pass(format!("{count} new commit{}", if count == 1 { "" } else { "s" })));
        }
        let changed = self.changed(from, &now.tree)?;
        let evidence = match changed.is_empty() {
            true => "Nothing was changed at all.".to_owned(),
            false => format!("Changed and not committed:\n{}", listed(&changed)),
        };
        Ok(Finding::fail("there is no new commit", evidence))
    }

    pub(super) fn clean_tree(&self, now: &Before) -> color_eyre::Result<Finding> {
        let changed = self.changed(&now.head, &now.tree)?;
        Ok(match changed.is_empty() {
            true => Finding::pass("everything is committed"),
            false => Finding::fail("not everything is committed", listed(&changed)),
        })
    }

    pub(super) fn no_todo(&self, words: &[String], now: &Before) -> color_eyre::Result<Finding> {
        let found = lines::todos(&self.added(now)?, words);
        Ok(match found.len() {
            0 => Finding::pass("no added line is left to be done"),
            n => Finding::fail(
                format!("{n} added line{} to be done", if n == 1 { " is" } else { "s are" }),
                places(&found),
            ),
        })
    }

    pub(super) fn no_secrets(&self, now: &Before) -> color_eyre::Result<Finding> {
        let found = lines::secrets(&self.added(now)?);
        Ok(match found.len() {
            0 => Finding::pass("no added line looks like a secret"),
            n => Finding::fail(
                format!("{n} added line{} like a secret", if n == 1 { " looks" } else { "s look" }),
                places(&found),
            ),
        })
    }

    pub(super) fn fake_tests(&self, now: &Before) -> color_eyre::Result<Finding> {
        let added = self.added(now)?;
        let paths: BTreeSet<&str> = added.iter().map(|line| line.path.as_str()).collect();
        let mut found = Vec::new();
        for path in paths {
            let own: BTreeSet<usize> = added.iter().filter(|line| line.path == path).map(|line| line.line).collect();
            // What cannot be read as text is no test.
            let Ok(text) = std::fs::read_to_string(self.order.worktree.join(path)) else { continue };
            let fakes = fake::fakes(Path::new(path), &text, |line| own.contains(&line)).unwrap_or_default();
            found.extend(fakes.iter().map(|fake| format!("{path}:{}: `{}` {}", fake.line, fake.name, fake.why)));
        }
        Ok(match found.len() {
            0 => Finding::pass("no added test was seen to prove nothing"),
            n => Finding::fail(
                format!("{n} added test{} nothing", if n == 1 { " proves" } else { "s prove" }),
                places(&found),
            ),
        })
    }

    pub(super) fn scope(&self, paths: &[String], before: &Before, now: &Before) -> color_eyre::Result<Finding> {
        let outside: Vec<PathBuf> =
            self.changed_by_phase(before, now)?.into_iter().filter(|path| !fits_any(paths, path)).collect();
        Ok(match outside.len() {
            0 => Finding::pass("only what may change was changed"),
            n => Finding::fail(
                format!(
                    "{n} file{} changed that may not be: only {}",
                    if n == 1 { " was" } else { "s were" },
                    paths.join(", ")
                ),
                listed(&outside),
            ),
        })
    }

    pub(super) fn pinned(&self, paths: &[String], before: &Before, now: &Before) -> color_eyre::Result<Finding> {
        let changed = self.changed_by_phase(before, now)?;
        let mut pinned: Vec<String> = paths.iter().cloned().chain(ALWAYS_PINNED.map(str::to_owned)).collect();
        let there = self.wait(self.standing.files(from_of(before)))?;
        pinned.extend(self.run_by_gates(&there));
        let touched: Vec<PathBuf> = changed.into_iter().filter(|path| fits_any(&pinned, path)).collect();
        Ok(match touched.len() {
            0 => Finding::pass("no pinned file was changed"),
            n => Finding::fail(
                format!("{n} pinned file{} changed: put back what was there", if n == 1 { " was" } else { "s were" }),
                listed(&touched),
            ),
        })
    }

    /// Returns the files of the repository that the commands of the gates name.
    fn run_by_gates(&self, there: &[PathBuf]) -> Vec<String> {
        let scripts = self.order.gates.iter().filter_map(Gate::script);
        let words = scripts.flat_map(|script| script.split(|c: char| c.is_whitespace() || "\"'();&|<>=".contains(c)));
        let names = words.map(|word| word.strip_prefix("./").unwrap_or(word)).filter(|word| !word.is_empty());
        names.filter(|name| there.iter().any(|path| path == Path::new(name))).map(str::to_owned).collect()
    }

    pub(super) fn artifact(&self, name: &str, made: &mut Vec<Made>) -> color_eyre::Result<Finding> {
        let Some(dir) = &self.order.artifacts else { return Ok(Finding::fail("nothing was to be left", "")) };
        Ok(match store::take(dir, &self.order.store, name)? {
            Ok(taken) => {
                let says = format!("{} bytes, {:.12}", taken.bytes, taken.hash);
                made.push(taken);
                Finding::pass(says)
            }
            Err(why) => {
                let hint =
                    format!("Write it to {}, or run `aotui report artifact {name} FILE`.", dir.join(name).display());
                Finding::fail(format!("the artifact `{name}` was not left: {why}"), hint)
            }
        })
    }

    pub(super) fn verdict(&self, accepts: &[String]) -> Finding {
        match &self.order.verdict {
            None => Finding::fail(
                "no verdict was given",
                "Run `aotui report verdict WORD --reason TEXT`, once, when you know.",
            ),
            Some(given) if accepts.is_empty() || accepts.contains(&given.verdict) => {
                Finding::pass(format!("`{}`", given.verdict))
            }
            Some(given) => Finding::fail(
                format!("the verdict is `{}`, and has to be {}", given.verdict, accepts.join(" or ")),
                given.reason.clone(),
            ),
        }
    }

    pub(super) fn learned(&self) -> Finding {
        match self.order.learned {
            0 => Finding::fail(
                "nothing was written down that later work could learn from",
                "Run `aotui report learning TEXT` for what was learned: what surprised, what did not work, what the next one should know.",
            ),
            n => Finding::pass(format!("{n} learned")),
        }
    }

    /// Returns the lines the ticket added.
    fn added(&self, now: &Before) -> color_eyre::Result<Vec<crate::adapters::workspace::Added>> {
        let (branch, base) = (&self.order.base_branch, &self.order.base_commit);
        let from = self.wait(self.standing.own_since(branch, &now.head, base))?;
        Ok(self.wait(self.standing.added_lines(&from, &now.tree))?)
    }

    /// Returns the files that the phase changed: since it was entered, and in earlier visits that failed, but not what
    /// others changed in between.
    fn changed_by_phase(&self, before: &Before, now: &Before) -> color_eyre::Result<Vec<PathBuf>> {
        let mut changed = self.changed(from_of(before), &now.tree)?;
        if from_of(before) != before.tree {
            let by_others: Vec<PathBuf> = match &before.left {
                Some(left) => self.changed(left, &before.tree)?,
                None => Vec::new(),
            };
            let since = self.changed(&before.tree, &now.tree)?;
            changed.retain(|path| since.contains(path) || !by_others.contains(path));
        }
        Ok(changed)
    }
}

/// Returns the tree against which changes of the phase count.
fn from_of(before: &Before) -> &str {
    if before.from.is_empty() { &before.tree } else { &before.from }
}

fn places(found: &[String]) -> String {
    let mut lines: Vec<String> = found.iter().take(PLACES_SHOWN).cloned().collect();
    if found.len() > PLACES_SHOWN {
        lines.push(format!("… and {} more", found.len() - PLACES_SHOWN));
    }
    lines.join("\n")
}

fn fits_any(patterns: &[String], path: &Path) -> bool {
    let path = path.to_string_lossy();
    patterns.iter().any(|pattern| fits(pattern.strip_prefix("./").unwrap_or(pattern).as_bytes(), path.as_bytes()))
}

/// Returns whether a path fits a pattern: `*` and `?` within a name, `**` over directories; a directory stands for all in it.
fn fits(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty() || path.starts_with(b"/"),
        [b'*', b'*', b'/', rest @ ..] => {
            fits(rest, path)
                || path.iter().position(|byte| *byte == b'/').is_some_and(|at| fits(pattern, &path[at + 1..]))
        }
        [b'*', b'*'] => true,
        [b'*', rest @ ..] => {
            fits(rest, path) || path.first().is_some_and(|byte| *byte != b'/') && fits(pattern, &path[1..])
        }
        [b'?', rest @ ..] => path.first().is_some_and(|byte| *byte != b'/') && fits(rest, &path[1..]),
        [b'/'] => path.starts_with(b"/"),
        [first, rest @ ..] => path.first() == Some(first) && fits(rest, &path[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_people_know() {
        let fits = |pattern: &str, path: &str| fits(pattern.as_bytes(), path.as_bytes());
        for (pattern, path) in [
            ("src/**", "src/a/b.rs"),
            ("**/*.rs", "a.rs"),
            ("**/*.rs", "x/y/a.rs"),
            ("Makefile", "Makefile"),
            ("src/*.rs", "src/a.rs"),
            ("docs", "docs/a/b.md"),
            ("docs/", "docs/a"),
            ("a?c", "abc"),
            (".aotui/**", ".aotui/test"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("src/*.rs", "src/a/b.rs"), ("Makefile", "x/Makefile"), ("docs", "docsx/a"), ("a?c", "a/c")]
        {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }
}
