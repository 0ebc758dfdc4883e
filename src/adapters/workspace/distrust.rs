//! Settings that keep a repository's own configuration from running programs on the host.
//!
//! Agents can write `.git/config`, and git runs programs named there (filters, drivers, credential helpers, …). Every
//! such setting that comes from the repository is replaced, by the value of the user's own configuration where there
//! is one and by a harmless one otherwise. A filter that git calls *required* (LFS installed with `--local`,
//! git-crypt) stays required, so that a checkout that would need it fails instead of writing wrong files. Must never
//! run anything itself: text in, settings out.

/// Settings that hold for every git command of aotui.
const ALWAYS: [(&str, &str); 9] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.fsync", "committed,reference"),
    ("protocol.ext.allow", "never"),
    ("safe.bareRepository", "explicit"),
    ("submodule.recurse", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("merge.autoStash", "false"),
];

/// One setting as git's environment takes it: key and value, both as bytes.
pub(super) type Setting = (Vec<u8>, Vec<u8>);

/// The settings to put over a repository's own, and what that turns off.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    /// In the order git has to read them.
    pub(super) settings: Vec<Setting>,
    /// Names of content filters the repository defines and that will not run.
    pub(super) filters_off: Vec<String>,
}

/// One line of `git config --list -z --show-scope`.
struct Entry<'a> {
    from_repository: bool,
    key: &'a [u8],
    value: &'a [u8],
}

