//! Which characters show as themselves. Everything from outside goes through this before a person sees it.

/// Returns whether a character shows as itself: no control, nothing that changes the direction of text, nothing invisible.
pub fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(u32::from(c),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
            | 0xFFF0..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Returns `text` on one line: everything that is not plainly visible becomes a space, and what exceeds `max`
/// characters is replaced by a remark.
pub fn plain_line(text: &str, max: usize) -> String {
    bounded(text.trim().chars().map(|c| if is_plain(c) { c } else { ' ' }), max)
}

/// Returns `text` with its line breaks but without other control characters; what exceeds `max` characters is
/// replaced by a remark.
pub fn plain_text(text: &str, max: usize) -> String {
    let text = text.trim_end().replace("\r\n", "\n").replace('\t', "    ");
    bounded(text.chars().map(|c| if is_plain(c) || c == '\n' { c } else { ' ' }), max)
}

/// Returns the first `max` characters of `text` on one line, the last of them an ellipsis where something is missing.
pub fn short_line(text: &str, max: usize) -> String {
    let mut chars = text.trim().chars().map(|c| if is_plain(c) { c } else { ' ' });
    let mut kept: String = chars.by_ref().take(max).collect();
    if chars.next().is_some() {
        kept.pop();
        kept.truncate(kept.trim_end().len());
        kept.push('…');
    }
    kept
}

fn bounded(chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut chars = chars.fuse();
    let mut kept: String = chars.by_ref().take(max).collect();
    let more = chars.count();
    if more > 0 {
        kept.push_str(&format!("… [{more} more characters]"));
    }
    kept
}
