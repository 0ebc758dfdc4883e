//! Files that agents leave beside their work, told to git in the repository's `info/exclude`: no tracked file changes.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;

/// The lines ours are between; what is around them is the user's.
const BEGIN: &str = "# aotui: files that agents leave (begin)";
const END: &str = "# aotui: files that agents leave (end)";
/// Largest file that is added to, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// One thread at a time reads such a file and puts another in its place.
static TURN: Mutex<()> = Mutex::new(());

/// Has git leave files that fit the patterns out, in every worktree of the repository that `worktree` is of.
pub(crate) fn exclude(worktree: &Path, patterns: &[String]) -> io::Result<()> {
    if patterns.is_empty() {
        return Ok(());
    }
    let repository = gix::open(worktree).map_err(io::Error::other)?;
    let dir = repository.common_dir().join("info");
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = dir.join("exclude");
    let before = read(&path)?;
    let Some(after) = with_patterns(&before, patterns) else { return Ok(()) };
    fs::create_dir_all(&dir)?;
    let mut new = tempfile::NamedTempFile::new_in(&dir)?;
    new.write_all(after.as_bytes())?;
    if let Ok(meta) = fs::metadata(&path) {
        fs::set_permissions(new.path(), meta.permissions())?;
    }
    new.persist(&path)?;
    Ok(())
}

/// Returns what the file says; a link is not followed, for an agent could have put it there.
fn read(path: &Path) -> io::Result<String> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

/// Returns the file with the patterns among our lines; `None` where they all are there.
fn with_patterns(before: &str, patterns: &[String]) -> Option<String> {
    let is_pattern = |pattern: &&String| !pattern.trim().is_empty() && !pattern.contains(['\n', '\r']);
    let known: Vec<&str> = before.lines().collect();
    let missing: Vec<&String> =
        patterns.iter().filter(is_pattern).filter(|pattern| !known.contains(&pattern.as_str())).collect();
    if missing.is_empty() {
        return None;
    }
    let lines: String = missing.iter().map(|pattern| format!("{pattern}\n")).collect();
    Some(match before.split_once(&format!("{END}\n")) {
        Some((ours, rest)) => format!("{ours}{lines}{END}\n{rest}"),
        None => {
            let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
            format!("{before}{gap}{BEGIN}\n{lines}{END}\n")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_added_once_and_what_a_person_wrote_stays() {
        let patterns = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mine = "*.tmp\n# mine";
        let first = with_patterns(mine, &patterns(&[".aider*"])).unwrap();
        assert_eq!(first, format!("*.tmp\n# mine\n{BEGIN}\n.aider*\n{END}\n"));
        assert_eq!(with_patterns(&first, &patterns(&[".aider*"])), None);
        let second = with_patterns(&format!("{first}last\n"), &patterns(&[".aider*", ".mine", "a\nb"])).unwrap();
        assert_eq!(second, format!("*.tmp\n# mine\n{BEGIN}\n.aider*\n.mine\n{END}\nlast\n"));
    }
}
