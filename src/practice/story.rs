//! What the practice agent shall do: a YAML block in the ticket, fenced as `practice`.
//!
//! ```text
//! implement:              # every visit of the phase `implement` …
//!   - think: 1.5
//!   - write: { path: src/a.txt, text: "…" }
//!   - commit: Say a
//! implement#2: [...]      # … but this on the second visit of the phase
//! security/review: [...]  # … and this where the phase belongs to the branch `security`
//! implement@1: [...]      # … and this the first time it is played in this workspace, whatever the visit
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Step {
    /// Streams a text.
    Say(String),
    /// Thinks for some seconds.
    Think(f64),
    /// Does nothing visible for some seconds.
    Sleep(f64),
    /// Makes everything after it this many times slower.
    Slow(f64),
    /// Shows a tool call; nothing is really called.
    Tool(ToolCall),
    /// Writes a file.
    Write(Edit),
    /// Adds to the end of a file.
    Append(Edit),
    /// Commits everything in the workspace.
    Commit(String),
    /// Removes a file.
    Delete(String),
    /// Gives a verdict.
    Verdict(Judgement),
    /// Writes down what later work should know.
    Learn(String),
    /// Leaves a file for other phases.
    Artifact(Left),
    /// Asks for permission.
    Permission(Permission),
    /// Asks a question.
    Question(Question),
    /// Merges a branch into the ticket's; where both changed the same lines, keeps both.
    Merge(MergeFrom),
    /// Never ends.
    Hang(bool),
    /// Fails with a message.
    Fail(String),
    /// Dies by a signal.
    Crash(bool),
    /// Leaves with an exit code.
    Exit(u8),
}

/// A tool call to show.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolCall {
    /// Name of the tool.
    pub(super) name: String,
    /// What it is called with.
    #[serde(default)]
    pub(super) detail: String,
    /// What it returns.
    #[serde(default)]
    pub(super) result: String,
}

/// A change of a file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The file, relative to the workspace.
    pub(super) path: String,
    /// What to write; `{reply}` stands for the last answer to a question.
    pub(super) text: String,
}

/// A verdict to give.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Judgement {
    /// The word.
    pub(super) verdict: String,
    /// Why.
    #[serde(default)]
    pub(super) reason: String,
}

/// A file to leave for other phases.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Left {
    /// Its name.
    pub(super) name: String,
    /// What is in it.
    pub(super) text: String,
}

/// A permission to ask for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Permission {
    /// The tool.
    pub(super) tool: String,
    /// The exact command.
    pub(super) detail: String,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// What to do only where it was allowed.
    #[serde(default)]
    pub(super) then: Vec<Step>,
}

/// A question to ask.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// The question.
    pub(super) text: String,
    /// Suggested answers.
    #[serde(default)]
    pub(super) options: Vec<String>,
    /// File the question and its answer are added to; `None` means the ticket's notes.
    #[serde(default)]
    pub(super) path: Option<String>,
}

/// Which branch to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum MergeFrom {
    /// The branch the ticket lands on.
    Base,
}

/// Where in the story the agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cue {
    /// The phase.
    pub(super) phase: String,
    /// The part of its ticket that it works on below it: a branch, or the number of an item; empty for the ticket itself.
    pub(super) part: String,
    /// How often the phase was entered, from 1.
    pub(super) visit: u32,
    /// How often the phase was played in this workspace, from 1.
    pub(super) performance: u32,
    /// The ticket.
    pub(super) ticket: String,
    /// Its title.
    pub(super) title: String,
}

/// Returns what to do now, or says why the story cannot be played.
pub(super) fn steps(prompt: &str, cue: &Cue) -> Result<Vec<Step>, String> {
    let Some(block) = practice_block(prompt) else {
        return Ok(improvised(cue));
    };
    let mut story: BTreeMap<String, Vec<Step>> = serde_saphyr::from_str(&block)
        .map_err(|error| format!("the practice block of the ticket is wrong: {error}"))?;
    let of = |name: String| [format!("{name}#{}", cue.visit), format!("{name}@{}", cue.performance), name];
    let keys = of(format!("{}/{}", cue.part, cue.phase)).into_iter().chain(of(cue.phase.clone())).collect::<Vec<_>>();
    Ok(keys.iter().find_map(|key| story.remove(key)).unwrap_or_else(|| improvised(cue)))
}

