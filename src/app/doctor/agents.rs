//! The agents: which are installed, in which version, and how they would run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Checked, Ground};
use crate::adapters::process::{Call, inherited_env};
use crate::cli::output;
use crate::cli::verbs::doctor::Finding;
use crate::config::agents::AgentRecord;
use crate::domain::ids::AgentName;

/// How long an agent may take to tell its version.
const LIMIT: Duration = Duration::from_secs(10);

/// Looks at every agent of the settings; those that work depends on have to be there.
pub(super) async fn check(ground: &Ground<'_>) -> Vec<Checked> {
    let settings = &ground.house.settings;
    let library = ground.house.library();
    let wanted = wanted(ground);
    let mut found: Vec<Checked> = Vec::new();
    let mut absent = Vec::new();
    for (name, record) in &settings.agents {
        let who = wanted.get(name).cloned().unwrap_or_default();
        if library.has_program(&record.command) {
            let version = version(record).await.map(|version| format!(" ({version})")).unwrap_or_default();
            found.push(Finding::ok("agents", format!("{name}{version}: {}", line(record))).into());
        } else if who.is_empty() {
            absent.push(name.as_str());
        } else {
            let text = format!("{name} is not installed (no program `{}`), needed by {}", record.command, listed(&who));
            let how = record.install.as_ref().map(|how| format!(" (`{how}`)")).unwrap_or_default();
            let fix = format!("install it{how}, correct `agents.{name}.command`, or name another agent");
            found.push(Finding::fail("agents", text, fix).into());
        }
    }
    if !absent.is_empty() {
        found.push(Finding::ok("agents", format!("not installed, and not needed: {}", absent.join(", "))).into());
    }
    for (name, who) in wanted.iter().filter(|(name, _)| !settings.agents.contains_key(*name)) {
        let known: Vec<&str> = settings.agents.keys().map(AgentName::as_str).collect();
        let fix = format!("name one of {}, or add it to the settings", known.join(", "));
        found.push(
            Finding::fail("agents", format!("there is no agent `{name}`, needed by {}", listed(who)), fix).into(),
        );
    }
    found
}

/// Returns who needs which agent.
fn wanted(ground: &Ground<'_>) -> BTreeMap<AgentName, BTreeSet<String>> {
    let mut wanted: BTreeMap<AgentName, BTreeSet<String>> = BTreeMap::new();
    let mut note = |agent: Option<&AgentName>, who: String| {
        if let Some(agent) = agent {
            wanted.entry(agent.clone()).or_default().insert(who);
        }
    };
    note(Some(&ground.house.settings.default_agent), "the settings (`defaultAgent`)".to_owned());
    for plan in ground.fleet.plans.values() {
        note(plan.agent.as_ref(), format!("plan {}", plan.id));
    }
    for ticket in ground.fleet.tickets.values() {
        note(ticket.brief.agent.as_ref(), format!("ticket {}", ticket.brief.key));
    }
    wanted
}

/// Returns the first few of those who need something.
fn listed(who: &BTreeSet<String>) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = who.iter().take(SHOWN).map(String::as_str).collect();
    let more = who.len().saturating_sub(SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// Returns how an agent is started, as written in its record.
fn line(record: &AgentRecord) -> String {
    let words = std::iter::once(&record.command).chain(&record.args);
    words.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns what an agent says of its version; `None` where its record does not say how to ask.
async fn version(record: &AgentRecord) -> Option<String> {
    if record.version_args.is_empty() {
        return None;
    }
    let call = Call::new(&record.command, "/").args(&record.version_args).envs(inherited_env(|_| true)).limit(LIMIT);
    let said = call.run().await.ok().filter(|said| said.status.success())?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    Some(output::plain(text.lines().next()?)).filter(|line| !line.is_empty())
}
