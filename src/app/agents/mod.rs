//! `aotui agents`: which there are, what their records say, whether they would work, and adding one.
//!
//! Owns the order in which things are told; what is looked at is [`check`]'s, and `aotui doctor` looks at the same.

pub(super) mod check;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::house::House;
use super::{block_on, say, say_json, steering};
use crate::cli::output::{self, Style};
use crate::cli::verbs::doctor::Report;
use crate::cli::verbs::status::window_line;
use crate::cli::{AddAgentArgs, AgentsVerb, Exit, Failure, held_line, repository_of};
use crate::config::agents::{self, AgentRecord};
use crate::config::edit;
use crate::config::settings::Settings;
use crate::domain::agent_run::Face;
use crate::domain::command::Command;
use crate::domain::ids::AgentName;
use crate::domain::problem::nearest;

/// Does what `agents` is told.
pub(super) fn agents(config: Option<&Path>, verb: AgentsVerb) -> Result<Exit, Failure> {
    match verb {
        AgentsVerb::List { json } => list(&House::open_to_read(config)?, json),
        AgentsVerb::Show { name } => {
            let house = House::open_to_read(config)?;
            say(&shown(&house, &name)?)
        }
        AgentsVerb::Check { name, json } => look(&House::open_to_read(config)?, name.as_deref(), json),
        AgentsVerb::Release { name } => release(&House::open(config)?, &name),
        AgentsVerb::Add(args) => add(&House::open(config)?, &args),
    }
}

/// Lets the account go on that is named, or that the named agent works on.
fn release(house: &House, name: &str) -> Result<Exit, Failure> {
    let record = house.settings.agents.iter().find(|(known, _)| known.as_str() == name);
    let account = record.map_or_else(|| name.to_owned(), |(_, record)| record.rules().account);
    let mut steering = steering::open(house)?;
    steering.command(vec![Command::ReleaseAccount { account: account.clone() }])?;
    let on = if steering.has_engine() { "go on" } else { "go on when an engine runs" };
    say(&format!("agents of account {} {on}\n", output::plain(&account)))
}

fn list(house: &House, json: bool) -> Result<Exit, Failure> {
    let (settings, library) = (&house.settings, house.library());
    let (fleet, _) = steering::look(house)?;
    let held = |record: &AgentRecord| {
        let account = record.rules().account;
        fleet.accounts.get(&account).map(|hold| (account, hold))
    };
    let now = crate::engine::now();
    let open = fleet.live.limits.open(now);
    let windows = |record: &AgentRecord| {
        let account = record.rules().account;
        open.iter().filter(|(of, _)| *of == account).map(|(_, window)| *window).collect::<Vec<_>>()
    };
    let face = |record: &AgentRecord| match record.usual_face() {
        Face::Headless => "headless",
        Face::Terminal => "terminal",
    };
    let rows = settings.agents.iter().map(|(name, record)| {
        let installed = library.has_program(&record.command);
        (name, record, installed, *name == settings.default_agent)
    });
    if json {
        let rows = rows.map(|(name, record, installed, default)| {
            json!({"name": name, "command": record.command, "installed": installed, "default": default,
                "face": face(record), "model": record.model, "may": record.about.may,
                "account": record.rules().account, "held": held(record).map(|(_, hold)| hold),
                "limits": windows(record)})
        });
        return say_json(&json!({ "agents": rows.collect::<Vec<_>>() }));
    }
    let widest = settings.agents.keys().map(|name| name.as_str().len()).max().unwrap_or(0);
    let style = Style::of_stdout();
    let mut text = String::new();
    for (name, record, installed, default) in rows {
        let there = if installed { "installed" } else { "-" };
        let mark = if default { "*" } else { " " };
        let may = record.about.may.as_deref().unwrap_or(&record.command);
        let line = format!("{mark} {:widest$}  {there:9}  {:8}  {}", name.as_str(), face(record), output::plain(may));
        text.push_str(&if installed { line } else { style.dim(&line) });
        text.push('\n');
        for window in windows(record) {
            let line = window_line(&record.rules().account, window, now);
            text.push_str(&format!("  {:widest$}  {}\n", "", output::plain(&line)));
        }
        if let Some((account, hold)) = held(record) {
            let how = format!("{}; `aotui agents release {name}` lets them go on", held_line(&account, hold));
            text.push_str(&format!("  {:widest$}  {how}\n", ""));
        }
    }
    text.push_str(&style.dim("* works where nobody names another; `aotui agents check NAME` says more\n"));
    say(&text)
}

/// Returns the record of an agent as YAML.
fn shown(house: &House, name: &str) -> Result<String, Failure> {
    let (_, record) = known(house, name)?;
    let file = &house.places.config_file;
    let settings = std::fs::read_to_string(file).unwrap_or_default();
    let text = agents::as_yaml(name, &file.display().to_string(), &settings);
    // The built-in one is no file: this program is its program.
    let of_program = || Some(format!("command: {}\nargs: {}\n", json!(record.command), json!(record.args)));
    let text = text.map_err(|problem| Failure::error(problem.to_string()))?.or_else(of_program);
    Ok(text.unwrap_or_default())
}

