//! The workflows, prompts and skills that come with the program. To add one, add its name to the list.

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
pub(super) const PROMPTS: &[(&str, &str)] = files!("prompts": "implement.md", "planner.md", "resolve.md", "spec.md");

/// Path and content of what planning agents can read about this program.
pub(super) const SKILLS: &[(&str, &str)] = files!(
    "assets/skills": "cli/SKILL.md", "config/SKILL.md", "github-issues/SKILL.md", "linear/SKILL.md",
    "planner/SKILL.md", "workflows/SKILL.md",
);
