//! Where this call of the program is at home: places, settings and what they lead to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::{Failure, output};
use crate::config::library::Library;
use crate::config::paths::Places;
use crate::config::settings::{Loaded, Settings};
use crate::domain::ids::AgentName;
use crate::domain::problem::Problem;
use crate::runtime_dir;
use crate::store::Layout;

/// Everything that is known before anything is started.
#[derive(Debug, Clone)]
pub(super) struct House {
    /// Where things are.
    pub(super) places: Places,
    /// The settings in force.
    pub(super) settings: Settings,
    /// What the command line says instead of the settings file, however often that is read again.
    pub(super) instead: Instead,
    /// What a person should look at in the settings file.
    pub(super) warnings: Vec<Problem>,
    /// This program.
    pub(super) exe: PathBuf,
    /// Where it was called.
    pub(super) cwd: PathBuf,
    /// The environment it was called in, as far as it is text.
    pub(super) env: Environment,
}

/// Variables and their values.
type Environment = BTreeMap<String, String>;

/// What the command line says instead of the settings file; `None` where it says nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Instead {
    /// Most sessions at a time.
    pub(super) concurrency: Option<u32>,
    /// The agent of tickets, plans and phases that name none.
    pub(super) agent: Option<AgentName>,
}

impl House {
    /// Returns one with these settings.
    pub(super) fn new(places: Places, settings: Settings, exe: PathBuf, cwd: PathBuf, env: Environment) -> Self {
        Self { places, settings, instead: Instead::default(), warnings: Vec::new(), exe, cwd, env }
    }

    /// Lets what the command line says count as long as this program runs.
    pub(super) fn say_instead(&mut self, instead: Instead) {
        self.instead = instead;
        self.settle(self.settings.clone());
    }

    /// Puts other settings in force, as far as the command line says nothing else.
    pub(super) fn settle(&mut self, mut settings: Settings) {
        settings.max_concurrency = self.instead.concurrency.unwrap_or(settings.max_concurrency);
        if let Some(agent) = &self.instead.agent {
            settings.default_agent = agent.clone();
        }
        self.settings = settings;
    }

    /// Finds the places and reads the settings; refuses defective ones.
    pub(super) fn open(config: Option<&Path>) -> Result<Self, Failure> {
        Self::open_with(config, |places, exe| {
            let loaded = Settings::load(places, exe).map_err(|problems| {
                Failure::problems("the settings file has defects", problems).hint("correct it and try again")
            })?;
            Ok((loaded.value, loaded.warnings))
        })
    }

    /// Finds the places and reads the settings as far as they can be, for verbs that only show something: what is
    /// wrong is said on stderr.
    pub(super) fn open_to_read(config: Option<&Path>) -> Result<Self, Failure> {
        Self::open_with(config, |places, exe| {
            let (settings, problems) = Settings::salvage(places, exe);
            for problem in &problems {
                output::note(&format!("warning: {}", output::plain(&problem.to_string())));
            }
            Ok((settings, Vec::new()))
        })
    }

    fn open_with(
        config: Option<&Path>,
        read: impl FnOnce(&Places, &Path) -> Result<(Settings, Vec<Problem>), Failure>,
    ) -> Result<Self, Failure> {
        let (exe, cwd, env) = (exe()?, cwd()?, env());
        let places = places(config, &cwd, &env)?;
        if config.is_some() && !places.config_file.exists() {
            let message = format!("there is no settings file {}", places.config_file.display());
            return Err(Failure::usage(message).hint("correct --config, or leave it out"));
        }
        let (settings, warnings) = read(&places, &exe)?;
        Ok(Self { warnings, ..Self::new(places, settings, exe, cwd, env) })
    }

    /// Finds the places and reads the settings; where those are defective the defaults hold and the defects are returned.
    pub(super) fn open_anyway(config: Option<&Path>) -> Result<(Self, Vec<Problem>), Failure> {
        let (exe, cwd, env) = (exe()?, cwd()?, env());
        let places = places(config, &cwd, &env)?;
        let (loaded, defects) = match Settings::load(&places, &exe) {
            Ok(loaded) => (loaded, Vec::new()),
            Err(defects) => (Loaded { value: Settings::defaults(&places, &exe), warnings: Vec::new() }, defects),
        };
        let house = Self::new(places, loaded.value, exe, cwd, env);
        Ok((Self { warnings: loaded.warnings, ..house }, defects))
    }

    /// Returns the value of a variable that is set.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the path that an agent's record spells; `None` where it needs a variable that is not set.
    pub(super) fn path_of_agent(&self, spelled: &str) -> Option<PathBuf> {
        if let Some((name, rest)) = spelled.strip_prefix("${").and_then(|rest| rest.split_once('}')) {
            return Some(Path::new(self.variable(name)?).join(rest.trim_start_matches('/')));
        }
        self.places.resolve(spelled).ok()
    }

    /// Returns a house that lies in `dir` alone, with default settings: the user's own is not touched.
    pub(super) fn at(dir: &Path) -> Result<Self, Failure> {
        let (exe, cwd, mut env) = (exe()?, cwd()?, env());
        env.insert("AOTUI_HOME".to_owned(), dir.display().to_string());
        let places = Places::find(None, &cwd, |name| env.get(name).cloned())
            .map_err(|error| Failure::usage(error.to_string()))?;
        let settings = Settings::defaults(&places, &exe);
        Ok(Self::new(places, settings, exe, cwd, env))
    }

    /// Returns the house in `dir`, with room for state, which makes it one that `--config` finds.
    pub(super) fn made_at(dir: &Path) -> Result<Self, Failure> {
        let new = Self::at(&cwd()?.join(dir))?;
        new.layout().create()?;
        if new.places.config_file.exists() { Self::open(Some(&new.places.config_file)) } else { Ok(new) }
    }

    /// Returns where the state is.
    pub(super) fn layout(&self) -> Layout {
        Layout::new(&self.settings.state_dir)
    }

    /// Returns the library of these settings.
    pub(super) fn library(&self) -> Library {
        Library::new(&self.settings, self.env.get("PATH").map_or("", String::as_str))
    }

    /// Returns the control socket of the engine on this state.
    pub(super) fn socket(&self) -> Result<PathBuf, Failure> {
        // Two spellings of one directory must lead to one socket. A directory that is not there yet has no engine.
        let state = self.settings.state_dir.canonicalize().unwrap_or_else(|_| self.settings.state_dir.clone());
        let dir = self.env.get("XDG_RUNTIME_DIR").map(Path::new);
        runtime_dir::socket_path(&state, "control", dir)
            .map_err(|error| Failure::error(format!("there is no place for the control socket: {error}")))
    }
}

/// Finds the places. State that lies beside a settings file that was named belongs to it.
fn places(config: Option<&Path>, cwd: &Path, env: &BTreeMap<String, String>) -> Result<Places, Failure> {
    let mut places =
        Places::find(config, cwd, |name| env.get(name).cloned()).map_err(|error| Failure::usage(error.to_string()))?;
    let beside = places.config_dir.join("state");
    if places.named && Layout::new(&beside).plans().is_dir() {
        places.state_dir = beside;
    }
    Ok(places)
}

fn exe() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::error(format!("cannot find this program's own path: {error}")))
}

fn cwd() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| Failure::error(format!("the current directory cannot be found: {error}")))
}

fn env() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
