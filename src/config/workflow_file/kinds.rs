//! Reads what a phase does: the keys that belong to its type, and only those.

use super::phases::{Draft, YEAR};
use super::{Surroundings, below};
use crate::config::agents::FACES;
use crate::config::fields::{At, Fields, Report, meant, one_of};
use crate::config::roles::{self, Worker};
use crate::config::yaml::Mark;
use crate::domain::ids::RoleName;
use crate::domain::workflow::{Approval, Asks, PhaseKind, Prompt, Run};

/// What aotui can do itself in a script phase.
const BUILTINS: [&str; 1] = ["land"];

const TYPES: [&str; 8] = ["script", "agent", "poll", "approval", "parallel", "foreach", "workflow", "terminal"];

/// Reports template tags in text that a shell takes literally.
pub(super) fn refuse_template(text: &At<String>, report: &mut Report) {
    let Some(hit) = text.value.find("{{") else { return };
    let line = text.value.get(..hit).unwrap_or_default().matches('\n').count();
    let at = Mark { line: text.at.line + u32::try_from(line).unwrap_or(0), column: text.at.column };
    let hint = "read $AOTUI_TICKET, $AOTUI_TITLE, $AOTUI_WORKTREE, $AOTUI_CTX_<KEY> and so on instead";
    report.error(at, "`run` is taken literally by the shell, `{{` is not rendered in it", hint);
}

/// Keys that only some types of phase have, with those types.
const ONLY: [(&str, &[&str]); 32] = [
    ("command", &["script", "poll"]),
    ("args", &["script", "poll"]),
    ("run", &["script", "poll"]),
    ("builtin", &["script"]),
    ("promptTemplate", &["agent"]),
    ("prompt", &["agent"]),
    ("role", &["agent"]),
    ("agent", &["agent"]),
    ("face", &["agent"]),
    ("model", &["agent"]),
    ("allowedTools", &["agent"]),
    ("maxTurns", &["agent"]),
    ("intervalSeconds", &["poll"]),
    ("stallSeconds", &["agent"]),
    ("progressSeconds", &["agent"]),
    ("budget", &["agent"]),
    ("permissions", &["agent"]),
    ("unattended", &["agent"]),
    ("unattendedSeconds", &["agent"]),
    ("branches", &["parallel"]),
    ("join", &["parallel"]),
    ("failFast", &["parallel"]),
    ("over", &["foreach"]),
    ("do", &["foreach"]),
    ("phases", &["foreach"]),
    ("concurrency", &["foreach"]),
    ("workflow", &["foreach", "workflow"]),
    ("asks", &["approval"]),
    ("message", &["approval"]),
    ("gates", &["script", "agent"]),
    ("artifacts", &["script", "agent"]),
    ("onVerdict", &["agent"]),
];

