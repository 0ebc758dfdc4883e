//! Breaking text into lines that fit.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks `text` at its line breaks, then at spaces, then anywhere; no line is wider than `width` cells (at least 8).
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if !line.is_empty() && line.width() + word.trim_end().width() > width {
                lines.push(line.trim_end().to_owned());
                line.clear();
            }
            for c in word.chars() {
                if line.width() + c.width().unwrap_or(0) > width {
                    lines.push(line.trim_end().to_owned());
                    line.clear();
                }
                line.push(c);
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Breaks one line so that what follows its first row is set in as far as the line is.
pub(super) fn hanging(line: &str, width: usize) -> Vec<String> {
    let indent = " ".repeat(line.len() - line.trim_start_matches(' ').len());
    let rows = wrap(line.trim_start_matches(' '), width.saturating_sub(indent.len()));
    rows.into_iter().map(|row| format!("{indent}{row}")).collect()
}

/// Returns the end of `text` that fits into `width` cells.
pub(super) fn tail(text: &str, width: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    let kept: Vec<char> = text.chars().rev().take_while(fits).collect();
    kept.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_break_anywhere() {
        assert_eq!(wrap("one two three\n\nfour", 8), ["one two", "three", "", "four"]);
        assert_eq!(wrap("abcdefghijk", 8), ["abcdefgh", "ijk"]);
        assert!(wrap("日本語日本語日本語", 8).iter().all(|line| line.width() <= 8));
        assert_eq!(hanging("  one two three", 10), ["  one two", "  three"]);
        assert_eq!(tail("hello", 3), "llo");
    }
}