/// What has to happen to a setting that names a program.
enum Danger {
    /// The last value counts; this one is harmless.
    Single(&'static str),
    /// A list of credential helpers.
    Helper,
    /// The first value counts, so it cannot be replaced; the protocol that would run it goes instead.
    Protocol(&'static str),
}

/// Returns the overrides for a repository whose effective configuration is `listing`.
pub(super) fn overrides(listing: &[u8]) -> Overrides {
    let entries = parse(listing);
    let mut result = Overrides::default();
    let mut helpers_reset = false;
    for entry in entries.iter().filter(|entry| entry.from_repository) {
        match danger(entry.key) {
            None => {}
            Some(Danger::Protocol(key)) => result.settings.push(setting(key, "never")),
            Some(Danger::Helper) => helpers_reset = true,
            Some(Danger::Single(harmless)) => {
                let trusted = entries.iter().rfind(|other| !other.from_repository && other.key == entry.key);
                let value = trusted.map_or(harmless.as_bytes(), |trusted| trusted.value);
                if value != entry.value && entry.key.starts_with(b"filter.") {
                    result.filters_off.push(filter_name(entry.key));
                }
                result.settings.push((entry.key.to_vec(), value.to_vec()));
            }
        }
    }
    if helpers_reset {
        result.settings.push(setting("credential.helper", ""));
        let trusted = entries.iter().filter(|entry| !entry.from_repository);
        let helpers = trusted.filter(|entry| matches!(danger(entry.key), Some(Danger::Helper)));
        result.settings.extend(helpers.map(|entry| (entry.key.to_vec(), entry.value.to_vec())));
    }
    result.settings.extend(ALWAYS.map(|(key, value)| setting(key, value)));
    result.filters_off.sort();
    result.filters_off.dedup();
    result
}

/// Says whether the repository's configuration has parts elsewhere, which may change without any change to its files.
pub(super) fn includes(listing: &[u8]) -> bool {
    let is_include = |key: &[u8]| key.starts_with(b"include.") || key.starts_with(b"includeif.");
    parse(listing).iter().any(|entry| is_include(entry.key))
}

/// Returns the settings that need no look at the repository.
pub(super) fn always() -> Vec<Setting> {
    ALWAYS.map(|(key, value)| setting(key, value)).to_vec()
}

fn setting(key: &str, value: &str) -> Setting {
    (key.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn filter_name(key: &[u8]) -> String {
    let name = key.strip_prefix(b"filter.").unwrap_or(key);
    let end = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
    String::from_utf8_lossy(&name[..end]).chars().filter(|c| !c.is_control()).take(80).collect()
}

fn parse(listing: &[u8]) -> Vec<Entry<'_>> {
    let mut fields = listing.split(|byte| *byte == 0);
    let mut entries = Vec::new();
    while let (Some(scope), Some(pair)) = (fields.next(), fields.next()) {
        let cut = pair.iter().position(|byte| *byte == b'\n');
        let (key, value) = cut.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
        entries.push(Entry { from_repository: !matches!(scope, b"system" | b"global" | b"command"), key, value });
    }
    entries
}

/// Says whether and how a setting can name a program that a command of ours would run.
fn danger(key: &[u8]) -> Option<Danger> {
    let first = key.iter().position(|byte| *byte == b'.')?;
    let last = key.iter().rposition(|byte| *byte == b'.')?;
    let (section, name, named) = (&key[..first], &key[last + 1..], first != last);
    let harmless = match (section, named, name) {
        (b"filter", true, b"clean" | b"smudge" | b"process") => "",
        (b"diff", true, b"command" | b"textconv") | (b"diff", false, b"external") => "",
        // An empty merge driver would count as a clean merge; one that fails makes a conflict.
        (b"merge", true, b"driver") => "false",
        (b"branch", true, b"mergeoptions") => "",
        (b"gpg", _, b"program") | (b"gpg", true, b"defaultkeycommand") => "false",
        (b"core", false, b"sshcommand") => "ssh",
        (b"core", false, b"askpass") => "",
        (b"core", false, b"alternaterefscommand") => "true",
        (b"remote", true, b"uploadpack" | b"receivepack") => return Some(Danger::Protocol("protocol.file.allow")),
        (b"core", false, b"gitproxy") => return Some(Danger::Protocol("protocol.git.allow")),
        (b"credential", _, b"helper") => return Some(Danger::Helper),
        _ => return None,
    };
    Some(Danger::Single(harmless))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(entries: &[(&str, &str, &str)]) -> Vec<u8> {
        entries.iter().flat_map(|(scope, key, value)| format!("{scope}\0{key}\n{value}\0").into_bytes()).collect()
    }

    fn value_of<'a>(overrides: &'a Overrides, key: &str) -> Option<&'a str> {
        let found = overrides.settings.iter().rfind(|(name, _)| name == key.as_bytes());
        found.map(|(_, value)| std::str::from_utf8(value).unwrap())
    }

    #[test]
    fn what_a_repository_would_run_is_replaced_and_the_users_own_choice_is_kept() {
        let overrides = overrides(&listing(&[
            ("global", "filter.lfs.process", "git-lfs filter-process"),
            ("global", "diff.external", "difftool"),
            ("local", "filter.lfs.process", "sh -c evil"),
            ("worktree", "filter.a=b.c.smudge", "evil"),
            ("local", "merge.ours.driver", "evil"),
            ("local", "core.sshcommand", "evil"),
            ("local", "user.name", "Ann"),
        ]));
        assert_eq!(value_of(&overrides, "filter.lfs.process"), Some("git-lfs filter-process"));
        assert_eq!(value_of(&overrides, "filter.a=b.c.smudge"), Some(""));
        assert_eq!(value_of(&overrides, "merge.ours.driver"), Some("false"));
        assert_eq!(value_of(&overrides, "core.sshcommand"), Some("ssh"));
        assert_eq!(value_of(&overrides, "core.hooksPath"), Some("/dev/null"));
        assert_eq!(value_of(&overrides, "diff.external"), None);
        assert_eq!(value_of(&overrides, "user.name"), None);
        assert_eq!(overrides.filters_off, ["a=b.c", "lfs"]);
    }

    #[test]
    fn a_filter_that_says_what_the_user_says_is_not_turned_off() {
        let same = "git-lfs filter-process";
        let both = [("global", "filter.lfs.process", same), ("local", "filter.lfs.process", same)];
        assert_eq!(overrides(&listing(&both)).filters_off, Vec::<String>::new());
    }

    #[test]
    fn only_the_users_credential_helpers_remain_in_their_order() {
        let overrides = overrides(&listing(&[
            ("system", "credential.helper", "cache"),
            ("global", "credential.https://example.org.helper", "store"),
            ("local", "credential.helper", "!evil"),
        ]));
        let helpers: Vec<_> = overrides.settings.iter().filter(|(key, _)| key.starts_with(b"credential")).collect();
        let expected = [
            setting("credential.helper", ""),
            setting("credential.helper", "cache"),
            setting("credential.https://example.org.helper", "store"),
        ];
        assert_eq!(helpers, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_listing_that_makes_no_sense_is_survived() {
        for text in [&b""[..], b"\0", b"local", b"local\0novalue\0", b"local\0filter.x.clean\0", b"\0\0\0\xff"] {
            assert!(overrides(text).settings.len() >= ALWAYS.len());
        }
    }
}