/// Reads what the phase does, by its type; reports keys that belong to other types.
pub(super) fn kind(
    fields: &mut Fields<'_>,
    type_: Option<At<String>>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<PhaseKind> {
    let Some(type_) = type_ else {
        ask_all(fields);
        report.error(fields.at, format!("{} has no `type`", fields.what), format!("one of {}", TYPES.join(", ")));
        return None;
    };
    if !TYPES.contains(&type_.value.as_str()) {
        ask_all(fields);
        let hint = meant(&type_.value, TYPES);
        report.error(type_.at, format!("{} has the unknown type `{}`", fields.what, type_.value), hint);
        return None;
    }
    superfluous(fields, &type_.value, report);
    // Seen in files of the other system on any phase; it means something at the end only.
    let notify = fields.flag("notify", report).unwrap_or(false);
    match type_.value.as_str() {
        "agent" => agent(fields, around, draft, report),
        "script" => Some(PhaseKind::Script { run: run(fields, draft, report)? }),
        "poll" => {
            let interval = fields.number("intervalSeconds", 1, YEAR, report).map_or(around.poll_interval(), u64::from);
            Some(PhaseKind::Poll { run: run(fields, draft, report)?, interval_seconds: interval })
        }
        "approval" => Some(PhaseKind::Approval(approval(fields, draft, report))),
        "parallel" => below::parallel(fields, around, draft, report),
        "foreach" => below::foreach(fields, around, draft, report),
        "workflow" => {
            let Some(name) = fields.text("workflow", report) else {
                report.error(fields.at, format!("{} has no `workflow`", fields.what), "name the one it calls");
                return None;
            };
            Some(PhaseKind::Workflow { workflow: below::call(&name, around, report)? })
        }
        _ => Some(PhaseKind::Terminal { needs_attention: notify }),
    }
}

/// Marks every key as known, for phases whose type is not.
fn ask_all(fields: &mut Fields<'_>) {
    fields.get("notify");
    for (key, _) in ONLY {
        fields.get(key);
    }
}

fn superfluous(fields: &mut Fields<'_>, type_: &str, report: &mut Report) {
    for (key, types) in ONLY {
        let Some(node) = fields.get(key).filter(|_| !types.contains(&type_)) else { continue };
        let hint = format!("only phases of type {} have it", types.join(" and "));
        report.error(node.at, format!("`{key}` means nothing in {}, which is of type {type_}", fields.what), hint);
    }
    if let Some(node) = fields.get("capture").filter(|_| ["parallel", "foreach", "workflow"].contains(&type_)) {
        let hint = "capture in the phases it walks; above them it is known as `PHASE_BRANCH_KEY` or `PHASE_KEY`";
        report.error(node.at, format!("`capture` means nothing in {}, which runs nothing itself", fields.what), hint);
    }
    let edges = ["onSuccess", "onFailure", "capture", "retry", "maxRetries", "timeoutSeconds"];
    for key in edges.into_iter().filter(|_| type_ == "terminal") {
        if let Some(node) = fields.get(key) {
            report.error(
                node.at,
                format!("`{key}` means nothing in {}, which ends the ticket", fields.what),
                "remove it",
            );
        }
    }
}

fn run(fields: &mut Fields<'_>, draft: &mut Draft, report: &mut Report) -> Option<Run> {
    let (command, script) = (fields.text("command", report), fields.text("run", report));
    let builtin = fields.text("builtin", report);
    let args = fields.texts("args", report);
    let given = [&command, &script, &builtin].into_iter().flatten().count();
    if given != 1 {
        let what = if given == 0 { "nothing to run" } else { "more than one thing to run" };
        report.error(fields.at, format!("{} has {what}", fields.what), "give one of `command`, `run` and `builtin`");
        return None;
    }
    if let (Some(args), None) = (args.as_ref().and_then(|args| args.first()), &command) {
        report.error(args.at, format!("`args` of {} go with `command` only", fields.what), "the shell reads $AOTUI_…");
    }
    if let Some(command) = command {
        if command.value.trim().is_empty() {
            report.error(command.at, format!("`command` of {} is empty", fields.what), "");
        }
        let args = args.unwrap_or_default();
        let values = args.iter().map(|arg| arg.value.clone()).collect();
        draft.templates.extend(args);
        draft.commands.push(command.clone());
        return Some(Run::Command { command: command.value, args: values });
    }
    if let Some(script) = script {
        refuse_template(&script, report);
        return Some(Run::Shell { script: script.value });
    }
    let builtin = builtin?;
    if !BUILTINS.contains(&builtin.value.as_str()) {
        report.error(builtin.at, format!("there is no builtin `{}`", builtin.value), meant(&builtin.value, BUILTINS));
    }
    Some(Run::Builtin { builtin: builtin.value })
}

fn agent(
    fields: &mut Fields<'_>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<PhaseKind> {
    let (file, text) = (fields.text("promptTemplate", report), fields.text("prompt", report));
    let face = one_of(fields, "face", &FACES, report);
    let own = Worker::read(fields, report);
    draft.agents.clone_from(&own.agents);
    let (role, worker) = match fields.text("role", report) {
        Some(name) => role(&name, around, draft, report).map(|(name, role)| (Some(name), own.or(role)))?,
        None => (None, own),
    };
    let prompt = match (file, text) {
        (Some(file), None) => {
            draft.prompts.push(file.clone());
            Prompt::Template { name: file.value }
        }
        (None, Some(text)) => {
            draft.templates.push(text.clone());
            Prompt::Inline { text: text.value }
        }
        (given, _) => {
            let what = if given.is_some() { "two prompts" } else { "no prompt" };
            report.error(fields.at, format!("{} has {what}", fields.what), "give one of `promptTemplate` and `prompt`");
            return None;
        }
    };
    let mut agents = worker.agents.into_iter().map(|agent| agent.value);
    let mut models = worker.models.into_iter();
    Some(PhaseKind::Agent {
        prompt,
        role,
        agent: agents.next(),
        face,
        allowed_tools: worker.allowed_tools.unwrap_or_default(),
        max_turns: worker.max_turns,
        model: models.next(),
        stronger: models.collect(),
        instead: agents.collect(),
    })
}

/// Finds a role, and who works in its phases.
fn role(
    name: &At<String>,
    around: &dyn Surroundings,
    draft: &mut Draft,
    report: &mut Report,
) -> Option<(RoleName, Worker)> {
    let role = RoleName::new(name.value.clone()).map_err(|bad| report.error(name.at, bad.to_string(), "")).ok()?;
    let file = roles::file_of(&role);
    match around.prompt(&file) {
        Some(Ok((label, text))) => {
            draft.prompts.push(At { value: file, at: name.at });
            let read = roles::read(&role, &label, &text, &around.agent_names());
            let read = read.map_err(|problems| report.errors.extend(problems)).ok()?;
            Some((role, read.worker))
        }
        Some(Err(problem)) => {
            report.errors.push(problem);
            None
        }
        None => {
            let files = around.prompt_names();
            let hint = meant(role.as_str(), files.iter().filter_map(|file| roles::name_in(file)));
            report.error(name.at, format!("there is no role `{role}`: no `prompts/{file}` says who that is"), hint);
            None
        }
    }
}

fn approval(fields: &mut Fields<'_>, draft: &mut Draft, report: &mut Report) -> Approval {
    let message = fields.text("message", report);
    draft.templates.extend(message.clone());
    let asks = match fields.text("asks", report) {
        None => Asks::Decision,
        Some(asks) => match asks.value.as_str() {
            "decision" => Asks::Decision,
            "review" => Asks::Review,
            "merge" => Asks::Merge,
            other => {
                let hint = meant(other, ["decision", "review", "merge"]);
                report.error(asks.at, format!("an approval cannot ask for `{other}`"), hint);
                Asks::Decision
            }
        },
    };
    Approval { asks, message: message.map(|message| message.value) }
}
