//! Adds to a settings file a person wrote, and leaves every line of theirs as it is.

/// Returns `text` with an entry added to the map `key` at its top; `entry` is block YAML that begins in its first column.
/// `None` where the map is written in a way that nothing can be added to without changing it.
pub fn with_entry(text: &str, key: &str, entry: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let Some(at) = lines.iter().position(|line| is_key(line)) else {
        let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return Some(format!("{text}{end}{gap}{key}:\n{}", indented(entry, 2)));
    };
    let value = lines.get(at)?.get(key.len() + 1..)?.trim();
    if !value.is_empty() && !value.starts_with('#') {
        return None;
    }
    let says_something = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let first = lines.iter().skip(at + 1).find(says_something).map(|line| line.len() - line.trim_start().len());
    let width = first.filter(|width| *width > 0).unwrap_or(2);
    let mut out = String::new();
    for (n, line) in lines.iter().enumerate() {
        out.push_str(line);
        out.push('\n');
        if n == at {
            out.push_str(&indented(entry, width));
        }
    }
    Some(out)
}

fn indented(entry: &str, width: usize) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("{:width$}{line}\n", "") };
    entry.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_lines_stay_as_they_are_wherever_the_entry_goes() {
        let entry = "mine:\n  command: my-agent\n";
        let new = with_entry("# mine\nmaxConcurrency: 4\n", "agents", entry).unwrap();
        assert_eq!(new, "# mine\nmaxConcurrency: 4\n\nagents:\n  mine:\n    command: my-agent\n");
        let written = "agents:   # those I use\n    # the first\n    claude: {model: opus}\ntheme: dark\n";
        let new = with_entry(written, "agents", entry).unwrap();
        assert_eq!(
            new,
            "agents:   # those I use\n    mine:\n      command: my-agent\n    # the first\n    claude: {model: opus}\ntheme: dark\n"
        );
        assert_eq!(with_entry("", "agents", entry).unwrap(), "agents:\n  mine:\n    command: my-agent\n");
        assert_eq!(
            with_entry("theme: dark", "agents", entry).unwrap(),
            "theme: dark\n\nagents:\n  mine:\n    command: my-agent\n"
        );
        assert_eq!(with_entry("agents: {a: {command: b}}\n", "agents", entry), None);
    }
}
