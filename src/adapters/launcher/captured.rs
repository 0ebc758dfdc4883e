//! Runs a capture's shell text and keeps what it writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::misconfigured;
use crate::adapters::process::{Call, RunError};
use crate::slots::{ErrorClass, SlotError};

/// How long a capture may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Most bytes kept of what it writes.
const CAP: usize = 64 * 1024;

/// Runs `script` in `cwd` with exactly `env` and returns its trimmed stdout.
pub(super) async fn run(script: &str, cwd: &Path, env: BTreeMap<String, String>) -> Result<String, SlotError> {
    let call = Call::new("/bin/sh", cwd).args(["-c", script]).envs(env).limit(DEADLINE).stdout_kept(CAP);
    let output = call.run().await.map_err(|error| {
        let class = match error {
            // It would take as long again.
            RunError::TimedOut { .. } => ErrorClass::Misconfigured,
            _ => error.class(),
        };
        SlotError::new(class, error.to_string())
    })?;
    if !output.status.success() {
        return Err(misconfigured(output.failure()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn captured(script: &str) -> Result<String, String> {
        let env =
            [("PATH".to_owned(), "/usr/bin:/bin".to_owned()), ("AOTUI_TITLE".to_owned(), "a b".to_owned())].into();
        run(script, Path::new("/"), env).await.map_err(|error| error.message)
    }

    #[tokio::test]
    async fn it_returns_trimmed_output_of_the_given_environment_and_directory() {
        assert_eq!(captured("echo; echo \" $AOTUI_TITLE\"; pwd; echo").await.unwrap(), "a b\n/");
        assert_eq!(captured("echo ${HOME-none} ${GH_TOKEN-none}").await.unwrap(), "none none");
    }

    #[tokio::test]
    async fn a_failure_says_how_and_what_was_printed() {
        let message = captured("echo 'no such pr' >&2; exit 4").await.unwrap_err();
        assert!(message.contains("exit status: 4") && message.contains("no such pr"), "{message}");
    }

    #[tokio::test]
    async fn output_is_capped() {
        let flood = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done";
        assert_eq!(captured(flood).await.unwrap().len(), CAP);
    }
}
