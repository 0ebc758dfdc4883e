//! The real programs: where they are, and how each is pointed at a scripted server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::server::Server;
use crate::harness::Home;

/// A program that is there.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) name: &'static str,
    /// The directory its program is in.
    bin: PathBuf,
}

/// The agents that the tier installs, and those it uses where they are found.
pub(crate) const INSTALLED: [&str; 2] = ["claude", "pi"];
pub(crate) const FOUND: [&str; 4] = ["codex", "gemini", "opencode", "aider"];

/// Returns whether the real programs are asked for.
pub(crate) fn is_asked_for() -> bool {
    std::env::var("AOTUI_TEST_TIER").is_ok_and(|tier| tier == "real")
}

/// Returns an agent, or says why there is none.
pub(crate) fn find(name: &'static str) -> Result<Agent, String> {
    if !is_asked_for() {
        return Err("AOTUI_TEST_TIER=real is not set".to_owned());
    }
    static LISTED: OnceLock<Result<String, String>> = OnceLock::new();
    let listed = LISTED.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/agents");
        let output = Command::new(&script).args(INSTALLED).output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!(".ci/agents failed: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    });
    let lines = listed.clone()?;
    let words = lines.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let bin = words.filter(|words| words.first() == Some(&name)).find_map(|words| words.get(2).map(PathBuf::from));
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(|dir| dir.join(name).is_file())
    };
    let bin = bin.or_else(on_path).ok_or_else(|| format!("it is not installed (`.ci/agents {name}`)"))?;
    Ok(Agent { name, bin })
}

impl Agent {
    /// Points the agent at the server, for everything `home` starts; returns the settings of its record.
    pub(crate) fn prepare(&self, home: &mut Home, server: &Server) -> String {
        let url = server.url();
        let path = home.env().iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        home.set_env("PATH", &format!("{}:{}", self.bin.display(), path.unwrap_or_default()));
        match self.name {
            "claude" => {
                home.set_env("ANTHROPIC_BASE_URL", &url);
                home.set_env("ANTHROPIC_API_KEY", "sk-scripted");
                home.set_env("CLAUDE_CODE_MAX_RETRIES", "2");
                home.write(".claude.json", r#"{"hasCompletedOnboarding": true, "theme": "dark"}"#);
                "env: {CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1'}".to_owned()
            }
            "pi" => {
                let model = r#"{"id": "scripted-1", "name": "Scripted", "reasoning": false, "input": ["text"],
                    "cost": {"input": 1, "output": 2, "cacheRead": 0.5, "cacheWrite": 0}, "contextWindow": 200000, "maxTokens": 8000}"#;
                let provider = format!(
                    r#"{{"baseUrl": "{url}/v1", "api": "openai-completions", "apiKey": "sk-scripted", "models": [{model}]}}"#
                );
                home.write("pi/models.json", &format!(r#"{{"providers": {{"scripted": {provider}}}}}"#));
                home.set_env("PI_CODING_AGENT_DIR", &home.path("pi").display().to_string());
                home.set_env("PI_OFFLINE", "1");
                "model: scripted/scripted-1".to_owned()
            }
            "codex" => {
                let provider = format!(
                    "name = 'scripted'\nbase_url = '{url}/v1'\nenv_key = 'CODEX_SCRIPTED_KEY'\nwire_api = 'responses'\n\
                     request_max_retries = 2\nstream_max_retries = 2\n"
                );
                home.write(
                    "codex/config.toml",
                    &format!(
                        "model = 'gpt-5.5'\nmodel_provider = 'scripted'\ncheck_for_update_on_startup = false\n\
                         [analytics]\nenabled = false\n[model_providers.scripted]\n{provider}"
                    ),
                );
                home.set_env("CODEX_HOME", &home.path("codex").display().to_string());
                home.set_env("CODEX_SCRIPTED_KEY", "sk-scripted");
                "{}".to_owned()
            }
            "gemini" => {
                let settings = r#"{"security": {"auth": {"selectedType": "gemini-api-key"}},
                    "general": {"enableAutoUpdate": false}, "privacy": {"usageStatisticsEnabled": false}}"#;
                home.write(".gemini/settings.json", settings);
                home.set_env("GEMINI_API_KEY", "scripted");
                home.set_env("GOOGLE_GEMINI_BASE_URL", &url);
                "model: gemini-2.5-pro".to_owned()
            }
            "opencode" => {
                let model = r#""scripted-1": {"tool_call": true, "limit": {"context": 200000, "output": 8000}}"#;
                let options = format!(r#"{{"baseURL": "{url}/v1", "apiKey": "sk-scripted"}}"#);
                let provider =
                    format!(r#"{{"npm": "@ai-sdk/openai-compatible", "options": {options}, "models": {{{model}}}}}"#);
                let config = format!(
                    r#"{{"model": "scripted/scripted-1", "small_model": "scripted/scripted-1", "autoupdate": false,
                    "share": "disabled", "provider": {{"scripted": {provider}}}}}"#
                );
                home.set_env("OPENCODE_CONFIG_CONTENT", &config);
                home.set_env("OPENCODE_DISABLE_MODELS_FETCH", "1");
                "{}".to_owned()
            }
            "aider" => {
                home.set_env("OPENAI_API_BASE", &format!("{url}/v1"));
                home.set_env("OPENAI_API_KEY", "sk-scripted");
                home.set_env("AIDER_EDIT_FORMAT", "diff");
                "model: openai/scripted-1".to_owned()
            }
            other => panic!("nobody said how {other} is prepared"),
        }
    }
}