/// What it does where the ticket says nothing.
fn improvised(cue: &Cue) -> Vec<Step> {
    let title = if cue.title.is_empty() { cue.ticket.as_str() } else { cue.title.as_str() };
    if cue.phase == "resolve" {
        return vec![
            Step::Say("The base branch moved under this work. I merge it and keep both sides.".into()),
            Step::Think(0.6),
            Step::Merge(MergeFrom::Base),
        ];
    }
    if cue.phase == "review" {
        // A reviewer changes nothing of the work.
        let judged = Judgement { verdict: "pass".into(), reason: String::new() };
        return vec![Step::Say("I have read it, and it is good.".into()), Step::Verdict(judged)];
    }
    if cue.phase == "story-author" {
        let path = format!("docs/stories/{}.md", cue.ticket);
        let text = "- Say hello\n- Say it again\n- Say goodbye\n".into();
        return vec![Step::Write(Edit { path, text }), Step::Commit("Write down the stories".into())];
    }
    vec![
        Step::Say(format!(
            "I understand this as: {title}. I write down what I did, so that there is something to see."
        )),
        Step::Think(1.0),
        Step::Append(Edit {
            path: format!("notes/{}.md", cue.ticket),
            text: format!("# {title}\n\nPhase {}, visit {}: done by the practice agent.\n", cue.phase, cue.visit),
        }),
        Step::Commit(format!("Note what {} asks for", cue.ticket)),
    ]
}

/// Returns the inside of the first block fenced as `practice`; a longer fence may hold shorter ones.
fn practice_block(prompt: &str) -> Option<String> {
    let mut lines = prompt.lines();
    let fence = lines.by_ref().find_map(|line| {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        (ticks >= 3 && line[ticks..].trim() == "practice").then_some(ticks)
    })?;
    let ends = |line: &str| line.len() >= fence && line.trim_end().chars().all(|c| c == '`') && !line.trim().is_empty();
    let inside: Vec<&str> = lines.take_while(|line| !ends(line)).collect();
    Some(inside.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cue(phase: &str, visit: u32, performance: u32) -> Cue {
        Cue {
            phase: phase.into(),
            part: String::new(),
            visit,
            performance,
            ticket: "LED-1".into(),
            title: "Add months".into(),
        }
    }

    fn prompt(block: &str) -> String {
        format!("# Add months\n\n```sh\nls\n```\n\n````practice\n{block}\n````\n\nDo it well.")
    }

    #[test]
    fn the_visit_wins_over_the_performance_and_both_over_the_phase() {
        let text = prompt("work:\n  - say: any\nwork#2:\n  - say: visit\nwork@1:\n  - say: first");
        let said = |visit, performance| steps(&text, &cue("work", visit, performance)).unwrap();
        assert_eq!(said(1, 1), [Step::Say("first".into())]);
        assert_eq!(said(1, 2), [Step::Say("any".into())]);
        assert_eq!(said(2, 1), [Step::Say("visit".into())]);
    }

    #[test]
    fn a_story_may_hold_fences_and_every_kind_of_step() {
        let text = prompt(
            "work:\n  - write:\n      path: a.md\n      text: |\n        ```sh\n        ls\n        ```\n  - merge: base\n  - think: 1\n  - hang: true\n  - exit: 3\n  - permission: { tool: Bash, detail: ls, then: [ { say: thanks } ] }\n  - question: { text: Which?, options: [a, b] }",
        );
        let steps = steps(&text, &cue("work", 1, 1)).unwrap();
        assert_eq!(steps.len(), 7);
        assert!(matches!(&steps[0], Step::Write(edit) if edit.text == "```sh\nls\n```\n"));
        assert!(matches!(&steps[5], Step::Permission(asked) if asked.then.len() == 1));
    }

    #[test]
    fn an_unknown_step_is_named_together_with_the_known_ones() {
        let why = steps(&prompt("work:\n  - dance: true"), &cue("work", 1, 1)).unwrap_err();
        assert!(why.contains("dance") && why.contains("think"), "{why}");
    }

    #[test]
    fn without_a_story_it_leaves_a_note_and_resolves_conflicts_by_merging() {
        assert!(steps("Just do it.", &cue("work", 1, 1)).unwrap().iter().any(|step| matches!(step, Step::Commit(_))));
        assert!(steps("Just do it.", &cue("resolve", 1, 1)).unwrap().contains(&Step::Merge(MergeFrom::Base)));
    }
}
