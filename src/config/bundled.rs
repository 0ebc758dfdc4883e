//! The workflows and prompts that come with the program. To add one, add its name to the list.

macro_rules! files {
    ($dir:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../", $dir, "/", $name)))),*]
    };
}

/// File name and content of every bundled workflow.
pub(super) const WORKFLOWS: &[(&str, &str)] = files!(
    "workflows": "demo-merge.yaml", "demo-poll.yaml", "demo-spec.yaml", "demo.yaml", "minimal.yaml", "standard.yaml",
);

/// File name and content of every bundled prompt.
pub(super) const PROMPTS: &[(&str, &str)] = files!("prompts": "implement.md", "resolve.md", "spec.md");
