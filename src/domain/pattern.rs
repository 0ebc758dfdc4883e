//! Patterns in which `*` stands for any text, and `\*` for a star.

/// A piece of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Any,
    Byte(u8),
}

/// Returns whether `text` as a whole fits `pattern`.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    matches(&pieces(pattern), text.as_bytes())
}

/// Returns whether the relative or absolute `path` fits `pattern`: `*` stays within one part of it, `**` does not, and
/// `**/` may stand for nothing.
pub(super) fn fits_path(pattern: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    // Which parts of the path the pattern has got through so far: a small table never takes long.
    let mut reached = vec![false; parts.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for part in pattern.split('/') {
        let mut next = vec![false; parts.len() + 1];
        for at in 0..=parts.len() {
            if !reached.get(at).copied().unwrap_or_default() {
                continue;
            }
            if part == "**" {
                next.iter_mut().skip(at).for_each(|reached| *reached = true);
            } else if parts.get(at).is_some_and(|name| fits(part, name))
                && let Some(reached) = next.get_mut(at + 1)
            {
                *reached = true;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

/// Returns the pattern that only `text` fits.
pub(super) fn exactly(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*")
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut bytes = pattern.bytes().peekable();
    while let Some(byte) = bytes.next() {
        pieces.push(match (byte, bytes.peek()) {
            (b'\\', Some(next @ (b'*' | b'\\'))) => {
                let next = *next;
                bytes.next();
                Piece::Byte(next)
            }
            (b'*', _) => Piece::Any,
            (byte, _) => Piece::Byte(byte),
        });
    }
    pieces
}

fn matches(pattern: &[Piece], text: &[u8]) -> bool {
    // Goes back to the last star only, which is enough and never takes long.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Piece::Byte(byte)) if text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|piece| *piece == Piece::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_stays_within_a_part_of_a_path() {
        for (pattern, text, fit) in [
            ("git *", "git log", true),
            ("git *", "git", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            (r"ls \*.rs", "ls *.rs", true),
            (r"ls \*.rs", "ls a.rs", false),
            ("claude-*", "claude-opus-5", true),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
        for text in ["ls *.rs", r"a\*b", r"\\server\*"] {
            assert!(fits(&exactly(text), text) && !fits(&exactly(text), &text.replace('*', "x")), "{text}");
        }
        for (pattern, path, fit) in [
            ("src/*", "src/a.rs", true),
            ("src/*", "src/a/b.rs", false),
            ("src/**", "src/a/b.rs", true),
            ("**/.env", ".env", true),
            ("**/.env", "a/b/.env", true),
            ("**", "anything/at/all", true),
            ("/etc/*", "/etc/passwd", true),
            ("*.md", "docs/a.md", false),
        ] {
            assert_eq!(fits_path(pattern, path), fit, "{pattern} {path}");
        }
        assert!(!fits("*a*a*a*a*a*b", &"a".repeat(20_000)));
    }
}
