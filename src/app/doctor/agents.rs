//! The agents that work depends on, looked at as `aotui agents check` does, and the others in a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Checked, Ground};
use crate::app::agents::check::{self, Subject};
use crate::cli::verbs::doctor::Finding;
use crate::domain::ids::AgentName;

/// Looks at every agent of the settings; those that work depends on have to be there.
pub(super) async fn check(ground: &Ground<'_>) -> Vec<Checked> {
    let settings = &ground.house.settings;
    let library = ground.house.library();
    let wanted = wanted(ground);
    let mut found: Vec<Checked> = Vec::new();
    let (mut spare, mut absent) = (Vec::new(), Vec::new());
    let repo = ground.fleet.plans.values().find_map(|plan| plan.repo.as_deref()).map(Path::new);
    for (name, record) in &settings.agents {
        if let Some(who) = wanted.get(name) {
            let subject = Subject { name, record, house: ground.house, repo };
            found.extend(check::all(&subject, who).await.into_iter().map(Checked::from));
        } else if library.has_program(&record.command) {
            spare.push(name.as_str());
        } else {
            absent.push(name.as_str());
        }
    }
    for (what, names) in [("installed, and not needed", spare), ("not installed, and not needed", absent)] {
        if !names.is_empty() {
            found.push(Finding::ok("agents", format!("{what}: {}", names.join(", "))).into());
        }
    }
    for (name, who) in wanted.iter().filter(|(name, _)| !settings.agents.contains_key(*name)) {
        let known: Vec<&str> = settings.agents.keys().map(AgentName::as_str).collect();
        let fix = format!("name one of {}, or add it to the settings", known.join(", "));
        let text = format!("there is no agent `{name}`, needed by {}", check::listed(who));
        found.push(Finding::fail("agents", text, fix).into());
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
