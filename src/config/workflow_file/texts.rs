//! Checks what a workflow refers to: template variables, prompt files, agents, scripts and programs.

use super::Surroundings;
use super::phases::Draft;
use crate::config::fields::{At, Report, meant};
use crate::config::template::{self, Defect};
use crate::config::yaml::Mark;
use crate::domain::problem::Problem;

/// Reports every reference that leads nowhere. `source` is the content of the workflow file.
pub(crate) fn check(drafts: &[Draft], source: &str, around: &dyn Surroundings, report: &mut Report) {
    let drafts: Vec<&Draft> = drafts.iter().flat_map(Draft::all).collect();
    let captures: Vec<&str> = drafts.iter().flat_map(|draft| draft.captures.iter().map(String::as_str)).collect();
    let known = |name: &str| {
        let key = name.strip_prefix("context.").unwrap_or(name);
        captures.contains(&key) || template::is_name(name)
    };
    let names: Vec<String> = template::NAMES
        .iter()
        .map(|name| (*name).to_owned())
        .chain(captures.iter().flat_map(|key| [(*key).to_owned(), format!("context.{key}")]))
        .collect();
    let hint = |defect: &Defect| {
        let name = defect.name.as_deref();
        name.map_or_else(String::new, |name| meant(name, names.iter().map(String::as_str)))
    };
    let mut seen: Vec<&str> = Vec::new();
    for draft in drafts {
        for text in &draft.templates {
            for defect in template::defects("template", &text.value, &known) {
                report.error(placed(text, &defect, source), defect.message.clone(), hint(&defect));
            }
        }
        for prompt in draft.prompts.iter().filter(|prompt| !seen.contains(&prompt.value.as_str())) {
            prompt_file(prompt, around, report, &|label, text| {
                let defects = template::defects(label, text, &known);
                defects.into_iter().map(|defect| in_file(label, &defect, hint(&defect))).collect()
            });
        }
        seen.extend(draft.prompts.iter().map(|prompt| prompt.value.as_str()));
        agents(draft, around, report);
        for command in draft.commands.iter().filter(|command| !command.value.contains('/')) {
            match around.has_command(&command.value) {
                Some(Ok(())) => {}
                Some(Err(problem)) => report.errors.push(problem),
                None => report.warn(
                    command.at,
                    format!("`{}` is neither a script of the library nor a program on PATH", command.value),
                    "put it into `.aotui/scripts` of the repository or into your `scriptDir`, or install it",
                ),
            }
        }
    }
}

fn agents(draft: &Draft, around: &dyn Surroundings, report: &mut Report) {
    let names = around.agent_names();
    for agent in draft.agents.iter().filter(|agent| !names.iter().any(|name| name == agent.value.as_str())) {
        let hint = meant(agent.value.as_str(), names.iter().map(String::as_str));
        report.error(agent.at, format!("there is no agent `{}` in the settings", agent.value), hint);
    }
}

fn prompt_file(
    prompt: &At<String>,
    around: &dyn Surroundings,
    report: &mut Report,
    defects: &dyn Fn(&str, &str) -> Vec<Problem>,
) {
    match around.prompt(&prompt.value) {
        Some(Ok((label, text))) => report.errors.extend(defects(&label, &text)),
        Some(Err(problem)) => report.errors.push(problem),
        None => {
            let names = around.prompt_names();
            let hint = meant(&prompt.value, names.iter().map(String::as_str));
            report.error(prompt.at, format!("there is no prompt file `{}`", prompt.value), hint);
        }
    }
}

fn in_file(label: &str, defect: &Defect, hint: String) -> Problem {
    let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let problem = Problem::in_file(label, defect.message.clone()).at(clamp(defect.line), clamp(defect.column));
    if hint.is_empty() { problem } else { problem.hint(hint) }
}

/// Returns where in the workflow file the defect of a template in it stands: the line that reads like the template's.
fn placed(text: &At<String>, defect: &Defect, source: &str) -> Mark {
    let Some(line) = text.value.lines().nth(defect.line.saturating_sub(1)).map(str::trim) else { return text.at };
    let first = usize::try_from(text.at.line).unwrap_or(1).saturating_sub(1);
    let within =
        source.lines().enumerate().skip(first).find(|(_, candidate)| !line.is_empty() && candidate.contains(line));
    let Some((n, candidate)) = within else { return text.at };
    let indent = candidate.find(line).map_or(0, |at| candidate.get(..at).unwrap_or_default().chars().count());
    let lead =
        text.value.lines().nth(defect.line.saturating_sub(1)).map_or(0, |raw| raw.len() - raw.trim_start().len());
    let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Mark { line: clamp(n + 1), column: clamp(indent + defect.column.saturating_sub(lead)) }
}
