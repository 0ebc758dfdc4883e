//! `aotui workflow simulate`: what a ticket would do, without doing it.

use crate::cli::exit::Failure;
use crate::cli::output::plain;
use crate::domain::simulate::{Choices, Chosen, simulate};
use crate::domain::workflow::Workflow;

/// Understands `PHASE=fail,pass` choices.
pub(super) fn choices(outcomes: &[String]) -> Result<Choices, Failure> {
    let mut choices = Choices::new();
    for given in outcomes {
        let wrong = |why: String| Failure::usage(why).hint("for example `--outcome test=fail,pass`");
        let (phase, words) =
            given.split_once('=').ok_or_else(|| wrong(format!("`{given}` names no outcome of a phase")))?;
        for word in words.split(',').map(str::trim) {
            let chosen = match word {
                "pass" | "success" | "approve" => Chosen::Pass,
                "fail" | "failure" | "reject" => Chosen::Fail,
                "not-yet" => Chosen::NotYet,
                other => match other.strip_prefix("verdict:").map(str::trim).filter(|verdict| !verdict.is_empty()) {
                    Some(verdict) => Chosen::Verdict(verdict.to_owned()),
                    None => {
                        let known = "`pass`, `fail`, `verdict:WORD` for an agent, or `not-yet` for a poll";
                        return Err(wrong(format!("`{other}` is no outcome: {known}")));
                    }
                },
            };
            choices.entry(phase.trim().to_owned()).or_default().push(chosen);
        }
    }
    Ok(choices)
}

/// Walks the workflow and says what came of it.
pub(super) fn told(workflow: &Workflow, choices: &Choices, items: usize) -> Result<String, Failure> {
    let simulation = simulate(workflow, choices, items).map_err(|bad| Failure::error(bad.to_string()))?;
    if let Some(unused) = simulation.unused.first() {
        let names: Vec<&str> = workflow.phases.iter().map(|phase| phase.id.as_str()).collect();
        return Err(Failure::usage(format!("no phase `{unused}` was tried"))
            .hint(format!("the walk may not come there; phases are {}", names.join(", "))));
    }
    let name = |walk: &str, phase: &str| if walk.is_empty() { phase.to_owned() } else { format!("{walk}/{phase}") };
    let names = simulation.attempts.iter().map(|attempt| name(&attempt.walk, &attempt.phase).chars().count());
    let widest = names.max().unwrap_or(0);
    let mut text = String::new();
    for attempt in &simulation.attempts {
        let to = if attempt.to.is_empty() { "again" } else { attempt.to.as_str() };
        let outcome = match &attempt.verdict {
            Some(verdict) if attempt.outcome == "pass" => format!("`{}`", plain(verdict)),
            _ => attempt.outcome.to_owned(),
        };
        let arrow = if attempt.outcome == "stopped" { String::new() } else { format!("→ {to}") };
        let name = name(&attempt.walk, &attempt.phase);
        let line = format!("{name:widest$}  {:8}  {outcome:7}  {arrow}", attempt.kind);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{}\n", simulation.end));
    Ok(text)
}
