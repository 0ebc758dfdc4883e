//! What the settings say that decisions go by. The journal keeps it beside each step, so that the same is decided again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent_run::Face;
use super::budget::{Budget, Prices};
use super::ids::AgentName;
use super::night::Night;
use super::permission::PermissionRule;

/// The rules of the house.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rules {
    /// The agent of phases, tickets and plans that name none; `None` where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_agent: Option<AgentName>,
    /// The agents that work instead while the account of the one that should is held back for long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instead: Vec<AgentName>,
    /// What holds for each agent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<AgentName, AgentRules>,
    /// Seconds an agent may be silent where its phase does not say; `None` means as long as it likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stall_seconds: Option<u64>,
    /// Seconds an agent may work without a result where its phase does not say; `None` means as long as it likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_seconds: Option<u64>,
    /// What agents may do without asking a person, or never.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionRule>,
    /// What all agents together may use up in any so many hours; `None` means as much as they like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Window>,
    /// When work starts by itself; `None` means at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub night: Option<Night>,
    /// What tokens cost where an agent does not say.
    #[serde(skip_serializing_if = "Prices::is_empty")]
    pub prices: Prices,
    /// How many tickets may wait for a person until none is begun any more; `None` means any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wip_limit: Option<u32>,
    /// How much may be at work at the same time of one agent, one account or one repository.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
}

/// How much may be at work at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cap {
    /// Of what.
    pub of: Capped,
    /// Its name, with `*` for any text: then each that fits has as many places.
    pub name: String,
    /// How many tickets, at least 1.
    pub most: u32,
}

/// What may be capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Capped {
    /// An agent.
    Agent,
    /// An account, which several agents may work on.
    Account,
    /// A repository, by its absolute path.
    Repository,
}

impl Cap {
    /// Returns whether it is about what is called so.
    pub fn fits(&self, name: &str) -> bool {
        super::pattern::fits(&self.name, name)
    }
}

impl Capped {
    /// Returns what people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Account => "account",
            Self::Repository => "repository",
        }
    }
}

/// What holds for one agent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentRules {
    /// The account it works on; agents of one account wait together.
    pub account: String,
    /// The model it works with where its phase names none and it does not say; `None` where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What it may do without asking a person, or never.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionRule>,
    /// The faces it has.
    #[serde(skip_serializing_if = "Faces::is_unknown")]
    pub faces: Faces,
}

/// How an agent can meet people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Faces {
    /// The one it wears where neither phase nor ticket asks for another; `None` means the first it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Face>,
    /// Whether aotui can drive it without a screen of its own; `None` where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headless: Option<TakesUp>,
    /// Whether something is known of its own screen; `None` where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<TakesUp>,
}

/// Whether an agent can take a conversation up with one of its faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakesUp {
    /// It begins a new one each time.
    Never,
    /// It goes on where it was left.
    Conversations,
}

impl Faces {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the face it wears where this one is asked for, else the one it likes; an agent without that face wears the
    /// other. `None` means that it runs in a terminal as it comes.
    pub fn worn(&self, asked: Option<Face>) -> Option<Face> {
        match (asked.or(self.preferred), self.headless, self.terminal) {
            (Some(Face::Terminal), _, Some(_)) | (_, None, Some(_)) => Some(Face::Terminal),
            (Some(Face::Terminal), _, None) | (_, None, None) => None,
            (_, Some(_), _) => Some(Face::Headless),
        }
    }
}

/// A budget for any stretch of time that is so long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// How much.
    pub budget: Budget,
    /// How long, in hours.
    pub hours: u32,
}

impl Rules {
    /// Returns the model an agent worked with: the one it named, else the one it is set to; `None` where neither is known.
    pub fn model<'a>(&'a self, agent: Option<&AgentName>, named: Option<&'a str>) -> Option<&'a str> {
        let agent = agent.or(self.default_agent.as_ref());
        named.or_else(|| self.agents.get(agent?)?.model.as_deref())
    }

    /// Returns the account an agent works on; `None` for `agent` means the default one.
    pub fn account<'a>(&'a self, agent: Option<&'a AgentName>) -> &'a str {
        let Some(name) = agent.or(self.default_agent.as_ref()) else { return "the default agent" };
        match self.agents.get(name) {
            Some(rules) if !rules.account.is_empty() => &rules.account,
            _ => name.as_str(),
        }
    }
}