fn known<'h>(house: &'h House, name: &str) -> Result<(&'h AgentName, &'h AgentRecord), Failure> {
    let agents = &house.settings.agents;
    agents.iter().find(|(known, _)| known.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = agents.keys().map(AgentName::as_str).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names.join(", ")),
        };
        Failure::usage(format!("there is no agent `{}`", output::plain(name))).hint(hint)
    })
}

fn look(house: &House, name: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let library = house.library();
    let repo = repository_of(&house.cwd);
    let chosen = match name {
        Some(name) => vec![known(house, name)?],
        None => {
            let all = house.settings.agents.iter();
            all.filter(|(name, record)| **name == house.settings.default_agent || library.has_program(&record.command))
                .collect()
        }
    };
    let report = block_on(async {
        let mut findings = Vec::new();
        for (name, record) in chosen {
            let subject = check::Subject { name, record, house, repo: repo.as_deref() };
            findings.extend(check::all(&subject, &BTreeSet::new()).await);
        }
        Ok(Report { findings })
    })?;
    if json {
        say_json(&report)?
    } else {
        say(&report.table(Style::of_stdout()))?
    };
    Ok(report.exit())
}

/// Adds a record to the settings file, if the file is as good after it as before.
fn add(house: &House, args: &AddAgentArgs) -> Result<Exit, Failure> {
    let name = AgentName::new(args.name.clone()).map_err(|bad| Failure::usage(bad.to_string()))?;
    if house.settings.agents.contains_key(&name) {
        return Err(Failure::usage(format!("there is an agent `{name}` already")).hint(format!(
            "`aotui agents show {name}` prints it; change it in {}",
            house.places.config_file.display()
        )));
    }
    let entry = entry(house, args)?;
    if args.dry_run {
        return say(&entry);
    }
    let file = &house.places.config_file;
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::error(format!("cannot read {}: {error}", file.display()))),
    };
    let by_hand = || {
        Failure::error(format!("nothing can be added to `agents` in {} without changing its lines", file.display()))
            .hint(format!("add this there yourself:\n{entry}"))
    };
    let after = edit::with_entry(&before, "agents", &entry).ok_or_else(by_hand)?;
    let label = file.display().to_string();
    let read = Settings::parse(&label, &after, &house.places, &house.exe)
        .map_err(|problems| Failure::problems("the settings would have defects, so nothing was added", problems))?;
    if !read.value.agents.contains_key(&name) {
        return Err(by_hand());
    }
    write(file, &after).map_err(|error| Failure::error(format!("cannot write {}: {error}", file.display())))?;
    let new: Vec<String> =
        read.warnings.iter().filter(|warning| !house.warnings.contains(warning)).map(ToString::to_string).collect();
    for warning in new {
        output::note(&format!("warning: {}", output::plain(&warning)));
    }
    say(&format!("added agent {name} to {}\n\nnext:\n  aotui agents check {name}\n", file.display()))
}

/// Returns the lines to add.
fn entry(house: &House, args: &AddAgentArgs) -> Result<String, Failure> {
    let mut lines = match &args.like {
        Some(like) => shown(house, like)?,
        None => String::new(),
    };
    let keys = [
        ("command", args.command.as_ref().map(|text| json!(text))),
        ("args", (!args.args.is_empty()).then(|| json!(args.args))),
        ("promptVia", args.prompt_via.as_ref().map(|text| json!(text))),
        ("model", args.model.as_ref().map(|text| json!(text))),
        ("modelArg", args.model_arg.as_ref().map(|text| json!(text))),
        ("headless", args.text.then(|| json!({"protocol": "text"}))),
    ];
    for (key, value) in keys {
        // JSON is YAML, with nothing left to quote.
        let Some(value) = value else { continue };
        lines = without(&lines, key) + &format!("{key}: {value}\n");
    }
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    Ok(format!("{}:\n{indented}", args.name))
}

/// Returns block YAML without a key of its top.
fn without(yaml: &str, key: &str) -> String {
    let mut dropping = false;
    let mut kept = String::new();
    for line in yaml.lines() {
        if !line.starts_with([' ', '-', '#']) {
            dropping = line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
        }
        if !dropping {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Puts the new text in the place of the file, whole or not at all, with the rights the file has.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    // What a link leads to is what is meant.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let dir = file.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(dir)?;
    let mut new = tempfile::NamedTempFile::new_in(dir)?;
    new.write_all(text.as_bytes())?;
    if let Ok(meta) = std::fs::metadata(&file) {
        std::fs::set_permissions(new.path(), meta.permissions())?;
    }
    new.as_file().sync_all()?;
    new.persist(&file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_with_all_its_lines() {
        let yaml = "command: a\nheadless:\n  args:\n  - x\nargs:\n- y\nmodel: m\n";
        assert_eq!(without(yaml, "headless"), "command: a\nargs:\n- y\nmodel: m\n");
        assert_eq!(without(yaml, "args"), "command: a\nheadless:\n  args:\n  - x\nmodel: m\n");
    }
}
