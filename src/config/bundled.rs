//! The workflows, prompts, skills and scripts that come with the program. To add one, add its name to the list.

macro_rules! files {
    ($dir:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../", $dir, "/", $name)))),*]
    };
}

/// File name and content of every bundled workflow.
pub(super) const WORKFLOWS: &[(&str, &str)] = files!(
    "workflows": "bugfix.yaml", "demo-merge.yaml", "demo-poll.yaml", "demo-spec.yaml", "demo.yaml",
    "gated.yaml", "merge.yaml", "minimal.yaml", "overnight.yaml", "review.yaml", "six-roles.yaml",
    "standard.yaml", "verify.yaml",
);

/// File name and content of every bundled prompt.
pub(super) const PROMPTS: &[(&str, &str)] = files!(
    "prompts": "choose-workflow.md", "compact.md", "design.md", "developer.md", "discussion.md", "document.md",
    "execute.md", "implement.md", "planner.md", "prd.md", "reproduce.md", "research.md", "resolve.md", "review.md",
    "roles/architect.md", "roles/developer.md", "roles/product-owner.md", "roles/reviewer.md", "roles/story-author.md",
    "spec.md", "tech-research.md", "triage.md", "validate.md",
);

/// Path and content of what planning agents can read about this program.
pub(super) const SKILLS: &[(&str, &str)] = files!(
    "assets/skills": "cli/SKILL.md", "config/SKILL.md", "github-issues/SKILL.md", "linear/SKILL.md",
    "planner/SKILL.md", "workflows/SKILL.md",
);

/// Name and content of every bundled script: the names and exit codes of `another-orchestrator`'s, for workflows of its.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    ("check-pr-closed.sh", include_str!("../../assets/scripts/check-pr-closed.sh")),
    ("check-pr-merged.sh", include_str!("../../assets/scripts/check-pr-merged.sh")),
    ("check-pr-review.sh", include_str!("../../assets/scripts/check-pr-review.sh")),
    ("cleanup-worktree.sh", include_str!("../../assets/scripts/cleanup-worktree.sh")),
    ("cleanup.sh", include_str!("../../assets/scripts/cleanup-worktree.sh")),
    ("route-review.sh", include_str!("../../assets/scripts/route-review.sh")),
    ("run.sh", include_str!("../../assets/scripts/run.sh")),
    ("setup-worktree.sh", include_str!("../../assets/scripts/setup-worktree.sh")),
    ("setup.sh", include_str!("../../assets/scripts/setup-worktree.sh")),
];

/// Scripts of the user's that are never run: they make and remove worktrees, which is aotui's business.
pub(super) const RESERVED: [&str; 2] = ["cleanup-worktree.sh", "setup-worktree.sh"];
