//! Adding a rule to the settings file a person wrote, of which every line stays as it is.

use std::io::{ErrorKind, Write};
use std::path::Path;

use super::misconfigured;
use crate::config::edit::with_entry;
use crate::config::settings::Settings;
use crate::domain::permission::{Decision, PermissionRule};
use crate::slots::SlotError;

/// Adds a rule to the file at `path`, which is made where it is missing.
pub(super) fn add(path: &Path, rule: &PermissionRule) -> Result<(), SlotError> {
    let shown = path.display();
    let cannot = |error: std::io::Error| misconfigured(format!("{shown} cannot be written: {error}"));
    // What a link leads to is what is meant.
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let text = match std::fs::read_to_string(&real) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(cannot(error)),
    };
    let entry = entry(rule);
    let by_hand = || misconfigured(format!("`permissions` of {shown} is written in a way of its own; add `{entry}`"));
    let edited = with_entry(&text, "permissions", &entry).ok_or_else(by_hand)?;
    if !Settings::has_rule(&edited, rule) {
        return Err(by_hand());
    }
    let dir = real.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(cannot)?;
    file.write_all(edited.as_bytes()).map_err(cannot)?;
    if let Ok(known) = std::fs::metadata(&real) {
        file.as_file().set_permissions(known.permissions()).map_err(cannot)?;
    }
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(&real).map_err(|error| cannot(error.error))?;
    Ok(())
}

/// Returns the rule as a line of a list. Texts as JSON has them are texts in YAML too.
fn entry(rule: &PermissionRule) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let decision = match rule.decision {
        Decision::Allow => "allow",
        Decision::Ask => "ask",
        Decision::Deny => "deny",
    };
    let mut parts = vec![format!("{decision}: {}", text(rule.tool.as_deref().unwrap_or("*")))];
    parts.extend(rule.command.as_ref().map(|command| format!("command: {}", text(command))));
    parts.extend(rule.path.as_ref().map(|path| format!("path: {}", text(path))));
    format!("- {{{}}}\n", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_added_to_what_a_person_wrote_and_read_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.yaml");
        let rule = |command: &str| PermissionRule {
            decision: Decision::Allow,
            tool: Some("Bash".into()),
            command: Some(command.into()),
            path: None,
        };
        for before in ["", "# mine\ntheme: dark # yes\n", "permissions: # few\n    # ours\n    - {deny: WebFetch}\n"] {
            std::fs::write(&path, before).unwrap();
            for command in ["make test", r#"echo "a: {b}" \\ \* # c"#, "a\nb\tü"] {
                add(&path, &rule(command)).unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(Settings::has_rule(&text, &rule(command)), "{text}");
                assert!(before.lines().all(|line| text.lines().any(|other| other == line)), "{text}");
            }
        }
        std::fs::write(&path, "permissions: [{deny: WebFetch}]\n").unwrap();
        assert!(add(&path, &rule("x")).unwrap_err().message.contains("add `- {allow"));
        std::fs::write(&path, "permissions:\n- {deny: WebFetch}\n").unwrap();
        assert!(add(&path, &rule("x")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "permissions:\n- {deny: WebFetch}\n");
    }
}
