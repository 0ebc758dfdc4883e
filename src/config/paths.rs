//! Where aotui finds its settings and keeps its state. Pure: looks at the environment it is given, touches no disk.

use std::path::{Path, PathBuf};

/// Says why the places cannot be known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// There is nothing to start from.
    #[error("HOME is not set, so there is no place for aotui's files; set HOME or AOTUI_HOME to an absolute path")]
    NoHome,
    /// A path that has to be absolute is not.
    #[error("{variable} is `{path}`, which is not an absolute path; set it to one or unset it")]
    Relative {
        /// The variable.
        variable: &'static str,
        /// Its value.
        path: String,
    },
}

/// The places of one run of aotui.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The settings file; may not exist unless the user named it.
    pub config_file: PathBuf,
    /// Whether the user named the settings file.
    pub named: bool,
    /// Its directory, where `workflows`, `prompts` and `scripts` are looked for.
    pub config_dir: PathBuf,
    /// Where state goes unless the settings say otherwise.
    pub state_dir: PathBuf,
    /// The user's home, for `~/`; `None` where it is not known.
    pub home: Option<PathBuf>,
}

impl Places {
    /// Finds the places: `--config FILE` before `$AOTUI_HOME` before XDG. `cwd` is what a relative FILE is relative to.
    pub fn find(config: Option<&Path>, cwd: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Self, NoPlace> {
        let set = |name: &'static str| env(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let xdg = |name, below: &str| {
            // The XDG specification: a relative path counts as unset.
            let base = set(name).map(PathBuf::from).filter(|path| path.is_absolute());
            base.or_else(|| home.as_ref().map(|home| home.join(below))).ok_or(NoPlace::NoHome)
        };
        let own = match set("AOTUI_HOME") {
            Some(path) if Path::new(&path).is_absolute() => Some(PathBuf::from(path)),
            Some(path) => return Err(NoPlace::Relative { variable: "AOTUI_HOME", path }),
            None => None,
        };
        let state_dir = match &own {
            Some(own) => own.join("state"),
            None => xdg("XDG_STATE_HOME", ".local/state")?.join("aotui"),
        };
        let config_file = match (config, own) {
            (Some(file), _) => cwd.join(file),
            (None, Some(own)) => own.join("config.yaml"),
            (None, None) => xdg("XDG_CONFIG_HOME", ".config")?.join("aotui/config.yaml"),
        };
        let config_dir = config_file.parent().unwrap_or(cwd).to_path_buf();
        Ok(Self { config_file, named: config.is_some(), config_dir, state_dir, home })
    }

    /// Returns `path` as the settings file means it: `~/` is the home, anything relative is beside the file.
    pub fn resolve(&self, path: &str) -> Result<PathBuf, NoPlace> {
        if path == "~" || path.starts_with("~/") {
            let home = self.home.as_ref().ok_or(NoPlace::NoHome)?;
            return Ok(home.join(path.trim_start_matches('~').trim_start_matches('/')));
        }
        Ok(self.config_dir.join(path).components().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(config: Option<&str>, env: &[(&str, &str)]) -> Result<Places, NoPlace> {
        let lookup = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Places::find(config.map(Path::new), Path::new("/cwd"), lookup)
    }

    fn shown(places: &Places) -> (&str, &str, &str) {
        let show = |path: &'_ PathBuf| path.to_str().unwrap().to_owned().leak() as &str;
        (show(&places.config_file), show(&places.config_dir), show(&places.state_dir))
    }

    #[test]
    fn a_named_file_wins_over_the_variable_and_that_over_xdg() {
        let home = ("HOME", "/home/u");
        let xdg = find(None, &[home]).unwrap();
        assert_eq!(
            shown(&xdg),
            ("/home/u/.config/aotui/config.yaml", "/home/u/.config/aotui", "/home/u/.local/state/aotui")
        );
        let moved = find(None, &[home, ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "relative")]).unwrap();
        assert_eq!(shown(&moved), ("/c/aotui/config.yaml", "/c/aotui", "/home/u/.local/state/aotui"));
        let own = find(None, &[home, ("AOTUI_HOME", "/a")]).unwrap();
        assert_eq!(shown(&own), ("/a/config.yaml", "/a", "/a/state"));
        let named = find(Some("etc/my.yaml"), &[home]).unwrap();
        assert_eq!(shown(&named), ("/cwd/etc/my.yaml", "/cwd/etc", "/home/u/.local/state/aotui"));
    }

    #[test]
    fn without_a_home_it_says_what_to_set() {
        assert_eq!(find(None, &[]).unwrap_err(), NoPlace::NoHome);
        assert_eq!(find(None, &[("HOME", "")]).unwrap_err(), NoPlace::NoHome);
        assert!(find(None, &[("AOTUI_HOME", "/a")]).is_ok());
        assert!(find(None, &[("AOTUI_HOME", "a")]).unwrap_err().to_string().contains("not an absolute path"));
    }

    #[test]
    fn paths_in_the_file_are_beside_it_or_below_the_home() {
        let places = find(Some("/etc/x/c.yaml"), &[("HOME", "/home/u")]).unwrap();
        assert_eq!(places.resolve("~/w").unwrap(), Path::new("/home/u/w"));
        assert_eq!(places.resolve("w").unwrap(), Path::new("/etc/x/w"));
        assert_eq!(places.resolve("/w").unwrap(), Path::new("/w"));
    }
}
