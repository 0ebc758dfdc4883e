//! Reads the phases of a workflow file one by one: keys, types and ranges, and which key belongs to which type.

use std::collections::BTreeMap;

use crate::config::fields::{At, Fields, Report, meant, scalar};
use crate::config::yaml::{Mark, Node};
use crate::domain::ids::{AgentName, PhaseId};
use crate::domain::workflow::{Approval, Asks, Capture, Phase, PhaseKind, Prompt, Retry, Run};

/// What aotui can do itself in a script phase.
pub(crate) const BUILTINS: [&str; 1] = ["land"];

const TYPES: [&str; 5] = ["script", "agent", "poll", "approval", "terminal"];

/// Longest time of any setting, in seconds: a year.
const YEAR: u32 = 31_536_000;

/// A phase as the file has it: enough for the checks of the graph even where the rest of it is broken.
pub(crate) struct Draft {
    /// Its id; `None` where it has no usable one.
    pub(crate) id: Option<At<PhaseId>>,
    /// Where it starts.
    pub(crate) at: Mark,
    /// Whether it ends the ticket.
    pub(crate) terminal: bool,
    /// Where success leads.
    pub(crate) on_success: Option<At<String>>,
    /// Where failure leads.
    pub(crate) on_failure: Option<At<String>>,
    /// Every template in it.
    pub(crate) templates: Vec<At<String>>,
    /// Every prompt file it names.
    pub(crate) prompts: Vec<At<String>>,
    /// Every script or program it names.
    pub(crate) commands: Vec<At<String>>,
    /// Keys it captures.
    pub(crate) captures: Vec<String>,
    /// The phase; `None` where it is not usable.
    pub(crate) phase: Option<Phase>,
}

/// Reads all phases; reports every defect.
pub(crate) fn read(items: &[Node], poll_interval: u64, report: &mut Report) -> Vec<Draft> {
    items.iter().enumerate().map(|(n, item)| read_one(item, n + 1, poll_interval, report)).collect()
}

fn read_one(node: &Node, n: usize, poll_interval: u64, report: &mut Report) -> Draft {
    let mut draft = Draft {
        id: None,
        at: node.at,
        terminal: false,
        on_success: None,
        on_failure: None,
        templates: Vec::new(),
        prompts: Vec::new(),
        commands: Vec::new(),
        captures: Vec::new(),
        phase: None,
    };
    let named = node.get("id").and_then(scalar).map(|id| format!("phase `{}`", id.value));
    let Some(mut fields) = Fields::of(node, named.unwrap_or_else(|| format!("phase {n}")), report) else {
        return draft;
    };
    let errors = report.errors.len();
    draft.id = id(&mut fields, report);
    let type_ = fields.text("type", report);
    draft.on_success = fields.text("onSuccess", report);
    draft.on_failure = fields.text("onFailure", report);
    let retry = retry(&mut fields, report);
    let timeout = fields.number("timeoutSeconds", 1, YEAR, report).map(u64::from);
    let max_visits = fields.number("maxVisits", 1, 1000, report).unwrap_or(10);
    let capture = capture(&mut fields, report);
    draft.captures = capture.keys().cloned().collect();
    let kind = kind(&mut fields, type_, poll_interval, &mut draft, report);
    fields.refuse_unknown(report);
    let (Some(id), Some(kind)) = (&draft.id, kind) else { return draft };
    draft.terminal = matches!(kind, PhaseKind::Terminal { .. });
    let timeout_seconds = timeout.or(match kind {
        PhaseKind::Agent { .. } => Some(3600),
        PhaseKind::Poll { .. } => Some(86_400),
        _ => None,
    });
    let edge = |to: &Option<At<String>>| to.as_ref().and_then(|to| PhaseId::new(to.value.clone()).ok());
    if report.errors.len() == errors {
        let (on_success, on_failure) = (edge(&draft.on_success), edge(&draft.on_failure));
        let id = id.value.clone();
        draft.phase = Some(Phase { id, kind, on_success, on_failure, retry, timeout_seconds, max_visits, capture });
    }
    draft
}

fn id(fields: &mut Fields<'_>, report: &mut Report) -> Option<At<PhaseId>> {
    let Some(text) = fields.text("id", report) else {
        report.error(fields.at, format!("{} has no `id`", fields.what), "edges lead to phases by their id");
        return None;
    };
    match PhaseId::new(text.value) {
        Ok(value) => Some(At { value, at: text.at }),
        Err(bad) => {
            report.error(text.at, bad.to_string(), "");
            None
        }
    }
}

