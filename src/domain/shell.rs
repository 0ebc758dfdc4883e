//! What a shell would run, as far as that can be told without running it. Never guesses: what is not plain is opaque.

use std::iter::Peekable;
use std::str::Chars;

/// Returns the simple commands of a command line, each with its quotes resolved and its words one space apart; `None`
/// where anything in it does more than run one program after the other: substitutions, redirections, variables,
/// groups, background jobs, comments.
pub(super) fn commands(text: &str) -> Option<Vec<String>> {
    let mut line = Line::default();
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' => line.end_word(),
            '\'' => line.single_quoted(&mut chars)?,
            '"' => line.double_quoted(&mut chars)?,
            '\\' => line.push(chars.next().filter(|c| *c != '\n')?),
            ';' | '\n' => line.end_command()?,
            '&' | '|' => {
                // A single `&` starts a job in the background, `|&` redirects.
                let doubled = chars.next_if_eq(&c).is_some();
                if !doubled && (c == '&' || chars.peek() == Some(&'&')) {
                    return None;
                }
                line.end_command()?;
                line.goes_on = true;
            }
            '{' => {
                chars.next_if_eq(&'}')?;
                line.push('{');
                line.push('}');
            }
            '#' if line.word.is_none() => return None,
            '$' | '`' | '(' | ')' | '<' | '>' | '}' => return None,
            c if c.is_control() => return None,
            c => line.push(c),
        }
    }
    line.end_word();
    if line.goes_on && line.words.is_empty() {
        return None;
    }
    if !line.words.is_empty() {
        line.end_command()?;
    }
    (!line.commands.is_empty()).then_some(line.commands)
}

/// Returns the words of a command line without anything that has a meaning to a shell, one space apart.
pub(super) fn words(text: &str) -> String {
    let plain = text.replace(|c: char| c.is_whitespace() || "'\"`$(){};|&<>\\".contains(c), " ");
    plain.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Line {
    commands: Vec<String>,
    words: Vec<String>,
    /// `None` between two words.
    word: Option<String>,
    /// Whether something has to follow.
    goes_on: bool,
}

impl Line {
    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    /// Ends a simple command; one that is empty is nothing that a person wrote.
    fn end_command(&mut self) -> Option<()> {
        self.end_word();
        if self.words.is_empty() {
            return None;
        }
        self.commands.push(std::mem::take(&mut self.words).join(" "));
        self.goes_on = false;
        Some(())
    }

    fn single_quoted(&mut self, chars: &mut Peekable<Chars<'_>>) -> Option<()> {
        let word = self.word.get_or_insert_default();
        loop {
            match chars.next()? {
                '\'' => return Some(()),
                c => word.push(c),
            }
        }
    }

    fn double_quoted(&mut self, chars: &mut Peekable<Chars<'_>>) -> Option<()> {
        let word = self.word.get_or_insert_default();
        loop {
            match chars.next()? {
                '"' => return Some(()),
                '$' | '`' => return None,
                '\\' => match chars.next()? {
                    c @ ('"' | '\\' | '$' | '`') => word.push(c),
                    '\n' => return None,
                    c => word.extend(['\\', c]),
                },
                c => word.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_commands_are_told_apart_and_everything_else_is_opaque() {
        let told = |text: &str| commands(text).map(|commands| commands.join(" / "));
        for (text, expected) in [
            ("make  all", "make all"),
            ("git commit -m 'a; b && c'", "git commit -m a; b && c"),
            (r#"git add "a b" && git commit -m "say \"hi\"""#, r#"git add a b / git commit -m say "hi""#),
            ("a | b; c || d\ne", "a / b / c / d / e"),
            (r"g\it push", "git push"),
            ("find . -name x -exec ls {} +", "find . -name x -exec ls {} +"),
            ("ls;", "ls"),
        ] {
            assert_eq!(told(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "git status $(rm -rf /)",
            "git status `id`",
            "git log > /etc/passwd",
            "cat < x",
            "git status & rm x",
            "a |& b",
            "(cd x; rm y)",
            "{ rm x; }",
            "echo $HOME",
            "echo \"$HOME\"",
            "echo 'unfinished",
            "echo \"unfinished",
            "a && ",
            "&& a",
            "a;;b",
            "git status # harmless\nrm x",
            "git status \\\n rm",
            "diff <(a) <(b)",
            "",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