fn retry(fields: &mut Fields<'_>, report: &mut Report) -> Retry {
    let once = Retry { attempts: 1, backoff_seconds: 0 };
    let more = fields.number("maxRetries", 0, 99, report);
    let Some(node) = fields.get("retry") else {
        return Retry { attempts: more.unwrap_or(0) + 1, ..once };
    };
    if more.is_some() {
        report.error(node.at, format!("{} has both `retry` and `maxRetries`", fields.what), "keep `retry`");
    }
    let Some(mut retry) = Fields::of(node, format!("`retry` of {}", fields.what), report) else { return once };
    let attempts = retry.number("attempts", 1, 100, report).unwrap_or(1);
    let backoff_seconds = retry.number("backoffSeconds", 0, YEAR, report).map_or(0, u64::from);
    retry.refuse_unknown(report);
    Retry { attempts, backoff_seconds }
}

fn capture(fields: &mut Fields<'_>, report: &mut Report) -> BTreeMap<String, Capture> {
    let mut captures = BTreeMap::new();
    for (key, node) in fields.entries("capture", report) {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if key.value.len() > 64 || !key.value.starts_with(|c: char| good(c) && c != '-') || !key.value.chars().all(good)
        {
            let rule = "use at most 64 letters, digits, `_` and `-`";
            report.error(key.at, format!("`{}` is not usable as the key of a capture", key.value), rule);
            continue;
        }
        match scalar(node) {
            Some(text) if text.value == "stdout" => drop(captures.insert(key.value, Capture::Stdout)),
            Some(text) => {
                captures.insert(key.value, Capture::Command { script: text.value });
            }
            None => report.error(
                node.at,
                format!("capture `{}` should be `stdout` or a shell command, not {}", key.value, node.kind()),
                "",
            ),
        }
    }
    captures
}

/// Reports template tags in text that a shell takes literally.
fn refuse_template(text: &At<String>, report: &mut Report) {
    let Some(hit) = text.value.find("{{") else { return };
    let line = text.value.get(..hit).unwrap_or_default().matches('\n').count();
    let at = Mark { line: text.at.line + u32::try_from(line).unwrap_or(0), column: text.at.column };
    let hint = "read $AOTUI_TICKET, $AOTUI_TITLE, $AOTUI_WORKTREE, $AOTUI_CTX_<KEY> and so on instead";
    report.error(at, "`run` is taken literally by the shell, `{{` is not rendered in it", hint);
}

/// Keys that only some types of phase have, with those types.
const ONLY: [(&str, &[&str]); 13] = [
    ("command", &["script", "poll"]),
    ("args", &["script", "poll"]),
    ("run", &["script", "poll"]),
    ("builtin", &["script"]),
    ("promptTemplate", &["agent"]),
    ("prompt", &["agent"]),
    ("agent", &["agent"]),
    ("model", &["agent"]),
    ("allowedTools", &["agent"]),
    ("maxTurns", &["agent"]),
    ("intervalSeconds", &["poll"]),
    ("asks", &["approval"]),
    ("message", &["approval"]),
];

fn kind(
    fields: &mut Fields<'_>,
    type_: Option<At<String>>,
    poll_interval: u64,
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
        "agent" => agent(fields, draft, report),
        "script" => Some(PhaseKind::Script { run: run(fields, draft, report)? }),
        "poll" => {
            let interval = fields.number("intervalSeconds", 1, YEAR, report).map_or(poll_interval, u64::from);
            Some(PhaseKind::Poll { run: run(fields, draft, report)?, interval_seconds: interval })
        }
        "approval" => Some(PhaseKind::Approval(approval(fields, draft, report))),
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

fn agent(fields: &mut Fields<'_>, draft: &mut Draft, report: &mut Report) -> Option<PhaseKind> {
    let (file, text) = (fields.text("promptTemplate", report), fields.text("prompt", report));
    let name = fields.text("agent", report);
    let agent = name.and_then(|name| match AgentName::new(name.value) {
        Ok(agent) => Some(agent),
        Err(bad) => {
            report.error(name.at, bad.to_string(), "");
            None
        }
    });
    let tools = fields.texts("allowedTools", report).unwrap_or_default();
    let max_turns = fields.number("maxTurns", 1, 100_000, report);
    let model = fields.text("model", report).map(|model| model.value);
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
    let allowed_tools = tools.into_iter().map(|tool| tool.value).collect();
    Some(PhaseKind::Agent { prompt, agent, allowed_tools, max_turns, model })
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
